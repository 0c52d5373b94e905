package mleap

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

// Bounds on what becomes a fact. Names that could be paths are always kept, up to the same number.
const (
	maxNames = 1000 // of nodes
	maxOps   = 1000 // of models within models
	maxText  = 300  // bytes of a value in a fact
)

// sayer turns what a definition says into facts, within bounds; both spellings of MLeap share it.
type sayer struct {
	in                *format.Input
	plain, paths, ops int
	dropped, strange  bool
	keys              map[string]bool // of the outer levels, to see them twice
}

func newSayer(in *format.Input) *sayer { return &sayer{in: in, keys: map[string]bool{}} }

// op says which transformer a model is.
func (s *sayer) op(name string, at int64) {
	if s.ops++; s.ops <= maxOps {
		s.in.Emit(weir.Setting{Key: "mleap.op", Value: cut(name, maxText), At: at})
	} else {
		s.dropped = true
	}
}

// node says a name in a pipeline's list of nodes: the loader joins it, with ".node" behind, to the folder of the pipeline.
func (s *sayer) node(name string, at int64) {
	count := &s.plain
	if strings.ContainsAny(name, "/\\\x00") {
		count = &s.paths
	}
	if *count++; *count <= maxNames {
		s.in.Emit(weir.Setting{Key: "mleap.node", Value: cut(name, maxText), At: at})
	} else if count == &s.paths {
		s.dropped = true
	}
}

// twice says that an object has a key twice: MLeap keeps the last value, other readers the first.
func (s *sayer) twice(path []string, at int64) {
	if len(path) > 3 || len(s.keys) > 10_000 || path[len(path)-1] == "[]" {
		return
	}
	key := strings.Join(path, "\x00")
	if s.keys[key] {
		s.in.Emit(weir.Oddity{Kind: weir.OddDuplicate, Detail: fmt.Sprintf("the key %q stands there twice", cut(path[len(path)-1], 100)), At: at})
	}
	s.keys[key] = true
}

// close gives an error when not all that matters became a fact.
func (s *sayer) close(err error) error {
	if n := s.plain + s.paths; n > maxNames {
		s.in.Emit(weir.Note{Key: "mleap.nodes", Value: fmt.Sprint(n)})
	}
	if err == nil && s.dropped {
		err = fmt.Errorf("mleap: more than %d names that could be paths, or models within a model: %w", maxNames, format.ErrLimit)
	}
	return err
}

// section is a text from its beginning, for a streaming reader.
func section(in *format.Input) io.Reader { return io.NewSectionReader(in, 0, in.Size) }

// json reads a JSON definition whole and examines what stands behind it.
func (s *sayer) json(visit jsonVisit) error {
	end, err := readJSON(section(s.in), s.in.Limits.Steps, func(p []string, v jsonValue) {
		if len(p) > 0 {
			s.twice(p, v.At)
		}
		visit(p, v)
	})
	if err != nil {
		if !errors.Is(err, format.ErrLimit) {
			s.in.Emit(weir.Oddity{Kind: weir.OddMalformed, Detail: err.Error(), At: end})
		}
		return s.close(fmt.Errorf("mleap: %w", err))
	}
	return s.close(trailing(s.in, end))
}

// handRest gives what no definition explains to the engine.
func handRest(in *format.Input, from int64) error {
	_, err := in.Nested("[suffix]", io.NewSectionReader(in, from, in.Size-from), in.Size-from)
	return err
}

// parseInfo reads bundle.json: BundleInfo of bundle-ml.
func parseInfo(in *format.Input) error {
	s := newSayer(in)
	return s.json(func(p []string, v jsonValue) {
		if len(p) != 1 || v.Kind != 's' {
			return
		}
		switch p[0] {
		case "format", "version", "name", "uid", "timestamp":
			in.Emit(weir.Note{Key: "mleap." + p[0], Value: cut(v.Text, maxText)})
		}
	})
}

// parseModel reads a model: {op, attributes: {key: value}}.
func parseModel(in *format.Input) error {
	s := newSayer(in)
	if !isJSON(in) {
		r := protobuf.NewReader(in, 0, in.Size, in.Limits.Steps)
		return s.protobuf(s.model(r, 0))
	}
	return s.json(func(p []string, v jsonValue) {
		switch {
		case v.Kind != 's' || len(p) == 0:
		case p[len(p)-1] == "op" && (len(p) == 1 || p[len(p)-2] == "model" || len(p) > 2 && p[len(p)-2] == "[]" && p[len(p)-3] == "model"):
			s.op(v.Text, v.At) // a model may hold others as values
		case len(p) == 4 && p[0] == "attributes" && p[1] == "nodes" && p[2] == "string":
			s.node(v.Text, v.At)
		case len(p) == 3 && p[0] == "attributes" && p[2] == "string":
			s.attribute(p[1], v.Text, v.At)
		}
	})
}

// attribute says a value that decides what is loaded.
func (s *sayer) attribute(key, value string, at int64) {
	if key == "format" {
		s.in.Emit(weir.Setting{Key: "mleap.model-format", Value: cut(value, maxText), At: at})
	}
}

// protobuf turns what a reader of fields said into the parser's answer.
func (s *sayer) protobuf(err error) error {
	if err == io.EOF {
		err = nil
	}
	if err != nil {
		if !errors.Is(err, format.ErrLimit) {
			s.in.Emit(weir.Oddity{Kind: weir.OddMalformed, Detail: err.Error()})
		}
		err = fmt.Errorf("mleap: %w", err)
	}
	return s.close(err)
}

// Field numbers of ml.bundle's messages, from the descriptor in bundle-ml's jar.
const (
	modelOp, modelAttributes  = 1, 2
	attributesList            = 1
	entryKey, entryValue      = 1, 2
	valueScalar, valueList    = 1, 2
	scalarText, scalarModel   = 2, 11
	nodeName, nodeShape       = 1, 2
	maxModels                 = 64 // models within models
	shapeInputs, shapeOutputs = 1, 2
	maxPlausible              = 16 // fields that recognition looks at
)

// fields visits the fields of a message; io.EOF is its normal end.
func fields(r *protobuf.Reader, visit func(protobuf.Field) error) error {
	for {
		f, err := r.Next()
		if err == nil {
			err = visit(f)
		}
		if err != nil {
			return err
		}
	}
}

// within visits the fields of a message in another one.
func within(r *protobuf.Reader, f protobuf.Field, visit func(*protobuf.Reader, protobuf.Field) error) error {
	sub := r.Sub(f)
	if err := fields(sub, func(f protobuf.Field) error { return visit(sub, f) }); err != io.EOF {
		return err
	}
	return nil
}

// model reads ml.bundle.Model.
func (s *sayer) model(r *protobuf.Reader, depth int) error {
	if depth > maxModels {
		return fmt.Errorf("more than %d models within each other: %w", maxModels, format.ErrLimit)
	}
	return fields(r, func(f protobuf.Field) error {
		switch {
		case f.Num == modelOp && f.Type == protobuf.Bytes:
			b, err := r.Content(f, maxJSONText)
			s.op(string(b), f.At)
			return err
		case f.Num == modelAttributes && f.Type == protobuf.Bytes:
			return within(r, f, func(r *protobuf.Reader, f protobuf.Field) error {
				if f.Num != attributesList || f.Type != protobuf.Bytes {
					return nil
				}
				return s.entry(r, f, depth)
			})
		}
		s.unknown(f)
		return nil
	})
}

// unknown says that a message has a field that MLeap does not know, once.
func (s *sayer) unknown(f protobuf.Field) {
	if !s.strange {
		s.strange = true
		s.in.Emit(weir.Oddity{Kind: weir.OddShape, Detail: fmt.Sprintf("a field of number %d, which MLeap does not write", f.Num), At: f.At})
	}
}

// entry reads an entry of map<string, Value>. Its key may come after its value, so it is looked for first.
func (s *sayer) entry(r *protobuf.Reader, f protobuf.Field, depth int) error {
	key := ""
	err := within(r, f, func(r *protobuf.Reader, f protobuf.Field) error {
		if f.Num == entryKey && f.Type == protobuf.Bytes {
			b, err := r.Content(f, maxText)
			key = string(b)
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	return within(r, f, func(r *protobuf.Reader, f protobuf.Field) error {
		if f.Num != entryValue || f.Type != protobuf.Bytes {
			return nil
		}
		return within(r, f, func(r *protobuf.Reader, f protobuf.Field) error {
			if f.Type != protobuf.Bytes || f.Num != valueScalar && f.Num != valueList {
				return nil
			}
			list := f.Num == valueList
			return within(r, f, func(r *protobuf.Reader, f protobuf.Field) error { return s.item(r, f, key, list, depth) })
		})
	})
}

// item reads a field of a Scalar or List: both number them alike.
func (s *sayer) item(r *protobuf.Reader, f protobuf.Field, key string, list bool, depth int) error {
	if f.Type != protobuf.Bytes {
		return nil
	}
	switch {
	case f.Num == scalarModel:
		if err := s.model(r.Sub(f), depth+1); err != io.EOF {
			return err
		}
	case f.Num == scalarText && (key == "nodes" || !list):
		b, err := r.Content(f, maxJSONText)
		if key == "nodes" {
			s.node(string(b), f.At)
		} else {
			s.attribute(key, string(b), f.At)
		}
		return err
	}
	return nil
}

// parseNode reads a node: {name, shape}. The name is for people; nothing is opened by it.
func parseNode(in *format.Input) error {
	s := newSayer(in)
	say := func(name string) { in.Emit(weir.Note{Key: "mleap.node-name", Value: cut(name, maxText)}) }
	if isJSON(in) {
		return s.json(func(p []string, v jsonValue) {
			if len(p) == 1 && p[0] == "name" && v.Kind == 's' {
				say(v.Text)
			}
		})
	}
	r := protobuf.NewReader(in, 0, in.Size, in.Limits.Steps)
	return s.protobuf(fields(r, func(f protobuf.Field) error {
		switch {
		case f.Type != protobuf.Bytes:
		case f.Num == nodeName:
			b, err := r.Content(f, maxText)
			say(string(b))
			return err
		case f.Num == nodeShape: // sockets: {port, name}, read to the end because nothing else may be in there
			return within(r, f, func(r *protobuf.Reader, f protobuf.Field) error {
				return within(r, f, func(*protobuf.Reader, protobuf.Field) error { return nil })
			})
		}
		s.unknown(f)
		return nil
	}))
}

// isJSON tells the two spellings apart; no message of MLeap begins with a brace or white space, which would be fields 15, 4 and 1 of types that
// these do not have.
func isJSON(in *format.Input) bool {
	b := make([]byte, 64)
	n, _ := in.ReadAt(b, 0) // its error comes back when the text is read
	b = bytes.TrimLeft(b[:n], " \t\r\n")
	return len(b) > 0 && b[0] == '{' || len(b) == 0 && n > 0
}

// looksLikeModel reports whether a message begins as ml.bundle.Model does: with an operation's name or with attributes.
func looksLikeModel(h format.Head) bool {
	return plausible(h, func(r *protobuf.Reader, f protobuf.Field) bool {
		if f.Num == modelOp {
			b, _ := r.Content(f, 200)
			return isName(b)
		}
		ok := false
		_ = within(r, f, func(r *protobuf.Reader, f protobuf.Field) error {
			ok = f.Num == attributesList && f.Type == protobuf.Bytes && startsWithKey(r, f)
			return io.EOF
		})
		return ok
	})
}

func startsWithKey(r *protobuf.Reader, f protobuf.Field) bool {
	sub := r.Sub(f)
	k, err := sub.Next()
	if err != nil || k.Num != entryKey || k.Type != protobuf.Bytes {
		return false
	}
	b, _ := sub.Content(k, 200)
	return isName(b)
}

// looksLikeNode reports whether a message begins as ml.bundle.Node does: with a name, or with a shape that holds sockets.
func looksLikeNode(h format.Head) bool {
	return plausible(h, func(r *protobuf.Reader, f protobuf.Field) bool {
		if f.Num == nodeName {
			b, _ := r.Content(f, 200)
			return isName(b)
		}
		ok := true
		_ = within(r, f, func(r *protobuf.Reader, f protobuf.Field) error {
			ok = ok && f.Type == protobuf.Bytes && (f.Num == shapeInputs || f.Num == shapeOutputs)
			return nil
		})
		return ok
	})
}

// plausible reads the fields that the beginning of a file shows. The first of number 1 or 2 must be what it is in the message; fields of
// other numbers, which MLeap passes over and never writes, may stand before it.
func plausible(h format.Head, first func(*protobuf.Reader, protobuf.Field) bool) bool {
	r := protobuf.NewReader(bytes.NewReader(h.First), 0, h.Size, 10_000)
	for range maxPlausible {
		f, err := r.Next()
		if err != nil {
			return false
		}
		if f.Num == modelOp || f.Num == modelAttributes {
			return f.Type == protobuf.Bytes && first(r, f)
		}
	}
	return false
}

// isName reports whether bytes could be a name of an operation, an attribute or a node: text in one line.
func isName(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	for _, c := range b {
		if c < 0x20 || c == 0x7f {
			return false
		}
	}
	return true
}
