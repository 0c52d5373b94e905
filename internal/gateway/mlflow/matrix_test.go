package mlflow

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"sort"
	"strings"
	"testing"

	"weir/internal/auth"
	"weir/internal/gateway"
)

var update = flag.Bool("update", false, "write testdata/matrix.txt anew")

const matrixFile = "testdata/matrix.txt"

var matrixRoles = []string{auth.RoleViewer, auth.RoleReader, auth.RoleScientist, auth.RoleDeployer, auth.RoleMaintainer, auth.RoleAdmin}

// TestMatrix asks for every route as every role, about a thing of the own project, of a foreign one, and with the role on the whole server, and
// holds what was decided against the golden table: a route without a row there fails. Things are located by a real MLflow; the requests
// themselves end before it.
func TestMatrix(t *testing.T) {
	w := newWorld(t, "new", nil)
	p := unique(t)
	own, foreign := w.project(p+"-mine"), w.project(p+"-theirs")
	for _, r := range matrixRoles {
		w.account(r+" own", r, p+"-mine-*")
		w.account(r+" all", r, "")
	}
	shapes := readShapes()
	rows := map[string]string{}
	for _, l := range lines(newPager()) {
		for _, route := range l.routes(shapes) {
			if route.Public {
				continue
			}
			row := fmt.Sprintf("%-17s %-9s", route.Resource, route.Action)
			for _, role := range matrixRoles {
				row += " " + w.mark(role+" own", l, route, own) + w.mark(role+" own", l, route, foreign) + w.mark(role+" all", l, route, foreign)
			}
			// Preview and ajax paths are the same line, so they have the same row.
			name := route.Method + " " + l.path
			if before, ok := rows[name]; ok && before != row {
				t.Errorf("%s %s is decided otherwise than its twin:\n%s\n%s", route.Method, route.Path, row, before)
			}
			rows[name] = row
		}
	}
	compareMatrix(t, rows)
}

// TestMatrixOfOldServers asks two old servers about what they have: the table's rows are the same.
func TestMatrixOfOldServers(t *testing.T) {
	golden, err := os.ReadFile(matrixFile)
	if err != nil {
		t.Fatal(err)
	}
	shapes := readShapes()
	for _, version := range []string{"2.9.2", "2.16.2"} {
		t.Run(version, func(t *testing.T) {
			w := newWorld(t, version, nil)
			p := unique(t)
			own, foreign := w.project(p+"-mine"), w.project(p+"-theirs")
			w.account("viewer own", auth.RoleViewer, p+"-mine-*")
			w.account("maintainer own", auth.RoleMaintainer, p+"-mine-*")
			tried := 0
			for _, l := range lines(newPager()) {
				if !classic.MatchString(l.path) || strings.Contains(l.path, "permissions") {
					continue
				}
				route := l.routes(shapes)[0]
				name := route.Method + " " + l.path
				i := strings.Index(string(golden), "  "+name+"\n")
				if i < 0 {
					t.Errorf("%s has no row", name)
					continue
				}
				row := string(golden[strings.LastIndexByte(string(golden[:i]), '\n')+1 : i])
				columns := strings.Fields(row)[2:]
				for role, want := range map[string]string{"viewer own": columns[0][:2], "maintainer own": columns[4][:2]} {
					if got := w.mark(role, l, route, own) + w.mark(role, l, route, foreign); got != want {
						t.Errorf("%s as %s: %s, not %s", name, role, got, want)
					}
				}
				tried++
			}
			if tried < 40 {
				t.Errorf("only %d routes were tried", tried)
			}
		})
	}
}

// classic are the routes that MLflow has had since long before.
var classic = regexp.MustCompile(`^2\.0/mlflow/(experiments/(get|create|update|delete|restore|search$|set)|runs/(get|create$|update|delete|restore|search|set|log-(metric|parameter|batch))|metrics/get-history$|artifacts/list|registered-models|model-versions)`)

func compareMatrix(t *testing.T, rows map[string]string) {
	t.Helper()
	var names []string
	for n := range rows {
		names = append(names, n)
	}
	sort.Strings(names)
	var b strings.Builder
	b.WriteString("# What each role may do: + allowed, - denied; a role for a project on a thing of its own, on a foreign one, and the role on the whole server.\n")
	fmt.Fprintf(&b, "# resource, action, then %s\n", strings.Join(matrixRoles, ", "))
	for _, n := range names {
		fmt.Fprintf(&b, "%s  %s\n", rows[n], n)
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
	missing := func(list, in []string, what string) {
		have := map[string]bool{}
		for _, l := range in {
			have[l] = true
		}
		for _, l := range list {
			if !have[l] {
				t.Errorf("%s %s", what, l)
			}
		}
	}
	missing(got, want, "decided, but not in the table:")
	missing(want, got, "in the table, but not decided:")
	if len(rows) < 250 {
		t.Errorf("only %d routes were tried", len(rows))
	}
}

// mark makes one request and says how it was decided.
func (w *world) mark(who string, l line, r gateway.Route, s side) string {
	w.t.Helper()
	path, body := sample(l, r, s)
	header := []string{marked, "stop"}
	if r.Path == "/v1/traces" {
		header = append(header, "X-Mlflow-Experiment-Id", s.exp, "Content-Type", "application/x-protobuf")
	}
	status, answer := w.call(who, r.Method, path, body, header...)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case status == 403 && w.last.Decision == "deny":
		return "-"
	case w.last.Decision == "allow" || status == 503:
		return "+"
	}
	w.t.Errorf("%s %s: %d %v (%s) %v", r.Method, path, status, answer, w.last.Decision, body)
	return "?"
}

// sample makes a request that a route takes, about a side.
func sample(l line, r gateway.Route, s side) (string, any) {
	path := r.Path
	value := func(name string) any { return sampleValue(l, s, name) }
	for _, part := range strings.Split(r.Path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			name = strings.Trim(name, ".}")
			path = strings.Replace(path, part, fmt.Sprint(value(name)), 1)
		}
	}
	shape := readShapes().of(l)
	if r.Body == gateway.JSON {
		return path, sampleObject(shape, value, 0)
	}
	q := url.Values{}
	for _, name := range r.Query {
		name = strings.TrimSuffix(name, "*")
		if v := value(name); v != nil && name != "" && !strings.Contains(r.Path, "{"+name) {
			q.Set(name, fmt.Sprint(v))
		}
	}
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return path, nil
}

func sampleObject(s *shape, value func(string) any, depth int) m {
	o := m{}
	for name, f := range s.fields {
		var v any
		switch {
		case f.of != nil && depth < 5:
			v = sampleObject(f.of, value, depth+1)
		case f.of != nil:
			continue
		default:
			if v = value(name); v == nil {
				continue
			}
			switch f.kind {
			case "integer", "number":
				v = 1
			case "bool":
				v = true
			case "enum":
				v = "SOMETHING"
			}
		}
		if f.many {
			v = []any{v}
		}
		o[name] = v
	}
	if _, gemini := o["model"]; !gemini && !s.closed {
		for _, name := range []string{"model", "name"} {
			o[name] = value(name)
		}
	}
	return o
}

// sampleValue is the value of a field, by its name; nil leaves it out.
func sampleValue(l line, s side, name string) any {
	switch name {
	case "experiment_id", "experiment_ids":
		return s.exp
	case "experiment_name":
		return s.prefix + "-exp"
	case "run_id", "run_uuid", "run_ids", "source_run_id":
		return s.run
	case "model_id":
		return s.model
	case "trace_id", "trace_ids", "request_id", "request_ids", "item_id", "item_ids":
		return s.trace
	case "dataset_id":
		return s.dataset
	case "schema_id", "schema_ids":
		return s.schema
	case "queue_id":
		return s.queue
	case "issue_id":
		return s.issue
	case "name", "new_name":
		switch {
		case strings.Contains(l.path, "registered-models") || strings.Contains(l.path, "model-versions"):
			return s.prefix + "-model"
		case strings.Contains(l.path, "link-prompts"):
			return s.prefix + "-prompt"
		}
		return s.prefix + "-name"
	case "endpoint_id", "secret_id", "secret_name", "model_definition_id", "budget_policy_id", "guardrail_id", "job_id", "webhook_id", "endpoint_name", "model",
		"workspace_name", "action_endpoint_id", "scorer_id", "session_id", "assessment_id", "resource_id":
		return s.prefix + "-thing"
	case "gemini_model":
		return s.prefix + "-thing:generateContent"
	case "mcp":
		return s.prefix + "-thing/versions/1"
	case "version":
		return "1"
	case "alias":
		return "champion"
	case "stage":
		return "Staging"
	case "source":
		return s.runURI + "/m"
	case "source_prompt_uri":
		return "prompts:/" + s.prefix + "-prompt/1"
	case "path":
		if strings.Contains(l.path, "mlflow-artifacts") {
			return s.exp + "/" + s.run + "/artifacts/f.txt"
		}
		return "f.txt"
	case "artifact_file_path", "artifact_directory_path":
		return "f.txt"
	case "gateway_path":
		if l.method == "GET" {
			return "api/2.0/endpoints/"
		}
		return "gateway/e/invocations"
	case "url":
		return "https://93.184.216.34/hook"
	case "run_link", "artifact_location", "default_artifact_root", "location", "page_token", "tags", "request_metadata", "trace_metadata", "records", "auth_config":
		return nil
	case "serialized_scorer", "serialized_scorers", "model_json":
		return "{}"
	case "query":
		return `query Q($i: MlflowGetRunInput!) { mlflowGetRun(input: $i) { run { info { runId } } } }`
	case "variables":
		return m{"i": m{"runId": s.run}}
	case "operationName":
		return "Q"
	}
	return "x"
}
