package mlflow

import (
	"errors"
	"strings"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// experimentByName finds an experiment as clients begin with it.
func experimentByName(x *gateway.Exchange) ([]auth.Resource, error) {
	name, err := value(x, "experiment_name")
	if err != nil || name == "" {
		return nil, err
	}
	a, err := ask(x, "2.0/mlflow/experiments/get-by-name", wire.Pair{Name: "experiment_name", Value: name})
	if errors.Is(err, errAbsent) {
		// Whoever may use that name hears from the server that there is none: clients then create it.
		return []auth.Resource{{Type: experiment, Name: name}}, nil
	}
	if err != nil {
		return nil, err
	}
	e := experimentOf(a["experiment"])
	if e.Name != name {
		return nil, other(experiment, name)
	}
	return []auth.Resource{e}, nil
}

// experimentOf reads an experiment of an answer.
func experimentOf(v any) auth.Resource {
	o, _ := object(v)
	id, _ := text(o["experiment_id"])
	name, _ := o["name"].(string)
	return auth.Resource{Type: experiment, ID: id, Name: name, Tags: tagsOf(o["tags"])}
}

// newExperiment is an experiment that is yet to be: its name and tags say whether it may.
func newExperiment(x *gateway.Exchange) ([]auth.Resource, error) {
	name, err := value(x, "name")
	return []auth.Resource{{Type: experiment, Name: name, Tags: tagsOf(x.JSON["tags"])}}, err
}

// renamedExperiment asks for the old and the new name: nobody renames into a project that is not his.
func renamedExperiment(x *gateway.Exchange) ([]auth.Resource, error) {
	found, err := experiments("experiment_id")(x)
	if err != nil || len(found) != 1 {
		return found, err
	}
	name, err := value(x, "new_name")
	if err != nil || name == "" {
		return found, err
	}
	renamed := found[0]
	renamed.Name = name
	return append(found, renamed), nil
}

func newModel(x *gateway.Exchange) ([]auth.Resource, error) {
	name, err := value(x, "name")
	return []auth.Resource{modelOf(name, tagsOf(x.JSON["tags"]))}, err
}

func renamedModel(x *gateway.Exchange) ([]auth.Resource, error) {
	found, err := models("name")(x)
	if err != nil || len(found) != 1 {
		return found, err
	}
	name, err := value(x, "new_name")
	if err != nil || name == "" {
		return found, err
	}
	return append(found, modelOf(name, found[0].Tags)), nil
}

// newTrace is written into the experiment that its location names. A trace of that id may be there already, in another one.
func newTrace(x *gateway.Exchange) ([]auth.Resource, error) {
	const info = "trace.trace_info."
	found, err := experiments(info + "trace_location.mlflow_experiment.experiment_id")(x)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, nil
	}
	earlier, err := traceIDs(info + "trace_id")(x)
	for _, e := range earlier {
		if len(e.Within) > 0 {
			found = append(found, e)
		}
	}
	return found, err
}

// scorerList takes one experiment or several.
var scorerList = experiments("experiment_id", "experiment_ids")

// runOrModel is where a presigned upload goes: to a logged model when one is named, to the run else.
func runOrModel(x *gateway.Exchange) ([]auth.Resource, error) {
	return all(runs("run_id"), loggedModels("model_id"))(x)
}

var (
	usedSecret   = needing(auth.Predict, named(secret, "secret_id"))
	usedEndpoint = needing(auth.Predict, named(endpoint, "endpoint_name"))
)

// sourcePrompt is the prompt that a job starts from, prompts:/NAME/VERSION.
func sourcePrompt(x *gateway.Exchange) ([]auth.Resource, error) {
	v, err := value(x, "source_prompt_uri")
	if err != nil || v == "" {
		return nil, err
	}
	rest, ok := strings.CutPrefix(v, "prompts:/")
	name, _, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	name, _, _ = strings.Cut(name, "@")
	if !ok || name == "" || testName("name", name) != nil {
		return nil, refuse("mlflow/source", "source_prompt_uri must be prompts:/NAME/VERSION")
	}
	m, err := theModel(x, name)
	if err != nil {
		return nil, err
	}
	return nil, need(x, auth.Read, m)
}

// geminiEndpoint is {name}:generateContent in one segment.
func geminiEndpoint(x *gateway.Exchange) ([]auth.Resource, error) {
	name, verb, _ := strings.Cut(x.Vars["gemini_model"], ":")
	if name == "" || verb != "generateContent" && verb != "streamGenerateContent" {
		return nil, wire.Refuse(404, "ENDPOINT_NOT_FOUND", "unknown-route", "weir gate: the path must end in :generateContent or :streamGenerateContent")
	}
	return []auth.Resource{{Type: endpoint, ID: name, Name: name}}, nil
}

// mcp names an MCP server, whose name has a '/' itself ("io.github.user/server"): it ends before what is below it.
func mcp(x *gateway.Exchange) ([]auth.Resource, error) {
	rest := x.Vars["mcp"]
	if rest == "endpoints" && x.Method == "GET" {
		return nil, nil
	}
	name := rest
	for _, below := range []string{"/versions", "/aliases", "/endpoints", "/tags"} {
		if i := strings.Index(rest+"/", below+"/"); i > 0 && i < len(name) {
			name = rest[:i]
		}
	}
	return []auth.Resource{{Type: mcpServer, ID: name, Name: name}}, nil
}
