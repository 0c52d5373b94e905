package pycode

import (
	"slices"
	"strconv"
	"strings"
)

// Bounds of one reading.
const (
	maxStack  = 256
	maxBranch = 32       // of the stack that is kept for the other side of a branch
	maxVisits = 3        // per offset: once per different stack
	maxSteps  = 1 << 19  // instructions of one code object and all that it holds
	maxNames  = 4096     // dotted names of a report
	maxLines  = 400      // of the pseudo-listing of one code object
	maxNest   = 64       // code objects within code objects
	maxListed = 16 << 10 // bytes of a whole pseudo-listing
)

// line is one line of a pseudo-listing.
type line struct {
	at   int
	text string
}

// reading is one way to read a code object: the names that it uses under the opcodes of one version.
type reading struct {
	version Version
	names   []string
	lines   []line
	broken  int             // places, reached by execution, where no interpreter would go on
	early   bool            // one of them lies before the first branch: this version cannot even begin
	odd     int             // valid instructions that compilers do not write
	unused  int             // names that no instruction refers to
	spelled map[string]bool // names and attribute chains as the code spells them
	steps   int
}

// scope is what is known of variables: those of one function, linked to the scopes around it.
type scope struct {
	vars  map[string]*variable // global names as they are, variables of functions behind a NUL
	outer *scope               // of the code object that holds this one
}

// variable collects all values that code stores under one name, whatever the order.
type variable struct {
	values  []*value
	unknown bool // something else is stored as well
	other   bool // something else than functions and classes is stored
}

func (s *scope) store(name string, v *value) {
	x := s.vars[name]
	if x == nil {
		if len(s.vars) >= 4096 {
			return
		}
		x = &variable{}
		s.vars[name] = x
	}
	x.other = x.other || !v.def
	known := v.paths != nil || v.con != nil || v.items != nil || v.scope
	if !known || len(x.values) >= maxPaths {
		x.unknown = true
		return
	}
	for _, old := range x.values {
		if slices.Equal(old.paths, v.paths) && old.text == v.text && old.made == v.made {
			return
		}
	}
	x.values = append(x.values, v)
}

// load gives what a variable may hold, under its own name as text; nil when nothing is known of it.
func (s *scope) load(name string) *value {
	if s == nil {
		return nil
	}
	x := s.vars[name]
	if x == nil || len(x.values) == 0 {
		return nil
	}
	if len(x.values) == 1 && !x.unknown {
		v := *x.values[0]
		if v.con == nil {
			v.text = plain(strings.TrimPrefix(name, "\x00"))
		}
		return &v
	}
	out := unknown(plain(strings.TrimPrefix(name, "\x00")))
	made := true
	for _, v := range x.values {
		made = made && v.made
	}
	out.made = made
	for _, v := range x.values {
		for _, p := range v.paths {
			if v.made == made {
				out.addPath(p)
			}
		}
		out.scope = out.scope || v.scope
	}
	return out
}

// reader executes one code object symbolically.
type reader struct {
	c     *Code
	root  *Code // the outermost one
	t     *table
	out   *reading
	vars  *scope
	count map[string]int // dotted name → uses other than as the head of a longer one
	order []string
	stack []*value
	seen  [][maxVisits]uint32 // per offset: what lay on the stack when it was visited
	done  []bool              // offsets that some instruction covers
	todo  []branch
	kw    *value // names of keyword arguments: KW_NAMES
	stars []string
	write bool   // second pass: names and lines count
	first bool   // nothing has branched yet
	used  []bool // names that some instruction refers to
}

type branch struct {
	at    int
	stack []*value
}

// read reads a code object and all that its constants hold, under one version.
func read(c *Code, v Version) *reading {
	out := &reading{version: v, spelled: map[string]bool{}}
	visited := map[*Code]bool{}
	readInto(c, c, out, nil, visited, 0)
	return out
}

func readInto(c, root *Code, out *reading, outer *scope, visited map[*Code]bool, depth int) {
	if visited[c] || depth > maxNest {
		return
	}
	visited[c] = true
	r := &reader{
		c: c, root: root, used: make([]bool, len(c.Names)), t: tables()[out.version], out: out, count: map[string]int{},
		vars: &scope{vars: map[string]*variable{}, outer: outer},
	}
	r.pass()
	r.write = true
	start := len(out.lines)
	r.pass()
	slices.SortStableFunc(out.lines[start:], func(a, b line) int { return a.at - b.at })
	for _, used := range r.used {
		if !used {
			out.unused++
		}
	}
	for _, name := range r.order {
		if r.count[name] > 0 && len(out.names) < maxNames && !slices.Contains(out.names[max(0, len(out.names)-512):], name) {
			out.names = append(out.names, name)
		}
	}
	for _, n := range c.Nested() {
		if len(out.lines) < maxLines {
			out.lines = append(out.lines, line{-1, plain(n.Title())})
		}
		readInto(n, root, out, r.vars, visited, depth+1)
	}
}

// pass walks all code that can be reached, then what is left.
func (r *reader) pass() {
	code := r.c.Bytecode
	r.seen, r.done = make([][maxVisits]uint32, len(code)), make([]bool, len(code))
	r.count, r.order, r.stars = map[string]int{}, nil, nil
	r.first = true
	r.todo = []branch{{at: 0}}
	for _, h := range handlers(r.c.Handlers) {
		r.todo = append(r.todo, branch{at: h})
	}
	r.todo[0], r.todo[len(r.todo)-1] = r.todo[len(r.todo)-1], r.todo[0]
	for len(r.todo) > 0 {
		b := r.todo[len(r.todo)-1]
		r.todo = r.todo[:len(r.todo)-1]
		r.stack = b.stack
		r.walk(b.at, true)
	}
	for at := 0; at < len(code); {
		if r.done[at] {
			at++
			continue
		}
		r.stack = nil
		at = max(at+1, r.walk(at, false))
	}
}

// walk reads instructions from an offset until nothing follows. It returns where it stopped.
func (r *reader) walk(pos int, live bool) int {
	code := r.c.Bytecode
	for {
		if pos < 0 || pos >= len(code) || r.t.version >= 306 && pos%2 != 0 {
			r.fault(live)
			return pos
		}
		if !live && r.done[pos] {
			return pos
		}
		if r.out.steps++; r.out.steps > maxSteps || r.visited(pos) {
			return pos
		}
		in := r.t.decode(code, pos)
		for i := pos; i < in.next; i++ {
			r.done[i] = true
		}
		if in.bad {
			r.fault(live)
			return in.next
		}
		if in.odd && live && r.write {
			r.out.odd++
		}
		before := len(r.stack)
		r.step(in, live)
		if to, ok := r.t.target(in); ok {
			r.jump(in, to, before, live)
		}
		if ends(in.op) {
			return in.next
		}
		pos = in.next
	}
}

func (r *reader) fault(live bool) {
	if live && r.write {
		r.out.broken++
		r.out.early = r.out.early || r.first
	}
}

// visited reports whether an offset was read with this stack, or often enough.
func (r *reader) visited(pos int) bool {
	key := uint32(2166136261) // FNV-1a of what lies on top, which is what differs between ways that meet: a if c else b
	for i := 1; i <= min(2, len(r.stack)); i++ {
		for _, p := range r.stack[len(r.stack)-i].paths {
			for _, c := range []byte(p) {
				key = (key ^ uint32(c)) * 16777619
			}
			key++
		}
		key = (key ^ uint32(i)) * 16777619
	}
	key |= 1 // zero is free
	for i, old := range r.seen[pos] {
		switch old {
		case key:
			return true
		case 0:
			r.seen[pos][i] = key
			return false
		}
	}
	return true
}

// jump notes the target of a jump with the stack that it finds there.
func (r *reader) jump(in instruction, to, before int, live bool) {
	if !live {
		return
	}
	stack := r.stack
	switch in.op {
	case "FOR_ITER": // the iterator is used up, and there is no next value
		stack = stack[:max(0, len(stack)-1)]
		if r.t.version < 312 {
			stack = stack[:max(0, len(stack)-1)]
		}
	case "JUMP_IF_FALSE_OR_POP", "JUMP_IF_TRUE_OR_POP":
		if before > len(r.stack) {
			stack = r.stack[:before] // the value stays
		}
	case "SETUP_FINALLY", "SETUP_EXCEPT", "SETUP_WITH", "SETUP_ASYNC_WITH":
		stack = append(slices.Clone(stack), unknown("exc"), unknown("exc"), unknown("exc"))
	}
	if to < 0 || to >= len(r.seen) || r.seen[to][maxVisits-1] == 0 && len(r.todo) < 1<<14 {
		r.todo = append(r.todo, branch{at: to, stack: slices.Clone(stack[max(0, len(stack)-maxBranch):])})
	}
	if !ends(in.op) {
		r.first = false
	}
}

func (r *reader) push(vs ...*value) {
	for _, v := range vs {
		if len(r.stack) >= maxStack {
			copy(r.stack, r.stack[1:])
			r.stack = r.stack[:len(r.stack)-1]
		}
		r.stack = append(r.stack, v)
	}
}

// pop takes the top value; of what lies below all that is known, nothing is known.
func (r *reader) pop() *value {
	n := len(r.stack)
	if n == 0 {
		return anything
	}
	v := r.stack[n-1]
	r.stack = r.stack[:n-1]
	return v
}

// popN takes n values, the deepest first.
func (r *reader) popN(n int) []*value {
	n = max(n, 0)
	kept := min(n, maxStack)
	out := make([]*value, kept)
	for i := kept - 1; i >= 0; i-- {
		out[i] = r.pop()
	}
	for range n - kept {
		if len(r.stack) == 0 {
			break
		}
		r.pop()
	}
	return out
}

// peek gives the value n places below the top, from 1.
func (r *reader) peek(n int) *value {
	if n < 1 || n > len(r.stack) {
		return anything
	}
	return r.stack[len(r.stack)-n]
}

// use counts a name: a value that it leads to is at hand.
func (r *reader) use(v *value, by int) {
	if v.made {
		return
	}
	for _, p := range v.paths {
		if _, ok := r.count[p]; !ok {
			if len(r.order) >= maxNames {
				continue
			}
			r.order = append(r.order, p)
		}
		r.count[p] += by
	}
}

func (r *reader) note(v *value) {
	if v.spell != "" && r.write && len(r.out.spelled) < 1<<16 {
		r.out.spelled[v.spell] = true
	}
}

func (r *reader) say(in instruction, text string) {
	if r.write && len(r.out.lines) < maxLines && !slices.ContainsFunc(r.out.lines, func(l line) bool { return l.text == text }) {
		r.out.lines = append(r.out.lines, line{in.at, text})
	}
}

// name gives names[i].
func (r *reader) name(i int, live bool) string {
	s, ok := at(r.c.Names, i)
	if !ok {
		r.fault(live)
		return ""
	}
	r.used[i] = true
	return s
}

// loadName is a lookup of a name that is no variable of a function: what this code, or the module around it, stores there.
func (r *reader) loadName(name string) *value {
	v := &value{text: plain(name), spell: name}
	hidden := false
	for s := r.vars; s != nil; s = s.outer {
		if s != r.vars && s.outer != nil {
			continue // names of an enclosing class or function are not global
		}
		x := s.vars[name]
		if x == nil {
			continue
		}
		if got := s.load(name); got != nil {
			c := *got
			c.text, c.spell = v.text, name
			v = &c
		}
		// What is stored may never be stored when the code runs: then the name is a builtin after all. A module's own function is that function.
		hidden = r.vars.outer != nil || r.c.Flags&0x2 == 0 // CO_NEWLOCALS: a function
		hidden = hidden && (!x.other || !builtin[name])
		break
	}
	if to := r.root.Globals[name]; to != "" && !hidden && !v.made {
		v.addPath(to)
	} else if !hidden && !v.made {
		v.addPath(name)
		for _, m := range r.stars {
			v.addPath(m + "." + name)
		}
	}
	return v
}

// builtin lists the builtins that do something to the world or to names.
var builtin = map[string]bool{
	"__import__": true, "__builtins__": true, "apply": true, "breakpoint": true, "compile": true, "delattr": true, "eval": true, "exec": true,
	"execfile": true, "file": true, "getattr": true, "globals": true, "input": true, "locals": true, "memoryview": true, "open": true,
	"raw_input": true, "reload": true, "setattr": true, "vars": true,
}

// Keys of the variables of functions, which are apart from global names.
func fastKey(name string) string { return "\x00" + name }

// loadLocal is a lookup of a variable of this function.
func (r *reader) loadLocal(name string) *value {
	if v := r.vars.load(fastKey(name)); v != nil {
		return v
	}
	return unknown(plain(name))
}

// loadFree is a lookup of a variable of an enclosing function. What it holds is known if that function is at hand. If not, its name tells:
// it may be a module, whose attributes count.
func (r *reader) loadFree(name string) *value {
	if v := r.vars.load(fastKey(name)); v != nil {
		return v
	}
	for s := r.vars.outer; s != nil; s = s.outer {
		if v := s.load(fastKey(name)); v != nil {
			return v
		}
		if s.vars[fastKey(name)] != nil {
			return unknown(plain(name))
		}
	}
	if r.vars.outer == nil && slices.Contains(r.c.Frees, name) {
		return &value{text: plain(name), paths: []string{name}, module: true}
	}
	return unknown(plain(name))
}

func (r *reader) local(i int, live bool) string {
	s, ok := at(r.c.Locals, i)
	if !ok {
		r.fault(live)
		return "?"
	}
	return s
}

// loadAttr pushes v.name.
func (r *reader) loadAttr(v *value, name string) *value {
	out := v.attr(name)
	if !v.module {
		r.use(v, -1)
	}
	r.use(out, 1)
	r.note(out)
	return out
}

// operator spells for display.
var operators = map[int]string{0: "+", 1: "&", 2: "//", 3: "<<", 4: "@", 5: "*", 6: "%", 7: "|", 8: "**", 9: ">>", 10: "-", 11: "/", 12: "^"}

func (r *reader) binary(op string) {
	b, a := r.pop(), r.pop()
	if op == "+" || op == "+=" {
		if v, ok := add(a, b); ok {
			r.push(v)
			return
		}
	}
	v := unknown(a.text + " " + op + " " + b.text)
	r.push(v)
}

// imported executes IMPORT_NAME.
func (r *reader) imported(in instruction, name string) {
	from, level := r.pop(), r.pop()
	if n, ok := level.int(); ok && n > 0 {
		name = strings.Repeat(".", int(min(n, 8))) + name
	}
	v := &value{text: plain(name), module: true}
	if items, ok := from.elements(); ok && len(items) > 0 {
		v.addPath(name)
	} else {
		r.say(in, "import "+plain(name))
		top, _, _ := strings.Cut(name, ".")
		if top == "" {
			top = name
		}
		r.count1(name)
		v.addPath(top)
		v.text = plain(top)
	}
	r.use(v, 1)
	r.push(v)
}

// count1 counts a name as used.
func (r *reader) count1(name string) { r.use(&value{paths: []string{name}}, 1) }

// call executes a call: args in order, keyword names for the last of them.
func (r *reader) call(in instruction, fn *value, args []*value, names []string, star string) {
	var words []string
	for i, a := range args {
		if i == 8 {
			words = append(words, "…")
			break
		}
		w := a.text
		if k := i - (len(args) - len(names)); k >= 0 {
			w = plain(names[k]) + "=" + w
		}
		words = append(words, w)
	}
	if star != "" {
		words = append(words, star)
	}
	text := cut(fn.text+"("+strings.Join(words, ", ")+")", maxText)
	if len(fn.paths) > 0 && !fn.made || fn.spell != "" {
		shown := text
		if len(fn.paths) > 0 && !fn.made && fn.text != fn.paths[0] && !strings.HasSuffix(fn.paths[0], "."+fn.text) {
			shown += "  # " + plain(strings.Join(fn.paths, " or "))
		}
		r.say(in, cut(shown, maxText))
	}
	r.push(r.result(fn, args, names, text))
}

// result gives what is known of the value that a call returns.
func (r *reader) result(fn *value, args []*value, names []string, text string) *value {
	out := unknown(text)
	arg := func(i int) (string, bool) {
		if i >= len(args)-len(names) {
			return "", false
		}
		return args[i].str()
	}
	switch {
	case fn.is("__import__", "importlib.import_module", "importlib.__import__"):
		for i, k := range names {
			if k == "name" && i+len(args)-len(names) < len(args) {
				args, names = []*value{args[i+len(args)-len(names)]}, nil
				break
			}
		}
		if s, ok := arg(0); ok {
			if !fn.is("importlib.import_module") && len(args)+len(names) < 4 {
				s, _, _ = strings.Cut(s, ".")
			}
			out.addPath(s)
			out.module = true
			r.use(out, 1)
			return out
		}
	case fn.is("getattr", "operator.attrgetter"):
		if s, ok := arg(1); ok && fn.is("getattr") {
			v := args[0].attr(s)
			v.text, v.spell = cut(text, maxText), ""
			r.use(v, 1)
			return v
		}
		if s, ok := arg(0); ok && fn.is("operator.attrgetter") {
			out.con = &Object{Kind: Unknown, Text: s}
			return out
		}
	case fn.is("globals", "locals"), fn.is("vars") && len(args) == 0:
		out.scope = true
		return out
	case fn.is("vars") && len(args) == 1:
		v := args[0].attr("__dict__")
		v.text = out.text
		return v
	case fn.con != nil && fn.con.Kind == Unknown && len(args) == 1: // attrgetter("a.b")(x)
		v := args[0]
		for part := range strings.SplitSeq(fn.con.Text, ".") {
			v = v.attr(part)
		}
		v.spell = ""
		r.use(v, 1)
		return v
	}
	if v, ok := fold(fn, args); ok && len(names) == 0 {
		return v
	}
	if m, ok := r.getItem(fn, args); ok {
		return m
	}
	if !fn.made {
		out.paths, out.made = fn.paths, len(fn.paths) > 0
	}
	return out
}

// getItem follows d.get("x"), d.pop("x") and d.__getitem__("x") of dictionaries that hold modules or names.
func (r *reader) getItem(fn *value, args []*value) (*value, bool) {
	if len(args) == 0 || fn.made {
		return nil, false
	}
	for _, p := range fn.paths {
		for _, m := range []string{".get", ".pop", ".__getitem__", ".setdefault"} {
			base, ok := strings.CutSuffix(p, m)
			if !ok || base != "sys.modules" && base != "__builtins__" && !strings.HasSuffix(base, ".__dict__") {
				continue
			}
			v := (&value{paths: []string{base}, text: base}).item(args[0])
			if v.paths != nil {
				r.use(v, 1)
				return v, true
			}
		}
	}
	return nil, false
}

// slotCall executes the calls of 3.11 and later, where two values lie below the arguments: a callable and either nothing or a first argument.
func (r *reader) slotCall(in instruction, n int, names []string, kind string) {
	args := r.popN(n)
	b, a := r.pop(), r.pop()
	fn, self := b, a
	if r.t.version >= 313 {
		fn, self = a, b
	}
	switch {
	case self.null:
	case r.t.version >= 313:
		args = append([]*value{self}, args...)
	default: // callable below its first argument
		fn, args = a, append([]*value{b}, args...)
	}
	r.call(in, fn, args, names, kind)
}

// keywords gives constant names of keyword arguments.
func keywords(v *value) []string {
	items, _ := v.elements()
	var out []string
	for _, x := range items {
		s, _ := x.str()
		out = append(out, s)
	}
	return out
}

// spread gives the arguments of f(*args, **kw).
func spread(args, kw *value) (list []*value, star string) {
	list, ok := args.elements()
	if !ok {
		star = "*" + args.text
	}
	if kw != nil && !kw.null {
		if star != "" {
			star += ", "
		}
		star += "**" + kw.text
	}
	return list, star
}

// small writes an integer.
func small(n int) *value { return constant(&Object{Kind: Int, Text: strconv.Itoa(n)}) }
