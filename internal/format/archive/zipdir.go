package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf8"

	"weir"
	"weir/internal/format"
)

// maxNames bounds the bytes of names that one archive may make us keep.
const maxNames = 32 << 20

// errNotZip says that neither an end record nor a local header is there.
var errNotZip = errors.New("not a zip archive: no directory and no local header")

// zipScan is the state of OpenZip.
type zipScan struct {
	*ZipArchive
	lim    weir.Limits
	odd    *oddities
	quiet  []Gap // ranges that are explained and still worth a look
	names  int64
	index  map[entryKey]int // place in Entries, to merge readings that agree
	heads  map[int64]int    // header offset → first entry with it
	round  int              // number of the directory being read
	search search
	links  links
	starts []int64 // where walkers go on after an entry whose local header tells another story
	strays int     // end records found by search
	walk   int64   // inflated bytes that walking may still spend
}

// entryKey is what makes two readings of one header the same entry.
type entryKey struct {
	name         string
	method       uint16
	packed, size int64
	header       int64
}

// OpenZip reads all views of the zip archive in r: every central directory that some reader finds, and every local header. The
// oddities are what no honest writer causes. An error with an archive means that it is not whole: a bound or a read error stopped it.
func OpenZip(r io.ReaderAt, size int64, lim weir.Limits) (*ZipArchive, []weir.Oddity, error) {
	var found []weir.Oddity
	z := &zipScan{
		ZipArchive: &ZipArchive{r: r, size: size, window: dictLimit(lim)}, lim: lim,
		odd:   newOddities(func(o weir.Oddity) { found = append(found, o) }),
		index: map[entryKey]int{}, heads: map[int64]int{}, links: links{}, search: search{r: r}, walk: 256 << 20,
	}
	err := z.run()
	z.odd.close()
	if errors.Is(err, errNotZip) {
		return nil, found, err
	}
	return z.ZipArchive, found, err
}

func (z *zipScan) run() error {
	ends, err := findEnds(z.r, z.size)
	if err != nil {
		return fmt.Errorf("end record: %w", err)
	}
	if len(ends) == 0 {
		z.odd.add(weir.OddTruncated, z.size, 0, "no end record: the archive is cut off, or only readers of local headers can read it")
	}
	buf := make([]byte, 512)
	for i, at := range ends {
		if i > 0 && z.inside(at) {
			continue // an archive inside an entry: the engine sees it there
		}
		if i > 0 {
			z.odd.add(weir.OddDivergent, at, endSize, "a further end record: readers that take the first see another archive")
		}
		if err := z.followEnd(at, i == 0, &buf); err != nil {
			return err
		}
	}
	if err := z.walkAll(&buf); err != nil {
		return err
	}
	if len(z.Entries) == 0 && len(ends) == 0 {
		return errNotZip
	}
	z.compareViews()
	z.markOccurrences()
	if err := z.account(); err != nil {
		return err
	}
	return nil
}

// inside reports whether offset at lies in the data of an entry or in a record that is known already.
func (z *zipScan) inside(at int64) bool {
	for _, s := range z.spans {
		if at >= s.at && at < s.end && s.kind != spanComment {
			return true
		}
	}
	return false
}

// followEnd reads every directory that an end record leads to, and the local header of every entry that they list.
func (z *zipScan) followEnd(at int64, first bool, buf *[]byte) error {
	listed := len(z.Entries)
	dirs, err := z.end(at, first)
	if err != nil {
		return fmt.Errorf("end record at %d: %w", at, err)
	}
	seen := map[directory]bool{}
	var good, empty bool
	for _, d := range merge(dirs) {
		if d.size == 0 && d.count == 0 {
			empty = true
			continue
		}
		key := d
		key.view = 0
		if key.size, key.count = 0, 0; seen[key] && d.view == 0 {
			continue
		}
		seen[key] = true
		ok, err := z.directory(d)
		if err != nil {
			return err
		}
		good = good || ok
		// A directory that torch misses because bytes stand before the archive is told once, as a prefix.
		if !ok && d.view != 0 && !(d.view == ViewTorch && d.start != at-d.size) {
			z.odd.add(weir.OddDivergent, at, endSize, "end record names a directory at offset %d that is not there (readers: %s)", d.start, d.view)
		}
	}
	if !good && !empty {
		z.odd.add(weir.OddMalformed, at, endSize, "end record leads to no central directory")
	}
	return z.placeListed(listed, buf)
}

// merge joins hypotheses that are the same but for who takes them, in order.
func merge(dirs []directory) []directory {
	var out []directory
next:
	for _, d := range dirs {
		for i := range out {
			o := &out[i]
			if o.start == d.start && o.delta == d.delta && o.size == d.size && o.count == d.count {
				o.view |= d.view
				continue next
			}
		}
		out = append(out, d)
	}
	return out
}

// directory reads the central directory at d.start: as far as its size, its count and its signatures go, whichever is furthest.
// It reports whether there is one.
func (z *zipScan) directory(d directory) (bool, error) {
	if d.start < 0 || d.start >= z.size {
		return false, nil
	}
	f := newFeed(z.r, d.start, z.size)
	z.round++
	var n int64
	for {
		at := f.offset()
		head, err := f.Peek(4)
		if err != nil && f.failed() != nil {
			return n > 0, f.failed()
		}
		if string(head) == sigSignature {
			z.digitalSignature(f)
			break
		}
		if string(head) != sigCentral {
			break
		}
		view := d.viewOf(n, at)
		ok, err := z.central(f, at, d, view)
		if err != nil || !ok {
			return n > 0, err
		}
		n++
	}
	end := f.offset()
	if n == 0 {
		return false, nil
	}
	z.explain(d.start, end-d.start, spanDirectory)
	if n != d.count && !(d.count == n&0xffff && d.size == end-d.start) {
		z.odd.add(weir.OddDivergent, d.start, end-d.start, "end record counts %d entries, the directory has %d", d.count, n)
	}
	if end != d.start+d.size {
		z.odd.add(weir.OddDivergent, d.start, end-d.start, "end record says %d bytes of directory, it has %d", d.size, end-d.start)
	}
	return true, nil
}

// viewOf says who sees the entry number n at offset at: Python goes by the directory's size, torch by its count.
func (d directory) viewOf(n, at int64) ZipView {
	var v ZipView
	if d.view&ViewPython != 0 && at < d.start+d.size {
		v |= ViewPython
	}
	if d.view&ViewTorch != 0 && n < d.count {
		v |= ViewTorch
	}
	if v == 0 {
		v = ViewOther
	}
	return v
}

func (z *zipScan) digitalSignature(f *feed) {
	b, err := f.Peek(6)
	if err != nil {
		return
	}
	_, _ = f.Discard(6 + int(binary.LittleEndian.Uint16(b[4:])))
}

const centralSize = 46

// central reads one entry of a directory. It reports false when the record is cut off.
func (z *zipScan) central(f *feed, at int64, d directory, view ZipView) (bool, error) {
	var b [centralSize]byte
	if _, err := io.ReadFull(f, b[:]); err != nil {
		z.odd.add(weir.OddTruncated, at, 0, "central directory is cut off")
		return false, f.failed()
	}
	rest := make([]byte, int(le16(b[28:]))+int(le16(b[30:]))+int(le16(b[32:])))
	n, err := io.ReadFull(f, rest)
	if f.failed() != nil {
		return false, f.failed()
	}
	if err != nil {
		z.odd.add(weir.OddTruncated, at, 0, "central directory is cut off within an entry")
		rest = rest[:n]
	}
	// Python reads no further than the directory's size, and takes a name that is cut there as it is.
	if room := d.start + d.size - at - centralSize; view&ViewPython != 0 && room < int64(len(rest)) {
		cut := b
		if err := z.listed(cut[:], rest[:max(0, room)], at, d, ViewPython); err != nil {
			return false, err
		}
		if view &^= ViewPython; view == 0 {
			view = ViewOther
		}
	}
	return err == nil, z.listed(b[:], rest, at, d, view)
}

// listed keeps the entry of a directory record: its fixed part, and what there is of name, extra field and comment.
func (z *zipScan) listed(b, rest []byte, at int64, d directory, view ZipView) error {
	le := binary.LittleEndian
	nameLen := min(int(le16(b[28:])), len(rest))
	extraLen := min(int(le16(b[30:])), len(rest)-nameLen)
	e := ZipEntry{
		Name: string(rest[:nameLen]), Flags: le.Uint16(b[8:]), Method: le.Uint16(b[10:]), CRC: le.Uint32(b[16:]),
		Packed: int64(le.Uint32(b[20:])), Size: int64(le.Uint32(b[24:])), Header: int64(le.Uint32(b[42:])), Data: -1, Views: view,
		Mode: le.Uint32(b[38:]) >> 16,
	}
	x := parseExtra(rest[nameLen : nameLen+extraLen])
	z.checkExtra(x, e.Name, at+centralSize+int64(nameLen), int64(extraLen))
	z.central64(&e, x, at)
	if disk := le.Uint16(b[34:]); disk != 0 && disk != 0xffff {
		z.odd.add(weir.OddUnsupported, at, 0, "entry %s is on disk %d", quote(e.Name), disk)
	}
	if need := b[6]; need > 63 {
		z.odd.add(weir.OddDivergent, at, 0, "entry %s needs version %d.%d: Python refuses the archive, torch reads it", quote(e.Name), need/10, need%10)
	}
	if comment := rest[nameLen+extraLen:]; !plainText(comment) {
		from := at + centralSize + int64(nameLen+extraLen)
		z.quiet = append(z.quiet, Gap{Name: gapName("comment", from), At: from, Size: int64(len(comment)), Quiet: true})
	}
	e.Header += d.delta
	return z.addEntry(e, at, true)
}

func le16(b []byte) uint16 { return binary.LittleEndian.Uint16(b) }

// central64 takes the sizes that do not fit 32 bits from the zip64 extra field.
func (z *zipScan) central64(e *ZipEntry, x extraFields, at int64) {
	rest, short := x.zip64, false
	for _, p := range []*int64{&e.Size, &e.Packed, &e.Header} {
		if *p != 0xffffffff {
			continue
		}
		if len(rest) < 8 {
			short = true
			continue
		}
		*p = clamp(binary.LittleEndian.Uint64(rest))
		rest = rest[8:]
	}
	if short {
		z.odd.add(weir.OddDivergent, at, 0, "entry %s has sizes of 0xffffffff without a zip64 field that says more", quote(e.Name))
	}
	if e.Size < 0 || e.Packed < 0 || e.Header < 0 {
		z.odd.add(weir.OddMalformed, at, 0, "entry %s has impossible zip64 sizes", quote(e.Name))
		e.Size, e.Packed, e.Header = max(e.Size, 0), max(e.Packed, 0), max(e.Header, 0)
	}
}

// addEntry keeps an entry unless the same reading is there already; then only the views are joined.
func (z *zipScan) addEntry(e ZipEntry, at int64, check bool) error {
	key := entryKey{e.Name, e.Method, e.Packed, e.Size, e.Header}
	if i, ok := z.index[key]; ok {
		if z.Entries[i].round == z.round && check {
			z.odd.add(weir.OddDuplicate, at, 0, "entry %s is listed twice with the same local header", quote(e.Name))
		}
		z.Entries[i].Views |= e.Views
		return nil
	}
	z.names += int64(len(e.Name))
	if len(z.Entries) >= z.lim.Members {
		return fmt.Errorf("more than %d entries: %w", z.lim.Members, format.ErrLimit)
	}
	if z.names > maxNames {
		return fmt.Errorf("more than %d bytes of names: %w", maxNames, format.ErrLimit)
	}
	if check {
		z.checkEntry(&e, at)
	}
	z.index[key] = len(z.Entries)
	if other, ok := z.heads[e.Header]; !ok {
		z.heads[e.Header] = len(z.Entries)
	} else if check {
		z.odd.add(weir.OddOverlap, e.Header, 0, "entries %s and %s share one local header", quote(z.Entries[other].Name), quote(e.Name))
	}
	e.round = z.round
	z.Entries = append(z.Entries, e)
	return nil
}

// checkEntry reports what is wrong with an entry whatever its content is.
func (z *zipScan) checkEntry(e *ZipEntry, at int64) {
	checkName(z.odd, e.Name, at)
	if via, ok := z.links.through(e.Name); ok {
		z.odd.add(weir.OddLink, at, 0, "entry %s is written through the symbolic link %s", quote(e.Name), quote(via))
	}
	if e.Symlink() {
		z.links.add(e.Name)
	}
	if e.Name == "" {
		z.odd.add(weir.OddShape, at, 0, "entry without a name")
	}
	if e.Flags&flagUTF8 != 0 && !utf8.ValidString(e.Name) {
		z.odd.add(weir.OddDivergent, at, 0, "name %s is not the UTF-8 that its flag says: Python refuses the archive", quote(e.Name))
	}
	if e.Flags&(flagPatched|flagStrong|flagMasked) != 0 {
		z.odd.add(weir.OddDivergent, at, 0, "entry %s has flags %#x that some readers refuse and some ignore", quote(e.Name), e.Flags)
	}
	if e.Method == ZipStored && e.Packed != e.Size && e.Flags&flagEncrypted == 0 {
		z.odd.add(weir.OddMismatch, at, 0, "entry %s is stored, yet has %d bytes packed and %d unpacked", quote(e.Name), e.Packed, e.Size)
	}
	if e.Dir() && e.Size > 0 {
		z.odd.add(weir.OddShape, at, e.Size, "folder %s has content", quote(e.Name))
	}
}

// extraFields are the fields that change how an entry is read.
type extraFields struct {
	zip64   []byte
	unicode []byte // Info-ZIP Unicode Path, 0x7075
	bad     bool   // a field goes past the end
	rest    int    // bytes after the last whole field
	hidden  int    // bytes in fields that no reader is known to use
}

// Ids of extra fields, APPNOTE.TXT 4.5, Info-ZIP's extrafld.txt, and torch's own.
const (
	extraZip64   = 0x0001
	extraUnicode = 0x7075
	extraTorch   = 'F' | 'B'<<8 // padding, so that tensors are aligned
)

// maxExtra is how many bytes of unknown extra fields are not worth a look.
const maxExtra = 32

// knownExtra are the fields that real writers write; their content is small and means nothing to us.
var knownExtra = map[uint16]bool{
	extraZip64: true, extraUnicode: true, extraTorch: true, 0x000a: true, 0x000d: true, 0x0017: true, 0x5455: true, 0x5855: true,
	0x6375: true, 0x7855: true, 0x7875: true, 0x9901: true, 0xa220: true, 0xcafe: true, 0xd935: true,
}

func parseExtra(b []byte) extraFields {
	var x extraFields
	for len(b) >= 4 {
		id, n := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if n > len(b)-4 {
			x.bad = true
			break
		}
		field := b[4 : 4+n]
		switch {
		case id == extraZip64 && x.zip64 == nil:
			x.zip64 = field
		case id == extraUnicode:
			x.unicode = field
		case id == extraTorch:
			if len(bytes.Trim(field, "Z\x00")) > 0 {
				x.hidden += n + maxExtra
			}
		case !knownExtra[id] || n > 2*maxExtra:
			x.hidden += n
		}
		b = b[4+n:]
	}
	x.rest = len(b)
	return x
}

// checkExtra reports fields that readers take differently.
func (z *zipScan) checkExtra(x extraFields, name string, at, size int64) {
	if x.hidden > maxExtra {
		z.quiet = append(z.quiet, Gap{Name: gapName("extra", at), At: at, Size: size, Quiet: true})
	}
	if x.bad {
		z.odd.add(weir.OddMalformed, at, int64(x.rest), "extra field of %s goes past its end: Python refuses the archive", quote(name))
	}
	if u := x.unicode; len(u) > 5 && u[0] == 1 && binary.LittleEndian.Uint32(u[1:]) == crc32.ChecksumIEEE([]byte(name)) {
		if other := string(u[5:]); other != name && (isASCII(name) || weir.Climbs(other)) {
			z.odd.add(weir.OddDivergent, at, int64(len(u)), "entry %s is %s by its Unicode path field", quote(name), quote(other))
			checkName(z.odd, other, at)
		}
	}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
