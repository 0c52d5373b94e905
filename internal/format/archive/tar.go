package archive

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"weir"
	"weir/internal/format"
)

// Tar is the tar archive: v7, ustar, pax and GNU.
var Tar = format.Format{
	Name:   "tar",
	Doc:    "tar archive (v7, ustar, pax, GNU)",
	Parsed: true,
	Match:  matchTar,
	Parse:  parseTar,
}

const tarBlock = 512

// matchTar goes by the checksum of the first header, which all dialects have; "ustar" is only in some.
func matchTar(h format.Head) bool {
	if len(h.First) < tarBlock {
		return false
	}
	b := h.First[:tarBlock]
	return tarChecksum(b) && (bytes.HasPrefix(b[257:], []byte("ustar")) || b[0] != 0 && tarTypes(b[156]))
}

// tarTypes are the type flags that v7 and its heirs write.
func tarTypes(t byte) bool {
	return t == 0 || t >= '0' && t <= '7' || t >= 'A' && t <= 'Z' || t == 'g' || t == 'x'
}

// tarChecksum compares the checksum with the sum of the bytes, unsigned or, as some old tars have it, signed.
func tarChecksum(b []byte) bool {
	want, ok := tarOctal(b[148:156])
	if !ok {
		return false
	}
	var unsigned, signed int64
	for i, c := range b {
		if i >= 148 && i < 156 {
			c = ' '
		}
		unsigned += int64(c)
		signed += int64(int8(c))
	}
	return want > 0 && (want == unsigned || want == signed)
}

// tarOctal reads an octal field with the blanks and NULs that writers put around it.
func tarOctal(b []byte) (int64, bool) {
	s := strings.Trim(string(b), " \x00")
	if i := strings.IndexAny(s, " \x00"); i >= 0 {
		s = s[:i]
	}
	if s == "" {
		return 0, true
	}
	v, err := strconv.ParseInt(s, 8, 64)
	return v, err == nil && v >= 0
}

// tarNumber reads a number field: octal, or base 256 where its first bit is set.
func tarNumber(b []byte) (int64, bool) {
	if b[0]&0x80 == 0 {
		return tarOctal(b)
	}
	v := int64(b[0] & 0x3f)
	if b[0]&0x40 != 0 {
		return 0, false // negative
	}
	for _, c := range b[1:] {
		if v > 1<<54 {
			return 0, false
		}
		v = v<<8 | int64(c)
	}
	return v, true
}

// tarEntry is one entry with everything that extended headers said of it.
type tarEntry struct {
	name, link string
	plain      string // the name in the header itself
	other      string // the name for readers that take the prefix field whatever the dialect
	typ        byte
	mode       uint32
	size       int64 // bytes in the archive
	real       int64 // size of the file, larger where it is sparse
	header     int64
	data       int64
	sparse     []sparseRange
}

// tarWalk is the state of one walk through an archive.
type tarWalk struct {
	in      *format.Input
	odd     *oddities
	fails   failures
	links   links
	seen    map[[16]byte]bool // hashes of names: names may be long
	others  int               // readings of readers that do not know pax
	pos     int64
	members int
	global  paxRecords
	next    paxRecords // of the x header before the entry
	long    string     // GNU long name
	longTo  string     // GNU long link
}

// maxSeen bounds the names that are remembered to find duplicates.
const maxSeen = 200_000

func parseTar(in *format.Input) error {
	t := &tarWalk{in: in, odd: oddTo(in), links: links{}, seen: map[[16]byte]bool{}}
	defer t.odd.close()
	if err := t.walk(); err != nil {
		t.fails.add(err)
	}
	if t.members > ordinaryMembers {
		in.Emit(weir.Note{Key: "members", Value: strconv.Itoa(t.members)})
	}
	return t.fails.err()
}

func (t *tarWalk) walk() error {
	b := make([]byte, tarBlock)
	for t.in.Size-t.pos >= tarBlock {
		if err := readAt(t.in.ReaderAt, b, t.pos); err != nil {
			return fmt.Errorf("tar header at %d: %w", t.pos, err)
		}
		if zeroBlock(b) {
			more, err := t.end()
			if err != nil || !more {
				return err
			}
			continue
		}
		if !tarChecksum(b) {
			if err := t.resync(); err != nil {
				return err
			}
			continue
		}
		if err := t.entry(b); err != nil {
			return err
		}
	}
	return t.cutOff()
}

func zeroBlock(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

// cutOff is reached where no header fits any more and no end was seen.
func (t *tarWalk) cutOff() error {
	if t.pos >= t.in.Size {
		// Some writers leave the closing blocks out; every reader accepts that.
		return nil
	}
	n := t.in.Size - t.pos
	zero, err := examine(t.in, "[suffix]", t.in.ReaderAt, t.pos, n)
	if !zero {
		t.odd.add(weir.OddTruncated, t.pos, n, "archive ends within a header")
		t.fails.add(io.ErrUnexpectedEOF)
	}
	return limitOnly(err)
}

// end handles zero blocks. One is skipped by some readers and ends the archive for others; after two, some readers look no further,
// and others (with --ignore-zeros, or on concatenated archives) do.
func (t *tarWalk) end() (more bool, err error) {
	start := t.pos
	rest := t.in.Size - start
	zero, err := allZero(t.in.ReaderAt, start, rest)
	if err != nil {
		return false, err
	}
	if zero {
		t.pos = t.in.Size
		return false, nil
	}
	at, err := firstNonzero(t.in.ReaderAt, start, t.in.Size)
	if err != nil {
		return false, err
	}
	t.pos = at - (at-start)%tarBlock
	b := make([]byte, min(tarBlock, t.in.Size-t.pos))
	if err := readAt(t.in.ReaderAt, b, t.pos); err != nil {
		return false, err
	}
	if len(b) == tarBlock && tarChecksum(b) {
		t.odd.add(weir.OddDivergent, t.pos, t.in.Size-t.pos, "entries after the end of the archive: some readers go on, some stop")
		t.next, t.long, t.longTo = nil, "", ""
		return true, nil
	}
	t.odd.add(weir.OddTrailing, t.pos, t.in.Size-t.pos, "bytes after the end of the archive")
	_, err = t.in.Nested("[suffix]", io.NewSectionReader(t.in.ReaderAt, t.pos, t.in.Size-t.pos), t.in.Size-t.pos)
	t.pos = t.in.Size
	return false, limitOnly(err)
}

func firstNonzero(r io.ReaderAt, at, end int64) (int64, error) {
	buf := make([]byte, 64<<10)
	for at < end {
		b := buf[:min(int64(len(buf)), end-at)]
		if err := readAt(r, b, at); err != nil {
			return 0, err
		}
		if rest := bytes.TrimLeft(b, "\x00"); len(rest) > 0 {
			return at + int64(len(b)-len(rest)), nil
		}
		at += int64(len(b))
	}
	return end, nil
}

// resync looks for the next block that is a header. What lies before it is examined as it is.
func (t *tarWalk) resync() error {
	start := t.pos
	t.odd.add(weir.OddChecksum, start, tarBlock, "header with a wrong checksum: some readers stop here, some search on")
	b := make([]byte, tarBlock)
	at := start + tarBlock
	for ; t.in.Size-at >= tarBlock; at += tarBlock {
		if err := readAt(t.in.ReaderAt, b, at); err != nil {
			return err
		}
		if !zeroBlock(b) && tarChecksum(b) {
			break
		}
	}
	if t.in.Size-at < tarBlock {
		at = t.in.Size
	}
	t.fails.add(fmt.Errorf("tar header at %d: %w", start, errCorrupt))
	_, err := t.in.Nested(gapName("gap", start), io.NewSectionReader(t.in.ReaderAt, start, at-start), at-start)
	t.pos, t.next, t.long, t.longTo = at, nil, "", ""
	return limitOnly(err)
}

// tarText reads a field that ends at a NUL.
func tarText(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// entry reads the header in b and what belongs to it.
func (t *tarWalk) entry(b []byte) error {
	e := tarEntry{
		name: tarText(b[:100]), link: tarText(b[157:257]), typ: b[156], header: t.pos, data: t.pos + tarBlock,
	}
	mode, _ := tarNumber(b[100:108])
	e.mode = uint32(mode) & 0o7777
	if err := t.header(b); err != nil {
		return err
	}
	size, ok := tarNumber(b[124:136])
	if !ok {
		t.odd.add(weir.OddMalformed, t.pos, tarBlock, "entry %s has no valid size", quote(e.name))
		t.fails.add(fmt.Errorf("tar entry %s: size: %w", quote(e.name), errCorrupt))
	}
	e.size = size
	gnu := string(b[257:265]) == "ustar  \x00"
	if prefix := tarText(b[345:500]); prefix != "" && e.typ != 'x' && e.typ != 'g' && e.typ != 'S' {
		if string(b[257:263]) == "ustar\x00" {
			e.name = prefix + "/" + e.name
		} else {
			// Python looks at the field in every dialect.
			e.other = prefix + "/" + e.name
		}
	}
	if special, err := t.special(&e); special || err != nil {
		return err
	}
	t.extend(&e)
	if gnu && e.typ == 'S' {
		if err := t.gnuSparse(&e, b); err != nil {
			return err
		}
	}
	return t.member(&e)
}

// special takes the entries that only speak of the next one.
func (t *tarWalk) special(e *tarEntry) (bool, error) {
	switch e.typ {
	case 'L', 'K', 'x', 'g', 'X':
	case 'V', 'M', 'N':
		if e.typ == 'M' {
			t.odd.add(weir.OddUnsupported, e.header, 0, "entry %s continues a file of another volume", quote(e.name))
			return false, nil
		}
	default:
		return false, nil
	}
	const most = 1 << 20
	if e.size > most {
		t.odd.add(weir.OddShape, e.header, e.size, "extended header of %d bytes", e.size)
		t.fails.add(fmt.Errorf("tar extended header of %d bytes: %w", e.size, errUnsupported))
		return false, nil
	}
	body := make([]byte, e.size)
	if err := readAt(t.in.ReaderAt, body, e.data); err != nil {
		t.odd.add(weir.OddTruncated, e.header, e.size, "archive ends within an extended header")
		t.pos = t.in.Size
		return true, err
	}
	if err := t.padding(e); err != nil {
		return true, err
	}
	var err error
	switch e.typ {
	case 'L':
		t.long, err = t.longName(e, body)
	case 'K':
		t.longTo, err = t.longName(e, body)
	case 'x', 'X', 'g':
		records, plain, ok := parsePax(body)
		if !ok {
			t.odd.add(weir.OddMalformed, e.header, e.size, "pax header that does not parse: readers disagree about the next entry")
		}
		if !ok || !plain {
			err = t.record("pax", e)
		}
		if e.typ == 'g' {
			t.global = records
		} else {
			t.next = records
		}
	}
	return true, err
}

// padding accounts for what fills the last block of an entry and moves on behind it.
func (t *tarWalk) padding(e *tarEntry) error {
	end := e.data + e.size
	t.pos = end + -e.size&(tarBlock-1)
	if t.pos > t.in.Size || t.pos < e.data {
		if end <= t.in.Size && end >= e.data {
			t.odd.add(weir.OddTruncated, t.in.Size, t.pos-t.in.Size, "archive ends within the last block of entry %s", quote(e.name))
		}
		t.pos = t.in.Size
	}
	if t.pos <= end {
		return nil
	}
	zero, err := examine(t.in, gapName("gap", end), t.in.ReaderAt, end, t.pos-end)
	if !zero && err == nil {
		t.odd.add(weir.OddGap, end, t.pos-end, "padding of entry %s is not zero", quote(e.name))
	}
	return limitOnly(err)
}
