package manifest

import (
	"path"
	"strings"

	"weir"
	"weir/internal/format"
)

// iniLine is a line of a value.
type iniLine struct {
	s    string
	at   int
	line int
}

// iniEntry is a value of an INI file, which may go over several lines.
type iniEntry struct {
	section, key string
	lines        []iniLine
}

// readINI reads what Python's configparser reads: sections, keys before = or :, and indented lines that continue a value.
func readINI(t *text) []iniEntry {
	var all []iniEntry
	section, at, n := "", 0, 0
	open := false
	for l := range strings.Lines(string(t.b)) {
		start := at
		at += len(l)
		n++
		s := strings.TrimRight(l, "\r\n")
		trimmed := strings.TrimSpace(s)
		lead := len(s) - len(strings.TrimLeft(s, " \t"))
		switch {
		case trimmed == "":
		case trimmed[0] == '#' || trimmed[0] == ';':
		case lead > 0 && open:
			e := &all[len(all)-1]
			e.lines = append(e.lines, iniLine{trimmed, start + lead, n})
		case trimmed[0] == '[':
			section, open = strings.ToLower(strings.Trim(trimmed, "[] ")), false
		default:
			i := strings.IndexAny(s, "=:")
			if i < 0 {
				open = false
				continue
			}
			e := iniEntry{section: section, key: strings.ToLower(strings.TrimSpace(s[:i]))}
			if v := strings.TrimSpace(s[i+1:]); v != "" {
				e.lines = append(e.lines, iniLine{v, start + i + 1 + strings.Index(s[i+1:], v), n})
			}
			all = append(all, e)
			open = true
		}
	}
	return all
}

// parseSetupCfg reads setup.cfg of setuptools and pbr, and the settings of tox in it.
func parseSetupCfg(in *format.Input, t *text) error {
	entries := readINI(t)
	readTox(in, t, entries, "tox:tox")
	for _, e := range entries {
		group := ""
		switch {
		case e.section == "options" && e.key == "python_requires":
			for _, l := range e.lines {
				in.Emit(weir.Setting{Key: "python", Value: l.s, Line: l.line})
			}
			continue
		case e.section == "options" && e.key == "install_requires", e.section == "metadata" && (e.key == "requires_dist" || e.key == "requires-dist"):
		case e.section == "options" && e.key == "setup_requires":
			group = "build"
		case e.section == "options" && e.key == "tests_require":
			group = "test"
		case e.section == "options.extras_require", e.section == "extras":
			group = groupNamed(e.key)
		case e.section == "easy_install" && (e.key == "index_url" || e.key == "index-url"):
			pipSetting(in, "index-url", e)
			continue
		default:
			continue
		}
		for _, l := range e.lines {
			if file, ok := strings.CutPrefix(l.s, "file:"); ok {
				for f := range strings.SplitSeq(file, ",") {
					in.Emit(weir.Include{Path: strings.TrimSpace(f), Kind: isFile, Text: cut(l.s, maxStatement), Line: l.line})
				}
				continue
			}
			if s := strings.TrimSpace(uncomment(l.s)); s != "" {
				r := pep508(t, s, l.at, l.line)
				r.Group = group
				in.Emit(r)
			}
		}
	}
	return nil
}

// parsePipConf reads pip.conf and pip.ini: a section for every command and one for all.
func parsePipConf(in *format.Input, t *text) error {
	for _, e := range readINI(t) {
		pipSetting(in, strings.ReplaceAll(e.key, "_", "-"), e)
	}
	return nil
}

// pipSetting emits what a key of pip's settings says of indexes.
func pipSetting(in *format.Input, key string, e iniEntry) {
	action := pipFileOptions["--"+key]
	for _, l := range e.lines {
		switch {
		case action == isConstraint || action == isFile:
			in.Emit(weir.Include{Path: l.s, Kind: action, Text: cut(e.key+" = "+l.s, maxStatement), Line: l.line})
		case action == "index.none":
			if v := strings.ToLower(l.s); v == "true" || v == "1" || v == "yes" {
				in.Emit(weir.Setting{Key: action, Value: "true", Line: l.line})
			}
		case strings.HasPrefix(action, "index."):
			for _, v := range strings.Fields(l.s) {
				in.Emit(weir.Setting{Key: action, Value: cut(v, maxStatement), Line: l.line})
			}
		}
	}
}

// parseMetadata reads METADATA and PKG-INFO (core metadata): the package itself, and the names of what it needs. In an archive, where nothing was
// installed with it, what it needs are requirements of their own.
func parseMetadata(in *format.Input, t *text, inArchive bool) error {
	r := weir.Requirement{Ecosystem: "pypi", State: weir.PinExact, Origin: weir.OriginInstalled, Line: 1}
	var needs []weir.Requirement
	at, n := 0, 0
	for l := range strings.Lines(string(t.b)) {
		start := at
		at += len(l)
		n++
		l = strings.TrimRight(l, "\r\n")
		if l == "" {
			break // the description follows
		}
		key, value, ok := strings.Cut(l, ":")
		if !ok || l[0] == ' ' || l[0] == '\t' {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.ToLower(key) {
		case "name":
			r.Name, r.Line = canonical(value), n
		case "version":
			r.Version = value
		case "requires-python":
			in.Emit(weir.Setting{Key: "python", Value: value, Line: n})
		case "requires-dist":
			need := pep508(t, value, start+strings.Index(l, value), n)
			need.Spec, need.Form = weir.Span{}, "" // a package's own record is not edited
			if needs = append(needs, need); need.Name != "" && !strings.Contains(need.Marker, "extra") {
				r.Requires = append(r.Requires, need.Name)
			}
		}
	}
	if r.Name == "" {
		return nil
	}
	if r.Text = cut(r.Name+" "+r.Version, maxStatement); r.Version == "" {
		r.State, r.Reason = weir.PinUnresolved, "its metadata name no version"
	}
	if !inArchive {
		in.Emit(r)
		return nil
	}
	r.Origin, r.Direct = weir.OriginBundled, true
	in.Emit(r)
	for _, need := range needs {
		if strings.Contains(need.Marker, "extra") {
			need.Group = "optional"
		}
		in.Emit(need)
	}
	return nil
}

// parseRecord reads RECORD of an installed package: how many files it has, and those that Python runs whenever it starts.
func parseRecord(in *format.Input, t *text) error {
	n := 0
	for l := range strings.Lines(string(t.b)) {
		n++
		name, _, _ := strings.Cut(strings.TrimSpace(l), ",")
		if path.Ext(name) == ".pth" {
			in.Emit(weir.Setting{Key: "record.pth", Value: cut(name, maxStatement), Line: n})
		}
	}
	return nil
}

// parseDirectURL reads direct_url.json (PEP 610), which says that an installed package came from an address of its own.
func parseDirectURL(in *format.Input, t *text) error {
	d, err := readJSON(t)
	dir, ok := strings.CutSuffix(path.Base(path.Dir(in.Name)), ".dist-info")
	name, version, both := strings.Cut(dir, "-")
	u := d.str("url")
	if !ok || !both || u == "" || d.get("dir_info") != nil {
		return err
	}
	r := weir.Requirement{
		Ecosystem: "pypi", Name: canonical(name), State: weir.PinExact, Version: version, Origin: weir.OriginInstalled, Direct: true,
		Text: cut(u, maxStatement), Line: d.get("url").line, URL: u,
	}
	if d.get("vcs_info") != nil {
		vcs(&r, u, d.str("vcs_info", "commit_id"))
	}
	if d.get("archive_info", "hashes") != nil || d.str("archive_info", "hash") != "" {
		r.Hashes = 1
	}
	in.Emit(r)
	return err
}
