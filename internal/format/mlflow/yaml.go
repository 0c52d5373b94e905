package mlflow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"weir"
	"weir/internal/format"
	"weir/internal/format/manifest"
)

// Bounds of YAML: nesting, values taken out of one document (aliases count each time they are followed), and what can become a node.
const (
	maxYAMLDepth  = 64
	maxYAMLValues = 10_000
	maxYAMLNodes  = 200_000
	maxYAMLValue  = 8192 // bytes of one value
)

// value is a scalar of a document with the keys that lead to it, joined by dots.
type value struct {
	key, text string
	line      int
}

// document is what a YAML file says, flattened.
type document struct {
	values []value
	odd    []weir.Oddity
	steps  int
	within map[*yaml.Node]bool // aliases that are being followed
	err    error
}

// readYAML flattens the first document of a YAML text. What was read before an error is kept.
func readYAML(b []byte) *document {
	d := &document{within: map[*yaml.Node]bool{}}
	if !utf8.Valid(b) {
		d.err = errors.New("not UTF-8")
		return d
	}
	nodes := 0
	for _, c := range b {
		switch c {
		case '\n', ',', ':', '[', '{', '-', '?':
			nodes++
		}
	}
	if nodes > maxYAMLNodes {
		d.err = fmt.Errorf("more than %d values: %w", maxYAMLNodes, format.ErrLimit)
		return d
	}
	loader, err := yaml.NewLoader(bytes.NewReader(b))
	if err != nil {
		d.err = err
		return d
	}
	var root, next yaml.Node
	if err := loader.Load(&root); err != nil {
		if !errors.Is(err, io.EOF) { // an empty text is a document without values
			d.err = err
		}
		return d
	}
	d.walk("", &root, 0)
	if err := loader.Load(&next); err == nil {
		// PyYAML's load refuses a second document; other readers take the last.
		d.odd = append(d.odd, weir.Oddity{Kind: weir.OddTrailing, Detail: "a second YAML document at line " + strconv.Itoa(next.Line)})
		d.walk("", &next, 0)
	} else if !errors.Is(err, io.EOF) && d.err == nil {
		d.err = err
	}
	return d
}

func (d *document) limit(what string, n int) {
	if d.err == nil {
		d.err = fmt.Errorf("more than %d %s: %w", n, what, format.ErrLimit)
	}
}

func (d *document) walk(key string, n *yaml.Node, depth int) {
	if d.steps++; d.steps > maxYAMLValues*4 || len(d.values) >= maxYAMLValues {
		d.limit("values", maxYAMLValues)
		return
	}
	if depth > maxYAMLDepth {
		d.limit("values within each other", maxYAMLDepth)
		return
	}
	if t, own := foreignTag(n); own {
		d.values = append(d.values, value{"yaml.tag", strings.TrimSpace(t + " " + cut(n.Value, 200)), n.Line})
	}
	switch n.Kind {
	case yaml.DocumentNode:
		for _, c := range n.Content {
			d.walk(key, c, depth+1)
		}
	case yaml.MappingNode:
		d.mapping(key, n, depth)
	case yaml.SequenceNode:
		for i, c := range n.Content {
			d.walk(join(key, strconv.Itoa(i)), c, depth+1)
		}
	case yaml.ScalarNode:
		text := n.Value
		if n.ShortTag() == "!!null" {
			text = ""
		}
		d.values = append(d.values, value{key, cut(text, maxYAMLValue), n.Line})
	case yaml.AliasNode:
		if n.Alias == nil || d.within[n.Alias] {
			return // a cycle is no value
		}
		d.within[n.Alias] = true
		d.walk(key, n.Alias, depth+1)
		delete(d.within, n.Alias)
	}
}

func (d *document) mapping(key string, n *yaml.Node, depth int) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind == yaml.AliasNode && k.Alias != nil {
			k = k.Alias
		}
		if t, own := foreignTag(k); own {
			d.values = append(d.values, value{"yaml.tag", t, k.Line})
		}
		if k.Kind != yaml.ScalarNode {
			d.walk(join(key, "?"), k, depth+1)
			d.walk(join(key, "?"), v, depth+1)
			continue
		}
		if k.Value == "<<" && k.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 {
			d.merge(key, v, depth+1) // YAML 1.1, which PyYAML reads: its keys belong to this mapping
			continue
		}
		if seen[k.Value] {
			d.odd = append(d.odd, weir.Oddity{Kind: weir.OddDuplicate, Detail: fmt.Sprintf("key %q twice, again at line %d", join(key, k.Value), k.Line)})
		}
		seen[k.Value] = true
		d.walk(join(key, cut(k.Value, 200)), v, depth+1)
	}
}

func (d *document) merge(key string, v *yaml.Node, depth int) {
	if v.Kind == yaml.SequenceNode {
		for _, c := range v.Content {
			d.walk(key, c, depth+1)
		}
		return
	}
	d.walk(key, v, depth)
}

// coreTags are those of YAML's own schema; any other one asks for a type of some language.
var coreTags = map[string]bool{
	"!!str": true, "!!int": true, "!!float": true, "!!bool": true, "!!null": true, "!!map": true, "!!seq": true, "!!timestamp": true,
	"!!binary": true, "!!set": true, "!!omap": true, "!!pairs": true, "!!merge": true, "!": true, "": true,
}

func foreignTag(n *yaml.Node) (string, bool) {
	if n.Style&yaml.TaggedStyle == 0 || n.Kind == yaml.AliasNode {
		return "", false
	}
	t := n.ShortTag()
	return t, !coreTags[t]
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

// emit hands over everything that a document says.
func (d *document) emit(in *format.Input) {
	for _, v := range d.values {
		in.Emit(weir.Setting{Key: v.key, Value: strings.ToValidUTF8(v.text, "\ufffd"), Line: v.line})
	}
	for _, o := range d.odd {
		in.Emit(o)
	}
}

// parseYAML is the parser of all files here that are plain YAML.
func parseYAML(in *format.Input) error {
	b, err := read(in)
	d := readYAML(b)
	d.emit(in)
	return finish(in, "yaml", err, d.err)
}

// parseModel reads MLmodel and says in notes what a person would ask first.
func parseModel(in *format.Input) error {
	b, err := read(in)
	d := readYAML(b)
	d.emit(in)
	flavors, seen := []string{}, map[string]bool{}
	for _, v := range d.values {
		switch v.key {
		case "mlflow_version", "run_id", "model_uuid", "model_id", "utc_time_created", "artifact_path":
			in.Emit(weir.Note{Key: "mlflow." + v.key, Value: v.text})
		case "flavors.python_function.python_version":
			in.Emit(weir.Note{Key: "python", Value: v.text})
		}
		if rest, ok := strings.CutPrefix(v.key, "flavors."); ok {
			if name, _, _ := strings.Cut(rest, "."); !seen[name] && len(flavors) < 32 {
				seen[name] = true
				flavors = append(flavors, name)
			}
		}
	}
	if len(flavors) > 0 {
		in.Emit(weir.Note{Key: "mlflow.flavors", Value: strings.Join(flavors, ", ")})
	}
	return finish(in, "mlflow", err, d.err, manifest.Model(in))
}

// parseProject reads MLproject: every value, and what it installs.
func parseProject(in *format.Input) error {
	return errors.Join(parseYAML(in), manifest.Project(in))
}
