package flow_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/internal/gateway/gatetest"
)

func TestMain(m *testing.M) {
	code := gatetest.Main(m)
	if common != nil {
		common.Stop()
		os.RemoveAll(common.Dir)
	}
	os.Exit(code)
}

// common is the gate that most tests use, before the common server.
var common *gatetest.Gate

// client is the venv of the real, unmodified MLflow client.
const client = "gate-mlflow-new"

// door is a gate before a real MLflow.
type door struct {
	*gatetest.Gate
	server *gatetest.Server
	before int // items that were in quarantine before the test
}

func open(t *testing.T) *door {
	t.Helper()
	server := gatetest.Shared(t, "mlflow", "new")
	if common == nil {
		g, err := gatetest.StartGate(gatetest.Plan{}, server.Of("mlflow"))
		if err != nil {
			t.Fatal(err)
		}
		common = g
	}
	d := &door{Gate: common, server: server}
	d.before = len(d.held(t))
	return d
}

// python runs a script with MLflow's client pointed at the gate; run is a helper that all scripts have.
func (d *door) python(t *testing.T, script string, env ...string) string {
	t.Helper()
	env = append([]string{
		"MLFLOW_TRACKING_URI=" + d.URL, "MLFLOW_TRACKING_TOKEN=" + d.Accounts["maintainer"].Token, "TESTDATA=" + filepath.Join(gatetest.Root(), "testdata"),
		"MLFLOW_HTTP_REQUEST_MAX_RETRIES=1", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR=false",
	}, env...)
	return gatetest.Python(t, client, prelude+script, env...)
}

// result is what a script printed behind "=": MLflow prints too.
func result(out string) string {
	_, after, _ := strings.Cut(out, "\n= ")
	return after
}

// prelude is what all scripts share: refused(f) calls f, which must be turned away with weir's words, and gives them.
const prelude = `
import os, sys, json, mlflow, tempfile, logging
from mlflow import MlflowClient
logging.disable(logging.CRITICAL)
T = os.environ["TESTDATA"]
client = MlflowClient()
def refused(f, *a, **k):
    try:
        f(*a, **k)
    except Exception as e:
        text = str(e)
        cause = e.__cause__ or e.__context__
        while cause is not None:
            text += " | " + str(cause)
            cause = cause.__cause__ or cause.__context__
        assert "weir" in text, text
        return text
    raise AssertionError("it passed: %r %r" % (f, a))
`

// held gives what came into quarantine in this test.
func (d *door) held(t *testing.T) (list []struct {
	ID, Digest, To, Who string
	Size                int64
}) {
	t.Helper()
	out, err := d.Run("quarantine", "list", "--format", "json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	return list[:len(list)-d.before] // the newest stand first
}

// stored gives all files of the server's artifact store.
func stored(t *testing.T, s *gatetest.Server) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	root := filepath.Join(s.Dir, "artifacts")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		rel, _ := filepath.Rel(root, name)
		found[filepath.ToSlash(rel)] = b
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("nothing lies in the store: %v", err)
	}
	return found
}

// TestMaliciousUploads: malicious models of every framework that MLflow can carry are sent by the real client, file by file; none becomes
// visible, each lies in quarantine. What is benign arrives as it was.
func TestMaliciousUploads(t *testing.T) {
	d := open(t)
	out := d.python(t, `
bad = """stdlib/os-popen.pkl sklearn/partial-scorer.pkl joblib/cloudpickle-loads.pkl joblib-file/after-array.joblib torch/zip-data-pkl.pt torch/script-setstate-save.pt
torch/torchserve.mar torch/package-pickle.pt torch/legacy-object.pt torch/aotinductor-so.pt2 cloudpickle/loads.pkl xgboost/booster-save.pkl numpy/add-newdoc.pkl
numpy-file/npz-bomb.npz pandas/eval-builtins.pkl real/forest.pkl real/pipeline-deep.pkl real/object-array.npy real/forest-classes.joblib h2o/field-array.bin h2o/mojo-columns.zip
h2o/flow-run-script.flow archive/gzip.pkl.gz archive/7z-lzma2.7z archive/tar.tar.xz evasion/ascii-only-no-quotes.txt evasion/bad-get-after.pkl mleap/cve-alone.zip statsmodels/load-pickle.pkl
networkx/write.pkl dill/create-function.pkl java/beanutils-jndi.ser mlflow/load-pyfunc.pkl yaml/unsafe-load.pkl""".split()
files = [os.path.join(T, "malicious", b) for b in bad]
mlflow.set_experiment("lab-uploads")
with mlflow.start_run() as run:
    for p in files:
        text = refused(mlflow.log_artifact, p)
        assert "422" in text and "quarantine as q-" in text, text
    honest = os.path.join(T, "benign", "README.md")
    mlflow.log_artifact(honest)
    got = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="README.md")
    assert open(got).read() == open(honest).read()
    assert [f.path for f in client.list_artifacts(run.info.run_id)] == ["README.md"], client.list_artifacts(run.info.run_id)
print("=", len(files), run.info.run_id)
`)
	var sent int
	var run string
	fmt.Sscan(result(out), &sent, &run)
	held := d.held(t)
	if sent < 25 || len(held) != sent {
		t.Errorf("%d were sent and %d are in quarantine", sent, len(held))
	}
	for _, h := range held {
		if h.Who != "maintainer" || h.Size == 0 {
			t.Errorf("item %+v", h)
		}
	}
	for name := range stored(t, d.server) {
		if strings.Contains(name, run) && !strings.HasSuffix(name, "/README.md") {
			t.Errorf("%s is in the server's store", name)
		}
	}
}

// TestMaliciousModels: folders whose danger lies in MLmodel and what it names, logged as models; the folder is refused when it is registered, and what
// is malicious alone before that.
func TestMaliciousModels(t *testing.T) {
	d := open(t)
	dir := t.TempDir()
	names, err := filepath.Glob(filepath.Join(gatetest.Root(), "testdata", "mlflow", "malicious", "*.zip"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, n := range names {
		unzip(t, n, filepath.Join(dir, "bad", strings.TrimSuffix(filepath.Base(n), ".zip")))
	}
	for _, n := range []string{"sklearn_pickle", "xgboost_classifier", "pyfunc_package", "onnx_model"} {
		unzip(t, filepath.Join(gatetest.Root(), "testdata", "mlflow", "benign", "3.17", n+".zip"), filepath.Join(dir, "good", n))
	}
	out := d.python(t, `
import requests
mlflow.set_experiment("lab-models")
client.create_registered_model("lab-m")
def folder(top):
    for r, _, fs in os.walk(top):
        if "MLmodel" in fs: return r
early = late = other = 0
with mlflow.start_run() as run:
    for name in sorted(os.listdir(os.environ["BAD"])):
        top = folder(os.path.join(os.environ["BAD"], name))
        if top is None:
            other += 1
            continue
        try:
            mlflow.log_artifacts(top, name)
        except Exception as e:
            assert "weir" in str(e), (name, str(e))
            early += 1
            continue
        refused(client.create_model_version, "lab-m", run.info.artifact_uri + "/" + name, run.info.run_id)
        # The client hides why a download failed.
        at = run.info.artifact_uri.replace("mlflow-artifacts:/", mlflow.get_tracking_uri() + "/api/2.0/mlflow-artifacts/artifacts/")
        r = requests.get(at + "/" + name + "/MLmodel", headers={"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]})
        assert r.status_code == 422 and "weir" in r.text, r.text
        late += 1
    for name in sorted(os.listdir(os.environ["GOOD"])):
        top = folder(os.path.join(os.environ["GOOD"], name))
        mlflow.log_artifacts(top, name)
        v = client.create_model_version("lab-m", run.info.artifact_uri + "/" + name, run.info.run_id)
        got = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path=name)
        for r, _, fs in os.walk(top):
            for f in fs:
                p = os.path.join(r, f)
                assert open(p, "rb").read() == open(os.path.join(got, os.path.relpath(p, top)), "rb").read(), p
assert [int(v.version) for v in client.search_model_versions("name='lab-m'")].__len__() == len(os.listdir(os.environ["GOOD"]))
print("=", early, late, other)
`, "BAD="+filepath.Join(dir, "bad"), "GOOD="+filepath.Join(dir, "good"))
	var early, late, other int
	fmt.Sscan(result(out), &early, &late, &other)
	t.Logf("%d refused as files, %d as folders, %d are no models", early, late, other)
	if early == 0 || late == 0 || early+late < 40 {
		t.Errorf("%d refused as files, %d as folders", early, late)
	}
}

func unzip(t *testing.T, name, to string) {
	t.Helper()
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, e := range z.File {
		if e.FileInfo().IsDir() {
			continue
		}
		r, err := e.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		r.Close()
		file := filepath.Join(to, filepath.FromSlash(e.Name))
		if err == nil && filepath.IsLocal(e.Name) {
			err = os.MkdirAll(filepath.Dir(file), 0o755)
		}
		if err == nil && filepath.IsLocal(e.Name) {
			err = os.WriteFile(file, b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestDeploy: an alias moves to a clean version, not to one with code of its own until it was released, and a version that turns bad is held back.
func TestDeploy(t *testing.T) {
	d := open(t)
	script := `
import numpy as np
from sklearn.linear_model import LogisticRegression
mlflow.set_experiment("lab-deploy")
class Own(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None): return model_input
m = LogisticRegression().fit(np.arange(10).reshape(-1, 1), [0] * 5 + [1] * 5)
reqs = dict(pip_requirements=["scikit-learn==1.9.1"])
info = mlflow.sklearn.log_model(m, name="clean", registered_model_name="lab-clean", serialization_format="pickle", **reqs)
assert list(mlflow.pyfunc.load_model(info.model_uri).predict(np.array([[1], [8]]))) == [0, 1]
client.set_registered_model_alias("lab-clean", "production", 1)
own = mlflow.pyfunc.log_model(name="own", python_model=Own(), registered_model_name="lab-own", **reqs)
print(refused(client.set_registered_model_alias, "lab-own", "production", 1))
`
	out := d.python(t, script)
	_, id, ok := strings.Cut(out, "quarantine as ")
	if !ok || len(id) < 14 {
		t.Fatalf("the refusal does not say where the version is listed: %s", out)
	}
	if _, err := d.Run("quarantine", "release", id[:14], "--reason", "reviewed", "--by", "eve"); err != nil {
		t.Fatal(err)
	}
	d.python(t, `client.set_registered_model_alias("lab-own", "production", 1)`)
	// It turns bad behind the gate's back.
	for name := range stored(t, d.server) {
		if strings.HasSuffix(name, "/artifacts/model.pkl") && strings.Contains(name, "/models/") {
			bad, err := os.ReadFile(filepath.Join(gatetest.Root(), "testdata", "malicious", "real", "forest.pkl"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(d.server.Dir, "artifacts", filepath.FromSlash(name)), bad, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	d.python(t, `
try:
    mlflow.pyfunc.load_model("models:/lab-clean@production")
except Exception:
    sys.exit()
raise AssertionError("a version that has turned bad was loaded")
`)
	log, err := os.ReadFile(filepath.Join(d.Data, "audit", "audit.jsonl"))
	if err != nil || !bytes.Contains(log, []byte(`"who":"eve"`)) {
		t.Errorf("the release is not in the audit log: %v", err)
	}
}

// TestParts: uploads in parts come together at the gate, whatever the server's store can do.
func TestParts(t *testing.T) {
	d := open(t)
	dir := t.TempDir()
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // 16 MiB
	if err := os.WriteFile(filepath.Join(dir, "big.txt"), big, 0o644); err != nil {
		t.Fatal(err)
	}
	d.python(t, partsScript, "DIR="+dir, "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD=true", "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE=1", "MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE=5242880")
	if held := d.held(t); len(held) != 1 || !strings.HasSuffix(held[0].To, "os-popen.pkl") {
		t.Errorf("quarantine %+v", held)
	}
}

const partsScript = `
mlflow.set_experiment("lab-parts")
with mlflow.start_run() as run:
    mlflow.log_artifact(os.environ["DIR"] + "/big.txt", "sub")
    got = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="sub/big.txt")
    assert open(got, "rb").read() == open(os.environ["DIR"] + "/big.txt", "rb").read()
    refused(mlflow.log_artifact, T + "/malicious/stdlib/os-popen.pkl")
    assert [f.path for f in client.list_artifacts(run.info.run_id)] == ["sub"]
`

// TestFirstDownload: what lay in the store before is judged when it is first asked for, by every way to it, and ranges come from what was judged.
func TestFirstDownload(t *testing.T) {
	d := open(t)
	out := d.python(t, `
mlflow.set_experiment("lab-old")
with mlflow.start_run() as run:
    mlflow.log_text("x", "a/placeholder.txt")
print("=", run.info.experiment_id, run.info.run_id)
`)
	var experiment, run string
	fmt.Sscan(result(out), &experiment, &run)
	dir := filepath.Join(d.server.Dir, "artifacts", experiment, run, "artifacts")
	bad, err := os.ReadFile(filepath.Join(gatetest.Root(), "testdata", "malicious", "stdlib", "os-popen.pkl"))
	if err != nil {
		t.Fatal(err)
	}
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<17) // 2 MiB: passes through once it is known
	for name, b := range map[string][]byte{"old.pkl": bad, "big.txt": big, "page.html": []byte("<html><body><b>hello</b></body></html>")} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	get := func(path string, header ...string) (*http.Response, []byte) {
		t.Helper()
		req, err := http.NewRequest(http.MethodGet, d.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", d.Accounts["maintainer"].Bearer())
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res, b
	}
	at := "/api/2.0/mlflow-artifacts/artifacts/" + experiment + "/" + run + "/artifacts/"
	for _, way := range []string{at + "old.pkl", "/get-artifact?path=old.pkl&run_uuid=" + run, "/ajax-api/2.0/mlflow-artifacts/artifacts/" + strings.TrimPrefix(at, "/api/2.0/mlflow-artifacts/artifacts/") + "old.pkl"} {
		if res, b := get(way); res.StatusCode != http.StatusUnprocessableEntity || !bytes.Contains(b, []byte("malicious")) {
			t.Errorf("%s: %d %s", way, res.StatusCode, b)
		}
	}
	for range 2 { // from a copy, then through
		if res, b := get(at + "big.txt"); res.StatusCode != http.StatusOK || !bytes.Equal(b, big) {
			t.Errorf("big file: %d, %d bytes", res.StatusCode, len(b))
		}
	}
	for spec, want := range map[string][]byte{"bytes=0-9": big[:10], "bytes=2097150-": big[len(big)-2:], "bytes=-5": big[len(big)-5:]} {
		if res, b := get(at+"big.txt", "Range", spec); res.StatusCode != http.StatusPartialContent || !bytes.Equal(b, want) {
			t.Errorf("%s: %d %q, want %q", spec, res.StatusCode, b, want)
		}
	}
	if res, b := get(at + "page.html"); res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Disposition"), "attachment") ||
		!strings.HasPrefix(res.Header.Get("Content-Security-Policy"), "sandbox") || res.Header.Get("X-Content-Type-Options") != "nosniff" || len(b) == 0 {
		t.Errorf("page: %d %v", res.StatusCode, res.Header)
	}
	// It changes behind the gate's back: the client gets no whole answer, and the next one is judged anew.
	changed := append(bytes.Clone(big), bad...)
	if err := os.WriteFile(filepath.Join(dir, "big.txt"), changed, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, b := get(at + "big.txt"); bytes.HasSuffix(b, bad) {
		t.Error("a changed file went out whole")
	}
	if res, b := get(at + "nothing.txt"); res.StatusCode < 400 {
		t.Errorf("a file that is not there: %d %s", res.StatusCode, b)
	}
}

// half is a body that sends a part of what it announced and then waits.
type half struct {
	first io.Reader
	rest  chan struct{}
	then  io.Reader
}

func (h *half) Read(p []byte) (int, error) {
	if n, err := h.first.Read(p); err != io.EOF {
		return n, err
	}
	<-h.rest
	return h.then.Read(p)
}

// put sends content to a path of the artifact proxy, the second half once rest is closed.
func (d *door) put(path string, content []byte, rest chan struct{}) (int, error) {
	at := len(content) / 2
	req, err := http.NewRequest(http.MethodPut, d.URL+"/api/2.0/mlflow-artifacts/artifacts/"+path, &half{bytes.NewReader(content[:at]), rest, bytes.NewReader(content[at:])})
	if err != nil {
		return 0, err
	}
	req.ContentLength = int64(len(content))
	req.Header.Set("Authorization", d.Accounts["maintainer"].Bearer())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	return res.StatusCode, nil
}

// spooled gives the bytes in the gate's spool.
func (d *door) spooled() (n int64) {
	f, err := os.Open(filepath.Join(d.Data, "intake", "spool"))
	if err != nil {
		return -1
	}
	defer f.Close()
	entries, err := f.Readdir(-1) // an empty spool is what some ask for
	if err != nil {
		return -1
	}
	for _, e := range entries {
		n += e.Size()
	}
	return n
}

// arrives waits until as much is in the spool.
func (d *door) arrives(t *testing.T, n int64) {
	t.Helper()
	for range 3000 {
		if d.spooled() >= n {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the transfer does not arrive")
}

// TestFaults: the gate is killed in the middle of an upload, and the server dies in the middle of another: nothing half is visible, nothing stays
// in the spool, the quarantine is kept, and what broke off can be sent again.
func TestFaults(t *testing.T) {
	server := gatetest.MLflow(t, "new")
	g, err := gatetest.StartGate(gatetest.Plan{}, server.Of("mlflow"))
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(g.Dir)
	d := &door{Gate: g, server: server}
	now := make(chan struct{})
	close(now)
	bad, err := os.ReadFile(filepath.Join(gatetest.Root(), "testdata", "malicious", "stdlib", "os-popen.pkl"))
	if err != nil {
		t.Fatal(err)
	}
	if status, err := d.put("9/x/artifacts/bad.pkl", bad, now); status != http.StatusUnprocessableEntity {
		t.Fatalf("%d, %v", status, err)
	}
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<17)
	never, done := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := d.put("9/x/artifacts/half.txt", content, never)
		done <- err
	}()
	d.arrives(t, 1<<19)
	g.Kill()
	close(never)
	if err := <-done; err == nil {
		t.Error("the upload has an answer although the gate was killed")
	}
	if d.spooled() == 0 {
		t.Error("the gate was not killed in the middle of the upload")
	}
	again := gatetest.NewGate(t, gatetest.Plan{Dir: g.Dir, Accounts: []gatetest.Account{}}, server.Of("mlflow"))
	again.Accounts = g.Accounts
	d.Gate = again
	if n := d.spooled(); n != 0 {
		t.Errorf("%d bytes are left in the spool", n)
	}
	if held := d.held(t); len(held) != 1 {
		t.Errorf("quarantine %+v", held)
	}
	if _, err := os.Stat(filepath.Join(server.Dir, "artifacts", "9")); err == nil {
		t.Error("half an upload is visible")
	}
	if status, err := d.put("9/x/artifacts/half.txt", content, now); status != http.StatusOK {
		t.Errorf("sent again: %d, %v", status, err)
	}
	rest, answer := make(chan struct{}), make(chan int, 1)
	go func() {
		status, _ := d.put("9/x/artifacts/other.txt", content, rest)
		answer <- status
	}()
	d.arrives(t, 1<<19)
	server.Kill()
	close(rest)
	if status := <-answer; status != http.StatusBadGateway {
		t.Errorf("the server died: the client hears %d", status)
	}
	if n := d.spooled(); n != 0 {
		t.Errorf("%d bytes are left in the spool", n)
	}
}

// TestPresigned: with a bucket behind MLflow, addresses that would lead there lead to the gate, for uploads and downloads.
func TestPresigned(t *testing.T) {
	const key = "AWS_ACCESS_KEY_ID=weir-test"
	bucket := gatetest.Start(t, "/moto-api/", func(s *gatetest.Server) *exec.Cmd {
		python, err := gatetest.Interpreter("gate-moto")
		if err != nil {
			t.Fatal(err)
		}
		return exec.Command(python, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", fmt.Sprint(s.Port))
	})
	req, err := http.NewRequest(http.MethodPut, bucket.URL+"/weir-bucket", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("bucket: %v %v", res, err)
	}
	res.Body.Close()
	env := gatetest.Env("MLFLOW_S3_ENDPOINT_URL="+bucket.URL, key, "AWS_SECRET_ACCESS_KEY=weir-test", "AWS_DEFAULT_REGION=us-east-1")
	for name, args := range map[string][]string{
		"proxied": {"--artifacts-destination", "s3://weir-bucket/proxied"},
		"direct":  {"--no-serve-artifacts", "--default-artifact-root", "s3://weir-bucket/direct"},
	} {
		t.Run(name, func(t *testing.T) {
			server := gatetest.MLflow(t, "new", env, gatetest.Args(args...))
			d := &door{Gate: gatetest.NewGate(t, gatetest.Plan{}, server.Of("mlflow")), server: server}
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "big.txt"), bytes.Repeat([]byte("0123456789abcdef"), 1<<20), 0o644); err != nil {
				t.Fatal(err)
			}
			script := partsScript
			if name == "direct" {
				script = directScript
			}
			out := d.python(t, script, "DIR="+dir, "GATE="+d.URL, "BUCKET="+bucket.URL, "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD=true", "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE=1",
				"MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE=5242880", "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD=true", "MLFLOW_MULTIPART_DOWNLOAD_MINIMUM_FILE_SIZE=1", "MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE=5242880")
			if strings.Contains(out, bucket.URL) {
				t.Errorf("the client was told of the bucket: %s", out)
			}
			if held := d.held(t); len(held) != 1 || !strings.HasSuffix(held[0].To, "os-popen.pkl") {
				t.Errorf("quarantine %+v", held)
			}
		})
	}
}

// directScript uses the addresses as SageMaker's client does: runs lie in the bucket itself.
const directScript = `
import requests
gate, token = os.environ["GATE"], os.environ["MLFLOW_TRACKING_TOKEN"]
head = {"Authorization": "Bearer " + token}
run = client.create_run(client.create_experiment("lab-direct"))
def address(kind, path):
    r = requests.post(gate + "/api/2.0/mlflow/artifacts/presigned-%s-url" % kind, json={"run_id": run.info.run_id, "path": path}, headers=head)
    assert r.status_code == 200, r.text
    print(r.text)
    a = r.json()
    assert a["presigned_url"].startswith(gate + "/"), a
    return a["presigned_url"]
big = open(os.environ["DIR"] + "/big.txt", "rb").read()
r = requests.put(address("upload", "sub/big.txt"), data=big)
assert r.status_code == 200, r.text
r = requests.get(address("download", "sub/big.txt"))
assert r.status_code == 200 and r.content == big, r.text[:300]
assert requests.get(address("download", "sub/big.txt"), headers={"Range": "bytes=3-6"}).content == big[3:7]
r = requests.put(address("upload", "os-popen.pkl"), data=open(T + "/malicious/stdlib/os-popen.pkl", "rb"))
assert r.status_code == 422 and "weir" in r.text, r.text
listing = requests.get(gate + "/api/2.0/mlflow/artifacts/list", params={"run_id": run.info.run_id}, headers=head).json()
assert [f["path"] for f in listing["files"]] == ["sub"], listing
u = address("upload", "x.txt")
assert requests.get(u).status_code == 403
assert requests.put(gate + "/weir-transfer/files/" + "0" * 32 + "/x.txt", data=b"x").status_code == 403
`
