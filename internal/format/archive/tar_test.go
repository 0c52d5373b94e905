package archive

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"weir"
)

// tarPart is one entry of a tar that a test builds; edit sees the header before its checksum is written.
type tarPart struct {
	name, link string
	typ        byte
	data       string
	edit       func(b []byte)
	raw        bool // the checksum stays as edit leaves it
}

func (p tarPart) bytes() []byte {
	b := make([]byte, tarBlock)
	copy(b, p.name)
	copy(b[100:], "0000644\x00")
	copy(b[124:], fmt.Sprintf("%011o\x00", len(p.data)))
	if b[156] = p.typ; p.typ == 0 {
		b[156] = '0'
	}
	copy(b[157:], p.link)
	copy(b[257:], "ustar\x0000")
	if p.edit != nil {
		p.edit(b)
	}
	if !p.raw {
		copy(b[148:], tarSum(b))
	}
	return append(append(b, p.data...), make([]byte, -len(p.data)&(tarBlock-1))...)
}

func tarSum(b []byte) string {
	sum := 8 * 32
	for i, c := range b {
		if i < 148 || i >= 156 {
			sum += int(c)
		}
	}
	return fmt.Sprintf("%06o\x00 ", sum)
}

func tarred(parts ...tarPart) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p.bytes()...)
	}
	return append(b, make([]byte, 2*tarBlock)...)
}

func paxRecord(key, value string) string {
	n := len(key) + len(value) + 3
	for {
		if s := fmt.Sprintf("%d %s=%s\n", n, key, value); len(s) == n {
			return s
		} else {
			n = len(s)
		}
	}
}

func TestHostileTars(t *testing.T) {
	ok := tarPart{name: "ok.txt", data: "fine"}
	bad := tarPart{name: "evil", data: evil}
	const runs = "cos\nsystem\n(S'echo hello'\ntR."
	for _, c := range []struct {
		name  string
		file  []byte
		kind  weir.OddityKind
		text  string
		holds string
		fails bool
	}{
		{name: "name with ..", file: tarred(tarPart{name: "../x", data: evil}), kind: weir.OddPath, text: "leaves its folder", holds: evil},
		{name: "absolute name", file: tarred(tarPart{name: "/etc/x", data: evil}), kind: weir.OddPath, text: "is absolute"},
		{name: "absolute name by its prefix", file: tarred(tarPart{name: "x", data: "y", edit: func(b []byte) { copy(b[345:], "/etc") }}), kind: weir.OddPath, text: "'/etc/x' is absolute"},
		{name: "symbolic link that leaves", file: tarred(tarPart{name: "a/l", typ: '2', link: "../../etc"}), kind: weir.OddLink, text: "leaves its folder"},
		{name: "hard link that leaves", file: tarred(tarPart{name: "a/l", typ: '1', link: "../etc"}), kind: weir.OddLink, text: "leaves its folder"},
		{name: "absolute link", file: tarred(tarPart{name: "l", typ: '2', link: "/etc"}), kind: weir.OddLink, text: "absolute target"},
		{name: "entry through a link", file: tarred(tarPart{name: "l", typ: '2', link: "d"}, tarPart{name: "l/x", data: "y"}), kind: weir.OddLink, text: "written through"},
		{name: "device", file: tarred(tarPart{name: "null", typ: '3'}), kind: weir.OddShape, text: "device"},
		{name: "setuid", file: tarred(tarPart{name: "su", data: "x", edit: func(b []byte) { copy(b[100:], "0004755") }}), kind: weir.OddShape, text: "setuid"},
		{name: "unknown type", file: tarred(tarPart{name: "x", typ: 'Z', data: evil}), kind: weir.OddShape, text: "type 'Z'", holds: evil},
		{name: "duplicates", file: tarred(ok, tarPart{name: "./ok.txt", data: evil}), kind: weir.OddDuplicate, text: "ok.txt", holds: evil},
		{name: "wrong checksum", file: tarred(ok, tarPart{name: "x", data: evil, raw: true}, bad), kind: weir.OddChecksum, text: "wrong checksum", holds: evil, fails: true},
		{name: "bytes after the end", file: append(tarred(ok), evil...), kind: weir.OddTrailing, text: "after the end", holds: evil},
		{name: "second archive behind the end", file: append(tarred(ok), tarred(bad)...), kind: weir.OddDivergent, text: "after the end", holds: evil},
		{name: "padding with content", file: func() []byte {
			b := tarred(ok)
			copy(b[tarBlock+100:], evil)
			return b
		}(), kind: weir.OddGap, text: "padding", holds: evil},
		{name: "cut off within an entry", file: tarred(tarPart{name: "x", data: strings.Repeat(evil, 100)})[:tarBlock+300], kind: weir.OddTruncated, text: "ends within the entry", holds: evil, fails: true},
		{name: "size that is no number", file: tarred(tarPart{name: "x", data: evil, edit: func(b []byte) { copy(b[124:], "xyzzy\x00\x00\x00") }}), kind: weir.OddMalformed, text: "no valid size", fails: true},
		{name: "negative size", file: tarred(tarPart{name: "x", edit: func(b []byte) { copy(b[124:136], bytes.Repeat([]byte{0xff}, 12)) }}), kind: weir.OddMalformed, text: "no valid size", fails: true},
		{name: "link with a body", file: tarred(tarPart{name: "l", typ: '2', link: "x", data: string(bad.bytes())}), kind: weir.OddDivergent, text: "disagree whether they follow", holds: evil},
		{name: "pax size that differs", file: tarred(tarPart{name: "h", typ: 'x', data: paxRecord("size", "1536")}, tarPart{name: "x", data: "1", edit: func(b []byte) {}}, bad),
			kind: weir.OddDivergent, text: "1 bytes by its header and 1536 by its pax header", holds: evil},
		{name: "pax name against GNU name", file: tarred(tarPart{name: "L", typ: 'L', data: "../gnu\x00"}, tarPart{name: "h", typ: 'x', data: paxRecord("path", "pax")}, ok),
			kind: weir.OddDivergent, text: "by its GNU name"},
		{name: "pax name that leaves", file: tarred(tarPart{name: "h", typ: 'x', data: paxRecord("path", "a/../../x")}, ok), kind: weir.OddPath, text: "leaves"},
		{name: "pax link that leaves", file: tarred(tarPart{name: "h", typ: 'x', data: paxRecord("linkpath", "../../x")}, tarPart{name: "l", typ: '2', link: "fine"}), kind: weir.OddLink, text: "leaves"},
		{name: "pax that does not parse", file: tarred(tarPart{name: "h", typ: 'x', data: "999 path=x\n"}, ok), kind: weir.OddMalformed, text: "does not parse", holds: "fine"},
		{name: "huge extended header", file: tarred(tarPart{name: "h", typ: 'x', data: strings.Repeat("x", 1<<20+1)}, ok), kind: weir.OddShape, text: "extended header", fails: true},
		{name: "sparse map that does not fit", file: tarred(tarPart{name: "h", typ: 'x', data: paxRecord("GNU.sparse.map", "0,99") + paxRecord("GNU.sparse.size", "200")}, bad),
			kind: weir.OddMismatch, text: "sparse map", holds: evil},
		{name: "prefix that only Python takes", file: tarred(tarPart{name: "x", data: "y", edit: func(b []byte) { copy(b[257:], "ustar  \x00"); copy(b[345:], "..") }}), kind: weir.OddPath, text: "'../x' leaves"},
		{name: "content in a GNU long name", file: tarred(tarPart{name: "L", typ: 'L', data: runs}, ok), holds: runs},
		{name: "content in a GNU long link", file: tarred(tarPart{name: "L", typ: 'K', data: "fine\x00" + runs}, ok), kind: weir.OddGap, text: "follow a GNU long name", holds: runs},
		{name: "content in a pax value", file: tarred(tarPart{name: "h", typ: 'x', data: paxRecord("comment", runs)}, ok), holds: runs},
		{name: "content in a pax header that does not parse", file: tarred(tarPart{name: "h", typ: 'x', data: runs}, ok), kind: weir.OddMalformed, text: "does not parse", holds: runs},
		{name: "content in a header's name", file: tarred(ok, tarPart{name: runs}), holds: runs},
		{name: "content behind a header's fields", file: tarred(ok, tarPart{name: "x", edit: func(b []byte) { copy(b[350:], runs) }}), holds: runs},
		{name: "content in a header's numbers", file: tarred(ok, tarPart{name: "x", edit: func(b []byte) { copy(b[108:], "\x80\x02cos\na") }}), holds: "\x80\x02cos\na"},
		{name: "continued from another volume", file: tarred(tarPart{name: "x", typ: 'M', data: evil}), kind: weir.OddUnsupported, text: "another volume", holds: evil},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := parse(Tar, c.file)
			if (err != nil) != c.fails {
				t.Errorf("error %v, want one: %v", err, c.fails)
			}
			e.wants(t, c.kind, c.text, c.holds)
		})
	}
}

func TestTarMembers(t *testing.T) {
	long := strings.Repeat("folder/", 30) + "x"
	e, err := parse(Tar, tarred(
		tarPart{name: "d/", typ: '5'},
		tarPart{name: "L", typ: 'L', data: long + "\x00"}, tarPart{name: "cut", data: "1"},
		tarPart{name: "g", typ: 'g', data: paxRecord("comment", "x")},
		tarPart{name: "h", typ: 'x', data: paxRecord("path", "ü.txt")}, tarPart{name: "u", data: "2"},
		tarPart{name: "big", data: "3", edit: func(b []byte) { clear(b[124:136]); b[124], b[135] = 0x80, 1 }},
		tarPart{name: "l", typ: '2', link: "big"},
	))
	wantClean(t, e, err)
	if len(e.content) != 3 {
		t.Errorf("%d pieces of content went to the engine, want those of the three files", len(e.content))
	}
	var got []string
	for _, m := range e.membersSeen() {
		got = append(got, fmt.Sprintf("%s>%s %o %d", m.Name, m.Link, m.Mode, m.Size))
	}
	want := []string{"d/> 40644 0", long + "> 100644 1", "ü.txt> 100644 1", "big> 100644 1", "l>big 120644 0"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("members are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A v7 header has no magic: its checksum alone tells that it is one.
func TestTarMatch(t *testing.T) {
	v7 := tarPart{name: "x", data: "y", edit: func(b []byte) { clear(b[257:]); b[156] = 0 }}.bytes()
	if !Tar.Match(headOf("f", v7)) {
		t.Error("a v7 tar is not recognised")
	}
	signed := tarPart{name: "\xfcx", data: "y"}.bytes()
	sum := 8 * 32
	for i, c := range signed[:tarBlock] {
		if i < 148 || i >= 156 {
			sum += int(int8(c))
		}
	}
	copy(signed[148:], fmt.Sprintf("%06o\x00 ", sum))
	if !Tar.Match(headOf("f", signed)) {
		t.Error("a tar with a signed checksum is not recognised")
	}
	v7[0]++
	if Tar.Match(headOf("f", v7)) {
		t.Error("a wrong checksum is recognised")
	}
}
