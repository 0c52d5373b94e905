package mlflow

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"weir/internal/audit"
	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/gatetest"
	"weir/internal/gateway/wire"
	"weir/internal/store/sqlite"
)

func TestMain(m *testing.M) { os.Exit(gatetest.Main(m)) }

// world is a gate before a real MLflow, in this process, so that a test sees what was decided.
type world struct {
	t      testing.TB
	direct string // the server's own address
	url    string // the gate's
	up     *gateway.Upstream
	mu     sync.Mutex
	last   audit.Record
	who    map[string]auth.Principal // by bearer token
	asked  int                       // requests that reached the server
	genai  bool                      // the server is a 3.x with traces of version 3, data sets, reviews
}

// marked is a header that the gate passes on: a server that stands in front of MLflow answers what carries it itself, so that what is tested is not
// done, while what the gate asks for itself is answered by MLflow.
const marked = "X-Mlflow-Client-Version"

func newWorld(t testing.TB, version string, change func(*gateway.Upstream)) *world {
	t.Helper()
	srv := gatetest.Shared(t, "mlflow", version)
	return newWorldOf(t, srv, version == "new", change)
}

// newWorldOf is a world before a server that was started in another way.
func newWorldOf(t testing.TB, srv *gatetest.Server, genai bool, change func(*gateway.Upstream)) *world {
	t.Helper()
	w := &world{t: t, direct: srv.URL, who: map[string]auth.Principal{}, genai: genai}
	to, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	door := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.asked++
		w.mu.Unlock()
		if r.Header.Get(marked) == "stop" {
			rw.Header().Set("Content-Type", "application/json")
			io.WriteString(rw, "{}")
			return
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(door.Close)
	if to, err = url.Parse(door.URL); err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "gate.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	a, err := auth.Open(db, auth.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w.up = &gateway.Upstream{Name: "m", Kind: Kind(), To: to, Allow: map[string][]string{}, On: map[string]bool{}}
	if change != nil {
		change(w.up)
	}
	g, err := gateway.New(gateway.Config{Upstreams: []*gateway.Upstream{w.up}, Decide: a.Decide, Memo: db,
		Identify: func(r *http.Request, _ *wire.Request) (auth.Principal, error) {
			p, ok := w.who[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
			if !ok {
				return p, wire.Refuse(401, "UNAUTHENTICATED", "auth", "say who you are")
			}
			return p, nil
		},
		Record: func(r audit.Record) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.last = r
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	front := httptest.NewServer(g)
	t.Cleanup(front.Close)
	w.url = front.URL
	return w
}

// account makes one with a role, where names are like that; empty: everywhere.
func (w *world) account(name, role, names string) string {
	w.who[name] = auth.Principal{Name: name, Kind: auth.User, Roles: []auth.Grant{{Role: role, Scope: auth.Scope{Name: names}}}}
	return name
}

// call makes a request of an account, through the gate; an empty account goes to the server itself.
func (w *world) call(who, method, path string, body any, header ...string) (int, map[string]any) {
	w.t.Helper()
	base := w.url
	if who == "" {
		base = w.direct
	}
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		content = bytes.NewReader(b)
	}
	r, err := http.NewRequest(method, base+path, content)
	if err != nil {
		w.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+who)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	var out map[string]any
	json.Unmarshal(b, &out)
	return res.StatusCode, out
}

// must makes a request that has to succeed, and gives a value of its answer.
func (w *world) must(who, method, path string, body any, at string) string {
	w.t.Helper()
	status, answer := w.call(who, method, path, body)
	if status != 200 {
		w.t.Fatalf("%s %s: %d %v", method, path, status, answer)
	}
	var v any = answer
	for _, p := range strings.Split(at, ".") {
		if p == "" {
			break
		}
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return fmt.Sprint(v)
}

type m = map[string]any

// side is one of two projects on the server: things of every sort, whose names begin alike.
type side struct {
	prefix, exp, run, runURI, model, trace, dataset, schema, queue, issue string
}

// project makes one, at the server itself.
func (w *world) project(prefix string) side {
	w.t.Helper()
	s := side{prefix: prefix}
	v2, v3 := "/api/2.0/mlflow/", "/api/3.0/mlflow/"
	s.exp = w.must("", "POST", v2+"experiments/create", m{"name": prefix + "-exp"}, "experiment_id")
	s.run = w.must("", "POST", v2+"runs/create", m{"experiment_id": s.exp}, "run.info.run_id")
	s.runURI = w.must("", "GET", v2+"runs/get?run_id="+s.run, nil, "run.info.artifact_uri")
	w.must("", "POST", v2+"registered-models/create", m{"name": prefix + "-model"}, "")
	w.must("", "POST", v2+"model-versions/create", m{"name": prefix + "-model", "source": s.runURI + "/m", "run_id": s.run}, "")
	if !w.genai {
		s.trace, s.dataset, s.schema, s.queue, s.issue = "tr-x", "x", "x", "x", "x"
		return s
	}
	s.model = w.must("", "POST", v2+"logged-models", m{"experiment_id": s.exp, "name": "m"}, "model.info.model_id")
	w.must("", "POST", v2+"registered-models/create", m{"name": prefix + "-prompt", "tags": []m{{"key": isPrompt, "value": "true"}}}, "")
	s.trace = "tr-" + fmt.Sprintf("%x", rand.Text()[:16])
	w.must("", "POST", v3+"traces", m{"trace": m{"trace_info": m{"trace_id": s.trace, "trace_location": m{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": m{"experiment_id": s.exp}},
		"request_time": "2026-01-01T00:00:00Z", "state": "OK"}}}, "")
	s.dataset = w.must("", "POST", v3+"datasets/create", m{"name": prefix + "-data", "experiment_ids": []string{s.exp}}, "dataset.dataset_id")
	s.schema = w.must("", "POST", v3+"label-schemas/create", m{"experiment_id": s.exp, "name": "l", "type": "FEEDBACK", "input": m{"pass_fail": m{"positive_label": "y", "negative_label": "n"}}}, "label_schema.schema_id")
	s.queue = w.must("", "POST", v3+"review-queues/create", m{"experiment_id": s.exp, "name": "q", "queue_type": "CUSTOM"}, "review_queue.queue_id")
	s.issue = w.must("", "POST", v3+"issues", m{"experiment_id": s.exp, "name": "i", "description": "d"}, "issue.issue_id")
	return s
}
