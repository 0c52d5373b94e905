// Package h2o reads the models of H2O-3: binary models, grids and frames (AutoBuffer), MOJOs, POJOs and notebooks of Flow, and says what they bring to life.
//
// A binary model is a row of objects in H2O's own encoding. The class of each object comes from a list of names at the head of the file, and the
// loader initialises the class of an object before it finds out whether it is one of H2O's; fields that are merely Serializable are Java object
// streams, which the loader reads without a filter (CVE-2024-6960, still so in 3.46.0.12). [Parse] follows the encoding field by field, with the
// layouts that the classes have in H2O's own jars.
package h2o

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"weir"
	"weir/internal/format"
)

// Formats lists the formats of this room.
var Formats = []format.Format{Binary, MOJO, Info, Details, POJO, Source, Flow}

// Binary is what h2o.save_model, save_grid and Frame.save write, and /99/Models.bin and /3/Frames/load read.
var Binary = format.Format{
	Name: "h2o-binary", Doc: "H2O-3 binary model, grid or frame", Framework: "h2o", Model: true, Parsed: true,
	Match: match, Parse: Parse,
}

// magic begins the file: AutoBuffer.MAGIC, 0x1CED.
const magic = "\x1c\xed"

// match asks for the magic and a version number behind it, such as "3.46.0.12".
func match(h format.Head) bool {
	b, ok := bytes.CutPrefix(h.First, []byte(magic))
	if !ok || len(b) < 2 {
		return false
	}
	n := int(b[0]) - 1
	if n < 1 || n > 100 || len(b) < 1+n {
		return false
	}
	return bytes.IndexByte(b[1:1+n], '.') > 0
}

// Bounds of one file.
const (
	maxTypes   = 20_000 // names in the type map; real ones have some hundred
	maxDepth   = 200    // objects within objects
	maxText    = 1 << 16
	maxStreams = 5000 // Java streams
)

// Parse follows a file from its magic to its end. An error says where that came to an end; the rest was handed back to be searched.
func Parse(in *format.Input) error {
	w := &walker{in: in, r: reader{src: in, size: in.Size}, layouts: shippedLayouts()}
	err := w.run()
	w.foreign(err != nil)
	if err == nil && w.layouts.version(w.version) != w.version {
		err = w.unexplained()
	}
	if err == nil {
		if w.broken != nil {
			return fmt.Errorf("h2o: %w", w.broken)
		}
		return nil
	}
	switch {
	case errors.Is(err, format.ErrLimit):
	case w.whole > 0: // the loader reads as many objects as the model has keys, and nothing behind them
		in.Emit(weir.Oddity{Kind: weir.OddTrailing, Detail: fmt.Sprintf("behind %d whole objects: %v", w.whole, err), At: w.began, Size: in.Size - w.began})
		err = fmt.Errorf("behind %d whole objects: %w", w.whole, err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		in.Emit(weir.Oddity{Kind: weir.OddTruncated, Detail: err.Error(), At: w.r.at})
	default:
		in.Emit(weir.Oddity{Kind: weir.OddMalformed, Detail: err.Error(), At: w.began, Size: in.Size - w.began})
	}
	return errors.Join(fmt.Errorf("h2o: %w", err), w.broken, w.rest(w.began))
}

// walker is the state of one reading.
type walker struct {
	in      *format.Input
	r       reader
	layouts *layouts
	version string
	types   []class // the type map: classes by the ids that the objects use
	began   int64   // of the outermost object that is being read
	whole   int     // outermost objects that were read to their end
	depth   int
	steps   int64
	streams int
	path    []string // fields that lead to where the reader is, outermost first
	objects int64
	known   []int64 // where the Java streams are that were followed
	broken  error   // of the first Java stream that could not be followed
}

// class is an entry of the type map.
type class struct {
	name  string // empty: null
	at    int64
	used  int64     // offset of the first object of it; 0: none yet
	chain []*layout // once it was looked up
}

func (w *walker) run() error {
	w.r.at = int64(len(magic))
	var err error
	if w.version, err = w.r.text(); err != nil {
		return fmt.Errorf("version: %w", err)
	}
	w.in.Emit(weir.Note{Key: "h2o.version", Value: short(w.version)})
	if err := w.typeMap(); err != nil {
		return err
	}
	for ; w.r.at < w.in.Size; w.whole++ {
		w.began = w.r.at
		c, err := w.object()
		if err != nil {
			return err
		}
		if w.whole == 0 {
			w.root(c)
		}
		if err := w.after(c); err != nil {
			return err
		}
	}
	w.in.Emit(weir.Note{Key: "h2o.objects", Value: fmt.Sprint(w.objects)})
	return nil
}

// root says what the file is: its first object.
func (w *walker) root(c *class) {
	if c == nil {
		w.in.Emit(weir.Note{Key: "h2o.class", Value: "null"})
		return
	}
	w.in.Emit(weir.Note{Key: "h2o.class", Value: short(c.name)})
}

// after reads what some classes put behind themselves when they are written with all that belongs to them (writeAll_impl). Of most that is
// further objects only.
func (w *walker) after(c *class) error {
	if c == nil {
		return nil
	}
	var codes []string
	switch {
	case w.layouts.is(c.name, "water.fvec.Frame"):
		codes = []string{"A8"} // the rows of its chunks
	case w.layouts.is(c.name, "water.fvec.InteractionWrappedVec"):
		codes = []string{"AStr", "AStr", "Z", "Z", "Z", "AStr", "AStr", "AStr"}
	}
	for _, code := range codes {
		if err := w.field(code); err != nil {
			return fmt.Errorf("behind a %s: %w", c.name, err)
		}
	}
	return nil
}

// typeMap reads the names of the classes.
func (w *walker) typeMap() error {
	before := w.r.at
	n, err := w.sparse(func() error {
		at := w.r.at
		s, err := w.r.text()
		if err != nil {
			return err
		}
		if len(w.types) >= maxTypes {
			return fmt.Errorf("more than %d classes: %w", maxTypes, format.ErrLimit)
		}
		w.types = append(w.types, class{name: s, at: at})
		return nil
	}, func(leading int64) error {
		if leading > maxTypes {
			return fmt.Errorf("more than %d classes: %w", maxTypes, format.ErrLimit)
		}
		w.types = make([]class, leading)
		return nil
	})
	if err != nil {
		return fmt.Errorf("list of classes: %w", err)
	}
	if n < 0 {
		return errors.New("without its list of classes, which the loader needs")
	}
	w.in.Emit(weir.Note{Key: "h2o.classes", Value: fmt.Sprint(len(w.types))})
	w.part("header", "version "+short(w.version), 0)
	w.part("directory", "list of classes", before)
	return nil
}

// foreign reports the classes of the type map that are not H2O's own. The loader initialises the class of every object that it reads
// (TypeMap.theFreezable calls Class.forName), a name that no object uses it only remembers. When not everything was read, any could be used.
func (w *walker) foreign(unread bool) {
	for id := range w.types {
		c := &w.types[id]
		if c.name == "" || w.layouts.has(c.name) || bootstrap[c.name] {
			continue
		}
		fact := weir.Class{Name: short(c.name), How: weir.ClassDescribed, Field: TypeMap, At: c.at, Evidence: fmt.Sprintf("class %d of the file, used by no object", id)}
		switch {
		case c.used > 0:
			fact.How, fact.Evidence = weir.ClassStaticInit, fmt.Sprintf("class %d of the file, of the object at byte %d", id, c.used)
		case unread:
			fact.How, fact.Evidence = weir.ClassStaticInit, fmt.Sprintf("class %d of the file, which could not be read to its end", id)
		}
		w.in.Emit(fact)
	}
}

// TypeMap is the Field of facts about the list of classes at the head of a file.
const TypeMap = "type map"

// bootstrap are names in type maps that are no classes of water's own kind: TypeMap.BOOTSTRAP_CLASSES.
var bootstrap = map[string]bool{" BAD": true, "[B": true}

// part tells `weir inspect` what the bytes from at to here are.
func (w *walker) part(kind, name string, at int64) {
	if w.in.Inspect {
		w.in.Emit(weir.Part{Kind: kind, Name: name, At: at, Size: w.r.at - at})
	}
}

// step counts work: a file can hold many empty objects.
func (w *walker) step() error {
	if w.steps++; w.steps > w.in.Limits.Steps {
		return fmt.Errorf("more than %d steps: %w", w.in.Limits.Steps, format.ErrLimit)
	}
	return nil
}

// object reads a Freezable: the number of its class, -1 for null, then its fields (AutoBuffer.get). It returns the class, nil for null.
func (w *walker) object() (*class, error) {
	if err := w.step(); err != nil {
		return nil, err
	}
	at := w.r.at
	id, err := w.r.int()
	if err != nil || id == -1 {
		return nil, err
	}
	if id < 0 || id >= int64(len(w.types)) || w.types[id].name == "" {
		return nil, fmt.Errorf("an object of class %d of %d", id, len(w.types))
	}
	c := &w.types[id]
	if c.used == 0 {
		c.used = at
	}
	if c.chain == nil {
		if c.chain, err = w.layouts.chain(w.version, c.name); err != nil {
			return c, err
		}
	}
	if w.depth++; w.depth > maxDepth {
		return c, fmt.Errorf("more than %d objects within each other: %w", maxDepth, format.ErrLimit)
	}
	w.objects++
	err = w.fields(c.chain)
	w.depth--
	if w.depth == 0 {
		w.part("object", c.name, at)
	}
	return c, err
}

// fields reads the fields of a class, those of its superclasses first, as Weaver writes them.
func (w *walker) fields(chain []*layout) error {
	for _, l := range chain {
		if l.custom {
			if err := w.custom(l.name); err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
			continue
		}
		for i := range l.fields {
			f := &l.fields[i]
			if w.in.Inspect {
				if err := w.told(f); err != nil {
					return fmt.Errorf("%s: %w", f.where, err)
				}
				continue
			}
			if f.size > 0 { // most are single numbers
				if err := w.r.skip(f.size); err != nil {
					return fmt.Errorf("%s: %w", f.where, err)
				}
				continue
			}
			w.path = append(w.path, f.where)
			if err := w.field(f.code); err != nil {
				return fmt.Errorf("%s: %w", f.where, err)
			}
			w.path = w.path[:len(w.path)-1]
		}
	}
	return nil
}

// sizeOf gives the bytes of AutoBuffer's primitives; 0 for everything else. It is asked for every field of every object.
func sizeOf(code string) int64 {
	switch code {
	case "Z", "1", "Enum":
		return 1
	case "2":
		return 2
	case "4", "4f":
		return 4
	case "8", "8d":
		return 8
	}
	return 0
}

// field reads one value as a method of AutoBuffer of that name would: an A for each dimension, then the type.
func (w *walker) field(code string) error {
	if err := w.step(); err != nil {
		return err
	}
	if n := sizeOf(code); n > 0 {
		return w.r.skip(n)
	}
	switch {
	case code == "Str":
		return w.r.skipBytes()
	case code == "Ice":
		_, err := w.object()
		return err
	case code == "Ser":
		return w.stream()
	case strings.HasPrefix(code, "?"):
		return fmt.Errorf("a field of type %s, which H2O cannot write", code[1:])
	}
	of := code[1:]
	if n := sizeOf(of); n > 0 && of != "Enum" {
		return w.primitives(of, n)
	}
	_, err := w.sparse(func() error { return w.field(of) }, nil)
	return err
}

// primitives reads an array of numbers (getA1, getA4, …); of long values only what is not zero is there, in one to eight bytes each (getA8).
func (w *walker) primitives(of string, size int64) error {
	n, err := w.r.int()
	if err != nil || n == -1 {
		return err
	}
	if n < 0 {
		return fmt.Errorf("an array of %d elements", n)
	}
	if of != "8" {
		return w.r.skip(n * size)
	}
	middle, err := w.r.int()
	if err != nil {
		return err
	}
	if middle != 0 {
		if _, err := w.r.int(); err != nil {
			return err
		}
	}
	width, err := w.r.byte()
	if err != nil {
		return err
	}
	if width != 1 && width != 2 && width != 4 && width != 8 {
		return fmt.Errorf("an array of numbers of %d bytes", width)
	}
	return w.r.skip(max(middle, 0) * int64(width)) // Java takes a negative number for none
}

// sparse reads an array whose nulls at both ends are only counted (getZA): -1 for null, the nulls before, the elements, and the nulls
// after if there are elements. It returns how many elements there are, -1 for null. leading is told how many nulls come before.
func (w *walker) sparse(element func() error, leading func(int64) error) (n int64, err error) {
	before, err := w.r.int()
	if err != nil || before == -1 {
		return -1, err
	}
	if n, err = w.r.int(); err != nil {
		return 0, err
	}
	if n < 0 { // getZA packs both numbers in one without masking: the sign of the second overwrites the first
		if before = -1; n == -1 {
			return -1, nil
		}
	}
	after := int64(0)
	if n != 0 {
		if after, err = w.r.int(); err != nil {
			return 0, err
		}
	}
	if int32(before+n+after) < 0 {
		return 0, fmt.Errorf("an array of %d elements", int32(before+n+after))
	}
	if leading != nil && before >= 0 {
		if err := leading(before); err != nil {
			return 0, err
		}
	}
	for range n {
		if err := element(); err != nil {
			return n, err
		}
		if before < 0 { // Java reads the element, and only then finds that it has no place
			return n, fmt.Errorf("an array that begins at element %d", before)
		}
	}
	return max(n, 0), nil
}

// where names the field that is being read.
func (w *walker) where() string {
	if len(w.path) == 0 {
		return ""
	}
	return w.path[len(w.path)-1]
}

// rest hands what was not followed back to the engine, which searches it.
func (w *walker) rest(at int64) error {
	at = max(at, int64(len(magic))) // with its magic it would come back here, again and again
	if at >= w.in.Size {
		return nil
	}
	n := w.in.Size - at
	_, err := w.in.Nested(fmt.Sprintf("[rest@%d]", at), io.NewSectionReader(w.in, at, n), n)
	return err
}

// short bounds a text of the file for facts.
func short(s string) string {
	const most = 200
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
