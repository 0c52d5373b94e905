package h2o

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// Kind describes H2O-3 servers of version 3.46.
func Kind() *gateway.Kind {
	s := &site{owners: newOwners()}
	return &gateway.Kind{
		Name: "h2o", Doc: "H2O-3 and its Flow: frames, models, Rapids", Routes: s.routes(), Refusal: refusalForm,
		Allow: []string{"import-roots", "export-roots", "import-urls", "jdbc-urls"}, Switch: []string{"sql-queries", "unverified-models"},
		Headers: map[string]bool{"X-H2o-Build-Project-Version": true, "X-H2o-Rest-Api-Version-Max": true, "X-H2o-Cluster-Id": true, "X-H2o-Cluster-Good": true},
	}
}

// routes makes the gate's table of the server's. It panics when the embedded table cannot be read, which a test would have seen.
func (s *site) routes() []gateway.Route {
	endpoints, err := readTable(tableText + untold)
	if err != nil {
		panic("h2o: " + err.Error())
	}
	var routes []gateway.Route
	for i := range endpoints {
		e := &endpoints[i]
		if r := judge(e.method, e.path); r != nil && e.method != "HEAD" { // the core reads HEAD as GET
			e.rule = r
			routes = append(routes, s.route(e, r))
		}
	}
	return routes
}

// largest is how large a form may be, in bytes: lists of columns and long expressions.
const largest = 4 << 20

func (s *site) route(e *endpoint, r *rule) gateway.Route {
	route := gateway.Route{Method: e.method, Path: e.path, Resource: r.about, Action: r.action, Limit: largest, Locate: s.locate(e, r)}
	if r.never != "" {
		route.Checks = append(route.Checks, gateway.Check{Name: "h2o/not-passed-on", Test: never(r.never)})
	}
	route.Checks = append(route.Checks, gateway.Check{Name: "h2o/parameters", Test: s.check(e)})
	switch {
	case r.never != "": // nothing of it is read
		route.Query, route.Body = []string{"*"}, gateway.Stream
	case e.method != "POST":
		route.Query = e.settable()
	case r.flow == "upload" || r.flow == "stored":
		route.Query, route.Body = e.settable(), gateway.Stream
	case r.json:
		route.Body = gateway.JSON
	default:
		route.Body = gateway.Form
	}
	if r.flow != "" {
		route.Flow = s.flows()[r.flow]
	}
	if e.writes() {
		route.Flow = neverForced(route.Flow)
	}
	return route
}

// writes says that the endpoint writes a file of the caller's choice and can be told to write over another.
func (e *endpoint) writes() bool {
	if _, ok := e.fields["force"]; !ok {
		return false
	}
	for f := range e.fields {
		if e.role(f) == exportPath {
			return true
		}
	}
	return false
}

// neverForced says force=false where the request says nothing: for models and saved frames H2O then takes it for true (ModelExportV3,
// FrameSaveV3). That it is not said to be true, checks have seen.
func neverForced(flow gateway.Flow) gateway.Flow {
	if flow == nil {
		flow = (*gateway.Exchange).Forward
	}
	no := wire.Pair{Name: "force", Value: "false"}
	return func(x *gateway.Exchange) error {
		switch {
		case value(x, "force") != "" || x.Observing():
		case x.Method == http.MethodPost:
			x.Form = append(slices.DeleteFunc(x.Form, func(p wire.Pair) bool { return p.Name == "force" }), no)
			x.Raw = []byte(wire.EncodeQuery(x.Form))
		default:
			x.Query = append(slices.DeleteFunc(x.Query, func(p wire.Pair) bool { return p.Name == "force" }), no)
		}
		return flow(x)
	}
}

// flows are what the rules name.
func (s *site) flows() map[string]gateway.Flow {
	return map[string]gateway.Flow{
		"session": s.newSession, "makes": s.makes, "deletes": s.deletes, "rapids": s.rapids, "import": s.imports,
		"frames":       s.list("frames", nameIn(frame, "frame_id")),
		"models":       s.list("models", nameIn(model, "model_id")),
		"grids":        s.list("grids", nameIn(grid, "grid_id")),
		"leaderboards": s.list("leaderboards", nameIn(leaderboard, "project_name")),
		"metrics":      s.list("model_metrics", nameIn(model, "model")),
		"jobs":         s.list("jobs", s.jobResult),
		"job":          s.oneJob, "cancel": s.cancel, "typeahead": s.typeahead, "members": s.members, "model": s.members,
		"mojo": s.handsOut(".zip"), "binary": s.handsOut(".bin"), "java": s.handsOut(".java"),
		"saveBinary": s.exports([]string{"3", "Models.fetch.bin"}, "", ".bin"), "saveMojo": s.exports([]string{"3", "Models"}, "mojo", ".zip"),
		"upload": s.upload, "stored": s.stored, "importModel": s.importModel, "uploadModel": s.uploadModel, "generic": s.generic,
	}
}

// refusalForm writes a refusal as H2OErrorV3, which its clients show.
func refusalForm(r *wire.Refusal) (string, []byte) {
	b, err := json.Marshal(map[string]any{
		"__meta":    map[string]any{"schema_version": 3, "schema_name": "H2OErrorV3", "schema_type": "H2OError"},
		"timestamp": time.Now().UnixMilli(), "error_url": "", "msg": r.Reason, "dev_msg": r.Reason, "http_status": r.Status, "values": map[string]any{"rule": r.Rule},
		"exception_type": "weir.gate." + r.Code, "exception_msg": r.Reason, "stacktrace": []string{},
	})
	if err != nil {
		return "text/plain", []byte("refused")
	}
	return "application/json", b
}
