package audit

import "testing"

func BenchmarkAppend(b *testing.B) {
	l := open(b, b.TempDir(), Options{})
	r := record(1)
	b.ReportAllocs()
	for b.Loop() {
		for l.Append(r) != nil { // the disk is slower than this loop
			_ = l.Flush()
		}
	}
}
