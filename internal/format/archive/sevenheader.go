package archive

import (
	"encoding/binary"
	"fmt"

	"weir/internal/format"
)

// Property ids of 7z headers.
const (
	sevenEnd          = 0x00
	sevenHeader       = 0x01
	sevenProperties   = 0x02
	sevenAdditional   = 0x03
	sevenMainStreams  = 0x04
	sevenFiles        = 0x05
	sevenPackInfo     = 0x06
	sevenUnpackInfo   = 0x07
	sevenSubStreams   = 0x08
	sevenSize         = 0x09
	sevenCRC          = 0x0a
	sevenFolder       = 0x0b
	sevenUnpackSize   = 0x0c
	sevenNumStreams   = 0x0d
	sevenEmptyStream  = 0x0e
	sevenEmptyFile    = 0x0f
	sevenAnti         = 0x10
	sevenNames        = 0x11
	sevenAttributes   = 0x15
	sevenEncoded      = 0x17
	maxCoders         = 32
	sevenUnixFlag     = 0x8000
	sevenDirAttribute = 0x10
)

// sevenPack is a packed stream: a range of the file.
type sevenPack struct{ at, size int64 }

// sevenCoder is one step of a folder.
type sevenCoder struct {
	id      uint64
	ins     int
	props   []byte
	size    int64 // of what it gives
	firstIn int   // number of its first input in the folder
}

// sevenSub is one file's part of a folder.
type sevenSub struct {
	size   int64
	crc    uint32
	hasCRC bool
}

// sevenFolderInfo is a folder: coders, how they are tied together, and the files in what they give.
type sevenFolderInfo struct {
	coders    []sevenCoder
	bound     map[int]int // input → coder whose output it takes
	packed    map[int]int // input → packed stream, counted from the folder's first
	main      int         // the coder whose output is the folder's
	firstPack int
	crc       uint32
	hasCRC    bool
	subs      []sevenSub
}

func (f *sevenFolderInfo) size() int64 { return f.coders[f.main].size }

// sevenStreams are the packed streams and folders of an archive or of a header.
type sevenStreams struct {
	packs   []sevenPack
	folders []sevenFolderInfo
}

func (s *sevenStreams) packedSize(folder int) int64 {
	f, n := &s.folders[folder], int64(0)
	for i := range f.packed {
		if p := f.firstPack + f.packed[i]; p < len(s.packs) {
			n += s.packs[p].size
		}
	}
	return n
}

func (s *sevenStreams) packedAt(folder int) int64 {
	if p := s.folders[folder].firstPack; p < len(s.packs) {
		return s.packs[p].at
	}
	return 0
}

// sevenFile is an entry.
type sevenFile struct {
	name       string
	attributes uint32
	stream     bool // it has content
	folder     bool
	anti       bool
	again      bool // its name was there before
	size       int64
	crc        uint32
	hasCRC     bool
	encrypted  bool
}

// mode is the Unix mode, where the archive has one.
func (f *sevenFile) mode() uint32 {
	switch {
	case f.attributes&sevenUnixFlag != 0:
		return f.attributes >> 16
	case f.folder || f.attributes&sevenDirAttribute != 0:
		return 0o040000
	}
	return 0
}

func (f *sevenFile) symlink() bool { return f.mode()&0o170000 == 0o120000 }

type sevenArchive struct {
	sevenStreams
	files []sevenFile
}

// sevenReader reads a header; the first error stays, and everything after it is zero.
type sevenReader struct {
	b    []byte
	pos  int
	most int // packed streams, folders or files
	err  error
}

func (r *sevenReader) fail(text string, args ...any) {
	if r.err == nil {
		r.err = corrupt(text, args...)
	}
	r.pos = len(r.b)
}

func (r *sevenReader) left() int { return len(r.b) - r.pos }

func (r *sevenReader) bytes(n int) []byte {
	if n < 0 || n > r.left() {
		r.fail("header ends too early")
		return nil
	}
	b := r.b[r.pos : r.pos+n]
	r.pos += n
	return b
}

func (r *sevenReader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *sevenReader) uint32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// number reads 7z's number: the leading ones of the first byte say how many bytes follow, its other bits are the highest.
func (r *sevenReader) number() int64 {
	first := r.byte()
	var v uint64
	mask := byte(0x80)
	for i := range 8 {
		if first&mask == 0 {
			v |= uint64(first&(mask-1)) << (8 * i)
			break
		}
		v |= uint64(r.byte()) << (8 * i)
		mask >>= 1
	}
	n := clamp(v)
	if n < 0 {
		r.fail("number that no file can have")
	}
	if r.err != nil {
		return 0 // a number that was cut off may be anything
	}
	return n
}

// length reads how many bytes come next.
func (r *sevenReader) length() int {
	n := r.number()
	if n > int64(r.left()) {
		r.fail("%d bytes where %d are left", n, r.left())
		return 0
	}
	return int(n)
}

// count reads a number of things, which is bounded as members are.
func (r *sevenReader) count() int {
	n := r.number()
	if n > int64(r.most) {
		r.err = fmt.Errorf("%d items: %w", n, format.ErrLimit)
		r.pos = len(r.b)
		return 0
	}
	return int(n)
}

// bits reads n bits, highest first.
func (r *sevenReader) bits(n int) []bool {
	out := make([]bool, n)
	b := r.bytes((n + 7) / 8)
	if b == nil {
		return out
	}
	for i := range out {
		out[i] = b[i/8]&(0x80>>(i%8)) != 0
	}
	return out
}

// optional reads bits that are left out when all are set.
func (r *sevenReader) optional(n int) []bool {
	if r.byte() == 0 {
		return r.bits(n)
	}
	out := make([]bool, n)
	for i := range out {
		out[i] = true
	}
	return out
}

type sevenDigest struct {
	crc uint32
	set bool
}

func (r *sevenReader) digests(n int) []sevenDigest {
	out := make([]sevenDigest, n)
	for i, set := range r.optional(n) {
		if set {
			out[i] = sevenDigest{r.uint32(), true}
		}
	}
	return out
}

func (r *sevenReader) want(id byte) {
	if got := r.byte(); got != id {
		r.fail("property %#x where %#x should be", got, id)
	}
}

// streams reads a StreamsInfo.
func (r *sevenReader) streams() (*sevenStreams, error) {
	s := &sevenStreams{}
	subs := false
	for r.err == nil {
		switch id := r.byte(); id {
		case sevenPackInfo:
			r.packInfo(s)
		case sevenUnpackInfo:
			r.unpackInfo(s)
		case sevenSubStreams:
			r.subStreams(s)
			subs = true
		case sevenEnd:
			if !subs {
				for i := range s.folders {
					f := &s.folders[i]
					f.subs = []sevenSub{{f.size(), f.crc, f.hasCRC}}
				}
			}
			return s, r.err
		default:
			r.fail("property %#x in a list of streams", id)
		}
	}
	return nil, r.err
}

func (r *sevenReader) packInfo(s *sevenStreams) {
	at := sevenStart + r.number()
	s.packs = make([]sevenPack, r.count())
	for r.err == nil {
		switch id := r.byte(); id {
		case sevenSize:
			for i := range s.packs {
				n := r.number()
				s.packs[i] = sevenPack{at, n}
				if at += n; at < 0 {
					r.fail("packed streams of impossible size")
					return
				}
			}
		case sevenCRC:
			r.digests(len(s.packs))
		case sevenEnd:
			return
		default:
			r.fail("property %#x in a list of packed streams", id)
		}
	}
}

func (r *sevenReader) unpackInfo(s *sevenStreams) {
	r.want(sevenFolder)
	n := r.count()
	if r.byte() != 0 {
		r.fail("folders outside the header")
		return
	}
	firstPack := 0
	for range n {
		f := r.folder()
		if r.err != nil {
			return
		}
		f.firstPack = firstPack
		firstPack += len(f.packed)
		s.folders = append(s.folders, f)
	}
	r.want(sevenUnpackSize)
	for i := range s.folders {
		for j := range s.folders[i].coders {
			s.folders[i].coders[j].size = r.number()
		}
	}
	for r.err == nil {
		switch id := r.byte(); id {
		case sevenCRC:
			for i, d := range r.digests(n) {
				s.folders[i].crc, s.folders[i].hasCRC = d.crc, d.set
			}
		case sevenEnd:
			return
		default:
			r.fail("property %#x in a list of folders", id)
		}
	}
}

// folder reads the coders of a folder and how they are tied together.
func (r *sevenReader) folder() sevenFolderInfo {
	f := sevenFolderInfo{bound: map[int]int{}, packed: map[int]int{}}
	coders := r.count()
	if coders == 0 || coders > maxCoders {
		r.fail("folder of %d coders", coders)
		return f
	}
	ins := 0
	for range coders {
		c := r.coder()
		c.firstIn = ins
		if ins += c.ins; r.err != nil || ins > maxCoders {
			r.fail("folder of more than %d streams", maxCoders)
			return f
		}
		f.coders = append(f.coders, c)
	}
	outs := map[int]bool{}
	for range coders - 1 {
		in, out := int(r.number()), int(r.number())
		if _, twice := f.bound[in]; twice || outs[out] || in >= ins || out >= coders {
			r.fail("coders are tied together wrongly")
			return f
		}
		f.bound[in], outs[out] = out, true
	}
	for i := range coders {
		if !outs[i] {
			f.main = i
		}
	}
	r.packedInputs(&f, ins)
	return f
}

// packedInputs reads which inputs of a folder take packed streams: all that are not bound.
func (r *sevenReader) packedInputs(f *sevenFolderInfo, ins int) {
	n := ins - len(f.bound)
	if n == 1 {
		for i := range ins {
			if _, ok := f.bound[i]; !ok {
				f.packed[i] = 0
			}
		}
		return
	}
	for k := range n {
		i := int(r.number())
		_, bound := f.bound[i]
		if _, twice := f.packed[i]; bound || twice || i >= ins {
			r.fail("packed streams are tied wrongly")
			return
		}
		f.packed[i] = k
	}
}

func (r *sevenReader) coder() sevenCoder {
	flags := r.byte()
	c := sevenCoder{ins: 1}
	if n := int(flags & 15); n <= 8 {
		for _, b := range r.bytes(n) {
			c.id = c.id<<8 | uint64(b)
		}
	} else {
		r.fail("coder id of %d bytes", n)
	}
	if flags&0x10 != 0 {
		ins, outs := r.number(), r.number()
		if outs != 1 || ins > maxCoders {
			r.fail("coder with %d inputs and %d outputs", ins, outs)
			return c
		}
		c.ins = int(ins)
	}
	if flags&0x20 != 0 {
		c.props = r.bytes(r.length())
	}
	if flags&0xc0 != 0 {
		r.fail("coder flags %#x", flags)
	}
	return c
}

func (r *sevenReader) subStreams(s *sevenStreams) {
	id := r.byte()
	total, counts := 0, make([]int, len(s.folders))
	for i := range counts {
		counts[i] = 1
	}
	if id == sevenNumStreams {
		for i := range counts {
			counts[i] = r.count()
			if total += counts[i]; total > r.most && r.err == nil {
				r.err = fmt.Errorf("%d files: %w", total, format.ErrLimit)
			}
			if r.err != nil {
				return
			}
		}
		id = r.byte()
	}
	r.subSizes(s, counts, id == sevenSize)
	if id == sevenSize {
		id = r.byte()
	}
	for r.err == nil {
		switch id {
		case sevenCRC:
			r.subDigests(s)
		case sevenEnd:
			return
		default:
			r.fail("property %#x in a list of files' streams", id)
		}
		id = r.byte()
	}
}

// subSizes reads the sizes of all files of a folder but the last, which has the rest.
func (r *sevenReader) subSizes(s *sevenStreams, counts []int, given bool) {
	for i := range s.folders {
		f := &s.folders[i]
		rest := f.size()
		for k := range counts[i] {
			n := rest
			if k < counts[i]-1 {
				if n = r.number(); !given || n > rest {
					r.fail("files of a folder are larger than the folder")
					return
				}
			}
			rest -= n
			f.subs = append(f.subs, sevenSub{size: n})
		}
		if counts[i] == 1 && f.hasCRC {
			f.subs[0].crc, f.subs[0].hasCRC = f.crc, true
		}
	}
}

func (r *sevenReader) subDigests(s *sevenStreams) {
	var open []*sevenSub
	for i := range s.folders {
		for k := range s.folders[i].subs {
			if sub := &s.folders[i].subs[k]; !sub.hasCRC {
				open = append(open, sub)
			}
		}
	}
	for i, d := range r.digests(len(open)) {
		open[i].crc, open[i].hasCRC = d.crc, d.set
	}
}
