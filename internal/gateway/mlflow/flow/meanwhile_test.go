package flow_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"weir/internal/gateway/gatetest"
)

// TestAskedMeanwhile: while the file that makes a folder a malicious model is on its way to the server, somebody asks the gate for another file of that
// folder. What the gate learns of the folder then, without that file, must not count once it is there.
func TestAskedMeanwhile(t *testing.T) {
	server := gatetest.Shared(t, "mlflow", "new")
	to, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	var meanwhile atomic.Pointer[http.Request]
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ask := meanwhile.Load(); r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/MLmodel") && ask != nil {
			ask := ask.Clone(r.Context())
			ask.URL.Path = strings.TrimSuffix(r.URL.Path, "MLmodel") + "conda.yaml"
			if res, err := http.DefaultTransport.RoundTrip(ask); err == nil {
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if res.StatusCode == http.StatusOK {
					meanwhile.Store(nil)
				}
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(between.Close)
	g := gatetest.NewGate(t, gatetest.Plan{}, gatetest.Upstream{Name: "mlflow", Kind: "mlflow", URL: between.URL})
	ask, err := http.NewRequest(http.MethodGet, g.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	ask.Header.Set("Authorization", g.Accounts["maintainer"].Bearer())
	meanwhile.Store(ask)
	dir := t.TempDir()
	unzip(t, filepath.Join(gatetest.Root(), "testdata", "mlflow", "malicious", "loader-at-import.zip"), dir)
	d := &door{Gate: g, server: server}
	d.python(t, `
import requests
top = next(r for r, _, fs in os.walk(os.environ["MODEL"]) if "MLmodel" in fs)
mlflow.set_experiment("lab-meanwhile")
client.create_registered_model("lab-meanwhile")
with mlflow.start_run() as run:
    for r, _, fs in os.walk(top):
        for f in sorted(fs, key=lambda f: f == "MLmodel"):
            p = os.path.join(r, f)
            mlflow.log_artifact(p, os.path.join("model", os.path.relpath(r, top)).rstrip("/."))
assert [f.path for f in client.list_artifacts(run.info.run_id, "model") if f.path == "model/MLmodel"]
at = run.info.artifact_uri.replace("mlflow-artifacts:/", mlflow.get_tracking_uri() + "/api/2.0/mlflow-artifacts/artifacts/")
r = requests.get(at + "/model/conda.yaml", headers={"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]})
assert r.status_code == 422 and "weir" in r.text, (r.status_code, r.text)
refused(client.create_model_version, "lab-meanwhile", run.info.artifact_uri + "/model", run.info.run_id)
`, "MODEL="+dir)
	if meanwhile.Load() != nil {
		t.Error("nobody got the other file while the model was on its way, so this shows nothing")
	}
}
