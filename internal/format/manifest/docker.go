package manifest

import (
	"bytes"
	"path"
	"strings"

	"weir"
	"weir/internal/format"
)

var dockerFormats = []format.Format{
	{
		Name: "dockerfile", Doc: "Dockerfile or Containerfile: images, and what its commands install", Parsed: true,
		Match: isDockerfile, Parse: parser("dockerfile", parseDockerfile),
	},
}

// isDockerfile knows the names by which docker and podman look, and the first instruction that each such file must have.
func isDockerfile(h format.Head) bool {
	base := strings.ToLower(path.Base(h.Name))
	named := strings.HasPrefix(base, "dockerfile") || strings.HasPrefix(base, "containerfile") ||
		strings.HasSuffix(base, ".dockerfile") || strings.HasSuffix(base, ".containerfile")
	if !named || !textual(h.First) {
		return false
	}
	for line := range strings.Lines(string(h.First)) {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		return strings.EqualFold(f[0], "FROM") || strings.EqualFold(f[0], "ARG")
	}
	return false
}

// docker reads one Dockerfile (docs.docker.com/reference/dockerfile).
type docker struct {
	t      *text
	lines  []reach // of the file
	next   int     // index of the next line
	escape byte
	global variables // ARG before the first FROM
	vars   variables // of the stage
	stages map[string]bool
	begun  bool // a FROM was seen
	emit   func(weir.Fact)
}

func parseDockerfile(in *format.Input, t *text) error {
	d := &docker{t: t, escape: '\\', global: variables{}, vars: variables{}, stages: map[string]bool{}, emit: in.Emit}
	at := 0
	for line := range strings.Lines(string(t.b)) {
		d.lines = append(d.lines, reach{at, len(line)})
		at += len(line)
	}
	d.directives()
	for d.next < len(d.lines) {
		if sc := d.instruction(); sc != nil {
			d.run(sc, false)
		}
	}
	return nil
}

// directives reads the comments at the top that change how the file is read.
func (d *docker) directives() {
	for _, r := range d.lines {
		key, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(d.line(r)), "#"), "=")
		if !strings.HasPrefix(d.line(r), "#") || !ok {
			return
		}
		if strings.EqualFold(strings.TrimSpace(key), "escape") && strings.TrimSpace(value) == "`" {
			d.escape = '`'
		}
	}
}

func (d *docker) line(r reach) string { return string(d.t.b[r.at : r.at+r.size]) }

// instruction gives the next one with its continuation lines, comments and empty lines among them left out, and its here-documents. Nil for a
// comment or an empty line.
func (d *docker) instruction() *script {
	b := &scriptBuilder{t: d.t}
	for d.next < len(d.lines) {
		r := d.lines[d.next]
		d.next++
		line := strings.TrimSpace(d.line(r))
		if line == "" || strings.HasPrefix(line, "#") {
			if len(b.buf) == 0 {
				return nil
			}
			continue
		}
		more := line[len(line)-1] == d.escape
		if b.add(r.at, r.size); more {
			b.buf[bytes.LastIndexByte(b.buf, d.escape)] = '\\'
		}
		if !more {
			break
		}
	}
	for _, mark := range heredocMarks(string(b.buf)) {
		for d.next < len(d.lines) {
			r := d.lines[d.next]
			d.next++
			b.add(r.at, r.size)
			if strings.TrimSpace(d.line(r)) == mark {
				break
			}
		}
	}
	return b.script()
}

// heredocMarks gives the marks of the here-documents that a RUN or COPY begins.
func heredocMarks(s string) []string {
	verb := strings.ToUpper(first(s))
	if verb != "RUN" && verb != "COPY" && verb != "ADD" {
		return nil
	}
	var marks []string
	for _, part := range strings.Split(s, "<<")[1:] {
		part = strings.TrimPrefix(part, "-")
		quoted := strings.HasPrefix(part, "'") || strings.HasPrefix(part, `"`)
		part = strings.TrimLeft(part, `'"`)
		end := 0
		for end < len(part) && isName("_"+part[end:end+1]) {
			end++
		}
		if end > 0 && (quoted || part[0] < '0' || part[0] > '9') && len(marks) < 8 {
			marks = append(marks, part[:end])
		}
	}
	return marks
}

// run reads one instruction.
func (d *docker) run(sc *script, onBuild bool) {
	verb := first(strings.ReplaceAll(strings.TrimLeft(sc.s, " \t"), "\t", " "))
	verb = strings.TrimRight(verb, "\r\n\\")
	start := strings.Index(sc.s, verb) + len(verb)
	rest := sc.slice(reach{start, len(sc.s) - start})
	rest.vars = d.vars
	switch strings.ToUpper(verb) {
	case "FROM":
		d.from(rest)
	case "ARG", "ENV":
		d.set(rest, strings.EqualFold(verb, "ARG"))
	case "RUN", "CMD", "ENTRYPOINT":
		d.command(rest)
	case "COPY", "ADD":
		d.copied(rest)
	case "ONBUILD":
		if !onBuild { // docker refuses it within itself
			d.run(rest, true)
		}
	case "HEALTHCHECK":
		if i := strings.Index(rest.s, "CMD"); i >= 0 {
			d.run(rest.slice(reach{i, len(rest.s) - i}), onBuild)
		}
	}
}

// tokens reads an instruction's words as the shell would.
func tokens(sc *script) []token {
	var words []token
	for _, c := range shell(sc.s, sc.vars, plainShell) {
		words = append(words, c.words...)
	}
	return words
}

// from reads FROM [--platform=…] image [AS stage].
func (d *docker) from(sc *script) {
	d.begun, sc.vars = true, d.global
	words := tokens(sc)
	for len(words) > 0 && strings.HasPrefix(words[0].text, "--") {
		words = words[1:]
	}
	d.vars = variables{}
	if len(words) == 0 {
		return
	}
	if w := sc.plain(words[0]); !d.stages[strings.ToLower(w.text)] {
		for _, f := range image(d.t, w) {
			d.emit(f)
		}
	}
	if len(words) >= 3 && strings.EqualFold(words[1].text, "AS") {
		d.stages[strings.ToLower(words[2].text)] = true
	}
}

// set reads ARG and ENV, in the new form (NAME=value …) and the old one (ENV NAME value).
func (d *docker) set(sc *script, arg bool) {
	words := tokens(sc)
	vars := d.vars
	if arg && !d.begun {
		vars = d.global
	}
	for i, w := range words {
		name, value, ok := assignment(w.text)
		switch {
		case ok && w.open == "":
			vars.set(name, value)
			for _, f := range installs(d.t, environment(sc.plain(w), name, value)) {
				d.emit(f)
			}
		case ok:
			delete(vars, name)
		case arg && d.global[w.text] != "": // ARG of the top taken into the stage
			vars.set(w.text, d.global[w.text])
		case i == 0 && len(words) > 1 && !arg:
			vars.set(w.text, words[1].text)
			return
		}
	}
}

// environment gives a variable that configures pip (PIP_INDEX_URL) as the command that it is equal to; nil for others.
func environment(w word, name, value string) []word {
	option, ok := strings.CutPrefix(name, "PIP_")
	if !ok {
		option, ok = strings.CutPrefix(name, "UV_")
	}
	switch option = "--" + strings.ToLower(strings.ReplaceAll(option, "_", "-")); option {
	case "--index-url", "--extra-index-url", "--trusted-host", "--find-links":
	default:
		ok = false
	}
	if !ok {
		return nil
	}
	at := -1
	if w.at >= 0 {
		at = w.at + len(name) + 1
	}
	return []word{{"pip", -1, w.line, false}, {"install", -1, w.line, false}, {option, -1, w.line, false}, {value, at, w.line, w.open}}
}

// command reads RUN, CMD and ENTRYPOINT in both forms.
func (d *docker) command(sc *script) {
	s := strings.TrimLeft(sc.s, " \t")
	for strings.HasPrefix(s, "--") { // --mount=… and the like
		i := strings.IndexAny(s, " \t\n")
		if i < 0 {
			return
		}
		s = strings.TrimLeft(s[i:], " \t\\\r\n")
	}
	sc = sc.slice(reach{len(sc.s) - len(s), len(s)})
	if strings.HasPrefix(s, "[") {
		if words := execForm(sc); words != nil {
			for _, f := range sc.exec(words, 0) {
				d.emit(f)
			}
			return
		}
	}
	if first, rest, ok := strings.Cut(s, "\n"); ok && strings.HasPrefix(first, "<<") { // RUN <<EOF: the document is the script
		last := strings.LastIndexByte(strings.TrimRight(rest, "\r\n"), '\n') + 1
		sc = sc.slice(reach{len(first) + 1, last})
	}
	sc.vars = d.vars
	for _, f := range sc.facts() {
		d.emit(f)
	}
}

// execForm reads the JSON form, ["pip", "install", "x==1"]; nil where it is none.
func execForm(sc *script) []token {
	end := strings.LastIndexByte(sc.s, ']')
	if end < 0 {
		return nil
	}
	t := &text{b: []byte(strings.ReplaceAll(sc.s[:end+1], "\\\n", "  "))}
	n, err := readJSON(t)
	if err != nil || n.shape != isList {
		return nil
	}
	words := []token{}
	for _, v := range n.items {
		if v.shape != isString {
			return nil
		}
		w := token{text: v.text, at: v.at, size: len(v.text), plain: v.at >= 0}
		if v.at < 0 {
			w.at, w.size = 0, 0
		}
		words = append(words, w)
	}
	return words
}

// copied reads COPY --from=IMAGE, which takes files out of another image, and requirements written in place (COPY <<EOF requirements.txt).
func (d *docker) copied(sc *script) {
	for _, c := range shell(sc.s, sc.vars, plainShell) {
		for _, w := range c.words {
			name, ok := strings.CutPrefix(w.text, "--from=")
			if !ok || d.stages[strings.ToLower(name)] || strings.Trim(name, "0123456789") == "" {
				continue
			}
			of := sc.plain(w)
			if of.text = name; of.at >= 0 {
				of.at += len("--from=")
			}
			for _, f := range image(d.t, of) {
				d.emit(f)
			}
		}
		if len(c.words) > 0 && c.doc.size > 0 {
			c.out = c.words[len(c.words)-1].text
			for _, f := range sc.written(c) {
				d.emit(f)
			}
		}
	}
}
