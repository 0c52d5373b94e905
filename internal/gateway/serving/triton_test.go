package serving_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/gateway/gatetest"
)

// tritonTypes are all datatypes of the protocol.
var tritonTypes = strings.Fields("BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 FP32 FP64 BF16 BYTES")

// echoModel is a model of Triton's Python backend: it hands back what it is given, one optional input and one output for each datatype.
func echoModel(t *testing.T, repository, name, code string) {
	t.Helper()
	var config strings.Builder
	config.WriteString("backend: \"python\"\nmax_batch_size: 0\ninstance_group [{ kind: KIND_CPU }]\n")
	for _, typ := range tritonTypes {
		of := strings.Replace("TYPE_"+typ, "BYTES", "STRING", 1)
		fmt.Fprintf(&config, "input [{ name: %q data_type: %s dims: [ -1 ] optional: true }]\noutput [{ name: %q data_type: %s dims: [ -1 ] }]\n", typ, of, "OUT_"+typ, of)
	}
	if err := os.MkdirAll(filepath.Join(repository, name, "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{"config.pbtxt": config.String(), "1/model.py": code} {
		if err := os.WriteFile(filepath.Join(repository, name, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const echoCode = `import triton_python_backend_utils as pb

class TritonPythonModel:
    def execute(self, requests):
        return [pb.InferenceResponse([pb.Tensor.from_dlpack("OUT_BF16", t.to_dlpack()) if t.name() == "BF16" else pb.Tensor("OUT_" + t.name(), t.as_numpy())
                                      for t in r.inputs()]) for r in requests]
`

// triton starts the server that NVIDIA's package for Python brings along, with its backend for Python.
func triton(t *testing.T, repository string) *gatetest.Server {
	t.Helper()
	python, err := gatetest.Interpreter("gate-triton")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "-c", "import pytriton, sysconfig; print(pytriton.__path__[0]); print(sysconfig.get_config_var('LIBDIR')); print(sysconfig.get_python_version())").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(out))
	home, libraries, version := filepath.Join(lines[0], "tritonserver"), lines[1], lines[2]
	backends := t.TempDir()
	for _, f := range []string{"backends/python/libtriton_python.so", "backends/python/triton_python_backend_utils.py", "python_backend_stubs/" + version + "/triton_python_backend_stub"} {
		text, err := os.ReadFile(filepath.Join(home, f))
		if err == nil {
			err = os.MkdirAll(filepath.Join(backends, "python"), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(backends, "python", filepath.Base(f)), text, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return gatetest.Start(t, "/v2/health/ready", func(s *gatetest.Server) *exec.Cmd {
		cmd := exec.Command(filepath.Join(home, "bin", "tritonserver"), "--model-repository="+repository, "--backend-directory="+backends, "--http-address=127.0.0.1",
			fmt.Sprintf("--http-port=%d", s.Port), "--allow-grpc=false", "--allow-metrics=false", "--model-control-mode=explicit", "--load-model=echo")
		site := filepath.Dir(lines[0])
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(python)+":"+os.Getenv("PATH"), "PYTHONPATH="+site, "LD_LIBRARY_PATH="+libraries+":"+filepath.Join(site, "nvidia_pytriton.libs"))
		return cmd
	})
}

// viaTriton compares a real Triton with itself behind the gate, for every datatype, and takes from it what only it can do.
func viaTriton(t *testing.T) {
	repository := t.TempDir()
	echoModel(t, repository, "echo", echoCode)
	echoModel(t, repository, "later", echoCode)
	server := triton(t, repository)
	g := gatetest.NewGate(t, gatetest.Plan{Accounts: accounts()}, before("triton", "v2", server.URL, map[string][]string{"model-repository": {repository}}))
	p := place{server.URL, g, "/triton", filepath.Join(server.Dir, "canary")}
	t.Run("client", func(t *testing.T) {
		env := []string{"BARE=" + p.bare, "GATE=" + p.gate.URL + p.prefix, "BEARER=" + p.gate.Accounts["reader"].Bearer(), "TYPES=" + strings.Join(tritonTypes, " ")}
		if got := gatetest.Python(t, "gate-triton", tritonTypesScript, env...); !strings.Contains(got, fmt.Sprintf("equal %d", 2*len(tritonTypes)-2)) {
			t.Error(got)
		}
	})
	infer := func(name, body string) call {
		return call{name: name, method: "POST", path: "/v2/models/echo/infer", kind: asJSON, body: body}
	}
	text := func(s string) string {
		return `{"inputs":[{"name":"BYTES","datatype":"BYTES","shape":[1],"data":["` + s + `"]}]}`
	}
	binary := call{name: "binary pickle", method: "POST", path: "/v2/models/echo/infer", kind: "application/octet-stream"}
	content := pickle(p.canary, 4)
	head := fmt.Sprintf(`{"inputs":[{"name":"BYTES","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":%d}}]}`, len(content)+4)
	binary.header = map[string]string{"Inference-Header-Content-Length": fmt.Sprint(len(head))}
	binary.body = head + string([]byte{byte(len(content)), byte(len(content) >> 8), 0, 0}) + content
	p.run(t, []call{
		{name: "server", method: "GET", path: "/v2"},
		{name: "metadata", method: "GET", path: "/v2/models/echo"},
		{name: "configuration", method: "GET", path: "/v2/models/echo/config"},
		infer("text", text("hello")),
		refused(infer("base64 pickle", text(b64(content))), 200, 400, "holds a pickle"),
		refused(binary, 200, 400, "holds a pickle"),
		refused(infer("unknown input", `{"inputs":[{"name":"NO","datatype":"FP32","shape":[1],"data":[1]}]}`), 400, 400, "not in the model"),
		refused(call{name: "trace file", method: "POST", path: "/v2/trace/setting", kind: asJSON, body: `{"trace_file":"` + p.canary + `"}`, as: "admin"}, 501, 400, "write a file"),
		refused(call{name: "region", method: "POST", path: "/v2/systemsharedmemory/region/r/register", kind: asJSON, body: `{"key":"/none","offset":0,"byte_size":64}`, as: "admin"}, 500, 400, "shared memory"),
		{name: "index", method: "POST", path: "/v2/repository/index", kind: asJSON, body: "{}"},
		{name: "loading what is clean", method: "POST", path: "/v2/repository/models/later/load", kind: asJSON, body: "{}", as: "deployer"},
	})
	// A load that brings its own files: Triton writes them and runs the model that they are (CVE-2023-31036).
	code := b64("open(" + fmt.Sprintf("%q", p.canary) + ", 'w').close()\n" + echoCode)
	load := call{
		name: "load with files", method: "POST", path: "/v2/repository/models/brought/load", kind: asJSON, as: "deployer", canary: true, gate: 400, rule: "as it lies",
		body: `{"parameters":{"config":"{\"name\":\"brought\",\"backend\":\"python\",\"input\":[{\"name\":\"FP32\",\"data_type\":\"TYPE_FP32\",\"dims\":[1]}],\"output\":[{\"name\":\"OUT_FP32\",\"data_type\":\"TYPE_FP32\",\"dims\":[1]}]}","file:1/model.py":"` + code + `"}}`,
	}
	p.run(t, []call{load})
}

const tritonTypesScript = `
import os
import ml_dtypes
import numpy as np
import tritonclient.http as http
from tritonclient.utils import triton_to_np_dtype
values = {"BOOL": [True, False], "BYTES": [b"one", "zw\u00f6lf".encode()]}
n = 0
for typ in os.environ["TYPES"].split():
    dtype = ml_dtypes.bfloat16 if typ == "BF16" else np.object_ if typ == "BYTES" else triton_to_np_dtype(typ)
    v = np.array(values.get(typ, [0, 1, 100]), dtype=dtype)
    if typ == "UINT64": v[2] = 2**64 - 1
    for binary in (True, False):
        if typ in ("BF16", "FP16") and not binary: continue # JSON has no form for them
        out = []
        for base in (os.environ["BARE"], os.environ["GATE"]):
            c = http.InferenceServerClient(base.removeprefix("http://"))
            i = http.InferInput(typ, list(v.shape), typ); i.set_data_from_numpy(v, binary_data=binary)
            o = http.InferRequestedOutput("OUT_" + typ, binary_data=binary)
            r = c.infer("echo", [i], outputs=[o], headers={"Authorization": os.environ["BEARER"]})
            out.append((r.get_response()["outputs"], np.asarray(r.as_numpy("OUT_" + typ)).tolist()))
        assert out[0] == out[1], (typ, binary, out)
        n += 1
print("equal", n)
`
