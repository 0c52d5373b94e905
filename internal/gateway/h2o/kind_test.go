package h2o_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"weir/internal/audit"
	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/h2o"
	"weir/internal/gateway/wire"
)

// owners is a small policy: everybody reads and writes what is theirs and files below the roots, "root" manages.
func owners(p auth.Principal, a auth.Action, r auth.Resource) auth.Decision {
	if strings.HasPrefix(r.ID, "public-") && a == auth.Read {
		return auth.Decision{Allow: true, Policy: "public"}
	}
	open := r.Type == "import-path" || r.Type == "export-path" || r.Type == "ui" || r.Type == "cluster" && a == auth.Read || r.Type == "job" && r.ID == "" ||
		(r.Type == "frame" || r.Type == "model" || r.Type == "grid" || r.Type == "leaderboard") && r.ID == ""
	return auth.Decision{Allow: p.Name == "root" || open || r.Owner == p.Name, Policy: "owners"}
}

type front struct {
	t    *testing.T
	url  string
	seen []string // what reached the server
	tell func(w http.ResponseWriter, r *http.Request)
}

// newFront puts the gate before a recorder.
func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{t: t}
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		f.seen = append(f.seen, r.Method+" "+r.URL.RequestURI()+" "+string(b))
		w.Header().Set("Content-Type", "application/json")
		if f.tell != nil {
			f.tell(w, r)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/light") || strings.HasPrefix(r.URL.Path, "/3/Models/") || strings.HasPrefix(r.URL.Path, "/99/Leaderboards/") {
			w.WriteHeader(http.StatusNotFound)
		}
		io.WriteString(w, "{}")
	}))
	t.Cleanup(up.Close)
	to, err := url.Parse(up.URL)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(gateway.Config{
		Upstreams: []*gateway.Upstream{{Name: "h2o", Kind: h2o.Kind(), To: to, Allow: map[string][]string{
			"import-roots": {"/data/in"}, "export-roots": {"/data/out/"}, "import-urls": {"http://files.example.org/a.csv"}, "jdbc-urls": {"jdbc:postgresql://db/a"},
		}}},
		Identify: func(r *http.Request, _ *wire.Request) (auth.Principal, error) {
			name, _, _ := r.BasicAuth()
			return auth.Principal{Name: name}, nil
		},
		Decide: owners,
		Record: func(audit.Record) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(g)
	t.Cleanup(func() { srv.Close(); g.Close() })
	f.url = srv.URL
	return f
}

// as sends a request and gives the status and the body. The target is "METHOD /path"; form is encoded as it stands.
func (f *front) as(who, target, form string, header ...string) (int, string) {
	f.t.Helper()
	method, path, _ := strings.Cut(target, " ")
	r, err := http.NewRequest(method, f.url+path, strings.NewReader(form))
	if err != nil {
		f.t.Fatal(err)
	}
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	r.SetBasicAuth(who, "x")
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// TestRequests holds the meaning checks to requests that may and may not pass. What is refused must not have reached the server.
func TestRequests(t *testing.T) {
	f := newFront(t)
	for _, c := range []struct {
		target, form string
		want         int
	}{
		{"POST /3/ImportFiles", "path=/data/in/a.csv", 200},
		{"GET /3/ImportFiles?path=/data/in/sub/", "", 200},
		{"GET /3/ImportFiles?path=/data/in", "", 200},
		{"GET /3/ImportFiles?path=/data/input", "", 403},
		{"GET /3/ImportFiles?path=/etc/passwd", "", 403},
		{"GET /3/ImportFiles?path=/data/in/../../etc/passwd", "", 400},
		{"GET /3/ImportFiles?path=/data/in/%2e%2e/x", "", 400},
		{"GET /3/ImportFiles?path=data/in/a.csv", "", 400},
		{"GET /3/ImportFiles?path=//data/in/a.csv", "", 400},
		{"GET /3/ImportFiles?path=/data/in/*.csv", "", 400},
		{"GET /3/ImportFiles?path=/data/in/a%00", "", 400},
		{"POST /3/ImportFiles", "path=file:///data/in/a.csv", 403},
		{"POST /3/ImportFiles", "path=http://169.254.169.254/latest", 403},
		{"POST /3/ImportFiles", "path=http://files.example.org/a.csv", 200},
		{"POST /3/ImportFiles", "path=http://files.example.org/a.csv%3Fx", 403},
		{"POST /3/ImportFiles?path=/data/in/a", "path=/etc/passwd", 400},
		{"POST /3/ImportFiles", "path=/data/in/a&path=/etc/passwd", 400},
		{"POST /3/ImportFiles", "path=/data/in/a&Path=/etc/passwd", 400},
		{"POST /3/ImportFiles", "path=/data/in&pattern=.*%5C.csv", 200},
		{"POST /3/ImportFiles", "path=/data/in&pattern=(a%2B)%2B$", 400},
		{"POST /3/ImportFilesMulti", `paths=["/data/in/a","/data/in/b"]`, 200},
		{"POST /3/ImportFilesMulti", `paths=["/data/in/a","/etc/b"]`, 403},
		{"POST /3/ImportFilesMulti", `paths=["/data/in/a\u0022,\u0022/etc/b"]`, 400},
		{"GET /3/Typeahead/files?src=/data/in&limit=10", "", 200},
		{"GET /3/Typeahead/files?src=/", "", 403},
		{"GET /3/Typeahead/files?src=http://127.0.0.1/", "", 403},
		{"POST /3/Frames/mine/export", "path=/data/out/x.csv", 404}, // nobody made it
		{"POST /3/ParseSetup", `source_frames=["nfs://data/in/a.csv"]`, 200},
		{"POST /3/ParseSetup", `source_frames=["nfs://etc/passwd"]`, 403},
		{"POST /3/ParseSetup", `source_frames=[{"name":"x"}]`, 400},
		{"POST /3/CreateFrame", "dest=mine&rows=10", 200},
		{"POST /3/CreateFrame", "dest={\"name\":\"mine\"}&rows=10", 400},
		{"POST /3/CreateFrame", "dest=<img>&rows=10", 400},
		{"POST /3/CreateFrame", "dest=sum&rows=10", 400},
		{"POST /3/CreateFrame", "dest=../mine&rows=10", 400},
		{"POST /3/ModelBuilders/gbm", "training_frame=mine&model_id=../../m&export_checkpoints_dir=/data/out/c", 400},
		{"POST /99/Grid/gbm", `training_frame=mine&grid_id=../g&hyper_parameters={"ntrees":[1,2]}`, 400},
		{"POST /3/CreateFrame", "dest=mine&rows=10&trojan=1", 400},
		{"POST /3/Frames/mine/export", "path=/data/out/x.csv", 200},
		{"POST /3/Frames/mine/export", "path=/data/out/x.csv&force=false", 200},
		{"POST /3/Frames/mine/export", "path=/data/out/x.csv&force=true", 400},
		{"POST /3/Frames/mine/export", "path=/data/out/x.csv&force=1", 400},
		{"POST /3/Frames/mine/export", "path=/home/x", 403},
		{"POST /3/Frames/mine/export", "path=s3://bucket/x", 400},
		{"POST /3/ModelBuilders/gbm", "training_frame=mine&response_column=y&model_id=m1", 200},
		{"POST /3/ModelBuilders/gbm", "training_frame=mine&response_column=y&export_checkpoints_dir=/data/out/c", 200},
		{"POST /3/ModelBuilders/gbm", "training_frame=mine&response_column=y&export_checkpoints_dir=/var/www", 403},
		{"POST /3/ModelBuilders/gbm", "training_frame=mine&custom_metric_func=python:x=y.Z", 400},
		{"POST /3/ModelBuilders/gbm", "training_frame=theirs", 404},
		{"POST /3/ModelBuilders/gbm", "training_frame=mine&checkpoint=theirs", 404},
		{"POST /3/ModelBuilders/nosuch", "training_frame=mine", 405},
		{"POST /99/Grid/gbm", `training_frame=mine&hyper_parameters={"ntrees":[1,2]}`, 200},
		{"POST /99/Grid/gbm", `training_frame=mine&hyper_parameters={"export_checkpoints_dir":["/var/www"]}`, 400},
		{"POST /99/Grid/gbm", `training_frame=mine&hyper_parameters={"_export_checkpoints_dir":["/var/www"]}`, 400},
		{"POST /99/Grid/gbm", `training_frame=mine&hyper_parameters={"ntrees":[1]}&recovery_dir=/data/out/r`, 400},
		{"POST /99/ModelBuilders/stackedensemble", `training_frame=mine&base_models=["m1"]&metalearner_params={"ntrees":[3]}`, 200},
		{"POST /99/ModelBuilders/stackedensemble", `training_frame=mine&metalearner_params={"export_checkpoints_dir":["/x"]}`, 400},
		{"GET /99/Models.bin/m1?dir=/data/out/m&force=False", "", 503}, // this gate has no scanner
		{"GET /99/Models/m1/json?dir=/data/out/m", "", 200},
		{"GET /99/Models.bin/m1?dir=/data/out/m&force=True", "", 400},
		{"GET /99/Models.mojo/m1?dir=/etc/m", "", 403},
		{"GET /99/Models/m1/json?dir=/etc/m", "", 403},
		{"GET /99/Models.bin/theirs?dir=/data/out/m", "", 404},
		{"GET /3/DownloadDataset?frame_id=mine&hex_string=false", "", 200},
		{"GET /3/DownloadDataset?frame_id=theirs", "", 404},
		{"POST /99/ImportSQLTable", "connection_url=jdbc:postgresql://db/a&table=t&columns=a,b", 200},
		{"POST /99/ImportSQLTable", "connection_url=jdbc:postgresql://db/a%3FsocketFactory%3Dx&table=t", 403},
		{"POST /99/ImportSQLTable", "connection_url=jdbc:postgresql://db/a&table=t;drop", 400},
		{"POST /99/ImportSQLTable", "connection_url=jdbc:postgresql://db/a&select_query=select+1", 403},
		{"POST /99/Rapids", "ast=(sum mine)", 200},
		{"POST /99/Rapids", "ast=(sum theirs)", 404},
		{"POST /99/Rapids", "ast=(assign theirs2 (cols mine 0))", 200},
		{"POST /99/Rapids", "ast=(rm theirs)", 404},
		{"POST /99/Rapids", `ast=(run_tool "MojoConvertTool" ["a"])`, 400},
		{"POST /99/Rapids", `ast=(setproperty "a" "b")`, 400},
		{"POST /99/Rapids", `ast=(ls)`, 403},
		{"POST /99/Rapids", `ast=(sum mine)&id=x`, 400},
		{"POST /99/Rapids?ast=(ls)", "", 400},
		{"POST /99/Assembly", `frame=mine&steps=["a__H2OColSelect__(cols_py dummy [0 1])__False__|"]`, 200},
		{"POST /99/Assembly", `frame=mine&steps=["a__H2OColOp__(sum (ls))__False__|"]`, 400},
		{"POST /99/Assembly", `frame=mine&steps=["a__H2OColOp__(cbind dummy theirs)__False__|"]`, 400},
		{"POST /99/Assembly", `frame=mine&steps=["a__Transform__(cols dummy 0)__False__|"]`, 400},
		{"POST /3/Shutdown", "", 403},
		{"GET /3/JStack", "", 403},
		{"GET /3/KillMinus3", "", 403},
		{"GET /3/Logs/download", "", 403},
		{"GET /3/Logs/nodes/0/files/info", "", 403},
		{"DELETE /3/DKV", "", 403},
		{"DELETE /3/DKV/theirs", "", 404},
		{"DELETE /3/DKV/m1", "", 200},
		{"POST /3/NodePersistentStorage/notebook/x", "value=%3Cscript%3E", 403},
		{"POST /3/PutKey?destination_key=a.jar", "", 403},
		{"POST /3/Recovery/resume", "recovery_dir=/data/in", 403},
		{"POST /3/Frames/load", "frame_id=x&dir=/data/in", 403},
		{"POST /3/DecryptionSetup", "decrypt_impl=x", 403},
		{"GET /3/Frames/mine/export/x/overwrite/true", "", 403},
		{"GET /4/About", "", 404}, // H2O would answer as /3/About
		{"GET /LATEST/Frames", "", 404},
		{"GET /3/About.json", "", 404},
		{"PUT /3/Frames", "", 405},
		{"GET /flow/index.html", "", 200},
		{"GET /flow/../3/Shutdown", "", 400},
		{"GET /3/About", "", 200},
	} {
		before := len(f.seen)
		status, body := f.as("ann", c.target, c.form)
		if status != c.want {
			t.Errorf("%s %s: %d, want %d: %.200s", c.target, c.form, status, c.want, body)
		}
		asked := slices.ContainsFunc(f.seen[before:], func(s string) bool { return !strings.Contains(s, "/light") && !strings.HasPrefix(s, "GET /3/Models/") })
		if c.want >= 400 && asked {
			t.Errorf("%s %s: refused, and yet the server saw %q", c.target, c.form, f.seen[before:])
		}
	}
}

// TestJSONIsNoOtherForm: H2O reads a JSON body instead of a form when the Content-Type says so, and then ignores the form's reading.
func TestJSONIsNoOtherForm(t *testing.T) {
	f := newFront(t)
	for _, kind := range []string{"application/json", "application/json; charset=utf-8", "text/plain", "multipart/form-data; boundary=x", "APPLICATION/JSON"} {
		if status, _ := f.as("ann", "POST /3/ImportFiles", `{"path":"/etc/passwd"}`, "Content-Type", kind); status != http.StatusUnsupportedMediaType {
			t.Errorf("a body of type %q is answered with %d, want 415", kind, status)
		}
	}
	if len(f.seen) > 0 {
		t.Errorf("the server saw %q", f.seen)
	}
}

// TestAutoML reads the one JSON body that H2O's clients send.
func TestAutoML(t *testing.T) {
	f := newFront(t)
	f.as("ann", "POST /3/CreateFrame", "dest=mine&rows=10")
	for _, c := range []struct {
		body string
		want int
	}{
		{`{"input_spec":{"training_frame":"mine","response_column":{"column_name":"y"}},"build_control":{"project_name":"p","stopping_criteria":{"max_models":2}},"build_models":{}}`, 200},
		{`{"input_spec":{"training_frame":"theirs"}}`, 404},
		{`{"input_spec":{"training_frame":{"name":"theirs"}}}`, 404},
		{`{"input_spec":{"training_frame":"mine"},"build_control":{"export_checkpoints_dir":"/etc"}}`, 403},
		{`{"input_spec":{"training_frame":"mine"},"build_control":{"custom_metric_func":"python:a=b.C"}}`, 400},
		{`{"input_spec":{"training_frame":"mine"},"build_models":{"algo_parameters":[{"scope":"any","name":"ntrees","value":3}]}}`, 200},
		{`{"input_spec":{"training_frame":"mine"},"build_models":{"algo_parameters":[{"scope":"any","name":"export_checkpoints_dir","value":"/etc"}]}}`, 400},
		{`{"input_spec":{"training_frame":"mine","training_frame":"theirs"}}`, 400},
		{`{"input_spec":{"training_frame":"mine"},"trojan":1}`, 400},
	} {
		if status, body := f.as("ann", "POST /99/AutoMLBuilder", c.body, "Content-Type", "application/json"); status != c.want {
			t.Errorf("%s: %d, want %d: %.200s", c.body, status, c.want, body)
		}
	}
}

// TestSharedColumns: H2O copies columns on write, but not for functions that change in place: found on 3.46.0.12.
func TestSharedColumns(t *testing.T) {
	f := newFront(t)
	f.as("root", "POST /3/CreateFrame", "dest=public-x&rows=10")
	f.as("ann", "POST /3/CreateFrame", "dest=mine&rows=10")
	for _, c := range []struct {
		do   string
		want int
	}{
		{"(tmp= py_1_sid_00bb (cols mine 0))", 200},
		{`(setDomain py_1_sid_00bb True ["a"])`, 200},
		{`(setDomain public-x True ["a"])`, 403},
		{"(tmp= py_2_sid_00bb (cols public-x 0))", 200},
		{`(setDomain py_2_sid_00bb False ["a"])`, 200}, // not in place
		{`(setDomain py_2_sid_00bb True ["a"])`, 403},
		{"(tmp= py_3_sid_00bb (cbind mine (cols py_2_sid_00bb 0)))", 200},
		{`(scale_inplace py_3_sid_00bb True True)`, 403},
		{`(h2o.impute (cols py_3_sid_00bb 1) 0 "mean" "interpolate" [] _ _)`, 403},
		{"DELETE /3/DKV/py_3_sid_00bb", 403},
		{"DELETE /3/Frames/py_3_sid_00bb", 403},
		{"POST /3/MissingInserter dataset=py_3_sid_00bb&fraction=0.5", 403},
		{"(assign copy py_3_sid_00bb)", 200}, // copies
		{`(scale_inplace copy True True)`, 200},
		{"(rm py_3_sid_00bb)", 200}, // counts references
		{"(tmp= py_3_sid_00bb (cols mine 0))", 200},
		{`(scale_inplace py_3_sid_00bb True True)`, 200},
		{"(tmp= py_4_sid_00bb (cols public-x 0))", 200},
		{"(ifelse True 1 (rm py_4_sid_00bb))", 200}, // which does nothing
		{`(scale_inplace py_4_sid_00bb True True)`, 403},
	} {
		target, form := "POST /99/Rapids", "session_id=_sid_00bb&ast="+url.QueryEscape(c.do)
		if !strings.HasPrefix(c.do, "(") {
			method, rest, _ := strings.Cut(c.do, " ")
			path, body, _ := strings.Cut(rest, " ")
			target, form = method+" "+path, body
		}
		if status, body := f.as("ann", target, form); status != c.want {
			t.Errorf("%s: %d, want %d: %.200s", c.do, status, c.want, body)
		}
	}
}

// TestOwnSession: whoever uses a session first has it.
func TestOwnSession(t *testing.T) {
	f := newFront(t)
	if status, _ := f.as("ann", "POST /99/Rapids", "session_id=_sid_12ab&ast=(%2B+1+2)"); status != 200 {
		t.Errorf("a session of one's own is answered with %d", status)
	}
	if status, _ := f.as("bob", "POST /99/Rapids", "session_id=_sid_12ab&ast=(%2B+1+2)"); status != 403 {
		t.Errorf("the session of another is answered with %d", status)
	}
	if status, _ := f.as("bob", "DELETE /4/sessions/_sid_12ab", ""); status != 403 {
		t.Errorf("the session of another can be ended: %d", status)
	}
	if status, _ := f.as("bob", "POST /99/Rapids", "session_id=x&ast=(%2B+1+2)"); status != 400 {
		t.Errorf("a session of any name is answered with %d", status)
	}
}

// TestListsAreFiltered hides what is not one's own, and leaves an answer that is all one's own as it was.
func TestListsAreFiltered(t *testing.T) {
	f := newFront(t)
	f.as("ann", "POST /3/CreateFrame", "dest=mine&rows=10")
	whole := `{"frames":[{"frame_id":{"name":"mine","type":"Key<Frame>"}},  {"frame_id":{"name":"theirs","type":"Key<Frame>"},"rows":1}],"compatible_models":["secret"]}`
	f.tell = func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, whole) }
	if _, body := f.as("ann", "GET /3/Frames", ""); !strings.Contains(body, `"mine"`) || strings.Contains(body, "theirs") || strings.Contains(body, "secret") {
		t.Errorf("ann sees %s", body)
	}
	if _, body := f.as("bob", "GET /3/Frames", ""); strings.Contains(body, "mine") || !strings.Contains(body, `"frames":[]`) {
		t.Errorf("bob sees %s", body)
	}
	if _, body := f.as("root", "GET /3/Frames", ""); body != whole {
		t.Errorf("root sees %s", body)
	}
	f.tell = func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{"frames":{"a":1}}`) }
	if status, _ := f.as("root", "GET /3/Frames", ""); status < 500 {
		t.Errorf("an answer that cannot be filtered is answered with %d", status)
	}
}
