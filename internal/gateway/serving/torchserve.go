package serving

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// TorchServe is PyTorch's server. Its inference, management and metrics ports are upstreams of their own, all of this kind: a route that a port does not
// have is answered by that port with 404.
func TorchServe() *gateway.Kind {
	r := newRates()
	body := []gateway.Check{{Name: "prediction", Test: r.prediction}}
	scale := []string{"min_worker", "max_worker", "number_gpu", "synchronous", "timeout"}
	k := &gateway.Kind{
		Name: "torchserve", Doc: "TorchServe: its inference, management and metrics ports, one upstream each",
		Allow: []string{"limits", "model-store", "stores", "media"}, Switch: []string{"allow-nan", "allow-missing"},
		Refusal: func(no *wire.Refusal) (string, []byte) {
			return answerJSON(map[string]any{"code": no.Status, "type": no.Code, "message": no.Reason})
		},
		Routes: []gateway.Route{
			{Method: "GET", Path: "/ping", Public: true},
			{Method: "GET", Path: "/metrics", Resource: server, Action: auth.Read, Query: []string{"name[]*"}},
			{Method: "GET", Path: "/api-description", Resource: server, Action: auth.Read},
			{Method: "GET", Path: "/models", Resource: server, Action: auth.Read, Locate: lobby, Query: []string{"limit", "next_page_token"}, Flow: visible("models")},
			{Method: "GET", Path: "/models/{model}", Resource: model, Action: auth.Read, Locate: named(model, "model"), Query: []string{"customized"}},
			{Method: "GET", Path: "/models/{model}/{version}", Resource: model, Action: auth.Read, Locate: named(model, "model"), Query: []string{"customized"}},
			{
				Method: "POST", Path: "/models", Resource: model, Action: auth.Deploy, Locate: locateArchive(model, "model_name"), Flow: register,
				Query:  []string{"url", "model_name", "batch_size", "max_batch_delay", "response_timeout", "startup_timeout", "initial_workers", "synchronous"},
				Checks: []gateway.Check{{Name: "archive", Test: checkArchive(".mar", "model_name")}},
			},
			{Method: "PUT", Path: "/models/{model}", Resource: model, Action: auth.Deploy, Locate: named(model, "model"), Query: scale},
			{Method: "PUT", Path: "/models/{model}/{version}", Resource: model, Action: auth.Deploy, Locate: named(model, "model"), Query: scale},
			{Method: "PUT", Path: "/models/{model}/{version}/set-default", Resource: model, Action: auth.Deploy, Locate: named(model, "model")},
			{Method: "DELETE", Path: "/models/{model}", Resource: model, Action: auth.Delete, Locate: named(model, "model"), Query: []string{"synchronous", "timeout"}},
			{Method: "DELETE", Path: "/models/{model}/{version}", Resource: model, Action: auth.Delete, Locate: named(model, "model"), Query: []string{"synchronous", "timeout"}},
			{Method: "GET", Path: "/workflows", Resource: server, Action: auth.Read, Locate: lobby, Query: []string{"limit", "next_page_token"}, Flow: visible("workflows")},
			{Method: "GET", Path: "/workflows/{workflow}", Resource: workflow, Action: auth.Read, Locate: named(workflow, "workflow")},
			{
				Method: "POST", Path: "/workflows", Resource: workflow, Action: auth.Deploy, Locate: locateArchive(workflow, "workflow_name"), Flow: register,
				Query:  []string{"url", "workflow_name", "response_timeout", "startup_timeout", "synchronous"},
				Checks: []gateway.Check{{Name: "archive", Test: checkArchive(".war", "workflow_name")}},
			},
			{Method: "DELETE", Path: "/workflows/{workflow}", Resource: workflow, Action: auth.Delete, Locate: named(workflow, "workflow")},
			{Method: "POST", Path: "/wfpredict/{workflow}", Resource: workflow, Action: auth.Predict, Body: gateway.Stream, Locate: named(workflow, "workflow"), Query: []string{"*"}, Checks: body},
			{Method: "POST", Path: "/v1/models/{call}", Resource: model, Action: auth.Predict, Body: gateway.Stream, Locate: v1Model, Checks: body},
		},
	}
	for _, path := range []string{
		"/predictions/{model}", "/predictions/{model}/{version}", "/explanations/{model}", "/explanations/{model}/{version}", "/v2/models/{model}/infer", "/models/{model}/invoke",
	} {
		k.Routes = append(k.Routes, gateway.Route{
			Method: "POST", Path: path, Resource: model, Action: auth.Predict, Body: gateway.Stream, Locate: named(model, "model"), Query: []string{"*"}, Checks: body,
		})
	}
	return k
}

// v1Model is the model of "/v1/models/NAME:predict", KServe's first protocol.
func v1Model(x *gateway.Exchange) ([]auth.Resource, error) {
	name, verb, ok := strings.Cut(x.Vars["call"], ":")
	if !ok || verb != "predict" && verb != "explain" {
		return nil, wire.Refuse(http.StatusNotFound, "ENDPOINT_NOT_FOUND", "unknown-route", "weir gate: this path is not in the route table of torchserve")
	}
	return one(model, name), nil
}

// mediaTypes of bodies; handlers get them as bytes.
var mediaTypes = []string{"application/json", "text/plain", "application/octet-stream", "multipart/form-data", "application/x-www-form-urlencoded", "text/csv", ""}

// prediction reads the body for a handler: whatever it is, no part of it may be a serialised object.
func (r *rates) prediction(x *gateway.Exchange) error {
	name := x.Vars["model"] + x.Vars["workflow"]
	if call := x.Vars["call"]; call != "" {
		name, _, _ = strings.Cut(call, ":")
	}
	l, err := r.admit(x, name)
	if err != nil {
		return err
	}
	c := newChecker(x, l)
	for _, p := range x.Query { // TorchServe hands the query to the handler too
		if err := c.text(p.Value, p.Name); err != nil {
			return err
		}
	}
	top, _, _ := strings.Cut(x.Type, "/")
	if !slices.Contains(mediaTypes, x.Type) && !slices.Contains([]string{"image", "audio", "video"}, top) && !slices.Contains(x.Upstream.Allow["media"], x.Type) {
		no := wire.Refuse(http.StatusUnsupportedMediaType, "BAD_REQUEST", "content-type", fmt.Sprintf("weir gate: bodies of type %q are not passed on", x.Type))
		return hinted(no, fmt.Sprintf("allow: {media: [%q]}", x.Type))
	}
	switch x.Type {
	case "application/json":
		v, err := wire.ParseValue(x.Raw, c.jsonLimits())
		if err != nil {
			return err
		}
		return c.any(v, "")
	case "multipart/form-data":
		return c.parts(x.Raw, x.Params["boundary"])
	case "application/x-www-form-urlencoded":
		form, err := wire.ParseForm(x.Raw)
		if err != nil {
			return err
		}
		for _, p := range form {
			if err := c.guess([]byte(p.Value), p.Name); err != nil {
				return err
			}
		}
		return nil
	}
	return c.guess(x.Raw, "")
}

// guess looks at bytes as handlers do, whatever type they were sent with: as JSON when they can be read so.
func (c *checker) guess(b []byte, where string) error {
	if t := bytes.TrimSpace(b); len(t) > 0 && (t[0] == '{' || t[0] == '[') {
		if v, err := wire.ParseValue(t, c.jsonLimits()); err == nil {
			return c.any(v, where)
		}
	}
	return c.bytes(b, where)
}

const maxParts = 100

func (c *checker) parts(b []byte, boundary string) error {
	if boundary == "" {
		return refuse("multipart", "the multipart body has no boundary")
	}
	r := multipart.NewReader(bytes.NewReader(b), boundary)
	for n := 0; ; n++ {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err != nil || n == maxParts {
			return refuse("multipart", "the multipart body cannot be read, or has too many parts")
		}
		if e := p.Header.Get("Content-Transfer-Encoding"); e != "" && e != "binary" && e != "8bit" && e != "7bit" {
			return refuse("multipart", "a part is encoded")
		}
		data, err := io.ReadAll(io.LimitReader(p, int64(len(b))))
		if err != nil {
			return refuse("multipart", "a part of the body ends early")
		}
		if err := c.guess(data, p.FormName()); err != nil {
			return err
		}
	}
}
