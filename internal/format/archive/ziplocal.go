package archive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"weir"
)

const localSize = 30

// zipLocal is a local header.
type zipLocal struct {
	name         []byte
	flags        uint16
	method       uint16
	crc          uint32
	packed, size int64
	data         int64 // offset of the data
	extra        extraFields
	extraSize    int64
	zip64        bool // sizes are in a zip64 field
}

// local reads the local header at offset at; ok is false when there is none.
func (z *zipScan) local(at int64, buf *[]byte) (l zipLocal, ok bool, err error) {
	if at < 0 || at > z.size-localSize {
		return l, false, nil
	}
	b := (*buf)[:min(int64(len(*buf)), z.size-at)]
	if err := readAt(z.r, b, at); err != nil {
		return l, false, err
	}
	if string(b[:4]) != sigLocal {
		return l, false, nil
	}
	le := binary.LittleEndian
	nameLen, extraLen := int64(le.Uint16(b[26:])), int64(le.Uint16(b[28:]))
	l = zipLocal{
		flags: le.Uint16(b[6:]), method: le.Uint16(b[8:]), crc: le.Uint32(b[14:]),
		packed: int64(le.Uint32(b[18:])), size: int64(le.Uint32(b[22:])),
		data: at + localSize + nameLen + extraLen, extraSize: extraLen,
	}
	if l.data > z.size {
		return l, false, nil
	}
	if n := localSize + nameLen + extraLen; n > int64(len(b)) {
		*buf = make([]byte, n)
		if b = *buf; readAt(z.r, b, at) != nil {
			return l, false, io.ErrUnexpectedEOF
		}
	}
	l.name = b[localSize : localSize+nameLen]
	l.extra = parseExtra(b[localSize+nameLen : localSize+nameLen+extraLen])
	rest := l.extra.zip64
	for _, p := range []*int64{&l.size, &l.packed} {
		if *p == 0xffffffff && len(rest) >= 8 {
			*p, rest, l.zip64 = max(0, clamp(le.Uint64(rest))), rest[8:], true
		}
	}
	return l, true, nil
}

// unsized reports whether the header leaves its sizes to a data descriptor.
func (l *zipLocal) unsized() bool {
	return l.flags&flagDescriptor != 0 && (l.packed == 0 || !l.zip64 && l.packed == 0xffffffff)
}

// placeListed reads the local header of every entry from index from on, as a directory listed them.
func (z *zipScan) placeListed(from int, buf *[]byte) error {
	for i, listed := from, len(z.Entries); i < listed; i++ {
		l, ok, err := z.local(z.Entries[i].Header, buf)
		if err != nil {
			return fmt.Errorf("local header at %d: %w", z.Entries[i].Header, err)
		}
		if !ok {
			e := &z.Entries[i]
			z.odd.add(weir.OddMalformed, e.Header, 0, "entry %s has no local header where its directory says", quote(e.Name))
			continue
		}
		next, err := z.compareLocal(i, &l)
		if err != nil {
			return err
		}
		if next > 0 {
			z.starts = append(z.starts, next)
		}
	}
	return nil
}

// walkAll walks from every place where a reader of local headers comes by, then searches what is still unexplained.
func (z *zipScan) walkAll(buf *[]byte) error {
	for _, at := range append(z.starts, z.firstLocal()) {
		if _, err := z.walkFrom(at, z.size, buf); err != nil {
			return err
		}
	}
	return z.searchGaps(buf)
}

// firstLocal is where a reader of local headers starts: after the marker of a spanned archive, if there is one.
func (z *zipScan) firstLocal() int64 {
	var b [8]byte
	if readAt(z.r, b[:], 0) == nil && (string(b[:4]) == sigSpanned || string(b[:4]) == sigDescriptor) && string(b[4:]) == sigLocal {
		z.explain(0, 4, spanRecord)
		return 4
	}
	return 0
}

// compareLocal places the data of the listed entry i by its local header and compares the two. When the local header tells another
// story it becomes an entry of its own, and next is where a reader that believes it goes on.
func (z *zipScan) compareLocal(i int, l *zipLocal) (next int64, err error) {
	e := &z.Entries[i]
	e.Data = l.data
	z.checkExtra(l.extra, string(l.name), l.data-l.extraSize, l.extraSize)
	z.explainEntry(e, l)
	other := *e
	other.Views, other.round, other.Flags, other.Method = ViewLocal, 0, l.flags, l.method
	if string(l.name) != e.Name {
		other.Name = string(l.name)
	}
	// Where a data descriptor follows, zero means "see there", for each field by itself.
	later := l.flags&flagDescriptor != 0
	if !l.unsized() {
		if !later || l.packed != 0 {
			other.Packed = l.packed
		}
		if !later || l.size != 0 {
			other.Size = l.size
		}
		if !later || l.crc != 0 {
			other.CRC = l.crc
		}
	}
	z.compareFlags(e, l)
	if other.CRC != e.CRC {
		z.odd.add(weir.OddMismatch, e.Header, 0, "entry %s has checksum %08x in the directory and %08x in its local header", quote(e.Name), e.CRC, other.CRC)
	}
	if other.Name == e.Name && other.Method == e.Method && other.Packed == e.Packed && other.Size == e.Size {
		return 0, nil
	}
	if other.Name != e.Name {
		z.odd.add(weir.OddDivergent, e.Header, 0, "entry %s is %s by its local header: Python refuses it, torch reads it", quote(e.Name), quote(other.Name))
		checkName(z.odd, other.Name, e.Header)
	} else {
		z.odd.add(weir.OddDivergent, e.Header, 0, "entry %s: directory says method %d, %d bytes packed, %d unpacked; local header %d, %d, %d",
			quote(e.Name), e.Method, e.Packed, e.Size, other.Method, other.Packed, other.Size)
	}
	end := z.extent(&other, l)
	if err := z.addEntry(other, e.Header, false); err != nil {
		return 0, err
	}
	return end, nil
}

// compareFlags reports flags that the two headers do not share and that change how the entry is read.
func (z *zipScan) compareFlags(e *ZipEntry, l *zipLocal) {
	const matter = flagEncrypted | flagDescriptor | flagPatched | flagStrong | flagMasked
	if d := (e.Flags ^ l.flags) & matter; d != 0 {
		z.odd.add(weir.OddDivergent, e.Header, 0, "entry %s has flags %#x in the directory and %#x in its local header", quote(e.Name), e.Flags, l.flags)
	}
}

// explainEntry names the bytes of a listed entry: header, data and data descriptor.
func (z *zipScan) explainEntry(e *ZipEntry, l *zipLocal) {
	z.explainHeader(e)
	end := z.extent(e, l)
	if end > z.size || e.Packed > z.size-e.Data {
		z.odd.add(weir.OddTruncated, e.Data, e.Packed, "entry %s goes past the end of the file", quote(e.Name))
		end = z.size
	}
	z.explainOwned(e.Data, end-e.Data, spanData, e.Header)
}

// extent finds where an entry ends: after its data and, where a flag promises one, its data descriptor.
func (z *zipScan) extent(e *ZipEntry, l *zipLocal) int64 {
	e.End = e.Data + min(e.Packed, z.size-e.Data)
	if l.flags&flagDescriptor == 0 || e.Packed > z.size-e.Data {
		return e.End
	}
	n, agrees := z.descriptor(e.End, e.CRC, e.Packed, e.Size)
	switch {
	case !agrees && n > 0:
		z.odd.add(weir.OddMismatch, e.End, n, "entry %s: the data descriptor says something else than the directory", quote(e.Name))
	case n == 0 && e.Size > 0 && l.unsized():
		z.odd.add(weir.OddMalformed, e.End, 0, "entry %s has no data descriptor, which its flags promise", quote(e.Name))
	}
	e.End += n
	return e.End
}

// descriptor looks for a data descriptor at offset at: with or without its signature, with sizes of 4 or 8 bytes. One with a signature
// counts although its values differ.
func (z *zipScan) descriptor(at int64, crc uint32, packed, size int64) (n int64, agrees bool) {
	var b [24]byte
	have := min(int64(len(b)), z.size-at)
	if have < 12 || readAt(z.r, b[:have], at) != nil {
		return 0, false
	}
	le := binary.LittleEndian
	signed := string(b[:4]) == sigDescriptor
	same := func(from int, wide bool) bool {
		if le.Uint32(b[from:]) != crc {
			return false
		}
		if wide {
			return le.Uint64(b[from+4:]) == uint64(packed) && le.Uint64(b[from+12:]) == uint64(size)
		}
		return le.Uint32(b[from+4:]) == uint32(packed) && le.Uint32(b[from+8:]) == uint32(size)
	}
	switch {
	case signed && have >= 24 && same(4, true):
		return 24, true
	case signed && have >= 16 && same(4, false):
		return 16, true
	case have >= 20 && same(0, true):
		return 20, true
	case same(0, false):
		return 12, true
	case signed && have >= 16:
		return 16, false
	}
	return 0, false
}

// walkFrom reads local headers one after another from offset at, as a streaming reader does, until one is known, or none is there.
// It gives the offset where it stopped.
func (z *zipScan) walkFrom(at, limit int64, buf *[]byte) (int64, error) {
	for {
		if _, known := z.heads[at]; known {
			return at, nil
		}
		l, ok, err := z.local(at, buf)
		if err != nil {
			return at, fmt.Errorf("local header at %d: %w", at, err)
		}
		if !ok || len(l.name) == 0 {
			return at, nil
		}
		e := ZipEntry{
			Name: string(l.name), Method: l.method, Flags: l.flags, CRC: l.crc, Packed: l.packed, Size: l.size,
			Header: at, Data: l.data, Views: ViewLocal,
		}
		z.checkExtra(l.extra, e.Name, l.data-l.extraSize, l.extraSize)
		if l.unsized() {
			if err := z.findExtent(&e, limit); err != nil {
				return at, err
			}
		} else {
			z.extent(&e, &l)
		}
		z.odd.add(weir.OddDivergent, at, e.End-at, "entry %s has a local header, but no directory lists it", quote(e.Name))
		checkName(z.odd, e.Name, at)
		if e.Packed > z.size-e.Data {
			z.odd.add(weir.OddTruncated, e.Data, e.Packed, "entry %s goes past the end of the file", quote(e.Name))
		}
		if err := z.addEntry(e, at, false); err != nil {
			return at, err
		}
		z.explainHeader(&e)
		z.explainOwned(e.Data, e.End-e.Data, spanData, e.Header)
		at = e.End
	}
}

// findExtent finds the end of an entry whose sizes are in a descriptor that is not yet found: by inflating it, or by searching.
func (z *zipScan) findExtent(e *ZipEntry, limit int64) error {
	e.Size = -1
	if e.Method == ZipDeflate && z.walk > 0 {
		f := newFeed(z.r, e.Data, z.size)
		n, err := io.Copy(io.Discard, io.LimitReader(z.inflate.reader(f), z.walk))
		z.walk -= n + 1
		if f.failed() != nil {
			return f.failed()
		}
		if err == nil && z.walk > 0 {
			e.Packed, e.Size = f.offset()-e.Data, n
		}
	}
	if e.Size < 0 {
		next, err := z.search.next(e.Data, min(limit, z.size), sigDescriptor, sigLocal, sigCentral, sigEnd)
		if err != nil {
			return err
		}
		if next < 0 {
			next = min(limit, z.size)
		}
		e.Packed = next - e.Data
		if e.Method == ZipStored {
			e.Size = e.Packed
		}
	}
	var b [24]byte
	e.End = e.Data + e.Packed
	if readAt(z.r, b[:16], e.End) == nil && string(b[:4]) == sigDescriptor {
		e.CRC = binary.LittleEndian.Uint32(b[4:])
		n, agrees := z.descriptor(e.End, e.CRC, e.Packed, max(0, e.Size))
		if !agrees {
			z.odd.add(weir.OddMismatch, e.End, n, "entry %s: the data descriptor says something else than its data", quote(e.Name))
		}
		e.End += n
	}
	return nil
}

// searchGaps looks for local headers and end records in what nothing has explained yet.
func (z *zipScan) searchGaps(buf *[]byte) error {
	for _, g := range z.unexplained() {
		for at := g.at; at < g.end; {
			sigs := []string{sigLocal, sigEnd}
			if z.strays >= maxEnds {
				sigs = sigs[:1]
			}
			next, err := z.search.next(at, g.end, sigs...)
			if err != nil {
				return err
			}
			if next < 0 {
				break
			}
			at = next + 4
			var b [4]byte
			if readAt(z.r, b[:], next) != nil {
				break
			}
			if string(b[:]) == sigEnd {
				err = z.strayEnd(next, buf)
			} else {
				var stop int64
				if stop, err = z.walkFrom(next, g.end, buf); stop > at && stop <= g.end {
					at = stop
				}
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// strayEnd follows an end record that no reader chooses that we know of: a reader that takes the first one would.
func (z *zipScan) strayEnd(at int64, buf *[]byte) error {
	if z.size-at < endSize || z.strays >= maxEnds {
		return nil
	}
	z.strays++
	z.odd.add(weir.OddDivergent, at, endSize, "an end record in front of the last one: readers that take the first see another archive")
	return z.followEnd(at, false, buf)
}

// search finds signatures in a range; it keeps its buffer, so that many hits close together cost one read.
type search struct {
	r     io.ReaderAt
	buf   []byte
	start int64 // offset of buf
}

// next gives the offset of the first of the signatures at or after offset at, or -1.
func (s *search) next(at, end int64, sigs ...string) (int64, error) {
	for end-at >= 4 {
		b, err := s.window(at, end)
		if err != nil {
			return -1, err
		}
		for from := 0; ; {
			i := bytes.Index(b[from:], []byte("PK"))
			if i < 0 || from+i+4 > len(b) {
				break
			}
			from += i
			if slices.Contains(sigs, string(b[from:from+4])) {
				return at + int64(from), nil
			}
			from += 2
		}
		if int64(len(b)) >= end-at {
			break
		}
		at += int64(len(b)) - 3
	}
	return -1, nil
}

// window gives at least 4 bytes from offset at, from the buffer where it holds enough.
func (s *search) window(at, end int64) ([]byte, error) {
	if off := at - s.start; off >= 0 && int64(len(s.buf))-off >= 64 {
		b := s.buf[off:]
		return b[:min(int64(len(b)), end-at)], nil
	}
	n := int(min(64<<10, end-at))
	s.buf, s.start = slices.Grow(s.buf[:0], n)[:n], at
	return s.buf, readAt(s.r, s.buf, at)
}
