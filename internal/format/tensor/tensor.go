// Package tensor reads files of plain arrays: numpy's npy and npz, and joblib's pickles with raw arrays between their opcodes. Array bytes
// are explained by the header or record that names them and are not read, unless the scan is deep; pickles inside go to the pickle machine.
//
// Start with [Formats].
package tensor

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"weir"
	"weir/internal/format"
	"weir/internal/format/pickle"
)

// Formats lists the formats of this room.
var Formats = []format.Format{npy, npz, joblib, joblibZ}

// rest hands everything from offset on back to the engine as a member of its own.
func rest(in *format.Input, name string, offset int64) error {
	if offset >= in.Size {
		return nil
	}
	size := in.Size - offset
	_, err := in.Nested(name, io.NewSectionReader(in, offset, size), size)
	return err
}

// carve hands raw array data to the engine in a deep scan; otherwise the record that names the range explains it.
func carve(in *format.Input, name string, offset, size int64) error {
	if !in.Deep || size <= 0 {
		return nil
	}
	_, err := in.Nested(name, io.NewSectionReader(in, offset, size), size)
	return err
}

// readAt reads exactly n bytes, which the caller has bounded.
func readAt(in *format.Input, offset int64, n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := in.ReadAt(b, offset); err != nil && err != io.EOF {
		return nil, err
	} else if err == io.EOF && offset+int64(n) > in.Size {
		return nil, io.ErrUnexpectedEOF
	}
	return b, nil
}

// shadow reads raw data the way a plain unpickler would that knows nothing of arrays, and says so when that reading imports something: such
// a file is two programs at once. Honest array data stops being a pickle within its first bytes.
func shadow(in *format.Input, offset, size int64) error {
	if size <= 0 {
		return nil
	}
	var seen []weir.Fact
	view := *in
	view.ReaderAt = &window{in, offset + size}
	view.Size = offset + size
	view.Trace = nil
	view.Nested = func(string, io.ReaderAt, int64) (format.Summary, error) { return format.Summary{}, nil }
	view.Expand = func(string, io.Reader, int64) (format.Summary, error) { return format.Summary{}, nil }
	view.Emit = func(f weir.Fact) {
		if i, ok := f.(weir.Import); ok && len(seen) < maxShadow && isDotted(i.Module) && isDotted(i.Name) {
			i.Dead = true
			seen = append(seen, i)
		}
	}
	res, err := pickle.Run(&view, pickle.Options{Offset: offset})
	if len(seen) == 0 {
		if at := max(res.End, offset); errors.Is(err, format.ErrLimit) && at < offset+size { // a long run of the same opcode: search the rest
			_, err = in.Nested("array data", io.NewSectionReader(in, at, offset+size-at), offset+size-at)
			return err
		}
		return nil // a broken reading is what honest array data gives
	}
	in.Emit(weir.Oddity{Kind: weir.OddDivergent, At: offset, Size: res.End - offset,
		Detail: "array data that an unpickler which does not know of arrays runs as opcodes"})
	for _, f := range seen {
		in.Emit(f)
	}
	return nil
}

// maxShadow bounds the facts kept of a shadow reading; one is enough to raise the alarm.
const maxShadow = 64

// window ends a reader early, so that a reading cannot leave the range that it was given.
type window struct {
	io.ReaderAt
	end int64
}

func (w *window) ReadAt(p []byte, off int64) (int, error) {
	if off >= w.end {
		return 0, io.EOF
	}
	short := false
	if int64(len(p)) > w.end-off {
		p, short = p[:w.end-off], true
	}
	n, err := w.ReaderAt.ReadAt(p, off)
	if err == nil && short {
		err = io.EOF
	}
	return n, err
}

// isDotted reports whether s could be a Python name; opcodes that are really array bytes seldom spell one.
func isDotted(s string) bool {
	if len(s) < 2 || len(s) > 200 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && c != '.' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// numbered names the parts of a file that has no names of its own.
func numbered(name string, n int) string { return name + "[" + strconv.Itoa(n) + "]" }

// truncated says that the file ends inside something.
func truncated(in *format.Input, what string, at int64) error {
	in.Emit(weir.Oddity{Kind: weir.OddTruncated, Detail: what + " ends too early", At: at})
	return fmt.Errorf("%s: %w", what, io.ErrUnexpectedEOF)
}
