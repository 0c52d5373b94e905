package h2o

import (
	"bytes"
	"io"
	"testing"

	"weir"
	"weir/internal/format"
)

// BenchmarkWalk follows 2,000 copies of a model's objects, which hold few numbers and many fields: the dearest kind of file.
func BenchmarkWalk(b *testing.B) {
	model := real(b)["gbm-regression.bin"]
	w := &walker{r: reader{src: bytes.NewReader(model), size: int64(len(model)), at: int64(len(magic))}}
	skip := func() error { _, err := w.r.text(); return err }
	if err := skip(); err != nil {
		b.Fatal(err)
	}
	if _, err := w.sparse(skip, nil); err != nil {
		b.Fatal(err)
	}
	big := append(bytes.Clone(model[:w.r.at]), bytes.Repeat(model[w.r.at:], 2000)...)
	b.SetBytes(int64(len(big)))
	for b.Loop() {
		in := &format.Input{
			ReaderAt: bytes.NewReader(big), Size: int64(len(big)), Limits: weir.DefaultLimits(), Emit: func(weir.Fact) {},
			Nested: func(string, io.ReaderAt, int64) (format.Summary, error) { return format.Summary{}, nil },
		}
		if err := Parse(in); err != nil {
			b.Fatal(err)
		}
	}
}
