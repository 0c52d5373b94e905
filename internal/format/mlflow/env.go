package mlflow

import (
	"path"
	"strconv"
	"strings"

	"weir"
	"weir/internal/format"
)

// What `mlflow models serve`, `build-docker` and a virtualenv or conda environment manager install before a model is loaded.

// requirement is the beginning of a line of a requirements file (PEP 508 and pip's own): a name, an option, an address or a path.
var requirement = weir.Pattern(`^(?:[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[^\]]*\])?\s*(?:[=<>!~;@].*)?|-{1,2}[A-Za-z].*|[A-Za-z+]+:[^\s].*|[./].*)$`)

// isRequirements knows a requirements file by its name and by its lines; text that merely has the name is none.
func isRequirements(h format.Head) bool {
	base := strings.ToLower(path.Base(h.Name))
	if !strings.HasSuffix(base, ".txt") || !strings.Contains(base, "requirements") && base != "constraints.txt" || !textual(h.First) {
		return false
	}
	text := string(h.First)
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
	line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
	if strings.HasPrefix(line, "#") {
		return ""
	}
	if i := strings.Index(line, " #"); i >= 0 {
		line = strings.TrimSpace(line[:i])
	}
	return strings.TrimSpace(strings.TrimSuffix(line, "\\"))
}

func parseRequirements(in *format.Input) error {
	b, err := read(in)
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		pip(in, clean(line), n)
	}
	return finish(in, "pip-requirements", err)
}

// pip emits one line of requirements: an option or an address as a Setting, as both say where code comes from, and every package as a
// Requirement.
func pip(in *format.Input, line string, n int) {
	line = strings.ToValidUTF8(cut(line, maxYAMLValue), "\ufffd")
	switch {
	case line == "":
	case strings.HasPrefix(line, "-"):
		in.Emit(weir.Setting{Key: "pip.option", Value: line, Line: n})
	case strings.Contains(line, "://") || strings.HasPrefix(line, ".") || strings.HasPrefix(line, "/") || strings.Contains(line, ".whl"):
		in.Emit(weir.Setting{Key: "pip.source", Value: line, Line: n})
	default:
		in.Emit(weir.Requirement{Text: line, Direct: true, State: weir.PinAny, Origin: weir.OriginManifest, Line: n})
	}
}

// parseEnvironment reads conda.yaml and python_env.yaml; what they hand to pip is emitted like the lines of a requirements file.
func parseEnvironment(in *format.Input) error {
	b, err := read(in)
	d := readYAML(b)
	d.emit(in)
	for _, v := range d.values {
		list, index, ok := cutLast(v.key)
		if _, numErr := strconv.Atoi(index); !ok || numErr != nil {
			continue
		}
		switch {
		case strings.HasSuffix(list, ".pip"), list == "build_dependencies":
			pip(in, clean(v.text), v.line)
		case list == "dependencies" && strings.HasPrefix(path.Base(in.Name), "python_env"):
			// "-r requirements.txt" is what MLflow itself writes there
			if v.text != "-r requirements.txt" {
				pip(in, clean(v.text), v.line)
			}
		case list == "channels":
			in.Emit(weir.Setting{Key: "conda.channel", Value: v.text, Line: v.line})
		}
	}
	return finish(in, "environment", err, d.err)
}

func cutLast(key string) (before, after string, ok bool) {
	i := strings.LastIndexByte(key, '.')
	if i < 0 {
		return "", key, false
	}
	return key[:i], key[i+1:], true
}
