package mlflow

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/internal/gateway/gatetest"
)

// printed is what testdata/gate/routes.py says of an installation.
type printed struct {
	Version  string
	Whole    bool
	Problems []string
	Routes   []string
	Requests map[string]string
	Messages map[string]map[string]string
}

// demanded must be installed wherever the tests run; the others count where they are.
var demanded = []string{"gate-mlflow-new", "gate-mlflow-2.9.2", "gate-mlflow-2.16.2"}

func installed(t *testing.T) map[string]printed {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(gatetest.Root(), ".cache/venv/gate-mlflow-*"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no MLflow is installed: run testdata/gate/setup.sh (%v)", err)
	}
	venvs := map[string]bool{}
	for _, v := range demanded {
		venvs[v] = true
	}
	for _, f := range found {
		venvs[filepath.Base(f)] = true
	}
	out := map[string]printed{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	two := make(chan bool, 2) // each imports all of MLflow
	for v := range venvs {
		wg.Add(1)
		go func() {
			defer wg.Done()
			two <- true
			defer func() { <-two }()
			p, err := print(v)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("%s: %v (testdata/gate/setup.sh installs it)", v, err)
				return
			}
			out[v] = p
		}()
	}
	wg.Wait()
	return out
}

func print(venv string) (p printed, err error) {
	python, err := gatetest.Interpreter(venv)
	if err != nil {
		return p, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, python, filepath.Join(gatetest.Root(), "testdata/gate/routes.py"))
	c.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	var problem strings.Builder
	c.Stderr = &problem
	b, err := c.Output()
	if err != nil {
		return p, &failed{err, problem.String()}
	}
	return p, json.Unmarshal(b, &p)
}

type failed struct {
	err  error
	said string
}

func (f *failed) Error() string { return f.err.Error() + ": " + f.said[max(0, len(f.said)-500):] }

// TestEveryRouteIsKnown holds the table against every MLflow that is installed.
func TestEveryRouteIsKnown(t *testing.T) {
	kind := Kind()
	var table [][]string
	for _, r := range kind.Routes {
		table = append(table, strings.Split(r.Method+" "+r.Path, "/"))
	}
	known := func(route string) bool {
		if closed[route] != "" {
			return true
		}
		parts := strings.Split(route, "/")
		for _, r := range table {
			if covers(r, parts) {
				return true
			}
		}
		return false
	}
	shapes := readShapes()
	for venv, p := range installed(t) {
		if len(p.Routes) < 80 || !p.Whole || len(p.Problems) > 1 {
			t.Errorf("%s (%s): only %d routes were printed: %v", venv, p.Version, len(p.Routes), p.Problems)
		}
		for _, r := range p.Routes {
			if !known(r) {
				t.Errorf("%s: the table does not know %s", p.Version, r)
			}
		}
		for message, fields := range p.Messages {
			s := shapes.messages[message]
			if s == nil {
				t.Errorf("%s: requests.txt does not know the message %s", p.Version, message)
				continue
			}
			for name, kind := range fields {
				name, many := strings.CutSuffix(name, "*")
				if f, ok := s.fields[name]; !ok || f.kind != kind || f.many != many {
					t.Errorf("%s: requests.txt has %s.%s otherwise: %+v, not %s", p.Version, message, name, f, kind)
				}
			}
		}
		for r, message := range p.Requests {
			r = strings.Replace(r, " /api/", " ", 1)
			if got := shapes.requests[r]; got != shapes.messages[message] && !strings.Contains(r, "/ajax-api/") {
				t.Errorf("%s: requests.txt has another message than %s for %s", p.Version, message, r)
			}
		}
		t.Logf("%s: %d routes, %d messages", p.Version, len(p.Routes), len(p.Messages))
	}
}

// covers says whether a pattern of the table takes every path of a pattern of MLflow.
func covers(table, route []string) bool {
	for i, p := range table {
		if strings.HasSuffix(p, "...}") {
			return i < len(route)
		}
		if i >= len(route) {
			return false
		}
		if p != route[i] && !(strings.HasPrefix(p, "{") && strings.HasPrefix(route[i], "{") && !strings.HasSuffix(route[i], "...}")) {
			return false
		}
	}
	return len(table) == len(route)
}

// TestTable holds what must be true of every line.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Kind().Routes {
		name := r.Method + " " + r.Path
		if seen[name] {
			t.Errorf("%s stands twice in the table", name)
		}
		seen[name] = true
		if closed[name] != "" {
			t.Errorf("%s is closed and in the table", name)
		}
		if r.Resource == "" || r.Action == "" {
			t.Errorf("%s has no resource or action", name)
		}
		// The gate's own addresses for transfers have their secret in the path.
		if r.Public && !strings.HasPrefix(r.Path, "/weir-transfer/") && (r.Method != "GET" || r.Flow != nil) {
			t.Errorf("%s is open to everybody", name)
		}
	}
	if len(seen) < 600 {
		t.Errorf("the table has %d routes, fewer than MLflow", len(seen))
	}
}
