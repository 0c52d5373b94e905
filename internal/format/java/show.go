package java

import (
	"strconv"
	"strings"

	"weir"
)

// show renders a picture for a person, at most most bytes: InvokerTransformer{iMethodName="exec", iArgs=["id"]}.
func show(v weir.Value, most int) string {
	w := writer{most: most}
	w.value(v)
	if w.cut {
		w.b.WriteString("…")
	}
	return w.b.String()
}

type writer struct {
	b    strings.Builder
	most int
	cut  bool
}

func (w *writer) text(s string) {
	if w.cut {
		return
	}
	if room := w.most - w.b.Len(); len(s) > room {
		s, w.cut = strings.ToValidUTF8(s[:max(room, 0)], ""), true
	}
	w.b.WriteString(s)
}

func (w *writer) value(v weir.Value) {
	if w.cut {
		return
	}
	switch v.Kind {
	case weir.ValueNone:
		w.text("null")
	case weir.ValueBool:
		w.text(strings.ToLower(v.Text))
	case weir.ValueStr:
		w.text(strconv.Quote(v.Text))
		if v.Len > int64(len(v.Text)) {
			w.text("…<" + strconv.FormatInt(v.Len, 10) + " bytes>")
		}
	case weir.ValueBytes:
		w.bytes(v)
	case weir.ValueInt, weir.ValueFloat:
		w.text(v.Text)
	case weir.ValueGlobal:
		w.text(short(v.Text))
	case weir.ValueList:
		w.text("[")
		w.list(v)
		w.text("]")
	case weir.ValueInstance:
		w.text(short(v.Text))
		w.text("{")
		w.fields(v)
		w.text("}")
	default:
		w.text("?")
	}
}

// bytes shows the beginning of a byte array as a literal with \x.
func (w *writer) bytes(v weir.Value) {
	const most = 16
	w.text("bytes[\"")
	n := 0
	for _, r := range v.Text {
		if n++; n > most {
			break
		}
		if r >= 0x20 && r < 0x7f && r != '"' && r != '\\' {
			w.text(string(r))
		} else {
			w.text(`\x` + strconv.FormatInt(int64(r)>>4, 16) + strconv.FormatInt(int64(r)&15, 16))
		}
	}
	w.text("\"")
	if v.Len > int64(len(v.Text)) || n > most {
		w.text(" … " + strconv.FormatInt(v.Len, 10))
	}
	w.text("]")
}

func (w *writer) list(v weir.Value) {
	for i, x := range v.Items {
		if i > 0 {
			w.text(", ")
		}
		w.value(x)
	}
	if v.Len > int64(len(v.Items)) {
		if len(v.Items) > 0 {
			w.text(", ")
		}
		w.text("… " + strconv.FormatInt(v.Len, 10))
	}
}

func (w *writer) fields(v weir.Value) {
	for i := 0; i+1 < len(v.Items); i += 2 {
		if i > 0 {
			w.text(", ")
		}
		if name := v.Items[i].Text; name != "" {
			w.text(name + "=")
		}
		w.value(v.Items[i+1])
	}
}

// short is a class name without its package; of Outer$Inner both.
func short(name string) string {
	if strings.HasPrefix(name, "[") {
		return name
	}
	class, member, ok := name, "", false
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		class = name[i+1:]
		// a.b.Color.RED, a.b.Color.class: keep two parts where the one before last is a class too
		rest := name[:i]
		j := strings.LastIndexByte(rest, '.')
		if last := rest[j+1:]; last != "" && last[0] >= 'A' && last[0] <= 'Z' {
			member, ok = class, true
			class = last
		}
	}
	if ok {
		return class + "." + member
	}
	return class
}
