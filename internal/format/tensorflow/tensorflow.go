// Package tensorflow reads TensorFlow's graphs, alone (GraphDef) and in SavedModels, and says which operations they are made of.
// A graph is a program: whoever runs it runs these operations, in any language.
//
// Start with [Formats]. Field numbers are those of tensorflow/core/framework/{graph,node_def,function,op_def}.proto and
// tensorflow/core/protobuf/{saved_model,meta_graph}.proto, the same since 1.0.
package tensorflow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"weir"
	"weir/internal/format"
	"weir/internal/format/protobuf"
)

// Formats lists the formats of this room.
var Formats = []format.Format{
	{Name: "tensorflow-savedmodel", Doc: "TensorFlow SavedModel (saved_model.pb)", Framework: "tensorflow", Model: true, Parsed: true, Match: matchSaved, Parse: parseSaved},
	{Name: "tensorflow-graph", Doc: "TensorFlow GraphDef (frozen graph)", Framework: "tensorflow", Model: true, Parsed: true, Match: matchGraph, Parse: parseGraph},
}

// Field numbers.
const (
	savedVersion, savedGraphs         = 1, 2
	metaInfo, metaGraph               = 1, 2
	metaVersion                       = 5 // MetaInfoDef.tensorflow_version
	graphNode, graphLibrary           = 1, 2
	nodeName, nodeOp                  = 1, 2
	nodeInput, nodeAttr               = 3, 5
	libraryFunction                   = 1
	functionSignature, functionNode   = 1, 3
	signatureName                     = 1
	attrKey, attrValue                = 1, 2
	valueList, valueText, valueTensor = 1, 2, 8
	tensorText                        = 8
)

// Bounds on what becomes a fact.
const (
	maxOps    = 2000 // different operations; TensorFlow has about 1,400
	maxOfOp   = 8    // nodes of one operation
	maxInputs = 8    // of one node, and texts among its attributes
	maxTexts  = 10_000
	maxText   = 200 // bytes
)

// graph is what is seen while a graph is read.
type graph struct {
	in      *format.Input
	nodes   int64
	seen    map[string]int // nodes of each operation that were kept
	texts   map[string]string
	calls   []pending
	dropped bool
}

// pending is a node whose inputs are not known yet.
type pending struct {
	call   weir.Call
	inputs []string
}

func newGraph(in *format.Input) *graph {
	return &graph{in: in, seen: map[string]int{}, texts: map[string]string{}}
}

// head reads the first fields of a message whose beginning is seen.
func head(h format.Head) *protobuf.Reader {
	return protobuf.NewHeadReader(h.First, h.Size, 1000)
}

// matchSaved: a schema version of 1 and a meta graph that begins with its description or with a graph.
func matchSaved(h format.Head) bool {
	r := head(h)
	f, err := r.Next()
	if err == nil && f.Num == savedVersion && f.Type == protobuf.Varint && f.Value == 1 {
		f, err = r.Next()
	}
	if err != nil || f.Num != savedGraphs || f.Type != protobuf.Bytes {
		return false
	}
	sub := r.Sub(f)
	m, err := sub.Next()
	if err != nil || m.Type != protobuf.Bytes || m.Num != metaInfo && m.Num != metaGraph {
		return false
	}
	if m.Num == metaGraph {
		return startsWithNode(sub, m)
	}
	_, err = sub.Sub(m).Next()
	return err == nil
}

func matchGraph(h format.Head) bool {
	r := head(h)
	f, err := r.Next()
	return err == nil && f.Num == graphNode && f.Type == protobuf.Bytes && isNode(r, f)
}

func startsWithNode(r *protobuf.Reader, f protobuf.Field) bool {
	sub := r.Sub(f)
	n, err := sub.Next()
	return err == nil && n.Num == graphNode && n.Type == protobuf.Bytes && isNode(sub, n)
}

// isNode reports whether a message begins with a name and an operation, which is spelled like a class: NodeDef.
func isNode(r *protobuf.Reader, f protobuf.Field) bool {
	sub := r.Sub(f)
	name, err := sub.Next()
	if err != nil || name.Num != nodeName || name.Type != protobuf.Bytes || name.Size == 0 || name.Size > 1000 {
		return false
	}
	op, err := sub.Next()
	if err != nil || op.Num != nodeOp || op.Type != protobuf.Bytes || op.Size == 0 || op.Size > 200 {
		return false
	}
	a, errA := sub.Content(name, 1000)
	b, errB := sub.Content(op, 200)
	return errA == nil && errB == nil && isWord(a, "_.\\/->:") && isWord(b, "_>") && (b[0] == '_' || b[0] >= 'A' && b[0] <= 'Z')
}

// isWord reports whether text consists of ASCII letters, digits and the other characters given.
func isWord(b []byte, others string) bool {
	for _, c := range b {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
		if !letter && bytes.IndexByte([]byte(others), c) < 0 {
			return false
		}
	}
	return len(b) > 0
}

func parseGraph(in *format.Input) error {
	g := newGraph(in)
	return g.close(g.graph(protobuf.NewReader(in, 0, in.Size, in.Limits.Steps), ""))
}

func parseSaved(in *format.Input) error {
	g := newGraph(in)
	r := protobuf.NewReader(in, 0, in.Size, in.Limits.Steps)
	return g.close(each(r, func(f protobuf.Field) error {
		if f.Num != savedGraphs || f.Type != protobuf.Bytes {
			return nil
		}
		return each1(r, f, func(r *protobuf.Reader, f protobuf.Field) error {
			switch {
			case f.Type != protobuf.Bytes:
			case f.Num == metaInfo:
				return g.info(r.Sub(f))
			case f.Num == metaGraph:
				return g.graph(r.Sub(f), "")
			}
			return nil
		})
	}))
}

// each visits the fields of a message to its end.
func each(r *protobuf.Reader, visit func(protobuf.Field) error) error {
	for {
		f, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = visit(f)
		}
		if err != nil {
			return err
		}
	}
}

// close says how much was read, and what went wrong.
func (g *graph) close(err error) error {
	g.flush()
	g.in.Emit(weir.Note{Key: "tensorflow.nodes", Value: fmt.Sprint(g.nodes)})
	if err == nil && g.dropped {
		err = fmt.Errorf("more than %d different operations: %w", maxOps, format.ErrLimit)
	}
	if err == nil {
		return nil
	}
	if !errors.Is(err, format.ErrLimit) {
		g.in.Emit(weir.Oddity{Kind: weir.OddMalformed, Detail: err.Error()})
	}
	return fmt.Errorf("tensorflow: %w", err)
}

func (g *graph) info(r *protobuf.Reader) error {
	return each(r, func(f protobuf.Field) error {
		if f.Num == metaVersion && f.Type == protobuf.Bytes {
			var version string
			err := text(r, f, &version)
			g.in.Emit(weir.Note{Key: "tensorflow.version", Value: version})
			return err
		}
		return nil
	})
}

// graph reads a GraphDef: nodes, and functions with nodes of their own.
func (g *graph) graph(r *protobuf.Reader, function string) error {
	return each(r, func(f protobuf.Field) error {
		switch {
		case f.Type != protobuf.Bytes:
		case f.Num == graphNode:
			return g.node(r.Sub(f), function)
		case f.Num == graphLibrary:
			return each1(r, f, func(r *protobuf.Reader, f protobuf.Field) error {
				if f.Num == libraryFunction && f.Type == protobuf.Bytes {
					return g.function(r.Sub(f))
				}
				return nil
			})
		}
		return nil
	})
}

func (g *graph) function(r *protobuf.Reader) error {
	name := ""
	return each(r, func(f protobuf.Field) error {
		switch {
		case f.Type != protobuf.Bytes:
		case f.Num == functionSignature:
			return each1(r, f, func(r *protobuf.Reader, f protobuf.Field) error {
				if f.Num == signatureName && f.Type == protobuf.Bytes {
					return text(r, f, &name)
				}
				return nil
			})
		case f.Num == functionNode:
			return g.node(r.Sub(f), name)
		}
		return nil
	})
}

// node reads a NodeDef. Of each operation a few nodes become facts: what a graph can do is told by its operations, not by their number.
func (g *graph) node(r *protobuf.Reader, function string) error {
	g.nodes++
	c := weir.Call{Func: function}
	var name string
	var inputs []string
	err := each(r, func(f protobuf.Field) error {
		if f.Type != protobuf.Bytes {
			return nil
		}
		switch f.Num {
		case nodeName:
			return text(r, f, &name)
		case nodeOp:
			c.At = f.At
			return text(r, f, &c.Callee)
		case nodeInput:
			var input string
			err := text(r, f, &input)
			if len(inputs) < maxInputs {
				inputs = append(inputs, input)
			}
			return err
		case nodeAttr:
			return g.attr(r.Sub(f), name, c.Callee, &c.Args)
		}
		return nil
	})
	if c.Callee == "" {
		return err
	}
	seen, known := g.seen[c.Callee]
	switch {
	case !known && len(g.seen) >= maxOps:
		g.dropped = true
	case seen < maxOfOp:
		g.seen[c.Callee] = seen + 1
		c.Callee = "tf::" + c.Callee
		c.Args = append([]string{"name=" + name}, c.Args...)
		g.calls = append(g.calls, pending{c, inputs})
	}
	return err
}

// flush makes facts of the nodes of a graph that is over; by now the constants are known that are their inputs.
func (g *graph) flush() {
	for _, p := range g.calls {
		for i, name := range p.inputs {
			name, _, _ = strings.Cut(strings.TrimPrefix(name, "^"), ":")
			if value, ok := g.texts[name]; ok {
				p.call.Args = append(p.call.Args, fmt.Sprintf("input%d=%q", i, value))
			}
		}
		g.in.Emit(p.call)
	}
	g.calls, g.texts = nil, map[string]string{}
}

// text reads a field as text, cut.
func text(r *protobuf.Reader, f protobuf.Field, to *string) error {
	b, err := r.Content(f, maxText)
	*to = string(bytes.ToValidUTF8(b, []byte("?")))
	return err
}

// attr reads an entry of a node's attributes: text is kept as key=text, and the text of a constant under the node's name.
func (g *graph) attr(r *protobuf.Reader, node, op string, args *[]string) error {
	var key string
	return each(r, func(f protobuf.Field) error {
		switch {
		case f.Type != protobuf.Bytes:
		case f.Num == attrKey:
			return text(r, f, &key)
		case f.Num == attrValue:
			return each1(r, f, func(r *protobuf.Reader, f protobuf.Field) error {
				switch {
				case f.Type != protobuf.Bytes:
				case f.Num == valueText && len(*args) < maxInputs:
					var s string
					err := text(r, f, &s)
					*args = append(*args, fmt.Sprintf("%s=%q", key, s))
					return err
				case f.Num == valueList: // debug_urls and the like
					return each1(r, f, func(r *protobuf.Reader, f protobuf.Field) error {
						if f.Num != valueText || f.Type != protobuf.Bytes || len(*args) >= maxInputs {
							return nil
						}
						var s string
						err := text(r, f, &s)
						*args = append(*args, fmt.Sprintf("%s=%q", key, s))
						return err
					})
				case f.Num == valueTensor && op == "Const":
					return g.constant(r, f, node)
				}
				return nil
			})
		}
		return nil
	})
}

// constant keeps the first text of a tensor.
func (g *graph) constant(r *protobuf.Reader, f protobuf.Field, node string) error {
	return each1(r, f, func(r *protobuf.Reader, f protobuf.Field) error {
		if f.Num != tensorText || f.Type != protobuf.Bytes || len(g.texts) >= maxTexts {
			return nil
		}
		var s string
		err := text(r, f, &s)
		if _, ok := g.texts[node]; !ok {
			g.texts[node] = s
		}
		return err
	})
}

// each1 visits the message that a field holds.
func each1(r *protobuf.Reader, f protobuf.Field, visit func(*protobuf.Reader, protobuf.Field) error) error {
	sub := r.Sub(f)
	return each(sub, func(f protobuf.Field) error { return visit(sub, f) })
}
