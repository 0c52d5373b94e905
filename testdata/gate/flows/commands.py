"""The mlflow command, and small scripts that people run."""

import os
import subprocess
import sys

from kit import flow


def mlflow_command(c, *args):
    """Runs `mlflow …`; what it printed, line ends and blanks at the end of lines aside."""
    tool = os.path.join(os.path.dirname(sys.executable), "mlflow")
    env = {**os.environ, "MLFLOW_LOGGING_LEVEL": "ERROR", "COLUMNS": "200", "PYTHONWARNINGS": "ignore"}
    for n in ("MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"):  # set_experiment leaves it there
        env.pop(n, None)
    r = subprocess.run([tool, *args], capture_output=True, text=True, env=env, cwd=c.folder, timeout=120)
    if r.returncode:
        raise RuntimeError(f"mlflow {args}: {r.returncode}: {r.stderr[-800:]}")
    return [line.rstrip() for line in r.stdout.splitlines()]


@flow(fresh=True)
def command_experiments(c):
    k = c.client()
    mlflow_command(c, "experiments", "create", "-n", c.name("by command"))
    e = k.get_experiment_by_name(c.name("by command"))
    lines = [x for x in mlflow_command(c, "experiments", "search") if c.name() in x]
    return [[{"experiment_id": n, "rest": rest} for n, *rest in (x.split() for x in lines)], e]


@flow(fresh=True)
def command_runs_and_artifacts(c):
    import mlflow

    e = c.experiment()
    with mlflow.start_run(run_name="listed") as r:
        mlflow.log_param("a", 1)
        mlflow.log_text("text", "a folder/by command.txt")
    got = []
    mlflow_command(c, "artifacts", "download", "--run-id", r.info.run_id, "--artifact-path", "a folder", "--dst-path", os.path.join(c.folder, "out"))
    got.append(open(os.path.join(c.folder, "out", "a folder", "by command.txt")).read())
    # A line is kept whole, so that its time is known for one.
    got.append([" ".join(x.split()) for x in mlflow_command(c, "runs", "list", "--experiment-id", e) if "listed" in x])
    return got


@flow(fresh=True)
def command_project(c):
    """`mlflow run` of a folder: parameters, a run of its own, artifacts."""
    c.client().create_experiment(c.name())
    c.file("project/MLproject", "name: shout\nentry_points:\n  main:\n    parameters:\n      text: {type: string, default: a}\n    command: \"python shout.py {text}\"\n")
    c.file("project/shout.py", "import sys, mlflow\nwith mlflow.start_run():\n    mlflow.log_metric('length', len(sys.argv[1]))\n    mlflow.log_text(sys.argv[1].upper(), 'said.txt')\n")
    path = os.environ["PATH"]
    os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + path
    try:
        mlflow_command(c, "run", os.path.join(c.folder, "project"), "--env-manager", "local", "-P", "text=hello", "--experiment-name", c.name(), "--run-name", "project")
    finally:
        os.environ["PATH"] = path
    import mlflow

    (r,) = mlflow.search_runs(experiment_names=[c.name()], output_format="list")
    return [r.data.params, r.data.metrics, sorted(r.data.tags), r.info.status, mlflow.artifacts.load_text(r.info.artifact_uri + "/said.txt")]
