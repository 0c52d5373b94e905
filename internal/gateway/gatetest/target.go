package gatetest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"weir/internal/gateway/attack"
)

// AdminPassword is that of the account "admin" of servers with a login of their own.
const AdminPassword = "only-for-this-test"

// StartTarget starts a server as a setting of [attack.Servers] wants it, and gives the target that stands for attacking it bare; stop ends it.
// Where it has a login of its own, the attacker has an ordinary account there.
func StartTarget(kind, version, setting string) (target *attack.Target, stop func(), err error) {
	how, ok := attack.Servers[setting]
	if !ok {
		return nil, nil, fmt.Errorf("gatetest: there is no setting %q", setting)
	}
	var ends []func()
	end := func() {
		for i := len(ends) - 1; i >= 0; i-- {
			ends[i]()
		}
	}
	defer func() {
		if err != nil {
			end()
		}
	}()
	target = &attack.Target{Alive: "/health", Browse: Browse}
	if strings.Contains(strings.Join(how.Env, " "), "${listener}") {
		if target.Listener, err = attack.Listen(); err != nil {
			return nil, nil, err
		}
		ends = append(ends, func() { target.Listener.Close() })
	}
	dir, err := os.MkdirTemp("", "gatetest-target-")
	if err != nil {
		return nil, nil, err
	}
	ends = append(ends, func() { os.RemoveAll(dir) })
	// Dot segments lead out of a folder only once it is there, as it is on every server that was ever used.
	if err := os.Mkdir(filepath.Join(dir, "artifacts"), 0o755); err != nil {
		return nil, nil, err
	}
	s, err := startHow(kind, version, how, dir, target)
	if err != nil {
		return nil, nil, err
	}
	ends = append(ends, s.Stop)
	target.URL, target.Server, target.Dir = s.URL, s.URL, s.Dir
	if how.Auth {
		target.Admin, target.Auth = attack.Basic("admin", AdminPassword), attack.Basic("scientist", "scientist-password")
		err = createScientist(target)
	}
	return target, end, err
}

func startHow(kind, version string, how attack.Setting, dir string, target *attack.Target) (*Server, error) {
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
	env := append(fill(how.Env), "MLFLOW_CRYPTO_KEK_PASSPHRASE=only-for-this-test-0123456789", "MLFLOW_FLASK_SERVER_SECRET_KEY=only-for-this-test")
	if how.Auth {
		ini := filepath.Join(dir, "auth.ini")
		text := "[mlflow]\ndefault_permission = NO_PERMISSIONS\ndatabase_uri = sqlite:///" + dir + "/auth.db\nadmin_username = admin\nadmin_password = " +
			AdminPassword + "\nauthorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
		if err := os.WriteFile(ini, []byte(text), 0o600); err != nil {
			return nil, err
		}
		env = append(env, "MLFLOW_AUTH_CONFIG_PATH="+ini)
	}
	opts := []Option{Dir(dir), Args(fill(how.Args)...), Env(env...)}
	if kind == "h2o" {
		target.Alive = "/3/Cloud"
		return StartH2O(version, opts...)
	}
	s, err := StartMLflow(version, opts...)
	if err == nil {
		target.Load, err = loader(version, s.URL)
	}
	return s, err
}

func createScientist(target *attack.Target) error {
	r, err := http.NewRequest("POST", target.Server+"/api/2.0/mlflow/users/create", strings.NewReader(`{"username": "scientist", "password": "scientist-password"}`))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", target.Admin)
	r.Header.Set("Content-Type", "application/json")
	answer, err := (&http.Client{Timeout: 2 * time.Minute}).Do(r)
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("gatetest: the server's own account could not be made: %s", answer.Status)
	}
	return nil
}

// Browse opens a page in Chromium, without a window, until its scripts have had fifteen seconds of its own clock.
func Browse(ctx context.Context, page string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	profile, err := os.MkdirTemp("", "gatetest-browser-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(profile)
	out, err := exec.CommandContext(ctx, "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+profile,
		"--virtual-time-budget=15000", "--dump-dom", page).CombinedOutput()
	if err != nil {
		return fmt.Errorf("chromium (testdata/gate/setup.sh installs it): %w: %.500s", err, out)
	}
	return nil
}

// loader loads models with the real client of the server's own release, in a folder, as somebody who suspects nothing.
func loader(version, server string) (func(ctx context.Context, model, dir string) error, error) {
	python, err := Interpreter("gate-mlflow-" + version)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, model, dir string) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, python, "-W", "ignore", "-c", "import sys, mlflow; mlflow.pyfunc.load_model(sys.argv[1])", model)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "MLFLOW_TRACKING_URI="+server, "GIT_PYTHON_REFRESH=quiet", "HOME="+dir, "DO_NOT_TRACK=true")
		err := cmd.Run()
		if e := (*exec.ExitError)(nil); errors.As(err, &e) && ctx.Err() == nil {
			return nil // what was loaded was no model: that does not matter here
		}
		return err
	}, nil
}
