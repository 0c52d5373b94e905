package manifest

import (
	"strings"

	"weir"
	"weir/internal/format"
)

var goFormats = []format.Format{
	{
		Name: "go-mod", Doc: "go.mod: the modules that a Go program is built from", Parsed: true,
		Match: func(h format.Head) bool { return called(h, "go.mod") && holds(h.First, "module ", "module\t") },
		Parse: parser("go-mod", parseGoMod),
	},
}

// goDirective is a line of go.mod without its verb: blocks are taken apart.
type goDirective struct {
	verb  string
	words []word
	text  string
	note  string // the comment behind it
}

// parseGoMod reads require, replace and toolchain (go.dev/ref/mod). Minimal version selection makes the versions of a go.mod with indirect
// lines the whole closure.
func parseGoMod(in *format.Input, t *text) error {
	list := goDirectives(t)
	replaced := map[string]goDirective{}
	for _, d := range list {
		if d.verb == "replace" && len(d.words) > 0 {
			replaced[d.words[0].text] = d
		}
	}
	indirect := false
	for _, d := range list {
		switch {
		case d.verb == "require" && len(d.words) >= 2:
			r := goRequire(t, d)
			indirect = indirect || !r.Direct
			if by, ok := replaced[r.Name]; ok {
				goReplace(t, &r, by)
			}
			in.Emit(r)
		case d.verb == "go" && len(d.words) == 1, d.verb == "toolchain" && len(d.words) == 1:
			in.Emit(weir.Note{Key: d.verb, Value: strings.TrimPrefix(d.words[0].text, "go")})
		case d.verb == "require" || d.verb == "replace" && len(d.words) < 3:
			in.Emit(unresolved("golang", d.text, "not of the form that go.mod has", d.words[0].line))
		}
	}
	if indirect {
		in.Emit(weir.Note{Key: "closure", Value: "go.mod"})
	}
	return nil
}

func goRequire(t *text, d goDirective) weir.Requirement {
	name, version := d.words[0], d.words[1]
	r := weir.Requirement{
		Ecosystem: "golang", Name: name.text, State: weir.PinExact, Version: version.text, Origin: weir.OriginManifest, Line: name.line,
		Text: cut(d.text, maxStatement), Direct: !strings.HasPrefix(d.note, "indirect"), Form: weir.SpecVersion, Spec: t.span(version.at, len(version.text)),
	}
	if !isGoVersion(version.text) { // go mod tidy has not run yet: a branch, latest
		r.State, r.Version, r.Reason, r.Form, r.Spec = weir.PinUnresolved, "", "a branch or a tag, which go mod tidy would resolve", "", weir.Span{}
	}
	return r
}

// goReplace puts what a replace line names in the place of a module: another version, another module, or a folder.
func goReplace(t *text, r *weir.Requirement, by goDirective) {
	words := by.words
	for i, w := range words {
		if w.text != "=>" {
			continue
		}
		if i == 2 && words[1].text != r.Version {
			return // replaces another version
		}
		words = words[i+1:]
		break
	}
	switch {
	case len(words) >= 2 && isGoVersion(words[1].text):
		r.Name, r.Version, r.Spec, r.Line = words[0].text, words[1].text, t.span(words[1].at, len(words[1].text)), words[0].line
		r.Text = cut(by.text, maxStatement)
	case len(words) == 1:
		r.State, r.Version, r.URL, r.Reason, r.Form, r.Spec = weir.PinUnresolved, "", words[0].text, "replaced by a folder", "", weir.Span{}
		r.Text = cut(by.text, maxStatement)
	}
}

// goDirectives takes a go.mod apart.
func goDirectives(t *text) []goDirective {
	var list []goDirective
	block, at := "", 0
	for line := range strings.Lines(string(t.b)) {
		code, note, _ := strings.Cut(line, "//")
		d := goDirective{verb: block, text: strings.TrimSpace(line), note: strings.TrimSpace(note)}
		for from := 0; from < len(code); {
			i := strings.IndexAny(code[from:], " \t\r\n")
			if i < 0 {
				i = len(code) - from
			}
			if w := strings.Trim(code[from:from+i], "\"`"); w != "" {
				d.words = append(d.words, word{text: w, at: at + from + strings.Index(code[from:from+i], w), line: t.line(at)})
			}
			from += i + 1
		}
		at += len(line)
		switch {
		case len(d.words) == 0:
		case d.words[0].text == ")":
			block = ""
		case block == "" && len(d.words) == 2 && d.words[1].text == "(":
			block = d.words[0].text
		case block == "":
			if d.verb, d.words = d.words[0].text, d.words[1:]; len(d.words) > 0 {
				list = append(list, d)
			}
		default:
			list = append(list, d)
		}
	}
	return list
}
