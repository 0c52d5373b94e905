package manifest

import (
	"bytes"
	"strings"

	"weir"
	"weir/internal/format"
)

// isRay knows the files of Ray that say what its workers install: runtime environments, applications of Serve, and clusters.
func isRay(h format.Head) bool {
	if !textual(h.First) || !strings.HasSuffix(h.Name, ".yaml") && !strings.HasSuffix(h.Name, ".yml") && !strings.HasSuffix(h.Name, ".json") {
		return false
	}
	switch {
	case holds(h.First, "apiVersion:"):
		return false // a manifest of Kubernetes
	case bytes.Contains(h.First, []byte("runtime_env:")) || bytes.Contains(h.First, []byte(`"runtime_env"`)):
		return true
	case holds(h.First, "cluster_name:"):
		return holds(h.First, "setup_commands:", "head_setup_commands:", "worker_setup_commands:", "initialization_commands:", "docker:")
	}
	return strings.Contains(h.Name, "runtime_env") && (holds(h.First, "pip:", "conda:", "uv:", "working_dir:") || bytes.HasPrefix(h.First, []byte("{")))
}

// parseRay reads them wherever they stand in the document.
func parseRay(in *format.Input, t *text) error {
	var docs []*node
	var err error
	if strings.HasSuffix(in.Name, ".json") {
		var d *node
		d, err = readJSON(t)
		docs = []*node{d}
	} else {
		docs, err = readYAML(t)
	}
	for _, d := range docs {
		if strings.Contains(in.Name, "runtime_env") {
			runtimeEnv(in, t, d)
		}
		rayNodes(in, t, d, 0)
	}
	return err
}

func rayNodes(in *format.Input, t *text, n *node, depth int) {
	if depth > maxDepth {
		return
	}
	for _, v := range n.list() {
		rayNodes(in, t, v, depth+1)
	}
	for k, v := range n.fields() {
		switch {
		case k == "runtime_env":
			runtimeEnv(in, t, v)
		case strings.HasSuffix(k, "setup_commands") || k == "initialization_commands":
			for _, c := range v.list() {
				shellLine(in, t, c.text, c.line, c.inside(c.text))
			}
		case k == "docker":
			for _, key := range []string{"image", "head_image", "worker_image"} {
				emitImage(in, t, v.get(key))
			}
		default:
			rayNodes(in, t, v, depth+1)
		}
	}
}

// runtimeEnv reads a runtime environment (ray/_private/runtime_env): pip and uv are a list, a file, or a map with packages; conda is a file, the name
// of an environment, or an environment itself.
func runtimeEnv(in *format.Input, t *text, n *node) {
	for _, tool := range []string{"pip", "uv"} {
		v := n.get(tool)
		if packages := v.get("packages"); packages != nil {
			v = packages
		}
		if v != nil && v.shape == isString {
			in.Emit(weir.Include{Path: v.text, Kind: isFile, Text: cut(tool+": "+v.text, maxStatement), Line: v.line})
		}
		emitPipList(in, t, v, weir.OriginManifest, "")
	}
	switch conda := n.get("conda"); {
	case conda == nil:
	case conda.shape == isString && strings.Contains(conda.text, ".y"):
		in.Emit(weir.Include{Path: conda.text, Kind: isFile, Text: cut("conda: "+conda.text, maxStatement), Line: conda.line})
	case conda.shape == isMap:
		emitChannels(in, conda)
		for _, dep := range conda.get("dependencies").list() {
			if dep.shape == isMap {
				emitPipList(in, t, dep.get("pip"), weir.OriginManifest, "")
			} else {
				in.Emit(condaSpec(t, dep.text, dep.at, dep.line))
			}
		}
	}
	for _, key := range []string{"working_dir", "py_modules"} {
		for _, v := range append(n.get(key).list(), n.get(key)) {
			if v != nil && strings.Contains(v.text, "://") {
				r := unresolved("", v.text, "Ray unpacks it and runs what is in it; what that needs is not known here", v.line)
				r.URL = v.text
				in.Emit(r)
			}
		}
	}
	emitImage(in, t, n.get("container", "image"))
	emitImage(in, t, n.get("image_uri"))
}

func emitImage(in *format.Input, t *text, n *node) {
	if n == nil || n.shape != isString {
		return
	}
	for _, f := range image(t, word{text: n.text, at: n.at, line: n.line}) {
		in.Emit(f)
	}
}
