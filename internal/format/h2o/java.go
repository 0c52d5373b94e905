package h2o

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"weir"
	"weir/internal/format"
	"weir/internal/format/java"
)

// stream follows a Java object stream: the bytes of a field that is Serializable and nothing else (getSer), or of one in lateStreams. A
// stream that breaks is remembered as an error, but its length is known, so the objects behind it are still read.
func (w *walker) stream() error {
	n, err := w.r.int()
	if err != nil || n == -1 {
		return err
	}
	at := w.r.at
	if err := w.r.skip(n); err != nil {
		return fmt.Errorf("a Java object stream: %w", err)
	}
	if w.streams++; w.streams > maxStreams {
		return fmt.Errorf("more than %d Java object streams: %w", maxStreams, format.ErrLimit)
	}
	where := w.where()
	w.known = append(w.known, at)
	w.part("java", where, at)
	if err := java.Stream(w.view(where, at, n), where); err != nil && w.broken == nil {
		w.broken = fmt.Errorf("%s at %d: %w", where, at, err)
		if errors.Is(err, format.ErrLimit) {
			return err
		}
	}
	return nil
}

// unexplained searches a file of a version whose layouts weir does not have for Java object streams that the walk did not meet: another layout
// may have a field for them where this one has numbers. No loader reads a stream that does not begin with its magic, whatever the layout.
func (w *walker) unexplained() error {
	const magic, piece = "\xac\xed\x00\x05", 1 << 20
	buf := make([]byte, min(piece, w.in.Size))
	for at := int64(0); at < w.in.Size; at += piece - int64(len(magic)) + 1 {
		b := buf[:min(piece, w.in.Size-at)]
		if n, err := w.in.ReadAt(b, at); n < len(b) {
			return fmt.Errorf("read at %d: %w", at, err)
		}
		for i := 0; ; {
			j := bytes.Index(b[i:], []byte(magic))
			if j < 0 {
				break
			}
			i += j
			if found := at + int64(i); !slices.Contains(w.known, found) {
				w.in.Emit(weir.Oddity{Kind: weir.OddEmbedded, Detail: fmt.Sprintf("a Java object stream at byte %d, where H2O %s has no field for one", found, w.layouts.version(w.version)), At: found})
				return nil
			}
			i += len(magic)
		}
		if int64(len(b)) == w.in.Size-at {
			break
		}
	}
	return nil
}

// view gives a range of the file as an input of its own, whose facts keep their places in the file.
func (w *walker) view(name string, at, size int64) *format.Input {
	sub := *w.in
	sub.ReaderAt, sub.Name, sub.Size = io.NewSectionReader(w.in, at, size), name, size
	sub.Emit = func(f weir.Fact) {
		switch f := f.(type) {
		case weir.Class:
			f.At += at
			w.in.Emit(f)
		case weir.Oddity:
			f.At += at
			w.in.Emit(f)
		case weir.Note:
			// what a stream says of itself would be taken for the model's
		default:
			w.in.Emit(f)
		}
	}
	return &sub
}

// lateStreams are byte arrays that H2O takes for a Java object stream when somebody asks for the failure of the job or task: Job.ex,
// DTask.getDException (water.AutoBuffer.javaSerializeReadPojo). No other byte array is.
var lateStreams = map[string]bool{"water.Job._ex": true, "water.DTask._ex": true, "water.Job$Barrier1OnExCom._dex": true}
