"""Prompts, evaluation without a language model, datasets, scorers, webhooks, MCP servers."""

from kit import flow


@flow(client="3.1")
def prompts(c):
    import mlflow

    n = c.name("greeting").replace(" ", "_")
    one = mlflow.genai.register_prompt(n, "Hello {{name}}, you are {{ age }} ü", commit_message="first: 100% + more", tags={"team": "a/b"})
    two = mlflow.genai.register_prompt(n, [{"role": "system", "content": "Be {{style}}"}, {"role": "user", "content": "{{question}}"}], commit_message="chat")
    mlflow.genai.set_prompt_alias(n, "production", 1)
    got = [one, two, mlflow.genai.load_prompt(f"prompts:/{n}@production").format(name="Ada", age=36), mlflow.genai.load_prompt(n, version=2).template]
    k = c.client()
    got.append(mlflow.genai.load_prompt("prompts:/no_such/1", allow_missing=True))
    k.set_prompt_tag(n, "owner", "x y")
    k.set_prompt_version_tag(n, 1, "checked", "yes")
    k.delete_prompt_tag(n, "owner")
    got += [k.get_prompt(n), k.get_prompt_version(n, 1), k.get_prompt_version_by_alias(n, "production").version]
    got.append([p.name for p in mlflow.genai.search_prompts(f"name = '{n}'")])
    got.append(c.attempt(lambda: [v.version for v in k.search_prompt_versions(n)]))
    mlflow.genai.delete_prompt_alias(n, "production")
    got.append(c.error(lambda: mlflow.genai.load_prompt(f"prompts:/{n}@production")))
    k.delete_prompt_version(n, "2")
    got.append(c.attempt(lambda: k.get_prompt_version(n, 2)))
    return got


@flow(client="3.1")
def prompts_in_runs(c):
    import mlflow

    e = c.experiment()
    n = c.name("p").replace(" ", "_")
    mlflow.genai.register_prompt(n, "say {{x}}")
    with mlflow.start_run(run_name="uses a prompt") as r:
        text = mlflow.genai.load_prompt(f"prompts:/{n}/1").format(x="hi")
    k = c.client()
    k.link_prompt_version_to_run(r.info.run_id, f"prompts:/{n}/1")
    return [text, k.list_logged_prompts(r.info.run_id), sorted(k.get_run(r.info.run_id).data.tags), {"experiment_id": e}]


@flow(client="2.21", until="3.0")
def prompts_of_old_clients(c):
    import mlflow

    n = c.name("p").replace(" ", "_")
    one = mlflow.register_prompt(n, "Hello {{name}}", commit_message="first", tags={"a": "b"})
    mlflow.register_prompt(n, "Hi {{name}}")
    mlflow.set_prompt_alias(n, "prod", 1)
    got = [one, mlflow.load_prompt(f"prompts:/{n}@prod").template, mlflow.load_prompt(f"prompts:/{n}/2").format(name="x")]
    mlflow.delete_prompt_alias(n, "prod")
    return got + [c.error(lambda: mlflow.load_prompt(f"prompts:/{n}@prod"))]


@flow()
def evaluate_a_model(c):
    import mlflow
    from artifacts import walk
    from models import data, where
    from sklearn.linear_model import LogisticRegression

    x, y = data()
    c.experiment()
    evaluate = getattr(mlflow.models, "evaluate", mlflow.evaluate)
    frame = x.assign(y=y)
    with mlflow.start_run(run_name="evaluate") as r:
        info = mlflow.sklearn.log_model(LogisticRegression().fit(x, y), **where("model"), pip_requirements=["scikit-learn"])
        result = evaluate(info.model_uri, frame, targets="y", model_type="classifier", evaluator_config={"log_explainer": False})
    run = c.client().get_run(r.info.run_id)
    return [result.metrics, run.data.metrics, sorted(f[0] for f in walk(c.client(), r.info.run_id)), sorted(result.artifacts), run.inputs]


@flow(client="2.10")
def evaluate_a_table(c):
    import mlflow
    import pandas as pd

    c.experiment()
    evaluate = getattr(mlflow.models, "evaluate", mlflow.evaluate)
    frame = pd.DataFrame({"target": [1.0, 2.0, 3.0], "prediction": [1.0, 2.5, 2.0]})
    with mlflow.start_run(run_name="table") as r:
        result = evaluate(data=frame, targets="target", predictions="prediction", model_type="regressor")
    return [result.metrics, c.client().get_run(r.info.run_id).data.metrics]


@flow(client="3.4")
def evaluate_answers(c):
    import mlflow
    from mlflow.genai.scorers import scorer

    e = c.experiment()

    @scorer
    def exact(outputs, expectations):
        return outputs == expectations["answer"]

    @scorer
    def length(outputs):
        return len(outputs)

    data = [{"inputs": {"question": q}, "expectations": {"answer": a}} for q, a in [("1+1", "2"), ("ü?", "Ü!"), ("2+2", "5")]]
    answers = {"1+1": "2", "ü?": "Ü!", "2+2": "4"}
    result = mlflow.genai.evaluate(data=data, scorers=[exact, length], predict_fn=lambda question: answers[question])
    found = mlflow.search_traces(locations=[e], return_type="list")
    scores = sorted([t.data.request, sorted([a.name, str(a.feedback.value if a.feedback else a.expectation.value)] for a in t.info.assessments)] for t in found)
    return [result.metrics, c.client().get_run(result.run_id).data.metrics, scores]


@flow(client="3.4")
def datasets_for_evaluation(c):
    import mlflow
    from mlflow.genai import datasets

    e = c.experiment()
    n = c.name("set")
    made = datasets.create_dataset(name=n, experiment_id=e, tags={"team": "ü", "version": "1.0"})
    made.merge_records([{"inputs": {"q": f"question {i}"}, "expectations": {"a": i}, "tags": {"split": "ab"[i % 2]}} for i in range(30)])
    made.merge_records([{"inputs": {"q": "question 1"}, "expectations": {"a": 100}}])
    again = datasets.get_dataset(dataset_id=made.dataset_id)
    frame = again.to_df()
    got = [sorted(str(v) for v in frame["inputs"]), sorted(str(v) for v in frame["expectations"]), again.tags, {"experiment_ids": again.experiment_ids}, again.name]
    datasets.set_dataset_tags(dataset_id=made.dataset_id, tags={"reviewed": "yes/no"})
    datasets.delete_dataset_tag(dataset_id=made.dataset_id, key="version")
    other = c.client().create_experiment(c.name("other"))
    datasets.add_dataset_to_experiments(dataset_id=made.dataset_id, experiment_ids=[other])
    found = datasets.search_datasets(experiment_ids=[e], filter_string=f"name = '{n}'")
    got.append([[d.name, d.tags] for d in found])
    datasets.remove_dataset_from_experiments(dataset_id=made.dataset_id, experiment_ids=[other])
    k = c.client()
    page = k.search_datasets([e], max_results=1)
    got.append([[d.name for d in page], bool(page.token)])
    datasets.delete_dataset(dataset_id=made.dataset_id)
    return got + [c.error(lambda: datasets.get_dataset(dataset_id=made.dataset_id)), mlflow.get_experiment(e).name]


@flow(client="3.4")
def scorers_registered(c):
    from mlflow.genai.scorers import Guidelines, get_scorer, list_scorers

    c.experiment()
    judge = Guidelines(name="polite", guidelines="be polite", model="openai:/gpt-4o-mini")
    c.attempt(lambda: judge.register(name="polite"))
    return [[s.name for s in list_scorers()], c.attempt(lambda: get_scorer(name="polite").name)]


@flow(client="3.3")
def webhooks(c):
    """An admin's work. It never fires: it is switched off from its first moment."""
    k = c.client()
    n = c.name("hook").replace(" ", "-")
    made = k.create_webhook(name=n, url="https://93.184.216.34/a?b=c", events=["registered_model.created", "model_version.created"], description="d ü",
                            secret="s3cret", status="DISABLED")
    k.update_webhook(made.webhook_id, name=n + "-2", description="changed")
    got = [made, k.get_webhook(made.webhook_id), [w.name for w in k.list_webhooks(max_results=100) if w.name.startswith(n)]]
    got.append(c.error(lambda: k.create_webhook(name=n + "-3", url="http://127.0.0.1/x", events=["registered_model.created"], status="DISABLED"))["raised"])
    k.delete_webhook(made.webhook_id)
    return got + [c.error(lambda: k.get_webhook(made.webhook_id))]


@flow(client="3.15")
def mcp_servers(c):
    k = c.client()
    n = "io.github.weir/" + c.name("s").lower().replace(" ", "-").replace(".", "-")
    got = [c.attempt(lambda: k.create_mcp_server(n, description="a server ü"))]
    got.append(c.attempt(lambda: k.create_mcp_server_version({"name": n, "version": "1.0.0", "description": "d"})))
    k.set_mcp_server_tag(n, "team", "x")
    got += [k.get_mcp_server(n), c.attempt(lambda: k.set_mcp_server_alias(n, "prod", "1.0.0")), c.attempt(lambda: k.get_mcp_server_version_by_alias(n, "prod"))]
    got.append([s.name for s in k.search_mcp_servers() if s.name == n])
    k.delete_mcp_server_tag(n, "team")
    return got + [c.attempt(lambda: k.delete_mcp_server(n))]
