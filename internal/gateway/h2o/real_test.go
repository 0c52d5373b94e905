package h2o_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"weir/internal/gateway/gatetest"
)

func TestMain(m *testing.M) { os.Exit(gatetest.Main(m)) }

// real are the releases that these tests run on.
var real = []string{"3.46.0.12", "3.46.0.4"}

// house is a real server with the gate before it. ann and bob are scientists for what is called shared-*, so that what they do rests on who made
// what; the roots are open to both.
type house struct {
	*gatetest.Gate
	server  *gatetest.Server
	in, out string
}

func newHouse(t *testing.T, version string) *house {
	t.Helper()
	h := &house{server: gatetest.Shared(t, "h2o", version), in: t.TempDir(), out: t.TempDir()}
	up := h.server.Of("h2o")
	up.Allow = map[string][]string{"import-roots": {h.in, h.out}, "export-roots": {h.out}}
	h.Gate = gatetest.NewGate(t, gatetest.Plan{Accounts: []gatetest.Account{
		{Name: "ann", Role: "scientist", Pattern: "shared-*"}, {Name: "bob", Role: "scientist", Pattern: "shared-*"},
	}}, up)
	for _, who := range []string{"ann", "bob"} {
		for _, kind := range []string{"import-path", "export-path"} {
			if out, err := h.Run("role", "add", who, "scientist", "--type", kind); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
	}
	h.clear(t)
	return h
}

// clear empties the server, past the gate.
func (h *house) clear(t *testing.T) {
	t.Helper()
	r, err := http.NewRequest(http.MethodDelete, h.server.URL+"/3/DKV", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	for _, dir := range []string{h.in, h.out} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// python runs a script of testdata with the real client.
func (h *house) python(t *testing.T, script string, env ...string) map[string]json.RawMessage {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", script))
	if err != nil {
		t.Fatal(err)
	}
	env = append(env, "IN="+h.in, "OUT="+h.out, "VERSION="+h.server.Version)
	got := map[string]json.RawMessage{}
	for _, line := range strings.Split(gatetest.Python(t, "h2o-"+h.server.Version, string(text), env...), "\n") {
		text, ok := strings.CutPrefix(line, "FLOW ")
		if !ok {
			continue
		}
		var f struct{ Name string }
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		got[f.Name] = json.RawMessage(text)
	}
	return got
}

// older are the flows that the older release runs when not every release runs all: it is the one that still makes MOJOs.
const older = "mojo_out_and_in upload_csv gradient_boosting save_and_load_model download_and_upload_model export_frame"

// TestFlows: everyday work with the unmodified client gives the same through the gate as without it, field by field.
func TestFlows(t *testing.T) {
	for _, version := range real {
		t.Run(version, func(t *testing.T) {
			h := newHouse(t, version)
			only, least := "ONLY=", 34
			if version != real[0] && os.Getenv("WEIR_GATE_ALL") == "" {
				only, least = "ONLY="+older, len(strings.Fields(older))
			}
			want := h.python(t, "flows.py", "URL="+h.server.URL, "AUTH=", only)
			h.clear(t)
			got := h.python(t, "flows.py", "URL="+h.URL, "AUTH=ann:"+h.Accounts["ann"].Token, only)
			if len(want) < least {
				t.Fatalf("only %d flows ran", len(want))
			}
			equal := 0
			for name, w := range want {
				var a, b map[string]any
				if json.Unmarshal(w, &a) != nil || json.Unmarshal(got[name], &b) != nil {
					t.Errorf("%s: without the gate %s, through it %s", name, w, got[name])
					continue
				}
				switch {
				case a["error"] != nil:
					t.Errorf("%s fails without the gate: %s", name, w)
				case !reflect.DeepEqual(a, b):
					t.Errorf("%s differs:\nwithout the gate %s\nthrough it       %s", name, w, got[name])
				default:
					equal++
				}
			}
			t.Logf("%d of %d flows are equal on H2O %s", equal, len(want), version)
		})
	}
}

// TestTableIsComplete asks real servers for their routes and parameters, and fails when the table does not know one.
func TestTableIsComplete(t *testing.T) {
	table, err := os.ReadFile("table.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, line := range strings.Split(string(table), "\n") {
		for i, w := range strings.Fields(line) {
			known[strings.Fields(line)[0]+" "+w] = true
			if i == 2 {
				known[line] = true
			}
		}
	}
	script := filepath.Join(gatetest.Root(), "testdata", "gate", "h2o", "table.py")
	for _, version := range real {
		out, err := exec.Command("python3", script, gatetest.Shared(t, "h2o", version).URL).Output()
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if len(lines) < 380 {
			t.Fatalf("H2O %s told %d lines", version, len(lines))
		}
		for _, line := range lines {
			words := strings.Fields(line)
			if len(words) < 2 {
				continue // a schema without fields
			}
			if strings.HasPrefix(words[1], "/") {
				if !known[line] {
					t.Errorf("H2O %s has a route that the table does not know: %s", version, line)
				}
				continue
			}
			for _, w := range words[1:] {
				if !known[words[0]+" "+w] && !known["Builder "+w] {
					t.Errorf("H2O %s has a parameter that the table does not know: %s %s", version, words[0], w)
				}
			}
		}
	}
}

// TestFunctionsAreComplete asks real servers for their functions of Rapids.
func TestFunctionsAreComplete(t *testing.T) {
	b, err := os.ReadFile("testdata/functions.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := "\n" + string(b)
	for _, version := range real {
		jars, err := filepath.Glob(filepath.Join(gatetest.Root(), ".cache", "venv", "h2o-"+version, "lib", "python3*", "site-packages", "h2o", "backend", "bin", "h2o.jar"))
		if err != nil || len(jars) == 0 {
			t.Fatalf("H2O %s is not installed: run testdata/gate/setup.sh ci", version)
		}
		source := filepath.Join(gatetest.Root(), "testdata", "gate", "h2o", "Functions.java")
		out, err := exec.Command("java", "-Xmx300m", "--add-opens", "java.base/java.lang=ALL-UNNAMED", "-cp", jars[0], source).Output()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, line := range strings.Split(string(out), "\n") {
			if f, ok := strings.CutPrefix(line, "rapids\t"); ok {
				n++
				if !strings.Contains(known, "\n"+f+"\n") {
					t.Errorf("H2O %s has a function that nobody judged: %s", version, f)
				}
			}
		}
		if n < 200 {
			t.Errorf("H2O %s told %d functions", version, n)
		}
	}
}
