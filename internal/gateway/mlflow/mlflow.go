package mlflow

import (
	"encoding/json"
	"fmt"
	"strings"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/mlflow/flow"
	"weir/internal/gateway/wire"
)

// The types of resources, as policies and the audit log name them.
const (
	experiment      = "experiment"
	run             = "run"
	registeredModel = "registered-model"
	modelVersion    = "model-version"
	prompt          = "prompt"
	loggedModel     = "logged-model"
	artifact        = "artifact"
	trace           = "trace"
	dataset         = "dataset"
	scorer          = "scorer"
	labelSchema     = "label-schema"
	reviewQueue     = "review-queue"
	issue           = "issue"
	job             = "job"
	endpoint        = "gateway-endpoint"
	secret          = "gateway-secret"
	definition      = "gateway-model"
	budget          = "gateway-budget"
	guardrail       = "gateway-guardrail"
	mcpServer       = "mcp-server"
	webhook         = "webhook"
	workspace       = "workspace"
	user            = "user"
	role            = "role"
	assistant       = "assistant"
	server          = "server"
)

// Kind is MLflow's tracking server. Each call makes one of its own, with a key of its own for the page tokens that it hands out.
func Kind() *gateway.Kind {
	shapes := readShapes()
	k := &gateway.Kind{Name: "mlflow", Doc: "MLflow tracking server, 1.30 to 3.17", Refusal: refusal, Strip: strip, Carry: []string{inWorkspace},
		Allow:  []string{"static-prefix", "artifact-locations", "sources", "webhook-hosts", "protected-aliases", "protected-stages", "deploy-verdicts"},
		Switch: []string{duties, "http-webhooks", "scorer-code"}}
	for _, l := range lines(newPager()) {
		k.Routes = append(k.Routes, l.routes(shapes)...)
	}
	k.Routes = append(k.Routes, flow.TransferRoutes()...)
	return k
}

// refusal writes the error form that MLflow's clients show: RestException reads error_code and message.
func refusal(r *wire.Refusal) (contentType string, body []byte) {
	body, err := json.Marshal(struct {
		Code    string `json:"error_code"`
		Message string `json:"message"`
	}{r.Code, r.Reason})
	if err != nil { // two strings always can be written
		body = []byte(`{"error_code":"INTERNAL_ERROR","message":""}`)
	}
	return "application/json", body
}

// strip removes the --static-prefix that the server was started below. The artifact routes of FastAPI (3.14 and later) are served without it.
func strip(u *gateway.Upstream, segments []string) []string {
	prefix := staticPrefix(u)
	if len(prefix) == 0 || len(segments) < len(prefix) {
		return segments
	}
	for i, p := range prefix {
		if segments[i] != p {
			return segments
		}
	}
	return segments[len(prefix):]
}

func staticPrefix(u *gateway.Upstream) []string {
	for _, p := range u.Allow["static-prefix"] {
		if p = strings.Trim(p, "/"); p != "" {
			return strings.Split(p, "/")
		}
	}
	return nil
}

// reach says under which prefixes a line is served.
type reach int

const (
	both    reach = iota // /api and /ajax-api
	ajax                 // /ajax-api alone: made for the pages
	rest                 // /api alone
	root                 // the path as it stands
	preview              // /api and /ajax-api, and below preview/ too, as MLflow 1.x has it
)

// line is one route of MLflow, whatever prefix it is asked under. Lines are written without the names of their fields, to stay lines.
type line struct {
	reach    reach
	method   string
	path     string // "2.0/mlflow/runs/get"
	resource string
	action   auth.Action
	find     finder // nil: the server as a whole
	opt
}

type (
	finder func(*gateway.Exchange) ([]auth.Resource, error)
	check  = gateway.Check
)

// routes writes out a line for each prefix that it is served under.
func (l line) routes(shapes *shapes) []gateway.Route {
	var paths []string
	switch l.reach {
	case root:
		paths = []string{l.path}
	case ajax:
		paths = []string{"/ajax-api/" + l.path}
	case rest:
		paths = []string{"/api/" + l.path}
	case preview:
		old := strings.Replace(l.path, "2.0/", "2.0/preview/", 1)
		paths = []string{"/api/" + l.path, "/ajax-api/" + l.path, "/api/" + old, "/ajax-api/" + old}
	default:
		paths = []string{"/api/" + l.path, "/ajax-api/" + l.path}
	}
	shape := shapes.of(l)
	r := gateway.Route{Method: l.method, Resource: l.resource, Action: l.action, Public: l.public, Limit: l.limit, Flow: l.flow, Locate: locate(l.find, l.resource)}
	switch {
	case l.body == "stream":
		r.Body, r.Query = gateway.Stream, strings.Fields(l.query)
	case l.method == "GET" || l.body == "none":
		r.Query = shape.query()
	default:
		r.Body, r.Query = gateway.JSON, strings.Fields(l.query)
		if r.Limit == 0 {
			r.Limit = 4 << 20 // log-batch of 1,000 metrics with long names, and traces with their spans
		}
	}
	r.Checks = append(append([]check{}, general(shape, strings.Fields(l.free))...), l.checks...)
	out := make([]gateway.Route, 0, len(paths))
	for _, p := range paths {
		r.Path = p
		out = append(out, r)
	}
	return out
}

// refuse is a refusal of something in a request that could be another thing to MLflow.
func refuse(rule, format string, args ...any) *wire.Refusal {
	return wire.Refuse(400, "INVALID_PARAMETER_VALUE", rule, "weir gate: "+fmt.Sprintf(format, args...))
}

// hinted adds the line of the configuration that would allow it.
func hinted(r *wire.Refusal, hint string) *wire.Refusal {
	r.Hint = hint
	return r
}
