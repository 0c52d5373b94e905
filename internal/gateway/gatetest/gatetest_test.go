package gatetest

import (
	"io"
	"net/http"
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
