package h2o

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/internal/audit"
	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
	"weir/internal/store/sqlite"
)

var update = flag.Bool("update", false, "write testdata/matrix.txt anew")

const matrixFile = "testdata/matrix.txt"

var matrixRoles = []string{auth.RoleViewer, auth.RoleReader, auth.RoleScientist, auth.RoleDeployer, auth.RoleMaintainer, auth.RoleAdmin}

// world is a gate with the real policies before a recorder. Principals are named "role own" (the role is for what is called shared-*) and "role all".
type world struct {
	t    *testing.T
	site *site
	url  string
	seen int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, site: &site{owners: newOwners()}}
	log := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // that there is no scanner is told at every upload
	t.Cleanup(func() { slog.SetDefault(log) })
	up := httptest.NewServer(http.HandlerFunc(w.answer))
	t.Cleanup(up.Close)
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "weir.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	accounts, err := auth.Open(store, auth.Options{})
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(up.URL)
	if err != nil {
		t.Fatal(err)
	}
	kind := Kind()
	kind.Routes = w.site.routes()
	g, err := gateway.New(gateway.Config{
		Upstreams: []*gateway.Upstream{{Name: "h2o", Kind: kind, To: to, Allow: map[string][]string{"import-roots": {"/in"}, "export-roots": {"/out"}, "jdbc-urls": {"jdbc:x"}}}},
		Identify: func(r *http.Request, _ *wire.Request) (auth.Principal, error) {
			name, _, _ := r.BasicAuth()
			role, which, _ := strings.Cut(name, " ")
			p := auth.Principal{Name: name, Kind: auth.User, Roles: []auth.Grant{{Role: role}}}
			if which == "own" {
				p.Roles[0].Scope.Name = "shared-*"
			}
			return p, nil
		},
		Decide: accounts.Decide,
		Record: func(audit.Record) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(g)
	t.Cleanup(func() { srv.Close(); g.Close() })
	w.url = srv.URL
	return w
}

// answer is a server that has every key; a job's result has the owner of the job.
func (w *world) answer(rw http.ResponseWriter, r *http.Request) {
	w.seen++
	rw.Header().Set("Content-Type", "application/json")
	if part := strings.Split(r.URL.Path, "/"); len(part) > 3 && strings.EqualFold(part[2], "jobs") {
		id := part[3]
		fmt.Fprintf(rw, `{"jobs":[{"key":{"name":%q},"dest":{"name":%q,"type":"Key<Frame>"}}]}`, id, "frame-"+strings.TrimPrefix(id, "$job-"))
		return
	}
	io.WriteString(rw, "{}")
}

// own says whose a set of keys is.
func (w *world) own(who, suffix string) {
	for name, m := range map[string]Made{
		"frame-": {Type: frame}, "model-": {Type: model}, "grid-": {Type: grid}, "board-": {Type: leaderboard}, "$job-": {Type: job},
		"upload-": {Type: upload, Digest: "sha256:0"},
	} {
		m.Who = who
		w.site.owners.made[[2]string{"h2o", name + suffix}] = m
	}
	w.site.owners.made[[2]string{"h2o", map[string]string{"mine": "_sid_aaaa", "theirs": "_sid_bbbb"}[suffix]}] = Made{Type: "session", Who: who}
}

// value gives what a parameter says when it is about whose.
func sampleOf(e *endpoint, r *rule, field, whose string) string {
	switch e.role(field) {
	case readFrame, newFrame, changeFrame:
		if (r.flow == "uploadModel") || e.role(field) == readFrame && field == "model_key" {
			return "upload-" + whose
		}
		return "frame-" + whose
	case readModel, newModel:
		return "model-" + whose
	case readKey, newKey:
		if strings.Contains(e.path, "Assembly") || strings.Contains(e.path, "PartialDependence") {
			return "model-" + whose
		}
		return "frame-" + whose
	case gridKey:
		return "grid-" + whose
	case projectKey:
		return "board-" + whose
	case jobKey:
		return "$job-" + whose
	case sessionKey:
		return map[string]string{"mine": "_sid_aaaa", "theirs": "_sid_bbbb"}[whose]
	case importPath:
		return "/in/x"
	case importPaths:
		return `["/in/x"]`
	case exportPath:
		return "/out/x"
	case rapidsText:
		if e.path == "/99/Rapids" {
			return "(sum frame-" + whose + ")"
		}
		return `["a__H2OColSelect__(cols dummy 0)__False__|"]`
	case jdbcURL:
		return "jdbc:x"
	case sqlName:
		return "t"
	case reservedFor:
		if field == "dir" {
			return map[bool]string{true: "/in/x", false: "upload-" + whose}[r.flow == "importModel"]
		}
	}
	return "x"
}

// request writes a request for a route about mine or theirs: the path's variables, what the rule is about, and what the route cannot do without.
func request(base string, e *endpoint, r *rule, whose string) (*http.Request, error) {
	p := e.path
	for _, v := range e.vars {
		if v == "path" { // deprecated: no path of the gate's can say it
			p = strings.Replace(p, "{path}", "x", 1)
		}
		p = strings.Replace(strings.Replace(p, "{"+v+"...}", "x", 1), "{"+v+"}", url.PathEscape(sampleOf(e, r, v, whose)), 1)
	}
	values := url.Values{}
	for _, f := range e.settable() {
		switch role := e.role(f); {
		case slices.Contains(r.main, f), role == importPath, role == exportPath && r.action == auth.Download, role == importPaths, role == jdbcURL, role == sqlName && f == "table", role == rapidsText, f == "dir",
			role == sessionKey && e.path == "/3/InitID" && e.method == "DELETE":
			values.Set(f, sampleOf(e, r, f, whose))
		case f == "model_key" && r.flow == "generic":
			values.Set(f, "upload-"+whose)
		}
	}
	body := ""
	switch {
	case e.method != "POST" || r.flow == "upload":
		if len(values) > 0 {
			p += "?" + values.Encode()
		}
	case r.json:
		body = `{"build_control": {"project_name": "board-` + whose + `"}}`
	default:
		body = values.Encode()
	}
	req, err := http.NewRequest(e.method, base+p, strings.NewReader(body))
	if err == nil && body != "" {
		req.Header.Set("Content-Type", map[bool]string{true: "application/json", false: "application/x-www-form-urlencoded"}[r.json])
	}
	return req, err
}

// mark says what becomes of a request: + it is carried out, - it is denied, x nobody may.
func (w *world) mark(who string, e *endpoint, r *rule, whose string) string {
	w.site.owners.made = map[[2]string]Made{}
	w.own(who, "mine")
	w.own("somebody else", "theirs")
	req, err := request(w.url, e, r, whose)
	if err != nil {
		w.t.Fatal(err)
	}
	req.SetBasicAuth(who, "x")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	text := string(b)
	switch {
	case strings.Contains(text, "does not pass this on"):
		return "x"
	case res.StatusCode == http.StatusOK, strings.Contains(text, "no scanner"):
		return "+"
	case strings.Contains(text, "PERMISSION_DENIED"), strings.Contains(text, "RESOURCE_DOES_NOT_EXIST"):
		return "-"
	}
	w.t.Errorf("%s %s as %s about %s: %d %.300s", e.method, e.path, who, whose, res.StatusCode, text)
	return "?"
}

// TestMatrix asks for every route as every role, about what is the caller's own and what is somebody else's, and holds what was decided against the
// golden table: a route without a row there fails.
func TestMatrix(t *testing.T) {
	w := newWorld(t)
	var b strings.Builder
	b.WriteString("# What each role may do: + allowed, - denied, x passed on for nobody. Three signs for each role: given for shared-* and the thing is the caller's\n" +
		"# own, given for shared-* and it is somebody else's, given for the whole server and it is somebody else's.\n")
	fmt.Fprintf(&b, "# resource, action, then %s\n", strings.Join(matrixRoles, ", "))
	rows := 0
	for _, e := range endpoints(t) {
		if e.method == "HEAD" {
			continue
		}
		r := judge(e.method, e.path)
		fmt.Fprintf(&b, "%-12s %-9s", r.about, r.action)
		for _, role := range matrixRoles {
			b.WriteString(" " + w.mark(role+" own", &e, r, "mine") + w.mark(role+" own", &e, r, "theirs") + w.mark(role+" all", &e, r, "theirs"))
		}
		fmt.Fprintf(&b, "  %s %s\n", e.method, e.path)
		rows++
	}
	if *update {
		if err := os.WriteFile(matrixFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(matrixFile)
	if err != nil {
		t.Fatal(err)
	}
	want, got := strings.Split(string(golden), "\n"), strings.Split(b.String(), "\n")
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("decided, but not in the table: %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("in the table, but not decided: %s", line)
		}
	}
	if rows < 300 {
		t.Errorf("only %d routes were tried", rows)
	}
}
