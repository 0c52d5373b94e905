package manifest

import (
	"slices"
	"strings"

	"weir"
	"weir/internal/format"
)

// locked begins the requirement that an entry of a lock file is.
func locked(ecosystem string, p *node) weir.Requirement {
	name, version := p.str("name"), p.get("version")
	r := weir.Requirement{
		Ecosystem: ecosystem, Name: canonical(name), State: weir.PinExact, Origin: weir.OriginLock, Text: cut(strings.TrimSpace(name+" "+p.str("version")), maxStatement), Line: p.line,
	}
	if n := p.get("name"); n != nil {
		r.Line = n.line
	}
	if version == nil || version.text == "" {
		r.State, r.Reason = weir.PinUnresolved, "the lock file names no version of it"
		return r
	}
	r.Version = version.text
	return r
}

// digests counts the digests in a list of files: {file = "x.whl", hash = "sha256:…"}.
func digests(files *node) int {
	n := 0
	for _, f := range files.list() {
		if f.str("hash") != "" || f.get("hashes") != nil {
			n++
		}
	}
	return n
}

// vcs notes that a locked package is a repository's.
func vcs(r *weir.Requirement, address, commit string) {
	if address == "" {
		return
	}
	if r.URL = address; !versionControl().MatchString(address) {
		r.URL = "git+" + address
	}
	if commit, _, _ = strings.Cut(commit, "#"); isCommit().MatchString(commit) {
		r.Commit = commit
	}
}

// parsePoetryLock reads poetry.lock of all versions (1.0 to 2.x): digests stand with the package or, up to 1.2, in metadata.files.
func parsePoetryLock(in *format.Input, t *text) error {
	d, err := readTOML(t)
	for _, p := range d.get("package").list() {
		r := locked("pypi", p)
		if r.Hashes = digests(p.get("files")); r.Hashes == 0 {
			r.Hashes = digests(d.get("metadata", "files", p.str("name")))
		}
		if c := p.str("category"); c != "" && c != "main" {
			r.Group = c
		}
		if groups := p.get("groups").list(); len(groups) > 0 && !slices.ContainsFunc(groups, func(g *node) bool { return g.text == "main" }) {
			r.Group = groupNamed(groups[0].text)
		}
		if m := p.get("markers"); m != nil {
			r.Marker = m.text
		}
		for name := range p.get("dependencies").fields() {
			r.Requires = append(r.Requires, canonical(name))
		}
		switch s := p.get("source"); s.str("type") {
		case "git":
			vcs(&r, s.str("url"), s.str("resolved_reference"))
		case "url", "file", "directory":
			r.URL = s.str("url")
		case "legacy":
			in.Emit(weir.Setting{Key: "index.extra", Value: cut(s.str("url"), maxStatement), Line: s.get("url").place()})
		}
		in.Emit(r)
	}
	return err
}

// place is the line of a value, 0 where there is none.
func (n *node) place() int {
	if n == nil {
		return 0
	}
	return n.line
}

// parseUVLock reads uv.lock: what the project itself needs is direct.
func parseUVLock(in *format.Input, t *text) error {
	d, err := readTOML(t)
	direct := map[string]string{} // name → group
	for _, p := range d.get("package").list() {
		if !isRoot(p) {
			continue
		}
		for _, dep := range p.get("dependencies").list() {
			direct[canonical(dep.str("name"))] = ""
		}
		for _, table := range []*node{p.get("optional-dependencies"), p.get("dev-dependencies")} {
			for group, list := range table.fields() {
				for _, dep := range list.list() {
					if _, known := direct[canonical(dep.str("name"))]; !known {
						direct[canonical(dep.str("name"))] = groupNamed(group)
					}
				}
			}
		}
	}
	for _, p := range d.get("package").list() {
		if isRoot(p) {
			continue
		}
		r := locked("pypi", p)
		r.Group, r.Direct = "", false
		if g, ok := direct[r.Name]; ok {
			r.Direct, r.Group = true, g
		}
		for _, w := range append(p.get("wheels").list(), p.get("sdist")) {
			if w.str("hash") != "" {
				r.Hashes++
			}
		}
		for _, dep := range p.get("dependencies").list() {
			if n := canonical(dep.str("name")); !slices.Contains(r.Requires, n) {
				r.Requires = append(r.Requires, n)
			}
		}
		s := p.get("source")
		if git := s.str("git"); git != "" {
			address, commit, _ := strings.Cut(git, "#")
			vcs(&r, address, commit)
		} else if u := s.str("url") + s.str("path"); u != "" {
			r.URL = u
		}
		in.Emit(r)
	}
	return err
}

// isRoot tells the project itself, or another of its workspace, from what it needs.
func isRoot(p *node) bool {
	s := p.get("source")
	return s.get("editable") != nil || s.get("virtual") != nil || s.get("directory") != nil
}

// parsePDMLock reads pdm.lock.
func parsePDMLock(in *format.Input, t *text) error {
	d, err := readTOML(t)
	for _, p := range d.get("package").list() {
		r := locked("pypi", p)
		if r.Hashes = digests(p.get("files")); r.Hashes == 0 {
			r.Hashes = digests(d.get("metadata", "files", p.str("name")+" "+p.str("version")))
		}
		r.Marker = p.str("marker")
		if groups := p.get("groups").list(); len(groups) > 0 && !slices.ContainsFunc(groups, func(g *node) bool { return g.text == "default" }) {
			r.Group = groupNamed(groups[0].text)
		}
		for _, dep := range p.get("dependencies").list() {
			if name := canonical(identifier().FindString(dep.text)); name != "" && name != r.Name && !slices.Contains(r.Requires, name) {
				r.Requires = append(r.Requires, name)
			}
		}
		if u := p.str("url") + p.str("path"); u != "" {
			r.URL = u
		}
		vcs(&r, p.str("git"), p.str("revision"))
		in.Emit(r)
	}
	return err
}

// parsePylock reads pylock.toml (PEP 751).
func parsePylock(in *format.Input, t *text) error {
	d, err := readTOML(t)
	if v := d.get("requires-python"); v != nil {
		in.Emit(weir.Setting{Key: "python", Value: v.text, Line: v.line})
	}
	seen := map[string]bool{}
	for _, p := range d.get("packages").list() {
		r := locked("pypi", p)
		r.Marker = p.str("marker")
		r.Hashes = digests(p.get("wheels"))
		for _, file := range []string{"sdist", "archive"} {
			if p.get(file, "hashes") != nil {
				r.Hashes++
			}
		}
		for _, dep := range p.get("dependencies").list() {
			r.Requires = append(r.Requires, canonical(dep.str("name")))
		}
		vcs(&r, p.str("vcs", "url"), p.str("vcs", "commit-id"))
		if u := p.str("archive", "url") + p.str("archive", "path"); u != "" {
			r.URL = u
			if _, v := named(u); r.Version == "" && v != "" {
				r.State, r.Version, r.Reason = weir.PinExact, v, ""
			}
		}
		if dir := p.get("directory"); dir != nil {
			in.Emit(weir.Include{Path: dir.str("path"), Kind: "module", Text: r.Text, Line: r.Line})
			continue
		}
		if i := p.get("index"); i != nil && !seen[i.text] {
			seen[i.text] = true
			in.Emit(weir.Setting{Key: "index.url", Value: cut(i.text, maxStatement), Line: i.line})
		}
		in.Emit(r)
	}
	return err
}

// parsePipfileLock reads Pipfile.lock: which package needs which is not in it.
func parsePipfileLock(in *format.Input, t *text) error {
	d, err := readJSON(t)
	p := &project{in, t}
	for i, s := range d.get("_meta", "sources").list() {
		p.index(s, i == 0)
	}
	for group, table := range d.fields() {
		if group == "_meta" {
			continue
		}
		for name, v := range table.fields() {
			version := v.str("version")
			s := name + version
			r := weir.Requirement{
				Ecosystem: "pypi", Name: canonical(name), State: weir.PinExact, Version: strings.TrimLeft(version, "="), Origin: weir.OriginLock, Text: cut(s, maxStatement),
				Line: v.line, Marker: v.str("markers"), Hashes: len(v.get("hashes").list()),
			}
			switch group {
			case "default":
			case "develop":
				r.Group = "dev"
			default:
				r.Group = groupNamed(group)
			}
			if n := v.get("version"); n != nil {
				r.Line = n.line
				r.Spec, r.Form = t.span(n.at, len(n.text)), weir.SpecPEP440
			} else {
				r.State, r.Reason = weir.PinUnresolved, "the lock file names no version of it"
			}
			vcs(&r, v.str("git"), v.str("ref"))
			if u := v.str("file") + v.str("path"); u != "" {
				r.URL = u
			}
			in.Emit(r)
		}
	}
	return err
}
