package torch

import (
	"sort"
	"strings"

	"weir"
)

// Bounds on what is kept of TorchScript source; the largest archives known to us hold about 2 MB of it in a few hundred classes.
const (
	maxSource      = 4 << 20  // bytes of one source file
	maxSources     = 16 << 20 // bytes of all source files of one archive
	maxFunctions   = 100_000
	maxCalls       = 1000 // call facts of one kind in one archive
	maxClasses     = 1000 // code facts of one archive
	maxArgText     = 400  // bytes of one argument
	maxCallArgs    = 16
	maxTokensInArg = 256
)

// program is all TorchScript source of one archive. Its functions are linked by their plain names, which reaches too far rather than not
// far enough.
type program struct {
	files []*source
	size  int
	funcs int
	calls map[opKind]int // by kind, so that many of a mild one do not crowd out a grave one
	over  bool           // more functions than are told apart; their calls count all the same
}

// source is one file of code/.
type source struct {
	name    string
	emit    func(weir.Fact)
	funcs   []*function
	classes []*class
}

// class is a class statement.
type class struct {
	name    string
	line    int
	methods map[string]bool
}

// function is a def statement, or the code outside of all.
type function struct {
	class *class
	name  string
	line  int
	calls []weir.Call
	names map[string]bool // the last names of everything that it mentions
}

func (f *function) title() string {
	switch {
	case f.name == "":
		return "<module>"
	case f.class != nil:
		return f.class.name + "." + f.name
	}
	return f.name
}

// add parses one file. Facts go to emit when the program is closed.
func (p *program) add(name, text string, emit func(weir.Fact)) *source {
	src := &source{name: name, emit: emit}
	p.files = append(p.files, src)
	p.size += len(text)
	s := scanner{prog: p, src: src, lex: newLexer(text), known: map[string]string{}}
	s.enter(nil, "", 1)
	s.file()
	return src
}

// close emits the facts of all files: which functions run at load is known only when all are there.
func (p *program) close() {
	auto := p.reached("__setstate__")
	classes := 0
	for _, src := range p.files {
		byClass := map[*class][]string{}
		for _, f := range src.funcs {
			for _, c := range f.calls {
				c.Func, c.Member = qualified(src.name, c.Func), src.name
				c.Auto = auto[f.name] || f.name == ""
				byClass[f.class] = append(byClass[f.class], c.Callee)
				src.emit(c)
			}
		}
		for _, c := range src.classes {
			if classes++; classes > maxClasses {
				break
			}
			names := byClass[c]
			sort.Strings(names)
			src.emit(weir.Code{Language: "torchscript", Name: qualified(src.name, c.name), Calls: compact(names, 20),
				Auto: c.methods["__setstate__"], Member: src.name, Line: c.line})
		}
	}
}

// reached gives the plain names of all functions that a call of start may lead to.
func (p *program) reached(start string) map[string]bool {
	byName := map[string][]*function{}
	for _, src := range p.files {
		for _, f := range src.funcs {
			byName[f.name] = append(byName[f.name], f)
		}
	}
	seen := map[string]bool{start: true}
	work := []string{start}
	for len(work) > 0 {
		name := work[len(work)-1]
		work = work[:len(work)-1]
		for _, f := range byName[name] {
			for callee := range f.names {
				if !seen[callee] && byName[callee] != nil {
					seen[callee] = true
					work = append(work, callee)
				}
			}
		}
	}
	return seen
}

// qualified makes code/__torch__/a/b.py and C into __torch__.a.b.C.
func qualified(file, name string) string {
	if i := strings.Index(file, "code/"); i >= 0 {
		file = file[i+len("code/"):]
	}
	return strings.ReplaceAll(strings.TrimSuffix(file, ".py"), "/", ".") + "." + name
}

// compact drops repeats from a sorted list and cuts it.
func compact(list []string, limit int) []string {
	var out []string
	for i, s := range list {
		if i > 0 && s == list[i-1] {
			continue
		}
		if len(out) == limit {
			break
		}
		out = append(out, s)
	}
	return out
}

// scanner walks over the tokens of one file, keeping the function it is in and what its local names stand for.
type scanner struct {
	prog    *program
	src     *source
	lex     *lexer
	current *class
	fn      *function
	known   map[string]string // local name → dotted path or string literal that was assigned to it
	back    []token           // tokens before the current one on this line, bounded
	queue   []token           // tokens read ahead
}

func (s *scanner) enter(c *class, name string, line int) {
	clear(s.known)
	if s.prog.funcs++; s.prog.funcs > maxFunctions && s.fn != nil {
		s.prog.over = true
		return
	}
	s.fn = &function{class: c, name: name, line: line, names: map[string]bool{}}
	s.src.funcs = append(s.src.funcs, s.fn)
}

func (s *scanner) next() token {
	var t token
	if len(s.queue) > 0 {
		t, s.queue = s.queue[0], s.queue[1:]
	} else {
		t = s.lex.next()
	}
	if t.kind == tokenNewline {
		s.back = s.back[:0]
	} else {
		if len(s.back) >= 8 {
			s.back = append(s.back[:0], s.back[1:]...)
		}
		s.back = append(s.back, t)
	}
	return t
}

// peek looks at the n-th token ahead.
func (s *scanner) peek(n int) token {
	for len(s.queue) <= n {
		s.queue = append(s.queue, s.lex.next())
	}
	return s.queue[n]
}

func (s *scanner) file() {
	first := true // of a statement
	for {
		t := s.next()
		switch {
		case t.kind == tokenEnd:
			return
		case t.kind == tokenNewline:
			first = true
			continue
		case t.kind == tokenName && t.text == "class" && first && s.peek(0).kind == tokenName:
			s.class(t)
		case t.kind == tokenName && t.text == "def" && first && s.peek(0).kind == tokenName:
			s.def(t)
		case t.kind == tokenName && t.text == "while" && first:
			s.loop(t)
		case t.kind == tokenName:
			s.chain(t, first)
		case t.kind == tokenOp && t.text == "." && s.peek(0).kind == tokenName:
			s.method()
		}
		first = false
	}
}

// loop records the first while statement of a function as the operator that it is compiled to.
func (s *scanner) loop(t token) {
	const loop = "prim::Loop"
	for _, c := range s.fn.calls {
		if c.Callee == loop {
			return
		}
	}
	s.fn.calls = append(s.fn.calls, weir.Call{Callee: loop, Func: s.fn.title(), At: int64(t.at), Line: int(t.line)})
}

func (s *scanner) class(t token) {
	s.current = &class{name: s.next().text, line: int(t.line), methods: map[string]bool{}}
	s.src.classes = append(s.src.classes, s.current)
	s.enter(s.current, "", int(t.line))
}

func (s *scanner) def(t token) {
	name := s.next().text
	if t.col == 0 {
		s.current = nil
	}
	if s.current != nil {
		s.current.methods[name] = true
	}
	s.enter(s.current, name, int(t.line))
}

// chain reads a dotted path that begins with a name: a.b.c, with getattr(a, "b") for a.b.
func (s *scanner) chain(t token, first bool) {
	path := t.text
	if path == "getattr" {
		if p, ok := s.getattr(); ok {
			path = p
		}
	}
	simple := path == t.text
	path, more := s.dots(path)
	simple = simple && !more
	if first && simple && s.peek(0).text == "=" && s.peek(1).text != "=" {
		s.assign(path)
		return
	}
	s.use(path, t)
}

// maxDots bounds a path; torch writes at most a dozen names. What follows is read as a method of it.
const maxDots = 64

// dots continues a path with the names that follow it.
func (s *scanner) dots(path string) (string, bool) {
	n := 0
	for ; n < maxDots && s.peek(0).text == "." && s.peek(1).kind == tokenName; n++ {
		s.next()
		path += "." + s.next().text
	}
	return path, n > 0
}

// getattr reads ("a.b", "c") behind the name, if it has that form; the first part may be such a call itself.
func (s *scanner) getattr() (string, bool) {
	path, n, ok := s.attribute(0, 0)
	if !ok {
		return "", false
	}
	for ; n > 0; n-- {
		s.next()
	}
	return path, true
}

// attribute reads the brackets of a getattr that begin n tokens ahead and says how many tokens ahead they end.
func (s *scanner) attribute(n, depth int) (path string, end int, ok bool) {
	if s.peek(n).text != "(" || s.peek(n+1).kind != tokenName || depth > 8 {
		return "", 0, false
	}
	path = s.peek(n + 1).text
	n += 2
	if path == "getattr" {
		if path, n, ok = s.attribute(n, depth+1); !ok {
			return "", 0, false
		}
	}
	for start := n; s.peek(n).text == "." && s.peek(n+1).kind == tokenName && n-start < 2*maxDots; n += 2 {
		path += "." + s.peek(n+1).text
	}
	if s.peek(n).text != "," || s.peek(n+1).kind != tokenString {
		return "", 0, false
	}
	path += "." + unquote(s.peek(n+1).text)
	if n += 2; s.peek(n).text == "," {
		n++
	}
	return path, n + 1, s.peek(n).text == ")"
}

// assign remembers name = "text" and name = a.b, the two forms in which torch moves constants and functions out of a line.
func (s *scanner) assign(name string) {
	delete(s.known, name)
	t := s.peek(1)
	switch t.kind {
	case tokenString:
		if k := s.peek(2).kind; k == tokenNewline || k == tokenEnd {
			s.known[name] = t.text
		}
	case tokenName:
		n, path := 2, t.text
		for s.peek(n).text == "." && s.peek(n+1).kind == tokenName && n < maxDots {
			path += "." + s.peek(n+1).text
			n += 2
		}
		if k := s.peek(n).kind; k == tokenNewline || k == tokenEnd {
			s.known[name] = s.expand(path)
		}
	}
}

// expand replaces the first name of a path by what was assigned to it.
func (s *scanner) expand(path string) string {
	head, tail, dotted := strings.Cut(path, ".")
	v, ok := s.known[head]
	switch {
	case !ok || len(v) > 4*maxArgText:
		return path
	case !dotted:
		return v
	case v != "" && (v[0] == '"' || v[0] == '\''):
		return path
	}
	return v + "." + tail
}

// use judges a path that is named somewhere, most often to be called.
func (s *scanner) use(path string, t token) {
	path = s.expand(path)
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		s.fn.names[path[i+1:]] = true
	} else {
		s.fn.names[path] = true
	}
	if path == "__torch__" || strings.HasPrefix(path, "__torch__.") {
		if c, ok := strings.CutPrefix(path, "__torch__.torch.classes."); ok {
			s.custom(c, t)
		}
		parts := strings.Split(path, ".")
		for _, p := range parts[1:] { // a class that is named may be constructed: its methods count as reached by their names
			s.fn.names[p] = true
		}
		return
	}
	if path == "torch" || path == "ops" || strings.HasPrefix(path, "ops.") && strings.Count(path, ".") == 1 {
		// torch.jit writes these names only in front of an operator; standing alone they are on their way to one that will not show.
		s.call("obscured::"+path, t)
		return
	}
	if callee := resolve(path); callee != "" && classifyOp(callee) != opPlain {
		s.call(callee, t)
	}
}

// custom reports a class of a C++ extension. Those that torch brings itself hold packed weights and are not worth a fact.
func (s *scanner) custom(name string, t token) {
	space, _, _ := strings.Cut(name, ".")
	if !plainSpaces[space] {
		s.call("classes::"+strings.ReplaceAll(name, ".", "::"), t)
	}
}

// method judges .name behind an expression. Only a namespace in brackets matters, (torch).save: torch 1.13 takes aten::save as a method of no
// value (its first argument is not called self; tried with real archives), and namespaces in deeper brackets were reported on their own.
func (s *scanner) method() {
	receiver := ""
	if n := len(s.back); n >= 4 && s.back[n-2].text == ")" && s.back[n-3].kind == tokenName && s.back[n-4].text == "(" && !s.called(n-5) {
		receiver = s.back[n-3].text
	}
	t := s.next()
	path, _ := s.dots(t.text)
	s.fn.names[path[strings.LastIndexByte(path, '.')+1:]] = true
	if receiver != "" && resolve(s.expand(receiver)+"."+path) != "" {
		s.use(receiver+"."+path, t)
	}
}

// called reports whether the bracket behind token n of this line is that of a call.
func (s *scanner) called(n int) bool {
	return n >= 0 && (s.back[n].kind == tokenName && s.back[n].text != "return" || s.back[n].text == ")" || s.back[n].text == "]")
}

// resolve names the operator behind torch.x or ops.space.x; "" when the path is something else.
func resolve(path string) string {
	parts := strings.Split(path, ".")
	last := parts[len(parts)-1]
	switch {
	case parts[0] == "torch" && len(parts) > 1:
		if len(parts) > 3 && parts[1] == "ops" {
			return parts[2] + "::" + parts[3]
		}
		if len(parts) > 3 && parts[1] == "classes" {
			return "classes::" + strings.Join(parts[2:], "::")
		}
		return "aten::" + last
	case parts[0] == "ops" && len(parts) > 2:
		return parts[1] + "::" + parts[2]
	}
	return ""
}

// call records a call, or a mere mention when no bracket follows.
func (s *scanner) call(callee string, t token) {
	kind := classifyOp(callee)
	if s.prog.calls == nil {
		s.prog.calls = map[opKind]int{}
	}
	if s.prog.calls[kind]++; s.prog.calls[kind] > maxCalls {
		return
	}
	c := weir.Call{Callee: callee, Func: s.fn.title(), At: int64(t.at), Line: int(t.line)}
	if s.peek(0).text == "(" {
		c.Args = s.args()
	}
	s.fn.calls = append(s.fn.calls, c)
}

// args gives the text of the arguments that follow, without consuming them: they may hold calls of their own.
func (s *scanner) args() []string {
	var args []string
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 && len(args) < maxCallArgs {
			args = append(args, cut(b.String(), maxArgText))
		}
		b.Reset()
	}
	depth := 0
	for n := 0; n < maxTokensInArg; n++ {
		t := s.peek(n)
		if t.kind == tokenEnd {
			break
		}
		text := t.text
		if t.kind == tokenOp {
			switch text {
			case "(", "[", "{":
				if depth++; depth == 1 {
					continue
				}
			case ")", "]", "}":
				if depth--; depth == 0 {
					flush()
					return args
				}
			case ",":
				if depth == 1 {
					flush()
					continue
				}
			}
		}
		if t.kind == tokenName && b.Len() == 0 && (s.peek(n+1).text == "," || s.peek(n+1).text == ")") {
			text = s.expand(text)
		}
		if b.Len() < maxArgText+1 {
			b.WriteString(text)
			if text == "," {
				b.WriteByte(' ')
			}
		}
	}
	flush()
	return args
}

// cut shortens a text to n bytes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
