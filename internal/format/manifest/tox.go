package manifest

import (
	"fmt"
	"strings"

	"weir"
	"weir/internal/format"
)

var (
	// toxFactors stand before a line that counts only in environments of these factors (tox/config/loader/ini/factor.py).
	toxFactors = weir.Pattern(`^[\w{}.!,-]+:\s+`)
	// toxReference is a line in whose place the value of another section stands: {[base]deps}.
	toxReference = weir.Pattern(`^\{\[([^\]{}]+)\](\w+)\}$`)
)

// toxPlaces are the substitutions of tox that are known without running it: the folder of the file, and the separator of paths.
var toxPlaces = strings.NewReplacer("{toxinidir}{/}", "", "{toxinidir}/", "", "{toxinidir}", ".", "{tox_root}{/}", "", "{tox_root}/", "", "{tox_root}", ".", "{/}", "/")

// toxFile is a file with settings of tox that is being read.
type toxFile struct {
	in      *format.Input
	t       *text
	entries map[[2]string]iniEntry // by section and key
	told    map[[2]string]bool     // those that were named and read already
}

// parseTox reads tox.ini.
func parseTox(in *format.Input, t *text) error {
	readTox(in, t, readINI(t), "tox")
	return nil
}

// readTox emits what the environments of tox install, of every factor, and what tox itself requires; core is its own section: tox in tox.ini,
// tox:tox in setup.cfg (tox.wiki, Configuration). Lines are those of requirements files.
func readTox(in *format.Input, t *text, entries []iniEntry, core string) {
	f := &toxFile{in, t, map[[2]string]iniEntry{}, map[[2]string]bool{}}
	for _, e := range entries {
		f.entries[[2]string{e.section, e.key}] = e
	}
	for _, e := range entries {
		switch name, isEnv := toxEnvironment(e.section); {
		case e.section == core && e.key == "requires":
			f.lines(e, "build", 0)
		case isEnv && e.key == "deps":
			group := groupOf(name)
			if group == "" {
				group = "test"
			}
			f.lines(e, group, 0)
		}
	}
}

// toxEnvironment gives the name of the environment that a section sets up, empty for what all begin with.
func toxEnvironment(section string) (name string, ok bool) {
	name, ok = strings.CutPrefix(section, "testenv:")
	return name, ok || section == "testenv"
}

// lines reads a value; a backslash continues a line.
func (f *toxFile) lines(e iniEntry, group string, depth int) {
	for i := 0; i < len(e.lines); i++ {
		first := e.lines[i]
		s := uncomment(first.s)
		whole := len(s)
		if strings.HasSuffix(s, "\\") {
			var joined strings.Builder
			for more := true; more; {
				s, more = strings.CutSuffix(s, "\\")
				if whole == len(first.s) {
					whole = len(s)
				}
				joined.WriteString(s)
				if more = more && i+1 < len(e.lines); more {
					i++
					s = uncomment(e.lines[i].s)
				}
			}
			s = joined.String()
		}
		f.line(s, first, whole, group, depth)
	}
}

// line reads one line, of which the first whole bytes stand together where first does.
func (f *toxFile) line(s string, first iniLine, whole int, group string, depth int) {
	lead := len(toxFactors().FindString(s))
	if s = strings.TrimSpace(s[lead:]); s == "" {
		return
	}
	if m := toxReference().FindStringSubmatch(s); m != nil {
		f.reference(s, [2]string{strings.ToLower(m[1]), strings.ToLower(m[2])}, first.line, group, depth)
		return
	}
	if strings.HasPrefix(s, "{") {
		if filled := toxPlaces.Replace(s); strings.HasPrefix(filled, "{") {
			r := unresolved("pypi", s, fmt.Sprintf("it is the value of %s, which is only known when tox runs", cut(s, 100)), first.line)
			r.Group = group
			f.in.Emit(r)
			return
		}
	}
	p := &pipFile{in: f.in, t: f.t, origin: weir.OriginManifest, group: group}
	if filled := toxPlaces.Replace(s); filled != s {
		s, whole = filled, 0
	}
	p.statement(s, first.line, func(i, n int) int {
		if lead+i+n > whole {
			return -1
		}
		return first.at + lead + i
	})
}

// maxReferences bounds how deep values name each other.
const maxReferences = 8

// reference reads the value that stands in a line's place, once however often it is named; that of an environment is read there.
func (f *toxFile) reference(s string, key [2]string, line int, group string, depth int) {
	if _, isEnv := toxEnvironment(key[0]); isEnv && key[1] == "deps" || f.told[key] {
		return
	}
	e, ok := f.entries[key]
	if !ok || depth == maxReferences {
		r := unresolved("pypi", s, "it is the value of a setting that this file does not have", line)
		if r.Group = group; ok {
			r.Reason = fmt.Sprintf("settings name each other more than %d deep", maxReferences)
		}
		f.in.Emit(r)
		return
	}
	f.told[key] = true
	f.lines(e, group, depth+1)
}
