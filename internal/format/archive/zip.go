package archive

import (
	"bytes"
	"fmt"
	"io"

	"weir"
	"weir/internal/format"
)

// Zip is the zip archive in every reading that a real reader takes of it.
var Zip = format.Format{
	Name:   "zip",
	Doc:    "zip archive (stored, deflate, bzip2, lzma, xz, zstd), by central directory and by local headers",
	Parsed: true,
	Match:  matchZip,
	Parse:  parseZip,
}

// Signatures of zip's records, APPNOTE.TXT 4.3.
const (
	sigLocal      = "PK\x03\x04"
	sigDescriptor = "PK\x07\x08"
	sigCentral    = "PK\x01\x02"
	sigEnd        = "PK\x05\x06"
	sigEnd64      = "PK\x06\x06"
	sigLocator    = "PK\x06\x07"
	sigSignature  = "PK\x05\x05"
	sigExtraData  = "PK\x06\x08"
	sigSpanned    = "PK00"
)

// ZipView is a set of the ways in which readers find entries.
type ZipView uint8

// The views of an archive.
const (
	ViewPython ZipView = 1 << iota // listed where Python's zipfile looks
	ViewTorch                      // listed where miniz, torch's reader, looks
	ViewOther                      // listed in another directory: an earlier end record, another reading of zip64, past the declared end
	ViewLocal                      // seen by readers that walk local headers, or found by search
)

// String names the views for a person.
func (v ZipView) String() string {
	var b bytes.Buffer
	for i, n := range []string{"python", "torch", "other directory", "local headers"} {
		if v&(1<<i) != 0 {
			if b.Len() > 0 {
				b.WriteString(", ")
			}
			b.WriteString(n)
		}
	}
	if b.Len() == 0 {
		return "nobody"
	}
	return b.String()
}

// Directory views list entries through a central directory.
const directoryViews = ViewPython | ViewTorch | ViewOther

// Compression methods, APPNOTE.TXT 4.4.5.
const (
	ZipStored    = 0
	ZipDeflate   = 8
	ZipDeflate64 = 9
	ZipBzip2     = 12
	ZipLZMA      = 14
	ZipZstdOld   = 20
	ZipZstd      = 93
	ZipXZ        = 95
	ZipAES       = 99
)

// General purpose flags, APPNOTE.TXT 4.4.4.
const (
	flagEncrypted  = 1 << 0
	flagLZMAEnd    = 1 << 1
	flagDescriptor = 1 << 3
	flagPatched    = 1 << 5
	flagStrong     = 1 << 6
	flagUTF8       = 1 << 11
	flagMasked     = 1 << 13
)

// ZipEntry is one entry in one reading. Two readings of one local header that differ in name, method or sizes are two entries.
type ZipEntry struct {
	Name   string // raw bytes, as that reading spells it
	Method uint16
	Flags  uint16
	CRC    uint32
	Packed int64 // bytes of data in the archive, as declared (or found, for a walked entry with a data descriptor)
	Size   int64 // inflated size, as declared; -1 when no record says it
	Header int64 // offset of the local header
	Data   int64 // offset of the data; -1 when there is no local header there
	End    int64 // offset after the data and its descriptor
	Views  ZipView
	Mode   uint32 // Unix mode, 0 when the entry has none
	// First and Last say whether this is the first or the last entry of its name: readers that keep a table keep the last one.
	First, Last bool

	round int // number of the directory that listed it, 0 for a walked entry
}

// Dir reports whether the name says folder.
func (e *ZipEntry) Dir() bool { return len(e.Name) > 0 && e.Name[len(e.Name)-1] == '/' }

// Symlink reports whether the entry's content is the target of a symbolic link.
func (e *ZipEntry) Symlink() bool { return e.Mode&0o170000 == 0o120000 }

// Encrypted reports whether a flag or the method says that the content is encrypted; that may be a lie.
func (e *ZipEntry) Encrypted() bool { return e.Flags&flagEncrypted != 0 || e.Method == ZipAES }

// Gap is a range of an archive that no record names.
type Gap struct {
	Name  string // [prefix], [suffix], [gap@123], [extra@123], [comment@123]
	At    int64
	Size  int64
	Zero  bool // holds zero bytes only
	Quiet bool // something explains it (a comment, an extra field), but it is worth a look
}

// ZipArchive is the union of all views of a zip file.
type ZipArchive struct {
	Entries []ZipEntry // those of directories first, each in its order; then those found by walking, by offset
	Gaps    []Gap      // what no record names, by offset
	Comment string     // of the archive, as Python and torch see it; bounded
	Prefix  int64      // bytes before the first record

	r       io.ReaderAt
	size    int64
	window  int64  // the largest window that a decoder may hold
	spans   []span // what the records name; sorted once all is read
	handed  map[handedKey]bool
	inflate inflater
	feed    feed
}

func matchZip(h format.Head) bool {
	for _, sig := range []string{sigLocal, sigEnd, sigSpanned + sigLocal, sigDescriptor + sigLocal} {
		if bytes.HasPrefix(h.First, []byte(sig)) {
			return true
		}
	}
	// A zip may follow anything: readers begin at the end. Here any plausible end record will do, and searching forward is far quicker.
	for at := 0; ; at++ {
		i := bytes.Index(h.Last[at:], []byte(sigEnd))
		if i < 0 {
			return false
		}
		if at += i; len(h.Last)-at >= endSize && plausibleEnd(h, at) {
			return true
		}
	}
}

// plausibleEnd judges an end record at index i of the head's tail. Where other bytes follow it, it may be the end of an archive that
// an honest file holds as a member (a tar) or as a value (a pickle), which the parser of that file hands over.
func plausibleEnd(h format.Head, i int) bool {
	e := parseEnd(h.Last[i:])
	at := h.Size - int64(len(h.Last)-i)
	if at+endSize+e.comment == h.Size {
		return e.count == 0xffff || e.dirSize == 0xffffffff || e.dirSize <= at && (e.count > 0) == (e.dirSize > 0)
	}
	if e.dirOffset+e.dirSize == at && e.dirSize > 0 {
		return true
	}
	start := int64(i) - e.dirSize
	pickle := len(h.First) > 1 && h.First[0] == 0x80 && h.First[1] < 16
	return start >= 0 && e.dirSize > 0 && bytes.HasPrefix(h.Last[start:], []byte(sigCentral)) && !pickle && !matchTar(h)
}

// ordinaryMembers is how many unremarkable entries become facts of their own; past it only their number does, so that a large honest
// archive does not reach the bound on facts.
const ordinaryMembers = 10_000

func parseZip(in *format.Input) error {
	odd := oddTo(in)
	defer odd.close()
	z, found, err := OpenZip(in.ReaderAt, in.Size, in.Limits)
	for _, o := range found {
		odd.put(o)
	}
	if z == nil {
		return err
	}
	var fails failures
	fails.add(err)
	z.Describe(in)
	for i := range z.Entries {
		fails.add(z.hand(in, &z.Entries[i], odd))
	}
	fails.add(z.HandGaps(in))
	return fails.err()
}

// Describe makes a fact of every entry, of every view; for inspect also of the ranges that the archive is made of.
func (z *ZipArchive) Describe(in *format.Input) {
	emit, left := in.Emit, ordinaryMembers
	if in.Inspect {
		left = len(z.Entries)
		for _, p := range z.parts() {
			emit(p)
		}
	}
	for i := range z.Entries {
		e := &z.Entries[i]
		m := weir.Member{Name: short(e.Name), Mode: e.Mode, Size: e.Size, Packed: e.Packed, Encrypted: e.Encrypted(), At: e.Header}
		if e.Symlink() && !m.Encrypted {
			m.Link, _ = z.linkTarget(e)
		}
		if m.Link == "" && !m.Encrypted && !hasDotDot(m.Name) {
			if left--; left < 0 {
				continue
			}
		}
		emit(m)
	}
	if len(z.Entries) > ordinaryMembers {
		emit(weir.Note{Key: "members", Value: fmt.Sprint(len(z.Entries))})
	}
}

// HandGaps gives the bytes that no record names to the engine.
func (z *ZipArchive) HandGaps(in *format.Input) error {
	var fails failures
	for _, g := range z.Gaps {
		if g.Zero || g.Size == 0 {
			continue
		}
		_, err := in.Nested(g.Name, io.NewSectionReader(z.r, g.At, g.Size), g.Size)
		fails.add(limitOnly(err))
	}
	return fails.err()
}

// Hand gives one entry's content to the engine, checks it against what the directory says of it, and emits what differs.
func (z *ZipArchive) Hand(in *format.Input, e *ZipEntry) error {
	odd := oddTo(in)
	defer odd.close()
	return z.hand(in, e, odd)
}
