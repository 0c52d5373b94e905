package java

import (
	"bytes"
	"fmt"
	"testing"

	"weir"
	"weir/internal/format"
)

// BenchmarkStream reads a stream of many small objects, which share a class and refer to each other, and one that is nearly all numbers.
func BenchmarkStream(b *testing.B) {
	objects := stream().raw(tcArray).desc("[La.Node;", 2).end().int(400_000).raw(tcObject).desc("a.Node", 2, "I n", "D w", "L name Ljava/lang/String;", "L next La/Node;").end().
		int(7).raw(0, 0, 0, 0, 0, 0, 0, 1).str("first").raw(tcNull)
	for i := range 399_999 {
		objects.raw(tcObject).ref(2).int(7).raw(0, 0, 0, 0, 0, 0, 0, 1).str(fmt.Sprint("node", i)).raw(tcNull)
	}
	numbers := stream().raw(tcArray).desc("[D", 2).end().int(2 << 20).raw(bytes.Repeat([]byte{0x3f, 0x72, 1, 2, 3, 4, 5, 6}, 2<<20)...)
	for name, s := range map[string]*ser{"objects": objects, "numbers": numbers} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(s.b)))
			b.ReportAllocs()
			for b.Loop() {
				in := &format.Input{ReaderAt: bytes.NewReader(s.b), Size: int64(len(s.b)), Limits: weir.DefaultLimits(), Emit: func(weir.Fact) {}}
				if err := Stream(in, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
