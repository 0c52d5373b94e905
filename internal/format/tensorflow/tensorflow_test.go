package tensorflow

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"weir"
	"weir/internal/format"
)

// field builds a field of a protobuf message that holds bytes.
func field(num int, content ...string) string {
	all := strings.Join(content, "")
	return string(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(num)<<3|2), uint64(len(all)))) + all
}

// node builds a NodeDef; what follows the operation is inputs and attributes.
func node(name, op string, rest ...string) string {
	return field(1, name) + field(2, op) + strings.Join(rest, "")
}

// attr builds an entry of a node's attributes with a value.
func attr(key, value string) string { return field(5, field(1, key), field(2, value)) }

func constant(name, text string) string {
	return node(name, "Const", attr("value", field(8, field(8, text))))
}

func parse(b []byte) string {
	var out []string
	limits := weir.DefaultLimits()
	limits.Steps = 2_000_000
	for _, f := range Formats {
		if !f.Match(format.Head{Size: int64(len(b)), First: b[:min(len(b), format.HeadSize)]}) {
			continue
		}
		out = append(out, f.Name)
		in := &format.Input{ReaderAt: bytes.NewReader(b), Size: int64(len(b)), Limits: limits, Emit: func(f weir.Fact) {
			switch f := f.(type) {
			case weir.Call:
				out = append(out, fmt.Sprintf("%s%v in %q", f.Callee, f.Args, f.Func))
			case weir.Note:
				out = append(out, f.Key+":"+f.Value)
			case weir.Oddity:
				out = append(out, "odd "+string(f.Kind))
			}
		}}
		if err := f.Parse(in); err != nil {
			out = append(out, err.Error())
		}
	}
	return strings.Join(out, " | ")
}

func TestGraphs(t *testing.T) {
	write := field(1, node("w", "WriteFile", field(3, "name"), field(3, "text:0")))
	consts := field(1, constant("name", "/etc/x")) + field(1, constant("text", "hello"))
	for _, c := range []struct{ what, in, want string }{
		{"graph", field(1, node("x", "Placeholder")), `tensorflow-graph | tf::Placeholder[name=x] in "" | tensorflow.nodes:1`},
		{"inputs that are constants", field(1, node("x", "Placeholder")) + write + consts,
			`tensorflow-graph | tf::Placeholder[name=x] in "" | tf::WriteFile[name=w input0="/etc/x" input1="hello"] in "" | tf::Const[name=name] in "" | tf::Const[name=text] in "" | tensorflow.nodes:4`},
		{"text and lists of it", field(1, node("p", "PrintV2", attr("output_stream", field(2, "file:///x")), attr("urls", field(1, field(2, "a"), field(2, "b"))))),
			`tensorflow-graph | tf::PrintV2[name=p output_stream="file:///x" urls="a" urls="b"] in "" | tensorflow.nodes:1`},
		{"saved model with a function", "\x08\x01" + field(2, field(1, field(5, "2.4.1")), field(2, field(1, node("x", "NoOp")), field(2, field(1, field(1, field(1, "fn")), field(3, node("r", "ReadFile")))))),
			`tensorflow-savedmodel | tensorflow.version:2.4.1 | tf::NoOp[name=x] in "" | tf::ReadFile[name=r] in "fn" | tensorflow.nodes:2`},
		{"saved model without description", field(2, field(2, field(1, node("x", "NoOp")))), `tensorflow-savedmodel | tf::NoOp[name=x] in "" | tensorflow.nodes:1`},
		{"many of one operation", strings.Repeat(field(1, node("x", "NoOp")), 9), `tensorflow-graph` + strings.Repeat(` | tf::NoOp[name=x] in ""`, 8) + ` | tensorflow.nodes:9`},
		{"breaks off", field(1, node("x", "NoOp")) + "\x0a\x20\x0a",
			`tensorflow-graph | tf::NoOp[name=x] in "" | tensorflow.nodes:1 | odd malformed | tensorflow: protobuf at 11: field 1 of 32 bytes reaches beyond its message: unexpected EOF`},
		{"an operation in lower case is none", field(1, node("x", "noop")), ""},
		{"text is no graph", "hello", ""},
		{"an ONNX model begins with its version", "\x08\x07" + field(2, "pytorch"), ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			if got := parse([]byte(c.in)); got != c.want {
				t.Errorf("got\n\t%s\nwant\n\t%s", got, c.want)
			}
		})
	}
	var many strings.Builder
	for i := range maxOps + 1 {
		many.WriteString(field(1, node("x", fmt.Sprintf("Op%d", i))))
	}
	if got := parse([]byte(many.String())); !strings.HasSuffix(got, "limit reached") {
		t.Errorf("too many operations: …%s", got[len(got)-100:])
	}
}

// FuzzGraph: no panic, bounded facts, the same twice.
func FuzzGraph(f *testing.F) {
	f.Add([]byte(field(1, node("w", "WriteFile", field(3, "name"))) + field(1, constant("name", "/etc/x"))))
	f.Add([]byte("\x08\x01" + field(2, field(1, field(5, "2.4.1")), field(2, field(1, node("x", "NoOp")), field(2, field(1, field(1, field(1, "fn")), field(3, node("r", "ReadFile"))))))))
	f.Fuzz(func(t *testing.T, b []byte) {
		one := parse(b)
		if one != parse(b) {
			t.Error("the same input gives different facts")
		}
		if strings.Count(one, " | ") > 2*maxOps*maxOfOp {
			t.Error("too many facts")
		}
	})
}
