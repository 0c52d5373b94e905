package mlflow

import "weir/internal/gateway/mlflow/flow"

// artifacts is the content of runs, models and traces.
func artifacts() []line {
	byPath := artifactPath("path")
	return []line{
		{preview, "GET", "2.0/mlflow/artifacts/list", artifact, read, runs("run_id", "run_uuid"), opt{}},
		{both, "GET", "2.0/mlflow/logged-models/{model_id}/artifacts/directories", artifact, read, loggedModels("model_id"), opt{}},
		{both, "GET", "2.0/mlflow-artifacts/artifacts", artifact, read, artifactPath("path"), opt{}},
		{both, "GET", "2.0/mlflow-artifacts/artifacts/{path...}", artifact, download, byPath, opt{flow: flow.GetArtifact}},
		{both, "PUT", "2.0/mlflow-artifacts/artifacts/{path...}", artifact, write, byPath, opt{body: "stream", flow: flow.PutArtifact}},
		{both, "DELETE", "2.0/mlflow-artifacts/artifacts/{path...}", artifact, remove, byPath, opt{body: "none", flow: flow.DeleteArtifact}},
		// The path of these is a folder; the body's is the name of a file on the client, of which the server takes what follows the last '/'.
		{both, "POST", "2.0/mlflow-artifacts/mpu/create/{path...}", artifact, write, byPath, opt{free: "path", flow: flow.CreateMultipart}},
		{both, "POST", "2.0/mlflow-artifacts/mpu/complete/{path...}", artifact, write, byPath, opt{free: "path parts", flow: flow.CompleteMultipart}},
		{both, "POST", "2.0/mlflow-artifacts/mpu/abort/{path...}", artifact, write, byPath, opt{free: "path", flow: flow.AbortMultipart}},
		{both, "GET", "2.0/mlflow-artifacts/presigned/{path...}", artifact, download, byPath, opt{flow: flow.PresignedArtifact}},
		{both, "POST", "2.0/mlflow/artifacts/presigned-download-url", artifact, download, runs("run_id"), opt{flow: flow.PresignDownload}},
		{both, "POST", "2.0/mlflow/artifacts/presigned-upload-url", artifact, write, runOrModel, opt{flow: flow.PresignUpload}},
		{root, "GET", "/get-artifact", artifact, download, runs("run_id", "run_uuid"), opt{also: "run_id run_uuid path", flow: flow.GetRunArtifact}},
		{root, "GET", "/model-versions/get-artifact", artifact, download, versions("name", "version"), opt{also: "name version path", flow: flow.GetVersionArtifact}},
		{ajax, "GET", "2.0/mlflow/logged-models/{model_id}/artifacts/files", artifact, download, loggedModels("model_id"), opt{also: "artifact_file_path", flow: flow.GetLoggedArtifact}},
		{ajax, "GET", "2.0/mlflow/get-trace-artifact", artifact, download, traceIDs("request_id"), opt{also: "request_id path", flow: flow.GetTraceArtifact}},
		{ajax, "GET", "3.0/mlflow/get-trace-artifact", artifact, download, traceIDs("request_id"), opt{also: "request_id path", flow: flow.GetTraceArtifact}},
		{ajax, "POST", "2.0/mlflow/upload-artifact", artifact, write, runs("run_uuid"), opt{body: "stream", query: "run_uuid path", flow: flow.UploadArtifact}},
	}
}

// pages is the web interface and what says that the server lives.
func pages(p *pager) []line {
	return []line{
		{root, "GET", "/", server, read, lobby, opt{}},
		{root, "GET", "/static-files/{path...}", server, read, lobby, opt{public: true}},
		{root, "GET", "/build/{path...}", server, read, lobby, opt{public: true}},
		{root, "GET", "/health", server, read, lobby, opt{public: true}},
		{root, "GET", "/version", server, read, lobby, opt{}},
		{root, "GET", "/metrics", server, manage, nil, opt{}},
		{root, "GET", "/server-info", server, read, lobby, opt{}},
		{both, "GET", "3.0/mlflow/server-info", server, read, lobby, opt{}},
		{ajax, "GET", "3.0/mlflow/ui-telemetry", server, read, lobby, opt{}},
		{ajax, "POST", "3.0/mlflow/ui-telemetry", server, read, lobby, opt{also: "records*"}},
		{root, "POST", "/graphql", server, read, graph, opt{also: "query variables operationName", flow: graphFlow, limit: 256 << 10}},

		{both, "GET", "2.0/mlflow/webhooks", webhook, manage, nil, opt{}},
		{both, "POST", "2.0/mlflow/webhooks", webhook, manage, nil, opt{}},
		{both, "GET", "2.0/mlflow/webhooks/{webhook_id}", webhook, manage, named(webhook, "webhook_id"), opt{}},
		{both, "PATCH", "2.0/mlflow/webhooks/{webhook_id}", webhook, manage, named(webhook, "webhook_id"), opt{}},
		{both, "DELETE", "2.0/mlflow/webhooks/{webhook_id}", webhook, manage, named(webhook, "webhook_id"), opt{}},
		{both, "POST", "2.0/mlflow/webhooks/{webhook_id}/test", webhook, manage, named(webhook, "webhook_id"), opt{}},

		{both, "GET", "3.0/mlflow/workspaces", workspace, read, lobby, opt{flow: p.rows(workspaceRows)}},
		{both, "POST", "3.0/mlflow/workspaces", workspace, manage, named(workspace, "name"), opt{checks: []check{artifactLocation}}},
		{both, "GET", "3.0/mlflow/workspaces/{workspace_name}", workspace, read, named(workspace, "workspace_name"), opt{}},
		{both, "PATCH", "3.0/mlflow/workspaces/{workspace_name}", workspace, manage, named(workspace, "workspace_name"), opt{checks: []check{artifactLocation}}},
		{both, "DELETE", "3.0/mlflow/workspaces/{workspace_name}", workspace, manage, named(workspace, "workspace_name"), opt{query: "mode"}},

		{ajax, "GET", "3.0/mlflow/assistant/config", assistant, read, lobby, opt{}},
		{ajax, "PUT", "3.0/mlflow/assistant/config", assistant, manage, nil, opt{also: "*"}},
		{ajax, "GET", "3.0/mlflow/assistant/providers", assistant, read, lobby, opt{}},
		{ajax, "GET", "3.0/mlflow/assistant/providers/{provider}/health", assistant, manage, nil, opt{}},
		{ajax, "GET", "3.0/mlflow/assistant/providers/{provider}/models", assistant, manage, nil, opt{}},
		// The assistant reads files and runs commands on the server's host.
		{ajax, "POST", "3.0/mlflow/assistant/message", assistant, manage, nil, opt{also: "*"}},
		{ajax, "PATCH", "3.0/mlflow/assistant/sessions/{session_id}", assistant, manage, nil, opt{also: "*"}},
		{ajax, "DELETE", "3.0/mlflow/assistant/sessions/{session_id}", assistant, manage, nil, opt{body: "none"}},
		{ajax, "POST", "3.0/mlflow/assistant/sessions/{session_id}/permission", assistant, manage, nil, opt{also: "*"}},
		{ajax, "POST", "3.0/mlflow/assistant/sessions/{session_id}/tool-result", assistant, manage, nil, opt{also: "*"}},
		{ajax, "GET", "3.0/mlflow/assistant/sessions/{session_id}/stream", assistant, manage, nil, opt{}},
		{ajax, "POST", "3.0/mlflow/assistant/skills/install", assistant, manage, nil, opt{also: "*"}},
	}
}

// accounts is what MLflow's own login keeps: users, roles and permissions. The gate has its own; these are for who looks after the server.
func accounts() []line {
	all := []line{
		{both, "GET", "2.0/mlflow/users/current", user, read, lobby, opt{}},
		{both, "GET", "3.0/mlflow/users/current/permissions", user, read, lobby, opt{}},
	}
	for _, l := range []struct{ method, path string }{
		{"GET", "2.0/mlflow/users/get"}, {"GET", "2.0/mlflow/users/list"}, {"POST", "2.0/mlflow/users/create"}, {"DELETE", "2.0/mlflow/users/delete"},
		{"PATCH", "2.0/mlflow/users/update-password"}, {"PATCH", "2.0/mlflow/users/update-admin"},
		{"GET", "3.0/mlflow/users/permissions/get"}, {"GET", "3.0/mlflow/users/permissions/list"}, {"GET", "3.0/mlflow/users/roles/list"},
		{"POST", "3.0/mlflow/users/permissions/grant"}, {"POST", "3.0/mlflow/users/permissions/revoke"},
		{"GET", "3.0/mlflow/roles/get"}, {"GET", "3.0/mlflow/roles/list"}, {"GET", "3.0/mlflow/roles/permissions/list"}, {"GET", "3.0/mlflow/roles/users/list"},
		{"POST", "3.0/mlflow/roles/create"}, {"PATCH", "3.0/mlflow/roles/update"}, {"DELETE", "3.0/mlflow/roles/delete"},
		{"POST", "3.0/mlflow/roles/assign"}, {"DELETE", "3.0/mlflow/roles/unassign"},
		{"POST", "3.0/mlflow/roles/permissions/add"}, {"PATCH", "3.0/mlflow/roles/permissions/update"}, {"DELETE", "3.0/mlflow/roles/permissions/remove"},
	} {
		all = append(all, line{both, l.method, l.path, user, manage, nil, opt{also: "*"}})
	}
	for _, at := range []string{"2.0/mlflow/experiments", "2.0/mlflow/registered-models", "3.0/mlflow/scorers",
		"3.0/mlflow/gateway/endpoints", "3.0/mlflow/gateway/model-definitions", "3.0/mlflow/gateway/secrets"} {
		for _, l := range []struct{ method, path string }{{"GET", "get"}, {"POST", "create"}, {"PATCH", "update"}, {"DELETE", "delete"}} {
			all = append(all, line{both, l.method, at + "/permissions/" + l.path, user, manage, nil, opt{also: "*"}})
		}
	}
	return all
}

// closed are routes that MLflow has and the gate never opens, with the reason.
var closed = map[string]string{
	"GET /graphql":                         "MLflow reads it from the body of a GET, which no client sends",
	"GET /signup":                          "accounts are made at the gate",
	"POST /api/2.0/mlflow/users/create-ui": "it answers a form of MLflow's own page to make accounts (CVE-2023-6568)",
	"POST /api/2.0mlflow/experiments/search-datasets":      "a slip of MLflow's own table: the path without its '/'; clients use the one of the pages",
	"POST /ajax-api/2.0mlflow/experiments/search-datasets": "the same slip",
}
