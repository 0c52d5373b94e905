package manifest

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"weir"
	"weir/internal/format"
)

// What Python source says of dependencies, read and never run: the arguments of setup(), pip_requirements and runtime_env, commands given to a shell,
// and the block of PEP 723.

// maxTokens bounds the words of one source file that are looked at.
const maxTokens = 400_000

// pyToken is a word of Python: a name, a string, an operator. A string's text is its value where that is plain.
type pyToken struct {
	text string
	at   int // of text in the source
	str  bool
	open bool // a string that is computed: f"{x}"
	line bool // a line begins here
}

// pySource is Python source that is being read.
type pySource struct {
	in     *format.Input
	t      *text
	source string
	line   int  // of its first line
	whole  bool // source is the text itself, so that places in it are known
	tokens []pyToken
	vars   map[string]int  // name → index of the token behind = in its last assignment at the left margin
	files  map[string]bool // requirements files that setup.py names
	steps  int             // tokens looked at by readers of values, which may lie in one another
}

// step counts a token and reports whether there may be more.
func (p *pySource) step() bool {
	p.steps++
	return p.steps < 4*maxTokens
}

// pyWords are the words for which a source file is read.
var pyWords = []string{"install_requires", "setup_requires", "extras_require", "tests_require", "pip_requirements", "runtime_env", "pip install", "# /// script", `"pip"`, `"install"`, "'pip'"}

// isPythonDeps knows Python source in which one of the words stands.
func isPythonDeps(h format.Head) bool {
	if ext := path.Ext(h.Name); ext != ".py" && ext != ".pyw" || !textual(h.First) {
		return false
	}
	for _, w := range pyWords {
		if bytes.Contains(h.First, []byte(w)) || bytes.Contains(h.Last, []byte(w)) {
			return true
		}
	}
	return path.Base(h.Name) == "setup.py"
}

func parsePython(in *format.Input, t *text) error {
	p := &pySource{in: in, t: t, source: string(t.b), line: 1, whole: true}
	p.inline()
	p.installs()
	return nil
}

// inline reads the block of PEP 723: comments that are a TOML text.
func (p *pySource) inline() {
	const head = "# /// script"
	i := strings.Index("\n"+p.source, "\n"+head)
	if i < 0 {
		return
	}
	var b strings.Builder
	line := p.t.line(i)
	for l := range strings.Lines(p.source[i:]) {
		s := strings.TrimRight(l, "\r\n")
		if b.Len() > 0 && s == "# ///" {
			break
		}
		if !strings.HasPrefix(s, "#") {
			break
		}
		if s == head {
			s = "#"
		}
		b.WriteString(strings.TrimPrefix(strings.TrimPrefix(s, "#"), " ") + "\n")
	}
	block := &text{b: []byte(b.String()), edited: true}
	d, _ := readTOML(block) // what cannot be read is no block for its tools either
	inner := *p.in
	inner.Emit = func(f weir.Fact) { p.in.Emit(moved(f, line-1)) }
	q := &project{&inner, block}
	q.specifiers(d.get("dependencies"), weir.OriginManifest, "")
	q.uv(d.get("tool", "uv"))
}

// moved puts a fact n lines further down.
func moved(f weir.Fact, n int) weir.Fact {
	switch f := f.(type) {
	case weir.Requirement:
		f.Line += n
		return f
	case weir.Setting:
		f.Line += n
		return f
	case weir.Include:
		f.Line += n
		return f
	}
	return f
}

// lex splits the source into names, strings and operators; comments and blanks go.
func (p *pySource) lex() {
	s := p.source
	fresh := true
	for i := 0; i < len(s) && len(p.tokens) < maxTokens; {
		c := s[i]
		switch {
		case c == '\n':
			fresh = true
			i++
			continue
		case strings.IndexByte(" \t\r\f\\", c) >= 0:
			if i++; c == '\\' && i < len(s) && s[i] == '\n' {
				i++
			}
			continue
		case c == '#':
			for i < len(s) && s[i] != '\n' {
				i++
			}
			continue
		}
		start := i
		for i < len(s) && isWord(s[i]) {
			i++
		}
		if prefix := s[start:i]; i < len(s) && (s[i] == '"' || s[i] == '\'') && len(prefix) <= 2 && strings.Trim(strings.ToLower(prefix), "rbuft") == "" {
			tok, next := pyString(s, i, strings.ToLower(prefix))
			tok.line = fresh
			p.tokens = append(p.tokens, tok)
			i, fresh = next, false
			continue
		}
		if i == start {
			i++
		}
		p.tokens = append(p.tokens, pyToken{text: s[start:i], at: start, line: fresh})
		fresh = false
	}
}

func isWord(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}

// pyString reads a string literal whose quotes begin at i.
func pyString(s string, i int, prefix string) (tok pyToken, next int) {
	quote := s[i : i+1]
	if strings.HasPrefix(s[i:], strings.Repeat(quote, 3)) {
		quote = s[i : i+3]
	}
	i += len(quote)
	tok = pyToken{at: i, str: true}
	raw := strings.Contains(prefix, "r")
	var b strings.Builder
	for i < len(s) && !strings.HasPrefix(s[i:], quote) {
		if len(quote) == 1 && s[i] == '\n' {
			break // it does not end on its line
		}
		if s[i] != '\\' || raw || i+1 >= len(s) {
			b.WriteByte(s[i])
			i++
			continue
		}
		switch i++; s[i] {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case '\n':
		case '\\', '\'', '"':
			b.WriteByte(s[i])
		default:
			b.WriteByte('\\')
			b.WriteByte(s[i])
		}
		tok.at = -1
		i++
	}
	if tok.text = b.String(); strings.Contains(prefix, "f") && strings.Contains(tok.text, "{") {
		tok.open = true
	}
	return tok, min(i+len(quote), len(s))
}

// installs finds the calls and arguments that name dependencies.
func (p *pySource) installs() {
	p.lex()
	p.vars = map[string]int{}
	for i := range p.tokens {
		if k := p.tokens[i]; k.line && !k.str && p.is(i+1, "=") && !p.is(i+2, "=") && (k.at == 0 || p.source[k.at-1] == '\n') {
			p.vars[k.text] = i + 2
		}
	}
	isSetup := path.Base(p.in.Name) == "setup.py"
	if isSetup {
		p.opened()
	}
	for i := 0; i < len(p.tokens); i++ {
		k := p.tokens[i]
		switch {
		case k.str && p.is(i+1, ":"), !k.str && p.is(i+1, "=") && !p.is(i+2, "="):
			p.keyword(k.text, i, isSetup)
		case k.str || !isWord(k.text[0]):
		case p.is(i+1, "(") && (k.text == "system" || k.text == "popen" || k.text == "getoutput" || k.text == "run" || k.text == "call" || k.text == "check_call" ||
			k.text == "check_output" || k.text == "Popen" || k.text == "run_line_magic" || k.text == "getpipeoutput" || k.text == "run_commands"):
			p.command(i + 2)
		case p.is(i+1, "(") && (k.text == "pipmain" || k.text == "main" && p.is(i-1, ".") && i >= 2 && strings.Contains(p.tokens[i-2].text, "pip")):
			p.arguments(i+2, []word{{text: "pip"}})
		case p.is(i+1, "(") && k.text == "pip_install" && p.is(i-1, "."): // images of Modal
			p.arguments(i+2, []word{{text: "pip"}, {text: "install"}})
		}
	}
}

func (p *pySource) is(i int, s string) bool {
	return i >= 0 && i < len(p.tokens) && !p.tokens[i].str && p.tokens[i].text == s
}

// lineOf gives the line of a token.
func (p *pySource) lineOf(k pyToken) int {
	if !p.whole {
		return p.line
	}
	return p.t.line(max(k.at, 0))
}

// opened notes the requirements files that setup.py names anywhere: how it reads them is not followed.
func (p *pySource) opened() {
	p.files = map[string]bool{}
	for _, k := range p.tokens {
		ext := path.Ext(k.text)
		if k.str && len(k.text) < 200 && (ext == ".txt" || ext == ".in") && strings.Contains(path.Base(k.text), "req") && !strings.ContainsAny(k.text, " \n") && !p.files[k.text] {
			p.files[k.text] = true
			p.in.Emit(weir.Include{Path: strings.TrimPrefix(k.text, "./"), Kind: isFile, Text: cut(k.text, maxStatement), Line: p.lineOf(k)})
		}
	}
}

// keyword reads the value of an argument, a key or a variable with a telling name.
func (p *pySource) keyword(name string, i int, isSetup bool) {
	v := i + 2
	group := ""
	switch name {
	case "pip_requirements", "extra_pip_requirements":
		isSetup = true
	case "install_requires":
	case "setup_requires":
		group = "build"
	case "tests_require":
		group = "test"
	case "extras_require":
		if isSetup {
			p.extras(v)
		}
		return
	case "runtime_env":
		p.runtimeEnv(v)
		return
	case "python_requires":
		if k := p.at(v); k.str && isSetup {
			p.in.Emit(weir.Setting{Key: "python", Value: cut(k.text, maxStatement), Line: p.lineOf(k)})
		}
		return
	default:
		return
	}
	// A variable of the same name is read where it is set, and None says nothing.
	if k := p.at(v); isSetup && k.text != "None" && (k.str || k.text != name) {
		p.list(v, name, group, 0)
	}
}

// at gives a token, and an empty one behind the end.
func (p *pySource) at(i int) pyToken {
	if i < 0 || i >= len(p.tokens) {
		return pyToken{at: -1}
	}
	return p.tokens[i]
}

// list reads a list of specifiers: literals, lists joined by +, names of lists at the left margin, and files that are opened for them. What is
// computed is said to be. It gives the index behind the value.
func (p *pySource) list(i int, name, group string, depth int) int {
	start := i
	known := false
	for nest := 0; i < len(p.tokens) && p.step(); i++ {
		k := p.tokens[i]
		switch {
		case k.str:
			known = p.string(i, name, group, nest, start) || known
		case k.text == "[" || k.text == "(" || k.text == "{":
			nest++
			if k.text == "[" {
				known = true
			}
		case k.text == "]" || k.text == ")" || k.text == "}":
			if nest--; nest < 0 {
				p.computed(start, name, group, known)
				return i
			}
		case nest == 0 && (k.text == "," || k.text == ";"), nest == 0 && k.line && i > start:
			p.computed(start, name, group, known)
			return i
		case isWord(k.text[0]):
			if j, ok := p.vars[k.text]; ok && depth < 4 && j != start && !p.is(i+1, "=") && !p.is(i+1, "(") {
				p.list(j, name, group, depth+1)
				known = true
			}
		}
	}
	p.computed(start, name, group, known)
	return i
}

// string reads one literal of a list; a file's name is an include. It reports whether the literal said something.
func (p *pySource) string(i int, name, group string, nest, start int) bool {
	k := p.tokens[i]
	if p.at(i - 1).str {
		return true // joined to the one before
	}
	value, open := k.text, k.open
	at := k.at
	for j := i + 1; p.at(j).str; j++ {
		value += p.tokens[j].text
		open, at = open || p.tokens[j].open, -1
	}
	line := p.lineOf(k)
	s := strings.TrimSpace(value)
	ext := path.Ext(s)
	switch {
	case s == "":
		return true
	case (ext == ".txt" || ext == ".in" || ext == ".pip") && !strings.ContainsAny(s, " =<>"):
		if !p.files[k.text] {
			p.in.Emit(weir.Include{Path: s, Kind: isFile, Text: cut(name+" = "+s, maxStatement), Line: line})
		}
		return true
	case nest > 0 && p.is(i+1, ":"): // a key of a dict
		return true
	case p.is(i-1, "(") && i-2 >= start && !p.at(i-2).str && isWord(p.at(i - 2).text[0]): // the argument of a call: open("x"), x.split("\n")
		return false
	}
	if p.is(i+1, "%") || p.is(i+1, ".") {
		open = true
	}
	if !p.whole {
		at = -1
	}
	for l := range strings.Lines(value) {
		s := strings.TrimSpace(uncomment(l))
		if s == "" {
			continue
		}
		r, ok := pipArgument(p.t, s, at, line)
		if at >= 0 && !strings.HasPrefix(value, s) {
			r.Spec, r.Form = weir.Span{}, ""
		}
		if !ok {
			p.in.Emit(localProject(s, line))
			continue
		}
		if open && r.State != weir.PinUnresolved {
			r.State, r.Version, r.Range, r.Spec, r.Form = weir.PinUnresolved, "", "", weir.Span{}, ""
			r.Reason = "its text is computed when the program runs"
		}
		r.Group = group
		p.in.Emit(r)
	}
	return true
}

// computed says that a list could not be read.
func (p *pySource) computed(start int, name, group string, known bool) {
	if known || start >= len(p.tokens) || len(p.files) > 0 {
		return
	}
	r := unresolved("pypi", name+" = "+p.at(start).text, fmt.Sprintf("%s is computed when the program runs", name), p.lineOf(p.at(start)))
	r.Group = group
	p.in.Emit(r)
}

// extras reads a dict of lists; a name of a variable is followed once.
func (p *pySource) extras(i int) {
	if k := p.at(i); !k.str && k.text != "" && isWord(k.text[0]) {
		j, ok := p.vars[k.text]
		if !ok || !p.is(j, "{") {
			p.computed(i, "extras_require", "optional", false)
			return
		}
		i = j
	}
	if !p.is(i, "{") {
		return
	}
	for i++; i < len(p.tokens) && !p.is(i, "}"); i++ {
		if k := p.tokens[i]; k.str && p.is(i+1, ":") {
			end := p.list(i+2, "extras_require["+k.text+"]", groupNamed(k.text), 0)
			if i = end; p.is(i, "}") {
				return
			}
		}
	}
}

// runtimeEnv reads Ray's description of an environment: a dict with pip, uv or conda. A variable is read where it is set.
func (p *pySource) runtimeEnv(i int) {
	if !p.is(i, "{") {
		return
	}
	nest := 0
	for ; i < len(p.tokens) && p.step(); i++ {
		switch k := p.tokens[i]; {
		case k.str && p.is(i+1, ":"):
			switch k.text {
			case "pip", "uv", "packages":
				if p.is(i+2, "{") {
					continue // {"packages": […], "pip_check": False}
				}
				i = p.list(i+2, "runtime_env["+k.text+"]", "", 0) - 1
			case "working_dir":
				if v := p.at(i + 2); v.str && strings.Contains(v.text, "://") {
					p.in.Emit(weir.Setting{Key: "ray.working_dir", Value: cut(v.text, maxStatement), Line: p.lineOf(v)})
				}
			}
		case k.str:
		case k.text == "{" || k.text == "[" || k.text == "(":
			nest++
		case k.text == "}" || k.text == "]" || k.text == ")":
			if nest--; nest <= 0 {
				return
			}
		}
	}
}

// command reads the first argument of a call that runs a command: one text, or a list of words.
func (p *pySource) command(i int) {
	k := p.at(i)
	switch {
	case k.str:
		s, at := k.text, k.at
		for j := i + 1; p.at(j).str; j++ {
			s, at = s+p.tokens[j].text, -1
		}
		if p.is(i+1, ",") && p.at(i+2).str && (s == "pip" || s == "conda" || s == "system" || s == "sx") { // run_line_magic("pip", "install x")
			if s, at = s+" "+p.tokens[i+2].text, -1; strings.HasPrefix(s, "system ") || strings.HasPrefix(s, "sx ") {
				_, s, _ = strings.Cut(s, " ")
			}
		}
		if strings.ContainsAny(s, "\n") {
			at = -1
		}
		for l := range strings.Lines(s) {
			shellLine(p.in, p.t, strings.TrimSpace(l), p.lineOf(k), func(j, _ int) int {
				if at < 0 || !p.whole || !strings.HasPrefix(s, strings.TrimSpace(l)) {
					return -1
				}
				return at + j
			})
		}
	case p.is(i, "["):
		p.arguments(i+1, nil)
	}
}

// arguments reads the words of a command from literals between brackets; sys.executable is Python, anything else is not known.
func (p *pySource) arguments(i int, words []word) {
	for nest := 0; i < len(p.tokens) && len(words) < 1000 && p.step(); i++ {
		k := p.tokens[i]
		switch {
		case k.str:
			w := word{text: k.text, at: k.at, line: p.lineOf(k), open: k.open}
			if !p.whole {
				w.at = -1
			}
			words = append(words, w)
			continue
		case k.text == "executable":
			words = append(words, word{text: "python", at: -1, line: p.lineOf(k)})
			continue
		case k.text == "[" || k.text == "(":
			nest++
			continue
		case k.text == "]" || k.text == ")":
			if nest--; nest < 0 {
				emitAll(p.in, installs(p.t, words))
				return
			}
			continue
		case k.text == "," || k.text == "sys" || k.text == "." || k.text == "*" || k.text == "+":
			continue
		case isWord(k.text[0]):
			words = append(words, word{text: "$" + k.text, at: -1, line: p.lineOf(k), open: true})
		}
	}
	emitAll(p.in, installs(p.t, words))
}
