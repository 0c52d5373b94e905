package archive

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"weir/internal/format"
)

// TestMatlab: files of MATLAB's version 4 (type 0, rows, columns, imaginary part, length of the name, name, numbers) begin as an lzma header does.
func TestMatlab(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for i := range uint32(300) {
		b := binary.LittleEndian.AppendUint32(nil, 0)
		for _, n := range []uint32{1 << (i % 8), 1 + i, 0, 4} {
			b = binary.LittleEndian.AppendUint32(b, n)
		}
		b = append(b, "abc\x00"...)
		for len(b) < format.HeadSize {
			b = binary.LittleEndian.AppendUint64(b, r.Uint64()>>2)
		}
		if matchLZMA(format.Head{Name: "a.mat", Size: int64(len(b)), First: b}) {
			t.Errorf("file %d is taken for lzma", i)
		}
	}
}
