package pycode

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"weir"
	"weir/internal/format"
)

// maxSize bounds what is read into memory; the largest modules of the standard library take less than half a megabyte.
const maxSize = 32 << 20

// Formats lists compiled Python modules and bare marshal data with code objects in it.
var Formats = []format.Format{
	{
		Name: "pyc", Doc: "compiled Python module", Parsed: true, Match: matchCompiled, Parse: parseCompiled,
	},
	{
		Name: "marshal", Doc: "Python code object written by marshal", Parsed: true, Match: matchMarshal, Parse: parseMarshal,
	},
}

// magics are the first and last magic numbers of each version (Lib/importlib/_bootstrap_external.py, Python/import.c); the number goes up with
// every change of the bytecode. Versions in development are counted to the release that they became.
var magics = []struct {
	first, last uint16
	version     Version
}{
	{62161, 62211, 207}, {3000, 3131, 300}, {3141, 3151, 301}, {3160, 3180, 302}, {3190, 3230, 303}, {3250, 3310, 304}, {3320, 3351, 305},
	{3360, 3379, 306}, {3390, 3394, 307}, {3400, 3413, 308}, {3420, 3425, 309}, {3430, 3439, 310}, {3450, 3495, 311}, {3500, 3531, 312},
	{3550, 3571, 313}, {3600, 3649, 314},
}

// header reads the start of a .pyc file: the version, zero if it is newer than all known ones, and where the code object begins.
func header(b []byte) (v Version, size int, ok bool) {
	if len(b) < 9 || b[2] != '\r' || b[3] != '\n' {
		return 0, 0, false
	}
	magic := binary.LittleEndian.Uint16(b)
	for _, m := range magics {
		if magic >= m.first && magic <= m.last {
			v = m.version
		}
	}
	switch {
	case v == 0 && (magic < 3650 || magic > 4999):
		return 0, 0, false
	case v == 0 || v >= 307: // PEP 552: a word of flags
		size = 16
	case v >= 303: // the size of the source
		size = 12
	default:
		size = 8
	}
	return v, size, len(b) > size && b[size]&^flagRef == 'c'
}

func matchCompiled(h format.Head) bool {
	_, _, ok := header(h.First)
	return ok
}

// opener lists the types of objects that may hold code objects.
const openers = "c([{<>)"

func matchMarshal(h format.Head) bool {
	if len(h.First) < 20 || bytes.IndexByte([]byte(openers), h.First[0]&^flagRef) < 0 {
		return false
	}
	for _, l := range layouts {
		d := decoder{b: h.First, layout: l}
		_, err := d.object(0)
		switch {
		case errors.Is(err, errShort) && int64(len(h.First)) < h.Size:
			if h.First[0]&^flagRef == 'c' || d.codes > 0 {
				return true // right as far as can be seen
			}
		case err == nil && d.codes > 0 && (h.First[0]&^flagRef == 'c' || int64(d.pos) == h.Size):
			return true
		}
	}
	return false
}

// load reads the content, which must be small.
func load(in *format.Input) ([]byte, error) {
	b := make([]byte, min(in.Size, maxSize))
	n, err := in.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b[:n], nil
}

func parseCompiled(in *format.Input) error {
	b, err := load(in)
	if err != nil {
		return err
	}
	v, size, ok := header(b)
	if !ok {
		return errors.New("no header of a compiled module")
	}
	in.Emit(weir.Note{Key: "python", Value: v.String()})
	if v == 0 {
		return parse(in, b, size, layouts[len(layouts)-1:], 0)
	}
	return parse(in, b, size, []Layout{layoutOf(v)}, v)
}

func parseMarshal(in *format.Input) error {
	b, err := load(in)
	if err != nil {
		return err
	}
	return parse(in, b, 0, layouts, 0)
}

// parse reads the object at an offset in every layout that fits, emits its code objects and hands over what is behind and within it.
func parse(in *format.Input, b []byte, start int, ls []Layout, v Version) error {
	end := -1
	var first error
	for _, l := range ls {
		o, n, err := unmarshal(b[start:], l, v)
		if err != nil {
			if first == nil || errors.Is(err, errShort) {
				first = err
			}
			continue
		}
		end = max(end, start+n)
		w := walker{in: in, at: int64(start), seen: map[*Object]bool{}}
		w.object(o, 0)
	}
	switch {
	case end < 0 && in.Size > maxSize:
		return fmt.Errorf("code objects of %d bytes: %w", in.Size, format.ErrLimit)
	case end < 0 && errors.Is(first, errShort):
		in.Emit(weir.Oddity{Kind: weir.OddTruncated, Detail: first.Error(), At: in.Size})
		return first
	case end < 0:
		in.Emit(weir.Oddity{Kind: weir.OddMalformed, Detail: first.Error(), At: int64(start)})
		return first
	case int64(end) < in.Size:
		rest := in.Size - int64(end)
		in.Emit(weir.Oddity{Kind: weir.OddTrailing, Detail: fmt.Sprintf("%d bytes follow the code object", rest), At: int64(end), Size: rest})
		if in.Nested != nil {
			_, err := in.Nested(fmt.Sprintf("rest@%d", end), io.NewSectionReader(in, int64(end), rest), rest)
			return err
		}
	}
	return nil
}

// Bounds on what a walker hands over.
const (
	maxCodes    = 256
	maxLiterals = 64
	minLiteral  = 16
)

// walker emits the code objects of one object.
type walker struct {
	in       *format.Input
	at       int64
	seen     map[*Object]bool
	codes    int
	literals int
}

func (w *walker) object(o *Object, depth int) {
	if o == nil || w.seen[o] || depth > maxDepth {
		return
	}
	w.seen[o] = true
	switch o.Kind {
	case CodeObject:
		if w.codes++; w.codes <= maxCodes {
			w.in.Emit(Fact(o.Code, w.at))
		}
		w.literal(o.Code, depth)
	case Bytes:
		w.hand(o)
	}
	for _, x := range o.Items {
		w.object(x, depth+1)
	}
}

// literal looks for byte strings among the constants of a code object, whose own code objects the fact covers.
func (w *walker) literal(c *Code, depth int) {
	for _, o := range c.Consts {
		if o == nil || w.seen[o] || depth > maxDepth {
			continue
		}
		if o.Kind == CodeObject {
			w.seen[o] = true
			w.literal(o.Code, depth+1)
			continue
		}
		w.object(o, depth+1)
	}
}

// hand gives a byte string back to the engine: it may be a pickle or another code object.
func (w *walker) hand(o *Object) {
	if w.in.Nested == nil || len(o.Text) < minLiteral || w.literals >= maxLiterals {
		return
	}
	w.literals++
	if _, err := w.in.Nested(fmt.Sprintf("bytes#%d", w.literals), bytes.NewReader([]byte(o.Text)), int64(len(o.Text))); err != nil {
		w.literals = maxLiterals // the engine has said why
	}
}

// Fact describes a code object.
func Fact(c *Code, at int64) weir.Code {
	return weir.Code{Language: "python-bytecode", Name: plain(c.Title()), Calls: Names(c), Text: Listing(c), At: at}
}
