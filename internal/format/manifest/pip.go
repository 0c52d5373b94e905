package manifest

import (
	"path"
	"strings"

	"weir"
	"weir/internal/format"
)

// requirement is the beginning of a line of a requirements file (PEP 508 and pip's own): a name, an option, an address or a path.
var requirement = weir.Pattern(`^(?:[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^\]]*\])?\s*(?:[=<>!~;@].*)?|-{1,2}[A-Za-z].*|[A-Za-z+]+:[^\s].*|[./].*)$`)

// isRequirements knows a requirements file by its name and by its lines; text that merely has the name is none.
func isRequirements(h format.Head) bool {
	base := strings.ToLower(path.Base(h.Name))
	if !strings.HasSuffix(base, ".txt") || !strings.Contains(base, "requirements") && base != "constraints.txt" || !textual(h.First) {
		return false
	}
	text := string(decode(h.First).b)
	if int64(len(h.First)) < h.Size { // the last line is cut
		text = text[:strings.LastIndexByte(text, '\n')+1]
	}
	for line := range strings.Lines(text) {
		if line = clean(line); line != "" && !requirement().MatchString(line) {
			return false
		}
	}
	return true
}

// clean takes comments and blanks off a line of a requirements file.
func clean(line string) string {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "#") {
		return ""
	}
	if i := strings.Index(line, " #"); i >= 0 {
		line = strings.TrimSpace(line[:i])
	}
	return strings.TrimSpace(strings.TrimSuffix(line, "\\"))
}

func parseRequirements(in *format.Input, t *text) error {
	n := 0
	for line := range strings.Lines(string(t.b)) {
		n++
		pip(in, clean(line), n)
	}
	return nil
}

// pip emits one line of requirements: an option or an address as a Setting, as both say where code comes from, and every package as a
// Requirement.
func pip(in *format.Input, line string, n int) {
	line = cut(line, maxStatement)
	switch {
	case line == "":
	case strings.HasPrefix(line, "-"):
		in.Emit(weir.Setting{Key: "pip.option", Value: line, Line: n})
	case strings.Contains(line, "://") || strings.HasPrefix(line, ".") || strings.HasPrefix(line, "/") || strings.Contains(line, ".whl"):
		in.Emit(weir.Setting{Key: "pip.source", Value: line, Line: n})
	default:
		in.Emit(weir.Requirement{Ecosystem: "pypi", Text: line, Direct: true, State: weir.PinAny, Origin: weir.OriginManifest, Line: n})
	}
}
