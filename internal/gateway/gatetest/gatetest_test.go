package gatetest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// TestServers starts one of each kind, asks it what it is, and sees that it is gone afterwards.
func TestServers(t *testing.T) {
	for _, c := range []struct {
		kind, version, ask, want string
	}{
		{"mlflow", "2.9.2", "/version", "2.9.2"},
		{"h2o", "3.46.0.12", "/3/Cloud", "3.46.0.12"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			var s *Server
			t.Run("run", func(t *testing.T) {
				if c.kind == "h2o" {
					s = H2O(t, c.version)
				} else {
					s = MLflow(t, c.version)
				}
				r, err := http.Get(s.URL + c.ask)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Body.Close()
				b, _ := io.ReadAll(r.Body)
				if !strings.Contains(string(b), c.want) {
					t.Errorf("%s answers %.300q, want %q in it", c.ask, b, c.want)
				}
			})
			if _, err := http.Get(s.URL); err == nil {
				t.Error("it still answers after the test that started it")
			}
			if _, err := os.Stat(s.Dir); err == nil {
				t.Error("its folder is still there")
			}
		})
	}
}

func TestMissingEnvironment(t *testing.T) {
	if _, err := StartMLflow("0.0.1"); err == nil || !strings.Contains(err.Error(), "setup.sh") {
		t.Errorf("a version that is not installed gives %v, want the command that installs it", err)
	}
}

// TestGate starts the gate before a server and asks with the accounts that it made.
func TestGate(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "gate" || password != "its own secret" {
			w.WriteHeader(http.StatusTeapot)
		}
		io.WriteString(w, "hello")
	}))
	defer up.Close()
	g := NewGate(t, Plan{}, Upstream{Name: "some", Kind: "generic", URL: up.URL, Routes: []string{"GET /hello read"}, Username: "gate", Password: "its own secret"})
	for who, want := range map[string]int{"": 401, "admin": 200, "viewer": 200, "scientist": 403} { // a scientist of lab-* may not read a server as a whole
		r, err := http.NewRequest("GET", g.URL+"/hello", nil)
		if err != nil {
			t.Fatal(err)
		}
		if who != "" {
			r.Header.Set("Authorization", g.Accounts[who].Bearer())
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%q is answered with %d, want %d", who, answer.StatusCode, want)
		}
	}
}
