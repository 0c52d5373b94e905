package serving

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// V2 is the open inference protocol with the extensions of KServe, Triton and MLServer.
func V2() *gateway.Kind {
	r := newRates()
	k := &gateway.Kind{
		Name: "v2", Doc: "the open inference protocol: KServe, Triton, MLServer", Headers: map[string]bool{"Inference-Header-Content-Length": true},
		Allow: []string{"limits", "model-repository", "content-types"}, Switch: []string{"allow-nan", "allow-missing", "shared-memory"},
		Refusal: func(no *wire.Refusal) (string, []byte) { return answerJSON(map[string]string{"error": no.Reason}) },
		Routes: []gateway.Route{
			{Method: "GET", Path: "/v2/health/live", Public: true},
			{Method: "GET", Path: "/v2/health/ready", Public: true},
			{Method: "GET", Path: "/v2", Resource: server, Action: auth.Read},
			{Method: "GET", Path: "/v2/docs/dataplane.json", Resource: server, Action: auth.Read},
			{Method: "GET", Path: "/v2/models/stats", Resource: server, Action: auth.Read},
			{Method: "GET", Path: "/metrics", Resource: server, Action: auth.Read},
			{Method: "POST", Path: "/v2/repository/index", Resource: server, Action: auth.Read, Body: gateway.JSON, Locate: lobby, Flow: visible(""), Checks: only("ready")},
			{Method: "POST", Path: "/v2/repository/models/{model}/load", Resource: model, Action: auth.Deploy, Body: gateway.JSON, Locate: named(model, "model"), Checks: loadChecks, Flow: loadModel},
			{
				Method: "POST", Path: "/v2/repository/models/{model}/unload", Resource: model, Action: auth.Deploy, Body: gateway.JSON, Locate: named(model, "model"),
				Checks: only("parameters"),
			},
			{Method: "GET", Path: "/v2/trace/setting", Resource: server, Action: auth.Manage},
			{Method: "POST", Path: "/v2/trace/setting", Resource: server, Action: auth.Manage, Body: gateway.JSON, Checks: noFiles},
			{Method: "GET", Path: "/v2/logging", Resource: server, Action: auth.Manage},
			{Method: "POST", Path: "/v2/logging", Resource: server, Action: auth.Manage, Body: gateway.JSON, Checks: noFiles},
			{Method: "GET", Path: "/v2/models/{model}/trace/setting", Resource: model, Action: auth.Manage, Locate: named(model, "model")},
			{Method: "POST", Path: "/v2/models/{model}/trace/setting", Resource: model, Action: auth.Manage, Body: gateway.JSON, Locate: named(model, "model"), Checks: noFiles},
		},
	}
	for _, base := range []string{"/v2/models/{model}", "/v2/models/{model}/versions/{version}"} {
		for _, part := range []string{"", "/ready", "/stats", "/config", "/docs/dataplane.json"} {
			k.Routes = append(k.Routes, gateway.Route{Method: "GET", Path: base + part, Resource: model, Action: auth.Read, Locate: named(model, "model")})
		}
		for _, part := range []string{"/infer", "/infer_stream", "/generate", "/generate_stream"} {
			k.Routes = append(k.Routes, gateway.Route{
				Method: "POST", Path: base + part, Resource: model, Action: auth.Predict, Body: gateway.Stream, Locate: named(model, "model"),
				Checks: []gateway.Check{{Name: "v2-inference", Test: r.inference}},
			})
		}
	}
	for _, kind := range []string{"system", "cuda"} {
		k.Routes = append(k.Routes, memoryRoutes("/v2/"+kind+"sharedmemory")...)
	}
	return k
}

// memoryRoutes are Triton's: a region of shared memory lets a request read and write the memory of whoever else shares it.
func memoryRoutes(base string) []gateway.Route {
	out := []gateway.Route{
		{Method: "GET", Path: base + "/status", Resource: server, Action: auth.Manage},
		{Method: "GET", Path: base + "/region/{region}/status", Resource: server, Action: auth.Manage},
	}
	for _, path := range []string{"/region/{region}/register", "/region/{region}/unregister", "/unregister"} {
		out = append(out, gateway.Route{
			Method: "POST", Path: base + path, Resource: server, Action: auth.Manage, Body: gateway.JSON,
			Checks: []gateway.Check{{Name: "shared-memory", Test: func(x *gateway.Exchange) error { return sharedMemory(x, "") }}},
		})
	}
	return out
}

func sharedMemory(x *gateway.Exchange, where string) error {
	if x.Upstream.On["shared-memory"] {
		return nil
	}
	reason := "regions of shared memory are not registered through the gate"
	if where != "" {
		reason = show(where) + " lies in shared memory, which is not used through the gate"
	}
	return hinted(refuse("shared-memory", reason), "switch: [shared-memory]")
}

// only lets a JSON body have these members and no others.
func only(names ...string) []gateway.Check {
	return []gateway.Check{{Name: "members", Test: func(x *gateway.Exchange) error {
		for key := range x.JSON {
			if !slices.Contains(names, key) {
				return refuse("members", fmt.Sprintf("the body has %s, which does not belong there", show(key)))
			}
		}
		return nil
	}}}
}

// noFiles refuses the settings that make the server write a file of the caller's choice (Triton: log_file, trace_file).
var noFiles = []gateway.Check{{Name: "log-file", Test: func(x *gateway.Exchange) error {
	for key := range x.JSON {
		if key == "log_file" || key == "trace_file" || key == "trace_mode" || key == "trace_config" {
			return refuse("log-file", key+" makes the server write a file: it is set where the server is started")
		}
	}
	return nil
}}}

// loadChecks refuse a load that brings its own configuration or files (Triton: CVE-2023-31036): what is loaded is what lies in the repository.
var loadChecks = []gateway.Check{{Name: "load-parameters", Test: func(x *gateway.Exchange) error {
	for key, v := range x.JSON {
		p, ok := v.(wire.Object)
		if key != "parameters" || !ok || len(p) > 0 {
			return refuse("load-parameters", "a model is loaded as it lies in the repository: without configuration or files in the request")
		}
	}
	return nil
}}}

// metadata is what a V2 server says about a model.
type metadata struct {
	inputs   []tensor
	optional map[string]bool // inputs that may be left out; Triton alone has them, and tells them in the model's configuration
}

// metadataOf asks the server. A model that it does not know has no signature: the server says so itself.
func metadataOf(x *gateway.Exchange) (*metadata, error) {
	path := []string{"v2", "models", x.Vars["model"]}
	if v := x.Vars["version"]; v != "" {
		path = append(path, "versions", v)
	}
	got, err := x.Remember(fmt.Sprintf("v2 metadata %q", path), signatureTTL, func() (any, error) {
		answer, status, err := x.Ask("GET", path, nil, nil)
		switch {
		case err != nil:
			return nil, err
		case status >= 500:
			return nil, wire.Refuse(http.StatusServiceUnavailable, "TEMPORARILY_UNAVAILABLE", "model-metadata", "weir gate: the server does not tell the model's signature")
		case status != http.StatusOK:
			return &metadata{}, nil
		}
		m := readMetadata(answer)
		if answer, status, err = x.Ask("GET", append(path, "config"), nil, nil); err == nil && status == http.StatusOK {
			m.optional = optionalInputs(answer)
		}
		return m, err
	})
	if err != nil {
		return nil, err
	}
	return got.(*metadata), nil
}

func readMetadata(o wire.Object) *metadata {
	m := &metadata{}
	list, _ := o["inputs"].([]any)
	for _, v := range list {
		in, _ := v.(wire.Object)
		t := tensor{}
		t.name, _ = in["name"].(string)
		t.dtype, _ = in["datatype"].(string)
		t.shape, _ = integersOf(in["shape"])
		m.inputs = append(m.inputs, t)
	}
	return m
}

// optionalInputs reads Triton's configuration of a model (model_config.proto, ModelInput.optional).
func optionalInputs(config wire.Object) map[string]bool {
	optional := map[string]bool{}
	list, _ := config["input"].([]any)
	for _, v := range list {
		in, _ := v.(wire.Object)
		name, _ := in["name"].(string)
		if may, _ := in["optional"].(bool); may {
			optional[name] = true
		}
	}
	return optional
}

func integersOf(v any) ([]int64, bool) {
	list, ok := v.([]any)
	out := make([]int64, 0, len(list))
	for _, e := range list {
		n, isNumber := e.(json.Number)
		i, err := strconv.ParseInt(string(n), 10, 64)
		if !isNumber || err != nil {
			return nil, false
		}
		out = append(out, i)
	}
	return out, ok
}

// inference reads the body of infer and generate.
func (r *rates) inference(x *gateway.Exchange) error {
	name := x.Vars["model"]
	l, err := r.admit(x, name)
	if err != nil {
		return err
	}
	c := newChecker(x, l)
	head, rest := x.Raw, []byte(nil)
	if h := x.Client.Get("Inference-Header-Content-Length"); h != "" { // Triton's binary tensor data: JSON, then bytes
		n, err := strconv.ParseUint(h, 10, 32)
		if err != nil || n > uint64(len(head)) {
			return refuse("v2-binary", "Inference-Header-Content-Length is not the length of the JSON in the body")
		}
		if err := x.Pass("Inference-Header-Content-Length"); err != nil {
			return err
		}
		head, rest = head[:n], head[n:]
	} else if x.Type != "application/json" && x.Type != "" && x.Type != "application/octet-stream" { // Triton's client says nothing
		return wire.Refuse(http.StatusUnsupportedMediaType, "BAD_REQUEST", "content-type", fmt.Sprintf("weir gate: the body's Content-Type is %q; it must be application/json", x.Type))
	}
	if rest == nil {
		x.Header.Set("Content-Type", "application/json") // what it was read as
	}
	o, err := wire.ParseJSON(head, c.jsonLimits())
	if err != nil {
		return err
	}
	if _, ok := o["inputs"].([]any); !ok {
		if len(rest) > 0 {
			return refuse("v2-binary", "the body has bytes after its JSON, and no inputs")
		}
		return c.any(o, "") // generate: texts and parameters as the model likes them
	}
	m, err := metadataOf(x)
	if err != nil {
		return err
	}
	return (&request{x: x, c: c, m: m, rest: rest}).check(o)
}
