package mlflow

import (
	"net/http"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// Bounds of a GraphQL request. MLflow's own pages stay far below; without bounds one request makes the server do the work of thousands
// (CVE-2025-0453: aliases).
const (
	graphTokens  = 2000
	graphDepth   = 12
	graphFields  = 400
	graphAliases = 10
	graphRoots   = 4
)

// graphField is a root field that may be asked for, and what its input names.
type graphField struct {
	experiments, runs []string // names in the input
}

// graphRootFields is the allow-list. What is missing: test fields, introspection, and mlflowSearchModelVersions, which the pages do not use and
// whose pages the REST interface filters.
var graphRootFields = map[ast.Operation]map[string]graphField{
	ast.Query: {
		"mlflowGetExperiment":                {experiments: []string{"experimentId"}},
		"mlflowGetRun":                       {runs: []string{"runId", "runUuid"}},
		"mlflowListArtifacts":                {runs: []string{"runId", "runUuid"}},
		"mlflowSearchRuns":                   {experiments: []string{"experimentIds"}},
		"mlflowGetMetricHistoryBulkInterval": {runs: []string{"runIds"}},
	},
	ast.Mutation: {
		"mlflowSearchRuns":     {experiments: []string{"experimentIds"}},
		"mlflowSearchDatasets": {experiments: []string{"experimentIds"}},
	},
}

func graphRefuse(reason string) *wire.Refusal {
	return wire.Refuse(400, "INVALID_PARAMETER_VALUE", "mlflow/graphql", "weir gate: "+reason)
}

// graph finds what a GraphQL request is about: every root field's input, with the variables put in.
func graph(x *gateway.Exchange) ([]auth.Resource, error) {
	op, doc, err := graphParse(x)
	if err != nil {
		return nil, err
	}
	vars, err := graphVariables(x, op)
	if err != nil {
		return nil, err
	}
	g := &graphWalk{doc: doc, op: op.Operation, most: graphFields}
	if x.Specific("CVE-2025-0453") {
		g.most = graphAliases
	}
	if err := g.selection(op.SelectionSet, 0, nil); err != nil {
		return nil, err
	}
	var out []auth.Resource
	for _, f := range g.roots {
		if f.Name == "__typename" {
			continue
		}
		found, err := graphInput(x, f, graphRootFields[op.Operation][f.Name], vars)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

func graphParse(x *gateway.Exchange) (*ast.OperationDefinition, *ast.QueryDocument, error) {
	text, _ := x.JSON["query"].(string)
	if text == "" {
		return nil, nil, graphRefuse("the request has no GraphQL query")
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, graphTokens)
	if err != nil {
		return nil, nil, graphRefuse("the GraphQL query cannot be read: " + abbreviated(err.Error()))
	}
	if len(doc.Operations) != 1 || len(doc.Fragments) > 20 {
		return nil, nil, graphRefuse("a GraphQL request is one operation")
	}
	op := doc.Operations[0]
	if name, _ := x.JSON["operationName"].(string); name != "" && name != op.Name {
		return nil, nil, graphRefuse("operationName names another operation")
	}
	if graphRootFields[op.Operation] == nil {
		return nil, nil, graphRefuse("this GraphQL operation is not open")
	}
	return op, doc, nil
}

// graphVariables are those of the request over the defaults of the query.
func graphVariables(x *gateway.Exchange, op *ast.OperationDefinition) (map[string]any, error) {
	vars := map[string]any{}
	given := x.JSON["variables"]
	o, ok := object(given)
	if !ok && given != nil {
		return nil, graphRefuse("variables must be an object")
	}
	for _, d := range op.VariableDefinitions {
		if v, has := o[d.Variable]; has {
			vars[d.Variable] = v
		} else if d.DefaultValue != nil {
			v, err := d.DefaultValue.Value(nil)
			if err != nil {
				return nil, graphRefuse("a default value cannot be read")
			}
			vars[d.Variable] = v
		}
	}
	return vars, nil
}

// graphInput reads what a root field's input names. It has that one argument.
func graphInput(x *gateway.Exchange, f *ast.Field, known graphField, vars map[string]any) ([]auth.Resource, error) {
	if len(f.Arguments) != 1 || f.Arguments[0].Name != "input" {
		return nil, graphRefuse(f.Name + " takes an input")
	}
	v, err := f.Arguments[0].Value.Value(vars)
	if err != nil {
		return nil, graphRefuse("the input of " + f.Name + " cannot be read")
	}
	o, ok := object(v)
	if !ok {
		return nil, graphRefuse("the input of " + f.Name + " must be an object")
	}
	var out []auth.Resource
	find := func(names []string, lookup func(*gateway.Exchange, string) (auth.Resource, error)) error {
		for _, name := range names {
			found, err := inside(o[name], nil, name, nil)
			if err != nil {
				return err
			}
			for _, id := range found {
				if id == "" {
					continue
				}
				if err := rule(testID(name, id), "mlflow/ids"); err != nil {
					return err
				}
				r, err := lookup(x, id)
				if err != nil {
					return err
				}
				out = append(out, r)
			}
		}
		return nil
	}
	if err := find(known.experiments, theExperiment); err != nil {
		return nil, err
	}
	if err := find(known.runs, theRun); err != nil {
		return nil, err
	}
	if p, ok := o["path"].(string); ok {
		if err := rule(testPath("path", p), "mlflow/paths"); err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, graphRefuse(f.Name + " names nothing that it is about")
	}
	return out, nil
}

// graphWalk goes through all selections, those of fragments where they are spread, and counts.
type graphWalk struct {
	doc             *ast.QueryDocument
	op              ast.Operation
	roots           []*ast.Field
	fields, aliases int
	most            int // aliases
	spread          []string
}

func (g *graphWalk) selection(set ast.SelectionSet, depth int, parent *ast.Field) error {
	if depth > graphDepth {
		return graphRefuse("the GraphQL query is too deep")
	}
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			if err := g.field(s, depth, parent); err != nil {
				return err
			}
		case *ast.InlineFragment:
			if err := g.selection(s.SelectionSet, depth+1, parent); err != nil {
				return err
			}
		case *ast.FragmentSpread:
			if err := g.fragment(s.Name, depth, parent); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *graphWalk) fragment(name string, depth int, parent *ast.Field) error {
	for _, n := range g.spread {
		if n == name {
			return graphRefuse("a fragment spreads itself")
		}
	}
	def := g.doc.Fragments.ForName(name)
	if def == nil {
		return graphRefuse("a fragment is missing")
	}
	g.spread = append(g.spread, name)
	defer func() { g.spread = g.spread[:len(g.spread)-1] }()
	return g.selection(def.SelectionSet, depth+1, parent)
}

func (g *graphWalk) field(f *ast.Field, depth int, parent *ast.Field) error {
	if g.fields++; g.fields > graphFields {
		return graphRefuse("the GraphQL query asks for too much")
	}
	if f.Alias != "" && f.Alias != f.Name {
		if g.aliases++; g.aliases > g.most {
			return graphRefuse("the GraphQL query has too many aliases")
		}
	}
	if parent == nil {
		if _, known := graphRootFields[g.op][f.Name]; !known && f.Name != "__typename" {
			return graphRefuse("the GraphQL field " + abbreviated(f.Name) + " is not open")
		}
		if g.roots = append(g.roots, f); len(g.roots) > graphRoots {
			return graphRefuse("the GraphQL query asks for too much at once")
		}
	} else if len(f.Name) > 1 && f.Name[:2] == "__" && f.Name != "__typename" {
		return graphRefuse("introspection is not open")
	}
	// The versions of a run are filtered in the answer, which needs their names there under the name that they have.
	if f.Name == versionsField || parent != nil && parent.Name == versionsField {
		if f.Alias != "" && f.Alias != f.Name {
			return graphRefuse("modelVersions and what is in it take no alias")
		}
	}
	if parent != nil && f.Alias == versionsField && f.Name != versionsField {
		return graphRefuse("modelVersions is the name of another field")
	}
	if f.Name == versionsField && !g.names(f.SelectionSet) {
		return graphRefuse("modelVersions must be asked for with their name")
	}
	return g.selection(f.SelectionSet, depth+1, f)
}

const versionsField = "modelVersions"

// names says whether a selection asks for the field name at its top.
func (g *graphWalk) names(set ast.SelectionSet) bool {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			if s.Name == "name" && len(s.Directives) == 0 {
				return true
			}
		case *ast.FragmentSpread:
			if def := g.doc.Fragments.ForName(s.Name); def != nil && len(s.Directives) == 0 {
				for _, inner := range def.SelectionSet {
					if f, ok := inner.(*ast.Field); ok && f.Name == "name" && len(f.Directives) == 0 {
						return true
					}
				}
			}
		}
	}
	return false
}

// graphFlow forwards the request and hides the model versions in its answer that whoever asks may not see.
func graphFlow(x *gateway.Exchange) error {
	pg, err := fetch(x, nil, x.Raw, "")
	if err != nil {
		return err
	}
	if pg.head.StatusCode != http.StatusOK {
		return relay(x, pg)
	}
	answer, err := wire.ParseJSON(pg.raw, wire.AnswerLimits)
	if err != nil {
		return err
	}
	hidden := 0
	if _, err := graphHide(x, answer, &hidden); err != nil {
		return err
	}
	if hidden == 0 {
		return relay(x, pg)
	}
	return answerJSON(x, pg, answer)
}

func graphHide(x *gateway.Exchange, v any, hidden *int) (any, error) {
	if list, ok := v.([]any); ok {
		for i, e := range list {
			var err error
			if list[i], err = graphHide(x, e, hidden); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	o, ok := object(v)
	if !ok {
		return v, nil
	}
	for k, e := range o {
		if k == versionsField {
			kept := []any{}
			for _, m := range list(e) {
				name, _ := m["name"].(string)
				r, err := theVersion(x, name, "")
				if err != nil {
					return nil, err
				}
				d, err := may(x, auth.Read, r)
				if err != nil {
					return nil, err
				}
				if !d.Allow {
					*hidden++
					continue
				}
				kept = append(kept, m)
			}
			if e != nil {
				o[k] = kept
			}
			continue
		}
		var err error
		if o[k], err = graphHide(x, e, hidden); err != nil {
			return nil, err
		}
	}
	return v, nil
}
