package torch

import (
	"bytes"
	"testing"

	"weir/internal/format"
	"weir/internal/format/archive"
	"weir/internal/format/formattest"
	"weir/internal/format/pickle"
)

func newEngine() *formattest.Engine {
	return formattest.New(Formats, pickle.Formats, []format.Format{archive.Zip, archive.Tar})
}

func scanBytes(t testing.TB, b []byte) *formattest.Engine {
	t.Helper()
	e := newEngine()
	e.Scan("file", bytes.NewReader(b), int64(len(b)))
	return e
}
