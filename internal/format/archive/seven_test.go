package archive

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"weir"
)

// sevened builds a 7z archive around packed streams and a header.
func sevened(packed, header []byte, after ...byte) []byte {
	b := make([]byte, sevenStart)
	copy(b, sevenMagic)
	b[7] = 4
	binary.LittleEndian.PutUint64(b[12:], uint64(len(packed)))
	binary.LittleEndian.PutUint64(b[20:], uint64(len(header)))
	binary.LittleEndian.PutUint32(b[28:], crc32.ChecksumIEEE(header))
	binary.LittleEndian.PutUint32(b[8:], crc32.ChecksumIEEE(b[12:]))
	return cat(b, packed, header, after)
}

// sevenPlain is a header of one stored stream of n bytes (n < 128) with one file.
func sevenPlain(name string, n int, crc uint32, attributes uint32) []byte {
	var names []byte
	for _, r := range name {
		names = binary.LittleEndian.AppendUint16(names, uint16(r))
	}
	names = append(names, 0, 0)
	return cat(
		[]byte{sevenHeader, sevenMainStreams},
		[]byte{sevenPackInfo, 0, 1, sevenSize, byte(n), sevenEnd},
		[]byte{sevenUnpackInfo, sevenFolder, 1, 0, 1, 1, coderCopy, sevenUnpackSize, byte(n), sevenCRC, 1}, le.AppendUint32(nil, crc), []byte{sevenEnd},
		[]byte{sevenEnd},
		[]byte{sevenFiles, 1, sevenNames, byte(len(names) + 1), 0}, names,
		[]byte{sevenAttributes, 6, 1, 0}, le.AppendUint32(nil, attributes), []byte{sevenEnd, sevenEnd},
	)
}

func TestHostileSevenZips(t *testing.T) {
	sum := crc32.ChecksumIEEE([]byte(evil))
	plain := sevened([]byte(evil), sevenPlain("evil", len(evil), sum, 0))
	e, err := parse(SevenZip, plain)
	wantClean(t, e, err)
	if !e.holds(evil) {
		t.Fatal("the archive that the others are made from is not read")
	}
	for _, c := range []struct {
		name  string
		file  []byte
		kind  weir.OddityKind
		text  string
		holds string
		fails bool
	}{
		{"wrong checksum of a file", sevened([]byte(evil), sevenPlain("evil", len(evil), sum+1, 0)), weir.OddChecksum, "file 'evil'", evil, false},
		{"wrong checksum of the header", edited(plain, func(b []byte) { b[28]++; copy(b[8:], le.AppendUint32(nil, crc32.ChecksumIEEE(b[12:32]))) }), weir.OddChecksum, "7z header", evil, false},
		{"wrong checksum of the start", edited(plain, func(b []byte) { b[8]++ }), weir.OddChecksum, "start header", evil, false},
		{"trailing bytes", cat(plain, []byte("TRAILING")), weir.OddTrailing, "after the archive", "TRAILING", false},
		{"a gap", sevened([]byte(evil+"GAP"), sevenPlain("evil", len(evil), sum, 0)), weir.OddGap, "no record names", "GAP", false},
		{"name that leaves", sevened([]byte(evil), sevenPlain("../evil", len(evil), sum, 0)), weir.OddPath, "leaves", evil, false},
		{"link that leaves", sevened([]byte("../../../etc"), sevenPlain("l", 12, crc32.ChecksumIEEE([]byte("../../../etc")), sevenUnixFlag|0o120777<<16)), weir.OddLink, "leaves", "", false},
		{"header past the end", edited(plain, func(b []byte) { b[20]++ }), weir.OddTruncated, "past the end", "", true},
		{"header of an unknown kind", sevened([]byte(evil), []byte{0x55}), weir.OddMalformed, "type 0x55", evil, true},
		{"packed stream past the end", sevened([]byte("x"), sevenPlain("evil", 120, sum, 0)), weir.OddTruncated, "past the end", "", true},
		{"a stream without a file", sevened([]byte(evil), edited(sevenPlain("evil", len(evil), sum, 0), func(b []byte) { b[35] = 0 })), "", "", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := parse(SevenZip, c.file)
			if (err != nil) != c.fails && c.kind != "" {
				t.Errorf("error %v, want one: %v", err, c.fails)
			}
			e.wants(t, c.kind, c.text, c.holds)
		})
	}
}

// Every archive that 7-Zip lists has the same entries for us: names, sizes, links.
func TestAgainstSevenZip(t *testing.T) {
	tool, err := exec.LookPath("7z")
	if err != nil {
		t.Fatal("no 7z here: testdata/make/setup.sh test installs it")
	}
	compared := 0
	for name, b := range honest(t) {
		ext := filepath.Ext(name)
		if ext != ".7z" && ext != ".zip" && ext != ".jar" && ext != ".tar" || name == "encrypted-header.7z" || name == "python-nested.zip" || strings.Contains(name, "sparse") {
			continue
		}
		out, err := exec.Command(tool, "l", "-slt", "-ba", "testdata/"+name).Output()
		if err != nil {
			t.Errorf("7z l %s: %v", name, err)
			continue
		}
		want := map[string]int64{}
		for block := range strings.SplitSeq(string(out), "\n\n") {
			fields := map[string]string{}
			for l := range strings.Lines(block) {
				k, v, _ := strings.Cut(strings.TrimRight(l, "\r\n"), " = ")
				fields[k] = v
			}
			if p := fields["Path"]; p != "" {
				size, _ := strconv.ParseInt(fields["Size"], 10, 64)
				want[p] = size
			}
		}
		e, _ := parse(formatOf(t, name, b), b)
		got := map[string]int64{}
		for _, m := range e.membersSeen() {
			size := m.Size
			if m.Link != "" && ext == ".tar" {
				size = want[m.Name] // 7-Zip gives the length of a link as its size
			}
			got[strings.TrimSuffix(m.Name, "/")] = size
		}
		for p, size := range want {
			if s, ok := got[p]; !ok || s != size {
				t.Errorf("%s: 7-Zip lists %q with %d bytes, we have %d (%v)", name, p, size, s, ok)
			}
			compared++
		}
		if len(got) != len(want) {
			t.Errorf("%s: 7-Zip lists %d entries, we %d", name, len(want), len(got))
		}
	}
	if compared < 100 {
		t.Errorf("only %d entries compared", compared)
	}
}

// lzmaTool compresses with Python's lzma, in the older format.
func lzmaTool(t *testing.T, b []byte) []byte {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("no python3 here: testdata/make/setup.sh test installs what the oracles need")
	}
	const script = "import lzma, sys; sys.stdout.buffer.write(lzma.compress(sys.stdin.buffer.read(), lzma.FORMAT_ALONE, " +
		"filters=[{'id': lzma.FILTER_LZMA1, 'preset': 1, 'dict_size': 8 << 20}]))"
	cmd := exec.Command(python, "-c", script)
	cmd.Stdin = bytes.NewReader(b)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}
