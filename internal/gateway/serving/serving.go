// Package serving is the gate's knowledge of servers that answer with predictions: MLflow's scoring server, the open inference protocol (V2: KServe,
// Triton, MLServer) and TorchServe.
//
// Start with [Scoring], [V2] and [TorchServe]. An inference request is input like any other: its body is read once, strictly, held against the model's own signature where
// there is one (names, types, shapes, ranges, NaN and infinities), bounded in size and rate by model, and refused when something in it is a
// serialised object (a pickle, an npy file of objects, a Java object stream, plain or in base64 and compressed). What manages the server (load,
// register, scale) needs other rights, and loads only what was scanned.
//
// What the configuration of an upstream of these kinds opens (`allow` and `switch` in gate.yaml):
//
//	signatures       MLmodel files of the models, "MODEL=FILE" or "FILE" for all; V2 servers are asked for their models' own metadata besides
//	limits           "MODEL body=8388608 rows=100000 elements=500000 rate=600/m"; "*" for all others; what is left out has the default
//	media            TorchServe: further media types of bodies beside JSON, text, images, audio, video, forms and plain bytes
//	content-types    V2: further values of the parameter content_type
//	stores           TorchServe: https or http addresses, each ending in '/', below which archives may be registered from; the gate fetches and scans
//	model-store      TorchServe: the server's --model-store folder, where the gate can read and write it; without it nothing is registered
//	model-repository V2: the server's model repository; a model is loaded when all files of its folder pass; without it nothing is loaded
//	allow-nan        (switch) NaN and infinities in numbers
//	allow-missing    (switch) null in required columns
//	shared-memory    (switch) V2: regions of shared memory may be registered and used
//
// # Sources
//
// MLflow: mlflow/pyfunc/scoring_server/__init__.py of 1.30 to 3.17 and mlflow/types/schema.py. V2: KServe's open-inference-protocol
// (specification/protocol/inference_rest.md) and Triton's extensions (server/docs/protocol). TorchServe 0.12: its OpenAPI answers and the request
// handlers in its jar. CVE-2023-43654 and CVE-2022-1471 (ShellTorch), CVE-2023-31036 (Triton, load with file: parameters), CVE-2024-0087 (Triton, log_file).
package serving

import (
	"encoding/json"
	"net/http"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// The types of resources.
const (
	model    = "model"
	server   = "server"
	workflow = "workflow"
)

// named locates the one thing whose name is a variable of the path.
func named(kind, variable string) func(*gateway.Exchange) ([]auth.Resource, error) {
	return func(x *gateway.Exchange) ([]auth.Resource, error) { return one(kind, x.Vars[variable]), nil }
}

func one(kind, name string) []auth.Resource {
	return []auth.Resource{{Type: kind, ID: name, Name: name}}
}

// lobby is for what whoever has a role on the server may ask; the flow shows what they may see.
func lobby(*gateway.Exchange) ([]auth.Resource, error) {
	return []auth.Resource{{Type: auth.Lobby}}, nil
}

func refuse(rule, reason string) *wire.Refusal {
	return wire.Refuse(http.StatusBadRequest, "INVALID_PARAMETER_VALUE", rule, "weir gate: "+reason)
}

// hinted adds the line of the configuration that would allow it.
func hinted(r *wire.Refusal, hint string) *wire.Refusal {
	r.Hint = hint
	return r
}

// answerJSON writes an error in a server's own form.
func answerJSON(v any) (string, []byte) {
	b, err := json.Marshal(v)
	if err != nil {
		b = []byte("{}")
	}
	return "application/json", b
}
