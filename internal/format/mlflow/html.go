package mlflow

import (
	"bytes"
	"strings"

	"weir"
	"weir/internal/format"
)

// isHTML knows a page by how it begins; comments and blanks may stand before.
func isHTML(h format.Head) bool {
	if !textual(h.First) {
		return false
	}
	b := bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(h.First[:min(len(h.First), 4096)], []byte("\xef\xbb\xbf")), " \t\r\n"))
	for bytes.HasPrefix(b, []byte("<!--")) || bytes.HasPrefix(b, []byte("<?xml")) {
		_, rest, ok := bytes.Cut(b, []byte("-->"))
		if bytes.HasPrefix(b, []byte("<?")) {
			_, rest, ok = bytes.Cut(b, []byte("?>"))
		}
		if !ok {
			return false
		}
		b = bytes.TrimLeft(rest, " \t\r\n")
	}
	for _, p := range []string{"<!doctype html", "<html", "<head", "<body", "<script", "<iframe", "<div", "<style", "<svg"} {
		if bytes.HasPrefix(b, []byte(p)) {
			return true
		}
	}
	return false
}

// shown reports whether a file lies where MLflow shows pages: among the artifacts of a run or the outputs of a recipe's step.
func shown(name string) bool {
	return strings.Contains(name, "artifacts/") || strings.Contains(name, "/outputs/") && strings.Contains(name, "steps/")
}

// active is what runs when a browser shows a page: script elements, handlers, addresses that are script, pages within the page.
var active = weir.Pattern(`(?is)<\s*(?:script|iframe|object|embed|applet|base|meta\s[^>]*http-equiv\s*=\s*["']?refresh)\b[^>]*>|<[a-z][^>]*?[\s"'/]on[a-z]{3,}\s*=\s*[^\s>][^>]*>|(?:href|src|action|formaction|data|xlink:href)\s*=\s*["']?\s*(?:javascript|vbscript|data\s*:\s*text/html)\s*:?[^"'>]*`)

// card marks the step cards of recipes (mlflow/recipes/cards/templates/base.html, unchanged from 2.0 to 2.22).
var card = []byte("h2.step-title {")

// parseHTML lists what runs when a page is shown.
func parseHTML(in *format.Input) error {
	b, err := readUpTo(in, maxSource)
	if bytes.Contains(b, card) && bytes.Contains(b, []byte("content-hide")) {
		in.Emit(weir.Note{Key: "html.kind", Value: "step card of an MLflow recipe"})
	}
	for _, c := range activeHTML(b) {
		in.Emit(c)
	}
	return finish(in, "html", err)
}

// activeHTML finds what runs in HTML, wherever it stands in a text: each with the beginning of what follows it.
func activeHTML(b []byte) []weir.Code {
	var found []weir.Code
	line, counted := 1, 0
	for _, m := range active().FindAllIndex(b, maxTemplates) {
		line += bytes.Count(b[counted:m[0]], []byte("\n"))
		counted = m[0]
		text := strings.ToValidUTF8(string(b[m[0]:min(len(b), m[1]+200)]), "\ufffd")
		found = append(found, weir.Code{
			Language: "html", Name: element(b[m[0]:m[1]]), Text: cut(text, 400), Auto: true, At: int64(m[0]), Line: line,
		})
	}
	return found
}

// element names what was found: script, a handler, an address.
func element(b []byte) string {
	s := strings.ToLower(string(b[:min(len(b), 40)]))
	s = strings.TrimLeft(s, "< \t\r\n")
	end := strings.IndexFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && r != ':' })
	if end > 0 {
		return s[:end]
	}
	return "html"
}
