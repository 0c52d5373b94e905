package h2o

import (
	"io"
)

// java hands a Java object stream of a field to the engine.
func (w *walker) java(at, n int64) error {
	_, err := w.in.Nested(w.where(), io.NewSectionReader(w.in, at, n), n)
	return err
}
