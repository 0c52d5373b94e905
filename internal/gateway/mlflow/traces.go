package mlflow

import (
	"strings"

	"weir/internal/auth"
	"weir/internal/gateway"
)

// traceFiles is the tag that says where the server looks for a trace's spans. The server sets it, and clients of 2.x send it back.
const traceFiles = "mlflow.artifactLocation"

// tracesAt is traceIDs for requests that may carry tags.
func tracesAt(names ...string) finder { return placedTags(traceIDs(names...)) }

// placedTags holds the location in a trace's tags to the artifacts of the experiment that it is in.
func placedTags(find finder) finder {
	return func(x *gateway.Exchange) ([]auth.Resource, error) {
		found, err := find(x)
		if err != nil || !x.Specific("a trace's location in its tags") {
			return found, err
		}
		for _, v := range locationsIn(x.JSON) {
			if !inTracesOf(x, found, v) {
				return nil, refuse("mlflow/trace-location", "the tag %q leads outside the artifacts of the trace's experiment", traceFiles)
			}
		}
		return found, nil
	}
}

// locationsIn finds the tag wherever requests about traces carry tags.
func locationsIn(o map[string]any) []string {
	var out []string
	if o["key"] == traceFiles {
		v, _ := o["value"].(string)
		out = append(out, v)
	}
	lists := []any{o["tags"], o["request_metadata"]}
	if t, ok := object(o["trace"]); ok {
		if info, ok := object(t["trace_info"]); ok {
			lists = append(lists, info["tags"], info["trace_metadata"])
		}
	}
	for _, l := range lists {
		if v, ok := tagsOf(l)[traceFiles]; ok {
			out = append(out, v)
		}
	}
	return out
}

func inTracesOf(x *gateway.Exchange, found []auth.Resource, v string) bool {
	u, err := parseURI(traceFiles, v)
	if err != nil {
		return false
	}
	for _, r := range found {
		id := r.ID
		if r.Type != experiment {
			if len(r.Within) == 0 {
				continue
			}
			id = r.Within[0].ID
		}
		info, err := infoOfExperiment(x, id)
		if err != nil {
			continue
		}
		root, err := parseURI(traceFiles, info.location)
		if err == nil && u.within(root) && strings.HasPrefix(u.path, root.path+"/traces/") {
			return true
		}
	}
	return false
}
