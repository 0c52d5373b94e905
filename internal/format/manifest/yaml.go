package manifest

import (
	"bytes"
	"path"
	"strings"

	"weir"
	"weir/internal/format"
)

var yamlFormats = []format.Format{
	{
		Name: "ci-pipeline", Doc: "steps of GitHub, GitLab, Azure, CircleCI and others that install packages", Parsed: true,
		Match: isPipeline, Parse: parser("ci-pipeline", parseDeployment),
	},
	{
		Name: "deployment", Doc: "compose, Kubernetes (KServe, Seldon, KubeRay, Argo, Kubeflow), Helm and Ray cluster files: images, and what they install", Parsed: true,
		Match: isDeployment, Parse: parser("deployment", parseDeployment),
	},
}

func isYAML(h format.Head) bool {
	ext := path.Ext(h.Name)
	return (ext == ".yml" || ext == ".yaml") && textual(h.First)
}

// isPipeline knows the files of CI services by the keys that each must have.
func isPipeline(h format.Head) bool {
	if !isYAML(h) {
		return false
	}
	b := h.First
	has := func(words ...string) bool {
		for _, w := range words {
			if !within(b, w, len(b)) {
				return false
			}
		}
		return true
	}
	switch {
	case holds(b, "jobs:") && (has("runs-on:") || has("steps:") || has("docker:")):
		return true
	case holds(b, "runs:") && has("using:"): // an action of its own
		return true
	case strings.HasSuffix(path.Base(h.Name), ".gitlab-ci.yml") || strings.Contains(path.Base(h.Name), "gitlab-ci"):
		return has("script:") || has("image:")
	case holds(b, "stages:", "before_script:", "default:", "image:") && has("\n  script:"):
		return true
	case holds(b, "pool:", "trigger:", "steps:") && (has("- script:") || has("- bash:") || has("- task:")): // Azure
		return true
	}
	return holds(b, "pipelines:") && has("step:", "script:") // Bitbucket
}

// isDeployment knows what starts containers or machines by the keys that each must have.
func isDeployment(h format.Head) bool {
	if !isYAML(h) {
		return false
	}
	b := h.First
	has := func(w string) bool { return within(b, w, len(b)) }
	switch {
	case holds(b, "apiVersion:", `"apiVersion":`) && holds(b, "kind:", `"kind":`):
		return true
	case holds(b, "services:") && (has("image:") || has("build:")):
		return true
	case holds(b, "resources:", "workdir:", "setup:") && holds(b, "run:") && has("setup:"): // SkyPilot
		return true
	case holds(b, "deploymentSpec:") && has("executors:"): // Kubeflow's compiled pipelines
		return true
	}
	return strings.HasPrefix(path.Base(h.Name), "values") && has("repository:") && has("tag:") // Helm
}

// deployment reads the trees of one file. Keys decide what a value is, whatever service the file belongs to: no two of them use one key
// for things that could be confused.
type deployment struct {
	in   *format.Input
	t    *text
	emit func(weir.Fact)
	vars variables
	work int
}

// maxDeploy bounds the values that are looked at, as trees may hold the same node many times (aliases).
const maxDeploy = 200_000

func parseDeployment(in *format.Input, t *text) error {
	docs, err := readYAML(t)
	d := &deployment{in: in, t: t, emit: in.Emit, vars: variables{}}
	for _, doc := range docs {
		d.environment(doc, 0)
	}
	d.work = 0
	for _, doc := range docs {
		d.walk("", doc, 0)
	}
	if err != nil && bytes.Contains(t.b, []byte("{{")) {
		d.template() // of Helm or Jinja: it is YAML only once it was filled in
		return nil
	}
	return err
}

// template reads the lines of a template that name images.
func (d *deployment) template() {
	at := 0
	for line := range strings.Lines(string(d.t.b)) {
		code := strings.TrimLeft(line, " -")
		if value, ok := strings.CutPrefix(code, "image:"); ok {
			value = strings.Trim(strings.TrimSpace(value), `"'`)
			w := word{text: value, at: -1, line: d.t.line(at), open: strings.Contains(value, "{{")}
			if i := strings.Index(line, value); i >= 0 && value != "" {
				w.at = at + i
			}
			for _, f := range image(d.t, w) {
				d.emit(f)
			}
		}
		at += len(line)
	}
}

// environment gathers variables first, as a step may use what stands below it; one with several values is not known.
func (d *deployment) environment(n *node, depth int) {
	if d.work++; n == nil || depth > maxDepth || d.work > maxDeploy {
		return
	}
	for k, v := range n.fields() {
		if k == "env" || k == "variables" || k == "environment" || k == "envs" || k == "env_vars" {
			for name, value := range v.fields() {
				d.set(name, value)
			}
			for _, item := range v.list() {
				if name, value, ok := assignment(item.text); ok {
					d.set(name, &node{shape: isString, text: value, at: -1, line: item.line})
				} else if item.str("name") != "" && item.get("value") != nil {
					d.set(item.str("name"), item.get("value"))
				}
			}
		}
		d.environment(v, depth+1)
	}
	for _, v := range n.list() {
		d.environment(v, depth+1)
	}
}

func (d *deployment) set(name string, v *node) {
	if v.shape != isString && v.shape != isScalar || strings.Contains(v.text, "$") {
		return
	}
	for _, key := range []string{name, "{{env." + name, "{{variables." + name} {
		if old, known := d.vars[key]; known && old != v.text {
			d.vars[key] = "${" + name + "}"
			continue
		}
		d.vars.set(key, v.text)
	}
	w := word{text: name + "=" + v.text, at: -1, line: v.line}
	if v.at >= 0 {
		w.at = v.at - len(name) - 1
	}
	for _, f := range installs(d.t, environment(w, name, v.text)) {
		d.emit(f)
	}
}

// scriptKeys hold shell text, or a list of it.
var scriptKeys = map[string]bool{
	"run": true, "script": true, "before_script": true, "after_script": true, "bash": true, "sh": true, "commands": true, "setup": true, "cmd": true,
	"source": true, "install": true, "before_install": true, "setup_commands": true, "head_setup_commands": true, "worker_setup_commands": true,
	"initialization_commands": true, "postCreateCommand": true, "pre_build": true, "post_install": true, "pre_install": true,
}

// nestedKeys hold YAML or JSON as text.
var nestedKeys = map[string]bool{"runtimeEnvYAML": true, "serveConfigV2": true, "runtimeEnv": true, "runtime_env": true}

func (d *deployment) walk(key string, n *node, depth int) {
	if d.work++; n == nil || depth > maxDepth || d.work > maxDeploy {
		return
	}
	switch {
	case n.shape == isMap:
		d.container(n)
		for k, v := range n.fields() {
			d.field(key, k, v, depth)
		}
	case n.shape == isList:
		for _, v := range n.list() {
			if key == "services" && v.shape == isString {
				d.image(v)
			}
			d.walk(key, v, depth+1)
		}
	}
}

// field reads one value by its key; parent is the key of the map that holds it.
func (d *deployment) field(parent, k string, v *node, depth int) {
	switch {
	case (k == "image" || k == "container" || k == "baseImage") && v.shape == isString:
		d.image(v)
	case (k == "image" || k == "container") && v.shape == isMap:
		d.parts(k, v)
	case k == "uses" && strings.HasPrefix(v.text, "docker://"):
		d.image(v)
	case scriptKeys[k]:
		d.script(v, 0)
	case (k == "runtime_env" || k == "runtimeEnv") && v.shape == isMap:
		runtimeEnv(d.in, d.t, v)
		return
	case nestedKeys[k] && v.shape == isString:
		d.nested(k, v, depth)
		return
	case (parent == "data" || parent == "stringData" || parent == "binaryData") && v.shape == isString:
		d.file(k, v)
		return
	}
	d.walk(k, v, depth+1)
}

func (d *deployment) image(v *node) {
	w := word{text: v.text, at: v.at, line: v.line}
	if strings.Contains(v.text, "$") {
		sc := &script{t: d.t, s: v.text, lines: []scriptLine{{0, -1, v.line}}, vars: d.vars}
		if words := tokens(sc); len(words) == 1 {
			w = sc.plain(words[0])
		}
	}
	for _, f := range image(d.t, w) {
		d.emit(f)
	}
}

// parts reads an image whose name and tag stand apart: Helm's values, GitLab's image.
func (d *deployment) parts(key string, n *node) {
	name := n.str("repository")
	if registry := n.str("registry"); registry != "" && name != "" {
		name = registry + "/" + name
	}
	if name == "" {
		if of := n.get("name"); key == "image" && of != nil && of.shape == isString {
			d.image(of)
		}
		return
	}
	tag := n.get("tag")
	w := word{text: name, at: -1, line: n.get("repository").line}
	if tag.str() == "" {
		for _, f := range image(d.t, w) {
			d.emit(f)
		}
		return
	}
	w.text, w.line = name+":"+tag.text, tag.line
	for _, f := range image(d.t, w) {
		if r, ok := f.(weir.Requirement); ok && r.Ecosystem == "oci" && tag.at >= 0 && r.State == weir.PinExact {
			r.Form, r.Spec = weir.SpecTag, d.t.span(tag.at, len(tag.text))
			f = r
		}
		d.emit(f)
	}
}

// container reads the command of a container, which stands in two lists, or as one text.
func (d *deployment) container(n *node) {
	sc := &script{t: d.t, vars: d.vars}
	var words []token
	var b strings.Builder
	for _, key := range []string{"entrypoint", "command", "args"} {
		v := n.get(key)
		if v != nil && v.shape == isString && v.text != "" {
			d.script(v, 0)
		}
		for _, item := range v.list() {
			if item.shape != isString && item.shape != isScalar || len(words) >= maxWords {
				continue
			}
			sc.lines = append(sc.lines, d.lines(item, b.Len())...)
			words = append(words, token{text: item.text, at: b.Len(), size: len(item.text), plain: true})
			b.WriteString(item.text)
			b.WriteByte('\n')
		}
	}
	if sc.s = b.String(); mentions(sc.s) {
		for _, f := range sc.exec(words, 0) {
			d.emit(f)
		}
	}
}

// script reads shell text, or a list of it, which GitLab lets hold lists.
func (d *deployment) script(v *node, depth int) {
	for _, item := range v.list() {
		if depth < 4 {
			d.script(item, depth+1)
		}
	}
	d.text(v)
}

func (d *deployment) text(v *node) {
	if v.shape != isString || v.text == "" {
		return
	}
	for _, f := range d.of(v).facts() {
		d.emit(f)
	}
}

// of gives a text of the tree as a script.
func (d *deployment) of(v *node) *script {
	return &script{t: d.t, s: v.text, lines: d.lines(v, 0), vars: d.vars}
}

// lines finds the lines of a text of the tree in the file: of a block those below its mark, less their indentation.
func (d *deployment) lines(v *node, at int) []scriptLine {
	if v.at >= 0 {
		return []scriptLine{{at, v.at, v.line}}
	}
	if !strings.Contains(v.text, "\n") {
		return []scriptLine{{at, -1, v.line}}
	}
	d.t.line(0)
	var lines []scriptLine
	n := v.line // the line below the mark, as an index
	for line := range strings.Lines(v.text) {
		l := scriptLine{at, -1, n + 1}
		if n < len(d.t.starts) {
			from := d.t.starts[n]
			to := len(d.t.b)
			if n+1 < len(d.t.starts) {
				to = d.t.starts[n+1]
			}
			own := string(d.t.b[from:to])
			if body := strings.TrimRight(line, "\r\n"); strings.HasSuffix(strings.TrimRight(own, "\r\n"), body) {
				l.from = from + len(strings.TrimRight(own, "\r\n")) - len(body)
			}
		}
		lines = append(lines, l)
		at += len(line)
		n++
	}
	return lines
}

// nested reads YAML within YAML.
func (d *deployment) nested(key string, v *node, depth int) {
	if depth > 8 {
		return
	}
	inner := &text{b: []byte(v.text), edited: true}
	docs, _ := readYAML(inner)
	for _, doc := range docs {
		if shift(doc, v.line, 0); key != "serveConfigV2" { // the text is an environment itself
			runtimeEnv(d.in, d.t, doc)
			continue
		}
		d.walk(key, doc, depth+8)
	}
}

// shift moves the lines of a tree and forgets its places.
func shift(n *node, by, depth int) {
	if n == nil || depth > maxDepth {
		return
	}
	n.at, n.plain = -1, 0
	n.line += by
	for _, c := range n.items {
		shift(c, by, depth+1)
	}
}

// file reads a file that a ConfigMap carries.
func (d *deployment) file(name string, v *node) {
	base := strings.ToLower(path.Base(name))
	switch {
	case strings.Contains(base, "requirements") && strings.HasSuffix(base, ".txt") || base == "constraints.txt":
		for _, f := range requirementLines(d.of(v)) {
			d.emit(f)
		}
	case strings.HasSuffix(base, ".sh"):
		d.text(v)
	case base == "dockerfile":
		sub := &text{b: []byte(v.text), edited: true}
		_ = parseDockerfile(&format.Input{Emit: func(f weir.Fact) {
			switch x := f.(type) {
			case weir.Requirement:
				x.Line += v.line
				d.emit(x)
			case weir.Setting:
				x.Line += v.line
				d.emit(x)
			case weir.Include:
				x.Line += v.line
				d.emit(x)
			}
		}}, sub)
	}
}
