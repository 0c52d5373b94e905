package h2o

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"weir"
	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// param is one parameter as the server will read it, with the values of a list one by one.
type param struct {
	name   string
	role   role
	values []string
}

func bad(rule, format string, args ...any) *wire.Refusal {
	return wire.Refuse(http.StatusBadRequest, "INVALID_PARAMETER_VALUE", rule, fmt.Sprintf(format, args...))
}

func denied(rule, format string, args ...any) *wire.Refusal {
	return wire.Refuse(http.StatusForbidden, "PERMISSION_DENIED", rule, fmt.Sprintf(format, args...))
}

// params gives what the request says, in one reading: H2O takes parameters from the path, the query, a form and a JSON body, and the later ones
// win. A route has one place for them (the core refuses a body of another type), no name stands twice, and the path's variables cannot be said
// again. Empty values are what is not said, as in Schema.parse.
func (e *endpoint) params(x *gateway.Exchange) ([]param, error) {
	var ps []param
	for _, v := range e.vars {
		if value, ok := x.Vars[v]; ok && e.fields[v] != "" {
			p, err := e.param(v, value)
			if err != nil {
				return nil, err
			}
			ps = append(ps, p)
		}
	}
	pairs := x.Query
	if len(x.Form) > 0 {
		if err := wire.CheckQuery(x.Form, e.settable()); err != nil {
			return nil, err
		}
		pairs = slices.Concat(x.Query, x.Form)
	}
	for i, pair := range pairs {
		for _, other := range pairs[:i] {
			if other.Name == pair.Name {
				return nil, bad("twice", "%q is said twice", pair.Name)
			}
		}
		p, err := e.param(pair.Name, pair.Value)
		if err != nil {
			return nil, err
		}
		ps = append(ps, p)
	}
	return e.members(ps, x.JSON, "", 0)
}

// param reads one value.
func (e *endpoint) param(name, value string) (param, error) {
	p := param{name: name, role: e.role(name)}
	if p.role == unjudged {
		return p, bad("parameter", "the gate does not know what %q means here", name)
	}
	switch {
	case value == "":
	case keyed(p.role) && e.list(name) || p.role == importPaths || p.role == rapidsText && e.list(name):
		values, err := splitList(value)
		if err != nil {
			return p, bad("list", "%s: %v", name, err)
		}
		p.values = values
	default:
		p.values = []string{value}
	}
	if keyed(p.role) {
		for _, v := range p.values {
			if !goodKey(v) {
				return p, bad("key", "%s: %.80q cannot be the name of a frame or model", name, v)
			}
		}
	}
	return p, nil
}

// members reads a JSON body: AutoML alone has one. Names are joined by dots, as in the table.
func (e *endpoint) members(ps []param, o map[string]any, prefix string, depth int) ([]param, error) {
	if depth > 8 {
		return nil, bad("json", "the body is nested too deeply")
	}
	for n, v := range o {
		full := prefix + n
		kind, known := e.fields[full]
		if !known {
			return nil, bad("parameter", "the gate does not know what %q means here", full)
		}
		var err error
		if ps, err = e.member(ps, full, kind, v, depth); err != nil {
			return nil, err
		}
	}
	return ps, nil
}

func (e *endpoint) member(ps []param, full, kind string, v any, depth int) ([]param, error) {
	switch v := v.(type) {
	case nil:
		return ps, nil
	case wire.Object:
		if !strings.HasPrefix(kind, "o") {
			return e.keyObject(ps, full, v)
		}
		if err := e.algoParameter(full, v); err != nil {
			return nil, err
		}
		return e.members(ps, v, full+".", depth+1)
	case []any:
		for _, one := range v {
			var err error
			if ps, err = e.member(ps, full, kind, one, depth); err != nil {
				return nil, err
			}
		}
		return ps, nil
	case string:
		p, err := e.param(full, v)
		return append(ps, p), err
	}
	p := param{name: full, role: e.role(full)} // a number or a boolean
	if p.role == unjudged {
		return nil, bad("parameter", "the gate does not know what %q means here", full)
	}
	if p.role != plain && p.role != whole {
		p.values = []string{fmt.Sprint(v)}
	}
	return append(ps, p), nil
}

// keyObject reads {"name": …}, as H2O writes keys and columns.
func (e *endpoint) keyObject(ps []param, full string, o wire.Object) ([]param, error) {
	n := o["name"]
	if n == nil {
		n = o["column_name"]
	}
	s, ok := n.(string)
	if !ok {
		return nil, bad("json", "%s: an object where text belongs", full)
	}
	p, err := e.param(full, s)
	return append(ps, p), err
}

// algoParameter checks {"name": …, "value": …} of AutoML's algo_parameters: another way to set parameters of models.
func (e *endpoint) algoParameter(full string, o wire.Object) error {
	if full != "build_models.algo_parameters" {
		return nil
	}
	n, _ := o["name"].(string)
	if r, known := roles()[n]; known && r != plain || flagRole(n) != plain {
		return bad("nested", "%q cannot be set through algo_parameters", n)
	}
	return nil
}

func keyed(r role) bool {
	switch r {
	case readFrame, newFrame, changeFrame, readModel, newModel, readKey, newKey, gridKey, jobKey, projectKey, sessionKey:
		return true
	}
	return false
}

// keys are made of letters, digits and a few signs: no quote, bracket, comma, angle bracket or space. H2O strips quotes, splits lists and takes
// "{…}" for JSON (Schema.parse), and Flow shows names as HTML (CVE-2023-6013).
var keyPattern = weir.Pattern(`^[\p{L}\p{N}_.$/:@~%+=#^!*-]{1,512}$`)

func goodKey(s string) bool { return keyPattern().MatchString(s) && s != "null" && s != "NULL" }

// splitList reads ["a","b"], [a,b] or a, as Schema.parse does, and nothing else.
func splitList(s string) ([]string, error) {
	inner, ok := strings.CutPrefix(s, "[")
	if !ok {
		return []string{s}, nil
	}
	inner, ok = strings.CutSuffix(inner, "]")
	if !ok {
		return nil, fmt.Errorf("a list that does not end")
	}
	if strings.TrimSpace(inner) == "" {
		return nil, nil
	}
	if strings.HasPrefix(strings.TrimSpace(inner), `"`) {
		var list []string
		if err := json.Unmarshal([]byte(s), &list); err != nil || slices.ContainsFunc(list, func(v string) bool { return strings.ContainsAny(v, `"\`) }) {
			return nil, fmt.Errorf("a list that can be read in two ways")
		}
		return list, nil
	}
	if strings.ContainsAny(inner, `"'[]{}\`) {
		return nil, fmt.Errorf("a list that can be read in two ways")
	}
	var list []string
	for _, v := range strings.Split(inner, ",") {
		list = append(list, strings.TrimSpace(v))
	}
	return list, nil
}

// means checks every value by what it means.
func (e *endpoint) means(x *gateway.Exchange, ps []param) error {
	for _, p := range ps {
		for _, v := range p.values {
			if err := e.mean(x, p, v); err != nil {
				return err
			}
		}
	}
	return overwrites(ps)
}

func (e *endpoint) mean(x *gateway.Exchange, p param, v string) error {
	switch p.role {
	case newFrame, newModel, newKey, gridKey, projectKey:
		if strings.Contains(v, "/") && e.method == http.MethodPost { // H2O makes paths of such names: <folder of checkpoints>/<model>
			return bad("key", "%s: %q could be read as a path", p.name, v)
		}
		if functions()[v] != nil || constant(v) || strings.HasPrefix(v, "$") {
			return bad("key", "%s: %q is a word of H2O's own", p.name, v)
		}
	case importPath, importPaths:
		if err := importable(x.Upstream, p.name, v); err != nil || p.name == "src" || strings.Contains(v, ":") {
			return err
		}
		return linksInside(x.Upstream.Allow["import-roots"], p.name, v)
	case broadFlag:
		if !off(v) && !x.Can(auth.Manage, auth.Resource{Type: cluster}).Allow {
			return denied("others", "%s: the answer would name what belongs to others", p.name)
		}
	case importRegex:
		if !x.Specific("CVE-2024-7768") {
			return nil
		}
		return simplePattern(p.name, v)
	case exportPath:
		return exportable(x.Upstream, p.name, v)
	case sessionKey:
		if !sessionPattern().MatchString(v) {
			return bad("session", "%s: %.60q is no session of this server", p.name, v)
		}
	case nested:
		return e.nestedParameters(p.name, v)
	case scriptName, className:
		return bad("code", "%s: names uploaded code, which would run inside the server", p.name)
	case reservedFor:
		return e.reserved(p.name)
	default:
		return meansSQL(x.Upstream, p, v)
	}
	return nil
}

// off says that H2O certainly reads a flag as false: Boolean.valueOf makes false of all but "true" in any case, and "1" counts too, but what
// else it may take one day is no false here.
func off(v string) bool { return v == "false" || v == "False" || v == "FALSE" || v == "0" }

// sessionPattern is what RapidsHandler.startSession makes; _specialSess is what it takes when none is said.
var sessionPattern = weir.Pattern(`^(_sid_[0-9a-f]{1,8}|_specialSess)$`)

// reserved refuses a parameter that only belongs on routes for those who manage the cluster, unless this is one or a flow looks at it.
func (e *endpoint) reserved(name string) error {
	if r := e.rule; r != nil && (r.action == "manage" || r.flow == "importModel" || r.flow == "uploadModel" || r.flow == "generic" || strings.Contains(e.path, "/Assembly") || name == "username" || name == "password") {
		return nil
	}
	return bad("parameter", "%s: it is not passed on here", name)
}

// nestedParameters checks JSON text that sets parameters: {"ntrees": [1, 2]}. Whatever can name something must be said where the gate looks.
func (e *endpoint) nestedParameters(name, v string) error {
	o, err := wire.ParseJSON([]byte(v), wire.Limits{Depth: 8, Members: 10_000, NaN: true})
	if err != nil {
		return bad("nested", "%s: %v", name, err)
	}
	for n := range o {
		if strings.HasPrefix(n, "_") || strings.ContainsAny(n, ".") {
			return bad("nested", "%s: %q is no parameter", name, n)
		}
		if r, known := roles()[n]; known && r != plain || flagRole(n) != plain {
			return bad("nested", "%s: %q must be said as a parameter of its own", name, n)
		}
		if _, known := e.fields[n]; !known && name == "hyper_parameters" {
			return bad("nested", "%s: the gate does not know what %q means here", name, n)
		}
	}
	return nil
}

var (
	sqlIdentifier = weir.Pattern(`^[A-Za-z_][A-Za-z0-9_]{0,63}(\.[A-Za-z_][A-Za-z0-9_]{0,63}){0,2}$`)
	sqlList       = weir.Pattern(`^(\*|[A-Za-z_][A-Za-z0-9_]{0,63}( ?, ?[A-Za-z_][A-Za-z0-9_]{0,63})*)$`)
)

// meansSQL checks what goes to a database: JDBC URLs carry parameters that run code in the driver (CVE-2024-45758, CVE-2025-6507,
// CVE-2026-3960), so only whole listed ones pass.
func meansSQL(u *gateway.Upstream, p param, v string) error {
	switch p.role {
	case jdbcURL:
		if !slices.Contains(u.Allow["jdbc-urls"], v) {
			no := denied("jdbc", "%s: this database is not listed", p.name)
			no.Hint = "jdbc-urls: [the whole URL]"
			return no
		}
	case sqlName:
		if !sqlIdentifier().MatchString(v) {
			return bad("sql", "%s: %.80q is no name of a table", p.name, v)
		}
	case sqlColumns:
		if !sqlList().MatchString(v) {
			return bad("sql", "%s: %.80q is no list of columns", p.name, v)
		}
	case sqlQuery:
		if !u.On["sql-queries"] {
			no := denied("sql", "%s: whole queries are not switched on; say a table", p.name)
			no.Hint = "switch: [sql-queries]"
			return no
		}
	case forceFlag:
		if !off(v) {
			return bad("force", "force: the gate never overwrites files")
		}
	}
	return nil
}
