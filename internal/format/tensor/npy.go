package tensor

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"weir"
	"weir/internal/format"
	"weir/internal/format/pickle"
)

// The layout is that of numpy/lib/format.py: magic, version, header length, header, data.
const (
	npyMagic = "\x93NUMPY"
	// maxHeader bounds the header that weir reads. numpy itself refuses more than 10,000 characters unless told otherwise (1.24.2).
	maxHeader = 4 << 20
	// maxArrays bounds the arrays that one file may hold one after another.
	maxArrays = 1_000_000
)

// npy is numpy's format for one array.
var npy = format.Format{
	Name: "npy", Doc: "NumPy array (.npy)", Framework: "numpy", Model: true, Parsed: true,
	Match: func(h format.Head) bool { return bytes.HasPrefix(h.First, []byte(npyMagic)) },
	Parse: ParseNPY,
}

// No array of a model is as large as these; a header that says so makes numpy fail, or the system end the process.
const (
	absurdArray = 1 << 40 // bytes
	absurdItem  = 1 << 30 // bytes of one element
)

// ParseNPY reads one array or, as numpy.save on an open file writes them, several in a row.
func ParseNPY(in *format.Input) error {
	var at int64
	for n := 0; n < maxArrays; n++ {
		end, err := parseArray(in, at, n)
		if err != nil {
			return err
		}
		if end >= in.Size {
			if n > 0 {
				in.Emit(weir.Note{Key: "npy.arrays", Value: fmt.Sprint(n + 1)})
			}
			return nil
		}
		at = end
		if magic, err := readAt(in, at, len(npyMagic)); err == nil && string(magic) == npyMagic {
			continue
		}
		in.Emit(weir.Oddity{Kind: weir.OddTrailing, Detail: "bytes after the array", At: at, Size: in.Size - at})
		return rest(in, "trailing", at)
	}
	return fmt.Errorf("npy: more than %d arrays: %w", maxArrays, format.ErrLimit)
}

// parseArray reads the array that begins at a given offset and returns where it ends.
func parseArray(in *format.Input, at int64, n int) (end int64, err error) {
	text, data, err := npyHeader(in, at)
	if err != nil {
		return 0, err
	}
	t, shape, size, err := npyShape(in, text, at)
	if err != nil {
		in.Emit(weir.Oddity{Kind: weir.OddShape, Detail: "npy header: " + err.Error(), At: at})
		if strings.Contains(text, "O") || strings.Contains(text, "obj") { // whatever reads such a header may go on to unpickle
			if err := runPickle(in, data); err != nil {
				return 0, err
			}
		}
		if err := rest(in, "data", data); err != nil {
			return 0, err
		}
		return 0, fmt.Errorf("npy: header: %w", err)
	}
	if in.Inspect {
		in.Emit(weir.Part{Kind: "header", Name: "npy", At: at, Size: data - at})
	}
	if t.object {
		describe(in, arrayName(in, n), "O", shape, in.Size-data, data)
		res, err := pickle.Run(in, pickle.Options{Offset: data})
		if err != nil {
			return 0, fmt.Errorf("npy: object array: %w", err)
		}
		if !res.Stopped || res.End <= data {
			if err := rest(in, "data", data); err != nil {
				return 0, err
			}
			return 0, truncated(in, "npy: pickle of an object array", res.End)
		}
		return res.End, nil
	}
	describe(in, arrayName(in, n), descrOf(text), shape, size, data)
	have := min(size, in.Size-data)
	in.Emit(weir.Storage{Key: numbered("array", n), Type: descrOf(text), Want: size, Have: have, At: data})
	if have < size {
		in.Emit(weir.Oddity{Kind: weir.OddTruncated, Detail: "array data ends too early", At: in.Size, Size: size - have})
		if size >= absurdArray || t.size >= absurdItem {
			in.Emit(weir.Oddity{Kind: weir.OddShape, Detail: fmt.Sprintf("the header claims %d bytes, which numpy would try to reserve", size), At: data})
		}
	}
	return data + have, carve(in, numbered("array", n), data, have)
}

// runPickle follows a pickle that may or may not be one.
func runPickle(in *format.Input, at int64) error {
	_, err := pickle.Run(in, pickle.Options{Offset: at})
	return err
}

// npyHeader reads magic, version and header text, and says where the data begins.
func npyHeader(in *format.Input, at int64) (text string, data int64, err error) {
	fixed, err := readAt(in, at, len(npyMagic)+2)
	if err != nil {
		return "", 0, truncated(in, "npy: magic", at)
	}
	major, minor := fixed[len(npyMagic)], fixed[len(npyMagic)+1]
	width := 4
	if major == 1 {
		width = 2
	}
	if major < 1 || major > 3 || minor != 0 {
		in.Emit(weir.Oddity{Kind: weir.OddUnsupported, Detail: fmt.Sprintf("npy version %d.%d", major, minor), At: at})
		if err := rest(in, "unknown", at+int64(len(fixed))); err != nil {
			return "", 0, err
		}
		return "", 0, fmt.Errorf("npy: version %d.%d is not known", major, minor)
	}
	start := at + int64(len(fixed))
	l, err := readAt(in, start, width)
	if err != nil {
		return "", 0, truncated(in, "npy: header length", start)
	}
	start += int64(width)
	length := int64(binary.LittleEndian.Uint16(l))
	if width == 4 {
		length = int64(binary.LittleEndian.Uint32(l))
	}
	if length > in.Size-start {
		return "", 0, truncated(in, "npy: header", start)
	}
	if length > maxHeader {
		in.Emit(weir.Oddity{Kind: weir.OddShape, Detail: fmt.Sprintf("npy header of %d bytes", length), At: at})
		if err := rest(in, "header", start); err != nil {
			return "", 0, err
		}
		return "", 0, fmt.Errorf("npy: header of %d bytes: %w", length, format.ErrLimit)
	}
	b, err := readAt(in, start, int(length))
	if err != nil {
		return "", 0, fmt.Errorf("npy: header: %w", err)
	}
	if major < 3 || !utf8.Valid(b) {
		b = latin1(b)
	}
	return string(b), start + length, nil
}

// latin1 gives the UTF-8 of text in Latin-1, the encoding of header versions 1 and 2.
func latin1(b []byte) []byte {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			out := make([]byte, 0, len(b)+16)
			for _, c := range b {
				out = utf8.AppendRune(out, rune(c))
			}
			return out
		}
	}
	return b
}

// npyShape reads the header's three entries. An error says what no numpy writes.
func npyShape(in *format.Input, text string, at int64) (t dtype, shape weir.Value, size int64, err error) {
	v, err := parseLiteral(text)
	if err != nil {
		return dtype{}, shape, 0, err
	}
	descr, ok1 := lookup(v, "descr")
	order, ok2 := lookup(v, "fortran_order")
	shape, ok3 := lookup(v, "shape")
	if !ok1 || !ok2 || !ok3 || v.Len != 3 {
		return dtype{}, shape, 0, fmt.Errorf("not a dict of exactly descr, fortran_order and shape")
	}
	if order.Kind != weir.ValueBool || shape.Kind != weir.ValueTuple {
		return dtype{}, shape, 0, fmt.Errorf("fortran_order %s, shape %s", order, shape)
	}
	if t, err = parseDescr(descr, 0); err != nil {
		return dtype{}, shape, 0, err
	}
	if size, err = product(shape, t.size); err != nil {
		return dtype{}, shape, 0, err
	}
	if !strings.HasSuffix(text, "\n") {
		// Specified to end in a newline; a writer that does not is no numpy, but every numpy reads it.
		in.Emit(weir.Note{Key: "npy.header", Value: "no newline at its end"})
	}
	return t, shape, size, nil
}

// descrOf gives the dtype part of a header for a person, bounded.
func descrOf(text string) string {
	v, err := parseLiteral(text)
	if err != nil {
		return ""
	}
	d, _ := lookup(v, "descr")
	s := d.String()
	if d.Kind == weir.ValueStr {
		s = d.Text
	}
	if len(s) > 120 {
		s = s[:117] + "…"
	}
	return s
}
