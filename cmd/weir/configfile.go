package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"weir/internal/policy"
)

// configFile is what a weir.yaml says.
type configFile struct {
	name    string
	values  layer
	lines   map[string]int
	waivers []policy.Waiver
}

// parseConfig reads a weir.yaml. Every error names its line.
func parseConfig(name string, text []byte) (*configFile, error) {
	f := &configFile{name: name, values: layer{}, lines: map[string]int{}}
	if onlyComments(string(text)) {
		return f, nil // which the YAML library calls an error
	}
	var doc yaml.Node
	if err := yaml.Load(text, &doc); err != nil {
		return nil, f.syntax(err)
	}
	if len(doc.Content) == 0 {
		return f, nil
	}
	return f, f.mapping(doc.Content[0], "", f.top)
}

func onlyComments(text string) bool {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return false
		}
	}
	return true
}

// syntax rewrites an error of the YAML library: the place first, as in all our errors.
func (f *configFile) syntax(err error) error {
	var le *yaml.LoadError
	if errors.As(err, &le) {
		if le.Mark.Line > 0 {
			return misconfigured(fmt.Sprintf("%s:%d", f.name, le.Mark.Line), errors.New(le.Message))
		}
		return misconfigured(f.name, errors.New(strings.TrimPrefix(le.Message, "yaml: ")))
	}
	return misconfigured(f.name, err)
}

func (f *configFile) errorf(n *yaml.Node, format string, args ...any) error {
	return misconfigured(fmt.Sprintf("%s:%d", f.name, n.Line), fmt.Errorf(format, args...))
}

// mapping calls each for the keys of n, which must be a mapping without repeated keys.
func (f *configFile) mapping(n *yaml.Node, what string, each func(key string, k, v *yaml.Node) error) error {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		if what == "" {
			what = "the file"
		}
		return f.errorf(n, "%s must be a mapping (key: value)", what)
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind != yaml.ScalarNode {
			return f.errorf(k, "a key must be a word")
		}
		if first, ok := seen[k.Value]; ok {
			return f.errorf(k, "%q stands twice (first on line %d)", k.Value, first)
		}
		seen[k.Value] = k.Line
		if err := each(k.Value, k, v); err != nil {
			return err
		}
	}
	return nil
}

func (f *configFile) top(key string, k, v *yaml.Node) error {
	switch {
	case key == "ignore":
		return f.ignore(v)
	case isSection(key):
		return f.mapping(v, key, func(name string, k, v *yaml.Node) error { return f.option(key+"."+name, k, v) })
	case strings.Contains(key, "."):
		section, name, _ := strings.Cut(key, ".")
		return f.errorf(k, "unknown key %q: a section is written as %q with %q below it", key, section+":", name+":")
	}
	return f.option(key, k, v)
}

func isSection(key string) bool {
	return slices.ContainsFunc(options(), func(o option) bool { return strings.HasPrefix(o.key, key+".") })
}

func (f *configFile) unknown(k *yaml.Node, key string) error {
	names := []string{"ignore"}
	for _, o := range options() {
		names = append(names, o.key)
	}
	err := f.errorf(k, "unknown key %q", key)
	if hint := didYouMean(key, names); hint != "" {
		err.(*failure).hint = hint
	}
	return err
}

func (f *configFile) option(key string, k, v *yaml.Node) error {
	o := byKey(key)
	if o.key == "" {
		return f.unknown(k, key)
	}
	value, err := f.value(o, v)
	if err != nil {
		return err
	}
	if err := o.check(value); err != nil {
		return f.errorf(v, "%w", err)
	}
	f.values[key], f.lines[key] = value, v.Line
	return nil
}

func (f *configFile) value(o option, v *yaml.Node) (any, error) {
	switch {
	case o.kind == kindList:
		return f.texts(o.key, v)
	case v.Kind != yaml.ScalarNode:
		return nil, f.errorf(v, "%s must be one value", o.key)
	case o.kind == kindBool:
		b, err := strconv.ParseBool(v.Value)
		if err != nil || v.Tag != "!!bool" {
			return nil, f.errorf(v, "%s is true or false, not %q", o.key, v.Value)
		}
		return b, nil
	}
	return v.Value, nil
}

func (f *configFile) texts(what string, v *yaml.Node) ([]string, error) {
	if v.Kind != yaml.SequenceNode {
		return nil, f.errorf(v, "%s must be a list", what)
	}
	list := []string{}
	for _, e := range v.Content {
		if e.Kind != yaml.ScalarNode || e.Value == "" {
			return nil, f.errorf(e, "%s must be a list of texts", what)
		}
		list = append(list, e.Value)
	}
	return list, nil
}

// ignore reads the waivers.
func (f *configFile) ignore(v *yaml.Node) error {
	if v.Kind != yaml.SequenceNode {
		return f.errorf(v, "ignore must be a list of waivers (rule, path, flaw, reason, until)")
	}
	for _, e := range v.Content {
		w := policy.Waiver{File: f.name, Line: e.Line, Source: fmt.Sprintf("%s:%d", f.name, e.Line)}
		fields := map[string]*string{"rule": &w.Rule, "path": &w.Path, "flaw": &w.Flaw, "reason": &w.Reason, "until": (*string)(&w.Until)}
		err := f.mapping(e, "a waiver", func(key string, k, v *yaml.Node) error {
			field, ok := fields[key]
			switch {
			case !ok:
				return f.errorf(k, "unknown key %q in a waiver; it has rule, path, flaw, reason and until", key)
			case v.Kind != yaml.ScalarNode || v.Tag == "!!null":
				return f.errorf(v, "%s must be one value", key)
			}
			*field = v.Value
			return nil
		})
		if err != nil {
			return err
		}
		if err := w.Check(); err != nil {
			return f.errorf(e, "%w", err)
		}
		f.waivers = append(f.waivers, w)
	}
	return nil
}
