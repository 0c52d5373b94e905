package main

import (
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"weir/internal/audit"
	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

const gateDocs = "../../docs/gateway.md"

// TestGateDocs: every key of gate.yaml stands in the documentation, and the configurations that it shows can be read.
func TestGateDocs(t *testing.T) {
	text, err := os.ReadFile(gateDocs)
	if err != nil {
		t.Fatal(err)
	}
	keys(reflect.TypeFor[gateFile](), "", func(path string) {
		if !strings.Contains(string(text), path) {
			t.Errorf("%s does not mention the key %s", gateDocs, path)
		}
	})
	read := 0
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		if !strings.HasPrefix(m[1], "listen:") && !strings.HasPrefix(m[1], "auth:") {
			continue // a file for Compose or Kubernetes
		}
		read++
		file := filepath.Join(t.TempDir(), "gate.yaml")
		if err := os.WriteFile(file, []byte(m[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := readGateFile(file)
		if err != nil {
			t.Errorf("%v in\n%s", err, m[1])
			continue
		}
		for _, u := range f.Upstreams {
			u.Credential, u.CA, u.Signers = credentialFile{}, "", nil // files that the example names
			if up, err := u.upstream(); err != nil {
				t.Errorf("%v in\n%s", err, m[1])
			} else if err := stand(up); err != nil {
				t.Errorf("%v in\n%s", err, m[1])
			}
		}
	}
	if read < 2 {
		t.Errorf("only %d configurations were found in %s", read, gateDocs)
	}
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for _, doc := range strings.Split(m[1], "\n---\n") {
			var v any
			if err := yaml.Load([]byte(doc), &v); err != nil {
				t.Errorf("%v in\n%s", err, doc)
			}
		}
	}
}

// keys calls each with the last part of every key below a struct: those of the top and of upstreams with their place.
func keys(t reflect.Type, above string, each func(string)) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.PkgPath() == "net/netip" || t.PkgPath() == "time" {
		return
	}
	for i := range t.NumField() {
		f := t.Field(i)
		tag := strings.Split(f.Tag.Get("yaml"), ",")[0]
		if tag == "" || tag == "-" {
			continue
		}
		each(tag)
		keys(f.Type, above+tag+".", each)
	}
}

// stand puts a gate before one server that is never asked.
func stand(u *gateway.Upstream) error {
	_, err := gateway.New(gateway.Config{
		Upstreams: []*gateway.Upstream{u},
		Identify:  func(*http.Request, *wire.Request) (auth.Principal, error) { return auth.Principal{}, nil },
		Decide:    func(auth.Principal, auth.Action, auth.Resource) auth.Decision { return auth.Decision{} },
		Record:    func(audit.Record) error { return nil },
	})
	return err
}

// TestGateKinds: every table can be used: no route that needs an account lacks an action. The names under which kinds are listed are their own, and the
// documentation has them and every name that opens or switches something.
func TestGateKinds(t *testing.T) {
	text, err := os.ReadFile(gateDocs)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range gateKinds() {
		if got := k.make(); got.Name != k.name || got.Doc == "" {
			t.Errorf("kind %q says that it is %q, %q", k.name, got.Name, got.Doc)
		}
		if !strings.Contains(string(text), "| `"+k.name+"` |") {
			t.Errorf("%s has no row for the kind %s", gateDocs, k.name)
		}
		u, err := (&upstreamFile{Kind: k.name, To: "http://127.0.0.1:1"}).upstream()
		if err != nil {
			t.Fatal(err)
		}
		if err := stand(u); err != nil {
			t.Error(err)
		}
		for _, name := range slices.Concat(u.Kind.Allow, u.Kind.Switch) {
			if !strings.Contains(string(text), "`"+name+"`") {
				t.Errorf("%s does not tell what %q of %s opens", gateDocs, name, k.name)
			}
		}
		u.On = map[string]bool{"no-such-switch": true}
		if stand(u) == nil {
			t.Errorf("%s takes a switch that nothing asks for", k.name)
		}
	}
}
