package archive

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"weir"
	"weir/internal/format"
)

func gzipped(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.Bytes()
}

func zlibbed(s string) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.Bytes()
}

// edited gives a copy of b with a change.
func edited(b []byte, f func(b []byte)) []byte {
	c := bytes.Clone(b)
	f(c)
	return c
}

func load(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestHostileStreams(t *testing.T) {
	gz, zl := gzipped(evil), zlibbed(evil)
	bz, xz, lzma := load(t, "plain.bz2"), load(t, "crc32.xz"), load(t, "plain.lzma")
	zst, lz4, legacy, sum := load(t, "plain.zst"), load(t, "plain.lz4"), load(t, "legacy.lz4"), load(t, "blocksum.lz4")
	const numbers = "\n299\n300\n"
	for _, c := range []struct {
		name   string
		format format.Format
		file   []byte
		kind   weir.OddityKind
		text   string
		holds  string
		fails  bool
	}{
		{"gzip with trailing bytes", Gzip, cat(gz, []byte("TRAILING")), weir.OddTrailing, "after the compressed", "TRAILING", false},
		{"gzip with trailing bytes behind zeros", Gzip, cat(gz, make([]byte, 20), []byte("TRAILING")), weir.OddTrailing, "after the compressed", "TRAILING", false},
		{"gzip with a wrong checksum", Gzip, edited(gz, func(b []byte) { b[len(b)-8]++ }), weir.OddChecksum, "gzip member", evil, false},
		{"gzip with a wrong size", Gzip, edited(gz, func(b []byte) { b[len(b)-4]++ }), weir.OddMismatch, "12 bytes", evil, false},
		{"gzip with reserved flags", Gzip, edited(gz, func(b []byte) { b[3] |= 0x80 }), weir.OddDivergent, "reserved", evil, false},
		{"gzip of another method", Gzip, edited(gz, func(b []byte) { b[2] = 7 }), weir.OddUnsupported, "method 7", "", true},
		{"gzip with a path in its name", Gzip, cat(gz[:3], []byte{gzipName}, gz[4:10], []byte("../../evil.pkl\x00"), gz[10:]), weir.OddPath, "leaves", evil, false},
		{"gzip with a wrong header checksum", Gzip, cat(gz[:3], []byte{gzipHeaderCRC}, gz[4:10], []byte{1, 2}, gz[10:]), weir.OddChecksum, "gzip header", evil, false},
		{"gzip with content in its extra field", Gzip, cat(gz[:3], []byte{gzipExtra}, gz[4:10], []byte{0, 4}, bytes.Repeat([]byte("HIDE"), 256), gz[10:]), weir.OddShape, "extra field", "HIDEHIDE", false},
		{"gzip that is cut off", Gzip, gz[:len(gz)-9], weir.OddTruncated, "", evil[:10], true},
		{"gzip whose second member breaks", Gzip, cat(gz, gz[:10], []byte{7, 7, 7, 7}), weir.OddMalformed, "not decodable", evil, true},
		{"zlib with a wrong checksum", Zlib, edited(zl, func(b []byte) { b[len(b)-1]++ }), weir.OddChecksum, "zlib stream", evil, false},
		{"zlib with trailing bytes", Zlib, cat(zl, []byte("TRAILING")), weir.OddTrailing, "", "TRAILING", false},
		{"two zlib streams", Zlib, cat(zl, zl), weir.OddDivergent, "2 streams", evil + evil, false},
		{"zlib with a dictionary", Zlib, []byte{0x78, 0xbb, 1, 2, 3, 4, 5}, weir.OddUnsupported, "dictionary", "", true},
		{"zlib that breaks", Zlib, cat(zl[:2], []byte{0, 12, 0, 0xf3, 0xff}, []byte(evil), []byte{7, 7, 7}), weir.OddMalformed, "", evil, true},
		{"bzip2 with trailing bytes", Bzip2, cat(bz, []byte("TRAILING")), weir.OddTrailing, "", "TRAILING", false},
		{"bzip2 that is cut off", Bzip2, bz[:100], weir.OddTruncated, "", "", true},
		{"bzip2 that breaks", Bzip2, edited(bz, func(b []byte) { b[60] ^= 0x55 }), weir.OddMalformed, "", "", true},
		{"xz with trailing bytes", XZ, cat(xz, []byte("TRAILING")), weir.OddTrailing, "", "TRAILING", false},
		{"xz with odd padding", XZ, cat(xz, make([]byte, 3)), weir.OddShape, "multiple of four", numbers, false},
		{"xz with a wrong check", XZ, edited(xz, func(b []byte) { b[len(b)-24-1]++ }), weir.OddChecksum, "xz block", numbers, false},
		{"xz whose index lies", XZ, edited(xz, func(b []byte) { b[len(b)-12-4-3]++ }), weir.OddMismatch, "xz index", numbers, false},
		{"xz with a broken footer", XZ, edited(xz, func(b []byte) { b[len(b)-1] = 'X' }), weir.OddMalformed, "footer", numbers, true},
		{"xz that is cut off", XZ, xz[:200], weir.OddTruncated, "", "1\n2\n3\n", true},
		{"lzma with trailing bytes", LZMA, cat(lzma, []byte("TRAILING")), weir.OddTrailing, "", "TRAILING", false},
		{"lzma that is cut off", LZMA, lzma[:150], weir.OddTruncated, "", "1\n2\n3\n", true},
		{"lzma that breaks", LZMA, edited(lzma, func(b []byte) { copy(b[100:], bytes.Repeat([]byte{0xff}, 60)) }), "", "", "1\n2\n3\n", true},
		{"zstd with trailing bytes", Zstd, cat(zst, []byte("TRAILING")), weir.OddTrailing, "", "TRAILING", false},
		{"zstd with a wrong checksum", Zstd, edited(zst, func(b []byte) { b[len(b)-1]++ }), weir.OddChecksum, "zstd", numbers, false},
		{"zstd with content in a skippable frame", Zstd, cat(zst, []byte{0x50, 0x2a, 0x4d, 0x18, 20, 0, 0, 0}, []byte("HIDEHIDEHIDEHIDEHIDE")), "", "", "HIDEHIDE", false},
		{"zstd with a skippable frame past the end", Zstd, cat(zst, []byte{0x50, 0x2a, 0x4d, 0x18, 99, 0, 0, 0}), weir.OddTruncated, "", numbers, true},
		{"zstd with a dictionary", Zstd, []byte{0x28, 0xb5, 0x2f, 0xfd, 0x21, 7, 5, 1, 0, 0}, weir.OddUnsupported, "dictionary 7", "", true},
		{"zstd with a huge window", Zstd, []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0xff, 1, 0, 0}, weir.OddUnsupported, "window", "", true},
		{"zstd of long ago", Zstd, []byte{0x27, 0xb5, 0x2f, 0xfd, 0, 0, 1, 0, 0}, weir.OddUnsupported, "before 0.8", "", true},
		{"zstd that is cut off", Zstd, zst[:len(zst)-20], weir.OddTruncated, "", "", true},
		{"lz4 with trailing bytes", LZ4, cat(lz4, []byte("TRAILING")), weir.OddTrailing, "", "TRAILING", false},
		{"lz4 with a wrong checksum", LZ4, edited(lz4, func(b []byte) { b[len(b)-1]++ }), weir.OddChecksum, "lz4 frame", numbers, false},
		{"lz4 with a wrong block checksum", LZ4, edited(sum, func(b []byte) { b[len(b)-5]++ }), weir.OddChecksum, "lz4 block", numbers, false},
		{"lz4 with a wrong header checksum", LZ4, edited(lz4, func(b []byte) { b[6]++ }), weir.OddChecksum, "header", numbers, false},
		{"lz4 with a dictionary", LZ4, []byte{4, 0x22, 0x4d, 0x18, 0x41, 0x40, 1, 2, 3, 4, 5}, weir.OddUnsupported, "dictionary", "", true},
		{"lz4 that is cut off", LZ4, lz4[:500], weir.OddTruncated, "", "", true},
		{"lz4 that breaks", LZ4, edited(lz4, func(b []byte) { copy(b[40:], bytes.Repeat([]byte{0xf0, 0, 0}, 60)) }), "", "", "", false},
		{"legacy lz4 that is cut off", LZ4, legacy[:100], weir.OddTruncated, "", "", true},
		{"lz4 of another version", LZ4, edited(lz4, func(b []byte) { b[4] = 0x84 }), weir.OddUnsupported, "version", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := parse(c.format, c.file)
			if (err != nil) != c.fails && c.kind != "" {
				t.Errorf("error %v, want one: %v", err, c.fails)
			}
			e.wants(t, c.kind, c.text, c.holds)
		})
	}
}

func TestStreamBomb(t *testing.T) {
	for _, c := range []struct {
		f format.Format
		b []byte
	}{{Gzip, gzipped(strings.Repeat("\x00", 40<<20))}, {Zlib, zlibbed(strings.Repeat("\x00", 40<<20))}} {
		if _, err := parse(c.f, c.b); !errors.Is(err, format.ErrLimit) {
			t.Errorf("a bomb in %s gave the error %v", c.f.Name, err)
		}
	}
}

// A file of very many tiny streams ends at the bound on members; parallel writers make many streams, but no tiny ones.
func TestManyStreams(t *testing.T) {
	one := gzipped("a")
	block := gzipped(string(noise(600)))
	field := cat(one[:3], []byte{gzipExtra}, one[4:10], []byte{6, 0, 'B', 'C', 2, 0, 27, 0}, one[10:])
	for _, c := range []struct {
		name string
		f    format.Format
		file []byte
		stop bool
	}{
		{"gzip", Gzip, bytes.Repeat(one, 60), true},
		{"as many as may be", Gzip, bytes.Repeat(one, 50), false},
		{"blocks of a parallel gzip", Gzip, bytes.Repeat(block, 60), false},
		{"small extra fields", Gzip, bytes.Repeat(field, 50), false},
		{"xz", XZ, bytes.Repeat(load(t, "crc32.xz"), 60), true},
		{"zstd", Zstd, bytes.Repeat([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x20, 1, 9, 0, 0, 'a'}, 60), true},
	} {
		e := newEngine()
		e.limits.Members = 50
		err := c.f.Parse(e.input("f", bytes.NewReader(c.file), int64(len(c.file)), 0))
		if stopped := errors.Is(err, format.ErrLimit); stopped != c.stop {
			t.Errorf("%s: error %v, want a limit: %v", c.name, err, c.stop)
		}
		if c.stop && (err == nil || !strings.Contains(err.Error(), "more than 50 streams")) {
			t.Errorf("%s: %v does not say which limit", c.name, err)
		}
		for _, o := range e.oddities() {
			if o.Kind == weir.OddMalformed {
				t.Errorf("%s: %+v", c.name, o)
			}
		}
	}
}

// noise gives bytes that do not compress.
func noise(n int) []byte {
	r := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestContentNames(t *testing.T) {
	for name, want := range map[string]string{
		"model.pkl.gz": "model.pkl", "a/b/model.tgz": "model.tar", "model.joblib": "content", "x.ZST": "x", `c:\x\m.bz2`: "m", "gz": "content",
	} {
		if got := contentName(name); got != want {
			t.Errorf("content of %q is called %q, want %q", name, got, want)
		}
	}
	e, _ := parse(Gzip, load(t, "named.gz"))
	if m := e.membersSeen(); len(m) != 1 || m[0].Name != "numbers.txt" || m[0].Size != 1092 {
		t.Errorf("members of a named gzip are %+v", m)
	}
}

func TestXXH32(t *testing.T) {
	// Values of the reference implementation, xxHash's own sanity checks.
	for s, want := range map[string]uint32{"": 0x02cc5d05, "a": 0x550d7456, "abc": 0x32d153ff, "Nobody inspects the spammish repetition": 0xe2293b2f} {
		var one, many xxh32
		one.write([]byte(s))
		for i := range len(s) {
			many.write([]byte{s[i]})
		}
		if one.sum() != want || many.sum() != want {
			t.Errorf("sum of %q is %08x and %08x, want %08x", s, one.sum(), many.sum(), want)
		}
	}
}

func TestXXH64(t *testing.T) {
	for s, want := range map[string]uint64{"": 0xef46db3751d8e999, "a": 0xd24ec4f1a98c6e5b, "abc": 0x44bc2cf5ad770999, "Nobody inspects the spammish repetition": 0xfbcea83c8a378bf1} {
		var one, many xxh64
		one.write([]byte(s))
		for i := range len(s) {
			many.write([]byte{s[i]})
		}
		if one.sum() != want || many.sum() != want {
			t.Errorf("sum of %q is %016x and %016x, want %016x", s, one.sum(), many.sum(), want)
		}
	}
}

// A window that is larger than what may be held is refused only when a match reaches back that far.
func TestLZMAWindowLimit(t *testing.T) {
	far := noise(5 << 18)
	text := cat(far, far[:4096])
	tool := lzmaTool(t, text)
	in := newEngine()
	in.limits.Memory = 4 << 20 // so that a window of 1 MiB is allowed
	err := LZMA.Parse(in.input("f", bytes.NewReader(tool), int64(len(tool)), 0))
	if !errors.Is(err, errUnsupported) {
		t.Errorf("a match further back than the window gave %v", err)
	}
	in = newEngine()
	if err := LZMA.Parse(in.input("f", bytes.NewReader(tool), int64(len(tool)), 0)); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(in.content["f!/content"], text) {
		t.Error("content differs")
	}
}
