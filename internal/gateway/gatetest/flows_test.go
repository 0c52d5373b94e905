package gatetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// flows runs testdata/gate/flows with the real MLflow client of a venv and gives the file with what the client was told.
func flows(t *testing.T, venv, uri, server string, env []string, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "results.json")
	python(t, venv, env, append([]string{"run.py", "--uri", uri, "--server", server, "--out", out}, args...)...)
	return out
}

// compareFlows says what differs, a line for each flow and field, and a last line with the numbers.
func compareFlows(t *testing.T, bare, gate, least string, args ...string) (said string, equal bool) {
	t.Helper()
	args = append([]string{filepath.Join(Root(), "testdata", "gate", "flows", "compare.py"), bare, gate, "--least", least}, args...)
	cmd := exec.CommandContext(t.Context(), "python3", args...)
	b, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("compare.py: %v\n%s", err, b)
	}
	return string(b), err == nil
}

func python(t *testing.T, venv string, env []string, args ...string) {
	t.Helper()
	program, err := Interpreter(venv)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = filepath.Join(Root(), "testdata", "gate", "flows")
	cmd.Env = append(append(os.Environ(), "HOME="+t.TempDir()), env...)
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Run(); err != nil {
		b := printed.Bytes()
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, b[max(0, len(b)-8000):])
	}
}

// serverVersion is what the newest server says that it is: the runner needs to know which flows it can answer.
func serverVersion(t *testing.T, s *Server) string {
	t.Helper()
	r, err := http.Get(s.URL + "/version")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(io.LimitReader(r.Body, 100))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestFlows lets the real client do everyday work, bare and through the gate, and compares what it was told, field by field. With WEIR_GATE_ALL the
// client of MLflow 2 does so too, and the flows that start processes of their own.
func TestFlows(t *testing.T) {
	s := Shared(t, "mlflow", "new")
	version := serverVersion(t, s)
	g := NewGate(t, Plan{}, s.Of("mlflow"))
	// An admin: webhooks and the registry of MCP servers are among the flows. The gate writes the account's name into runs.
	venvs, args := []string{"gate-flows-3"}, []string{"--user", "admin", "--one-process"}
	if os.Getenv("WEIR_GATE_ALL") != "" {
		venvs, args = append(venvs, "gate-flows-2"), args[:2]
	}
	for _, venv := range venvs {
		t.Run(venv, func(t *testing.T) {
			bare := flows(t, venv, s.URL, version, nil, args...)
			gated := flows(t, venv, g.URL, version, []string{"MLFLOW_TRACKING_TOKEN=" + g.Accounts["admin"].Token}, args...)
			said, equal := compareFlows(t, bare, gated, "60")
			if !equal { // a machine that is busy makes a flow late now and then: those that differ have one more try
				again := slices.Clone(args)
				names := regexp.MustCompile(`(?m)^([a-z0-9-]+): `).FindAllStringSubmatch(said, -1)
				for _, m := range names {
					again = append(again, "--only", m[1])
				}
				t.Log(said)
				bare = flows(t, venv, s.URL, version, nil, again...)
				gated = flows(t, venv, g.URL, version, []string{"MLFLOW_TRACKING_TOKEN=" + g.Accounts["admin"].Token}, again...)
				if said, equal := compareFlows(t, bare, gated, "1"); !equal || len(names) == 0 || len(names) > 10 {
					t.Error(said)
				}
			}
			t.Log(said[strings.LastIndexByte(strings.TrimSpace(said), '\n')+1:])
		})
	}
}

// denied are the flows that a scientist with a role for names may not do, each with what of it he may not.
var denied = map[string]string{
	"aliases":                   "only a deployer moves them",
	"artifacts-deleted":         "who made a run deletes it, but no single file of it",
	"artifacts-named-oddly":     "its experiment's name has a '/', which lab-* does not cover",
	"datasets-for-evaluation":   "a scientist deletes no data set",
	"experiments":               "it asks for an experiment of another name",
	"experiments-named-oddly":   "names with '/'",
	"mcp-servers":               "only an admin makes them",
	"prompts":                   "only a deployer moves their aliases",
	"runs-with-odd-values":      "its experiment's name has a '/'",
	"scorers-registered":        "the list asks for what goes on at the whole server",
	"stages":                    "only a deployer moves them",
	"traces-tagged-and-deleted": "a scientist deletes no traces",
	"versions-copied":           "only a deployer moves aliases",
	"webhooks":                  "only an admin makes them",
}

// TestFlowsOfAScientist lets somebody do the everyday work whose role is for things with certain names alone. What he may do must give what it gives
// bare; what he may not must end in MLflow's own error. Without WEIR_GATE_ALL some flows stand for all.
func TestFlowsOfAScientist(t *testing.T) {
	s := Shared(t, "mlflow", "new")
	version := serverVersion(t, s)
	label := "lab-" + strings.ToLower(rand.Text()[:6])
	g := NewGate(t, Plan{}, s.Of("mlflow"))
	args, least := []string{"--user", "scientist", "--one-process"}, "60"
	if os.Getenv("WEIR_GATE_ALL") == "" {
		least = "6"
		for _, name := range []string{"registered-models", "batches", "stages", "artifacts-from-memory", "experiments-search-and-pages", "webhooks"} {
			args = append(args, "--only", name)
		}
	}
	const venv = "gate-flows-3"
	bare := flows(t, venv, s.URL, version, nil, append(args, "--label", label+"b")...)
	gated := flows(t, venv, g.URL, version, []string{"MLFLOW_TRACKING_TOKEN=" + g.Accounts["scientist"].Token}, append(args, "--label", label+"g")...)
	said, equal := compareFlows(t, bare, gated, least, "--denied")
	if !equal {
		t.Error(said)
	}
	_, names, _ := strings.Cut(said, "\ndenied:")
	got := strings.Fields(names)
	for _, name := range got {
		if denied[name] == "" {
			t.Errorf("%s is denied, and nobody knows why", name)
		}
	}
	for name := range denied {
		if least == "60" && !slices.Contains(got, name) {
			t.Errorf("%s is not denied: %s", name, denied[name])
		}
	}
	if len(got) == 0 {
		t.Error("a scientist may do everything")
	}
	t.Log(said[strings.LastIndex(said[:len(said)-len(names)-9], "\n")+1:])
}

// TestFlowsCanFail puts proxies between client and server: one that changes nothing, through which all must be equal, and one with small faults of
// the kind that a gate might have, each of which the comparison must find in the flow that meets it, and nowhere else.
func TestFlowsCanFail(t *testing.T) {
	s := Shared(t, "mlflow", "new")
	version := serverVersion(t, s)
	to, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	const venv = "gate-flows-3"
	only := []string{"--only", "experiments-search-and-pages", "--only", "artifacts-from-memory", "--only", "metrics-not-finite", "--only", "registered-models",
		"--only", "rest-spellings-of-space", "--only", "rest-probes", "--only", "batches", "--only", "stages"}
	bare := flows(t, venv, s.URL, version, nil, only...)

	faithful := httptest.NewServer(httputil.NewSingleHostReverseProxy(to))
	defer faithful.Close()
	if said, equal := compareFlows(t, bare, flows(t, venv, faithful.URL, version, nil, only...), "8"); !equal {
		t.Errorf("a proxy that changes nothing is told to change something:\n%s", said)
	}

	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ModifyResponse = spoil
	careless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.RawQuery, "%2B") { // reads a name twice
			r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, "%2B", "+")
		}
		if strings.HasSuffix(r.URL.Path, "/transition-stage") { // forgets a route
			http.Error(w, `{"error_code": "ENDPOINT_NOT_FOUND", "message": "not in the table"}`, http.StatusNotFound)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer careless.Close()
	said, equal := compareFlows(t, bare, flows(t, venv, careless.URL, version, nil, only...), "8")
	if equal {
		t.Fatal("nothing is found of a proxy with faults")
	}
	for _, want := range []string{"experiments-search-and-pages: ", "artifacts-from-memory: ", "metrics-not-finite: ", "registered-models: ",
		"rest-spellings-of-space: ", "rest-probes: ", "stages: "} {
		if !strings.Contains(said, want) {
			t.Errorf("the fault that %s meets was not found:\n%s", want, said)
		}
	}
	if strings.Contains(said, "batches: ") {
		t.Errorf("a fault is found where there is none:\n%s", said)
	}
	if said, equal := compareFlows(t, bare, bare, "9"); equal {
		t.Errorf("eight flows pass for nine: %s", said)
	}
}

// spoil changes an answer a little: a page's token is lost, NaN becomes a number, a picture is a byte short, a header is another, an error's text
// is the proxy's own.
func spoil(r *http.Response) error {
	path := r.Request.URL.Path
	change := func(pattern, with string) error {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		b = regexp.MustCompile(pattern).ReplaceAll(b, []byte(with))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
		r.Header.Del("Content-Length")
		return nil
	}
	switch {
	case strings.HasSuffix(path, "/experiments/search"):
		return change(`"next_page_token": *"[^"]*"`, `"next_page_token": ""`)
	case strings.HasSuffix(path, "/metrics/get-history"):
		return change(`"NaN"|NaN`, "0")
	case strings.HasSuffix(path, "/image.png"):
		return change(`IEND`, "IEN")
	case path == "/health":
		r.Header.Set("Content-Type", "text/plain")
	case strings.HasSuffix(path, "/registered-models/get") && r.StatusCode >= 400:
		return change(`"message": *"[^"]*"`, `"message": "refused"`)
	}
	return nil
}
