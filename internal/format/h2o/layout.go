package h2o

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
)

// layoutData says how H2O serialises each of its classes, in each version that was looked at: see layouts.py in testdata/make/h2o, which writes it
// from the jars. A line is versions (a letter each), class, superclass or -, and its fields as code:name, or CUSTOM.
//
//go:embed layouts.txt
var layoutData string

// layoutField is a field of a class.
type layoutField struct {
	code  string // of AutoBuffer's method: A for each dimension, then the type
	where string // the class and the field's name
	size  int64  // bytes of a single number; 0 for everything else
}

// layout is one class in some versions.
type layout struct {
	versions string // letters
	name     string
	super    string // empty: none that is serialised
	custom   bool
	fields   []layoutField
	rest     string // the fields, unread
}

// layouts holds the classes by name; one that differs between versions has several.
type layouts struct {
	versions []string // "3.46.0.12" for letter a, …
	byName   map[string][]*layout

	mu     sync.Mutex
	chains map[string][]*layout
}

// shippedLayouts reads the data when the first H2O file is seen.
var shippedLayouts = sync.OnceValue(func() *layouts { return parseLayouts(layoutData) })

func parseLayouts(text string) *layouts {
	l := &layouts{byName: make(map[string][]*layout, 2100), chains: map[string][]*layout{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if v, ok := strings.CutPrefix(line, "versions "); ok {
			l.versions = strings.Fields(v)
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		versions, line, _ := strings.Cut(line, " ")
		name, line, _ := strings.Cut(line, " ")
		super, rest, _ := strings.Cut(line, " ")
		if super == "-" {
			super = ""
		}
		l.byName[name] = append(l.byName[name], &layout{versions: versions, name: name, super: super, rest: rest})
	}
	return l
}

// has reports whether a class of that name is H2O's own.
func (l *layouts) has(name string) bool { return l.byName[name] != nil }

// is reports whether a class is another one or derived from it, in any version.
func (l *layouts) is(name, base string) bool {
	for range 100 {
		if name == base {
			return true
		}
		c := l.byName[name]
		if c == nil || c[0].super == "" {
			return false
		}
		name = c[0].super
	}
	return false
}

// letter is how the data names a version, or the one that is nearest to it: the next newer one that is known, else the newest.
func (l *layouts) letter(version string) byte {
	best := 0
	for i, v := range l.versions { // newest first
		if v == version {
			return byte('a' + i)
		}
		if newer(v, version) {
			best = i
		}
	}
	return byte('a' + best)
}

// version is the known version as which another one is read.
func (l *layouts) version(of string) string { return l.versions[l.letter(of)-'a'] }

// newer compares versions by their numbers.
func newer(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		if len(x[i]) != len(y[i]) {
			return len(x[i]) > len(y[i])
		}
		if x[i] != y[i] {
			return x[i] > y[i]
		}
	}
	return len(x) > len(y)
}

// chain gives the layouts of a class and of its superclasses, the outermost first.
func (l *layouts) chain(version, class string) ([]*layout, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.letter(version)
	key := string(v) + class
	if c, ok := l.chains[key]; ok {
		return c, nil
	}
	var chain []*layout
	for name := class; name != ""; {
		c := l.in(v, name)
		if c == nil {
			return nil, fmt.Errorf("class %q is not one of H2O's own that weir knows", short(name))
		}
		c.read()
		chain = append([]*layout{c}, chain...)
		name = c.super
	}
	l.chains[key] = chain
	return chain, nil
}

// in gives a class in a version; the newest that has it when that one has not.
func (l *layouts) in(version byte, name string) *layout {
	for _, c := range l.byName[name] {
		if strings.IndexByte(c.versions, version) >= 0 {
			return c
		}
	}
	if c := l.byName[name]; len(c) > 0 {
		return c[0]
	}
	return nil
}

func (c *layout) read() {
	if c.rest == "CUSTOM" {
		c.custom = true
	} else {
		for f := range strings.FieldsSeq(c.rest) {
			code, name, _ := strings.Cut(f, ":")
			code, _, _ = strings.Cut(code, "=")
			where := c.name + "." + name
			if lateStreams[where] {
				code = "Ser"
			}
			c.fields = append(c.fields, layoutField{code, where, sizeOf(code)})
		}
	}
	c.rest = ""
}
