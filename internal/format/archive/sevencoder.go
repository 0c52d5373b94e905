package archive

import (
	"bufio"
	"compress/bzip2"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"

	"weir/internal/format"
)

// Ids of coders, Methods.txt of the 7-Zip SDK and, for zstd, of 7-Zip's forks.
const (
	coderCopy      = 0x00
	coderLZMA2     = 0x21
	coderLZMA      = 0x030101
	coderPPMd      = 0x030401
	coderBCJ2      = 0x0303011b
	coderDeflate   = 0x040108
	coderDeflate64 = 0x040109
	coderBzip2     = 0x040202
	coderZstd      = 0x04f71101
	coderAES       = 0x06f10701
)

// sevenFilters maps 7z's ids of filters to those of xz.
var sevenFilters = map[uint64]uint64{
	0x03: filterDelta, 0x04: filterX86, 0x05: filterPowerPC, 0x06: filterIA64, 0x07: filterARM, 0x08: filterARMThumb,
	0x09: filterSPARC, 0x0a: filterARM64, 0x0b: filterRISCV,
	0x03030103: filterX86, 0x03030205: filterPowerPC, 0x03030401: filterIA64, 0x03030501: filterARM, 0x03030701: filterARMThumb,
	0x03030805: filterSPARC,
}

// coderNames are the coders that are recognised but not read.
var coderNames = map[uint64]string{coderPPMd: "PPMd", coderDeflate64: "Deflate64", 0x04f71102: "brotli", 0x04f71104: "lz4"}

// folderReader decodes a folder.
type folderReader struct {
	r     io.Reader
	feeds []*feed
}

func (d *folderReader) Read(b []byte) (int, error) { return d.r.Read(b) }

// failed is a read error of the file itself.
func (d *folderReader) failed() error {
	for _, f := range d.feeds {
		if err := f.failed(); err != nil {
			return err
		}
	}
	return nil
}

// decoder ties the coders of a folder together.
func (s *seven) decoder(info *sevenStreams, folder int) (*folderReader, error) {
	f := &info.folders[folder]
	for _, c := range f.coders {
		if c.id == coderAES {
			return nil, format.ErrEncrypted
		}
	}
	d := &folderReader{}
	b := &folderBuild{seven: s, info: info, f: f, d: d}
	r, err := b.coder(f.main, 0)
	d.r = r
	return d, err
}

type folderBuild struct {
	*seven
	info *sevenStreams
	f    *sevenFolderInfo
	d    *folderReader
}

// input gives what a coder's input number i reads: another coder's output or a packed stream.
func (b *folderBuild) input(i, depth int) (io.Reader, error) {
	if c, ok := b.f.bound[i]; ok {
		return b.coder(c, depth+1)
	}
	k, ok := b.f.packed[i]
	if !ok || b.f.firstPack+k >= len(b.info.packs) {
		return nil, corrupt("7z folder without its packed stream")
	}
	p := b.info.packs[b.f.firstPack+k]
	end := min(b.in.Size, p.at+p.size)
	f := newFeed(b.in.ReaderAt, min(p.at, end), end)
	b.d.feeds = append(b.d.feeds, f)
	return f, nil
}

// coder builds the decoder of one coder, with what it reads below it.
func (b *folderBuild) coder(i, depth int) (io.Reader, error) {
	c := &b.f.coders[i]
	if depth > len(b.f.coders) {
		return nil, corrupt("7z coders are tied in a ring")
	}
	if (c.ins != 1) != (c.id == coderBCJ2) {
		return nil, fmt.Errorf("7z coder %x with %d inputs: %w", c.id, c.ins, errUnsupported)
	}
	ins := make([]io.Reader, c.ins)
	for k := range ins {
		in, err := b.input(c.firstIn+k, depth)
		if err != nil {
			return nil, err
		}
		ins[k] = in
	}
	if c.id == coderBCJ2 {
		if len(ins) != 4 {
			return nil, corrupt("BCJ2 with %d inputs", len(ins))
		}
		return newBCJ2(ins, c.size), nil
	}
	return b.single(c, ins[0])
}

// single builds a coder of one input.
func (b *folderBuild) single(c *sevenCoder, in io.Reader) (io.Reader, error) {
	f, ok := in.(*feed)
	if !ok {
		// The output of another coder: read through a buffer, whose offsets mean nothing.
		f = &feed{Reader: bufio.NewReaderSize(in, 16<<10)}
	}
	limit := dictLimit(b.in.Limits)
	switch c.id {
	case coderCopy:
		return &exactly{f, c.size}, nil
	case coderLZMA:
		if len(c.props) != 5 {
			return nil, corrupt("LZMA properties of %d bytes", len(c.props))
		}
		return newLZMA(f, c.props[0], int64(binary.LittleEndian.Uint32(c.props[1:])), c.size, limit)
	case coderLZMA2:
		if len(c.props) != 1 {
			return nil, corrupt("LZMA2 properties of %d bytes", len(c.props))
		}
		dict, err := lzma2Dict(c.props[0])
		if err != nil {
			return nil, err
		}
		return newLZMA2(f, dict, limit), nil
	case coderDeflate:
		return flate.NewReader(f.Reader), nil
	case coderBzip2:
		return bzip2.NewReader(f.Reader), nil
	case coderZstd:
		return newZstd(f.Reader, limit)
	}
	if id, ok := sevenFilters[c.id]; ok {
		return newFilter(in, filter{id, c.props})
	}
	if name := coderNames[c.id]; name != "" {
		return nil, fmt.Errorf("7z method %s: %w", name, errUnsupported)
	}
	return nil, fmt.Errorf("7z method %x: %w", c.id, errUnsupported)
}

// exactly reads so many bytes and no more; fewer are an error.
type exactly struct {
	r    io.Reader
	left int64
}

func (e *exactly) Read(b []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n, err := e.r.Read(b[:min(int64(len(b)), e.left)])
	e.left -= int64(n)
	if e.left > 0 {
		err = eofIsShort(err)
	}
	return n, err
}

// bcj2 undoes BCJ2: x86 code in four streams, of which one is range coded and says which branches were taken out.
type bcj2 struct {
	main, call, jump, rc *bufio.Reader
	rng, code            uint32
	probs                [2 + 256]uint16
	prev                 byte
	pos                  uint32
	left                 int64
	started              bool
	pending              []byte
	word                 [4]byte
}

func newBCJ2(ins []io.Reader, size int64) *bcj2 {
	var b [4]*bufio.Reader
	for i, r := range ins {
		if f, ok := r.(*feed); ok {
			b[i] = f.Reader
		} else {
			b[i] = bufio.NewReader(r)
		}
	}
	x := &bcj2{main: b[0], call: b[1], jump: b[2], rc: b[3], left: size}
	fillProbs(x.probs[:])
	return x
}

func (x *bcj2) Read(p []byte) (int, error) {
	if !x.started {
		x.started = true
		x.rng = 0xffffffff
		for range 5 {
			c, err := x.rc.ReadByte()
			if err != nil {
				return 0, eofIsShort(err)
			}
			x.code = x.code<<8 | uint32(c)
		}
	}
	n := 0
	for n < len(p) && x.left > 0 {
		c, err := x.next()
		if err != nil {
			return n, err
		}
		p[n] = c
		n++
		x.left--
		x.pos++
	}
	if n == 0 && len(p) > 0 {
		x.drain()
		return 0, io.EOF
	}
	return n, nil
}

// drain reads the few bytes that the encoders of the four streams leave at their ends.
func (x *bcj2) drain() {
	for _, r := range []*bufio.Reader{x.main, x.call, x.jump, x.rc} {
		_, _ = io.CopyN(io.Discard, r, 16)
	}
}

// next gives the next byte.
func (x *bcj2) next() (byte, error) {
	if len(x.pending) > 0 {
		c := x.pending[0]
		x.pending = x.pending[1:]
		x.prev = c
		return c, nil
	}
	c, err := x.main.ReadByte()
	if err != nil {
		return 0, eofIsShort(err)
	}
	prev := x.prev
	x.prev = c
	if c&0xfe != 0xe8 && (prev != 0x0f || c&0xf0 != 0x80) {
		return c, nil
	}
	prob, from := &x.probs[257], x.jump
	switch c {
	case 0xe8:
		prob, from = &x.probs[prev], x.call
	case 0xe9:
		prob = &x.probs[256]
	}
	taken, err := x.bit(prob)
	if err != nil || !taken || x.left == 1 {
		return c, err
	}
	if _, err := io.ReadFull(from, x.word[:]); err != nil {
		return 0, eofIsShort(err)
	}
	binary.LittleEndian.PutUint32(x.word[:], binary.BigEndian.Uint32(x.word[:])-(x.pos+5))
	x.pending = x.word[:]
	return c, nil
}

func (x *bcj2) bit(p *uint16) (bool, error) {
	if x.rng < lzmaTop {
		c, err := x.rc.ReadByte()
		if err != nil {
			return false, eofIsShort(err)
		}
		x.rng <<= 8
		x.code = x.code<<8 | uint32(c)
	}
	v := uint32(*p)
	bound := x.rng >> 11 * v
	if x.code < bound {
		x.rng = bound
		*p = uint16(v + (1<<11-v)>>5)
		return false, nil
	}
	x.rng -= bound
	x.code -= bound
	*p = uint16(v - v>>5)
	return true, nil
}
