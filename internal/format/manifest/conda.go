package manifest

import (
	"path"
	"strings"

	"weir"
	"weir/internal/format"
)

// condaName is the name of a package of conda, which may begin with an underscore (_libgcc_mutex).
var condaName = weir.Pattern(`^[A-Za-z0-9_][A-Za-z0-9._-]*`)

// condaSpec reads a match specification of conda (conda/models/match_spec.py): "numpy", "numpy=1.19", "numpy 1.19.* py38*",
// "channel::numpy[version='>=1.2']", "conda-forge/linux-64::numpy==1.2=py38_0". s stands at at in the manifest, or nowhere (-1).
func condaSpec(t *text, s string, at, line int) weir.Requirement {
	r := weir.Requirement{
		Ecosystem: "conda", State: weir.PinAny, Origin: weir.OriginManifest, Text: cut(strings.TrimSpace(s), maxStatement), Line: line, Direct: true,
	}
	if _, ending := archiveOf(s); ending != "" && strings.Contains(s, "/") {
		r.URL = s
		condaArchive(&r)
		return r
	}
	i, end := 0, len(s)
	if j := strings.Index(s, " #"); j >= 0 {
		end = j
	}
	if j := strings.LastIndex(s[:end], "::"); j >= 0 {
		i = j + 2
	}
	for i < end && s[i] == ' ' {
		i++
	}
	brackets := ""
	if j := strings.IndexByte(s[i:end], '['); j >= 0 {
		brackets = strings.TrimSuffix(strings.TrimSpace(s[i+j+1:end]), "]")
		end = i + j
	}
	name := condaName().FindString(s[i:end])
	r.Name = strings.ToLower(name)
	rest := s[i+len(name) : end]
	from := i + len(name) + len(rest) - len(strings.TrimLeft(rest, " \t"))
	rest = strings.TrimSpace(rest)
	switch {
	case name == "":
		r.State, r.Reason = weir.PinUnresolved, "it does not name a package of conda"
	case hasVariable(s):
		r.State, r.Reason = weir.PinUnresolved, "it holds a variable, which is not known here"
	case rest != "" && from == i+len(name) && strings.IndexByte("=<>!~", rest[0]) < 0:
		r.State, r.Reason = weir.PinUnresolved, "it is no specification of conda"
	case rest != "":
		condaVersion(&r, rest)
		if at >= 0 && strings.HasPrefix(string(t.b[min(at+from, len(t.b)):]), rest) {
			r.Spec, r.Form = t.span(at+from, len(rest)), weir.SpecConda
		}
	case brackets != "":
		for part := range strings.SplitSeq(brackets, ",") {
			if k, v, _ := strings.Cut(strings.TrimSpace(part), "="); k == "version" {
				condaVersion(&r, strings.Trim(v, `'" `))
			}
		}
	}
	return r
}

// condaVersion reads a constraint with the build that may follow it: =1.2 means 1.2.*, ==1.2 and a bare version after a blank mean that one.
func condaVersion(r *weir.Requirement, s string) {
	version, build, _ := strings.Cut(s, " ")
	version = strings.TrimSpace(version)
	if rest := strings.TrimLeft(version, "="); len(rest) < len(version) {
		if v, b, ok := strings.Cut(rest, "="); ok {
			version, build = version[:len(version)-len(rest)]+v, b
		}
	}
	bare := strings.TrimLeft(version, "=")
	switch {
	case strings.ContainsAny(bare, "*<>!~|,"):
		r.State, r.Range = weir.PinRange, strings.ReplaceAll(s, " ", "")
		if build != "" && !strings.ContainsAny(build, "<>!~|,=") { // ">=1, <2" is one constraint, "1.* py38*" is two things
			r.Range = version
		}
	case bare == "":
	case strings.HasPrefix(version, "=") && !strings.HasPrefix(version, "==") && build == "":
		r.State, r.Range = weir.PinRange, version
	default:
		r.State, r.Version = weir.PinExact, bare
	}
}

// condaArchive reads name, version and build from the address of a package: …/linux-64/numpy-1.19.2-py38h54aff64_0.tar.bz2#digest.
func condaArchive(r *weir.Requirement) {
	address, digest, _ := strings.Cut(r.URL, "#")
	if digest != "" {
		r.Hashes = 1
	}
	base, _ := archiveOf(address)
	if j := strings.LastIndexByte(base, '-'); j > 0 {
		if i := strings.LastIndexByte(base[:j], '-'); i > 0 {
			r.Name, r.State, r.Version = strings.ToLower(base[:i]), weir.PinExact, base[i+1:j]
			return
		}
	}
	r.State, r.Reason = weir.PinUnresolved, "its archive is not named as conda names packages"
}

// isCondaEnv knows an environment by its keys.
func isCondaEnv(h format.Head) bool {
	if called(h, "conda.yaml", "conda.yml") {
		return true
	}
	ext := path.Ext(h.Name)
	return (ext == ".yml" || ext == ".yaml") && textual(h.First) && holds(h.First, "dependencies:") && !holds(h.First, "flutter:", "environment:", "apiVersion:") &&
		(holds(h.First, "channels:") || strings.Contains(path.Base(h.Name), "environment") && holds(h.First, "dependencies:\n", "dependencies:\r\n"))
}

// parseCondaEnv reads the environment files of conda: channels, packages, the list that pip gets, and variables.
func parseCondaEnv(in *format.Input, t *text) error {
	docs, err := readTagged(in, t)
	for _, d := range docs {
		emitChannels(in, d)
		for k, v := range d.get("variables").fields() {
			in.Emit(weir.Setting{Key: "variables." + k, Value: cut(v.text, maxStatement), Line: v.line})
		}
		for _, dep := range d.get("dependencies").list() {
			if dep.shape == isMap {
				emitPipList(in, t, dep.get("pip"), weir.OriginManifest, groupOf(path.Base(in.Name)))
				continue
			}
			r := condaSpec(t, dep.text, dep.at, dep.line)
			r.Group = groupOf(path.Base(in.Name))
			if r.Name == "python" {
				in.Emit(weir.Setting{Key: "python", Value: r.Version + r.Range, Line: r.Line})
			}
			in.Emit(r)
		}
	}
	return err
}

func emitChannels(in *format.Input, d *node) {
	for _, c := range d.get("channels").list() {
		in.Emit(weir.Setting{Key: "conda.channel", Value: cut(c.text, maxStatement), Line: c.line})
		in.Emit(weir.Setting{Key: "index.channel", Value: cut(c.text, maxStatement), Line: c.line})
	}
}

// emitPipList reads a list whose items are lines of a requirements file.
func emitPipList(in *format.Input, t *text, list *node, origin weir.Origin, group string) {
	f := &pipFile{in: in, t: t, origin: origin, group: group}
	for _, p := range list.list() {
		if s := strings.TrimSpace(uncomment(p.text)); s != "" {
			f.statement(s, p.line, p.inside(s))
		}
	}
}

// inside gives places in the text of a value, s being the part of it that is read.
func (n *node) inside(s string) func(i, size int) int {
	lead := strings.Index(n.text, s)
	return func(i, size int) int {
		if lead < 0 || lead+i+size > n.plain {
			return -1
		}
		return n.from + lead + i
	}
}

// parsePythonEnv reads what MLflow writes for virtualenv (mlflow/utils/environment.py, _PythonEnv).
func parsePythonEnv(in *format.Input, t *text) error {
	docs, err := readTagged(in, t)
	for _, d := range docs {
		if p := d.get("python"); p != nil {
			in.Emit(weir.Setting{Key: "python", Value: p.text, Line: p.line})
		}
		emitPipList(in, t, d.get("build_dependencies"), weir.OriginManifest, "build")
		f := &pipFile{in: in, t: t, origin: weir.OriginManifest}
		for _, dep := range d.get("dependencies").list() {
			if dep.text == "-r requirements.txt" { // what MLflow itself writes
				in.Emit(weir.Include{Path: "requirements.txt", Kind: isFile, Text: dep.text, Line: dep.line})
				continue
			}
			if s := strings.TrimSpace(uncomment(dep.text)); s != "" {
				f.statement(s, dep.line, dep.inside(s))
			}
		}
	}
	return err
}

// isCondaExplicit knows what conda list --explicit writes.
func isCondaExplicit(h format.Head) bool {
	return textual(h.First) && holds(h.First, "@EXPLICIT")
}

// parseCondaExplicit reads one address of a package a line.
func parseCondaExplicit(in *format.Input, t *text) error {
	at := 0
	for l := range strings.Lines(string(t.b)) {
		s := strings.TrimSpace(uncomment(l))
		if s != "" && s != "@EXPLICIT" {
			r := condaSpec(t, s, -1, t.line(at))
			r.Origin, r.Direct = weir.OriginLock, false
			in.Emit(r)
		}
		at += len(l)
	}
	return nil
}

// isCondaLock knows conda-lock's file (version 1 of its schema).
func isCondaLock(h format.Head) bool {
	return textual(h.First) && (strings.HasSuffix(h.Name, ".yml") || strings.HasSuffix(h.Name, ".yaml")) && holds(h.First, "metadata:") && holds(h.First, "package:", "  content_hash:", "- name:") &&
		strings.Contains(h.Name, "conda-lock")
}

// parseCondaLock reads conda-lock.yml: packages of conda and of pip, each once for every platform.
func parseCondaLock(in *format.Input, t *text) error {
	docs, err := readYAML(t)
	for _, d := range docs {
		seen := map[string]bool{}
		for _, p := range d.get("package").list() {
			r := weir.Requirement{
				Ecosystem: "conda", Name: strings.ToLower(p.str("name")), State: weir.PinExact, Version: p.str("version"), Origin: weir.OriginLock,
				Text: cut(p.str("name")+" "+p.str("version"), maxStatement), Line: p.line, URL: p.str("url"),
			}
			if p.str("manager") == "pip" {
				r.Ecosystem, r.Name = "pypi", canonical(r.Name)
			}
			if c := p.str("category"); c != "main" {
				r.Group = c
			}
			if p.get("hash") != nil {
				r.Hashes = len(p.get("hash").items)
			}
			for k := range p.get("dependencies").fields() {
				r.Requires = append(r.Requires, k)
			}
			key := r.Ecosystem + " " + r.Name + " " + r.Version
			if r.Name == "" || seen[key] {
				continue
			}
			seen[key] = true
			in.Emit(r)
		}
	}
	return err
}

// parseCondarc reads the settings of conda and mamba (.condarc, .mambarc): channels, and whether certificates are checked.
func parseCondarc(in *format.Input, t *text) error {
	docs, err := readYAML(t)
	for _, d := range docs {
		for key, v := range d.fields() {
			switch key {
			case "channels", "default_channels", "channel_alias", "migrated_channel_aliases":
				for _, c := range append(v.list(), v) {
					if c.text != "" {
						in.Emit(weir.Setting{Key: "index.channel", Value: cut(c.text, maxStatement), Line: c.line})
					}
				}
			case "custom_channels":
				for _, c := range v.fields() {
					in.Emit(weir.Setting{Key: "index.channel", Value: cut(c.text, maxStatement), Line: c.line})
				}
			case "ssl_verify":
				if strings.EqualFold(v.text, "false") || v.text == "no" {
					in.Emit(weir.Setting{Key: "index.trusted-host", Value: "*", Line: v.line})
				}
			}
		}
	}
	return err
}

// parseCondaMeta reads conda-meta/NAME-VERSION-BUILD.json of an environment: what is installed and what it depends on.
func parseCondaMeta(in *format.Input, t *text) error {
	d, err := readJSON(t)
	if d.str("name") == "" {
		return err
	}
	r := weir.Requirement{
		Ecosystem: "conda", Name: strings.ToLower(d.str("name")), State: weir.PinExact, Version: d.str("version"), Origin: weir.OriginInstalled,
		Text: cut(d.str("name")+" "+d.str("version")+" "+d.str("build"), maxStatement), Line: d.get("name").line, URL: d.str("url"),
		Direct: d.str("requested_spec") != "" && d.str("requested_spec") != "None",
	}
	for _, dep := range d.get("depends").list() {
		if name := condaName().FindString(dep.text); name != "" {
			r.Requires = append(r.Requires, strings.ToLower(name))
		}
	}
	in.Emit(r)
	return err
}
