package mlflow

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/mlflow/flow"
	"weir/internal/gateway/wire"
)

// How long the gate remembers what the server said. Which experiment a run belongs to never changes, nor does where its artifacts are; names
// and tags do, and a change through the gate drops them at once.
const (
	forGood   = 15 * time.Minute
	forAWhile = 10 * time.Second
)

// errAbsent says that the server knows no such thing. Only those who may do this to any such thing are passed on, to hear it from the server.
var errAbsent = errors.New("the server does not know it")

// ask reads from the server with the gate's own credential. Anything but an answer or a no is an error.
func ask(x *gateway.Exchange, path string, query ...wire.Pair) (wire.Object, error) {
	segments := append(append([]string{}, staticPrefix(x.Upstream)...), "api")
	for _, s := range strings.Split(path, "/") {
		s, err := url.PathUnescape(s)
		if err != nil {
			return nil, err
		}
		segments = append(segments, s)
	}
	answer, status, err := x.Ask("GET", segments, query, nil)
	switch {
	case err != nil:
		return nil, err
	case status == 200 && answer != nil:
		return answer, nil
	case status == 404, status == 400, status == 405:
		return nil, errAbsent
	}
	return nil, fmt.Errorf("the server answered %d when the gate asked for %q", status, path)
}

const inWorkspace = flow.Workspace

// holder is the workspace that a request is about, to stand around what is in it: that of its header, or else the one that a server with
// workspaces takes then.
func holder(x *gateway.Exchange) ([]auth.Resource, error) {
	w := x.Header.Get(inWorkspace)
	if w == "" {
		has, err := remember(x, "workspaces", forGood, func() (bool, error) {
			a, err := ask(x, "3.0/mlflow/server-info")
			if errors.Is(err, errAbsent) {
				return false, nil
			}
			on, _ := a["workspaces_enabled"].(bool)
			return on, err
		})
		if err != nil || !has {
			return nil, err
		}
		w = usualWorkspace
	}
	return []auth.Resource{{Type: workspace, ID: w, Name: w}}, nil
}

// usualWorkspace is the one that MLflow takes when a request names none (mlflow/utils/workspace_utils.py).
const usualWorkspace = "default"

// placedIn puts a resource into the workspace that the request is about, unless it stands in one, or is one, or no part of any.
func placedIn(x *gateway.Exchange, r auth.Resource) (auth.Resource, error) {
	if r.Type == workspace || r.Type == auth.Lobby {
		return r, nil
	}
	for i := range r.Within {
		if r.Within[i].Type == workspace {
			return r, nil
		}
	}
	h, err := holder(x)
	r.Within = append(slices.Clip(r.Within), h...)
	return r, err
}

// keyOf is the name of a fact about a thing, in its workspace.
func keyOf(x *gateway.Exchange, kind, id string) string {
	if w := x.Header.Get(inWorkspace); w != "" {
		return kind + "@" + w + "/" + id
	}
	return kind + "/" + id
}

// at reads a value inside an answer.
func at(o wire.Object, path string) any {
	var v any = o
	for _, p := range strings.Split(path, ".") {
		m, ok := object(v)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

func textAt(o wire.Object, path string) string {
	s, _ := text(at(o, path))
	return s
}

// remember keeps an answer for a while, but not that there was none.
func remember[T any](x *gateway.Exchange, key string, ttl time.Duration, fill func() (T, error)) (T, error) {
	v, err := x.Remember(key, ttl, func() (any, error) { return fill() })
	if err != nil {
		var none T
		return none, err
	}
	return v.(T), nil
}

// other refuses an id that the server reads as another one: databases that ignore case, int("1_0") in Python.
func other(kind, id string) *wire.Refusal {
	return refuse("ids", "%q is not how the server writes the id of this %s", id, kind)
}

// placed is where something belongs and where its files are.
type placed struct {
	experiment string
	location   string // artifact_uri or artifact_location, as the server gives it
}

type experimentInfo struct {
	name, location string
	tags           map[string]string
}

func infoOfExperiment(x *gateway.Exchange, id string) (experimentInfo, error) {
	return remember(x, keyOf(x, experiment, id), forAWhile, func() (experimentInfo, error) {
		a, err := ask(x, "2.0/mlflow/experiments/get", wire.Pair{Name: "experiment_id", Value: id})
		if err != nil {
			return experimentInfo{}, err
		}
		if textAt(a, "experiment.experiment_id") != id {
			return experimentInfo{}, other(experiment, id)
		}
		return experimentInfo{textAt(a, "experiment.name"), textAt(a, "experiment.artifact_location"), tagsOf(at(a, "experiment.tags"))}, nil
	})
}

func theExperiment(x *gateway.Exchange, id string) (auth.Resource, error) {
	r := auth.Resource{Type: experiment, ID: id, Owner: owner(x, experiment, id)}
	info, err := infoOfExperiment(x, id)
	if err != nil {
		return r, absent(err)
	}
	r.Name, r.Tags = info.name, info.tags
	return r, nil
}

// absent turns "there is none" into no error: the resource then has an id and no more.
func absent(err error) error {
	if errors.Is(err, errAbsent) {
		return nil
	}
	return err
}

// inExperiment is a resource of an experiment.
func inExperiment(x *gateway.Exchange, kind, id, experimentID string) (auth.Resource, error) {
	e, err := theExperiment(x, experimentID)
	return auth.Resource{Type: kind, ID: id, Owner: owner(x, kind, id), Within: append([]auth.Resource{e}, e.Within...)}, err
}

// place says how to ask where something belongs.
type place struct {
	path  string // "{id}" is replaced
	param string // or the id goes into this
	self  string // where the answer repeats the id; empty: nowhere
	in    string // where it names the experiment
	files string // where it says where the files are
}

var places = map[string][]place{
	run:         {{path: "2.0/mlflow/runs/get", param: "run_id", self: "run.info.run_uuid", in: "run.info.experiment_id", files: "run.info.artifact_uri"}},
	loggedModel: {{path: "2.0/mlflow/logged-models/{id}", self: "model.info.model_id", in: "model.info.experiment_id", files: "model.info.artifact_uri"}},
	trace: {
		{path: "3.0/mlflow/traces/{id}", self: "trace.trace_info.trace_id", in: "trace.trace_info.trace_location.mlflow_experiment.experiment_id"},
		{path: "2.0/mlflow/traces/{id}/info", self: "trace_info.request_id", in: "trace_info.experiment_id"},
	},
	exportedTrace: {{path: "3.0/mlflow/traces/{id}", self: "trace.trace_info.trace_id", in: "trace.trace_info.trace_location.mlflow_experiment.experiment_id"}},
	labelSchema:   {{path: "3.0/mlflow/label-schemas/get", param: "schema_id", self: "label_schema.schema_id", in: "label_schema.experiment_id"}},
	reviewQueue:   {{path: "3.0/mlflow/review-queues/get", param: "queue_id", self: "review_queue.queue_id", in: "review_queue.experiment_id"}},
	issue:         {{path: "3.0/mlflow/issues/{id}", self: "issue.issue_id", in: "issue.experiment_id"}},
	job:           {{path: "3.0/mlflow/prompt-optimization/jobs/{id}", self: "job.job_id", in: "job.experiment_id"}},
}

// whereIs asks the server where something belongs, in the ways that its version may know.
func whereIs(x *gateway.Exchange, kind, id string) (placed, error) {
	return remember(x, keyOf(x, kind, id), forGood, func() (placed, error) {
		for _, p := range places[kind] {
			var query []wire.Pair
			if p.param != "" {
				query = []wire.Pair{{Name: p.param, Value: id}}
			}
			a, err := ask(x, strings.ReplaceAll(p.path, "{id}", url.PathEscape(id)), query...)
			if errors.Is(err, errAbsent) {
				continue
			}
			if err != nil {
				return placed{}, err
			}
			if got := textAt(a, p.self); got != id {
				return placed{}, other(kind, id)
			}
			return placed{textAt(a, p.in), textAt(a, p.files)}, nil
		}
		return placed{}, errAbsent
	})
}

func thePlaced(x *gateway.Exchange, kind, id string) (auth.Resource, error) {
	p, err := whereIs(x, kind, id)
	if err != nil || p.experiment == "" {
		return auth.Resource{Type: kind, ID: id}, absent(err)
	}
	return inExperiment(x, kind, id, p.experiment)
}

func theRun(x *gateway.Exchange, id string) (auth.Resource, error) { return thePlaced(x, run, id) }
func theTrace(x *gateway.Exchange, id string) (auth.Resource, error) {
	return thePlaced(x, trace, id)
}
func theLoggedModel(x *gateway.Exchange, id string) (auth.Resource, error) {
	return thePlaced(x, loggedModel, id)
}

// theDataset gives the data set once for every experiment that it belongs to: whoever asks must be allowed in all of them.
func theDataset(x *gateway.Exchange, id string) ([]auth.Resource, error) {
	a, err := ask(x, "3.0/mlflow/datasets/"+url.PathEscape(id)+"/experiment-ids")
	if err != nil && !errors.Is(err, errAbsent) {
		return nil, err
	}
	var out []auth.Resource
	ids, _ := at(a, "experiment_ids").([]any)
	for _, e := range ids {
		s, ok := text(e)
		if !ok {
			continue
		}
		r, err := inExperiment(x, dataset, id, s)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	if out == nil {
		out = []auth.Resource{{Type: dataset, ID: id}}
	}
	return out, nil
}

// names says how to ask what something of the AI gateway is called.
var names = map[string]place{
	endpoint:   {path: "3.0/mlflow/gateway/endpoints/get", param: "endpoint_id", self: "endpoint.endpoint_id", in: "endpoint.name"},
	secret:     {path: "3.0/mlflow/gateway/secrets/get", param: "secret_id", self: "secret.secret_id", in: "secret.secret_name"},
	definition: {path: "3.0/mlflow/gateway/model-definitions/get", param: "model_definition_id", self: "model_definition.model_definition_id", in: "model_definition.name"},
}

// theNumbered is something without a place of its own, by the number that the server gave it.
func theNumbered(x *gateway.Exchange, kind, id string) (auth.Resource, error) {
	r := auth.Resource{Type: kind, ID: id}
	p, ok := names[kind]
	if !ok {
		return r, nil
	}
	name, err := remember(x, keyOf(x, kind, id), forAWhile, func() (string, error) {
		a, err := ask(x, p.path, wire.Pair{Name: p.param, Value: id})
		if err != nil {
			return "", err
		}
		if textAt(a, p.self) != id {
			return "", other(kind, id)
		}
		return textAt(a, p.in), nil
	})
	r.Name = name
	return r, absent(err)
}

// isPrompt is the tag by which MLflow keeps prompts among registered models.
const isPrompt = "mlflow.prompt.is_prompt"

func theModel(x *gateway.Exchange, name string) (auth.Resource, error) {
	tags, err := remember(x, keyOf(x, registeredModel, name), forAWhile, func() (map[string]string, error) {
		a, err := ask(x, "2.0/mlflow/registered-models/get", wire.Pair{Name: "name", Value: name})
		if err != nil {
			return nil, err
		}
		if textAt(a, "registered_model.name") != name {
			return nil, other(registeredModel, name)
		}
		return tagsOf(at(a, "registered_model.tags")), nil
	})
	r := modelOf(name, tags)
	r.Owner = owner(x, registeredModel, name)
	return r, absent(err)
}

// modelOf is a registered model or a prompt, as its tags say.
func modelOf(name string, tags map[string]string) auth.Resource {
	r := auth.Resource{Type: registeredModel, ID: name, Name: name, Tags: tags}
	if strings.EqualFold(tags[isPrompt], "true") {
		r.Type = prompt
	}
	return r
}

func theVersion(x *gateway.Exchange, name, version string) (auth.Resource, error) {
	m, err := theModel(x, name)
	r := versionOf(m, version)
	r.Owner = whenRemoving(x, func() (string, error) { return versionMaker(x, name, version) })
	return r, err
}

func versionOf(m auth.Resource, version string) auth.Resource {
	r := auth.Resource{Type: modelVersion, ID: m.ID + "/" + version, Name: m.Name, Within: append([]auth.Resource{m}, m.Within...)}
	if m.Type == prompt {
		r.Type = prompt
	}
	return r
}

// changes forwards a request and then drops what was remembered about what it changed.
func changes(kind, name string) gateway.Flow {
	return func(x *gateway.Exchange) error {
		ids, err := values(x, name)
		if err != nil {
			return err
		}
		defer func() {
			for _, id := range ids {
				x.Forget(keyOf(x, kind, id))
			}
		}()
		return x.Forward()
	}
}
