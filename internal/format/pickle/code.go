package pickle

import (
	"weir"
)

// codeObject reports a code object that the stream makes from parts: types.CodeType(argcount, …, code, consts, names, …). The order of
// its arguments differs between versions of Python, but names always follow the constants, which follow the bytecode.
func (m *machine) codeObject(items []val) {
	if m.quiet {
		return
	}
	c := weir.Code{Language: "python-bytecode", At: m.opAt}
	for i, v := range items {
		if v.k != kBytes && !(v.k == kStr && v.enc == encLatin) && v.k != kCall {
			continue
		}
		if i+2 >= len(items) || items[i+1].k != kTuple || items[i+2].k != kTuple {
			continue
		}
		c.Calls = m.nameTuple(items[i+2])
		for _, t := range items[i+3:] {
			if s, ok := m.constant(t); ok && identifier(s) {
				c.Name = s
				break
			}
		}
		c.Text = m.value(items[i+1], 3, 16).String()
		break
	}
	m.in.Emit(c)
}

// nameTuple gives the strings of a tuple of names.
func (m *machine) nameTuple(t val) []string {
	var out []string
	for _, v := range t.p.items {
		if s, ok := m.constant(v); ok && len(out) < 1024 {
			out = append(out, spell(s))
		}
	}
	return out
}
