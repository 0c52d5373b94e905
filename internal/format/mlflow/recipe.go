package mlflow

import (
	"bytes"
	"strings"

	"weir"
	"weir/internal/format"
)

// maxTemplates bounds the expressions of one template, and the active places of one page, that are kept.
const maxTemplates = 500

// parseRecipe reads a recipe or profile. Both are Jinja templates that become YAML (mlflow/utils/file_utils.py, render_and_merge_yaml):
// expressions are emitted as code, and what is left is read as YAML with each expression as one value.
func parseRecipe(in *format.Input) error {
	b, err := read(in)
	plain := jinja(in, b)
	d := readYAML(plain)
	d.emit(in)
	for _, a := range activeHTML(b) {
		in.Emit(a)
	}
	return finish(in, "mlflow-recipe", err, d.err)
}

// jinja emits the expressions and statements of a template and gives the text without them: an expression becomes a word, so that YAML
// stays YAML, and lines are kept.
func jinja(in *format.Input, b []byte) []byte {
	var out bytes.Buffer
	for n, at := 0, 0; at < len(b); {
		i, closing := -1, ""
		for _, p := range [][2]string{{"{{", "}}"}, {"{%", "%}"}, {"{#", "#}"}} {
			if j := bytes.Index(b[at:], []byte(p[0])); j >= 0 && (i < 0 || j < i) {
				i, closing = j, p[1]
			}
		}
		if i < 0 {
			out.Write(b[at:])
			break
		}
		out.Write(b[at : at+i])
		start := at + i
		end := bytes.Index(b[start+2:], []byte(closing))
		if end < 0 { // Jinja refuses it; what it was to be is not known
			out.Write(b[start:])
			break
		}
		end += start + 2
		text := strings.ToValidUTF8(strings.TrimSpace(string(b[start+2:end])), "\ufffd")
		if n++; closing != "#}" && n <= maxTemplates {
			in.Emit(weir.Code{Language: "jinja", Name: "template", Text: cut(text, 1000), At: int64(start), Line: 1 + bytes.Count(b[:start], []byte("\n"))})
		}
		if closing == "}}" {
			out.WriteString("jinja")
		}
		out.WriteString(strings.Repeat("\n", bytes.Count(b[start:end], []byte("\n"))))
		at = end + 2
	}
	return out.Bytes()
}
