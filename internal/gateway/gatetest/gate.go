package gatetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Gate is a running `weir gate`: the real program, with accounts.
type Gate struct {
	*Server
	Config   string // its gate.yaml
	Data     string // its folder: accounts, quarantine, audit log
	Binary   string
	Accounts map[string]Account
}

// Account is one of a gate's accounts, made by the gate's own commands.
type Account struct {
	Name     string
	Role     string // empty: none
	Pattern  string // the role is for things with such names only; empty: for everything
	Password string // filled in
	Token    string // filled in
}

// Bearer is the Authorization header of an account's token.
func (a Account) Bearer() string { return "Bearer " + a.Token }

// Upstream is what a gate stands before.
type Upstream struct {
	Name     string
	Kind     string // mlflow, h2o, …
	URL      string
	Prefix   string
	Allow    map[string][]string
	Switch   []string
	Routes   []string // further lines of the route table
	Username string   // the credential that the server wants; empty: none
	Password string
}

// Of makes the upstream of a server.
func (s *Server) Of(kind string) Upstream { return Upstream{Name: kind, Kind: kind, URL: s.URL} }

// Plan says how a gate is started.
type Plan struct {
	Tags     []string       // build tags: "generalrules"
	Accounts []Account      // nil: admin, maintainer and viewer for everything, and scientist for things called lab-*
	More     map[string]any // further keys of gate.yaml, laid over the others
	Dir      string         // go on with a folder of an earlier gate; empty: a new one
}

// NewGate starts the gate before servers, for one test: the program built once, its accounts made by its own commands.
func NewGate(t testing.TB, plan Plan, upstreams ...Upstream) *Gate {
	t.Helper()
	g, err := StartGate(plan, upstreams...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of what the gate printed:\n%s", g.Tail(6000))
		}
		g.Stop()
		if plan.Dir == "" {
			os.RemoveAll(g.Dir)
		}
	})
	return g
}

// StartGate is [NewGate] without a test; the caller stops the gate and removes its folder.
func StartGate(plan Plan, upstreams ...Upstream) (*Gate, error) {
	binary, err := Binary(plan.Tags...)
	if err != nil {
		return nil, err
	}
	dir := plan.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "gatetest-gate-"); err != nil {
			return nil, err
		}
	}
	g := &Gate{Config: filepath.Join(dir, "gate.yaml"), Data: filepath.Join(dir, "data"), Binary: binary, Accounts: map[string]Account{}}
	accounts := plan.Accounts
	if accounts == nil {
		accounts = []Account{{Name: "maintainer", Role: "maintainer"}, {Name: "viewer", Role: "viewer"}, {Name: "scientist", Role: "scientist", Pattern: "lab-*"}}
	}
	if err := g.configure(dir, plan, upstreams); err != nil {
		return nil, err
	}
	// The gate makes its first account itself; the commands come after that, as at a real place.
	password := filepath.Join(dir, "admin-password")
	if err := os.WriteFile(password, []byte("the password of this test"), 0o600); err != nil {
		return nil, err
	}
	g.Server, err = start("", "/healthz", []Option{Dir(dir)}, func(s *Server, _ *settings) *exec.Cmd {
		return exec.Command(binary, "gate", "--config", g.Config, "--listen", fmt.Sprintf("127.0.0.1:%d", s.Port), "--admin-password-file", password)
	})
	if err != nil {
		return nil, err
	}
	for _, a := range append([]Account{{Name: "admin", Password: "the password of this test"}}, accounts...) {
		if err := g.account(a); err != nil {
			g.Stop()
			return nil, err
		}
	}
	return g, nil
}

// configure writes gate.yaml. Limits are wide: a suite is no client that should be slowed down.
func (g *Gate) configure(dir string, plan Plan, upstreams []Upstream) error {
	free := map[string]any{"per-second": -1, "burst": 1}
	file := map[string]any{"data": "data", "auth": map[string]any{"limits": map[string]any{"account": free, "address": free, "wrong": free}}}
	var list []any
	for i, u := range upstreams {
		m := map[string]any{"name": u.Name, "kind": u.Kind, "to": u.URL}
		if u.Prefix != "" {
			m["prefix"] = u.Prefix
		}
		if u.Allow != nil {
			m["allow"] = u.Allow
		}
		if u.Switch != nil {
			m["switch"] = u.Switch
		}
		if u.Routes != nil {
			m["routes"] = u.Routes
		}
		if u.Username != "" {
			secret := filepath.Join(dir, fmt.Sprintf("credential-%d", i))
			if err := os.WriteFile(secret, []byte(u.Password), 0o600); err != nil {
				return err
			}
			m["credential"] = map[string]any{"username": u.Username, "password-file": secret}
		}
		list = append(list, m)
	}
	file["upstreams"] = list
	for k, v := range plan.More {
		file[k] = v
	}
	text, err := json.Marshal(file) // which is YAML too
	if err != nil {
		return err
	}
	return os.WriteFile(g.Config, text, 0o600)
}

// account makes an account, its role and a token.
func (g *Gate) account(a Account) error {
	if a.Name != "admin" {
		a.Password = "the password of " + a.Name
		file := filepath.Join(g.Dir, "password-"+a.Name)
		if err := os.WriteFile(file, []byte(a.Password), 0o600); err != nil {
			return err
		}
		if _, err := g.Run("user", "add", a.Name, "--password-file", file); err != nil {
			return err
		}
		if a.Role != "" {
			args := []string{"role", "add", a.Name, a.Role}
			if a.Pattern != "" {
				args = append(args, "--name", a.Pattern)
			}
			if _, err := g.Run(args...); err != nil {
				return err
			}
		}
	}
	token, err := g.Run("token", "add", a.Name)
	if err != nil {
		return err
	}
	a.Token = strings.TrimSpace(token)
	g.Accounts[a.Name] = a
	return nil
}

// Run runs a command of the gate, as its administrator does: Run("user", "list"). It gives what was printed.
func (g *Gate) Run(args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(g.Binary, append(append([]string{"gate"}, args...), "--config", g.Config)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("weir gate %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

var (
	buildLock sync.Mutex
	built     = map[string]string{}
)

// Binary builds cmd/weir with build tags, once per test binary, and gives its path. It is removed by [Main].
func Binary(tags ...string) (string, error) {
	buildLock.Lock()
	defer buildLock.Unlock()
	key := strings.Join(tags, ",")
	if b := built[key]; b != "" {
		return b, nil
	}
	dir, err := removeAtEnd()
	if err != nil {
		return "", err
	}
	b := filepath.Join(dir, "weir")
	cmd := exec.Command("go", "build", "-tags", key, "-o", b, "./cmd/weir")
	cmd.Dir = Root()
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("gatetest: cmd/weir does not build: %w\n%s", err, out)
	}
	built[key] = b
	return b, nil
}
