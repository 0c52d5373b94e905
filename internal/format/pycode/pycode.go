// Package pycode reads Python code objects: marshal data, .pyc files and the arguments of types.CodeType, and says which dotted names
// their bytecode imports, loads and calls, for every CPython from 2.7 to 3.14.
//
// Start with [Code] and [Read]. Nothing is executed: [Read] follows the bytecode with symbolic values, far enough to see through aliases,
// __import__, getattr with constant names and strings that are put together from constants. Where the version of the bytecode is not known
// it is read as every version that fits.
package pycode

import (
	"fmt"
	"slices"
	"strings"
)

// Version is a version of CPython as major*100+minor: 207, 311. Zero stands for an unknown one.
type Version int

// String writes the version with a dot.
func (v Version) String() string { return fmt.Sprintf("%d.%d", int(v)/100, int(v)%100) }

// Layout is the order of a code object's parts, which changed with these versions.
type Layout int

// The layouts. Their values are their first versions.
const (
	Layout2   Layout = 207 // argcount, nlocals, stacksize, flags
	Layout30  Layout = 300 // and kwonlyargcount
	Layout38  Layout = 308 // and posonlyargcount
	Layout311 Layout = 311 // one tuple for all local variables, qualname, exceptiontable
)

// layouts lists all, oldest first.
var layouts = []Layout{Layout2, Layout30, Layout38, Layout311}

// layoutOf tells how a version lays out code objects.
func layoutOf(v Version) Layout {
	l := Layout2
	for _, x := range layouts {
		if Version(x) <= v {
			l = x
		}
	}
	return l
}

// versions lists the bytecode tables that share a layout.
func (l Layout) versions() []Version {
	var out []Version
	for _, v := range tableVersions {
		if layoutOf(v) == l {
			out = append(out, v)
		}
	}
	return out
}

// Kind is the type of a constant.
type Kind uint8

// The kinds of objects that marshal writes, and Unknown for what a pickle computes.
const (
	Unknown Kind = iota
	None
	Bool
	Int
	Float
	Complex
	Str
	Bytes
	Ellipsis
	Tuple
	List
	Dict // Items: key, value, key, value …
	Set
	Slice
	CodeObject
)

// Object is a constant. Text is the text of a Str, the content of Bytes, and Python's spelling of everything else that is a scalar.
type Object struct {
	Kind  Kind
	Text  string
	Items []*Object
	Code  *Code
}

// Code is one code object.
type Code struct {
	Layout    Layout
	Version   Version // zero when unknown: then every version of the layout is tried
	Args      int     // positional and keyword-only arguments: so many of the first locals are given by the caller
	Flags     int64
	Bytecode  string
	Consts    []*Object
	Names     []string
	Locals    []string // co_varnames; from 3.11 on cell and free variables too
	Cells     []string // before 3.11
	Frees     []string
	Handlers  string // the encoded exception table of 3.11 and later
	Filename  string
	Name      string
	Qualname  string
	FirstLine int64
	Globals   map[string]string // global name → dotted name of what it holds, where whoever made the function says so
}

// versionsToTry lists the tables under which the bytecode may have to be read.
func (c *Code) versionsToTry() []Version {
	if c.Version != 0 {
		return []Version{nearest(c.Version)}
	}
	return c.Layout.versions()
}

// Title names the code object for a person.
func (c *Code) Title() string {
	if c.Qualname != "" {
		return c.Qualname
	}
	return c.Name
}

// deref names a cell or free variable.
func (c *Code) deref(i int) (name string, ok bool) {
	if c.Layout >= Layout311 {
		return at(c.Locals, i)
	}
	if i >= 0 && i < len(c.Cells) {
		return c.Cells[i], true
	}
	return at(c.Frees, i-len(c.Cells))
}

func at(names []string, i int) (string, bool) {
	if i < 0 || i >= len(names) {
		return "", false
	}
	return names[i], true
}

// Nested lists the code objects among the constants, in their order.
func (c *Code) Nested() []*Code {
	var out []*Code
	for _, o := range c.Consts {
		if o != nil && o.Kind == CodeObject && !slices.Contains(out, o.Code) {
			out = append(out, o.Code)
		}
	}
	return out
}

// quote writes s as a Python literal of at most max bytes.
func quote(s string, max int, prefix string) string {
	cut := ""
	if len(s) > max {
		s, cut = s[:max], "…"
	}
	var b strings.Builder
	b.WriteString(prefix)
	b.WriteByte('\'')
	for _, r := range strings.ToValidUTF8(s, "\ufffd") {
		switch {
		case r == '\'' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString("\\n")
		case r == '\r':
			b.WriteString("\\r")
		case r == '\t':
			b.WriteString("\\t")
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, "\\x%02x", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('\'')
	b.WriteString(cut)
	return b.String()
}

// maxConstant bounds the text of a constant that is shown.
const maxConstant = 120

// show writes a constant as Python.
func (o *Object) show(depth int) string {
	if o == nil {
		return "?"
	}
	switch o.Kind {
	case Str:
		return quote(o.Text, maxConstant, "")
	case Bytes:
		return quote(latin1(o.Text[:min(len(o.Text), maxConstant+1)]), maxConstant, "b")
	case None:
		return "None"
	case Ellipsis:
		return "..."
	case CodeObject:
		return "<code " + plain(o.Code.Title()) + ">"
	case Tuple, List, Set, Dict:
		if depth <= 0 {
			return "…"
		}
		var parts []string
		for i, x := range o.Items {
			if i == 8 {
				parts = append(parts, "…")
				break
			}
			parts = append(parts, x.show(depth-1))
		}
		open, end := "(", ")"
		switch o.Kind {
		case List:
			open, end = "[", "]"
		case Set, Dict:
			open, end = "{", "}"
		case Tuple:
			if len(o.Items) == 1 {
				end = ",)"
			}
		}
		return open + strings.Join(parts, ", ") + end
	case Bool, Int, Float, Complex:
		return cut(o.Text, maxConstant)
	}
	return "?"
}

// latin1 reads bytes as the characters of the same numbers, which keeps ASCII and loses nothing.
func latin1(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

func cut(s string, max int) string {
	if len(s) <= max {
		return s
	}
	return strings.ToValidUTF8(s[:max], "") + "…"
}

// plain shows a name that should be an identifier, bounded and on one line.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	return cut(s, maxConstant)
}
