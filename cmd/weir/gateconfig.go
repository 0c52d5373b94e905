package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"weir/internal/attest"
	"weir/internal/auth"
	"weir/internal/gateway"
)

// gateFile is a gate.yaml. docs/gateway.md describes each key.
type gateFile struct {
	Listen    string         `yaml:"listen"`
	Data      string         `yaml:"data"`
	Hosts     []string       `yaml:"hosts"`
	Origins   []string       `yaml:"origins"`
	Observe   bool           `yaml:"observe"`
	Metrics   string         `yaml:"metrics"`
	TLS       tlsFile        `yaml:"tls"`
	Auth      auth.Config    `yaml:"auth"`
	Audit     auditFile      `yaml:"audit"`
	OTLP      otlpFile       `yaml:"otlp"`
	Quota     quotaFile      `yaml:"quota"`
	Upstreams []upstreamFile `yaml:"upstreams"`

	name string // for errors; empty: made from flags
}

// tlsFile names PEM files. They are read again when they change.
type tlsFile struct {
	Cert     string `yaml:"cert"`
	Key      string `yaml:"key"`
	ClientCA string `yaml:"client-ca"`
}

// upstreamFile is one protected server.
type upstreamFile struct {
	Name       string              `yaml:"name"`
	Kind       string              `yaml:"kind"`
	To         string              `yaml:"to"`
	Host       string              `yaml:"host"`
	Prefix     string              `yaml:"prefix"`
	Credential credentialFile      `yaml:"credential"`
	CA         string              `yaml:"ca"`
	Timeout    time.Duration       `yaml:"timeout"`
	Allow      map[string][]string `yaml:"allow"`
	Switch     []string            `yaml:"switch"`
	Routes     []string            `yaml:"routes"`
	FailOpen   []string            `yaml:"fail-open"`
	Signers    []string            `yaml:"signers"`
}

// credentialFile is what the gate shows to the server. Secrets stand in files, not here.
type credentialFile struct {
	BearerFile   string `yaml:"bearer-file"`
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password-file"`
}

// readGateFile reads a gate.yaml. Every error names its place.
func readGateFile(name string) (*gateFile, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, cannotRead("configuration", name, err)
	}
	f := &gateFile{name: name}
	if err := yaml.Load(text, f, yaml.WithKnownFields()); err != nil {
		return nil, (&configFile{name: name}).syntax(err)
	}
	// Files that it names lie beside it.
	dir := filepath.Dir(name)
	for _, p := range []*string{&f.Data, &f.TLS.Cert, &f.TLS.Key, &f.TLS.ClientCA, &f.Audit.Dir} {
		*p = beside(dir, *p)
	}
	for i := range f.Auth.Policies {
		f.Auth.Policies[i] = beside(dir, f.Auth.Policies[i])
	}
	for i := range f.Auth.OIDC {
		o := &f.Auth.OIDC[i]
		o.SecretFile, o.CA = beside(dir, o.SecretFile), beside(dir, o.CA)
	}
	for i := range f.Upstreams {
		u := &f.Upstreams[i]
		for _, p := range []*string{&u.CA, &u.Credential.BearerFile, &u.Credential.PasswordFile} {
			*p = beside(dir, *p)
		}
		for j := range u.Signers {
			u.Signers[j] = beside(dir, u.Signers[j])
		}
	}
	return f, nil
}

func beside(dir, file string) string {
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(dir, file)
}

func (f *gateFile) errorf(format string, args ...any) error {
	where := f.name
	if where == "" {
		where = "flags"
	}
	return misconfigured(where, fmt.Errorf(format, args...))
}

// upstreams makes what the gate stands before.
func (f *gateFile) upstreams() ([]*gateway.Upstream, error) {
	if len(f.Upstreams) == 0 {
		return nil, f.errorf("there is no upstream: a gate needs a server to stand before")
	}
	var list []*gateway.Upstream
	for i := range f.Upstreams {
		u, err := f.Upstreams[i].upstream()
		if err != nil {
			return nil, f.errorf("upstreams: %q: %w", f.Upstreams[i].Name, err)
		}
		list = append(list, u)
	}
	return list, nil
}

func (f *upstreamFile) upstream() (*gateway.Upstream, error) {
	u := &gateway.Upstream{
		Name: f.Name, Host: strings.ToLower(f.Host), Prefix: f.Prefix, Allow: f.Allow, On: map[string]bool{}, FailOpen: map[string]bool{}, Timeout: f.Timeout,
	}
	for _, k := range gateKinds() {
		if k.name == f.Kind {
			u.Kind = k.make()
		}
	}
	if u.Kind == nil {
		return nil, fmt.Errorf("kind %q is none of %s", f.Kind, kindNames())
	}
	if u.Name == "" {
		u.Name = f.Kind
	}
	var err error
	if u.To, err = url.Parse(f.To); err != nil || u.To.Host == "" || u.To.User != nil || u.To.RawQuery != "" || u.To.Fragment != "" {
		return nil, fmt.Errorf("to: %q is no address such as http://127.0.0.1:5000", f.To)
	}
	for _, s := range f.Switch {
		u.On[s] = true
	}
	for _, s := range f.FailOpen {
		u.FailOpen[s] = true
	}
	for _, line := range f.Routes {
		r, err := routeLine(line)
		if err != nil {
			return nil, err
		}
		u.Routes = append(u.Routes, r)
	}
	for _, name := range f.Signers {
		pem, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("signers: %q cannot be read: %w", name, bare(err))
		}
		key, err := attest.ParseKey(filepath.Base(name), pem)
		if err != nil {
			return nil, fmt.Errorf("signers: %w", err)
		}
		u.Signers = append(u.Signers, key)
	}
	if u.Credential, err = f.Credential.read(); err != nil {
		return nil, err
	}
	if f.CA != "" {
		pem, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, bare(err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca: %q holds no certificate in PEM form", f.CA)
		}
		u.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return u, nil
}

func (c credentialFile) read() (gateway.Credential, error) {
	if c.BearerFile != "" {
		b, err := secretFile(c.BearerFile)
		return gateway.Credential{Bearer: b}, err
	}
	if c.Username == "" {
		return gateway.Credential{}, nil
	}
	b, err := secretFile(c.PasswordFile)
	return gateway.Credential{User: c.Username, Password: b}, err
}

// secretFile reads a secret: one line of at most 4 KiB.
func secretFile(name string) (string, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("%q cannot be read: %w", name, bare(err))
	}
	s := strings.TrimRight(string(b), "\r\n")
	if s == "" || len(s) > 4096 || strings.ContainsAny(s, "\r\n\x00") {
		return "", fmt.Errorf("%q must hold one line, the secret", name)
	}
	return s, nil
}

var actions = []auth.Action{auth.Read, auth.Download, auth.Write, auth.Deploy, auth.Delete, auth.Manage, auth.Predict}

// routeLine reads a line such as "GET /custom/{name} read": a method, a path, an action, and perhaps a resource type.
func routeLine(line string) (gateway.Route, error) {
	parts := strings.Fields(line)
	if len(parts) < 3 || len(parts) > 4 || !strings.HasPrefix(parts[1], "/") {
		return gateway.Route{}, fmt.Errorf(`routes: %q is no line such as "GET /custom/{name} read"`, line)
	}
	r := gateway.Route{Method: parts[0], Path: parts[1], Action: auth.Action(parts[2]), Resource: "server", Query: []string{"*"}}
	if !slices.Contains(actions, r.Action) {
		return gateway.Route{}, fmt.Errorf("routes: %q: %q is no action", line, parts[2])
	}
	if len(parts) == 4 {
		r.Resource = parts[3]
	}
	switch r.Method {
	case "GET", "DELETE":
	case "POST", "PUT", "PATCH":
		r.Body = gateway.Stream
	default:
		return gateway.Route{}, fmt.Errorf("routes: %q: %q is none of GET, POST, PUT, PATCH, DELETE", line, r.Method)
	}
	return r, nil
}
