package scan

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"unicode/utf8"

	"weir"
)

// Frames carry batches of records over the worker's pipe, in a form that costs little to write and to read, as small files are mostly that:
// a record is a byte that says what it is, then its fields in order; numbers are varints, texts and lists begin with their length. Both
// ends are the same binary, so there are no versions; the fields are found by reflection, so that a new one cannot be forgotten.

// The kinds of records; a fact's kind follows as its place in wireFacts.
const (
	wireUnit byte = iota + 1
	wireFact
	wireProblem
	wireTrace
	wireDone
)

// wireFacts lists the facts that can cross; a test compares it with the kinds that weir knows.
var wireFacts = []reflect.Type{
	reflect.TypeFor[weir.Import](), reflect.TypeFor[weir.Member](), reflect.TypeFor[weir.Code](), reflect.TypeFor[weir.Call](),
	reflect.TypeFor[weir.Setting](), reflect.TypeFor[weir.Storage](), reflect.TypeFor[weir.Oddity](), reflect.TypeFor[weir.Note](),
	reflect.TypeFor[weir.Requirement](), reflect.TypeFor[weir.Part](), reflect.TypeFor[weir.Tensor](), reflect.TypeFor[weir.Class](),
	reflect.TypeFor[weir.Include](),
	reflect.TypeFor[weir.Behaviour](),
}

// wireImport is the place of weir.Import in wireFacts.
const wireImport = 0

// maxWireDepth bounds lists within lists: parsers cut values at far less.
const maxWireDepth = 64

// A worker that was taken over may send anything.
var (
	errRecord = errors.New("record without content")
	errCut    = errors.New("record is cut off")
	errDepth  = errors.New("record is nested too deeply")
)

// encodeFrame appends records to b.
func encodeFrame(b []byte, rs []Record) ([]byte, error) {
	for i := range rs {
		var err error
		if b, err = appendRecord(b, &rs[i]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func appendRecord(b []byte, r *Record) ([]byte, error) {
	switch {
	case r.Unit != nil:
		return appendValue(append(b, wireUnit), reflect.ValueOf(r.Unit).Elem()), nil
	case r.Fact != nil:
		if m, ok := r.Fact.Fact.(weir.Import); ok {
			b = binary.AppendUvarint(append(b, wireFact, wireImport), uint64(r.Fact.Unit))
			return appendImport(b, &m), nil
		}
		v := reflect.ValueOf(r.Fact.Fact)
		k := -1
		if v.IsValid() {
			k = slices.Index(wireFacts, v.Type())
		}
		if k < 0 {
			return nil, fmt.Errorf("fact of type %T cannot be sent", r.Fact.Fact)
		}
		b = append(b, wireFact, byte(k))
		b = binary.AppendUvarint(b, uint64(r.Fact.Unit))
		return appendValue(b, v), nil
	case r.Problem != nil:
		return appendValue(append(b, wireProblem), reflect.ValueOf(r.Problem).Elem()), nil
	case r.Trace != nil:
		return appendValue(append(b, wireTrace), reflect.ValueOf(r.Trace).Elem()), nil
	case r.Done != nil:
		return appendValue(append(b, wireDone), reflect.ValueOf(r.Done).Elem()), nil
	}
	return nil, errRecord
}

func appendValue(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			b = appendValue(b, v.Field(i))
		}
	case reflect.Slice:
		b = binary.AppendUvarint(b, uint64(v.Len()))
		for i := range v.Len() {
			b = appendValue(b, v.Index(i))
		}
	case reflect.String:
		s := v.String()
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	case reflect.Bool:
		if v.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	case reflect.Int, reflect.Int64:
		b = binary.AppendVarint(b, v.Int())
	case reflect.Uint8, reflect.Uint32:
		b = binary.AppendUvarint(b, v.Uint())
	default:
		panic("scan: a record with a field of type " + v.Type().String()) // a test sends every type
	}
	return b
}

// decodeFrame hands the records of a frame to each, in order. The frame comes from a worker that may have been taken over: whatever it
// holds, the records are well-formed and not much larger than it.
func decodeFrame(b []byte, each func(Record) error) error {
	d := wireDecoder{b: b, all: string(b)}
	for len(d.b) > 0 {
		r, err := d.record()
		if err != nil {
			return fmt.Errorf("worker's answer: %w", err)
		}
		if err := each(r); err != nil {
			return err
		}
	}
	return nil
}

// wireDecoder takes values from the front of b.
type wireDecoder struct {
	b   []byte // what is left
	all string // a copy of the frame; texts are parts of it, because a copy of each would cost more than reading them
}

func (d *wireDecoder) record() (r Record, err error) {
	kind, err := d.byte()
	if err != nil {
		return r, err
	}
	switch kind {
	case wireUnit:
		r.Unit = new(UnitRecord)
		err = d.value(reflect.ValueOf(r.Unit).Elem(), 0)
	case wireFact:
		r.Fact, err = d.fact()
	case wireProblem:
		r.Problem = new(ProblemRecord)
		err = d.value(reflect.ValueOf(r.Problem).Elem(), 0)
	case wireTrace:
		r.Trace = new(TraceRecord)
		err = d.value(reflect.ValueOf(r.Trace).Elem(), 0)
	case wireDone:
		r.Done = new(DoneRecord)
		err = d.value(reflect.ValueOf(r.Done).Elem(), 0)
	default:
		err = errRecord
	}
	return r, err
}

func (d *wireDecoder) fact() (*FactRecord, error) {
	k, err := d.byte()
	if err != nil {
		return nil, err
	}
	if int(k) >= len(wireFacts) {
		return nil, fmt.Errorf("fact kind %d is not known", k)
	}
	unit, err := d.uint(math.MaxInt32)
	if err != nil {
		return nil, err
	}
	if k == wireImport {
		hot := failing{wireDecoder: d}
		m := hot.importFact()
		return &FactRecord{int(unit), m}, hot.err
	}
	v := reflect.New(wireFacts[k]).Elem()
	if err := d.value(v, 0); err != nil {
		return nil, err
	}
	f, ok := v.Interface().(weir.Fact)
	if !ok {
		return nil, errRecord
	}
	return &FactRecord{int(unit), f}, nil
}

func (d *wireDecoder) byte() (byte, error) {
	if len(d.b) == 0 {
		return 0, errCut
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c, nil
}

func (d *wireDecoder) uint(most uint64) (uint64, error) {
	n, size := binary.Uvarint(d.b)
	if size <= 0 || n > most {
		return 0, errCut
	}
	d.b = d.b[size:]
	return n, nil
}

func (d *wireDecoder) int() (int64, error) {
	n, size := binary.Varint(d.b)
	if size <= 0 {
		return 0, errCut
	}
	d.b = d.b[size:]
	return n, nil
}

func (d *wireDecoder) value(v reflect.Value, depth int) error {
	if depth > maxWireDepth {
		return errDepth
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if err := d.value(v.Field(i), depth+1); err != nil {
				return err
			}
		}
	case reflect.Slice:
		return d.list(v, depth)
	case reflect.String:
		s, err := d.text()
		v.SetString(s)
		return err
	case reflect.Bool:
		c, err := d.byte()
		v.SetBool(c != 0)
		return err
	case reflect.Int, reflect.Int64:
		n, err := d.int()
		v.SetInt(n)
		return err
	case reflect.Uint8, reflect.Uint32:
		n, err := d.uint(1<<v.Type().Bits() - 1)
		v.SetUint(n)
		return err
	default:
		return fmt.Errorf("field of type %s", v.Type())
	}
	return nil
}

// list reads a slice, which grows with what is really there: an element that claims to exist takes at least a byte.
func (d *wireDecoder) list(v reflect.Value, depth int) error {
	n, err := d.uint(uint64(len(d.b)))
	if err != nil || n == 0 {
		return err
	}
	const first = 64
	v.Grow(min(int(n), first))
	for i := range int(n) {
		if i == v.Cap() {
			v.Grow(1)
		}
		v.SetLen(i + 1)
		if err := d.value(v.Index(i), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// text reads a string and makes it valid UTF-8: reports are.
func (d *wireDecoder) text() (string, error) {
	n, err := d.uint(uint64(len(d.b)))
	if err != nil || n > uint64(len(d.b)) {
		return "", errCut
	}
	at := len(d.all) - len(d.b)
	s := d.all[at : at+int(n)]
	d.b = d.b[n:]
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	return s, nil
}
