package flow_test

import (
	"path/filepath"
	"testing"

	"weir/internal/gateway/gatetest"
)

// TestWorkspaces: on a server with workspaces the gate judges, hands out and decides within the one that the request is about. Two models have the
// same name: a clean one in the usual workspace, and one with code of its own, which no alias may move to, in another.
func TestWorkspaces(t *testing.T) {
	server := gatetest.MLflow(t, "new", gatetest.Args("--enable-workspaces"))
	g := gatetest.NewGate(t, gatetest.Plan{Accounts: []gatetest.Account{{Name: "maintainer", Role: "maintainer"}, {Name: "ann"}}}, server.Of("mlflow"))
	if _, err := g.Run("role", "add", "ann", "scientist", "--type", "workspace", "--name", "team-a"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	unzip(t, filepath.Join(gatetest.Root(), "testdata", "mlflow", "benign", "3.17", "sklearn_pickle.zip"), filepath.Join(dir, "clean"))
	unzip(t, filepath.Join(gatetest.Root(), "testdata", "mlflow", "benign", "3.17", "pyfunc_package.zip"), filepath.Join(dir, "own"))
	d := &door{Gate: g, server: server}
	d.python(t, `
import requests
def folder(top):
    for r, _, fs in os.walk(top):
        if "MLmodel" in fs: return r
def direct(method, path, **k):
    r = requests.request(method, os.environ["DIRECT"] + path, **k)
    assert r.status_code in (200, 201), r.text
for w in ("team-a", "team-b"):
    direct("POST", "/api/3.0/mlflow/workspaces", json={"name": w})

def fill(workspace, model, name):
    mlflow.set_workspace(workspace)
    mlflow.set_experiment("lab-" + name)
    client.create_registered_model("same")
    with mlflow.start_run() as run:
        mlflow.log_artifacts(folder(os.path.join(os.environ["MODELS"], model)), "model")
        client.create_model_version("same", run.info.artifact_uri + "/model", run.info.run_id)
    return run
fill("default", "clean", "usual")
client.set_registered_model_alias("same", "production", 1)
there = fill("team-a", "own", "a")
refused(client.set_registered_model_alias, "same", "production", 1)
secret = fill("team-b", "clean", "b")

# Malware stays out of every workspace, and what is honest comes back as it was.
with mlflow.start_run():
    refused(mlflow.log_artifact, os.path.join(T, "malicious", "stdlib", "os-popen.pkl"))
mlflow.set_workspace("team-a")
got = mlflow.artifacts.download_artifacts(run_id=there.info.run_id, artifact_path="model")
assert open(os.path.join(got, "MLmodel")).read() == open(os.path.join(folder(os.path.join(os.environ["MODELS"], "own")), "MLmodel")).read()

# Ann has a role in one workspace. What she may not, the server was not even asked.
def ann(method, path, workspace=None, **k):
    h = {"Authorization": "Bearer " + os.environ["ANN"]}
    if workspace: h["X-MLFLOW-WORKSPACE"] = workspace
    return requests.request(method, mlflow.get_tracking_uri() + path, headers=h, **k)
api = "/api/2.0/mlflow/"
names = lambda r: sorted(e["name"] for e in r.json().get("experiments", []))
assert names(ann("GET", api + "experiments/search?max_results=100", "team-a")) == ["lab-a"]
assert names(ann("GET", api + "experiments/search?max_results=100", "team-b")) == []
assert names(ann("GET", api + "experiments/search?max_results=100")) == []
assert [m["name"] for m in ann("GET", api + "registered-models/search", "team-a").json()["registered_models"]] == ["same"]
assert "registered_models" not in ann("GET", api + "registered-models/search", "team-b").json()
assert ann("GET", api + "experiments/get-by-name?experiment_name=lab-a", "team-a").status_code == 200
made = ann("POST", api + "experiments/create", "team-a", json={"name": "lab-hers"})
assert made.status_code == 200, made.text
for w in ("team-b", "default", None):
    assert ann("POST", api + "experiments/create", w, json={"name": "lab-hers"}).status_code == 403, w
    assert ann("GET", api + "experiments/get-by-name?experiment_name=lab-b", w).status_code == 403, w
    assert ann("GET", api + "registered-models/get?name=same", w).status_code == 403, w
    assert ann("GET", api + "runs/get?run_id=" + secret.info.run_id, w).status_code == 403, w
path = secret.info.artifact_uri.replace("mlflow-artifacts:/", "")
mlflow.set_workspace("team-b")
mlflow.artifacts.download_artifacts(run_id=secret.info.run_id, artifact_path="model")  # what the gate remembers of it now is not hers
mine = requests.get(mlflow.get_tracking_uri() + "/get-artifact?path=model/MLmodel&run_id=" + secret.info.run_id,
    headers={"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "X-MLFLOW-WORKSPACE": "team-b", "Range": "bytes=0-9"})
assert mine.status_code == 206, mine.text
for w in ("team-a", "team-b", None):
    for p in ("/get-artifact?path=model/MLmodel&run_id=" + secret.info.run_id, "/api/2.0/mlflow-artifacts/artifacts/" + path + "/model/MLmodel",
              "/api/2.0/mlflow-artifacts/artifacts/" + path.replace("workspaces/team-b/", "") + "/model/MLmodel"):
        r = ann("GET", p, w)
        assert r.status_code in (400, 403, 404), (w, p, r.status_code, r.text)
`, "DIRECT="+server.URL, "ANN="+g.Accounts["ann"].Token, "MODELS="+dir)
}
