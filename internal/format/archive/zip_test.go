package archive

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"

	"weir"
	"weir/internal/format"
)

// zipPart is one entry of an archive that a test builds byte by byte; edit functions see the finished records.
type zipPart struct {
	name    string
	data    []byte // as it stands in the archive
	plain   []byte // inflated; data when nil
	method  uint16
	flags   uint16
	extra   []byte // of the local header
	central []byte // extra field of the directory
	attr    uint32
	after   []byte // behind the data: a data descriptor
	local   func(b []byte)
	dir     func(b []byte)
	hidden  bool // not in the directory
	twice   int  // further mentions in the directory
}

func stored(name, data string) zipPart { return zipPart{name: name, data: []byte(data)} }

func deflated(name, data string) zipPart {
	return zipPart{name: name, data: deflate(data), plain: []byte(data), method: ZipDeflate}
}

func deflate(s string) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 6)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.Bytes()
}

var le = binary.LittleEndian

func (p zipPart) content() []byte {
	if p.plain != nil {
		return p.plain
	}
	return p.data
}

func (p zipPart) localHeader() []byte {
	b := make([]byte, localSize, localSize+len(p.name)+len(p.extra))
	copy(b, sigLocal)
	b[4] = 20
	le.PutUint16(b[6:], p.flags)
	le.PutUint16(b[8:], p.method)
	le.PutUint32(b[14:], crc32.ChecksumIEEE(p.content()))
	le.PutUint32(b[18:], uint32(len(p.data)))
	le.PutUint32(b[22:], uint32(len(p.content())))
	le.PutUint16(b[26:], uint16(len(p.name)))
	le.PutUint16(b[28:], uint16(len(p.extra)))
	b = append(append(b, p.name...), p.extra...)
	if p.local != nil {
		p.local(b)
	}
	return b
}

func (p zipPart) centralHeader(at int) []byte {
	b := make([]byte, centralSize)
	copy(b, sigCentral)
	b[4], b[5], b[6] = 20, 3, 20
	le.PutUint16(b[8:], p.flags)
	le.PutUint16(b[10:], p.method)
	le.PutUint32(b[16:], crc32.ChecksumIEEE(p.content()))
	le.PutUint32(b[20:], uint32(len(p.data)))
	le.PutUint32(b[24:], uint32(len(p.content())))
	le.PutUint16(b[28:], uint16(len(p.name)))
	le.PutUint16(b[30:], uint16(len(p.central)))
	le.PutUint32(b[38:], p.attr)
	le.PutUint32(b[42:], uint32(at))
	b = append(append(b, p.name...), p.central...)
	if p.dir != nil {
		p.dir(b)
	}
	return b
}

// zipped builds an archive at an offset, so that offsets in it are those of a longer file.
func zipped(base int, parts ...zipPart) []byte {
	b, dir, n := zipBody(base, parts...)
	return append(b, zipEnd(base+len(b)-len(dir), len(dir), n)...)
}

func zipBody(base int, parts ...zipPart) (b, dir []byte, n int) {
	for _, p := range parts {
		if !p.hidden {
			for range p.twice + 1 {
				dir = append(dir, p.centralHeader(base+len(b))...)
				n++
			}
		}
		b = append(append(append(b, p.localHeader()...), p.data...), p.after...)
	}
	return append(b, dir...), dir, n
}

func zipEnd(at, size, n int) []byte {
	b := make([]byte, endSize)
	copy(b, sigEnd)
	le.PutUint16(b[8:], uint16(n))
	le.PutUint16(b[10:], uint16(n))
	le.PutUint32(b[12:], uint32(size))
	le.PutUint32(b[16:], uint32(at))
	return b
}

func extraField(id uint16, data []byte) []byte {
	b := make([]byte, 4)
	le.PutUint16(b, id)
	le.PutUint16(b[2:], uint16(len(data)))
	return append(b, data...)
}

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func setName(at int, name string) func([]byte) {
	return func(b []byte) { copy(b[at:], name) }
}

const evil = "EVIL-CONTENT"

func TestHostileZips(t *testing.T) {
	ok := stored("ok.txt", "fine")
	type want struct {
		kind weir.OddityKind
		text string
	}
	for _, c := range []struct {
		name  string
		file  []byte
		wants []want
		holds string // content that must have reached the engine
		fails bool
	}{
		{name: "entry that no directory lists", file: zipped(0, ok, zipPart{name: "evil", data: []byte(evil), hidden: true}),
			wants: []want{{weir.OddDivergent, "no directory lists it"}}, holds: evil},
		{name: "hidden entry that is deflated, with a descriptor", holds: strings.Repeat(evil, 50),
			file: zipped(0, zipPart{name: "evil", data: deflate(strings.Repeat(evil, 50)), method: ZipDeflate, flags: flagDescriptor, hidden: true,
				local: func(b []byte) { clear(b[14:26]) }, after: cat([]byte(sigDescriptor), make([]byte, 12))}, ok),
			wants: []want{{weir.OddDivergent, "no directory lists it"}, {weir.OddMismatch, "data descriptor"}}},
		{name: "local header of another name",
			file:  zipped(0, ok, zipPart{name: "data.pkl", data: []byte(evil), local: setName(localSize, "safe.txt")}),
			wants: []want{{weir.OddDivergent, "'data.pkl' is 'safe.txt' by its local header"}}, holds: evil},
		{name: "local header of another method",
			file:  zipped(0, zipPart{name: "x", data: deflate(evil), plain: []byte(evil), local: func(b []byte) { le.PutUint16(b[8:], ZipDeflate) }}),
			wants: []want{{weir.OddDivergent, "method 0"}}, holds: evil},
		{name: "local header of other sizes, with an entry that only walkers see",
			file: zipped(0, zipPart{name: "outer", data: cat([]byte("0123"), zipPart{name: "evil", data: []byte(evil)}.localHeader(), []byte(evil)),
				local: func(b []byte) { le.PutUint32(b[18:], 4); le.PutUint32(b[22:], 4) }}),
			wants: []want{{weir.OddDivergent, "local header 0, 4, 4"}, {weir.OddDivergent, "entry 'evil' has a local header"}}, holds: evil},
		{name: "encryption flag on plain data", file: zipped(0, zipPart{name: "x", data: []byte(evil), flags: flagEncrypted}),
			wants: []want{{weir.OddDivergent, "flagged as encrypted and is not"}}, holds: evil},
		{name: "encryption flag on plain deflated data",
			file:  zipped(0, zipPart{name: "x", data: deflate(evil), plain: []byte(evil), method: ZipDeflate, flags: flagEncrypted}),
			wants: []want{{weir.OddDivergent, "flagged as encrypted and is not"}}, holds: evil},
		{name: "encryption flag in the local header only",
			file:  zipped(0, zipPart{name: "x", data: []byte(evil), local: func(b []byte) { b[6] |= flagEncrypted }}),
			wants: []want{{weir.OddDivergent, "flags 0x0 in the directory and 0x1"}}, holds: evil},
		{name: "encrypted for real", file: zipped(0, zipPart{name: "x", data: []byte("random bytes"), plain: []byte("other"), flags: flagEncrypted}),
			wants: []want{{weir.OddEncrypted, "is encrypted"}}, fails: true},
		{name: "patched data flag", file: zipped(0, zipPart{name: "x", data: []byte(evil), flags: flagPatched}),
			wants: []want{{weir.OddDivergent, "flags 0x20"}}, holds: evil},
		{name: "version that Python refuses", file: zipped(0, zipPart{name: "x", data: []byte(evil), dir: func(b []byte) { b[6] = 99 }}),
			wants: []want{{weir.OddDivergent, "needs version 9.9"}}, holds: evil},
		{name: "wrong checksum of a stored entry",
			file:  zipped(0, zipPart{name: "x", data: []byte(evil), local: func(b []byte) { b[14]++ }, dir: func(b []byte) { b[16]++ }}),
			wants: []want{{weir.OddChecksum, "Python refuses it"}}, holds: evil},
		{name: "wrong checksum of a deflated entry",
			file: zipped(0, zipPart{name: "x", data: deflate(evil), plain: []byte(evil), method: ZipDeflate,
				local: func(b []byte) { b[14]++ }, dir: func(b []byte) { b[16]++ }}),
			wants: []want{{weir.OddChecksum, "Python refuses it"}}, holds: evil},
		{name: "stored, with two sizes",
			file: zipped(0, zipPart{name: "x", data: []byte(evil), local: func(b []byte) { le.PutUint32(b[22:], 2) },
				dir: func(b []byte) { le.PutUint32(b[24:], 2) }}),
			wants: []want{{weir.OddMismatch, "is stored, yet has 12 bytes packed and 2 unpacked"}}, holds: evil},
		{name: "deflate stream that ends early", file: zipped(0, zipPart{name: "x", data: cat(deflate(evil), []byte("trailing "+evil[:4])), plain: []byte(evil), method: ZipDeflate}),
			wants: []want{{weir.OddTrailing, "after its compressed stream"}}, holds: "trailing EVIL"},
		{name: "deflate stream longer than its entry",
			file: zipped(0, zipPart{name: "x", data: deflate(strings.Repeat(evil, 9)), plain: []byte(strings.Repeat(evil, 9)), method: ZipDeflate,
				local: func(b []byte) { le.PutUint32(b[18:], 5) }, dir: func(b []byte) { le.PutUint32(b[20:], 5) }}),
			wants: []want{{weir.OddMismatch, "compressed bytes, not 5"}}, holds: strings.Repeat(evil, 9)},
		{name: "deflate stream that breaks", fails: true,
			file:  zipped(0, zipPart{name: "x", data: cat(deflate(evil)[:10], bytes.Repeat([]byte{0xff}, 20)), method: ZipDeflate}),
			wants: []want{{weir.OddMalformed, "does not inflate"}}, holds: "EVIL"},
		{name: "declared size that lies",
			file: zipped(0, zipPart{name: "x", data: deflate(evil), plain: []byte(evil), method: ZipDeflate,
				local: func(b []byte) { le.PutUint32(b[22:], 3) }, dir: func(b []byte) { le.PutUint32(b[24:], 3) }}),
			wants: []want{{weir.OddMismatch, "inflates to 12 bytes, not 3"}}, holds: evil},
		{name: "duplicate names", file: zipped(0, stored("data.pkl", "first "+evil), ok, stored("data.pkl", "last "+evil)),
			wants: []want{{weir.OddDuplicate, "two entries are called 'data.pkl'"}}, holds: "first " + evil},
		{name: "one entry listed twice", file: zipped(0, zipPart{name: "a", data: []byte("x"), twice: 1}),
			wants: []want{{weir.OddDuplicate, "listed twice"}}},
		{name: "prefix", file: cat([]byte("#!prefix "+evil), zipped(0, ok)), wants: []want{{weir.OddPrefixed, "before the archive"}}, holds: evil},
		{name: "prefix with offsets that count it", file: cat([]byte("#!prefix12345678"), zipped(16, ok)), wants: []want{{weir.OddPrefixed, ""}}, holds: "#!prefix"},
		{name: "suffix", file: cat(zipped(0, ok), []byte(evil)), wants: []want{{weir.OddTrailing, "after the archive"}}, holds: evil},
		{name: "gap between entries", file: zipped(0, ok, zipPart{name: "x", data: []byte("y"), after: []byte(evil)}), wants: []want{{weir.OddGap, "no record names"}}, holds: evil},
		{name: "gap of zeros", file: zipped(0, zipPart{name: "x", data: []byte("y"), after: make([]byte, 9)}, ok), wants: []want{{weir.OddGap, "all zero"}}},
		{name: "two archives one after another", file: cat(zipped(0, stored("evil", evil)), zipped(0, ok)),
			wants: []want{{weir.OddDivergent, "readers that take the first"}, {weir.OddDivergent, "'evil' is listed only where few"}}, holds: evil},
		{name: "an end record in the comment of another", holds: evil, file: func() []byte {
			inner := zipped(0, stored("evil", evil))
			a := zipped(len(inner), ok)
			b := zipped(0, stored("evil", evil))
			le.PutUint16(a[len(a)-2:], uint16(len(b)))
			return cat(inner, a, b)
		}(), wants: []want{{weir.OddDivergent, "a further end record"}}},
		{name: "directory that counts fewer entries",
			file: func() []byte {
				b := zipped(0, ok, stored("evil", evil))
				le.PutUint16(b[len(b)-endSize+8:], 1)
				le.PutUint16(b[len(b)-endSize+10:], 1)
				return b
			}(), wants: []want{{weir.OddDivergent, "counts 1 entries"}, {weir.OddDivergent, "listed for Python but not for torch"}}, holds: evil},
		{name: "directory whose size leaves an entry out",
			file: func() []byte {
				body, dir, _ := zipBody(0, ok, stored("evil", evil))
				return cat(body, zipEnd(len(body)-len(dir), len(dir)-50, 2), nil)
			}(), wants: []want{{weir.OddDivergent, ""}}, holds: evil},
		{name: "several disks", file: func() []byte {
			b := zipped(0, ok)
			b[len(b)-endSize+4] = 3
			return b
		}(), wants: []want{{weir.OddUnsupported, "several disks"}}},
		{name: "entry on another disk", file: zipped(0, zipPart{name: "x", data: []byte("y"), dir: func(b []byte) { b[34] = 2 }}), wants: []want{{weir.OddUnsupported, "on disk 2"}}},
		{name: "zip64 sizes without the field",
			file:  zipped(0, zipPart{name: "x", data: []byte(evil), dir: func(b []byte) { le.PutUint32(b[20:], 0xffffffff) }}),
			wants: []want{{weir.OddDivergent, "without a zip64 field"}}, holds: evil, fails: false},
		{name: "zip64 field with another size",
			file: zipped(0, zipPart{name: "x", data: []byte(evil), central: extraField(extraZip64, le.AppendUint64(nil, 5)),
				dir: func(b []byte) { le.PutUint32(b[24:], 0xffffffff) }}),
			wants: []want{{weir.OddDivergent, "directory says method 0"}, {weir.OddMismatch, "is stored"}}, holds: evil},
		{name: "zip64 field with an impossible size",
			file: zipped(0, zipPart{name: "x", data: []byte(evil), central: extraField(extraZip64, le.AppendUint64(nil, 1<<63+1)),
				dir: func(b []byte) { le.PutUint32(b[24:], 0xffffffff) }}),
			wants: []want{{weir.OddMalformed, "impossible"}}, holds: evil},
		{name: "extra field past its end",
			file:  zipped(0, zipPart{name: "x", data: []byte(evil), central: []byte{1, 0, 99, 0, 1}}),
			wants: []want{{weir.OddMalformed, "extra field of 'x' goes past its end"}}, holds: evil},
		{name: "content in an extra field",
			file:  zipped(0, zipPart{name: "x", data: []byte("y"), extra: extraField(0x4242, []byte(strings.Repeat(evil, 4)))}),
			holds: strings.Repeat(evil, 4)},
		{name: "content in torch's padding",
			file:  zipped(0, zipPart{name: "x", data: []byte("y"), extra: extraField(extraTorch, []byte(strings.Repeat(evil, 4)))}),
			holds: strings.Repeat(evil, 4)},
		{name: "content in the comment of the archive", file: func() []byte {
			b := zipped(0, ok)
			b[len(b)-2] = byte(len(evil) + 1)
			return cat(b, []byte("\x80"+evil[:11]), []byte{1})
		}(), holds: evil[:11]},
		{name: "comment past the end", file: func() []byte {
			b := zipped(0, ok)
			b[len(b)-2] = 9
			return b
		}(), wants: []want{{weir.OddTruncated, "comment"}}},
		{name: "unicode path that differs",
			file: zipped(0, zipPart{name: "safe.txt", data: []byte("y"), central: extraField(extraUnicode,
				cat([]byte{1}, le.AppendUint32(nil, crc32.ChecksumIEEE([]byte("safe.txt"))), []byte("../evil")))}),
			wants: []want{{weir.OddDivergent, "'safe.txt' is '../evil' by its Unicode path"}, {weir.OddPath, "leaves its folder"}}},
		{name: "name that is not the UTF-8 it says", file: zipped(0, zipPart{name: "a\xff", data: []byte(evil), flags: flagUTF8}),
			wants: []want{{weir.OddDivergent, "not the UTF-8"}}, holds: evil},
		{name: "name with ..", file: zipped(0, stored("a/../../b", "x")), wants: []want{{weir.OddPath, "leaves its folder"}}},
		{name: "name with .. that stays", file: zipped(0, stored("a/../b", "x")), wants: []want{{weir.OddPath, "holds a .. component"}}},
		{name: "absolute name", file: zipped(0, stored("/etc/passwd", "x")), wants: []want{{weir.OddPath, "is absolute"}}},
		{name: "drive letter", file: zipped(0, stored("C:/x", "x")), wants: []want{{weir.OddPath, "drive letter"}}},
		{name: "backslashes", file: zipped(0, stored(`..\x`, "x")), wants: []want{{weir.OddPath, "backslash"}, {weir.OddPath, "leaves"}}},
		{name: "NUL in a name", file: zipped(0, stored("model.pkl\x00.txt", "x")), wants: []want{{weir.OddPath, "some readers see 'model.pkl'"}}},
		{name: "symbolic link that leaves", file: zipped(0, zipPart{name: "d/link", data: []byte("../../etc"), attr: 0o120777 << 16}),
			wants: []want{{weir.OddLink, "leaves its folder: '../../etc'"}}},
		{name: "absolute symbolic link", file: zipped(0, zipPart{name: "link", data: []byte("/etc"), attr: 0o120777 << 16}), wants: []want{{weir.OddLink, "absolute"}}},
		{name: "entry through a link", file: zipped(0, zipPart{name: "link", data: []byte("."), attr: 0o120777 << 16}, stored("link/x", "y")),
			wants: []want{{weir.OddLink, "written through the symbolic link 'link'"}}},
		{name: "folder with content", file: zipped(0, stored("folder/", evil)), wants: []want{{weir.OddShape, "has content"}}, holds: evil},
		{name: "overlapping entries", file: func() []byte {
			kernel := zipPart{name: "kernel", data: []byte(evil)}
			first := zipPart{name: "quote", data: cat(kernel.localHeader(), kernel.data)}
			body := cat(first.localHeader(), first.data)
			at := len(first.localHeader())
			dir := cat(first.centralHeader(0), kernel.centralHeader(at))
			return cat(body, dir, zipEnd(len(body), len(dir), 2))
		}(), wants: []want{{weir.OddOverlap, "share bytes"}}, holds: evil},
		{name: "two names for one local header", file: func() []byte {
			p := stored("a", evil)
			q := stored("b", evil)
			body := cat(p.localHeader(), p.data)
			dir := cat(p.centralHeader(0), q.centralHeader(0))
			return cat(body, dir, zipEnd(len(body), len(dir), 2))
		}(), wants: []want{{weir.OddOverlap, "share one local header"}}, holds: evil},
		{name: "entry without a local header", file: zipped(0, zipPart{name: "x", data: []byte(evil), dir: func(b []byte) { le.PutUint32(b[42:], 3) }}),
			wants: []want{{weir.OddMalformed, "no local header"}}, holds: evil, fails: true},
		{name: "entry past the end", file: zipped(0, zipPart{name: "x", data: []byte(evil),
			local: func(b []byte) { le.PutUint32(b[18:], 1<<20); le.PutUint32(b[22:], 1<<20) },
			dir:   func(b []byte) { le.PutUint32(b[20:], 1<<20); le.PutUint32(b[24:], 1<<20) }}),
			wants: []want{{weir.OddTruncated, "past the end"}}, holds: evil},
		{name: "data descriptor that lies", file: zipped(0, zipPart{name: "x", data: []byte(evil), flags: flagDescriptor,
			local: func(b []byte) { clear(b[14:26]) }, after: cat([]byte(sigDescriptor), make([]byte, 12))}),
			wants: []want{{weir.OddMismatch, "data descriptor"}}, holds: evil},
		{name: "data descriptor that is missing", file: zipped(0, zipPart{name: "x", data: []byte(evil), flags: flagDescriptor, local: func(b []byte) { clear(b[14:26]) }}),
			wants: []want{{weir.OddMalformed, "no data descriptor"}}, holds: evil},
		{name: "no directory at all", file: cat(stored("x", evil).localHeader(), []byte(evil)), wants: []want{{weir.OddTruncated, "no end record"}}, holds: evil},
		{name: "signing block before the directory", file: func() []byte {
			body, dir, n := zipBody(0, ok)
			head := body[:len(body)-len(dir)]
			block := cat([]byte(evil), []byte("APK Sig Block 42"))
			return cat(head, block, dir, zipEnd(len(head)+len(block), len(dir), n))
		}(), wants: []want{{weir.OddGap, "signing block"}}, holds: evil},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := parse(Zip, c.file)
			if (err != nil) != c.fails {
				t.Errorf("error %v, want one: %v", err, c.fails)
			}
			for _, w := range c.wants {
				e.wants(t, w.kind, w.text, "")
			}
			e.wants(t, "", "", c.holds)
		})
	}
}

// zip64End builds the records of a zip64 archive behind a body.
func zip64End(body, dir []byte, n int, offset uint64) []byte {
	r := make([]byte, end64Size)
	copy(r, sigEnd64)
	le.PutUint64(r[4:], end64Size-12)
	le.PutUint64(r[24:], uint64(n))
	le.PutUint64(r[32:], uint64(n))
	le.PutUint64(r[40:], uint64(len(dir)))
	le.PutUint64(r[48:], uint64(len(body)-len(dir)))
	l := make([]byte, locatorSize)
	copy(l, sigLocator)
	le.PutUint64(l[8:], offset)
	l[16] = 1
	return cat(r, l)
}

func TestZip64(t *testing.T) {
	body, dir, n := zipBody(0, stored("a", "one"), stored("b", "two"))
	whole := cat(body, zip64End(body, dir, n, uint64(len(body))), zipEnd(len(body)-len(dir), len(dir), n))
	e, err := parse(Zip, whole)
	wantClean(t, e, err)

	marked := bytes.Clone(whole)
	for i := len(marked) - endSize + 8; i < len(marked)-2; i++ {
		marked[i] = 0xff
	}
	e, err = parse(Zip, marked)
	wantClean(t, e, err)

	// A locator that names another place: torch follows it, older Pythons do not.
	wrong := cat(body, zip64End(body, dir, n, 3), zipEnd(len(body)-len(dir), len(dir), n))
	e, _ = parse(Zip, wrong)
	if !e.has(weir.OddMismatch, "locator names offset 3") {
		t.Errorf("a wrong locator gave %v", e.oddities())
	}

	// The two end records lead to two directories.
	evilPart := stored("evil", evil)
	hidden := cat(evilPart.localHeader(), evilPart.data)
	body2, dir2, n2 := zipBody(len(hidden), stored("a", "one"))
	all := cat(hidden, body2)
	evilDir := evilPart.centralHeader(0)
	split := cat(all, evilDir, zip64End(cat(all), dir2, n2, uint64(len(all)+len(evilDir))), zipEnd(len(all), len(evilDir), 1))
	e, _ = parse(Zip, split)
	if !e.has(weir.OddMismatch, "disagree") || !e.holds(evil) {
		t.Errorf("two directories gave %v", e.oddities())
	}
}

func TestZipViews(t *testing.T) {
	file := zipped(0, stored("a", "1"), zipPart{name: "hidden", data: []byte("2"), hidden: true}, stored("a", "3"))
	z, _, err := OpenZip(bytes.NewReader(file), int64(len(file)), weir.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range z.Entries {
		s, ok := z.Stored(&e)
		if !ok {
			t.Fatalf("entry %q is not stored", e.Name)
		}
		b, _ := io.ReadAll(s)
		got = append(got, fmt.Sprintf("%s=%s views(%s) first=%v last=%v", e.Name, b, e.Views, e.First, e.Last))
	}
	want := []string{
		"a=1 views(python, torch) first=true last=false",
		"a=3 views(python, torch) first=false last=true",
		"hidden=2 views(local headers) first=true last=true",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("entries are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if z.Entries[0].Dir() || z.Entries[0].Symlink() || z.Prefix != 0 || len(z.Gaps) != 0 {
		t.Errorf("archive is %+v", z)
	}
}

// Go's writer has habits of its own: descriptors with signatures, folders without.
func TestZipOfGo(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, h := range []*zip.FileHeader{{Name: "folder/"}, {Name: "folder/a", Method: zip.Deflate}, {Name: "b"}, {Name: "empty", Method: zip.Deflate}} {
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(h.Name, "/") && h.Name != "empty" {
			_, _ = f.Write([]byte(evil))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	e, err := parse(Zip, b.Bytes())
	wantClean(t, e, err)
	if len(e.membersSeen()) != 4 || !bytes.Equal(e.content["f!/folder/a"], []byte(evil)) {
		t.Errorf("entries are %+v", e.membersSeen())
	}
}

// A reader that inflates whatever the sizes say finds content behind an entry that is empty by its sizes.
func TestZipEmptyThatGoesOn(t *testing.T) {
	e, _ := parse(Zip, zipped(0, zipPart{name: "x", method: ZipDeflate, after: deflate(evil)}, stored("y", "z")))
	if !e.holds(evil) || !e.has(weir.OddMismatch, "compressed bytes, not 0") {
		t.Errorf("facts are\n%s", strings.Join(e.log, "\n"))
	}
}

func TestZipBounds(t *testing.T) {
	var parts []zipPart
	for i := range 300 {
		parts = append(parts, stored(fmt.Sprintf("f%d", i), "x"))
	}
	file := zipped(0, parts...)
	lim := weir.DefaultLimits()
	lim.Members = 100
	z, _, err := OpenZip(bytes.NewReader(file), int64(len(file)), lim)
	if !errors.Is(err, format.ErrLimit) || z == nil || len(z.Entries) != 100 {
		t.Errorf("300 entries with a limit of 100: %v", err)
	}
	// Thousands of duplicates do not become thousands of facts.
	parts = nil
	for range 3000 {
		parts = append(parts, stored("same", "x"))
	}
	e, _ := parse(Zip, zipped(0, parts...))
	if n := len(e.oddities()); n > maxOfKind+1 {
		t.Errorf("%d oddities of 3000 duplicates", n)
	}
}

// What a bomb inflates to is bounded by the engine, and the rest of the archive is read all the same.
func TestZipBomb(t *testing.T) {
	bomb := deflated("bomb", strings.Repeat("\x00", 40<<20))
	e, err := parse(Zip, zipped(0, bomb, stored("x", evil)))
	if !errors.Is(err, format.ErrLimit) {
		t.Errorf("a bomb gave the error %v", err)
	}
	if !e.holds(evil) {
		t.Error("what follows a bomb was not read")
	}
}

// No bytes at random make the reader do more than it should.
func TestRandomZips(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	sigs := []string{sigLocal, sigCentral, sigEnd, sigEnd64, sigLocator, sigDescriptor, "\x00\x00\x00\x00", "\xff\xff\xff\xff", "\x01\x00\x18\x00"}
	for range 3000 {
		b := make([]byte, r.IntN(400))
		for i := range b {
			b[i] = byte(r.Uint32() >> uint(r.IntN(8)))
		}
		for range r.IntN(12) {
			if len(b) > 30 {
				copy(b[r.IntN(len(b)):], sigs[r.IntN(len(sigs))])
			}
		}
		_, _ = parse(Zip, b)
	}
}
