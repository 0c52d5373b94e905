package attack

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/gateway/gatetest"
)

func TestMain(m *testing.M) { os.Exit(gatetest.Main(m)) }

// installed are the releases that setup.sh ci installs; with WEIR_GATE_ALL=1, which `make matrix` sets, every release of every attack runs.
var installed = []string{"new", "2.9.2", "2.16.2", "3.46.0.12", "3.46.0.4"}

// all are both suites.
func all() []*Attack { return append(MLflow(), H2O()...) }

// group is what one server is attacked with.
type group struct {
	kind, version, setting string
	attacks                []*Attack
}

// groups puts the attacks together that one server can take: each at the first release of its own that is installed, or at all of them.
func groups() []group {
	var out []group
	every := os.Getenv("WEIR_GATE_ALL") != ""
	for _, a := range all() {
		done := false
		for _, v := range a.Works {
			if !every && (done || !slices.Contains(installed, v)) {
				continue
			}
			done = true
			kind, _, _ := strings.Cut(a.ID, "/")
			i := slices.IndexFunc(out, func(g group) bool { return g.kind == kind && g.version == v && g.setting == a.Server })
			if i < 0 {
				i, out = len(out), append(out, group{kind: kind, version: v, setting: a.Server})
			}
			out[i].attacks = append(out[i].attacks, a)
		}
	}
	slices.SortStableFunc(out, func(a, b group) int { return strings.Compare(a.kind+a.version+a.setting, b.kind+b.version+b.setting) })
	return out
}

func TestSuiteIsWellFormed(t *testing.T) {
	seen := map[string]bool{}
	known := []string{"nonce", "secret", "secret-dir", "secret-name", "secret-file", "canary-dir", "canary-name", "canary-file", "prey-dir", "prey-name", "prey-file",
		"up", "listener", "host", "server-dir"}
	for _, a := range all() {
		if seen[a.ID] {
			t.Errorf("%s stands twice", a.ID)
		}
		seen[a.ID] = true
		if a.Doc == "" || len(a.Works) == 0 || len(a.Steps) == 0 || strings.Contains(a.ID, " ") {
			t.Errorf("%s lacks what it does, where it works, or its steps", a.ID)
		}
		if _, ok := Servers[a.Server]; !ok {
			t.Errorf("%s wants a server %q that nobody can start", a.ID, a.Server)
		}
		p := a.Proof
		if p.Answer == "" && p.File == "" && p.Gone == "" && p.Heard == "" && p.Probe == nil && !p.Inline && !p.Down {
			t.Errorf("%s has no proof", a.ID)
		}
		if p.Probe != nil && (p.Shows == "") == (p.Hides == "") {
			t.Errorf("%s: a probe shows or hides something", a.ID)
		}
		names := slices.Clone(known)
		for _, s := range a.Steps {
			for k := range s.Save {
				names = append(names, k)
			}
		}
		for _, s := range a.Steps {
			for _, m := range variable.FindAllStringSubmatch(s.Request+string(s.Body)+s.Browse+s.Load+s.WaitHeard, -1) {
				if !slices.Contains(names, m[1]) {
					t.Errorf("%s uses ${%s}, which nothing sets", a.ID, m[1])
				}
			}
		}
	}
	if n := len(MLflow()); n < 45 {
		t.Errorf("there are %d attacks against MLflow, want 45", n)
	}
}

// start runs the server of a group and makes the target that stands for attacking it bare.
func start(t *testing.T, g group) *Target {
	t.Helper()
	setting := Servers[g.setting]
	target := &Target{Alive: "/health", Browse: browse}
	if strings.Contains(strings.Join(setting.Env, " "), "${listener}") {
		l, err := Listen()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		target.Listener = l
	}
	dir, err := os.MkdirTemp("", "weir-attacked-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	// Dot segments lead out of a folder only once it is there, as it is on every server that was ever used.
	if err := os.Mkdir(filepath.Join(dir, "artifacts"), 0o755); err != nil {
		t.Fatal(err)
	}
	fill := func(s []string) []string {
		var out []string
		for _, a := range s {
			a = strings.ReplaceAll(a, "${dir}", dir)
			if target.Listener != nil {
				a = strings.ReplaceAll(a, "${listener}", target.Listener.Addr)
			}
			out = append(out, a)
		}
		return out
	}
	env := append(fill(setting.Env), "MLFLOW_CRYPTO_KEK_PASSPHRASE=only-for-this-test-0123456789", "MLFLOW_FLASK_SERVER_SECRET_KEY=only-for-this-test")
	if setting.Auth {
		ini := filepath.Join(dir, "auth.ini")
		if err := os.WriteFile(ini, []byte("[mlflow]\ndefault_permission = NO_PERMISSIONS\ndatabase_uri = sqlite:///"+dir+"/auth.db\nadmin_username = admin\nadmin_password = "+
			adminPassword+"\nauthorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		env = append(env, "MLFLOW_AUTH_CONFIG_PATH="+ini)
	}
	opts := []gatetest.Option{gatetest.Dir(dir), gatetest.Args(fill(setting.Args)...), gatetest.Env(env...)}
	var s *gatetest.Server
	if g.kind == "h2o" {
		s = gatetest.H2O(t, g.version, opts...)
		target.Alive = "/3/Cloud"
	} else {
		s = gatetest.MLflow(t, g.version, opts...)
		target.Load = loader(t, g.version, s.URL)
	}
	target.URL, target.Server, target.Dir = s.URL, s.URL, s.Dir
	if setting.Auth {
		target.Admin, target.Auth = basic("admin", adminPassword), basic("scientist", "scientist-password")
		createUser(t, target)
	}
	return target
}

const adminPassword = "only-for-this-test"

func basic(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

func createUser(t *testing.T, target *Target) {
	t.Helper()
	r, err := http.NewRequest("POST", target.Server+"/api/2.0/mlflow/users/create", strings.NewReader(`{"username": "scientist", "password": "scientist-password"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", target.Admin)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != 200 {
		t.Fatalf("the server's own account could not be made: %s", answer.Status)
	}
}

// browse opens a page in Chromium until its scripts have had a few seconds.
func browse(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	profile, err := os.MkdirTemp("", "weir-browser-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(profile)
	out, err := exec.CommandContext(ctx, "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+profile,
		"--virtual-time-budget=15000", "--dump-dom", url).CombinedOutput()
	if err != nil {
		return fmt.Errorf("chromium (testdata/gate/setup.sh installs it): %w: %.500s", err, out)
	}
	return nil
}

// loader loads models with the real client of the server's own release.
func loader(t *testing.T, version, server string) func(context.Context, string, string) {
	python, err := gatetest.Interpreter("gate-mlflow-" + version)
	if err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context, model, dir string) {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, python, "-W", "ignore", "-c", "import sys, mlflow; mlflow.pyfunc.load_model(sys.argv[1])", model)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "MLFLOW_TRACKING_URI="+server, "GIT_PYTHON_REFRESH=quiet", "HOME="+dir, "DO_NOT_TRACK=true")
		out, err := cmd.CombinedOutput()
		t.Logf("the victim's client: %v\n%.1500s", err, out)
	}
}

// TestBare runs every attack against its server without a gate: each must work, or it proves nothing about the gate.
func TestBare(t *testing.T) {
	for _, g := range groups() {
		t.Run(g.kind+"-"+g.version+"-"+g.setting, func(parent *testing.T) {
			var target *Target
			for _, a := range g.attacks {
				parent.Run(strings.ReplaceAll(a.ID, "/", "-"), func(t *testing.T) {
					if target == nil {
						target = start(parent, g)
					}
					r, err := Run(t.Context(), a, target)
					if err != nil {
						t.Fatal(err)
					}
					if !r.Worked {
						t.Errorf("does not work bare: %s\n%+v", r.Why, r)
					}
				})
			}
		})
	}
}
