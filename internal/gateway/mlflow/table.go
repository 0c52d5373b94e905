package mlflow

import (
	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/mlflow/flow"
)

// lines is the whole table. What is not here is refused.
func lines(p *pager) []line {
	var all []line
	for _, part := range [][]line{tracking(p), registry(p), traces(p), genai(p), gatewayLines(p), artifacts(), pages(p), accounts()} {
		all = append(all, part...)
	}
	return all
}

// Short names for the actions, so that a line stays one.
const (
	read     = auth.Read
	download = auth.Download
	write    = auth.Write
	deploy   = auth.Deploy
	remove   = auth.Delete
	manage   = auth.Manage
	predict  = auth.Predict
)

// tracking is experiments, runs, metrics and logged models.
func tracking(p *pager) []line {
	byExperiment := experiments("experiment_id")
	byRun := runs("run_id", "run_uuid")
	return []line{
		{preview, "GET", "2.0/mlflow/experiments/get", experiment, read, byExperiment, opt{}},
		{preview, "GET", "2.0/mlflow/experiments/list", experiment, read, lobby, opt{also: "view_type max_results page_token", flow: p.list(experimentRows)}},
		{both, "GET", "2.0/mlflow/experiments/get-by-name", experiment, read, experimentByName, opt{}},
		{both, "GET", "2.0/mlflow/experiments/search", experiment, read, lobby, opt{flow: p.list(experimentRows)}},
		{both, "POST", "2.0/mlflow/experiments/search", experiment, read, lobby, opt{flow: p.list(experimentRows)}},
		{preview, "POST", "2.0/mlflow/experiments/create", experiment, write, newExperiment, opt{checks: []check{artifactLocation}, flow: making(experiment, idAt("experiment_id"), nil)}},
		{preview, "POST", "2.0/mlflow/experiments/update", experiment, write, renamedExperiment, opt{flow: changes(experiment, "experiment_id")}},
		{preview, "POST", "2.0/mlflow/experiments/delete", experiment, remove, byExperiment, opt{flow: changes(experiment, "experiment_id")}},
		{preview, "POST", "2.0/mlflow/experiments/restore", experiment, remove, byExperiment, opt{flow: changes(experiment, "experiment_id")}},
		{preview, "POST", "2.0/mlflow/experiments/set-experiment-tag", experiment, write, byExperiment, opt{flow: changes(experiment, "experiment_id")}},
		{both, "POST", "2.0/mlflow/experiments/delete-experiment-tag", experiment, write, byExperiment, opt{flow: changes(experiment, "experiment_id")}},
		{ajax, "POST", "2.0/mlflow/experiments/search-datasets", dataset, read, experiments("experiment_ids"), opt{also: "experiment_ids*"}},

		{preview, "GET", "2.0/mlflow/runs/get", run, read, byRun, opt{}},
		{preview, "POST", "2.0/mlflow/runs/create", run, write, byExperiment, opt{flow: making(run, idAt("run.info.run_id", "run.info.run_uuid"), nil)}},
		{preview, "POST", "2.0/mlflow/runs/update", run, write, byRun, opt{}},
		{preview, "POST", "2.0/mlflow/runs/delete", run, remove, byRun, opt{}},
		{preview, "POST", "2.0/mlflow/runs/restore", run, remove, byRun, opt{}},
		{preview, "POST", "2.0/mlflow/runs/search", run, read, experiments("experiment_ids"), opt{}},
		{preview, "GET", "2.0/mlflow/runs/search", run, read, experiments("experiment_ids"), opt{}},
		{preview, "POST", "2.0/mlflow/runs/set-tag", run, write, byRun, opt{}},
		{preview, "POST", "2.0/mlflow/runs/delete-tag", run, write, byRun, opt{}},
		{preview, "POST", "2.0/mlflow/runs/log-metric", run, write, all(byRun, loggedModels("model_id")), opt{}},
		{preview, "POST", "2.0/mlflow/runs/log-parameter", run, write, byRun, opt{}},
		{preview, "POST", "2.0/mlflow/runs/log-batch", run, write, all(byRun, loggedModels("metrics.model_id"), runs("metrics.run_id")), opt{}},
		{preview, "POST", "2.0/mlflow/runs/log-model", run, write, byRun, opt{checks: []check{modelJSON}}},
		{both, "POST", "2.0/mlflow/runs/log-inputs", run, write, all(byRun, loggedModels("models.model_id")), opt{}},
		{both, "POST", "2.0/mlflow/runs/outputs", run, write, all(byRun, loggedModels("models.model_id")), opt{}},
		{ajax, "POST", "2.0/mlflow/runs/create-promptlab-run", run, write, byExperiment, opt{also: "experiment_id run_name tags* prompt_template prompt_parameters* model_route " +
			"model_parameters* model_input model_output model_output_parameters* mlflow_version user_id start_time"}},
		{preview, "GET", "2.0/mlflow/metrics/get-history", run, read, byRun, opt{}},
		{ajax, "GET", "2.0/mlflow/metrics/get-history-bulk", run, read, runs("run_id"), opt{also: "run_id* metric_key max_results"}},
		{both, "GET", "2.0/mlflow/metrics/get-history-bulk-interval", run, read, runs("run_ids"), opt{}},

		{both, "POST", "2.0/mlflow/logged-models", loggedModel, write, all(byExperiment, runs("source_run_id")), opt{flow: making(loggedModel, idAt("model.info.model_id"), nil)}},
		{both, "POST", "2.0/mlflow/logged-models/search", loggedModel, read, experiments("experiment_ids"), opt{}},
		{both, "GET", "2.0/mlflow/logged-models/{model_id}", loggedModel, read, loggedModels("model_id"), opt{also: "allow_deleted"}},
		{both, "PATCH", "2.0/mlflow/logged-models/{model_id}", loggedModel, write, loggedModels("model_id"), opt{flow: finalize}},
		{both, "DELETE", "2.0/mlflow/logged-models/{model_id}", loggedModel, remove, loggedModels("model_id"), opt{}},
		{both, "POST", "2.0/mlflow/logged-models/{model_id}/params", loggedModel, write, loggedModels("model_id"), opt{}},
		{both, "PATCH", "2.0/mlflow/logged-models/{model_id}/tags", loggedModel, write, loggedModels("model_id"), opt{}},
		{both, "DELETE", "2.0/mlflow/logged-models/{model_id}/tags/{tag_key}", loggedModel, write, loggedModels("model_id"), opt{}},
	}
}

// registry is registered models, prompts and their versions.
func registry(p *pager) []line {
	byName := models("name")
	byVersion := versions("name", "version")
	changesModel := changes(registeredModel, "name")
	return []line{
		{preview, "POST", "2.0/mlflow/registered-models/create", registeredModel, write, newModel, opt{flow: making(registeredModel, idAt("registered_model.name"), nil)}},
		{preview, "GET", "2.0/mlflow/registered-models/get", registeredModel, read, byName, opt{}},
		{preview, "GET", "2.0/mlflow/registered-models/list", registeredModel, read, lobby, opt{also: "max_results page_token", flow: p.list(modelRows)}},
		{preview, "GET", "2.0/mlflow/registered-models/search", registeredModel, read, lobby, opt{flow: p.list(modelRows)}},
		{preview, "GET", "2.0/mlflow/registered-models/get-latest-versions", modelVersion, read, byName, opt{}},
		{both, "POST", "2.0/mlflow/registered-models/get-latest-versions", modelVersion, read, byName, opt{}},
		{preview, "POST", "2.0/mlflow/registered-models/rename", registeredModel, write, renamedModel, opt{flow: renaming}},
		{preview, "PATCH", "2.0/mlflow/registered-models/update", registeredModel, write, byName, opt{}},
		{preview, "DELETE", "2.0/mlflow/registered-models/delete", registeredModel, remove, byName, opt{flow: deleting(registeredModel, "name")}},
		{preview, "POST", "2.0/mlflow/registered-models/set-tag", registeredModel, write, byName, opt{flow: changesModel}},
		{preview, "DELETE", "2.0/mlflow/registered-models/delete-tag", registeredModel, write, byName, opt{flow: changesModel}},
		{both, "GET", "2.0/mlflow/registered-models/alias", modelVersion, read, byName, opt{}},
		{both, "POST", "2.0/mlflow/registered-models/alias", modelVersion, deploy, byVersion, opt{flow: promote("alias")}},
		{both, "DELETE", "2.0/mlflow/registered-models/alias", modelVersion, deploy, byName, opt{}},

		{preview, "POST", "2.0/mlflow/model-versions/create", modelVersion, write, newVersion, opt{flow: making(modelVersion, versionID, flow.CreateVersion)}},
		{preview, "GET", "2.0/mlflow/model-versions/get", modelVersion, read, byVersion, opt{}},
		{preview, "GET", "2.0/mlflow/model-versions/get-download-uri", modelVersion, read, byVersion, opt{}},
		{preview, "GET", "2.0/mlflow/model-versions/search", modelVersion, read, lobby, opt{flow: p.list(versionRows)}},
		{preview, "PATCH", "2.0/mlflow/model-versions/update", modelVersion, write, byVersion, opt{}},
		{preview, "DELETE", "2.0/mlflow/model-versions/delete", modelVersion, remove, byVersion, opt{}},
		{preview, "POST", "2.0/mlflow/model-versions/set-tag", modelVersion, write, byVersion, opt{}},
		{preview, "DELETE", "2.0/mlflow/model-versions/delete-tag", modelVersion, write, byVersion, opt{}},
		{preview, "POST", "2.0/mlflow/model-versions/transition-stage", modelVersion, deploy, byVersion, opt{flow: promote("stage")}},
	}
}

// opt is what few lines need.
type opt struct {
	also   string // names in the query of a GET, at the top of the body else, that the protocol buffers do not describe; "*" is any
	query  string // names in the query of a line whose other names stand in the body
	free   string // names in the body that mean another thing here than elsewhere, so that the general checks leave them alone
	body   string // stream, none, or empty: nothing for GET, else JSON
	checks []check
	flow   gateway.Flow
	limit  int64
	public bool
}
