package pickle

import (
	"fmt"
	"strings"

	"weir"
)

// trace writes one step of the program as Python.
func (m *machine) trace(g *global, use weir.Use, op string, args []val) {
	var line string
	path := g.path()
	switch use {
	case weir.UseNamed:
		if line = "from " + g.module + " import " + g.name; g.computed {
			line = path
		}
	case weir.UseCalled:
		line = path + "(" + m.exprs(args) + ")"
	case weir.UseInstantiated:
		line = path + ".__new__(" + m.exprs(args) + ")"
	case weir.UseStateSet:
		line = fmt.Sprintf("<%s>.__setstate__(%s)", path, m.exprs(args))
		if op != "BUILD" {
			line = fmt.Sprintf("<%s> %s (%s)", path, op, m.exprs(args))
		}
	}
	if m.traced.k.onHeap() && m.node(m.traced).id > 0 {
		line = fmt.Sprintf("v%d = %s", m.node(m.traced).id, line)
	}
	if len(line) > maxEvidence {
		line = strings.ToValidUTF8(line[:maxEvidence], "") + "…"
	}
	m.in.Trace(m.opAt, line)
}

func (m *machine) exprs(vs []val) string {
	parts := make([]string, 0, len(vs))
	for i, v := range vs {
		if i == 16 {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, m.expr(v, 3))
	}
	return strings.Join(parts, ", ")
}

// expr writes a value, naming the results of calls instead of repeating them.
func (m *machine) expr(v val, depth int) string {
	if (v.k == kCall || v.k == kInst) && m.node(v).id > 0 {
		return fmt.Sprintf("v%d", m.node(v).id)
	}
	open, end := "", ""
	switch v.k {
	case kTuple:
		open, end = "(", ")"
	case kList:
		open, end = "[", "]"
	case kSet:
		open, end = "{", "}"
	default:
		return m.value(v, depth, 8).String()
	}
	if depth == 0 {
		return open + "…" + end
	}
	parts := make([]string, 0, 8)
	for i, x := range m.items(v) {
		if i == 8 {
			break
		}
		parts = append(parts, m.expr(x, depth-1))
	}
	if m.count(v) > int64(len(parts)) {
		parts = append(parts, "…")
	}
	if v.k == kTuple && len(parts) == 1 {
		end = ",)"
	}
	return open + strings.Join(parts, ", ") + end
}
