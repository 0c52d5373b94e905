package manifest

import (
	"strings"

	"weir"
	"weir/internal/format"
)

var cargoFormats = []format.Format{
	{
		Name: "cargo-manifest", Doc: "Cargo.toml", Parsed: true,
		Match: func(h format.Head) bool {
			return called(h, "Cargo.toml") && holds(h.First, "[package", "[workspace", "[dependencies", "[lib", "[features")
		},
		Parse: parser("cargo-manifest", parseCargo),
	},
	{
		Name: "cargo-lock", Doc: "lock file of cargo (Cargo.lock)", Parsed: true,
		Match: func(h format.Head) bool { return called(h, "Cargo.lock") && holds(h.First, "[[package]]", "[root]") },
		Parse: parser("cargo-lock", parseCargoLock),
	},
}

// cargoConstraint sets state, version and range of a requirement of cargo. In Cargo.toml "1.2" means ^1.2, at cargo install a full version
// means just that (doc.rust-lang.org/cargo, specifying dependencies).
func cargoConstraint(r *weir.Requirement, spec string, origin weir.Origin) {
	s := strings.TrimSpace(spec)
	switch exact, isExact := strings.CutPrefix(s, "="); {
	case s == "" || s == "*":
		r.State = weir.PinAny
	case isExact && isExactSemver(strings.TrimSpace(exact)):
		r.State, r.Version = weir.PinExact, strings.TrimSpace(exact)
	case origin == weir.OriginCommand && isExactSemver(s):
		r.State, r.Version = weir.PinExact, s
	case strings.IndexByte("0123456789^~=<>", s[0]) >= 0:
		r.State, r.Range = weir.PinRange, s
	default:
		r.State, r.Reason = weir.PinUnresolved, "not a constraint of cargo"
	}
}

// cargoTables are the tables of Cargo.toml that name packages, at the top and below each target.
var cargoTables = []struct{ key, group string }{{"dependencies", ""}, {"dev-dependencies", "dev"}, {"build-dependencies", "build"}}

func parseCargo(in *format.Input, t *text) error {
	root, err := readTOML(t)
	cargoDependencies(in, t, root)
	for _, target := range root.get("target").fields() {
		cargoDependencies(in, t, target)
	}
	cargoDependencies(in, t, root.get("workspace"))
	for _, m := range root.get("workspace", "members").list() {
		if !strings.ContainsAny(m.text, "*?[") {
			in.Emit(weir.Include{Path: strings.TrimSuffix(m.text, "/") + "/Cargo.toml", Kind: "module", Text: cut(m.text, maxStatement), Line: m.line})
		}
	}
	return err
}

func cargoDependencies(in *format.Input, t *text, n *node) {
	for _, table := range cargoTables {
		for name, v := range n.get(table.key).fields() {
			r := weir.Requirement{
				Ecosystem: "cargo", Name: name, Origin: weir.OriginManifest, Direct: true, Group: table.group, Line: v.line,
				Text: cut(name+" = "+v.str()+v.str("version"), maxStatement),
			}
			spec := v
			if v.shape == isMap {
				spec = v.get("version")
				if real := v.str("package"); real != "" {
					r.Name = real
				}
			}
			cargoSource(&r, v, spec)
			if r.State != weir.PinUnresolved && spec != nil && spec.at >= 0 && spec.text != "" {
				r.Form, r.Spec = weir.SpecVersion, t.span(spec.at, len(spec.text))
			}
			in.Emit(r)
		}
	}
}

// cargoSource says where a dependency comes from: an index, a repository, a folder, the workspace.
func cargoSource(r *weir.Requirement, v, spec *node) {
	switch {
	case v.str("workspace") == "true":
		r.State, r.Reason = weir.PinUnresolved, "its version stands in the workspace's Cargo.toml"
	case v.str("git") != "":
		r.State, r.URL, r.Reason = weir.PinUnresolved, "git+"+v.str("git"), "it comes from a repository, which tells no version"
		if isCommit().MatchString(v.str("rev")) {
			r.Commit = v.str("rev")
		}
	case v.str("path") != "" && spec.str() == "":
		r.State, r.URL, r.Reason = weir.PinUnresolved, v.str("path"), "a folder of this project or machine, not a package of an index"
	default:
		cargoConstraint(r, spec.str(), weir.OriginManifest)
	}
}

// parseCargoLock reads all four versions of the lock file: what a package needs is "name", "name version" or "name version (source)".
func parseCargoLock(in *format.Input, t *text) error {
	root, err := readTOML(t)
	own := map[string]bool{}
	for _, p := range root.get("package").list() {
		if p.str("source") == "" { // the project itself and its workspace
			for _, d := range p.get("dependencies").list() {
				own[first(d.text)] = true
			}
		}
	}
	for _, p := range root.get("package").list() {
		source := p.str("source")
		if source == "" {
			continue
		}
		r := weir.Requirement{
			Ecosystem: "cargo", Name: p.str("name"), State: weir.PinExact, Version: p.str("version"), Origin: weir.OriginLock, Line: p.line,
			Text: cut(p.str("name")+" "+p.str("version"), maxStatement), Direct: own[p.str("name")],
		}
		if p.str("checksum") != "" || root.str("metadata", "checksum "+r.Name+" "+r.Version+" ("+source+")") != "" {
			r.Hashes = 1
		}
		if strings.HasPrefix(source, "git+") {
			r.URL = cut(source, maxStatement)
			if i := strings.LastIndexByte(source, '#'); i >= 0 && isCommit().MatchString(source[i+1:]) {
				r.Commit = source[i+1:]
			}
		}
		for _, d := range p.get("dependencies").list() {
			r.Requires = append(r.Requires, first(d.text))
		}
		in.Emit(r)
	}
	return err
}

// first gives the first word of a text.
func first(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), " ")
	return s
}
