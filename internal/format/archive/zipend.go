package archive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"weir"
)

const (
	endSize     = 22
	end64Size   = 56
	locatorSize = 20
	// endSearch is where readers look for the end record: the longest comment and the record itself.
	endSearch = endSize + 65535
	// maxEnds bounds the end records that are followed.
	maxEnds = 16
)

// endRecord is an end of central directory, of either width.
type endRecord struct {
	disk, dirDisk uint32
	count, total  int64
	dirSize       int64
	dirOffset     int64
	comment       int64
}

func parseEnd(b []byte) endRecord {
	le := binary.LittleEndian
	return endRecord{
		disk: uint32(le.Uint16(b[4:])), dirDisk: uint32(le.Uint16(b[6:])),
		count: int64(le.Uint16(b[8:])), total: int64(le.Uint16(b[10:])),
		dirSize: int64(le.Uint32(b[12:])), dirOffset: int64(le.Uint32(b[16:])),
		comment: int64(le.Uint16(b[20:])),
	}
}

// parseEnd64 reads a zip64 end record; values beyond int64 become -1, which no check accepts.
func parseEnd64(b []byte) endRecord {
	le := binary.LittleEndian
	return endRecord{
		disk: le.Uint32(b[16:]), dirDisk: le.Uint32(b[20:]),
		count: clamp(le.Uint64(b[24:])), total: clamp(le.Uint64(b[32:])),
		dirSize: clamp(le.Uint64(b[40:])), dirOffset: clamp(le.Uint64(b[48:])),
	}
}

// clamp turns an unsigned size of a file into a signed one; what no file can have becomes -1.
func clamp(v uint64) int64 {
	if v > 1<<62 {
		return -1
	}
	return int64(v)
}

// directory is one hypothesis: a central directory at start whose local offsets are to be moved by delta.
type directory struct {
	start, size, count, delta int64
	view                      ZipView
}

// findEnds gives the offsets of end records in the part of the file where readers look, last first.
func findEnds(r io.ReaderAt, size int64) ([]int64, error) {
	from := max(0, size-endSearch)
	tail := make([]byte, size-from)
	if err := readAt(r, tail, from); err != nil {
		return nil, err
	}
	var ends []int64
	for end := len(tail); len(ends) < maxEnds; {
		i := bytes.LastIndex(tail[:end], []byte(sigEnd))
		if i < 0 {
			break
		}
		if len(tail)-i >= endSize {
			ends = append(ends, from+int64(i))
		}
		// Signatures cannot overlap themselves.
		end = i
	}
	return ends, nil
}

// end reads the end record at offset at with everything that belongs to it, explains its bytes, and gives the directories that some
// reader finds through it. first is set for the record that Python and torch choose.
func (z *zipScan) end(at int64, first bool) ([]directory, error) {
	b := make([]byte, endSize)
	if err := readAt(z.r, b, at); err != nil {
		return nil, err
	}
	e := parseEnd(b)
	z.explain(at, endSize, spanRecord)
	z.comment(e, at, first)
	python, torch := ZipView(0), ZipView(0)
	if first {
		python, torch = ViewPython, ViewTorch
	}
	locator, records, err := z.end64(at)
	if err != nil {
		return nil, err
	}
	if locator {
		return z.directories64(e, records, at, python, torch), nil
	}
	z.checkDisks(e, at)
	var dirs []directory
	// Python takes the directory to end where the end record begins, and moves all offsets by what that differs from the record.
	start := at - e.dirSize
	dirs = append(dirs, directory{start, e.dirSize, e.count, start - e.dirOffset, python})
	dirs = append(dirs, directory{e.dirOffset, e.dirSize, e.count, 0, torch})
	return dirs, nil
}

func (z *zipScan) checkDisks(e endRecord, at int64) {
	if e.disk != 0 || e.dirDisk != 0 || e.count != e.total {
		z.odd.add(weir.OddUnsupported, at, endSize, "archive says that it is one of several disks (%d, %d)", e.disk, e.dirDisk)
	}
}

// comment explains the comment after the end record and keeps the one that readers show.
func (z *zipScan) comment(e endRecord, at int64, first bool) {
	from, n := at+endSize, e.comment
	if have := z.size - from; n > have {
		z.odd.add(weir.OddTruncated, at, n-have, "comment of %d bytes goes past the end of the file", n)
		n = have
	}
	if n == 0 {
		return
	}
	text := make([]byte, n)
	if readAt(z.r, text, from) != nil {
		return
	}
	if first {
		z.Comment = string(text[:min(n, 4096)])
	}
	if !plainText(text) {
		z.quiet = append(z.quiet, Gap{Name: gapName("comment", from), At: from, Size: n, Quiet: true})
	}
	z.explain(from, n, spanComment)
}

// plainText reports whether b is text that a person may have written as a comment.
func plainText(b []byte) bool {
	for _, c := range b {
		if c < 0x20 && c != '\n' && c != '\r' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// record64 is a zip64 end record, where it is and who finds it there.
type record64 struct {
	endRecord
	at   int64
	view ZipView
}

// end64 looks for the zip64 locator before an end record, and for the records that readers find through it: torch and new Pythons
// follow the locator's offset, older Pythons take the 56 bytes before the locator.
func (z *zipScan) end64(end int64) (locator bool, records []record64, err error) {
	at := end - locatorSize
	b := make([]byte, end64Size)
	if at < 0 || readAt(z.r, b[:locatorSize], at) != nil || string(b[:4]) != sigLocator {
		return false, nil, nil
	}
	le := binary.LittleEndian
	if le.Uint32(b[4:]) != 0 || le.Uint32(b[16:]) > 1 {
		z.odd.add(weir.OddUnsupported, at, locatorSize, "zip64 locator says that the archive has %d disks", le.Uint32(b[16:]))
	}
	named := clamp(le.Uint64(b[8:]))
	z.explain(at, locatorSize, spanRecord)
	try := func(from int64, view ZipView) {
		if from < 0 || from > at-end64Size || readAt(z.r, b, from) != nil || string(b[:4]) != sigEnd64 {
			return
		}
		for i := range records {
			if records[i].at == from {
				records[i].view |= view
				return
			}
		}
		records = append(records, record64{parseEnd64(b), from, view})
		n := clamp(le.Uint64(b[4:]))
		if n < end64Size-12 || n > at-from-12 {
			z.odd.add(weir.OddShape, from, 0, "zip64 end record says that it has %d bytes", n)
			n = end64Size - 12
		}
		z.explain(from, n+12, spanRecord)
		if n > end64Size-12 {
			z.quiet = append(z.quiet, Gap{Name: gapName("extra", from+end64Size), At: from + end64Size, Size: n + 12 - end64Size, Quiet: true})
		}
	}
	try(named, ViewTorch|ViewPython)
	try(at-end64Size, ViewPython)
	if len(records) > 1 {
		z.odd.add(weir.OddDivergent, at, locatorSize, "zip64 locator names another record than the one before it")
	} else if len(records) == 1 && named != records[0].at {
		z.odd.add(weir.OddMismatch, at, locatorSize, "zip64 locator names offset %d, the record is at %d", named, records[0].at)
	}
	return true, records, nil
}

// directories64 gives the directories of an archive with a zip64 locator. Python and torch let zip64 win always, others only where
// the short record says 0xffffffff.
func (z *zipScan) directories64(e endRecord, records []record64, at int64, python, torch ZipView) []directory {
	var dirs []directory
	if len(records) == 0 {
		z.odd.add(weir.OddMalformed, at-locatorSize, locatorSize, "zip64 locator without its record")
	}
	for _, r := range records {
		z.checkDisks(r.endRecord, r.at)
		if r.dirSize < 0 || r.dirOffset < 0 || r.count < 0 {
			z.odd.add(weir.OddMalformed, r.at, end64Size, "zip64 end record with impossible numbers")
			continue
		}
		start := r.at - r.dirSize
		dirs = append(dirs, directory{start, r.dirSize, r.count, start - r.dirOffset, r.view & python})
		dirs = append(dirs, directory{r.dirOffset, r.dirSize, r.count, 0, r.view & torch})
		if differs(e.count, r.count, 0xffff) || differs(e.dirSize, r.dirSize, 0xffffffff) || differs(e.dirOffset, r.dirOffset, 0xffffffff) {
			z.odd.add(weir.OddMismatch, at, endSize, "end record and zip64 end record disagree")
		}
	}
	if e.dirSize != 0xffffffff && e.dirOffset != 0xffffffff {
		view := ZipView(0)
		if len(records) == 0 {
			view = python | torch
		}
		dirs = append(dirs, directory{e.dirOffset, e.dirSize, e.count, 0, view})
		start := at - e.dirSize
		dirs = append(dirs, directory{start, e.dirSize, e.count, start - e.dirOffset, view &^ ViewTorch})
	}
	return dirs
}

// differs reports whether a short field says something else than the long one, rather than "see there".
func differs(short, long, marker int64) bool { return short != marker && short != long }

func gapName(kind string, at int64) string { return fmt.Sprintf("[%s@%d]", kind, at) }
