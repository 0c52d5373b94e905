package javasource

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"weir/internal/format"
)

// Import is an import declaration.
type Import struct {
	Name   string // java.util.Map, java.util.* or, when static, java.lang.Math.max
	Static bool
	At     int64
	Line   int
}

// Type is a class, interface, enum, record or annotation that the source declares.
type Type struct {
	Name  string
	Super []string // the types behind extends and implements, resolved
	At    int64
	Line  int
}

// The ways of using a name.
const (
	UseCall      = "call"      // a method is called
	UseNew       = "new"       // an object or array is made
	UseReference = "reference" // Type::method
	UseType      = "type"      // a type is named: a cast, a declaration, an annotation
)

// Use is one name that is used and that the source does not declare itself. The same name, used the same way, is one Use.
type Use struct {
	// Name is resolved as far as the source alone allows: java.lang.Runtime.getRuntime().exec, java.net.URL. A member of something that is
	// not known begins with a dot: .exec. A name that an import on demand may provide begins with "*.".
	Name  string
	How   string
	Args  []string // of the first call: constant strings, concatenated and quoted; … for what is not constant
	In    string   // the method that holds it; <clinit> and <init> for initialisers and constructors
	Auto  bool     // it runs when the class is loaded and an object of it is made
	At    int64
	Line  int
	Count int // further uses
}

// Source is the outline of a compilation unit.
type Source struct {
	Package string
	Imports []Import
	Types   []Type
	Uses    []Use
}

// Bounds of an outline.
const (
	maxUses  = 20_000
	maxNames = 500_000 // names that the source declares
	maxDepth = 2000    // braces and parentheses within each other
	maxArgs  = 8
	maxChain = 64
)

// Read gives the outline of size bytes of source. With an error, what was read before it stands in the outline; past a bound of this package
// or more than steps tokens the error wraps format.ErrLimit.
func Read(src io.ReaderAt, size, steps int64) (*Source, error) {
	o := &outline{lex: NewLexer(src, size), declared: map[string]bool{}, outer: map[string]bool{}, uses: map[string]int{}, imported: map[string]string{}}
	err := o.read(steps)
	o.endChain(Token{Kind: Op})
	o.finish()
	return &o.out, err
}

func (o *outline) read(steps int64) error {
	for range steps {
		t, err := o.lex.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = o.token(t)
		}
		if err != nil {
			return err
		}
		o.prev = t
	}
	return fmt.Errorf("more than %d tokens: %w", steps, format.ErrLimit)
}

// scope is an open brace, parenthesis or bracket.
type scope struct {
	open byte
	body bool // the brace of a type: members stand directly in it
	in   string
	auto bool
	head header // of the member that it belongs to, to go on with behind it
	use  int    // of a parenthesis: the call or the making of an object; -1: none
	made bool
	args []string
	arg  strings.Builder // the constant text of the argument that is being read
	some bool            // the argument has begun
	odd  bool            // the argument is not only constant text
	typ  string          // of a type's brace: its name
}

// header is what is known of the member that is being declared.
type header struct {
	static, paren, assign, typ bool
	words                      int
	name                       string // before the first parenthesis
}

// outline is the state of Read.
type outline struct {
	out      Source
	lex      *Lexer
	stack    []*scope
	head     header
	prev     Token
	prevWord bool // prev is a keyword

	chain   []string // the name that is being read
	first   Token    // its first identifier
	before  Token    // the token before it
	keyword bool     // before is a keyword that is no type
	made    bool     // it stands behind new
	recv    int      // it is a member of the result of this use; -1: of something unknown; -2: of nothing
	last    int      // the use whose result precedes a dot that may come now; -1 unknown, -2 nothing

	declaring string // class, interface, enum, record: the next identifier is the name of a type
	super     bool   // in the extends or implements clause of the newest type
	directive string // import or package, up to its semicolon
	words     []string
	dirAt     Token
	annotated bool // the chain is an annotation
	refer     bool // :: stands before the next identifier
	anonymous bool // the parenthesis that closed last made an object: a brace now opens a class without a name

	outer    map[string]bool // types outside of all others: their names hide packages everywhere (JLS 6.4.2)
	declared map[string]bool
	imported map[string]string // simple name → full name, of types and of static members
	demand   bool              // an import on demand of types, or of static members
	uses     map[string]int
	raw      []rawUse
}

// rawUse is a use before it is known what the source declares.
type rawUse struct {
	Use
	chain []string
	recv  int
}

// keywords of Java, of the JLS 3.9, and literals. The value says whether a declared name may follow.
var keywords = map[string]bool{
	"abstract": false, "assert": false, "break": false, "case": false, "catch": false, "class": false, "const": false, "continue": false, "default": false, "do": false,
	"else": false, "enum": false, "extends": false, "final": false, "finally": false, "for": false, "goto": false, "if": false, "implements": false, "import": false,
	"instanceof": false, "interface": false, "native": false, "new": false, "package": false, "private": false, "protected": false, "public": false, "return": false,
	"static": false, "strictfp": false, "switch": false, "synchronized": false, "throw": false, "throws": false, "transient": false, "try": false, "volatile": false,
	"while": false, "true": false, "false": false, "null": false,
	"boolean": true, "byte": true, "char": true, "double": true, "float": true, "int": true, "long": true, "short": true, "void": true,
}

func (o *outline) top() *scope {
	if len(o.stack) == 0 {
		o.stack = append(o.stack, &scope{open: 'u', body: true, use: -1}) // the compilation unit
	}
	return o.stack[len(o.stack)-1]
}

func (o *outline) token(t Token) error {
	if o.directive != "" {
		o.direct(t)
		return nil
	}
	switch t.Kind {
	case Ident:
		o.word(t)
	case Op:
		return o.op(t)
	default:
		o.literal(t)
	}
	return nil
}

// direct reads an import or package declaration.
func (o *outline) direct(t Token) {
	if t.Kind == Ident || t.Text == "*" {
		if len(o.words) < maxChain {
			o.words = append(o.words, t.Text)
		}
		return
	}
	if t.Text != ";" {
		return
	}
	static := len(o.words) > 0 && o.words[0] == "static"
	if static {
		o.words = o.words[1:]
	}
	name := strings.Join(o.words, ".")
	switch {
	case len(o.words) == 0:
	case o.directive == "package":
		o.out.Package = name
	case len(o.out.Imports) < maxUses:
		o.out.Imports = append(o.out.Imports, Import{Name: name, Static: static, At: o.dirAt.At, Line: o.dirAt.Line})
		if last := o.words[len(o.words)-1]; last == "*" {
			o.demand = true
		} else {
			o.imported[last] = name
		}
	}
	o.directive, o.words = "", nil
}

func (o *outline) word(t Token) {
	typeAfter, isKeyword := keywords[t.Text]
	dotted := o.prev.Kind == Op && o.prev.Text == "."
	if isKeyword && !dotted {
		o.endChain(t)
		o.prevWord = !typeAfter
		o.keywordWord(t)
		return
	}
	if isKeyword { // .class, .new
		o.made = t.Text == "new"
		return
	}
	top := o.top()
	if top.body {
		o.head.words++
	}
	switch {
	case o.declaring != "":
		o.declare(t)
	case o.refer:
		o.refer = false
		o.endReference(t)
	case dotted && len(o.chain) > 0:
		if len(o.chain) < maxChain {
			o.chain = append(o.chain, t.Text)
		}
	case dotted && o.last != -2:
		o.begin(t)
		o.recv = o.last
	default:
		o.endChain(t)
		if t.Text == "record" && top.body {
			o.declaring = "" // a type only when a name and a parenthesis follow; its body is read as one either way
		}
		o.begin(t)
	}
	o.last, o.prevWord = -2, false
}

func (o *outline) begin(t Token) {
	o.chain, o.first, o.before, o.keyword, o.recv = append(o.chain[:0], t.Text), t, o.prev, o.prevWord, -2
	o.annotated = o.prev.Kind == Op && o.prev.Text == "@"
}

// keywordWord notes what a keyword announces.
func (o *outline) keywordWord(t Token) {
	top := o.top()
	o.oddArgument()
	o.last = -2
	if top.body {
		o.head.words++
		o.head.static = o.head.static || t.Text == "static"
	}
	switch t.Text {
	case "import", "package":
		if top.open == 'u' {
			o.directive, o.dirAt = t.Text, t
		}
	case "class", "interface", "enum":
		o.declaring, o.head.typ, o.super = t.Text, true, false
	case "extends", "implements":
		o.super = len(o.out.Types) > 0
	case "new":
		o.made = true
		return
	}
	o.made = false // new int[…]
}

// declare notes a type.
func (o *outline) declare(t Token) {
	o.declaring = ""
	o.name(t.Text)
	if o.top(); len(o.stack) == 1 && len(o.outer) < maxNames {
		o.outer[t.Text] = true
	}
	if len(o.out.Types) < maxUses {
		o.out.Types = append(o.out.Types, Type{Name: t.Text, At: t.At, Line: t.Line})
	}
}

func (o *outline) name(s string) {
	if len(o.declared) < maxNames {
		o.declared[s] = true
	}
}

// literal reads a string, character or number.
func (o *outline) literal(t Token) {
	o.endChain(t)
	top := o.top()
	top.some = true
	o.last = -2
	switch {
	case t.Kind == String || t.Kind == Char:
		if top.arg.Len() < MaxText {
			top.arg.WriteString(t.Text)
		}
		if t.Kind == String {
			o.last = -1
		}
	default:
		top.odd = true
	}
	o.prevWord = false
}

// oddArgument says that the argument that is being read is not constant text.
func (o *outline) oddArgument() {
	top := o.top()
	top.some, top.odd = true, true
}

func (o *outline) op(t Token) error {
	if t.Text == "." && (len(o.chain) > 0 || o.last != -2) {
		return nil // the name goes on, in prev
	}
	if t.Text == "::" {
		o.refer = true
		return nil
	}
	anonymous := o.anonymous && t.Text == "{"
	o.anonymous = false
	use := o.endChain(t)
	o.last = -2
	switch c := t.Text; c {
	case "(", "{", "[":
		return o.open(c[0], use, anonymous)
	case ")", "}", "]":
		o.close(c[0])
	case ",":
		o.endArgument()
	case ";":
		if o.top().body {
			o.head = header{}
		}
		o.super = false
	case "=":
		if o.top().body {
			o.head.assign = true
		}
		o.oddArgument()
	case "+":
	default:
		o.oddArgument()
	}
	o.prevWord = false
	return nil
}

func (o *outline) open(c byte, use int, anonymous bool) error {
	if len(o.stack) > maxDepth {
		return fmt.Errorf("more than %d braces and parentheses within each other: %w", maxDepth, format.ErrLimit)
	}
	top := o.top()
	top.some = true
	if use < 0 || c != '(' {
		top.odd = top.odd || c != '('
	}
	s := &scope{open: c, in: top.in, auto: top.auto, use: -1}
	if top.body { // what stands directly in a type and is no method runs when the class is loaded or an object made
		s.auto, s.in = true, o.initialiser()
	}
	switch c {
	case '(':
		s.use, s.made = use, use >= 0 && o.raw[use].How == UseNew
	case '{':
		s.head = o.head
		o.brace(s, top, anonymous)
		o.head, o.super = header{}, false
	}
	o.stack = append(o.stack, s)
	return nil
}

// initialiser is where code runs that stands directly in a type.
func (o *outline) initialiser() string {
	if o.head.static {
		return "<clinit>"
	}
	return "<init>"
}

// brace says what an open brace begins.
func (o *outline) brace(s, top *scope, anonymous bool) {
	switch h := o.head; {
	case anonymous:
		s.body, s.auto = true, top.auto || top.body
	case h.typ:
		s.body, s.auto, s.in = true, top.auto && !top.body, ""
		if n := len(o.out.Types); n > 0 {
			s.typ = o.out.Types[n-1].Name
		}
	case !top.body || h.assign || h.words == 0 || h.words == 1 && h.static:
	case h.paren && h.name != top.typ:
		s.in, s.auto = h.name, top.auto
	case h.paren || h.words > 0:
		s.in = "<init>" // a constructor, that of a record among them
	}
}

func (o *outline) close(c byte) {
	if len(o.stack) < 2 {
		return
	}
	s := o.top()
	o.stack = o.stack[:len(o.stack)-1]
	switch {
	case c == '}':
		o.head = header{}
		if s.head.assign {
			o.head = s.head
		}
		o.oddArgument()
	case c == ')' && s.use >= 0:
		if s.some {
			s.push()
		}
		if u := &o.raw[s.use]; u.Args == nil {
			u.Args = s.args
		}
		o.oddArgument()
		o.last, o.anonymous = s.use, s.made
	case c == ')':
		top := o.top()
		top.odd = top.odd || s.odd || len(s.args) > 0
		if top.arg.Len() < MaxText {
			top.arg.WriteString(s.arg.String())
		}
		o.last = -1
	default:
		o.oddArgument()
		o.last = -1
	}
}

func (o *outline) endArgument() {
	if s := o.top(); s.open == '(' {
		s.push()
	}
}

// push keeps the argument that was read.
func (s *scope) push() {
	if len(s.args) < maxArgs {
		text := "…"
		switch {
		case !s.odd:
			text = fmt.Sprintf("%q", s.arg.String())
		case s.arg.Len() > 0:
			text = fmt.Sprintf("%q + …", s.arg.String())
		}
		s.args = append(s.args, text)
	}
	s.arg.Reset()
	s.some, s.odd = false, false
}

// endChain decides what the name that was read is, by the token behind it, and returns the index of its use when that can be called.
func (o *outline) endChain(next Token) int {
	if len(o.chain) == 0 {
		return -1
	}
	chain, top := o.chain, o.top()
	defer func() { o.chain, o.made = o.chain[:0], false }()
	called := next.Kind == Op && next.Text == "("
	if o.super && !called {
		if n := len(o.out.Types); n > 0 && len(o.out.Types[n-1].Super) < maxChain {
			o.out.Types[n-1].Super = append(o.out.Types[n-1].Super, o.qualify(chain))
		}
	}
	switch {
	case called && top.body && !o.head.assign && !o.annotated && !o.made:
		o.head.paren = true
		if o.head.name == "" {
			o.head.name = chain[len(chain)-1]
		}
		o.name(chain[len(chain)-1])
		return -1
	case o.made:
		return o.use(UseNew)
	case called && !o.annotated:
		return o.use(UseCall)
	case o.variable(next):
		o.name(chain[0])
		if top.body {
			o.head.name = ""
		}
		return -1
	case o.recv == -2 && typeLike(chain):
		o.use(UseType)
	}
	o.oddArgument()
	return -1
}

// endReference notes Type::method, t being the method.
func (o *outline) endReference(t Token) {
	if len(o.chain) == 0 {
		o.begin(t)
		o.recv = -1
	} else {
		o.chain = append(o.chain, t.Text)
	}
	o.use(UseReference)
	o.chain = o.chain[:0]
	o.oddArgument()
}

// variable reports whether the name is that of a variable, field or parameter that is declared here: a type stands before it.
func (o *outline) variable(next Token) bool {
	if len(o.chain) != 1 || o.recv != -2 || o.annotated {
		return false
	}
	if next.Text == "->" {
		return true
	}
	if next.Kind != Op || !strings.Contains("=;,):[", next.Text) {
		return false
	}
	switch b := o.before; {
	case b.Kind == Ident:
		return !o.keyword
	case b.Kind == Op && b.Text == ",":
		return o.top().open != '(' && next.Text != ")"
	default:
		return b.Kind == Op && (b.Text == "]" || b.Text == ">" || b.Text == ".")
	}
}

// typeLike reports whether a name looks like that of a type, or of something in one: Runtime, java.lang.Runtime, VALUES.
func typeLike(chain []string) bool {
	for _, s := range chain {
		if c, _ := utf8.DecodeRuneInString(s); unicode.IsUpper(c) {
			return true
		}
	}
	return false
}

// use notes the name that was read.
func (o *outline) use(how string) int {
	top := o.top()
	key := fmt.Sprintf("%s %d %t %s", how, o.recv, top.auto, strings.Join(o.chain, "."))
	if i, ok := o.uses[key]; ok {
		o.raw[i].Count++
		return i
	}
	if len(o.raw) >= maxUses {
		return -1
	}
	u := rawUse{chain: append([]string(nil), o.chain...), recv: o.recv}
	u.How, u.In, u.Auto, u.At, u.Line = how, top.in, top.auto || top.body, o.first.At, o.first.Line
	if top.body && u.In == "" && len(o.stack) > 1 {
		u.In = o.initialiser()
	}
	o.uses[key] = len(o.raw)
	o.raw = append(o.raw, u)
	return len(o.raw) - 1
}
