package mlflow

import (
	"path"
	"strings"

	"weir"
	"weir/internal/format"
)

// Bounds of what is kept of one source file.
const (
	maxCalls   = 3000
	maxExcerpt = 2000
	maxObject  = 16 // getattr within getattr
	maxScopes  = 8  // of the names that say where a call stands
)

// isPython takes the name's word that a text is Python: importlib does too.
func isPython(h format.Head) bool {
	ext := path.Ext(h.Name)
	return (ext == ".py" || ext == ".pyw" || ext == ".pyi") && textual(h.First)
}

// parsePython lists the calls of a source file: the callee seen through the file's imports, the function that it stands in, and whether
// it runs on import. It is no compiler: it follows names, aliases and nesting, and what it cannot follow it leaves as it is spelled.
func parsePython(in *format.Input) error {
	b, err := readUpTo(in, maxSource)
	s := &source{in: in, aliases: map[string]string{}}
	s.file(string(b))
	var names []string
	for _, c := range s.calls {
		if len(names) < 200 {
			names = append(names, c.Callee)
		}
		in.Emit(c)
	}
	in.Emit(weir.Code{Language: "python", Name: path.Base(in.Name), Calls: names, Text: cut(strings.Join(s.shown, "\n"), maxExcerpt), Line: 1})
	return finish(in, "python-source", err)
}

// source is a file that is being read.
type source struct {
	in      *format.Input
	aliases map[string]string // a name of this file → the dotted name that it stands for
	star    string            // the last module of which everything was imported
	scopes  []scope
	calls   []weir.Call
	shown   []string // lines with an import or a call of something imported
}

// scope is a def or class that a line lies in.
type scope struct {
	name   string
	indent int
	def    bool
}

// token is a word of Python: a name, a string (as its text), an operator.
type token struct {
	kind byte // 'n' name, 's' string, 'o' operator or number
	text string
}

// file goes through the logical lines.
func (s *source) file(text string) {
	lx := &lexer{text: text, line: 1}
	for {
		indent, line, toks, ok := lx.logical()
		if !ok {
			return
		}
		if len(toks) == 0 {
			continue
		}
		for len(s.scopes) > 0 && indent <= s.scopes[len(s.scopes)-1].indent {
			s.scopes = s.scopes[:len(s.scopes)-1]
		}
		s.statement(indent, line, toks)
	}
}

func (s *source) statement(indent, line int, toks []token) {
	for len(toks) > 0 { // statements may share a line
		end := len(toks)
		depth := 0
		for i, t := range toks {
			if t.kind != 'o' {
				continue
			}
			depth += strings.Count("([{", t.text) - strings.Count(")]}", t.text)
			if t.text == ";" && depth == 0 {
				end = i
				break
			}
		}
		s.simple(indent, line, toks[:end])
		toks = toks[min(end+1, len(toks)):]
	}
}

func (s *source) simple(indent, line int, toks []token) {
	if len(toks) == 0 {
		return
	}
	first := toks[0].text
	if first == "async" && len(toks) > 1 {
		toks, first = toks[1:], toks[1].text
	}
	switch {
	case toks[0].kind != 'n':
	case first == "import":
		s.imports("", toks[1:])
		s.show(line, toks)
		return
	case first == "from":
		s.from(toks[1:])
		s.show(line, toks)
		return
	case (first == "def" || first == "class") && len(toks) > 1:
		s.called(line, toks[2:]) // bases, defaults and annotations run where the def stands
		s.scopes = append(s.scopes, scope{toks[1].text, indent, first == "def"})
		if i := bodyOf(toks); i > 0 { // def f(): the body on the same line
			s.simple(indent, line, toks[i:])
		}
		return
	case compound[first]:
		if i := bodyOf(toks); i > 0 { // if x: the body on the same line
			s.called(line, toks[:i])
			s.simple(indent, line, toks[i:])
			return
		}
	}
	s.assigned(toks)
	s.called(line, toks)
}

// compound are the statements that may have their body on their own line.
var compound = map[string]bool{"if": true, "elif": true, "else": true, "try": true, "except": true, "finally": true, "for": true, "while": true, "with": true}

// bodyOf gives where the body begins of a def whose body stands on its line; 0 when it does not.
func bodyOf(toks []token) int {
	depth := 0
	for i, t := range toks {
		if t.kind == 'o' {
			depth += strings.Count("([{", t.text) - strings.Count(")]}", t.text)
			if t.text == ":" && depth == 0 && i+1 < len(toks) {
				return i + 1
			}
		}
	}
	return 0
}

// imports notes "import a.b as c, d".
func (s *source) imports(prefix string, toks []token) {
	for i := 0; i < len(toks); {
		name, next := dotted(toks, i)
		if name == "" {
			i++
			continue
		}
		as, _, _ := strings.Cut(name, ".")
		full := prefix + name
		if prefix == "" {
			full = as // import os.path binds os
		}
		if next+1 < len(toks) && toks[next].text == "as" {
			as, full = toks[next+1].text, prefix+name
			next += 2
		}
		if prefix != "" && as != name {
			as = strings.TrimPrefix(as, ".")
		}
		s.aliases[as] = full
		i = next
	}
}

func (s *source) from(toks []token) {
	i := 0
	for i < len(toks) && toks[i].text == "." {
		i++
	}
	module, next := dotted(toks, i)
	if next < len(toks) && toks[next].text == "import" {
		if next+1 < len(toks) && toks[next+1].text == "*" && i == 0 {
			s.star = module
			return
		}
		s.imports(module+".", toks[next+1:])
	}
}

// dotted reads a name with its attributes from toks[i]; empty when there is none.
func dotted(toks []token, i int) (string, int) {
	if i >= len(toks) || toks[i].kind != 'n' || toks[i].text == "import" || toks[i].text == "as" {
		return "", i
	}
	name := toks[i].text
	for i++; i+1 < len(toks) && toks[i].text == "." && toks[i+1].kind == 'n'; i += 2 {
		name += "." + toks[i+1].text
	}
	return name, i
}

// assigned follows "a = os.system" and "m = __import__('os')", so that a call of a is one of the other.
func (s *source) assigned(toks []token) {
	if len(toks) < 3 || toks[0].kind != 'n' || toks[1].text != "=" {
		return
	}
	if name, next := s.object(toks, 2, 0); name != "" && next == len(toks) {
		s.aliases[toks[0].text] = name
	}
}

// object reads an expression that is an object of a module: a dotted name, __import__('os').system, getattr(os, 'system'),
// importlib.import_module('os').
func (s *source) object(toks []token, i, depth int) (string, int) {
	name, next := dotted(toks, i)
	if name == "" || depth > maxObject {
		return "", i
	}
	name = s.resolve(name)
	for next < len(toks) {
		switch {
		case toks[next].text == "(" && (name == "__import__" || name == "importlib.import_module" || name == "builtins.__import__") &&
			next+1 < len(toks) && toks[next+1].kind == 's':
			name = toks[next+1].text
			next = closing(toks, next) + 1
		case toks[next].text == "(" && (name == "getattr" || name == "builtins.getattr"):
			of, after := s.object(toks, next+1, depth+1)
			if of == "" || after+1 >= len(toks) || toks[after].text != "," || toks[after+1].kind != 's' {
				return name, next
			}
			name = of + "." + toks[after+1].text
			next = closing(toks, next) + 1
		case toks[next].text == "." && next+1 < len(toks) && toks[next+1].kind == 'n':
			name += "." + toks[next+1].text
			next += 2
		default:
			return name, next
		}
	}
	return name, next
}

// resolve replaces the first part of a name by what it stands for. A dotted name that begins with nothing imported is an attribute of a
// local object, whatever that is called: it gets a dot in front, so that commands.get of a dictionary is no module's.
func (s *source) resolve(name string) string {
	first, rest, more := strings.Cut(name, ".")
	full, ok := s.aliases[first]
	switch {
	case ok && more:
		return full + "." + rest
	case ok:
		return full
	case first == "__builtins__" && more:
		return "builtins." + rest
	case more:
		return "." + name
	case s.star != "" && !builtin[name]:
		return s.star + "." + name // from os import *
	}
	return name
}

// builtin are the builtins that a star import leaves alone and that are looked for by name here.
var builtin = map[string]bool{"__import__": true, "getattr": true, "eval": true, "exec": true, "compile": true, "open": true, "print": true, "len": true}

// closing gives the index of the bracket that closes the one at i; the last index when none does.
func closing(toks []token, i int) int {
	depth := 0
	for ; i < len(toks); i++ {
		if toks[i].kind != 'o' {
			continue
		}
		depth += strings.Count("([{", toks[i].text) - strings.Count(")]}", toks[i].text)
		if depth == 0 {
			return i
		}
	}
	return len(toks) - 1
}

// called emits the calls in a list of tokens.
func (s *source) called(line int, toks []token) {
	shown := false
	for i := 0; i < len(toks); i++ {
		if toks[i].kind != 'n' || i > 0 && toks[i-1].text == "." {
			continue
		}
		name, next := s.object(toks, i, 0)
		if name == "" {
			continue
		}
		// what object went through (getattr, __import__) is a call as well, and may be all there is
		if via := s.resolve(toks[i].text); via != name && (via == "__import__" || via == "getattr") && next > i+1 {
			s.call(via, toks, i+1, line)
		}
		if next < len(toks) && toks[next].text == "(" {
			s.call(name, toks, next, line)
			shown = shown || strings.Contains(name, ".") || len(name) > 0
		}
	}
	if shown {
		s.show(line, toks)
	}
}

func (s *source) call(name string, toks []token, open, line int) {
	if len(s.calls) >= maxCalls {
		return
	}
	c := weir.Call{Callee: strings.ToValidUTF8(cut(name, 200), "\ufffd"), Auto: true, Line: line}
	for i, sc := range s.scopes {
		if len(s.scopes)-i <= maxScopes {
			c.Func = join(c.Func, cut(sc.name, 100))
		}
		c.Auto = c.Auto && !sc.def
	}
	c.Func = cut(c.Func, 200)
	if end := closing(toks, open); end > open+1 {
		c.Args = []string{cut(spell(toks[open+1:end]), 200)}
	}
	s.calls = append(s.calls, c)
}

func (s *source) show(line int, toks []token) {
	if len(s.shown) < 40 {
		s.shown = append(s.shown, cut(spell(toks), 200))
	}
	_ = line
}

// spell writes tokens as source again.
func spell(toks []token) string {
	var b strings.Builder
	for i, t := range toks {
		if i > 0 && (t.kind != 'o' && toks[i-1].kind != 'o' || t.text == "=" || toks[i-1].text == "," || toks[i-1].text == "=") {
			b.WriteByte(' ')
		}
		if t.kind == 's' {
			b.WriteString("'" + strings.ReplaceAll(t.text, "\n", "\\n") + "'")
		} else {
			b.WriteString(t.text)
		}
		if b.Len() > 4*maxExcerpt {
			break
		}
	}
	return strings.ToValidUTF8(b.String(), "\ufffd")
}
