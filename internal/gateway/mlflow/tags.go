package mlflow

import (
	"encoding/json"
	"strings"

	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// testTags looks at tags in their other forms than a list of pairs: an object, or, for data sets, the text of one.
func testTags(x *gateway.Exchange, v any) error {
	if t, ok := v.(string); ok && t != "" {
		o, err := wire.ParseJSON([]byte(t), wire.BodyLimits)
		if err != nil {
			return rule(refuse("", "the text of tags is no JSON object"), "mlflow/tags")
		}
		v = o
	}
	for k, t := range tagsOf(v) {
		if err := testTag(x, k, t); err != nil {
			return err
		}
	}
	return nil
}

// testTag knows the tags that MLflow itself reads: those that begin with "mlflow." lead to files, to other runs, or into the pages.
func testTag(x *gateway.Exchange, key, v string) error {
	return rule(testFollowed(x, key, v), "mlflow/tags")
}

func testFollowed(x *gateway.Exchange, key, v string) error {
	if !strings.HasPrefix(key, "mlflow.") || v == "" {
		return nil
	}
	if scriptLink(v) {
		return refuse("", "the tag %q would be shown as a link that runs script", key)
	}
	if strings.HasPrefix(key, "mlflow.trace.") && !x.Specific("a trace's location in its tags") {
		return nil
	}
	switch key {
	case "mlflow.parentRunId", "mlflow.rootRunId", "mlflow.sourceRun":
		return testID(key, v)
	case "mlflow.trace.archiveLocation":
		return refuse("", "the tag %q says where the server looks for files, and only the server writes it", key)
	case "mlflow.trace.spansLocation":
		if !enumName(v) {
			return refuse("", "the tag %q names a kind of storage", key)
		}
	case "mlflow.loggedArtifacts", "mlflow.log-model.history":
		return testPathsIn(key, v)
	}
	return nil
}

// testPathsIn reads the JSON of a tag that the pages and loaders take paths of artifacts from.
func testPathsIn(key, v string) error {
	var all []map[string]any
	if json.Unmarshal([]byte(v), &all) != nil {
		return refuse("", "the tag %q must be a JSON list of objects", key)
	}
	for _, o := range all {
		for _, name := range []string{"path", "artifact_path"} {
			if p, ok := o[name].(string); ok {
				if err := testPath(key, p); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// scriptLink says whether a browser that follows this as a link would run script: it skips blanks and control characters.
func scriptLink(v string) bool {
	var b strings.Builder
	for _, c := range v {
		if c > ' ' && c != 0x7f {
			b.WriteRune(c)
		}
		if b.Len() > 16 {
			break
		}
	}
	s := strings.ToLower(b.String())
	return strings.HasPrefix(s, "javascript:") || strings.HasPrefix(s, "vbscript:") || strings.HasPrefix(s, "data:text/html")
}

// modelJSON looks into the text of an MLmodel that runs/log-model carries.
var modelJSON = check{Name: "mlflow/model-json", Test: func(x *gateway.Exchange) error {
	s, _ := x.JSON["model_json"].(string)
	if s == "" {
		return nil
	}
	o, err := wire.ParseJSON([]byte(s), wire.BodyLimits)
	if err != nil {
		return refuse("", "model_json is no JSON object")
	}
	if p, ok := o["artifact_path"].(string); ok && !strings.HasPrefix(p, "models:/") && !strings.HasPrefix(p, "mlflow-artifacts:/") {
		if err := testPath("model_json.artifact_path", p); err != nil {
			return err
		}
	}
	if id, ok := o["run_id"].(string); ok && id != "" {
		if mine, _ := value(x, "run_id"); id != mine {
			return refuse("", "model_json is of another run than it is logged to")
		}
	}
	return nil
}}

// scorerCode refuses scorers that carry Python source: whoever loads one runs it.
var scorerCode = check{Name: "mlflow/scorer-code", CVE: []string{"source in registered scorers"}, Test: func(x *gateway.Exchange) error {
	if x.Upstream.On["scorer-code"] {
		return nil
	}
	texts, _ := x.JSON["serialized_scorers"].([]any)
	for _, v := range append(texts, x.JSON["serialized_scorer"]) {
		s, _ := v.(string)
		if s == "" {
			continue
		}
		o, err := wire.ParseJSON([]byte(s), wire.BodyLimits)
		if err != nil {
			return refuse("", "a serialized scorer is no JSON object")
		}
		if src, _ := o["call_source"].(string); src != "" {
			return hinted(refuse("", "the scorer carries Python source (call_source)"), "switch: [scorer-code]")
		}
	}
	return nil
}}

// gatewayPath holds what MLflow 2.x sends on to its deployments server to the two paths that there are (CVE-2025-52967, CVE-2024-8859: ../ leads
// to any other server).
var gatewayPath = check{Name: "mlflow/gateway-path", CVE: []string{"CVE-2025-52967", "CVE-2024-8859"}, Test: func(x *gateway.Exchange) error {
	p, _ := x.Param("gateway_path")
	if x.JSON != nil {
		p, _ = x.JSON["gateway_path"].(string)
	}
	parts := strings.Split(strings.TrimPrefix(p, "/"), "/")
	known := p == "" ||
		x.Method == "GET" && strings.HasPrefix(strings.TrimPrefix(p, "/"), "api/2.0/endpoints") && testPath("gateway_path", strings.TrimPrefix(p, "/")) == nil ||
		len(parts) == 3 && parts[0] == "gateway" && isID(parts[1]) && parts[2] == "invocations" && x.Method == "POST"
	if !known {
		return refuse("", "gateway_path is none of the deployments server's paths")
	}
	return nil
}}
