package mlflow

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"weir/internal/auth"
	"weir/internal/gateway"
)

const v2 = "/api/2.0/mlflow/"

// unique makes names that no other test on the same server has.
func unique(t *testing.T) string {
	return strings.ToLower(strings.TrimPrefix(t.Name(), "TestReal") + "-" + rand.Text()[:8])
}

func column(answer map[string]any, field, key string) []string {
	var out []string
	rows, _ := answer[field].([]any)
	for _, r := range rows {
		row, _ := r.(map[string]any)
		out = append(out, fmt.Sprint(row[key]))
	}
	return out
}

// TestRealListsAreFiltered pages through experiments of which every third may be seen: pages are full, nothing of the others shows, tokens are sealed.
func TestRealListsAreFiltered(t *testing.T) {
	w := newWorld(t, "new", nil)
	p := unique(t)
	for i := range 30 {
		name := fmt.Sprintf("%s-hidden-%02d", p, i)
		if i%3 == 0 {
			name = fmt.Sprintf("%s-seen-%02d", p, i)
		}
		w.must("", "POST", v2+"experiments/create", m{"name": name}, "")
		w.must("", "POST", v2+"registered-models/create", m{"name": name}, "")
		w.must("", "POST", v2+"model-versions/create", m{"name": name, "source": "s3://bucket/x"}, "")
	}
	some, everything := w.account("some", auth.RoleViewer, p+"-seen-*"), w.account("everything", auth.RoleViewer, "")
	for _, c := range []struct{ path, field, key, filter string }{
		{"experiments/search", "experiments", "name", "name LIKE '" + p + "%'"},
		{"registered-models/search", "registered_models", "name", "name LIKE '" + p + "%'"},
		{"model-versions/search", "model_versions", "name", ""},
	} {
		t.Run(c.path, func(t *testing.T) {
			w.t = t
			for _, size := range []int{1, 4, 5, 10, 100} {
				got, sizes := w.pages(some, v2+c.path, c.filter, size, c.field, c.key)
				got = slices.DeleteFunc(got, func(n string) bool { return !strings.HasPrefix(n, p) })
				slices.Sort(got)
				if len(slices.Compact(got)) != 10 || strings.Contains(strings.Join(got, " "), "hidden") {
					t.Errorf("pages of %d show %v", size, got)
				}
				for i, n := range sizes[:len(sizes)-1] {
					if n != size {
						t.Errorf("page %d of %d has %d rows, not %d", i, len(sizes), n, size)
					}
				}
				if sizes[len(sizes)-1] == 0 {
					t.Errorf("pages of %d end with an empty one, which tells that something is hidden", size)
				}
			}
			if c.filter != "" {
				all, _ := w.pages(everything, v2+c.path, c.filter, 7, c.field, c.key)
				if len(all) != 30 {
					t.Errorf("who may see everything sees %d of 30", len(all))
				}
			}
		})
	}
	w.t = t
	t.Run("tokens", func(t *testing.T) {
		w.t = t
		q := url.Values{"filter": {"name LIKE '" + p + "%'"}, "max_results": {"3"}}
		_, answer := w.call(some, "GET", v2+"experiments/search?"+q.Encode(), nil)
		token := fmt.Sprint(answer["next_page_token"])
		if len(token) < 40 || strings.Contains(token, "=") {
			t.Fatalf("the token %q is not sealed", token)
		}
		other := url.Values{"filter": {"name LIKE 'x%'"}, "max_results": {"3"}, "page_token": {token}}
		for name, path := range map[string]string{"another account": v2 + "experiments/search?" + q.Encode() + "&page_token=" + token, "another filter": v2 + "experiments/search?" + other.Encode(),
			"forged": v2 + "experiments/search?" + q.Encode() + "&page_token=eyJvZmZzZXQiOjV9", "changed": v2 + "experiments/search?" + q.Encode() + "&page_token=A" + token[1:]} {
			who := some
			if name == "another account" {
				who = everything
			}
			if status, _ := w.call(who, "GET", path, nil); status != 400 {
				t.Errorf("a token of %s is taken: %d", name, status)
			}
		}
	})
	t.Run("upstream calls", func(t *testing.T) {
		w.t = t
		before := w.asked
		w.call(some, "GET", v2+"model-versions/search?max_results=100", nil)
		if n := w.asked - before; n > 6 {
			t.Errorf("a list of 30 versions of 30 models took %d calls to the server", n)
		}
	})
}

// pages follows the tokens of a search to its end, and gives the rows and how many each page had.
func (w *world) pages(who, path, filter string, size int, field, key string) (all []string, sizes []int) {
	w.t.Helper()
	token := ""
	for range 200 {
		q := url.Values{"max_results": {fmt.Sprint(size)}}
		if filter != "" {
			q.Set("filter", filter)
		}
		if token != "" {
			q.Set("page_token", token)
		}
		status, answer := w.call(who, "GET", path+"?"+q.Encode(), nil)
		if status != 200 {
			w.t.Fatalf("%s: %d %v", path, status, answer)
		}
		got := column(answer, field, key)
		all, sizes = append(all, got...), append(sizes, len(got))
		if token, _ = answer["next_page_token"].(string); token == "" {
			return all, sizes
		}
	}
	w.t.Fatal("the pages do not end")
	return nil, nil
}

// TestRealForeignThings tries what the matrix says against things that are really there, with requests that would really do it.
func TestRealForeignThings(t *testing.T) {
	w := newWorld(t, "new", nil)
	p := unique(t)
	own, foreign := w.project(p+"-mine"), w.project(p+"-theirs")
	ann := w.account("ann", auth.RoleMaintainer, p+"-mine-*")
	for _, c := range []struct {
		what, method, path string
		body               any
	}{
		{"another project's run", "GET", v2 + "runs/get?run_id=" + foreign.run, nil},
		{"by the old name", "GET", v2 + "runs/get?run_uuid=" + foreign.run, nil},
		{"both names", "GET", v2 + "runs/get?run_id=" + own.run + "&run_uuid=" + foreign.run, nil},
		{"an array with one foreign id", "POST", v2 + "runs/search", m{"experiment_ids": []string{own.exp, foreign.exp}}},
		{"a metric of a foreign model", "POST", v2 + "runs/log-metric", m{"run_id": own.run, "key": "k", "value": 1, "timestamp": 1, "model_id": foreign.model}},
		{"in a batch", "POST", v2 + "runs/log-batch", m{"run_id": own.run, "metrics": []m{{"key": "k", "value": 1, "timestamp": 1, "model_id": foreign.model}}}},
		{"metrics of several runs", "GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id=" + own.run + "&run_id=" + foreign.run + "&metric_key=k", nil},
		{"a run into another experiment", "POST", v2 + "runs/create", m{"experiment_id": foreign.exp}},
		{"renaming into another project", "POST", v2 + "experiments/update", m{"experiment_id": own.exp, "new_name": p + "-theirs-exp2"}},
		{"renaming a model so", "POST", v2 + "registered-models/rename", m{"name": p + "-mine-model", "new_name": p + "-theirs-model2"}},
		{"a version of a foreign run", "POST", v2 + "model-versions/create", m{"name": p + "-mine-model", "source": foreign.runURI + "/m", "run_id": foreign.run}},
		{"a foreign run's files as one's own", "POST", v2 + "model-versions/create", m{"name": p + "-mine-model", "source": foreign.runURI + "/m", "run_id": own.run}},
		{"by runs:/", "POST", v2 + "model-versions/create", m{"name": p + "-mine-model", "source": "runs:/" + foreign.run + "/m"}},
		{"by models:/ and a name", "POST", v2 + "model-versions/create", m{"name": p + "-mine-model", "source": "models:/" + p + "-theirs-model/1"}},
		{"by models:/ and an alias", "POST", v2 + "model-versions/create", m{"name": p + "-mine-model", "source": "models:/" + p + "-theirs-model@x"}},
		{"by models:/ and an id", "POST", v2 + "model-versions/create", m{"name": p + "-mine-model", "source": "models:/" + foreign.model}},
		{"a file of the server", "POST", v2 + "model-versions/create", m{"name": p + "-mine-model", "source": "file:///etc"}},
		{"a prompt with files", "POST", v2 + "model-versions/create", m{"name": p + "-mine-model", "source": "file:///etc", "tags": []m{{"key": isPrompt, "value": "true"}}}},
		{"an artifact location", "POST", v2 + "experiments/create", m{"name": p + "-mine-new", "artifact_location": "file:///etc"}},
		{"an artifact location of another's", "POST", v2 + "experiments/create", m{"name": p + "-mine-new", "artifact_location": "mlflow-artifacts:/" + foreign.exp}},
		{"a foreign artifact", "GET", "/api/2.0/mlflow-artifacts/artifacts/" + foreign.exp + "/" + foreign.run + "/artifacts/x", nil},
		{"a foreign run below one's own experiment", "GET", "/api/2.0/mlflow-artifacts/artifacts/" + foreign.exp + "/" + own.run + "/artifacts/x", nil},
		{"all artifacts", "GET", "/api/2.0/mlflow-artifacts/artifacts?path=", nil},
		{"foreign artifacts listed", "GET", "/api/2.0/mlflow-artifacts/artifacts?path=" + foreign.exp, nil},
		{"a foreign trace", "GET", "/api/3.0/mlflow/traces/" + foreign.trace, nil},
		{"a foreign trace in a batch", "GET", "/api/3.0/mlflow/traces/batchGet?trace_ids=" + own.trace + "&trace_ids=" + foreign.trace, nil},
		{"deleting foreign traces by id", "POST", "/api/3.0/mlflow/traces/delete-traces", m{"experiment_id": own.exp, "request_ids": []string{foreign.trace}}},
		{"a trace over another's", "POST", "/api/3.0/mlflow/traces", m{"trace": m{"trace_info": m{"trace_id": foreign.trace, "trace_location": m{"type": "MLFLOW_EXPERIMENT",
			"mlflow_experiment": m{"experiment_id": own.exp}}, "request_time": "2026-01-01T00:00:00Z", "state": "OK"}}}},
		{"an assessment of another trace than the path's", "POST", "/api/3.0/mlflow/traces/" + own.trace + "/assessments", m{"assessment": m{"trace_id": foreign.trace, "assessment_name": "a"}}},
		{"a trace's files elsewhere", "PATCH", "/api/3.0/mlflow/traces/" + own.trace + "/tags", m{"trace_id": own.trace, "key": traceFiles, "value": "file:///etc"}},
		{"a trace's files in another project", "PATCH", "/api/3.0/mlflow/traces/" + own.trace + "/tags", m{"trace_id": own.trace, "key": traceFiles,
			"value": "mlflow-artifacts:/" + foreign.exp + "/traces/" + foreign.trace + "/artifacts"}},
		{"a new trace with files elsewhere", "POST", v2 + "traces", m{"experiment_id": own.exp, "timestamp_ms": 1, "tags": []m{{"key": traceFiles, "value": "file:///etc"}}}},
		{"another's trace of version 2", "GET", v2 + "traces/" + foreign.trace + "/info", nil},
		{"a data set into another experiment", "POST", "/api/3.0/mlflow/datasets/" + own.dataset + "/add-experiments", m{"dataset_id": own.dataset, "experiment_ids": []string{foreign.exp}}},
		{"another data set than the path's", "DELETE", "/api/3.0/mlflow/datasets/" + own.dataset + "/records", m{"dataset_id": foreign.dataset, "dataset_record_ids": []string{"x"}}},
		{"an id that int() reads as another", "GET", v2 + "experiments/get?experiment_id=0" + own.exp, nil},
		{"camelCase", "POST", v2 + "runs/delete", m{"runId": foreign.run}},
		{"a double-encoded body", "POST", v2 + "runs/delete", `{"run_id":"` + foreign.run + `"}`},
		{"the AI gateway's keys", "POST", "/api/3.0/mlflow/gateway/secrets/create", m{"secret_name": "x", "provider": "openai", "secret_value": []m{{"key": "api_key", "value": "$HOME"}}}},
		{"a webhook to the inside", "POST", v2 + "webhooks", m{"name": "x", "url": "https://169.254.169.254/", "events": []m{{"entity": "REGISTERED_MODEL", "action": "CREATED"}}}},
	} {
		status, answer := w.call(ann, c.method, c.path, c.body)
		if status != 403 && status != 400 || !strings.Contains(fmt.Sprint(answer["message"]), "weir gate") && answer["message"] != "Permission denied" && w.last.Decision == "allow" {
			t.Errorf("%s: %d %v (%s)", c.what, status, answer, w.last.Decision)
		}
	}
	for _, c := range []struct {
		what, method, path string
		body               any
	}{
		{"the own run", "GET", v2 + "runs/get?run_id=" + own.run, nil},
		{"a metric", "POST", v2 + "runs/log-metric", m{"run_id": own.run, "key": "k", "value": 1, "timestamp": 1, "model_id": own.model}},
		{"the own search", "POST", v2 + "runs/search", m{"experiment_ids": []string{own.exp}}},
		{"the own trace", "GET", "/api/3.0/mlflow/traces/" + own.trace, nil},
		{"a trace's own files", "PATCH", "/api/3.0/mlflow/traces/" + own.trace + "/tags", m{"trace_id": own.trace, "key": traceFiles,
			"value": "mlflow-artifacts:/" + own.exp + "/traces/" + own.trace + "/artifacts"}},
		{"a new experiment of the project", "POST", v2 + "experiments/create", m{"name": p + "-mine-two"}},
		{"the own data set", "GET", "/api/3.0/mlflow/datasets/" + own.dataset, nil},
		{"listing one's own artifacts", "GET", "/api/2.0/mlflow-artifacts/artifacts?path=" + own.exp + "/" + own.run + "/artifacts", nil},
		{"deleting an own model", "DELETE", v2 + "registered-models/delete", m{"name": p + "-mine-prompt"}},
	} {
		if status, answer := w.call(ann, c.method, c.path, c.body); status != 200 {
			t.Errorf("%s: %d %v", c.what, status, answer)
		}
	}
}

// TestRealExport sends spans as OpenTelemetry does, plain and compressed, into the own experiment and over a foreign trace.
func TestRealExport(t *testing.T) {
	w := newWorld(t, "new", nil)
	p := unique(t)
	own, foreign := w.project(p+"-mine"), w.project(p+"-theirs")
	ann := w.account("ann", auth.RoleScientist, p+"-mine-*")
	send := func(exp, trace string, zipped bool) int {
		b := export(t, trace)
		header := []string{"Content-Type", "application/x-protobuf", "X-Mlflow-Experiment-Id", exp, "Authorization", "Bearer " + ann}
		if zipped {
			var z bytes.Buffer
			g := gzip.NewWriter(&z)
			g.Write(b)
			g.Close()
			b, header = z.Bytes(), append(header, "Content-Encoding", "gzip")
		}
		r, err := http.NewRequest("POST", w.url+"/v1/traces", bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	for _, zipped := range []bool{false, true} {
		id := fmt.Sprintf("%x", rand.Text()[:16])
		if status := send(own.exp, id, zipped); status != 200 {
			t.Errorf("own spans, compressed %v: %d", zipped, status)
		}
		if status, _ := w.call(ann, "GET", "/api/3.0/mlflow/traces/tr-"+id, nil); status != 200 {
			t.Errorf("the trace of these spans, compressed %v: %d", zipped, status)
		}
	}
	if status := send(foreign.exp, fmt.Sprintf("%x", rand.Text()[:16]), false); status != 403 {
		t.Errorf("spans into a foreign experiment: %d", status)
	}
	if status := send(own.exp, strings.TrimPrefix(foreign.trace, "tr-"), false); status != 403 {
		t.Errorf("spans over a foreign trace: %d", status)
	}
}

// export writes one span of a trace as an exporter would.
func export(t *testing.T, trace string) []byte {
	t.Helper()
	id, err := hex.DecodeString(trace)
	if err != nil {
		t.Fatal(err)
	}
	field := func(n byte, content []byte) []byte { return append([]byte{n<<3 | 2, byte(len(content))}, content...) }
	span := append(field(1, id), field(2, []byte("12345678"))...)
	span = append(span, field(5, []byte("work"))...)
	span = append(span, 7<<3|1, 0, 0, 0, 0, 0, 0, 0, 1, 8<<3|1, 0, 0, 0, 0, 0, 0, 0, 2)
	return field(1, field(2, field(2, span)))
}

// TestRealGraphQL asks what the pages ask, and what they do not.
func TestRealGraphQL(t *testing.T) {
	w := newWorld(t, "new", nil)
	p := unique(t)
	own, foreign := w.project(p+"-mine"), w.project(p+"-theirs")
	// A foreign model that was made of the own run: its name must not show.
	w.must("", "POST", v2+"model-versions/create", m{"name": p + "-theirs-model", "source": own.runURI + "/m", "run_id": own.run}, "")
	ann := w.account("ann", auth.RoleViewer, p+"-mine-*")
	ask := func(query string, vars m) (int, string) {
		status, answer := w.call(ann, "POST", "/graphql", m{"query": query, "variables": vars})
		return status, fmt.Sprint(answer)
	}
	const page = `query GetRun($data: MlflowGetRunInput!) @component(name: "MLflow.ExperimentRunTracking") {
  mlflowGetRun(input: $data) { apiError { code message } run { info { ...Info } experiment { experimentId name } modelVersions { status version name source } } } }
fragment Info on MlflowRunInfo { runId runName }`
	if status, answer := ask(page, m{"data": m{"runId": own.run}}); status != 200 || !strings.Contains(answer, own.run) || !strings.Contains(answer, p+"-mine-model") || strings.Contains(answer, p+"-theirs-model") {
		t.Errorf("the page of a run: %d %s", status, answer)
	}
	aliases := ""
	for i := range 30 {
		aliases += fmt.Sprintf("a%d: mlflowGetRun(input: $data) { run { info { runId } } } ", i)
	}
	run := `mlflowGetRun(input: {runId: "` + foreign.run + `"}) { run { info { runId } } }`
	for what, c := range map[string]struct {
		query string
		vars  m
	}{
		"a foreign run":                {page, m{"data": m{"runId": foreign.run}}},
		"by the old name":              {page, m{"data": m{"runId": own.run, "runUuid": foreign.run}}},
		"in the query itself":          {"{ " + run + " }", nil},
		"in a default":                 {strings.Replace(page, "MlflowGetRunInput!", `MlflowGetRunInput = {runId: "`+foreign.run+`"}`, 1), m{}},
		"in a fragment":                {"{ ...f } fragment f on Query { " + run + " }", nil},
		"in an inline fragment":        {"{ ... on Query { " + run + " } }", nil},
		"behind an own one":            {`{ a: mlflowGetRun(input: {runId: "` + own.run + `"}) { run { info { runId } } } ` + run + " }", nil},
		"aliases":                      {"query Q($data: MlflowGetRunInput!) { " + aliases + "}", m{"data": m{"runId": own.run}}},
		"introspection":                {"{ __schema { types { name } } }", nil},
		"all model versions":           {`{ mlflowSearchModelVersions(input: {}) { modelVersions { name } } }`, nil},
		"a test field":                 {`{ test(inputString: "x") { output } }`, nil},
		"a second operation":           {page + " query B { " + run + " }", m{"data": m{"runId": own.run}}},
		"a fragment in itself":         {"{ ...f } fragment f on Query { ...f }", nil},
		"no query":                     {"", nil},
		"runs of all experiments":      {`{ mlflowSearchRuns(input: {experimentIds: []}) { runs { info { runId } } } }`, nil},
		"one foreign experiment":       {`{ mlflowSearchRuns(input: {experimentIds: ["` + own.exp + `", "` + foreign.exp + `"]}) { runs { info { runId } } } }`, nil},
		"versions without their names": {strings.Replace(page, "version name source", "version source", 1), m{"data": m{"runId": own.run}}},
		"versions under another name":  {strings.Replace(page, "modelVersions {", "info2: modelVersions {", 1), m{"data": m{"runId": own.run}}},
		"depth":                        {"{ mlflowGetRun(input: {runId: \"" + own.run + "\"}) " + strings.Repeat("{ run ", 30) + strings.Repeat("}", 30) + " }", nil},
		"a path that leads out":        {`{ mlflowListArtifacts(input: {runId: "` + own.run + `", path: "../.."}) { files { path } } }`, nil},
	} {
		if status, answer := ask(c.query, c.vars); status != 400 && status != 403 {
			t.Errorf("%s: %d %s", what, status, answer)
		}
	}
}

// TestRealSeparationOfDuties: who made a version does not promote it.
func TestRealSeparationOfDuties(t *testing.T) {
	w := newWorld(t, "new", func(u *gateway.Upstream) { u.On[duties] = true; u.Allow["sources"] = []string{"s3://bucket"} })
	p := unique(t)
	ann, bob := w.account("ann", auth.RoleMaintainer, p+"-*"), w.account("bob", auth.RoleMaintainer, p+"-*")
	root := w.account("root", auth.RoleAdmin, "")
	w.must(ann, "POST", v2+"registered-models/create", m{"name": p + "-model"}, "")
	prompt := m{"name": p + "-prompt", "tags": []m{{"key": isPrompt, "value": "true"}}}
	w.must(ann, "POST", v2+"registered-models/create", prompt, "")
	prompt["source"] = "prompt-template"
	w.must(ann, "POST", v2+"model-versions/create", prompt, "")
	w.must("", "POST", v2+"model-versions/create", prompt, "") // version 2, past the gate
	set := func(who, alias, version string) int {
		status, _ := w.call(who, "POST", v2+"registered-models/alias", m{"name": p + "-prompt", "alias": alias, "version": version})
		return status
	}
	if set(ann, "Champion", "1") != 403 || set(ann, "production", "1") != 403 {
		t.Error("who made a version moves it to production alone")
	}
	// Version 2 is nobody's: only root may. What refuses the others afterwards is that this gate has no scanner (503), not duties.
	if set(bob, "champion", "2") != 403 {
		t.Error("a version that nobody is known to have made is moved by somebody who does not manage it")
	}
	for who, c := range map[string][2]string{bob: {"champion", "1"}, root: {"champion", "2"}, ann: {"draft", "1"}} {
		if status := set(who, c[0], c[1]); status == 403 {
			t.Errorf("%s may not set %s to version %s", who, c[0], c[1])
		}
	}
	// Bob's own version 1 takes the name of a model whose version 1 was ann's.
	isIt := []m{{"key": isPrompt, "value": "true"}}
	w.must(bob, "POST", v2+"registered-models/create", m{"name": p + "-other", "tags": isIt}, "")
	w.must(bob, "POST", v2+"model-versions/create", m{"name": p + "-other", "source": "prompt-template", "tags": isIt}, "")
	w.must("", "DELETE", v2+"registered-models/delete", m{"name": p + "-prompt"}, "")
	w.must(bob, "POST", v2+"registered-models/rename", m{"name": p + "-other", "new_name": p + "-prompt"}, "")
	if status := set(bob, "champion", "1"); status != 403 {
		t.Errorf("who made a version moves it to production alone, under another's name: %d", status)
	}
}

// TestRealOwnersDelete: a scientist deletes what is their own, and nothing else.
func TestRealOwnersDelete(t *testing.T) {
	w := newWorld(t, "new", nil)
	p := unique(t)
	ann, bob := w.account("ann", auth.RoleScientist, p+"-*"), w.account("bob", auth.RoleScientist, p+"-*")
	exp := w.must(ann, "POST", v2+"experiments/create", m{"name": p + "-exp"}, "experiment_id")
	run := w.must(ann, "POST", v2+"runs/create", m{"experiment_id": exp}, "run.info.run_id")
	w.must(ann, "POST", v2+"registered-models/create", m{"name": p + "-model"}, "")
	w.must(ann, "POST", v2+"registered-models/rename", m{"name": p + "-model", "new_name": p + "-model2"}, "")
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"POST", "runs/delete", m{"run_id": run}},
		{"DELETE", "registered-models/delete", m{"name": p + "-model2"}},
		{"POST", "experiments/delete", m{"experiment_id": exp}},
	} {
		if status, _ := w.call(bob, c.method, v2+c.path, c.body); status != 403 {
			t.Errorf("bob deletes what ann made: %s %d", c.path, status)
		}
		if status, answer := w.call(ann, c.method, v2+c.path, c.body); status != 200 {
			t.Errorf("ann cannot delete what she made: %s %d %v", c.path, status, answer)
		}
	}
}
