package serving_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"weir/internal/gateway/gatetest"
)

func TestMain(m *testing.M) {
	code := gatetest.Main(m)
	if made != "" {
		os.RemoveAll(made)
	}
	os.Exit(code)
}

// call is one request, sent bare and through the gate.
type call struct {
	name, method, path, kind, body string
	header                         map[string]string
	as                             string // account; empty: reader
	gate                           int    // what the gate answers; 0: what the server answers bare, and the same body
	rule                           string // a word of the gate's reason
	canary                         bool   // bare, it leaves the canary; through the gate, it must not
	bare                           int    // what the server answers bare; 0: 200
}

// place is a bare server and a gate before it.
type place struct {
	bare   string
	gate   *gatetest.Gate
	prefix string // of its path at the gate
	canary string
}

func send(t *testing.T, base, bearer string, c call) (int, string) {
	t.Helper()
	r, err := http.NewRequest(c.method, base+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	if c.kind != "" {
		r.Header.Set("Content-Type", c.kind)
	}
	for k, v := range c.header {
		r.Header.Set(k, v)
	}
	if bearer != "" {
		r.Header.Set("Authorization", bearer)
	}
	r.Close = true // MLServer closes after an error, and does not say so
	res, err := http.DefaultClient.Do(r)
	// A client that is refused while it still sends may see the connection end before it sees the answer; it asks again.
	for try := 0; try < 3 && (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)); try++ {
		t.Logf("the connection ended while the request was sent: %v", err)
		r.Body, _ = r.GetBody()
		res, err = http.DefaultClient.Do(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func (p place) run(t *testing.T, calls []call) {
	t.Helper()
	for _, c := range calls {
		t.Run(c.name, func(t *testing.T) {
			status, bare := send(t, p.bare, "", c)
			if c.bare == 0 {
				c.bare = 200
			}
			if status != c.bare {
				t.Errorf("bare: %d, want %d: %.300s", status, c.bare, bare)
			}
			if _, err := os.Stat(p.canary); c.canary != (err == nil) {
				t.Errorf("bare: the canary is there: %v, want %v", err == nil, c.canary)
			}
			os.Remove(p.canary)
			as := c.as
			if as == "" {
				as = "reader"
			}
			got, body := send(t, p.gate.URL+p.prefix, p.gate.Accounts[as].Bearer(), c)
			if _, err := os.Stat(p.canary); err == nil {
				t.Error("through the gate it fired")
			}
			switch {
			case c.gate == 0 && (got != status || !same(bare, body)):
				t.Errorf("through the gate: %d %.300s\nbare: %d %.300s", got, body, status, bare)
			case c.gate != 0 && (got != c.gate || !strings.Contains(body, c.rule)):
				t.Errorf("through the gate: %d, want %d with %q: %.300s", got, c.gate, c.rule, body)
			}
		})
	}
}

// same compares answers, without the ids that servers make up.
func same(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return a == b
	}
	for _, v := range []any{x, y} {
		if o, ok := v.(map[string]any); ok {
			delete(o, "id")
		}
	}
	return reflect.DeepEqual(x, y)
}

// pickle is one that opens the canary for writing when it is loaded, in protocol 0 or with PROTO 4.
func pickle(file string, proto int) string {
	if proto == 0 {
		return "c__builtin__\nopen\n(S'" + file + "'\nS'w'\ntR."
	}
	var b bytes.Buffer
	b.WriteString("\x80\x04")
	for _, s := range []string{"builtins", "open"} {
		b.WriteString("\x8c" + string([]byte{byte(len(s))}) + s)
	}
	b.WriteString("\x93\x8c" + string([]byte{byte(len(file))}) + file + "\x8c\x01w\x86R.")
	return b.String()
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func accounts() []gatetest.Account {
	return []gatetest.Account{{Name: "reader", Role: "reader"}, {Name: "viewer", Role: "viewer"}, {Name: "deployer", Role: "deployer"}, {Name: "maintainer", Role: "maintainer"}, {Name: "colsonly", Role: "reader", Pattern: "cols"}}
}

// models makes the models once for the package.
func models(t *testing.T) string {
	t.Helper()
	if made == "" {
		dir, err := os.MkdirTemp("", "serving-models-")
		if err != nil {
			t.Fatal(err)
		}
		script, err := os.ReadFile("testdata/models.py")
		if err != nil {
			t.Fatal(err)
		}
		gatetest.Python(t, "gate-mlserver", "import os; os.chdir(os.environ['MODELS'])\n"+string(script), "MODELS="+dir)
		made = dir
	}
	return made
}

var made string

// venv gives a command of an environment with its bin folder first in the path.
func venv(t *testing.T, name, program string, args ...string) *exec.Cmd {
	t.Helper()
	python, err := gatetest.Interpreter(name)
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Dir(python)
	cmd := exec.Command(filepath.Join(bin, program), args...)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "MLFLOW_DISABLE_TELEMETRY=true", "DO_NOT_TRACK=true", "PYTHONWARNINGS=ignore", "GIT_PYTHON_REFRESH=quiet")
	return cmd
}

// scoringServer starts MLflow's scoring server for one of the models: by mlflow's own command, or, quicker, by the command that it runs (its log
// shows it).
func scoringServer(t *testing.T, name string, quick bool) *gatetest.Server {
	t.Helper()
	return gatetest.Start(t, "/ping", func(s *gatetest.Server) *exec.Cmd {
		if quick {
			cmd := venv(t, "gate-mlserver", "uvicorn", "--host", "127.0.0.1", "--port", fmt.Sprint(s.Port), "--workers", "1", "mlflow.pyfunc.scoring_server.app:app")
			cmd.Env = append(cmd.Env, "__pyfunc_model_path__="+filepath.Join(models(t), name))
			return cmd
		}
		return venv(t, "gate-mlserver", "mlflow", "models", "serve", "-m", filepath.Join(models(t), name), "-h", "127.0.0.1", "-p", fmt.Sprint(s.Port), "--env-manager", "local")
	})
}

// before is how the gate stands before a server: below the path /NAME.
func before(name, kind, url string, allow map[string][]string) gatetest.Upstream {
	return gatetest.Upstream{Name: name, Kind: kind, URL: url, Prefix: "/" + name, Allow: allow}
}

// TestServers stands before all servers with one gate.
func TestServers(t *testing.T) {
	dir := models(t)
	cols, tensor, opens, ml := scoringServer(t, "cols", false), scoringServer(t, "tensor", true), scoringServer(t, "open", true), mlServer(t)
	torch, management, store := torchServe(t)
	repository := filepath.Join(dir, "repository")
	share, listed, hits := storeServer(t)
	mlmodel := func(name string) []string { return []string{filepath.Join(dir, name, "MLmodel")} }
	g := gatetest.NewGate(t, gatetest.Plan{Accounts: accounts()},
		before("cols", "mlflow-scoring", cols.URL, map[string][]string{"signatures": mlmodel("cols"), "limits": {"cols rows=1000 body=100000"}}),
		before("tensor", "mlflow-scoring", tensor.URL, map[string][]string{"signatures": mlmodel("tensor")}),
		before("open", "mlflow-scoring", opens.URL, map[string][]string{"signatures": mlmodel("open")}),
		before("v2", "v2", ml.URL, map[string][]string{"model-repository": {repository}, "limits": {"tensor rows=100", "* rate=100000/m"}}),
		before("torch", "torchserve", torch.URL, map[string][]string{"limits": {"echo body=1000000"}}),
		before("management", "torchserve", management, map[string][]string{"model-store": {store}, "stores": {listed + "listed/"}}),
	)
	at := func(name string, s *gatetest.Server) place {
		return place{s.URL, g, "/" + name, filepath.Join(s.Dir, "canary")}
	}
	t.Run("scoring, columns", func(t *testing.T) { scoringColumns(t, at("cols", cols)) })
	t.Run("scoring, tensor", func(t *testing.T) { scoringTensor(t, at("tensor", tensor)) })
	t.Run("scoring, pickles", func(t *testing.T) { scoringPickles(t, at("open", opens)) })
	t.Run("MLServer", func(t *testing.T) { viaMLServer(t, at("v2", ml), repository) })
	if os.Getenv("WEIR_GATE_ALL") != "" { // 340 MB to install
		t.Run("Triton", viaTriton)
	}
	t.Run("TorchServe", func(t *testing.T) { predictions(t, at("torch", torch)) })
	t.Run("TorchServe's management", func(t *testing.T) { registrations(t, g, management, store, share, listed, hits) })
}

const asJSON = "application/json"

func invoke(name, body string) call {
	return call{name: name, method: "POST", path: "/invocations", kind: asJSON, body: body}
}

func refused(c call, bare, gate int, rule string) call {
	c.bare, c.gate, c.rule = bare, gate, rule
	return c
}

func scoringColumns(t *testing.T, p place) {
	many := strings.Repeat("[1,2],", 2000) + "[1,2]"
	p.run(t, []call{
		{name: "ping", method: "GET", path: "/ping"},
		{name: "health", method: "GET", path: "/health"},
		{name: "version", method: "GET", path: "/version"},
		invoke("split", `{"dataframe_split":{"columns":["a","b"],"data":[[1.5,2],[3,4]]}}`),
		invoke("split with index", `{"dataframe_split":{"index":[0],"columns":["b","a"],"data":[[2,1.5]]}}`),
		invoke("records", `{"dataframe_records":[{"a":1.5,"b":2},{"b":3,"a":1}]}`),
		invoke("instances", `{"instances":[{"a":1.5,"b":2}]}`),
		invoke("inputs", `{"inputs":{"a":[1.5,2],"b":[2,3]}}`),
		{name: "csv", method: "POST", path: "/invocations", kind: "text/csv", body: "a,b\n1.5,2\n3,4\n"},
		{name: "csv with charset", method: "POST", path: "/invocations", kind: "text/csv; charset=utf-8", body: "b,a\n1,2.5\n"},
		refused(invoke("NaN", `{"dataframe_split":{"columns":["a","b"],"data":[[NaN,2]]}}`), 400, 400, "NaN"),
		refused(invoke("infinite", `{"dataframe_split":{"columns":["a","b"],"data":[[1e999,2]]}}`), 400, 400, "too large"),
		refused(invoke("null", `{"dataframe_split":{"columns":["a","b"],"data":[[null,2]]}}`), 400, 400, "requires it"),
		refused(invoke("text", `{"dataframe_split":{"columns":["a","b"],"data":[["x",2]]}}`), 400, 400, "must be double"),
		refused(invoke("missing column", `{"dataframe_split":{"columns":["a"],"data":[[1]]}}`), 400, 400, "is missing"),
		refused(invoke("more columns", `{"dataframe_split":{"columns":["a","b","c"],"data":[[1,2,3]]}}`), 200, 400, "not in the model"),
		refused(invoke("ragged", `{"dataframe_split":{"columns":["a","b"],"data":[[1,2,3]]}}`), 400, 400, "must have 2 values"),
		refused(invoke("list", `{"inputs":[[1,2]]}`), 400, 400, "must be an object"),
		refused(invoke("two forms", `{"inputs":{"a":[1],"b":[2]},"instances":[]}`), 400, 400, "both"),
		refused(invoke("twice", `{"inputs":{"a":["x"],"b":[2]},"inputs":{"a":[1],"b":[2]}}`), 200, 400, ""),
		refused(invoke("long rows", `{"dataframe_split":{"columns":["a","b"],"data":[`+many+`]}}`), 200, 413, "rows"),
		refused(invoke("oversize", `{"dataframe_split":{"columns":["a","b"],"data":[[1,2]]}}`+strings.Repeat(" ", 200_000)), 200, 413, "larger than 100000"),
		refused(call{name: "csv of text", method: "POST", path: "/invocations", kind: "text/csv", body: "a,b\nx,2\n"}, 400, 400, "must be double"),
		refused(call{name: "other type", method: "POST", path: "/invocations", kind: "text/plain", body: "{}"}, 415, 415, ""),
		refused(call{name: "no route", method: "GET", path: "/openapi.json"}, 200, 404, "route table"),
		{name: "viewer", method: "POST", path: "/invocations", kind: asJSON, body: `{"inputs":{"a":[1.5],"b":[2]}}`, as: "viewer", gate: 403},
	})
}

func scoringTensor(t *testing.T, p place) {
	p.run(t, []call{
		invoke("inputs", `{"inputs":[[1.5,2],[3,4]]}`),
		invoke("instances", `{"instances":[[1.5,2]]}`),
		refused(invoke("shape", `{"inputs":[[1.5,2,3]]}`), 400, 400, "shape"),
		refused(invoke("more dimensions", `{"inputs":[[[1.5],[2]]]}`), 400, 400, "more dimensions"),
		refused(invoke("fewer dimensions", `{"inputs":[1.5,2]}`), 400, 400, "shape"),
		refused(invoke("ragged", `{"inputs":[[1.5,2],[3]]}`), 400, 400, "shape"),
		refused(invoke("text", `{"inputs":[["a","b"]]}`), 400, 400, "must be double"),
		refused(invoke("deep", `{"inputs":`+strings.Repeat("[", 200)+`1`+strings.Repeat("]", 200)+`}`), 400, 400, "deep"),
	})
}

// The model unpickles what it is sent: bare, that runs code.
func scoringPickles(t *testing.T, p place) {
	var calls []call
	add := func(name, payload string) {
		body, err := json.Marshal(map[string]any{"dataframe_split": map[string]any{"columns": []string{"payload"}, "data": [][]string{{payload}}}})
		if err != nil {
			t.Fatal(err)
		}
		c := invoke(name, string(body))
		c.canary, c.gate, c.rule = true, 400, "holds a pickle"
		calls = append(calls, c)
	}
	add("protocol 0", b64(pickle(p.canary, 0)))
	add("protocol 4", b64(pickle(p.canary, 4)))
	add("with junk", "!"+strings.Join(strings.Split(b64(pickle(p.canary, 4)), ""), "\n"))
	add("and more after it", b64(pickle(p.canary, 4)+"some text"))
	rows := invoke("records", `{"dataframe_records":[{"payload":"`+b64(pickle(p.canary, 4))+`"}]}`)
	rows.canary, rows.gate, rows.rule = true, 400, "holds a pickle"
	calls = append(calls, rows,
		call{name: "csv", method: "POST", path: "/invocations", kind: "text/csv", body: "payload\n" + b64(pickle(p.canary, 4)) + "\n", canary: true, gate: 400, rule: "holds a pickle"},
		invoke("honest text", `{"dataframe_split":{"columns":["payload"],"data":[["the quick brown fox"],["c.f. this\nline\nR."],["gas and water"]]}}`),
		invoke("a parameter", `{"inputs":{"payload":["x"]},"params":{"top":3}}`),
		refused(invoke("an unknown parameter", `{"inputs":{"payload":["x"]},"params":{"bottom":3}}`), 200, 400, "not in the model"),
	)
	p.run(t, calls)
}

func mlServer(t *testing.T) *gatetest.Server {
	t.Helper()
	repository := filepath.Join(models(t), "repository")
	return gatetest.Start(t, "/v2/health/ready", func(s *gatetest.Server) *exec.Cmd {
		settings := fmt.Sprintf(`{"host":"127.0.0.1","http_port":%d,"grpc_port":%d,"metrics_endpoint":null,"parallel_workers":0}`, s.Port, s.Port+1)
		if err := os.WriteFile(filepath.Join(repository, "settings.json"), []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
		return venv(t, "gate-mlserver", "mlserver", "start", repository)
	})
}

func viaMLServer(t *testing.T, p place, repository string) {
	infer := func(name, model, body string) call {
		return call{name: name, method: "POST", path: "/v2/models/" + model + "/infer", kind: asJSON, body: body}
	}
	columns := func(a, b string) string { return `{"parameters":{"content_type":"pd"},"inputs":[` + a + `,` + b + `]}` }
	const a, b = `{"name":"a","datatype":"FP64","shape":[2,1],"data":[1.5,2]}`, `{"name":"b","datatype":"INT64","shape":[2,1],"data":[1,2]}`
	payload := func(extra, data string) string {
		return `{"inputs":[{"name":"payload","datatype":"BYTES","shape":[1,1]` + extra + `,"data":["` + data + `"]}],"parameters":{"content_type":"pd"}}`
	}
	fires := infer("base64 pickle", "open", payload(`,"parameters":{"content_type":"str"}`, b64(pickle(p.canary, 4))))
	fires.canary, fires.gate, fires.rule = true, 400, "holds a pickle"
	p.run(t, []call{
		{name: "live", method: "GET", path: "/v2/health/live"},
		{name: "server", method: "GET", path: "/v2"},
		{name: "metadata", method: "GET", path: "/v2/models/cols"},
		{name: "model ready", method: "GET", path: "/v2/models/cols/ready"},
		{name: "no such model", method: "GET", path: "/v2/models/none", bare: 404},
		infer("columns", "cols", columns(a, b)),
		infer("columns in another shape", "cols", columns(`{"name":"a","datatype":"FP64","shape":[2],"data":[1.5,2]}`, `{"name":"b","datatype":"INT64","shape":[2],"data":[1,2]}`)),
		infer("text", "open", payload(`,"parameters":{"content_type":"str"}`, "hello")),
		fires,
		refused(infer("shape and data differ", "cols", columns(`{"name":"a","datatype":"FP64","shape":[3,1],"data":[1.5,2]}`, b)), 500, 400, "its shape"),
		refused(infer("unknown name", "cols", columns(`{"name":"c","datatype":"FP64","shape":[2,1],"data":[1.5,2]}`, b)), 500, 400, "not in the model"),
		refused(infer("missing input", "cols", `{"parameters":{"content_type":"pd"},"inputs":[`+a+`]}`), 500, 400, "is missing"),
		refused(infer("wrong type", "cols", columns(`{"name":"a","datatype":"BYTES","shape":[2,1],"data":["1.5","2"]}`, b)), 500, 400, "must be FP64"),
		refused(infer("object", "cols", columns(`{"name":"a","datatype":"OBJECT","shape":[2,1],"data":["1.5","2"]}`, b)), 422, 400, "none of the protocol"),
		refused(infer("infinite", "cols", columns(`{"name":"a","datatype":"FP64","shape":[2,1],"data":[1e999,2]}`, b)), 422, 400, "too large"),
		refused(infer("shared memory", "cols", columns(strings.Replace(a, `"data"`, `"parameters":{"shared_memory_region":"r","shared_memory_byte_size":16},"data"`, 1), b)), 200, 400, "shared memory"),
		refused(infer("content type", "cols", columns(strings.Replace(a, `"data"`, `"parameters":{"content_type":"pickle"},"data"`, 1), b)), 200, 400, "plain values"),
		refused(infer("too many rows", "tensor", `{"inputs":[{"name":"t","datatype":"FP64","shape":[200,2],"data":[`+strings.Repeat("1,", 399)+`1]}]}`), 200, 413, "rows"),
		{name: "not by a viewer", method: "POST", path: "/v2/models/cols/infer", kind: asJSON, body: columns(a, b), as: "viewer", gate: 403},
		refused(call{name: "loading is not for readers", method: "POST", path: "/v2/repository/models/cols/load", kind: asJSON, body: "{}"}, 200, 403, ""),
		{name: "loading what is clean", method: "POST", path: "/v2/repository/models/cols/load", kind: asJSON, body: "{}", as: "deployer"},
		refused(call{name: "load with files", method: "POST", path: "/v2/repository/models/cols/load", kind: asJSON, body: `{"parameters":{"file:1/model.py":"aW1wb3J0IG9z","config":"{}"}}`, as: "deployer"}, 200, 400, "as it lies"),
		{name: "index", method: "POST", path: "/v2/repository/index", kind: asJSON, body: "{}"},
		{name: "index of somebody who may see one", method: "POST", path: "/v2/repository/index", kind: asJSON, body: "{}", as: "colsonly", gate: 200, rule: `[{"name":"cols","reason":"","state":"READY"}]`},
		refused(call{name: "another's model", method: "GET", path: "/v2/models/open", as: "colsonly"}, 200, 403, ""),
		refused(call{name: "region", method: "POST", path: "/v2/systemsharedmemory/region/r/register", kind: asJSON, body: `{"key":"/r","byte_size":64}`, as: "admin"}, 404, 400, "shared memory"),
		refused(call{name: "log file", method: "POST", path: "/v2/logging", kind: asJSON, body: `{"log_file":"/tmp/x"}`, as: "admin"}, 404, 400, "write a file"),
		{name: "unload", method: "POST", path: "/v2/repository/models/tensor/unload", kind: asJSON, body: "{}", as: "deployer", bare: 200, gate: 404},
	})
	t.Run("client", func(t *testing.T) { tritonClient(t, p) })
	t.Run("a model whose pickle fires", func(t *testing.T) {
		late := filepath.Join(repository, "late")
		if err := os.Rename(filepath.Join(late, "settings.off"), filepath.Join(late, "model-settings.json")); err != nil {
			t.Fatal(err)
		}
		load := call{method: "POST", path: "/v2/repository/models/late/load", kind: asJSON, body: "{}"}
		canary := filepath.Join(models(t), "canary-load")
		send(t, p.bare, "", load)
		if _, err := os.Stat(canary); err != nil {
			t.Errorf("bare: it did not fire: %v", err)
		}
		os.Remove(canary)
		status, body := send(t, p.gate.URL+p.prefix, p.gate.Accounts["deployer"].Bearer(), load)
		if _, err := os.Stat(canary); err == nil || status != 422 {
			t.Errorf("through the gate: %d %s, canary %v", status, body, err)
		}
	})
}

// tritonClient is the real client of the protocol, with its JSON form.
func tritonClient(t *testing.T, p place) {
	const script = `
import os
import numpy as np
import tritonclient.http as http
out = []
for base in (os.environ["BARE"], os.environ["GATE"]):
    c = http.InferenceServerClient(base.removeprefix("http://"))
    h = {"Authorization": os.environ["BEARER"]}
    a = http.InferInput("a", [2, 1], "FP64"); a.set_data_from_numpy(np.array([[1.5], [2.0]]), binary_data=False)
    b = http.InferInput("b", [2, 1], "INT64"); b.set_data_from_numpy(np.array([[1], [2]]), binary_data=False)
    r = c.infer("cols", [a, b], headers=h, request_compression_algorithm=None)
    out.append((c.is_server_live(h), c.is_model_ready("cols", headers=h), c.get_model_metadata("cols", headers=h), r.get_response()["outputs"]))
assert out[0] == out[1], out
print("equal")
`
	env := []string{"BARE=" + p.bare, "GATE=" + p.gate.URL + p.prefix, "BEARER=" + p.gate.Accounts["reader"].Bearer()}
	if got := gatetest.Python(t, "gate-mlserver", script, env...); !strings.Contains(got, "equal") {
		t.Error(got)
	}
}

// torchServe starts one with the handler of testdata, and gives its inference and management addresses and its model store.
func torchServe(t *testing.T) (s *gatetest.Server, management, store string) {
	t.Helper()
	s = gatetest.Start(t, "/ping", func(s *gatetest.Server) *exec.Cmd {
		store = filepath.Join(s.Dir, "store")
		if err := os.MkdirAll(filepath.Join(s.Dir, "workflows"), 0o755); err != nil {
			t.Fatal(err)
		}
		archive(t, store, "echo", "testdata/handler.py")
		management = fmt.Sprintf("http://127.0.0.1:%d", s.Port+1)
		config := fmt.Sprintf("inference_address=%s\nmanagement_address=%s\nmetrics_address=http://127.0.0.1:%d\ngrpc_inference_port=%d\ngrpc_management_port=%d\n"+
			"initial_worker_port=%d\ndefault_workers_per_model=1\nnumber_of_netty_threads=2\nvmargs=-Xmx512m -Djava.io.tmpdir=%s\nmax_request_size=6553500\ndefault_response_timeout=120\n",
			s.URL, management, free(t), free(t), free(t), free(t), s.Dir)
		if err := os.WriteFile(filepath.Join(s.Dir, "config.properties"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		return venv(t, "gate-torchserve", "torchserve", "--start", "--foreground", "--ncs", "--model-store", store, "--workflow-store", filepath.Join(s.Dir, "workflows"),
			"--ts-config", filepath.Join(s.Dir, "config.properties"), "--models", "echo=echo.mar", "--disable-token-auth", "--enable-model-api")
	})
	return s, management, store
}

func free(t *testing.T) int {
	t.Helper()
	port, err := gatetest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func archive(t *testing.T, store, name, handler string, more ...string) {
	t.Helper()
	if err := os.MkdirAll(store, 0o755); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"--model-name", name, "--version", "1.0", "--handler", handler, "--export-path", store, "--force"}, more...)
	cmd := venv(t, "gate-torchserve", "torch-model-archiver", args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// storeServer serves a folder with archives, and counts who asks: a stand-in for any address that an attacker names.
func storeServer(t *testing.T) (folder, address string, hits *atomic.Int64) {
	t.Helper()
	hits, folder = &atomic.Int64{}, t.TempDir()
	archive(t, folder, "fetched", "testdata/handler.py")
	plain := filepath.Join(folder, "plain.py")
	if err := os.WriteFile(plain, []byte("def handle(data, context):\n    return [\"plain\"] * len(data or [])\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	archive(t, folder, "plain", plain)
	// What a poisoned archive is: a handler like the plain one, and beside it a pickle that runs a command when it is loaded.
	if err := os.WriteFile(filepath.Join(folder, "weights.pkl"), []byte("cposix\nsystem\n(S'echo canary'\ntR."), 0o600); err != nil {
		t.Fatal(err)
	}
	archive(t, folder, "poisoned", plain, "--extra-files", filepath.Join(folder, "weights.pkl"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	files := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		http.FileServer(http.Dir(folder)).ServeHTTP(w, r)
	})}
	go files.Serve(l)
	t.Cleanup(func() { files.Close() })
	return folder, "http://" + l.Addr().String() + "/", hits
}

func predictions(t *testing.T, p place) {
	predict := func(name, kind, body string) call {
		return call{name: name, method: "POST", path: "/predictions/echo", kind: kind, body: body}
	}
	fires := func(name, kind, body string) call {
		c := predict(name, kind, body)
		c.canary, c.gate, c.rule = true, 400, "holds a pickle"
		return c
	}
	form := "--b\r\nContent-Disposition: form-data; name=\"data\"; filename=\"x\"\r\n\r\n"
	p.run(t, []call{
		{name: "ping", method: "GET", path: "/ping"},
		predict("json", asJSON, `{"values":[1,2,3]}`),
		predict("json in a form", "multipart/form-data; boundary=b", form+`{"values":[1,2]}`+"\r\n--b--\r\n"),
		{name: "by version", method: "POST", path: "/predictions/echo/1.0", kind: asJSON, body: `{"values":[4]}`},
		{name: "no such model", method: "POST", path: "/predictions/none", kind: asJSON, body: `{"values":[4]}`, bare: 404},
		fires("pickle", "application/octet-stream", pickle(p.canary, 4)),
		fires("pickle of protocol 0", "application/octet-stream", pickle(p.canary, 0)),
		fires("pickle without a type", "", pickle(p.canary, 4)),
		fires("pickle as a picture", "image/png", pickle(p.canary, 4)),
		fires("base64 in JSON", asJSON, `{"pickled":"`+b64(pickle(p.canary, 4))+`"}`),
		fires("pickle in a form", "multipart/form-data; boundary=b", form+pickle(p.canary, 4)+"\r\n--b--\r\n"),
		fires("base64 in JSON in a form", "multipart/form-data; boundary=b", form+`{"pickled":"`+b64(pickle(p.canary, 4))+`"}`+"\r\n--b--\r\n"),
		refused(predict("oversize", asJSON, `{"values":[`+strings.Repeat("1,", 600_000)+`1]}`), 200, 413, ""),
		refused(predict("infinite", asJSON, `{"values":[1e999]}`), 200, 400, "too large"),
		refused(call{name: "no route", method: "OPTIONS", path: "/"}, 200, 404, ""),
		{name: "viewer", method: "POST", path: "/predictions/echo", kind: asJSON, body: `{"values":[4]}`, as: "viewer", gate: 403},
	})
}

func registrations(t *testing.T, g *gatetest.Gate, management, store, share, address string, hits *atomic.Int64) {
	manage := func(as, method, path string) (int, string) {
		return send(t, g.URL+"/management", g.Accounts[as].Bearer(), call{method: method, path: path})
	}
	bare := func(method, path string) (int, string) {
		return send(t, management, "", call{method: method, path: path})
	}
	for _, path := range []string{"/models", "/models/echo"} {
		ours, body := manage("reader", "GET", path)
		status, want := bare("GET", path)
		if ours != status || !same(noNumbers(body), noNumbers(want)) {
			t.Errorf("%s: %d %s\nbare: %d %s", path, ours, body, status, want)
		}
	}
	if _, body := manage("colsonly", "GET", "/models"); strings.Contains(body, "echo") {
		t.Errorf("somebody sees another's model: %s", body)
	}
	t.Run("register by URL", func(t *testing.T) { // ShellTorch, CVE-2023-43654: the server fetches and runs what it is told
		if status, body := bare("POST", "/models?initial_workers=1&synchronous=true&url="+address+"fetched.mar"); status != 200 || hits.Load() == 0 {
			t.Fatalf("bare: %d %s, %d hits", status, body, hits.Load())
		}
		bare("DELETE", "/models/fetched")
		os.Remove(filepath.Join(store, "fetched.mar"))
		hits.Store(0)
		for _, url := range []string{address + "fetched.mar", address + "listed/../fetched.mar", address + "listed%2f..%2ffetched.mar", "file:///etc/x.mar", "..%2ffetched.mar", "http:%5c%5c127.0.0.1%5cx.mar", strings.Replace(address, "http://", "http://u@", 1) + "listed/fetched.mar"} {
			if status, body := manage("maintainer", "POST", "/models?url="+url); status != 400 || hits.Load() != 0 {
				t.Errorf("%s: %d %s, %d hits", url, status, body, hits.Load())
			}
		}
		if status, _ := manage("reader", "POST", "/models?url=echo.mar"); status != 403 {
			t.Errorf("a reader registers: %d", status)
		}
	})
	t.Run("register from a listed store", func(t *testing.T) {
		if err := os.Mkdir(filepath.Join(share, "listed"), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"poisoned", "plain"} {
			data, err := os.ReadFile(filepath.Join(share, name+".mar"))
			if err != nil {
				t.Fatal(err)
			}
			for _, to := range []string{filepath.Join(share, "listed"), store} {
				if err := os.WriteFile(filepath.Join(to, name+".mar"), data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		if status, body := bare("POST", "/models?url=poisoned.mar"); status != 200 {
			t.Errorf("bare, a poisoned archive: %d %s", status, body)
		}
		bare("DELETE", "/models/poisoned")
		for _, url := range []string{"poisoned.mar", address + "listed/poisoned.mar"} {
			if status, body := manage("maintainer", "POST", "/models?url="+url); status != 422 || !strings.Contains(body, "pickle") {
				t.Errorf("a poisoned archive: %d %s", status, body)
			}
		}
		if status, _ := bare("GET", "/models/poisoned"); status != 404 {
			t.Errorf("the poisoned archive is registered: %d", status)
		}
		for _, url := range []string{"plain.mar", address + "listed/plain.mar&model_name=other"} {
			if status, body := manage("maintainer", "POST", "/models?url="+url+"&initial_workers=1&synchronous=true"); status != 200 {
				t.Errorf("a plain handler, %s: %d %s", url, status, body)
			}
		}
		if status, body := send(t, g.URL+"/torch", g.Accounts["reader"].Bearer(), predictCall("other")); status != 200 || body != "plain" {
			t.Errorf("the registered model predicts: %d %s", status, body)
		}
		if status, body := manage("maintainer", "DELETE", "/models/plain"); status != 200 {
			t.Errorf("unregister: %d %s", status, body)
		}
	})
}

func predictCall(name string) call {
	return call{method: "POST", path: "/predictions/" + name, kind: asJSON, body: "{}"}
}

// noNumbers drops what changes from one moment to the next.
func noNumbers(s string) string {
	var list []map[string]any
	if json.Unmarshal([]byte(s), &list) != nil {
		return s
	}
	for _, m := range list {
		delete(m, "workers")
		delete(m, "jobQueueStatus")
	}
	b, _ := json.Marshal(list)
	return string(b)
}
