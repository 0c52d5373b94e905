package main

import (
	"strings"
	"testing"
	"time"

	"weir/internal/audit"
	"weir/internal/auth"
	"weir/internal/store/sqlite"
)

func TestLearn(t *testing.T) {
	dir := t.TempDir()
	log, err := audit.Open(dir, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	add := func(who, server, action, resource string, change func(*audit.Record)) {
		r := audit.Record{Time: at, Request: "1", Who: who, From: "127.0.0.1:1", Server: server, Method: "GET", Path: "/p", Route: "GET /p", Action: action, Decision: "allow", Policy: "admin", Status: 200}
		if resource != "" {
			r.Resource = []string{resource}
		}
		if change != nil {
			change(&r)
		}
		if err := log.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	add("ann", "mlflow", "read", "run:1", nil)
	add("ann", "mlflow", "write", "experiment:1", func(r *audit.Record) { r.Observed, r.Policy = "Permission denied", "default-deny" })
	add("bob", "mlflow", "read", "run:1", nil)
	add("ci job", "serve", "predict", "model:fraud", nil)
	add("eve", "mlflow", "delete", "run:2", func(r *audit.Record) { r.Decision, r.Policy, r.Status = "deny", "default-deny", 403 })
	for _, id := range []string{"17", "0af7651916cd43dd8448eb211c80319c"} {
		add("ann", "mlflow", "manage", "server:", func(r *audit.Record) {
			r.Path, r.Observed, r.Policy, r.Hint = "/custom/"+id, "this path is not in the route table", "unknown-route", `routes: ["GET /custom/`+id+` read"]`
		})
	}
	add("eve", "mlflow", "write", "run:2", func(r *audit.Record) {
		r.Decision, r.Policy, r.Reason, r.Status = "refuse", "path-traversal", "the path leads out\x1b[31m", 400
	})
	add("", "mlflow", "", "", func(r *audit.Record) { r.Decision, r.Policy, r.Status = "deny", "auth-missing", 401 })
	add("ann", "", "", "", func(r *audit.Record) { r.Route = "own" }) // the gate's own pages and accounts teach nothing
	add("root", "", "released", "quarantine:q-1", func(r *audit.Record) { r.Route = "page" })
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	l := newLessons()
	if err := audit.Read([]string{dir}, l.add); err != nil {
		t.Fatal(err)
	}
	const want = `# From 9 requests, 2026-11-24 to 2026-11-24. Read every line before you use it.

# ann on mlflow: read 1, write 1
weir gate role add ann scientist --server mlflow

# bob on mlflow: read 1
weir gate role add bob viewer --server mlflow

# ci job on serve: predict 1
weir gate role add 'ci job' reader --server serve --name fraud

# eve on mlflow: delete 1
# (scientist is enough if they delete their own things only)
weir gate role add eve maintainer --server mlflow

# Lines of gate.yaml, below the upstream that is named, that would let pass what was refused:
# mlflow: 2 requests by ann, such as GET /custom/17: this path is not in the route table
routes: ["GET /custom/{id} read"]

# Refused, and no line would allow it:
# mlflow: path-traversal, 1 requests by eve, such as GET /p: the path leads out\x1b[31m
`
	if got := l.text(false); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	// The policies can be read, and permit what was seen and nothing else.
	cedar := l.text(true)
	s, err := sqlite.Open(t.TempDir() + "/weir.db")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a, err := auth.Open(s, auth.Options{Policies: []auth.PolicyFile{{Name: "learnt.cedar", Text: []byte(cedar)}}})
	if err != nil {
		t.Fatalf("%v\n%s", err, cedar)
	}
	for _, c := range []struct {
		who    string
		action auth.Action
		r      auth.Resource
		allow  bool
	}{
		{"ann", auth.Write, auth.Resource{Server: "mlflow", Type: "experiment", ID: "9"}, true},
		{"ann", auth.Write, auth.Resource{Server: "mlflow", Type: "run", ID: "9"}, false},
		{"ann", auth.Write, auth.Resource{Server: "other", Type: "experiment", ID: "9"}, false},
		{"bob", auth.Write, auth.Resource{Server: "mlflow", Type: "experiment", ID: "9"}, false},
		{"ci job", auth.Predict, auth.Resource{Server: "serve", Type: "model", ID: "fraud"}, true},
	} {
		if d := a.Decide(auth.Principal{Name: c.who, Kind: auth.User}, c.action, c.r); d.Allow != c.allow {
			t.Errorf("%+v: %+v\n%s", c, d, cedar)
		}
	}
	if !strings.HasPrefix(cedar, "// From 9 requests") {
		t.Error(cedar)
	}
}
