package weir

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// ValueKind says what a Value stands for.
type ValueKind string

// The kinds of values that a parser can tell apart without running anything.
const (
	ValueUnknown  ValueKind = ""         // could be anything
	ValueNone     ValueKind = "none"     // Python None
	ValueBool     ValueKind = "bool"     // Text is True or False
	ValueInt      ValueKind = "int"      // Text is decimal
	ValueFloat    ValueKind = "float"    // Text as Python's repr
	ValueStr      ValueKind = "str"      // Text is the (possibly cut) text, Len its full length in bytes of UTF-8
	ValueBytes    ValueKind = "bytes"    // Text is the (possibly cut) content, a rune per byte (Latin-1); Len equals len(Text) when it is whole
	ValueTuple    ValueKind = "tuple"    // Items
	ValueList     ValueKind = "list"     // Items
	ValueSet      ValueKind = "set"      // Items; set and frozenset
	ValueDict     ValueKind = "dict"     // Items: key, value, key, value …
	ValueGlobal   ValueKind = "global"   // Text is module.name
	ValueCall     ValueKind = "call"     // Text is the callee, Items its arguments: the result of a call
	ValueInstance ValueKind = "instance" // Text is the class, Items the arguments of __new__
	ValuePersID   ValueKind = "persid"   // Items[0] is the persistent id
	ValueBuffer   ValueKind = "buffer"   // an out-of-band buffer (protocol 5)
)

// Value is a bounded, symbolic picture of a Python value: enough to judge the shape of a call's arguments and to show it to a person.
// Text and Items may be cut; Len then holds the true length.
type Value struct {
	Kind  ValueKind `json:"k,omitempty"`
	Text  string    `json:"t,omitempty"`
	Len   int64     `json:"n,omitempty"` // bytes (str, bytes) or elements (containers) in full
	Items []Value   `json:"i,omitempty"`
}

// IsStr reports whether v is the whole string s.
func (v Value) IsStr(s string) bool { return v.Kind == ValueStr && v.Text == s }

// IsGlobal reports whether v is the global path (module.name).
func (v Value) IsGlobal(path string) bool { return v.Kind == ValueGlobal && v.Text == path }

// Int gives the integer that v stands for, if it is one that fits.
func (v Value) Int() (int64, bool) {
	if v.Kind != ValueInt {
		return 0, false
	}
	n, err := strconv.ParseInt(v.Text, 10, 64)
	return n, err == nil
}

// Whole reports whether nothing of v was cut off, at any depth.
func (v Value) Whole() bool {
	switch v.Kind {
	case ValueStr, ValueBytes:
		return v.Len == int64(len(v.Text))
	case ValueUnknown:
		return false
	case ValueTuple, ValueList, ValueSet:
		if v.Len != int64(len(v.Items)) {
			return false
		}
	case ValueDict:
		if v.Len*2 != int64(len(v.Items)) {
			return false
		}
	}
	for _, i := range v.Items {
		if !i.Whole() {
			return false
		}
	}
	return true
}

// String renders v as Python that a person can read; it is bounded by what v holds.
func (v Value) String() string {
	var b strings.Builder
	v.write(&b)
	return b.String()
}

func (v Value) write(b *strings.Builder) {
	switch v.Kind {
	case ValueNone:
		b.WriteString("None")
	case ValueBool, ValueInt, ValueFloat, ValueGlobal:
		b.WriteString(v.Text)
	case ValueStr:
		quotePython(b, v.Text, false)
		v.writeCut(b, len(v.Text), "bytes")
	case ValueBytes:
		b.WriteByte('b')
		quotePython(b, v.Text, true)
		v.writeCut(b, len(v.Text), "bytes")
	case ValueTuple:
		b.WriteByte('(')
		v.writeItems(b)
		if len(v.Items) == 1 && v.Len <= 1 {
			b.WriteByte(',')
		}
		b.WriteByte(')')
	case ValueList:
		b.WriteByte('[')
		v.writeItems(b)
		b.WriteByte(']')
	case ValueSet:
		b.WriteByte('{')
		v.writeItems(b)
		b.WriteByte('}')
	case ValueDict:
		b.WriteByte('{')
		for i := 0; i+1 < len(v.Items); i += 2 {
			if i > 0 {
				b.WriteString(", ")
			}
			v.Items[i].write(b)
			b.WriteString(": ")
			v.Items[i+1].write(b)
		}
		if v.Len > int64(len(v.Items)/2) {
			b.WriteString(", …")
		}
		b.WriteByte('}')
	case ValueCall, ValueInstance:
		b.WriteString(v.Text)
		b.WriteByte('(')
		v.writeItems(b)
		b.WriteByte(')')
	case ValuePersID:
		b.WriteString("persistent_load(")
		v.writeItems(b)
		b.WriteByte(')')
	case ValueBuffer:
		b.WriteString("next_buffer()")
	default:
		b.WriteByte('?')
	}
}

func (v Value) writeItems(b *strings.Builder) {
	for i, x := range v.Items {
		if i > 0 {
			b.WriteString(", ")
		}
		x.write(b)
	}
	if v.Len > int64(len(v.Items)) {
		if len(v.Items) > 0 {
			b.WriteString(", ")
		}
		b.WriteString("…")
	}
}

func (v Value) writeCut(b *strings.Builder, have int, unit string) {
	if v.Len > int64(have) {
		b.WriteString("…<" + strconv.FormatInt(v.Len, 10) + " " + unit + ">")
	}
}

// quotePython writes s as a Python literal: single quotes, \x for bytes and control characters.
func quotePython(b *strings.Builder, s string, raw bool) {
	const hex = "0123456789abcdef"
	b.WriteByte('\'')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString("\\n")
		case c == '\r':
			b.WriteString("\\r")
		case c == '\t':
			b.WriteString("\\t")
		case c < 0x20 || c == 0x7f:
			b.WriteString("\\x")
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		case c < 0x80:
			b.WriteByte(c)
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			if raw && r < 0x100 {
				b.WriteString("\\x")
				b.WriteByte(hex[r>>4])
				b.WriteByte(hex[r&15])
			} else if r == utf8.RuneError && n <= 1 || !strconv.IsPrint(r) {
				for _, x := range []byte(s[i : i+n]) {
					b.WriteString("\\x")
					b.WriteByte(hex[x>>4])
					b.WriteByte(hex[x&15])
				}
			} else {
				b.WriteString(s[i : i+n])
			}
			i += n
			continue
		}
		i++
	}
	b.WriteByte('\'')
}
