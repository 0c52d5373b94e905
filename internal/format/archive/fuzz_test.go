package archive

import (
	"strings"
	"testing"

	"weir/internal/format"
)

// fuzz runs a parser over mutated archives: it must not panic, must keep its facts within bounds, and must see the same twice.
func fuzz(f *testing.F, parser format.Format, exts ...string) {
	seeds := 0
	for name, b := range honest(f) {
		for _, ext := range exts {
			if strings.HasSuffix(name, ext) && len(b) < 8<<10 {
				f.Add(b)
				seeds++
			}
		}
	}
	if seeds == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		parser.Match(headOf("f", b))
		one := fuzzEngine()
		err1 := parser.Parse(one.input("f", strings.NewReader(string(b)), int64(len(b)), 0))
		two := fuzzEngine()
		err2 := parser.Parse(two.input("f", strings.NewReader(string(b)), int64(len(b)), 0))
		if strings.Join(one.log, "\n") != strings.Join(two.log, "\n") || (err1 == nil) != (err2 == nil) {
			t.Error("the same input gives different facts")
		}
		if n := len(one.oddities()); n > 20*maxOfKind*(one.members+1) {
			t.Errorf("%d oddities", n)
		}
	})
}

// fuzzEngine is an engine with budgets that let a fuzzer run fast.
func fuzzEngine() *engine {
	e := newEngine()
	e.limits.Members, e.limits.Expanded, e.limits.Depth, e.limits.Memory = 200, 4<<20, 3, 8<<20
	return e
}

func FuzzZip(f *testing.F)      { fuzz(f, Zip, ".zip", ".jar") }
func FuzzTar(f *testing.F)      { fuzz(f, Tar, ".tar") }
func FuzzGzip(f *testing.F)     { fuzz(f, Gzip, ".gz") }
func FuzzZlib(f *testing.F)     { fuzz(f, Zlib, ".zlib") }
func FuzzBzip2(f *testing.F)    { fuzz(f, Bzip2, ".bz2") }
func FuzzXZ(f *testing.F)       { fuzz(f, XZ, ".xz") }
func FuzzLZMA(f *testing.F)     { fuzz(f, LZMA, ".lzma") }
func FuzzZstd(f *testing.F)     { fuzz(f, Zstd, ".zst") }
func FuzzLZ4(f *testing.F)      { fuzz(f, LZ4, ".lz4") }
func FuzzSevenZip(f *testing.F) { fuzz(f, SevenZip, ".7z") }
