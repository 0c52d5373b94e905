package attack_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/gateway/gatetest"
)

// row is what `weir gate check --format json` prints of one attack.
type row struct {
	Attack  string `json:"attack"`
	Without string `json:"without-account"`
	With    string `json:"with-account"`
}

// TestCheck runs `weir gate check` as a user does: against a bare server it finds what is open, against the gate before it nothing, and neither holds
// anything new afterwards.
func TestCheck(t *testing.T) {
	s := gatetest.MLflow(t, "2.9.2")
	r, err := http.NewRequest("PUT", s.URL+"/api/2.0/mlflow-artifacts/artifacts/kept/note.txt", strings.NewReader("kept"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	before := contents(t, s)
	bare := check(t, 1, s.URL)
	through := 0
	for _, r := range bare {
		if r.Without == "through" {
			through++
		}
		if r.With != "" {
			t.Errorf("%s was tried with an account that nobody gave", r.Attack)
		}
	}
	for _, want := range []string{"mlflow/location-fragment", "mlflow/rebinding", "mlflow/anonymous-experiment", "mlflow/source-network-path"} {
		if !strings.Contains(list(bare), want+" through") {
			t.Errorf("%s works on this server, and the check does not say so:\n%s", want, list(bare))
		}
	}
	if through < 12 {
		t.Errorf("only %d attacks got through a bare server:\n%s", through, list(bare))
	}
	if after := contents(t, s); after != before {
		t.Errorf("the check left something behind:\nbefore %s\nafter  %s", before, after)
	}
	g := gatetest.NewGate(t, gatetest.Plan{}, s.Of("mlflow"))
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(g.Accounts["scientist"].Token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, r := range check(t, 0, g.URL, "--kind", "mlflow", "--token-file", token) {
		if r.Without != "stopped" || r.With != "stopped" {
			t.Errorf("%s: %q without an account, %q with one", r.Attack, r.Without, r.With)
		}
	}
	// The samples: an ordinary account may not put them into an experiment of their own here, but into one of its own.
	checkUsage(t, g.URL, "--kind", "mlflow", "--token-file", token, "--uploads")
	if after := contents(t, s); after != before {
		t.Errorf("the check through the gate left something behind:\nbefore %s\nafter  %s", before, after)
	}
}

// TestCheckUploads uploads the samples of the lab: bare all come in, through the gate none. What stays is
// the harmless one, in a run that is deleted: a scientist deletes no files.
func TestCheckUploads(t *testing.T) {
	s := gatetest.MLflow(t, "2.9.2")
	g := gatetest.NewGate(t, gatetest.Plan{}, s.Of("mlflow"))
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(g.Accounts["scientist"].Token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	made, err := http.Post(s.URL+"/api/2.0/mlflow/experiments/create", "application/json", strings.NewReader(`{"name": "lab-check"}`))
	if err != nil {
		t.Fatal(err)
	}
	made.Body.Close()
	count := func(rows []row, state string, of func(row) string) int {
		n := 0
		for _, r := range rows {
			if strings.HasPrefix(r.Attack, "mlflow/sample-") && of(r) == state {
				n++
			}
		}
		return n
	}
	if n := count(check(t, 1, s.URL, "--uploads"), "through", func(r row) string { return r.Without }); n < 6 {
		t.Errorf("%d samples came into a bare server", n)
	}
	if n := count(check(t, 0, g.URL, "--token-file", token, "--kind", "mlflow", "--uploads", "--experiment", "1"), "stopped", func(r row) string { return r.With }); n < 6 {
		t.Errorf("%d samples were stopped by the gate", n)
	}
	err = filepath.WalkDir(filepath.Join(s.Dir, "artifacts"), func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "weir-sample-clean.pkl" {
			t.Errorf("%s was left behind", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// checkUsage runs the command where it cannot do what it was asked for.
func checkUsage(t *testing.T, args ...string) {
	t.Helper()
	binary, err := gatetest.Binary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(binary, append([]string{"gate", "check"}, args...)...).CombinedOutput()
	if e := (*exec.ExitError)(nil); !errors.As(err, &e) || e.ExitCode() != 2 || !strings.Contains(string(out), "uploads were not checked") {
		t.Errorf("weir gate check %v: %v\n%s", args, err, out)
	}
}

func list(rows []row) string {
	var b strings.Builder
	for _, r := range rows {
		b.WriteString(r.Attack + " " + r.Without + "\n")
	}
	return b.String()
}

// check runs the command, wants its exit code, and reads its rows.
func check(t *testing.T, want int, args ...string) []row {
	t.Helper()
	binary, err := gatetest.Binary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(binary, append([]string{"gate", "check", "--format", "json"}, args...)...).Output()
	code := 0
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		code = e.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if code != want {
		t.Fatalf("weir gate check %v ended with %d, want %d:\n%s", args, code, want, out)
	}
	var rows []row
	if err := json.Unmarshal(out, &rows); err != nil || len(rows) < 15 {
		t.Fatalf("%d rows, %v:\n%s", len(rows), err, out)
	}
	return rows
}

// contents is what a server knows: its experiments and models, deleted ones too, and the files of its artifact store.
func contents(t *testing.T, s *gatetest.Server) string {
	t.Helper()
	var b strings.Builder
	for _, q := range []string{"/experiments/search?view_type=ALL&max_results=1000", "/registered-models/search?max_results=1000", "/model-versions/search?max_results=1000"} {
		r, err := http.Get(s.URL + "/api/2.0/mlflow" + q)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != 200 {
			t.Fatalf("%s: %v %.200s", q, err, text)
		}
		b.Write(text)
	}
	entries, err := os.ReadDir(filepath.Join(s.Dir, "artifacts"))
	if err != nil || len(entries) == 0 {
		t.Fatalf("the artifact store holds %d entries, %v: it should have the one that was put there first", len(entries), err)
	}
	for _, e := range entries {
		b.WriteString(e.Name() + "\n")
	}
	return b.String()
}
