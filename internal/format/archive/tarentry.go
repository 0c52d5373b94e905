package archive

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"strconv"
	"strings"

	"weir"
)

// paxRecords are the keys and values of an extended header; nil when there is none.
type paxRecords map[string]string

// parsePax reads records of the form "length key=value\n". It gives what came before a record that is none. plain says that keys and values
// are text and nothing more.
func parsePax(b []byte) (r paxRecords, plain, whole bool) {
	r, plain, whole = paxRecords{}, true, true
	var ranges []string // of sparse format 0.0, whose keys come again and again
	defer func() {
		if ranges != nil {
			r["GNU.sparse.map"] = strings.Join(ranges, ",")
		}
	}()
	for len(bytes.Trim(b, "\x00")) > 0 {
		i := bytes.IndexByte(b, ' ')
		if i <= 0 || i > 10 {
			return r, plain, false
		}
		n, err := strconv.Atoi(string(b[:i]))
		if err != nil || n <= i+1 || n > len(b) {
			return r, plain, false
		}
		plain = plain && !acts(b[i+1:n-1])
		// Python does not look whether a record ends where it should.
		whole = whole && b[n-1] == '\n'
		key, value, ok := strings.Cut(string(b[i+1:n-1]), "=")
		if !ok {
			return r, plain, false
		}
		if key == "GNU.sparse.offset" || key == "GNU.sparse.numbytes" {
			ranges = append(ranges, value)
		}
		r[key] = value
		b = b[n:]
	}
	return r, plain, whole
}

// get gives the value that an extended header sets, the entry's own before the global one.
func (t *tarWalk) get(key string) (string, bool) {
	if v, ok := t.next[key]; ok {
		return v, true
	}
	v, ok := t.global[key]
	return v, ok
}

// extend applies what extended headers said about this entry, and forgets it.
func (t *tarWalk) extend(e *tarEntry) {
	plain := e.name
	e.plain = plain
	if t.long != "" {
		e.name = t.long
	}
	if t.longTo != "" {
		e.link = t.longTo
	}
	if v, ok := t.get("path"); ok {
		if t.long != "" && t.long != v {
			t.odd.add(weir.OddDivergent, e.header, 0, "entry is %s by its GNU name and %s by its pax name", quote(t.long), quote(v))
			checkName(t.odd, t.long, e.header)
		}
		e.name = v
	}
	// Readers that know neither extension see the short name: it is a cut or a folded form of the long one, or nothing evil.
	if plain != e.name && (weir.Climbs(plain) || strings.HasPrefix(plain, "/")) {
		checkName(t.odd, plain, e.header)
	}
	if v, ok := t.get("linkpath"); ok {
		e.link = v
	}
	if v, ok := t.get("size"); ok {
		if n, err := strconv.ParseInt(v, 10, 64); err == nil && n >= 0 {
			if e.size != n && e.size != 0 && e.size != 0o77777777777 {
				t.odd.add(weir.OddDivergent, e.header, 0, "entry %s has %d bytes by its header and %d by its pax header", quote(e.name), e.size, n)
				t.otherSize(e)
			}
			e.size = n
		} else {
			t.odd.add(weir.OddMalformed, e.header, 0, "entry %s has the pax size %s", quote(e.name), quote(v))
		}
	}
	e.real = e.size
	t.paxSparse(e)
	t.next, t.long, t.longTo = nil, "", ""
}

// otherSize follows the reading of a reader that does not know pax: what it takes for the next header is examined.
func (t *tarWalk) otherSize(e *tarEntry) {
	at := e.data + (e.size+tarBlock-1)&^(tarBlock-1)
	const most = 4
	if t.others++; t.others > most || at >= t.in.Size || at < e.data {
		return
	}
	_, err := t.in.Nested(gapName("pax-unaware", at), io.NewSectionReader(t.in.ReaderAt, at, t.in.Size-at), t.in.Size-at)
	t.fails.add(limitOnly(err))
}

// sparseRange is a range of a sparse file that the archive holds.
type sparseRange struct{ at, size int64 }

// maxSparse bounds the ranges of one sparse file.
const maxSparse = 100_000

// paxSparse reads the sparse formats 0.0, 0.1 and 1.0 as far as names and sizes go. What the archive holds of the file is examined as
// it stands, without the holes: 1.0 keeps its map in front of the data.
func (t *tarWalk) paxSparse(e *tarEntry) {
	if v, ok := t.get("GNU.sparse.name"); ok {
		e.name = v
	}
	for _, key := range []string{"GNU.sparse.realsize", "GNU.sparse.size"} {
		if v, ok := t.get(key); ok {
			if n, err := strconv.ParseInt(v, 10, 64); err == nil && n >= 0 {
				e.real = n
			}
		}
	}
	if v, ok := t.get("GNU.sparse.map"); ok {
		e.sparse = sparseMap(v)
	}
	if v, _ := t.get("GNU.sparse.major"); v == "1" {
		t.sparse1(e)
	}
}

// sparseMap reads "offset,size,offset,size…"; nil when it is none.
func sparseMap(s string) []sparseRange {
	fields := strings.Split(s, ",")
	if len(fields)%2 != 0 || len(fields) > 2*maxSparse {
		return nil
	}
	var out []sparseRange
	for i := 0; i < len(fields); i += 2 {
		at, err1 := strconv.ParseInt(fields[i], 10, 64)
		n, err2 := strconv.ParseInt(fields[i+1], 10, 64)
		if err1 != nil || err2 != nil || at < 0 || n < 0 {
			return nil
		}
		out = append(out, sparseRange{at, n})
	}
	return out
}

// sparse1 reads the map of format 1.0 in front of the data: decimal numbers on lines of their own, padded to a block.
func (t *tarWalk) sparse1(e *tarEntry) {
	f := newFeed(t.in.ReaderAt, e.data, min(t.in.Size, e.data+e.size))
	number := func() int64 {
		line, err := f.ReadSlice('\n')
		if err != nil || len(line) > 20 {
			return -1
		}
		n, err := strconv.ParseInt(string(line[:len(line)-1]), 10, 64)
		if err != nil {
			return -1
		}
		return n
	}
	count := number()
	if count < 0 || count > maxSparse {
		t.odd.add(weir.OddMalformed, e.header, 0, "entry %s has no valid sparse map", quote(e.name))
		return
	}
	for range count {
		at, n := number(), number()
		if at < 0 || n < 0 {
			t.odd.add(weir.OddMalformed, e.header, 0, "entry %s has no valid sparse map", quote(e.name))
			return
		}
		e.sparse = append(e.sparse, sparseRange{at, n})
	}
	skip := f.offset() - e.data
	skip += -skip & (tarBlock - 1)
	if skip > e.size {
		return
	}
	e.data += skip
	e.size -= skip
}

// gnuSparse reads the map of the old GNU format: four ranges in the header, more in blocks behind it.
func (t *tarWalk) gnuSparse(e *tarEntry, b []byte) error {
	if n, ok := tarNumber(b[483:495]); ok {
		e.real = n
	}
	ranges := func(b []byte, n int) {
		for i := range n {
			at, ok1 := tarNumber(b[24*i : 24*i+12])
			size, ok2 := tarNumber(b[24*i+12 : 24*i+24])
			if ok1 && ok2 && size > 0 {
				e.sparse = append(e.sparse, sparseRange{at, size})
			}
		}
	}
	ranges(b[386:482], 4)
	more := b[482] != 0
	block := make([]byte, tarBlock)
	for more {
		if err := readAt(t.in.ReaderAt, block, e.data); err != nil {
			return fmt.Errorf("tar entry %s: sparse map: %w", quote(e.name), err)
		}
		if len(e.sparse) > maxSparse {
			return fmt.Errorf("tar entry %s: sparse map of more than %d ranges: %w", quote(e.name), maxSparse, errUnsupported)
		}
		ranges(block, 21)
		more = block[504] != 0
		e.data += tarBlock
	}
	return nil
}

// member makes facts of an entry, hands its content over, and moves on.
func (t *tarWalk) member(e *tarEntry) error {
	t.check(e)
	t.emit(e)
	e.size = t.bodySize(e)
	if err := t.content(e); err != nil {
		return err
	}
	return t.padding(e)
}

// bodySize is how many bytes follow the header: links and devices have none, whatever their size says, for the readers that we follow;
// where the size is not zero others read on elsewhere.
func (t *tarWalk) bodySize(e *tarEntry) int64 {
	switch e.typ {
	case '1', '2', '3', '4', '5', '6':
		if e.size == 0 {
			return 0
		}
		if e.typ == '1' && t.headerAfter(e.data+e.size) && !t.headerAfter(e.data) {
			return e.size // a hard link with its content, as pax has it
		}
		if e.typ == '5' && !t.headerAfter(e.data) {
			return e.size // a dumped folder of old GNU tars
		}
		t.odd.add(weir.OddDivergent, e.header, e.size, "entry %s of type %q has %d bytes: readers disagree whether they follow", quote(e.name), e.typ, e.size)
		return 0
	}
	return e.size
}

// headerAfter reports whether a header, or the end, comes at the block after offset at.
func (t *tarWalk) headerAfter(at int64) bool {
	b := make([]byte, tarBlock)
	at += -at & (tarBlock - 1)
	if at == t.in.Size {
		return true
	}
	return readAt(t.in.ReaderAt, b, at) == nil && (zeroBlock(b) || tarChecksum(b))
}

func (t *tarWalk) check(e *tarEntry) {
	checkName(t.odd, e.name, e.header)
	if via, ok := t.links.through(e.name); ok {
		t.odd.add(weir.OddLink, e.header, 0, "entry %s is written through the symbolic link %s", quote(e.name), quote(via))
	}
	sum := sha256.Sum256([]byte(cleanName(e.name)))
	clean := [16]byte(sum[:])
	if e.typ != '5' && t.seen[clean] {
		t.odd.add(weir.OddDuplicate, e.header, 0, "two entries are called %s", quote(e.name))
	}
	if len(t.seen) < maxSeen && e.typ != '5' {
		t.seen[clean] = true
	}
	switch e.typ {
	case '1':
		checkLink(t.odd, e.name, e.link, true, e.header)
		if via, ok := t.links.through(e.link); ok {
			t.odd.add(weir.OddLink, e.header, 0, "hard link %s goes through the symbolic link %s", quote(e.name), quote(via))
		}
	case '2':
		checkLink(t.odd, e.name, e.link, false, e.header)
		t.links.add(e.name)
	case '3', '4', '6':
		t.odd.add(weir.OddShape, e.header, 0, "entry %s is a device or a pipe", quote(e.name))
	case 0, '0', '5', '7', 'S', 'D', 'V', 'N', 'M':
	default:
		t.odd.add(weir.OddShape, e.header, 0, "entry %s has the type %q", quote(e.name), e.typ)
	}
	if e.mode&0o6000 != 0 && e.typ != '5' {
		t.odd.add(weir.OddShape, e.header, 0, "entry %s is setuid or setgid (mode %o)", quote(e.name), e.mode)
	}
}

// tarModes are the file types of Unix modes by tar's type flags.
var tarModes = map[byte]uint32{
	0: 0o100000, '0': 0o100000, '1': 0o100000, '2': 0o120000, '3': 0o020000, '4': 0o060000, '5': 0o040000, '6': 0o010000, '7': 0o100000, 'S': 0o100000,
}

func (t *tarWalk) emit(e *tarEntry) {
	t.members++
	if t.members > ordinaryMembers && e.link == "" && !hasDotDot(e.name) && !strings.HasPrefix(e.name, "/") {
		return
	}
	m := weir.Member{Name: short(e.name), Mode: e.mode | tarModes[e.typ], Size: e.real, Packed: e.size, At: e.header}
	if e.typ == '1' || e.typ == '2' {
		m.Link = short(e.link)
	}
	t.in.Emit(m)
	if e.other != "" && e.name == e.plain {
		t.odd.add(weir.OddDivergent, e.header, 0, "entry %s is %s for Python, which takes a prefix from a header that has none", quote(e.name), quote(e.other))
		checkName(t.odd, e.other, e.header)
		m.Name = short(e.other)
		t.in.Emit(m)
	}
}

// content hands the bytes of an entry to the engine; sparse files with their holes where they are not larger than what we may expand.
func (t *tarWalk) content(e *tarEntry) error {
	if e.size == 0 {
		return nil
	}
	n := min(e.size, t.in.Size-e.data)
	if n < e.size {
		t.odd.add(weir.OddTruncated, e.data, e.size-n, "archive ends within the entry %s", quote(e.name))
		t.fails.add(fmt.Errorf("tar entry %s: %w", quote(e.name), io.ErrUnexpectedEOF))
	}
	if n <= 0 {
		return nil
	}
	var r io.ReaderAt = io.NewSectionReader(t.in.ReaderAt, e.data, n)
	size := n
	if whole, ok := newSparse(r, n, e); ok {
		r, size = whole, e.real
	} else if e.sparse != nil {
		t.odd.add(weir.OddMismatch, e.header, 0, "entry %s has a sparse map that does not fit its data", quote(e.name))
	}
	_, err := t.in.Nested(short(e.name), r, size)
	return limitOnly(err)
}

// sparseFile is a sparse file with its holes.
type sparseFile struct {
	r      io.ReaderAt
	ranges []sparseRange
	starts []int64 // where each range is in r
	size   int64
}

// newSparse puts the ranges of a sparse entry in their places; ok is false when they do not fit.
func newSparse(r io.ReaderAt, have int64, e *tarEntry) (*sparseFile, bool) {
	if e.sparse == nil {
		return nil, false
	}
	s := &sparseFile{r: r, size: e.real}
	var from, end int64
	for _, x := range e.sparse {
		if x.size == 0 {
			continue
		}
		if x.at < end || x.size > e.real-x.at {
			return nil, false
		}
		s.ranges, s.starts = append(s.ranges, x), append(s.starts, from)
		from, end = from+x.size, x.at+x.size
	}
	return s, from == have
}

// ReadAt gives zeros for holes.
func (s *sparseFile) ReadAt(b []byte, at int64) (int, error) {
	if at < 0 || at >= s.size {
		return 0, io.EOF
	}
	var short error
	if int64(len(b)) > s.size-at {
		b, short = b[:s.size-at], io.EOF
	}
	clear(b)
	end := at + int64(len(b))
	for i := s.first(at); i < len(s.ranges) && s.ranges[i].at < end; i++ {
		x := s.ranges[i]
		from, to := max(x.at, at), min(x.at+x.size, end)
		if from >= to {
			continue
		}
		if err := readAt(s.r, b[from-at:to-at], s.starts[i]+from-x.at); err != nil {
			return int(from - at), err
		}
	}
	return len(b), short
}

// first is the first range that ends after offset at.
func (s *sparseFile) first(at int64) int {
	lo, hi := 0, len(s.ranges)
	for lo < hi {
		if mid := (lo + hi) / 2; s.ranges[mid].at+s.ranges[mid].size <= at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}
