#!/usr/bin/env python3
"""Fills a server with what the pages of MLflow's UI show, and prints the ids as JSON: ui_seed.py URI."""

import json
import os
import sys
import tempfile

os.environ.update(MLFLOW_TRACKING_URI=sys.argv[1], MLFLOW_DISABLE_TELEMETRY="true", GIT_PYTHON_REFRESH="quiet", LOGNAME="maintainer")
os.chdir(tempfile.mkdtemp())

import mlflow
import numpy as np
from sklearn.linear_model import LinearRegression

e = mlflow.set_experiment("lab ui ü").experiment_id
runs = []
for i in range(2):
    with mlflow.start_run(run_name=f"run {i} of the ui") as r:
        mlflow.log_params({"depth": i, "lr": 0.1})
        for s in range(5):
            mlflow.log_metric("loss", 1 / (s + 1 + i), step=s)
        mlflow.set_tag("mlflow.note.content", "# A note\n\nwith *emphasis* ü")
        mlflow.log_text("plain words ü", "notes/read me.txt")
        mlflow.log_text("a,b\n1,2\n", "table.csv")
        mlflow.log_dict({"k": [1, 2]}, "config.json")
        mlflow.log_text("<html><body><h1 id=x>before</h1><script>document.getElementById('x').textContent = 'script ran'</script></body></html>", "report.html")
        mlflow.log_text('<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><circle cx="20" cy="20" r="15" fill="teal"/></svg>', "drawing.svg")
        mlflow.log_image(np.full((20, 30, 3), 90 * (i + 1), dtype=np.uint8), "picture.png")
        info = mlflow.sklearn.log_model(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]), name="model", pip_requirements=["scikit-learn"], registered_model_name="lab-ui-model")
        runs.append(r.info.run_id)
k = mlflow.MlflowClient()
k.set_registered_model_alias("lab-ui-model", "champion", "1")
k.update_registered_model("lab-ui-model", description="a *model*")


@mlflow.trace(name="ask")
def ask(q):
    with mlflow.start_span("inner") as s:
        s.set_inputs({"q": q})
        s.set_outputs({"a": "ü"})
    return q.upper()


ask("what is it?")
mlflow.flush_trace_async_logging()
mlflow.genai.register_prompt("lab-ui-prompt", "Hello {{name}}", commit_message="first")
print(json.dumps({"experiment": e, "runs": runs, "model": info.model_id, "trace": mlflow.get_last_active_trace_id()}))
