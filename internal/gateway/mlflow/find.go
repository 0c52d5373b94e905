package mlflow

import (
	"encoding/json"
	"strings"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// locate makes a route's Locate of a finder. A finder that names nothing, or none, leaves the request to be about all things of that type. What is
// found stands in the workspace of the request.
func locate(find finder, resource string) finder {
	return func(x *gateway.Exchange) ([]auth.Resource, error) {
		var found []auth.Resource
		var err error
		if find != nil {
			found, err = find(x)
		}
		if err == nil && len(found) == 0 {
			found = []auth.Resource{{Type: resource}}
		}
		for i := range found {
			if err == nil {
				found[i], err = placedIn(x, found[i])
			}
		}
		return found, err
	}
}

// lobby is for what everybody with any role on the server may see: its pages, and lists, which show each caller his own part.
func lobby(*gateway.Exchange) ([]auth.Resource, error) {
	return []auth.Resource{{Type: auth.Lobby}}, nil
}

// all joins what several finders find.
func all(finders ...finder) finder {
	return func(x *gateway.Exchange) ([]auth.Resource, error) {
		var out []auth.Resource
		for _, f := range finders {
			found, err := f(x)
			if err != nil {
				return nil, err
			}
			out = append(out, found...)
		}
		return out, nil
	}
}

// needing asks for another right on what a finder finds than the route's: a prompt that is linked must be readable, a secret that is used usable.
func needing(a auth.Action, find finder) finder {
	return func(x *gateway.Exchange) ([]auth.Resource, error) {
		found, err := find(x)
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			if err := need(x, a, r); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
}

func need(x *gateway.Exchange, a auth.Action, r auth.Resource) error {
	d, err := may(x, a, r)
	if err == nil && !d.Allow {
		err = denied(d)
	}
	return err
}

// may decides about something in the workspace of the request.
func may(x *gateway.Exchange, a auth.Action, r auth.Resource) (auth.Decision, error) {
	r, err := placedIn(x, r)
	if err != nil {
		return auth.Decision{}, err
	}
	return x.Can(a, r), nil
}

// denied says no more to the caller than that it may not be: not whether the thing exists.
func denied(d auth.Decision) *wire.Refusal {
	return wire.Refuse(403, "PERMISSION_DENIED", d.Policy, "Permission denied")
}

// perID makes a finder of a lookup: every id under one of these names, each once.
func perID(lookup func(*gateway.Exchange, string) ([]auth.Resource, error), names ...string) finder {
	return func(x *gateway.Exchange) ([]auth.Resource, error) {
		var out []auth.Resource
		seen := map[string]bool{}
		for _, name := range names {
			ids, err := values(x, name)
			if err != nil {
				return nil, err
			}
			for _, id := range ids {
				if seen[id] || id == "" {
					continue
				}
				seen[id] = true
				found, err := lookup(x, id)
				if err != nil {
					return nil, err
				}
				out = append(out, found...)
			}
		}
		return out, nil
	}
}

func one(lookup func(*gateway.Exchange, string) (auth.Resource, error)) func(*gateway.Exchange, string) ([]auth.Resource, error) {
	return func(x *gateway.Exchange, id string) ([]auth.Resource, error) {
		r, err := lookup(x, id)
		if err != nil {
			return nil, err
		}
		return []auth.Resource{r}, nil
	}
}

// Where MLflow has two names for one thing, run_id and run_uuid, it reads the first that is not empty: here both count.

func experiments(names ...string) finder  { return perID(one(theExperiment), names...) }
func runs(names ...string) finder         { return perID(one(theRun), names...) }
func loggedModels(names ...string) finder { return perID(one(theLoggedModel), names...) }
func traceIDs(names ...string) finder     { return perID(one(theTrace), names...) }
func models(names ...string) finder       { return perID(one(theModel), names...) }
func datasets(names ...string) finder     { return perID(theDataset, names...) }

// looked finds what only the server can place: which experiment a label schema or a job belongs to.
func looked(kind string, names ...string) finder {
	return perID(one(func(x *gateway.Exchange, id string) (auth.Resource, error) { return thePlaced(x, kind, id) }), names...)
}

// named is a resource without a place of its own: what people call it, or the server's number, is all that a policy sees of it. A number is no
// name: a pattern over names must not open what the server happened to number so.
func named(kind string, names ...string) finder {
	var each []finder
	for _, name := range names {
		numbered := strings.HasSuffix(name, "_id")
		each = append(each, perID(one(func(x *gateway.Exchange, id string) (auth.Resource, error) {
			if numbered {
				return theNumbered(x, kind, id)
			}
			return auth.Resource{Type: kind, ID: id, Name: id}, nil
		}), name))
	}
	return all(each...)
}

// versions finds a model version by its model's name and its number.
func versions(name, version string) finder {
	return func(x *gateway.Exchange) ([]auth.Resource, error) {
		n, err := value(x, name)
		if err != nil || n == "" {
			return nil, err
		}
		v, err := value(x, version)
		if err != nil {
			return nil, err
		}
		r, err := theVersion(x, n, v)
		return []auth.Resource{r}, err
	}
}

// value gives the only value of a name, or nothing.
func value(x *gateway.Exchange, name string) (string, error) {
	vs, err := values(x, name)
	if err != nil || len(vs) == 0 {
		return "", err
	}
	if len(vs) > 1 {
		return "", refuse("ids", "%q stands there several times", name)
	}
	return vs[0], nil
}

// values reads what stands under a name in the path, the query or the body; dots lead into objects, and lists are read through.
func values(x *gateway.Exchange, name string) ([]string, error) {
	if v, ok := x.Vars[name]; ok {
		return []string{v}, nil
	}
	var out []string
	for _, p := range x.Query {
		if p.Name == name {
			out = append(out, p.Value)
		}
	}
	if x.JSON == nil {
		return out, nil
	}
	return inside(x.JSON, strings.Split(name, "."), name, out)
}

func inside(v any, path []string, name string, out []string) ([]string, error) {
	if list, ok := v.([]any); ok {
		var err error
		for _, e := range list {
			if out, err = inside(e, path, name, out); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	if v == nil {
		return out, nil
	}
	if len(path) == 0 {
		s, ok := text(v)
		if !ok {
			return nil, refuse("ids", "%q must be a string", name)
		}
		return append(out, s), nil
	}
	o, ok := object(v)
	if !ok {
		return nil, refuse("ids", "%q must be found in an object", name)
	}
	return inside(o[path[0]], path[1:], name, out)
}

// text takes what MLflow makes a string of: strings, and integers for old clients.
func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), integer(v)
	}
	return "", false
}

// object reads a JSON object in either of its Go forms.
func object(v any) (map[string]any, bool) {
	switch o := v.(type) {
	case wire.Object:
		return o, true
	case map[string]any:
		return o, true
	}
	return nil, false
}

// list reads a JSON array of objects.
func list(v any) []map[string]any {
	l, ok := v.([]any)
	if !ok {
		return nil
	}
	var out []map[string]any
	for _, e := range l {
		if o, ok := object(e); ok {
			out = append(out, o)
		}
	}
	return out
}

// tagsOf reads a list of {key, value}, or a plain object of them.
func tagsOf(v any) map[string]string {
	tags := map[string]string{}
	if o, ok := object(v); ok {
		for k, v := range o {
			if s, ok := v.(string); ok {
				tags[k] = s
			}
		}
		return tags
	}
	for _, o := range list(v) {
		k, _ := o["key"].(string)
		s, _ := o["value"].(string)
		tags[k] = s
	}
	return tags
}
