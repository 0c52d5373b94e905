// Package h2o reads the models of H2O-3: binary models, grids and frames (AutoBuffer), and what the classes in them bring to life.
//
// A binary model is a row of objects in H2O's own encoding. The class of each object comes from a list of names at the head of the file, and the
// loader initialises every class of that list; fields that are merely Serializable are Java object streams, which the loader reads without a
// filter (CVE-2024-6960, still so in 3.46.0.12). [Parse] follows the encoding field by field, with the layouts that the classes have in H2O's own jars.
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
var Formats = []format.Format{Binary}

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
	if err == nil {
		return errors.Join(w.broken...)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		in.Emit(weir.Oddity{Kind: weir.OddTruncated, Detail: err.Error(), At: w.r.at})
	} else if !errors.Is(err, format.ErrLimit) {
		in.Emit(weir.Oddity{Kind: weir.OddMalformed, Detail: err.Error(), At: w.began, Size: in.Size - w.began})
	}
	return errors.Join(append(w.broken, fmt.Errorf("h2o: %w", err), w.rest(w.began))...)
}

// walker is the state of one reading.
type walker struct {
	in      *format.Input
	r       reader
	layouts *layouts
	version string
	types   []string // the type map: class names by the ids that the objects use
	began   int64    // of the object that is being read
	depth   int
	steps   int64
	streams int
	path    []string // fields that lead to where the reader is, outermost first
	objects int64
	broken  []error // Java streams that could not be followed to their end
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
	for n := 0; w.r.at < w.in.Size; n++ {
		w.began = w.r.at
		class, err := w.object()
		if err != nil {
			return err
		}
		if n == 0 {
			w.in.Emit(weir.Note{Key: "h2o.class", Value: short(class)})
		}
		if w.layouts.is(class, "water.fvec.Frame") {
			// Frame.writeAll_impl puts the rows of its chunks between itself and its columns.
			if err := w.field("A8"); err != nil {
				return fmt.Errorf("rows of the chunks of a frame: %w", err)
			}
		}
	}
	w.in.Emit(weir.Note{Key: "h2o.objects", Value: fmt.Sprint(w.objects)})
	return nil
}

// typeMap reads the names of the classes. The loader looks each of them up with Class.forName, which runs its static initialiser, whether an
// object of it follows or not (AutoBuffer(InputStream), TypeMap.onIce).
func (w *walker) typeMap() error {
	before := w.r.at
	n, _, err := w.sparse(func() error {
		s, err := w.r.text()
		if err != nil {
			return err
		}
		if len(w.types) >= maxTypes {
			return fmt.Errorf("more than %d classes: %w", maxTypes, format.ErrLimit)
		}
		w.types = append(w.types, s)
		return nil
	}, func(leading int64) error {
		if leading > maxTypes {
			return fmt.Errorf("more than %d classes: %w", maxTypes, format.ErrLimit)
		}
		w.types = make([]string, leading)
		return nil
	})
	if err != nil {
		return fmt.Errorf("list of classes: %w", err)
	}
	if n < 0 {
		return errors.New("without its list of classes, which the loader needs")
	}
	for id, name := range w.types {
		if name != "" && !w.layouts.has(name) && !bootstrap[name] {
			w.in.Emit(weir.Class{Name: short(name), How: weir.ClassStaticInit, Field: "type map", At: before, Evidence: fmt.Sprintf("class %d of the file", id)})
		}
	}
	w.in.Emit(weir.Note{Key: "h2o.classes", Value: fmt.Sprint(len(w.types))})
	if w.in.Inspect {
		w.in.Emit(weir.Part{Kind: "header", Name: "version " + short(w.version), At: 0, Size: before})
		w.in.Emit(weir.Part{Kind: "directory", Name: "list of classes", At: before, Size: w.r.at - before})
	}
	return nil
}

// bootstrap are names in type maps that are no classes of water's own kind: TypeMap.BOOTSTRAP_CLASSES.
var bootstrap = map[string]bool{" BAD": true, "[B": true}

// step counts work: a file can hold many empty objects.
func (w *walker) step() error {
	if w.steps++; w.steps > w.in.Limits.Steps {
		return fmt.Errorf("more than %d steps: %w", w.in.Limits.Steps, format.ErrLimit)
	}
	return nil
}

// object reads a Freezable: the number of its class, -1 for null, then its fields (AutoBuffer.get). It returns the class's name.
func (w *walker) object() (string, error) {
	if err := w.step(); err != nil {
		return "", err
	}
	id, err := w.r.int()
	if err != nil || id == -1 {
		return "", err
	}
	if id < 0 || id >= int64(len(w.types)) || w.types[id] == "" {
		return "", fmt.Errorf("an object of class %d of %d", id, len(w.types))
	}
	if w.depth++; w.depth > maxDepth {
		return "", fmt.Errorf("more than %d objects within each other: %w", maxDepth, format.ErrLimit)
	}
	w.objects++
	class := w.types[id]
	began := w.r.at
	err = w.fields(class)
	w.depth--
	if w.in.Inspect && w.depth == 0 {
		w.in.Emit(weir.Part{Kind: "object", Name: class, At: began, Size: w.r.at - began})
	}
	return class, err
}

// fields reads the fields of a class, those of its superclasses first, as Weaver writes them.
func (w *walker) fields(class string) error {
	chain, err := w.layouts.chain(w.version, class)
	if err != nil {
		return err
	}
	for _, l := range chain {
		if l.custom {
			if err := w.custom(l.name); err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
			continue
		}
		for _, f := range l.fields {
			w.path = append(w.path, l.name+"."+f.name)
			if err := w.field(f.code); err != nil {
				return fmt.Errorf("%s.%s: %w", l.name, f.name, err)
			}
			w.path = w.path[:len(w.path)-1]
		}
	}
	return nil
}

// sizes are the bytes of AutoBuffer's primitives.
var sizes = map[string]int64{"Z": 1, "1": 1, "2": 2, "4": 4, "4f": 4, "8": 8, "8d": 8, "Enum": 1}

// field reads one value as a method of AutoBuffer of that name would: an A for each dimension, then the type.
func (w *walker) field(code string) error {
	if err := w.step(); err != nil {
		return err
	}
	if n, ok := sizes[code]; ok {
		return w.r.skip(n)
	}
	switch {
	case code == "Str":
		return w.r.skipBytes()
	case code == "Ice":
		_, err := w.object()
		return err
	case strings.HasPrefix(code, "Ser"):
		return w.stream()
	case strings.HasPrefix(code, "?"):
		return fmt.Errorf("a field of type %s, which H2O cannot write", code[1:])
	}
	of := code[1:]
	if n, ok := sizes[of]; ok && of != "Enum" {
		return w.primitives(of, n)
	}
	_, _, err := w.sparse(func() error { return w.field(of) }, nil)
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
	if middle < 0 {
		return fmt.Errorf("an array of %d elements", middle)
	}
	if middle > 0 {
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
	return w.r.skip(middle * int64(width))
}

// sparse reads an array whose nulls at both ends are only counted (getZA): -1 for null, the nulls before, the elements, and the nulls
// after if there are elements. It returns how many elements there are, -1 for null, and how many nulls before.
func (w *walker) sparse(element func() error, leading func(int64) error) (n, before int64, err error) {
	if before, err = w.r.int(); err != nil || before == -1 {
		return -1, 0, err
	}
	if n, err = w.r.int(); err != nil {
		return 0, before, err
	}
	if before < 0 || n < 0 {
		return 0, 0, fmt.Errorf("an array of %d elements after %d", n, before)
	}
	if n > 0 {
		after, err := w.r.int()
		if err != nil {
			return 0, before, err
		}
		if after < 0 {
			return 0, before, fmt.Errorf("an array with %d nulls at its end", after)
		}
	}
	if leading != nil {
		if err := leading(before); err != nil {
			return 0, before, err
		}
	}
	for range n {
		if err := element(); err != nil {
			return n, before, err
		}
	}
	return n, before, nil
}

// stream hands over a Java object stream: the bytes of a field that is Serializable and nothing else (getSer).
func (w *walker) stream() error {
	n, err := w.r.int()
	if err != nil || n == -1 {
		return err
	}
	if n < 0 || n > w.in.Size-w.r.at {
		return fmt.Errorf("a Java object stream of %d bytes: %w", n, io.ErrUnexpectedEOF)
	}
	if w.streams++; w.streams > maxStreams {
		return fmt.Errorf("more than %d Java object streams: %w", maxStreams, format.ErrLimit)
	}
	at := w.r.at
	if err := w.r.skip(n); err != nil {
		return err
	}
	if w.in.Inspect {
		w.in.Emit(weir.Part{Kind: "java", Name: w.where(), At: at, Size: n})
	}
	return w.java(at, n)
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
