package manifest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"weir"
	"weir/internal/format"
)

var mavenFormats = []format.Format{
	{
		Name: "maven-pom", Doc: "pom.xml of Maven", Parsed: true,
		Match: isPOM,
		Parse: parser("maven-pom", parsePOM),
	},
	{
		Name: "pom-properties", Doc: "what Maven leaves in a jar about itself (META-INF/maven/**/pom.properties)", Parsed: true,
		Match: func(h format.Head) bool {
			return called(h, "pom.properties") && within(h.First, "artifactId", 4096) && within(h.First, "version", 4096)
		},
		Parse: parser("pom-properties", parsePOMProperties),
	},
}

// isPOM knows pom.xml, and the poms of repositories, by their names alone: a long comment may stand before all else, and Maven 4 takes the
// version of the model from the namespace. Files of other names must begin with what every pom holds.
func isPOM(h format.Head) bool {
	if called(h, "pom.xml") || path.Ext(h.Name) == ".pom" && textual(h.First) {
		return true
	}
	return textual(h.First) && strings.HasPrefix(strings.TrimLeft(string(h.First[:min(len(h.First), 512)]), "\ufeff \t\r\n"), "<") &&
		within(h.First, "<project", 8<<10) && within(h.First, "<modelVersion>", format.HeadSize) && within(h.First, "<artifactId>", format.HeadSize)
}

// readXML gives the tree of an XML text: elements are maps of their children, in order, or texts where they have none. Attributes are left out.
func readXML(t *text) (*node, error) {
	root := &node{shape: isMap, at: -1, line: 1}
	stack := []*node{root}
	d := xml.NewDecoder(bytes.NewReader(t.b))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // load has decoded it
	for count := 0; ; {
		from := int(d.InputOffset())
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return root, nil
		}
		if err != nil {
			return root, err
		}
		switch e := token.(type) {
		case xml.StartElement:
			if count++; count > maxNodes || len(stack) > maxDepth {
				return root, fmt.Errorf("more than %d elements, or %d within each other: %w", maxNodes, maxDepth, format.ErrLimit)
			}
			n := &node{at: -1, line: t.line(from), shape: isString}
			top := stack[len(stack)-1]
			top.shape = isMap
			top.set(e.Name.Local, n)
			stack = append(stack, n)
		case xml.EndElement:
			if len(stack) > 1 {
				stack = stack[:len(stack)-1]
			}
		case xml.CharData:
			leaf(t, stack[len(stack)-1], string(e), from)
		}
	}
}

// leaf gives an element its text, with its place where that stands there as it is.
func leaf(t *text, n *node, s string, from int) {
	trimmed := strings.TrimSpace(s)
	if n.shape != isString || trimmed == "" {
		return
	}
	if n.text != "" { // a comment or an entity within
		n.text, n.at = n.text+trimmed, -1
		return
	}
	n.text = trimmed
	if at := from + strings.Index(s, trimmed); at+len(trimmed) <= len(t.b) && string(t.b[at:at+len(trimmed)]) == trimmed {
		n.at = at
	}
}

// all gives the children of one name.
func (n *node) all(key string) []*node {
	var list []*node
	for k, v := range n.fields() {
		if k == key {
			list = append(list, v)
		}
	}
	return list
}

// pom is what a pom.xml says of itself.
type pom struct {
	t          *text
	project    *node
	properties map[string]*node
}

// parsePOM reads dependencies with the properties of the same file put in. What stands in a parent or an imported bill is filled in when the
// project's files are joined: [weir.Include] names the parent, notes and settings of the key maven.* say what a file gives its children.
func parsePOM(in *format.Input, t *text) error {
	root, err := readXML(t)
	p := &pom{t, root.get("project"), map[string]*node{}}
	if p.project == nil || strings.Contains("/"+in.Name, "/META-INF/maven/") {
		return err // of a jar it says what that was built with, while pom.properties beside it say what it is
	}
	p.self(in)
	p.emitAll(in, p.project, "")
	for _, profile := range p.project.get("profiles").all("profile") {
		p.emitAll(in, profile, "profile")
	}
	return err
}

// self says who this file is, what its properties are and to which files it belongs.
func (p *pom) self(in *format.Input) {
	parent := p.project.get("parent")
	for k, v := range p.project.get("properties").fields() {
		if v.shape == isString {
			p.properties[k] = v
			in.Emit(weir.Setting{Key: "maven.property." + cut(k, 200), Value: cut(v.text, maxStatement), Line: v.line})
		}
	}
	for _, key := range []string{"groupId", "artifactId", "version"} {
		v := p.project.get(key)
		if v == nil && key != "artifactId" {
			v = parent.get(key)
		}
		for _, prefix := range []string{"project.", "pom.", ""} {
			if v != nil && p.properties[prefix+key] == nil {
				p.properties[prefix+key] = v
			}
		}
		if of := parent.get(key); of != nil {
			p.properties["project.parent."+key] = of
		}
	}
	group, _ := p.fill(p.properties["groupId"].str())
	version, _ := p.fill(p.properties["version"].str())
	in.Emit(weir.Note{Key: "maven.project", Value: cut(group+":"+p.project.str("artifactId")+":"+version, maxStatement)})
	if parent != nil {
		name := parent.str("groupId") + ":" + parent.str("artifactId") + ":" + parent.str("version")
		in.Emit(weir.Note{Key: "maven.parent", Value: cut(name, maxStatement)})
		where := parent.get("relativePath")
		switch file := where.str(); {
		case where != nil && file == "": // an empty element: never look beside
		case file == "":
			in.Emit(weir.Include{Path: "../pom.xml", Kind: "parent", Text: cut(name, maxStatement), Line: parent.line})
		case strings.HasSuffix(file, ".xml"):
			in.Emit(weir.Include{Path: file, Kind: "parent", Text: cut(name, maxStatement), Line: where.line})
		default:
			in.Emit(weir.Include{Path: path.Join(file, "pom.xml"), Kind: "parent", Text: cut(name, maxStatement), Line: where.line})
		}
	}
	for _, m := range p.project.get("modules").all("module") {
		in.Emit(weir.Include{Path: path.Join(m.text, "pom.xml"), Kind: "module", Text: cut(m.text, maxStatement), Line: m.line})
	}
}

// fill puts properties in; the name of one that is not known is returned. Properties may name others.
func (p *pom) fill(s string) (filled, missing string) {
	for range 8 {
		start := strings.Index(s, "${")
		if start < 0 {
			return s, ""
		}
		name, rest, ok := strings.Cut(s[start+2:], "}")
		v := p.properties[name]
		if !ok || v == nil || len(s) > maxStatement {
			return s, name
		}
		s = s[:start] + v.text + rest
	}
	return s, "a property that names itself"
}

// emitAll emits what one project or profile depends on, what it manages and its plugins.
func (p *pom) emitAll(in *format.Input, n *node, group string) {
	for _, d := range n.get("dependencyManagement", "dependencies").all("dependency") {
		r := p.dependency(d, "", group)
		r.Origin, r.Direct = weir.OriginConstraint, false
		if d.str("type") == "pom" && d.str("scope") == "import" {
			r.Group = "import"
		}
		in.Emit(r)
	}
	for _, d := range n.get("dependencies").all("dependency") {
		in.Emit(p.dependency(d, "", group))
	}
	for _, d := range n.get("build", "plugins").all("plugin") {
		in.Emit(p.dependency(d, "org.apache.maven.plugins", "build"))
		for _, inner := range d.get("dependencies").all("dependency") {
			in.Emit(p.dependency(inner, "", "build"))
		}
	}
}

// dependency reads one dependency or plugin.
func (p *pom) dependency(d *node, group, kind string) weir.Requirement {
	if g := d.str("groupId"); g != "" {
		group = g
	}
	group, noGroup := p.fill(group)
	artifact, noArtifact := p.fill(d.str("artifactId"))
	version := d.get("version")
	r := weir.Requirement{
		Ecosystem: "maven", Name: group + ":" + artifact, Origin: weir.OriginManifest, Direct: true, Group: kind, Line: d.line,
		Text: cut(strings.TrimSuffix(d.str("groupId")+":"+d.str("artifactId")+":"+version.str(), ":"), maxStatement),
	}
	if scope := d.str("scope"); scope == "test" || scope == "provided" || scope == "system" {
		r.Group = scope
	} else if d.str("optional") == "true" && r.Group == "" {
		r.Group = "optional"
	}
	if noGroup != "" || noArtifact != "" {
		r.Name, r.State, r.Reason = "", weir.PinUnresolved, fmt.Sprintf("the property %q is not set in this file", cut(noGroup+noArtifact, 200))
		return r
	}
	if version == nil || version.text == "" {
		r.State, r.Reason = weir.PinUnresolved, "its version is managed elsewhere: by a parent, an imported bill of materials or Maven itself"
		return r
	}
	r.Line = version.line
	value, missing := p.fill(version.text)
	if missing != "" {
		r.State, r.Range, r.Reason = weir.PinUnresolved, cut(value, maxStatement), fmt.Sprintf("the property %q is not set in this file", cut(missing, 200))
		return r
	}
	mavenConstraint(&r, value)
	if of := p.editable(version); of != nil && r.State != weir.PinUnresolved {
		r.Form, r.Spec = weir.SpecVersion, p.t.span(of.at, len(of.text))
	}
	return r
}

// editable gives the element whose text is the version: the version itself, or the one property that it consists of.
func (p *pom) editable(v *node) *node {
	for range 8 {
		name, whole := strings.CutPrefix(v.text, "${")
		if !whole {
			break
		}
		next := p.properties[strings.TrimSuffix(name, "}")]
		if next == nil {
			return nil
		}
		v = next
	}
	if v.at < 0 || strings.Contains(v.text, "${") {
		return nil
	}
	return v
}

// mavenConstraint sets state, version and range from a version of Maven: a bare one is what is taken, brackets make a range
// (maven.apache.org/pom.html, dependency version requirement specification), gradle adds + for a prefix.
func mavenConstraint(r *weir.Requirement, s string) {
	s = strings.TrimSpace(s)
	switch inner := strings.Trim(s, "[]"); {
	case s == "":
		r.State, r.Reason = weir.PinUnresolved, "no version stands there"
	case s == "LATEST" || s == "RELEASE" || strings.HasPrefix(s, "latest."):
		r.State, r.Reason = weir.PinUnresolved, "whatever is newest when it is built"
	case strings.ContainsAny(s, "${}"):
		r.State, r.Range, r.Reason = weir.PinUnresolved, s, "its version is computed"
	case s == "+":
		r.State = weir.PinAny
	case strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") && !strings.Contains(s, ","):
		r.State, r.Version = weir.PinExact, inner
	case strings.ContainsAny(s, "[](),") || strings.HasSuffix(s, "+"):
		r.State, r.Range = weir.PinRange, s
	default:
		r.State, r.Version = weir.PinExact, s
	}
}

// parsePOMProperties reads what Maven's archiver writes into each jar; in a shaded jar there is one for every project in it.
func parsePOMProperties(in *format.Input, t *text) error {
	value, line := map[string]string{}, 0
	n := 0
	for l := range strings.Lines(string(t.b)) {
		n++
		k, v, ok := strings.Cut(strings.TrimSpace(l), "=")
		if ok && !strings.HasPrefix(k, "#") {
			if k = strings.TrimSpace(k); k == "version" {
				line = n
			}
			value[k] = strings.TrimSpace(v)
		}
	}
	r := weir.Requirement{
		Ecosystem: "maven", Name: value["groupId"] + ":" + value["artifactId"], Origin: weir.OriginBundled, Direct: true, Line: line,
		Text: cut(value["groupId"]+":"+value["artifactId"]+":"+value["version"], maxStatement),
	}
	if value["groupId"] == "" || value["artifactId"] == "" {
		r.Name, r.State, r.Reason = "", weir.PinUnresolved, "no groupId or artifactId"
	} else {
		mavenConstraint(&r, value["version"])
	}
	in.Emit(r)
	return nil
}
