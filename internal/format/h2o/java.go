package h2o

import (
	"io"

	"weir"
	"weir/internal/format/java"
)

// java reads the Java object stream of a field, where it lies. One that is broken is the loader's trouble and not this reader's: the length
// before it says where the next field begins.
func (w *walker) java(at, n int64) error {
	sub := *w.in
	sub.ReaderAt, sub.Size, sub.Name = io.NewSectionReader(w.in, at, n), n, w.where()
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
	if err := java.Stream(&sub, w.where()); err != nil {
		w.broken = append(w.broken, err)
	}
	return nil
}
