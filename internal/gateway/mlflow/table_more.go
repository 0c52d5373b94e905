package mlflow

// traces is what was called by whom, in both versions of the interface, and OpenTelemetry's way to send it.
func traces(p *pager) []line {
	byExperiments := experiments("experiment_ids")
	byTrace, tagged := traceIDs("trace_id", "request_id"), tracesAt("trace_id", "request_id")
	old, assessments := "2.0/mlflow/traces/{request_id}", "3.0/mlflow/traces/{trace_id}/assessments"
	return []line{
		{both, "GET", "2.0/mlflow/traces", trace, read, byExperiments, opt{}},
		{both, "POST", "2.0/mlflow/traces", trace, write, placedTags(experiments("experiment_id")), opt{}},
		{both, "PATCH", old, trace, write, tagged, opt{}},
		{both, "GET", old, trace, read, byTrace, opt{}},
		{both, "GET", old + "/info", trace, read, byTrace, opt{}},
		{both, "PATCH", old + "/tags", trace, write, tagged, opt{}},
		{both, "DELETE", old + "/tags", trace, write, byTrace, opt{}},
		{both, "POST", "2.0/mlflow/traces/{trace_id}/assessments", trace, write, byTrace, opt{}},
		{both, "PATCH", "2.0/mlflow/traces/{trace_id}/assessments/{assessment_id}", trace, write, byTrace, opt{}},
		{both, "DELETE", "2.0/mlflow/traces/{trace_id}/assessments/{assessment_id}", trace, write, byTrace, opt{}},
		{both, "POST", "2.0/mlflow/traces/delete-traces", trace, remove, all(experiments("experiment_id"), traceIDs("request_ids")), opt{}},
		{both, "POST", "2.0/mlflow/traces/link-prompts", trace, write, all(traceIDs("trace_id"), needing(read, models("prompt_versions.name"))), opt{}},
		{both, "POST", "2.0/mlflow/traces/link-to-run", trace, write, all(runs("run_id"), traceIDs("trace_ids")), opt{}},
		{both, "GET", "2.0/mlflow/unified-traces", trace, read, all(byExperiments, loggedModels("model_id")), opt{}},
		{both, "GET", "2.0/mlflow/get-online-trace-details", trace, read, traceIDs("trace_id"), opt{}},

		{both, "POST", "3.0/mlflow/traces", trace, write, placedTags(newTrace), opt{}},
		{both, "GET", "3.0/mlflow/traces/get", trace, read, byTrace, opt{}},
		{both, "GET", "3.0/mlflow/traces/{trace_id}", trace, read, byTrace, opt{}},
		{both, "PATCH", "3.0/mlflow/traces/{trace_id}/tags", trace, write, tagged, opt{}},
		{both, "DELETE", "3.0/mlflow/traces/{trace_id}/tags", trace, write, byTrace, opt{}},
		{both, "POST", assessments, trace, write, traceIDs("trace_id", "assessment.trace_id"), opt{}},
		{both, "GET", assessments + "/{assessment_id}", trace, read, byTrace, opt{}},
		{both, "PATCH", assessments + "/{assessment_id}", trace, write, traceIDs("trace_id", "assessment.trace_id"), opt{}},
		{both, "DELETE", assessments + "/{assessment_id}", trace, write, byTrace, opt{}},
		{both, "GET", "3.0/mlflow/traces/batchGet", trace, read, all(traceIDs("trace_ids"), byExperiments), opt{}},
		{both, "POST", "3.0/mlflow/traces/batchGetInfos", trace, read, all(traceIDs("trace_ids"), byExperiments), opt{}},
		{both, "POST", "3.0/mlflow/traces/calculate-filter-correlation", trace, read, byExperiments, opt{}},
		{both, "POST", "3.0/mlflow/traces/delete-traces", trace, remove, all(experiments("experiment_id"), traceIDs("request_ids")), opt{}},
		{both, "POST", "3.0/mlflow/traces/metrics", trace, read, byExperiments, opt{}},
		{both, "POST", "3.0/mlflow/traces/search", trace, read, experiments("locations.mlflow_experiment.experiment_id"), opt{}},
		{root, "POST", "/v1/traces", trace, write, exported, opt{body: "stream"}},
	}
}

// genai is data sets for evaluation, scorers, labels, reviews, issues, and jobs about them.
func genai(p *pager) []line {
	byExperiment, byExperiments := experiments("experiment_id"), experiments("experiment_ids")
	byDataset := datasets("dataset_id")
	bySchema, byQueue, byIssue, byJob := looked(labelSchema, "schema_id"), looked(reviewQueue, "queue_id"), looked(issue, "issue_id"), looked(job, "job_id")
	d, rq, po := "3.0/mlflow/datasets", "3.0/mlflow/review-queues/", "3.0/mlflow/prompt-optimization/jobs"
	return []line{
		{both, "POST", d + "/create", dataset, write, byExperiments, opt{}},
		{both, "GET", d + "/search", dataset, read, byExperiments, opt{}},
		{both, "POST", d + "/search", dataset, read, byExperiments, opt{}},
		{both, "GET", d + "/{dataset_id}", dataset, read, byDataset, opt{}},
		{both, "DELETE", d + "/{dataset_id}", dataset, remove, byDataset, opt{}},
		{both, "GET", d + "/{dataset_id}/records", dataset, download, byDataset, opt{}},
		{both, "POST", d + "/{dataset_id}/records", dataset, write, byDataset, opt{limit: 64 << 20}},
		{both, "DELETE", d + "/{dataset_id}/records", dataset, write, byDataset, opt{}},
		{both, "PATCH", d + "/{dataset_id}/tags", dataset, write, byDataset, opt{}},
		{both, "DELETE", d + "/{dataset_id}/tags/{key}", dataset, write, byDataset, opt{}},
		{both, "GET", d + "/{dataset_id}/experiment-ids", dataset, read, byDataset, opt{}},
		{both, "POST", d + "/{dataset_id}/add-experiments", dataset, write, all(byDataset, byExperiments), opt{}},
		{both, "POST", d + "/{dataset_id}/remove-experiments", dataset, write, all(byDataset, byExperiments), opt{}},

		{both, "POST", "3.0/mlflow/scorers/register", scorer, write, byExperiment, opt{checks: []check{scorerCode}}},
		{both, "GET", "3.0/mlflow/scorers/get", scorer, read, byExperiment, opt{}},
		{both, "GET", "3.0/mlflow/scorers/list", scorer, read, scorerList, opt{}},
		{both, "GET", "3.0/mlflow/scorers/versions", scorer, read, byExperiment, opt{}},
		{both, "DELETE", "3.0/mlflow/scorers/delete", scorer, remove, byExperiment, opt{}},
		{both, "GET", "3.0/mlflow/scorers/online-configs", scorer, read, nil, opt{also: "scorer_ids*"}},
		{both, "PUT", "3.0/mlflow/scorers/online-config", scorer, write, byExperiment, opt{also: "experiment_id name sample_rate filter_string"}},
		{ajax, "POST", "3.0/mlflow/scorer/invoke", scorer, write, all(byExperiment, traceIDs("trace_ids")), opt{checks: []check{scorerCode}, flow: starting,
			also: "experiment_id serialized_scorer scorer_name scorer_version trace_ids* log_assessments"}},
		{ajax, "POST", "3.0/mlflow/genai/evaluate/invoke", scorer, write, all(byExperiment, traceIDs("trace_ids")), opt{checks: []check{scorerCode}, flow: starting,
			also: "experiment_id trace_ids* serialized_scorers* scorer_versions*"}},

		{both, "POST", "3.0/mlflow/label-schemas/create", labelSchema, write, byExperiment, opt{}},
		{both, "GET", "3.0/mlflow/label-schemas/get", labelSchema, read, bySchema, opt{}},
		{both, "GET", "3.0/mlflow/label-schemas/get-by-name", labelSchema, read, byExperiment, opt{}},
		{both, "GET", "3.0/mlflow/label-schemas/list", labelSchema, read, byExperiment, opt{}},
		{both, "PATCH", "3.0/mlflow/label-schemas/update", labelSchema, write, bySchema, opt{}},
		{both, "DELETE", "3.0/mlflow/label-schemas/delete", labelSchema, remove, bySchema, opt{}},

		{both, "POST", rq + "create", reviewQueue, write, byExperiment, opt{}},
		{both, "GET", rq + "get", reviewQueue, read, byQueue, opt{}},
		{both, "GET", rq + "get-by-name", reviewQueue, read, byExperiment, opt{}},
		{both, "GET", rq + "list", reviewQueue, read, byExperiment, opt{}},
		{both, "POST", rq + "get-or-create-user", reviewQueue, write, byExperiment, opt{}},
		{both, "POST", rq + "update", reviewQueue, write, byQueue, opt{}},
		{both, "POST", rq + "delete", reviewQueue, remove, byQueue, opt{}},
		{both, "GET", rq + "items/list", reviewQueue, read, byQueue, opt{}},
		{both, "POST", rq + "items/add", reviewQueue, write, all(byQueue, traceIDs("item_ids")), opt{}},
		{both, "POST", rq + "items/remove", reviewQueue, write, byQueue, opt{}},
		{both, "POST", rq + "items/set-status", reviewQueue, write, byQueue, opt{}},

		{both, "POST", "3.0/mlflow/issues", issue, write, all(byExperiment, runs("source_run_id")), opt{}},
		{both, "POST", "3.0/mlflow/issues/search", issue, read, byExperiment, opt{}},
		{both, "GET", "3.0/mlflow/issues/{issue_id}", issue, read, byIssue, opt{}},
		{both, "PATCH", "3.0/mlflow/issues/{issue_id}", issue, write, byIssue, opt{}},
		{ajax, "POST", "3.0/mlflow/issues/invoke", issue, write, all(byExperiment, traceIDs("trace_ids"), usedSecret, usedEndpoint),
			opt{flow: starting, also: "experiment_id trace_ids* categories* provider model secret_id endpoint_name"}},

		{both, "POST", po, job, write, all(byExperiment, datasets("config.dataset_id"), sourcePrompt), opt{}},
		{both, "GET", po + "/search", job, read, byExperiment, opt{}},
		{both, "POST", po + "/search", job, read, byExperiment, opt{}},
		{both, "GET", po + "/{job_id}", job, read, byJob, opt{}},
		{both, "DELETE", po + "/{job_id}", job, remove, byJob, opt{}},
		{both, "POST", po + "/{job_id}/cancel", job, write, byJob, opt{}},

		// These run functions by name in the server (CVE-2026-0545, CVE-2026-2652), or read what they left, of anybody.
		{ajax, "POST", "3.0/jobs/", job, manage, nil, opt{also: "*"}},
		{ajax, "POST", "3.0/jobs", job, manage, nil, opt{also: "*"}},
		{ajax, "POST", "3.0/jobs/search", job, manage, nil, opt{also: "*"}},
		{ajax, "GET", "3.0/jobs/{job_id}", job, manage, named(job, "job_id"), opt{}},
		{ajax, "PATCH", "3.0/jobs/cancel/{job_id}", job, manage, named(job, "job_id"), opt{}},
		{ajax, "GET", "3.0/mlflow/jobs/{job_id}", job, read, startedJob, opt{}},
		{ajax, "PATCH", "3.0/mlflow/jobs/cancel/{job_id}", job, write, startedJob, opt{}},
		{ajax, "POST", "3.0/mlflow/demo/generate", server, manage, nil, opt{also: "*"}},
		{ajax, "POST", "3.0/mlflow/demo/delete", server, manage, nil, opt{also: "*"}},
	}
}

// gatewayLines is MLflow's AI gateway: what calls language models with keys that the server keeps, and how that is set up.
func gatewayLines(p *pager) []line {
	g := "3.0/mlflow/gateway/"
	byEndpoint, bySecret, byDefinition := named(endpoint, "endpoint_id", "name"), named(secret, "secret_id", "secret_name"), named(definition, "model_definition_id")
	invoke := opt{also: "*", limit: 64 << 20}
	return []line{
		{both, "GET", g + "endpoints/list", endpoint, read, lobby, opt{flow: p.rows(endpointRows)}},
		{both, "GET", g + "endpoints/get", endpoint, read, byEndpoint, opt{}},
		{both, "POST", g + "endpoints/create", endpoint, manage, all(named(endpoint, "name"), experiments("experiment_id")), opt{}},
		{both, "POST", g + "endpoints/update", endpoint, manage, all(byEndpoint, experiments("experiment_id")), opt{}},
		{both, "DELETE", g + "endpoints/delete", endpoint, manage, byEndpoint, opt{}},
		{both, "POST", g + "endpoints/set-tag", endpoint, manage, byEndpoint, opt{}},
		{both, "DELETE", g + "endpoints/delete-tag", endpoint, manage, byEndpoint, opt{}},
		{both, "POST", g + "endpoints/models/attach", endpoint, manage, byEndpoint, opt{}},
		{both, "POST", g + "endpoints/models/detach", endpoint, manage, byEndpoint, opt{}},
		{both, "GET", g + "endpoints/bindings/list", endpoint, manage, byEndpoint, opt{}},
		{both, "POST", g + "endpoints/bindings/create", endpoint, manage, byEndpoint, opt{}},
		{both, "DELETE", g + "endpoints/bindings/delete", endpoint, manage, byEndpoint, opt{}},

		{both, "GET", g + "secrets/list", secret, read, lobby, opt{flow: p.rows(secretRows)}},
		{both, "GET", g + "secrets/get", secret, manage, bySecret, opt{}},
		{both, "POST", g + "secrets/create", secret, manage, named(secret, "secret_name"), opt{checks: []check{secretAddress, secretValue}}},
		{both, "POST", g + "secrets/update", secret, manage, bySecret, opt{checks: []check{secretAddress, secretValue}}},
		{both, "DELETE", g + "secrets/delete", secret, manage, bySecret, opt{}},
		{ajax, "GET", g + "secrets/config", secret, read, lobby, opt{}},

		{both, "GET", g + "model-definitions/list", definition, read, lobby, opt{flow: p.rows(definitionRows)}},
		{both, "GET", g + "model-definitions/get", definition, read, byDefinition, opt{}},
		{both, "POST", g + "model-definitions/create", definition, manage, all(named(definition, "name"), named(secret, "secret_id")), opt{}},
		{both, "POST", g + "model-definitions/update", definition, manage, all(byDefinition, named(secret, "secret_id")), opt{}},
		{both, "DELETE", g + "model-definitions/delete", definition, manage, byDefinition, opt{}},

		{both, "GET", g + "budgets/list", budget, read, nil, opt{}},
		{both, "GET", g + "budgets/get", budget, read, named(budget, "budget_policy_id"), opt{}},
		{both, "GET", g + "budgets/windows", budget, read, nil, opt{}},
		{both, "POST", g + "budgets/create", budget, manage, nil, opt{}},
		{both, "POST", g + "budgets/update", budget, manage, named(budget, "budget_policy_id"), opt{}},
		{both, "DELETE", g + "budgets/delete", budget, manage, named(budget, "budget_policy_id"), opt{}},

		{both, "GET", g + "guardrails/list", guardrail, manage, nil, opt{}},
		{both, "GET", g + "guardrails/get", guardrail, manage, named(guardrail, "guardrail_id"), opt{}},
		{both, "POST", g + "guardrails/create", guardrail, manage, nil, opt{}},
		{both, "DELETE", g + "guardrails/delete", guardrail, manage, named(guardrail, "guardrail_id"), opt{}},
		{both, "GET", g + "guardrails/list-for-endpoint", guardrail, read, byEndpoint, opt{}},
		{both, "POST", g + "guardrails/add-to-endpoint", guardrail, manage, all(byEndpoint, named(guardrail, "guardrail_id")), opt{}},
		{both, "DELETE", g + "guardrails/remove-from-endpoint", guardrail, manage, all(byEndpoint, named(guardrail, "guardrail_id")), opt{}},
		{both, "PATCH", g + "guardrails/update-config", guardrail, manage, all(byEndpoint, named(guardrail, "guardrail_id")), opt{}},

		{ajax, "GET", g + "supported-providers", endpoint, read, lobby, opt{}},
		{ajax, "GET", g + "supported-models", endpoint, read, lobby, opt{also: "provider"}},
		{ajax, "GET", g + "provider-config", endpoint, read, lobby, opt{also: "provider"}},

		{root, "POST", "/gateway/{endpoint_name}/mlflow/invocations", endpoint, predict, named(endpoint, "endpoint_name"), invoke},
		{root, "POST", "/gateway/mlflow/v1/chat/completions", endpoint, predict, named(endpoint, "model"), invoke},
		{root, "GET", "/gateway/mlflow/v1/models", endpoint, read, nil, opt{}},
		{root, "POST", "/gateway/openai/v1/chat/completions", endpoint, predict, named(endpoint, "model"), invoke},
		{root, "POST", "/gateway/openai/v1/embeddings", endpoint, predict, named(endpoint, "model"), invoke},
		{root, "POST", "/gateway/openai/v1/responses", endpoint, predict, named(endpoint, "model"), invoke},
		{root, "POST", "/gateway/openai/v1/responses/compact", endpoint, predict, named(endpoint, "model"), invoke},
		{root, "POST", "/gateway/anthropic/v1/messages", endpoint, predict, named(endpoint, "model"), invoke},
		{root, "POST", "/gateway/typesafe/v1/systemone", endpoint, predict, named(endpoint, "model"), invoke},
		{root, "POST", "/gateway/gemini/v1beta/models/{gemini_model}", endpoint, predict, geminiEndpoint, invoke},
		// It sends any path on to a provider with the server's key, so it is as good as the key itself.
		{root, "POST", "/gateway/proxy/{endpoint_name}/{path...}", endpoint, manage, named(endpoint, "endpoint_name"), invoke},

		{ajax, "GET", "2.0/mlflow/gateway-proxy", endpoint, read, nil, opt{also: "gateway_path", checks: []check{gatewayPath}}},
		{ajax, "POST", "2.0/mlflow/gateway-proxy", endpoint, predict, nil, opt{also: "gateway_path json_data", checks: []check{gatewayPath}}},

		{both, "GET", "3.0/mlflow/mcp-servers", mcpServer, read, nil, opt{also: "filter_string max_results order_by* page_token"}},
		{both, "POST", "3.0/mlflow/mcp-servers", mcpServer, manage, named(mcpServer, "name"), opt{also: "*"}},
		{both, "GET", "3.0/mlflow/mcp-servers/{mcp...}", mcpServer, read, mcp, opt{also: "filter_string max_results order_by* page_token"}},
		{both, "POST", "3.0/mlflow/mcp-servers/{mcp...}", mcpServer, manage, mcp, opt{also: "*"}},
		{both, "PATCH", "3.0/mlflow/mcp-servers/{mcp...}", mcpServer, manage, mcp, opt{also: "*"}},
		{both, "DELETE", "3.0/mlflow/mcp-servers/{mcp...}", mcpServer, manage, mcp, opt{body: "none"}},
	}
}
