package pickle

import (
	"bytes"
	"strings"
	"testing"

	"weir"
	"weir/internal/format"
)

// objects are lists of many objects as CPython's pickler writes them, but for their batches: what one object is made of, in protocol 4.
var objects = map[string]string{
	"tuples": "K\x07G@\x1c\x00\x00\x00\x00\x00\x00\x8c\x08item 123\x94\x87\x94",
	"dicts":  "}\x94(\x8c\x01a\x94M\xd2\x04\x8c\x01b\x94M\xd2\x04M\xd2\x04\x86\x94\x8c\x01c\x94]\x94(M\xd2\x04N\x88eu",
	"dates":  "h\x02C\n\x07\xe8\x01\x02\x03\x00\x00\x00\x00\x00\x94\x85\x94R\x94",
	"floats": "G@\x1c\x00\x00\x00\x00\x00\x00",
	"ints":   "M\xd2\x04",
}

func many(one string, size int) []byte {
	var b bytes.Buffer
	b.WriteString("\x80\x04\x8c\x08datetime\x8c\x08datetime\x93\x94]\x94")
	batch := "(" + strings.Repeat(strings.Replace(one, "h\x02", "h\x00", 1), 1000) + "e"
	for b.Len() < size {
		b.WriteString(batch)
	}
	b.WriteByte('.')
	return b.Bytes()
}

func BenchmarkObjects(b *testing.B) {
	for _, name := range []string{"tuples", "dicts", "dates", "floats", "ints"} {
		data := many(objects[name], 64<<20)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				in := &format.Input{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Limits: weir.DefaultLimits(), Emit: func(weir.Fact) {}}
				if _, err := Run(in, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
