package manifest

import (
	"strings"

	"weir"
	"weir/internal/format"
)

var npmFormats = []format.Format{
	{
		Name: "npm-package", Doc: "package.json of npm", Parsed: true,
		Match: func(h format.Head) bool { return called(h, "package.json") && isObject(h.First) }, Parse: parser("npm-package", parsePackageJSON),
	},
	{
		Name: "npm-lock", Doc: "lock file of npm (package-lock.json, npm-shrinkwrap.json)", Parsed: true,
		Match: func(h format.Head) bool { return isObject(h.First) && within(h.First, `"lockfileVersion"`, 512) }, Parse: parser("npm-lock", parseNPMLock),
	},
}

// isObject reports whether content begins as an object of JSON.
func isObject(b []byte) bool {
	s := strings.TrimLeft(string(b[:min(len(b), 64)]), "\ufeff \t\r\n")
	return strings.HasPrefix(s, "{")
}

// within reports whether a mark stands in the first n bytes.
func within(b []byte, mark string, n int) bool {
	return strings.Contains(string(b[:min(len(b), n)]), mark)
}

// npmConstraint sets state, version and range from a constraint of package.json: an exact version, a range (node-semver), a tag, or no index at all.
func npmConstraint(r *weir.Requirement, spec string) {
	s := strings.TrimSpace(spec)
	switch {
	case s == "" || s == "*" || s == "x" || s == "latest":
		r.State = weir.PinAny
	case strings.HasPrefix(s, "npm:"): // an alias: the package that is really taken
		name, version := s[4:], ""
		if i := strings.LastIndexByte(name, '@'); i > 0 {
			name, version = name[:i], name[i+1:]
		}
		r.Name = name
		npmConstraint(r, version)
	case strings.HasPrefix(s, "workspace:") || strings.HasPrefix(s, "file:") || strings.HasPrefix(s, "link:") || strings.HasPrefix(s, "portal:"):
		r.State, r.URL, r.Reason = weir.PinUnresolved, s, "a folder of this project or machine, not a package of an index"
	case strings.ContainsAny(s, ":/"): // an address, git, or owner/repository on GitHub
		r.State, r.URL, r.Reason = weir.PinUnresolved, s, "it comes from an address, which tells no version"
		if i := strings.LastIndexByte(s, '#'); i >= 0 && isCommit().MatchString(s[i+1:]) {
			r.Commit = s[i+1:]
		}
	case isExactSemver(s):
		r.State, r.Version = weir.PinExact, strings.TrimLeft(s, "=v ")
	case s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z' && s[0] != 'v' && s[0] != 'x' && s[0] != 'X':
		r.State, r.Reason = weir.PinUnresolved, "a tag of the registry, which names another version every day"
	default:
		r.State, r.Range = weir.PinRange, s
	}
}

// isExactSemver reports whether a constraint names one version: three numbers, whatever stands behind them.
func isExactSemver(s string) bool {
	s = strings.TrimLeft(s, "=v ")
	core, _, _ := strings.Cut(s, "+")
	core, _, _ = strings.Cut(core, "-")
	parts := strings.Split(core, ".")
	if len(parts) != 3 || strings.ContainsAny(s, " |<>^~*") {
		return false
	}
	for _, p := range parts {
		if p == "" || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return true
}

// npmGroups are the tables of package.json that name packages, each with the group that they belong to.
var npmGroups = []struct{ key, group string }{
	{"dependencies", ""}, {"devDependencies", "dev"}, {"optionalDependencies", "optional"}, {"peerDependencies", "peer"},
}

func parsePackageJSON(in *format.Input, t *text) error {
	root, err := readJSON(t)
	for _, g := range npmGroups {
		for name, v := range root.get(g.key).fields() {
			r := weir.Requirement{
				Ecosystem: "npm", Name: name, Origin: weir.OriginManifest, Direct: true, Group: g.group, Line: v.line,
				Text: cut(name+": "+v.text, maxStatement),
			}
			if v.shape != isString {
				r.State, r.Reason = weir.PinUnresolved, "its version is no text"
			} else if npmConstraint(&r, v.text); r.State != weir.PinUnresolved && v.at >= 0 && !strings.HasPrefix(v.text, "npm:") {
				r.Form, r.Spec = weir.SpecNPM, t.span(v.at, len(v.text))
			}
			in.Emit(r)
		}
	}
	return err
}

// parseNPMLock reads all three versions of npm's lock file: the flat table of packages where there is one (2 and 3), else the tree (1).
func parseNPMLock(in *format.Input, t *text) error {
	root, err := readJSON(t)
	if packages := root.get("packages"); packages != nil {
		direct := map[string]bool{}
		for path, p := range packages.fields() {
			if !strings.Contains(path, "node_modules/") { // the project itself and its workspaces
				for _, g := range npmGroups {
					for name := range p.get(g.key).fields() {
						direct[name] = true
					}
				}
			}
		}
		for path, p := range packages.fields() {
			i := strings.LastIndex(path, "node_modules/")
			if i < 0 || p.str("link") == "true" {
				continue
			}
			name := path[i+len("node_modules/"):]
			r := npmLocked(name, p)
			r.Direct = i == 0 && direct[name]
			if real := p.str("name"); real != "" {
				r.Name = real // an alias
			}
			in.Emit(r)
		}
		return err
	}
	npmTree(in, root, 0)
	return err
}

// npmTree reads the tree of version 1; it does not say which packages are direct.
func npmTree(in *format.Input, n *node, depth int) {
	if depth > maxDepth {
		return
	}
	for name, p := range n.get("dependencies").fields() {
		r := npmLocked(name, p)
		r.Requires = nil
		for need := range p.get("requires").fields() {
			r.Requires = append(r.Requires, need)
		}
		in.Emit(r)
		npmTree(in, p, depth+1)
	}
}

// npmLocked reads one entry of a lock file.
func npmLocked(name string, p *node) weir.Requirement {
	r := weir.Requirement{
		Ecosystem: "npm", Name: name, State: weir.PinExact, Version: p.str("version"), Origin: weir.OriginLock, Line: p.line,
		Text: cut(name+" "+p.str("version"), maxStatement),
	}
	if p.str("integrity") != "" {
		r.Hashes = 1
	}
	switch {
	case p.str("dev") == "true" || p.str("devOptional") == "true":
		r.Group = "dev"
	case p.str("optional") == "true":
		r.Group = "optional"
	}
	for _, g := range npmGroups[:3] {
		for need := range p.get(g.key).fields() {
			if g.group != "dev" {
				r.Requires = append(r.Requires, need)
			}
		}
	}
	from := p.str("resolved")
	if spec, ok := strings.CutPrefix(r.Version, "npm:"); ok { // an alias, in version 1
		npmConstraint(&r, "npm:"+spec)
	}
	if !isExactSemver(r.Version) {
		from = r.Version
		r.State, r.Version, r.Reason = weir.PinUnresolved, "", "it comes from an address, which tells no version"
	}
	if strings.HasPrefix(from, "git") || strings.HasPrefix(from, "file:") {
		r.URL = cut(from, maxStatement)
		if i := strings.LastIndexByte(from, '#'); i >= 0 && isCommit().MatchString(from[i+1:]) {
			r.Commit = from[i+1:]
		}
	}
	return r
}
