package manifest

import (
	"fmt"
	"strings"

	"weir"
	"weir/internal/format"
)

// project reads pyproject.toml and what is like a part of it.
type project struct {
	in *format.Input
	t  *text
}

// parsePyproject reads the tables of the standards (PEP 518, 621, 735) and those of poetry, pdm, hatch, uv, flit, rye and setuptools.
func parsePyproject(in *format.Input, t *text) error {
	d, err := readTOML(t)
	p := &project{in, t}
	p.specifiers(d.get("build-system", "requires"), weir.OriginManifest, "build")
	if v := d.get("project", "requires-python"); v != nil {
		in.Emit(weir.Setting{Key: "python", Value: v.text, Line: v.line})
	}
	p.specifiers(d.get("project", "dependencies"), weir.OriginManifest, "")
	p.groups(d.get("project", "optional-dependencies"))
	p.groups(d.get("dependency-groups"))
	tool := d.get("tool")
	p.poetry(tool.get("poetry"))
	p.groups(tool.get("pdm", "dev-dependencies"))
	for _, s := range tool.get("pdm", "source").list() {
		p.index(s, s.str("name") == "pypi")
	}
	for env, v := range tool.get("hatch", "envs").fields() {
		p.specifiers(v.get("dependencies"), weir.OriginManifest, groupNamed(env))
		p.specifiers(v.get("extra-dependencies"), weir.OriginManifest, groupNamed(env))
	}
	p.uv(tool.get("uv"))
	p.specifiers(tool.get("rye", "dev-dependencies"), weir.OriginManifest, "dev")
	p.specifiers(tool.get("flit", "metadata", "requires"), weir.OriginManifest, "")
	p.groups(tool.get("flit", "metadata", "requires-extra"))
	p.dynamic(tool.get("setuptools", "dynamic"))
	p.pixi(tool.get("pixi"))
	return err
}

// groupNamed is the group of that name, by one word for all kinds of tests and tools.
func groupNamed(group string) string {
	if g := groupOf(group); g != "" {
		return g
	}
	return group
}

// groups reads a table of lists of specifiers, each a group or an extra.
func (p *project) groups(table *node) {
	for name, list := range table.fields() {
		p.specifiers(list, weir.OriginManifest, groupNamed(name))
	}
}

// specifiers reads a list of dependency specifiers; {include-group = "x"} among them is another group of the same file.
func (p *project) specifiers(list *node, origin weir.Origin, group string) {
	for _, v := range list.list() {
		if v.shape == isMap && v.get("include-group") != nil {
			continue
		}
		s := strings.TrimSpace(v.text)
		if v.shape != isString || s == "" {
			p.in.Emit(unresolved("pypi", v.text, "it is no text", v.line))
			continue
		}
		r, ok := pipArgument(p.t, s, v.inside(s)(0, len(s)), v.line)
		if !ok {
			p.in.Emit(localProject(s, v.line))
			continue
		}
		r.Origin, r.Group = origin, group
		p.in.Emit(r)
	}
}

// index emits a package index that a table describes.
func (p *project) index(n *node, isDefault bool) {
	u := n.get("url")
	if u == nil {
		return
	}
	key := "index.extra"
	if isDefault {
		key = "index.url"
	}
	p.in.Emit(weir.Setting{Key: key, Value: cut(u.text, maxStatement), Line: u.line})
	if v := n.get("verify_ssl"); v != nil && v.text == "false" {
		p.in.Emit(weir.Setting{Key: "index.trusted-host", Value: cut(u.text, maxStatement), Line: v.line})
	}
}

// poetry reads [tool.poetry]: a table of packages, one for development (up to 1.1) and one for each group.
func (p *project) poetry(n *node) {
	p.packages(n.get("dependencies"), "")
	p.packages(n.get("dev-dependencies"), "dev")
	for name, g := range n.get("group").fields() {
		p.packages(g.get("dependencies"), groupNamed(name))
	}
	for _, s := range n.get("source").list() {
		p.index(s, s.str("default") == "true" || s.str("priority") == "default" || s.str("priority") == "primary")
	}
}

// packages reads a table of poetry or of a Pipfile: a package's value is its version, a table, or a list of such tables for several platforms.
func (p *project) packages(table *node, group string) {
	for name, v := range table.fields() {
		if name == "python" {
			p.in.Emit(weir.Setting{Key: "python", Value: v.text + v.str("version"), Line: v.line})
			continue
		}
		for _, one := range append(v.list(), v) {
			if one.shape == isList {
				continue
			}
			r, ok := p.entry(name, one)
			if r.Group = group; one.str("optional") == "true" && group == "" {
				r.Group = "optional"
			}
			if ok {
				p.in.Emit(r)
			}
		}
	}
}

// entry reads the value of one package; false of a folder beside.
func (p *project) entry(name string, v *node) (weir.Requirement, bool) {
	version := v
	if v.shape == isMap {
		version = v.get("version")
	}
	var r weir.Requirement
	switch source, kind := origin(v); {
	case kind == "path" && version == nil:
		if _, ending := archiveOf(source); ending == "" {
			p.in.Emit(weir.Include{Path: source, Kind: "module", Text: cut(name+" = "+source, maxStatement), Line: v.line})
			return r, false
		}
		fallthrough
	case kind != "":
		r = weir.Requirement{
			Ecosystem: "pypi", Name: canonical(name), Origin: weir.OriginManifest, Text: cut(name+" = "+source, maxStatement), Line: v.line, Direct: true, URL: source,
		}
		if kind == "git" && !versionControl().MatchString(source) {
			r.URL = "git+" + source
		}
		if rev := v.str("rev") + v.str("ref"); isCommit().MatchString(rev) {
			r.Commit = rev
		}
		commit := r.Commit
		if located(&r); commit != "" {
			r.Commit = commit
		}
	case version == nil:
		r = poetryConstraint(p.t, name, "*", -1, v.line)
	case version.shape == isScalar || version.shape == isString:
		r = poetryConstraint(p.t, name, version.text, version.at, version.line)
	default:
		r = unresolved("pypi", name, "its version is no text", v.line)
		r.Name = canonical(name)
	}
	for _, e := range v.get("extras").list() {
		r.Extras = append(r.Extras, canonical(e.text))
	}
	r.Marker = v.str("markers")
	return r, true
}

// origin says where a table takes a package from when that is no index.
func origin(v *node) (address, kind string) {
	for _, k := range []string{"git", "url", "file", "path", "hg", "svn"} {
		if s := v.str(k); s != "" {
			if k == "file" {
				k = "path"
			}
			return s, k
		}
	}
	return "", ""
}

// uv reads the settings of uv, which are those of [tool.uv] or of uv.toml.
func (p *project) uv(n *node) {
	p.specifiers(n.get("dev-dependencies"), weir.OriginManifest, "dev")
	p.specifiers(n.get("constraint-dependencies"), weir.OriginConstraint, "")
	p.specifiers(n.get("override-dependencies"), weir.OriginConstraint, "")
	p.specifiers(n.get("build-constraint-dependencies"), weir.OriginConstraint, "build")
	for _, s := range n.get("index").list() {
		p.index(s, s.str("default") == "true")
	}
	for _, n := range []*node{n, n.get("pip")} {
		for _, key := range []string{"index-url", "extra-index-url", "find-links", "allow-insecure-host", "trusted-host"} {
			for _, v := range append(n.get(key).list(), n.get(key)) {
				if v != nil && v.text != "" {
					p.in.Emit(weir.Setting{Key: pipCommandOptions["--"+key], Value: cut(v.text, maxStatement), Line: v.line})
				}
			}
		}
	}
	for name, v := range n.get("sources").fields() {
		for _, one := range append(v.list(), v) {
			if _, kind := origin(one); kind == "" {
				continue
			}
			if r, ok := p.entry(name, one); ok {
				r.Origin = weir.OriginConstraint
				p.in.Emit(r)
			}
		}
	}
}

// dynamic reads where setuptools takes dependencies from: files of requirements.
func (p *project) dynamic(n *node) {
	sets := []*node{n.get("dependencies")}
	for _, extra := range n.get("optional-dependencies").fields() {
		sets = append(sets, extra)
	}
	for _, set := range sets {
		file := set.get("file")
		if file == nil {
			continue
		}
		for _, f := range append(file.list(), file) {
			if f.shape == isString {
				p.in.Emit(weir.Include{Path: f.text, Kind: isFile, Text: cut(fmt.Sprintf("file = %q", f.text), maxStatement), Line: f.line})
			}
		}
	}
}

// pixi reads packages of conda and of PyPI as pixi names them.
func (p *project) pixi(n *node) {
	if n == nil {
		return
	}
	for _, c := range append(n.get("project", "channels").list(), n.get("workspace", "channels").list()...) {
		p.in.Emit(weir.Setting{Key: "index.channel", Value: cut(c.text+c.str("channel"), maxStatement), Line: c.line})
	}
	p.features(n, "")
	for name, f := range n.get("feature").fields() {
		p.features(f, groupNamed(name))
	}
}

func (p *project) features(n *node, group string) {
	for _, table := range []string{"dependencies", "build-dependencies", "host-dependencies"} {
		for name, v := range n.get(table).fields() {
			s, at := v.text, v.at
			if v.shape == isMap {
				s, at = v.str("version"), -1
			}
			r := weir.Requirement{Ecosystem: "conda", Name: strings.ToLower(name), State: weir.PinAny, Origin: weir.OriginManifest, Text: cut(name+" = "+s, maxStatement), Line: v.line, Direct: true, Group: group}
			if s != "" && s != "*" {
				condaVersion(&r, s)
				r.Spec, r.Form = p.t.span(at, len(s)), weir.SpecConda
			}
			p.in.Emit(r)
		}
	}
	for name, v := range n.get("pypi-dependencies").fields() {
		if r, ok := p.entry(name, v); ok {
			r.Group = group
			p.in.Emit(r)
		}
	}
}

// parsePipfile reads a Pipfile.
func parsePipfile(in *format.Input, t *text) error {
	d, err := readTOML(t)
	p := &project{in, t}
	for i, s := range d.get("source").list() {
		p.index(s, i == 0)
	}
	for name, table := range d.fields() {
		switch name {
		case "packages":
			p.packages(table, "")
		case "dev-packages":
			p.packages(table, "dev")
		case "requires":
			in.Emit(weir.Setting{Key: "python", Value: table.str("python_version") + table.str("python_full_version"), Line: table.line})
		case "source", "pipenv", "scripts", "build-system":
		default:
			if table.shape == isMap {
				p.packages(table, groupNamed(name)) // categories of pipenv 2022.10 and newer
			}
		}
	}
	return err
}

// parseUV reads uv.toml.
func parseUV(in *format.Input, t *text) error {
	d, err := readTOML(t)
	(&project{in, t}).uv(d)
	return err
}

// parsePixi reads pixi.toml.
func parsePixi(in *format.Input, t *text) error {
	d, err := readTOML(t)
	(&project{in, t}).pixi(d)
	return err
}
