package archive

import (
	"io"
	"math/bits"
)

// lzmaReader reads raw LZMA, as zip and 7z keep it and as lzma files have it after their header.
type lzmaReader struct {
	*lzmaDecoder
	left int64 // bytes still to come; -1 when only the marker tells
	err  error
}

// newLZMA begins a raw LZMA stream. size is -1 when only an end marker tells.
func newLZMA(f *feed, props byte, dict, size, limit int64) (*lzmaReader, error) {
	d := newLZMADecoder(f, dict, limit)
	if err := d.setProps(props); err != nil {
		return nil, err
	}
	d.resetState()
	if err := d.rc.init(); err != nil {
		return nil, err
	}
	return &lzmaReader{d, size, nil}, nil
}

func (l *lzmaReader) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		if n := l.give(b); n > 0 {
			return n, nil
		}
		if l.err != nil {
			l.win = nil
			return 0, l.err
		}
		l.err = l.step()
	}
}

// step decodes some more, or ends.
func (l *lzmaReader) step() error {
	if l.left == 0 {
		return l.end()
	}
	n := int64(1 << 30)
	if l.left > 0 {
		n = l.left
	}
	before := l.full
	err := l.decode(n)
	if l.left > 0 {
		l.left -= l.full - before
	}
	if err != nil {
		return err
	}
	if l.marker {
		if l.left > 0 {
			return corrupt("lzma end marker %d bytes before the end", l.left)
		}
		if err := l.finish(); err != nil {
			return err
		}
		return io.EOF
	}
	return nil
}

// end follows the last byte of a stream whose size is known; an end marker may still come.
func (l *lzmaReader) end() error {
	if l.remaining > 0 {
		return corrupt("lzma match goes past the end")
	}
	if len(l.rc.buf)-l.rc.pos < lzmaLookahead {
		l.rc.fill()
	}
	l.rc.normalize()
	if l.rc.code != 0 && !l.rc.short() {
		pos := int(l.full) & (1<<l.pb - 1)
		if l.rc.bit(&l.isMatch[l.state][pos]) == 0 {
			return corrupt("lzma stream goes past its end")
		}
		if err := l.match(pos); err != nil || !l.marker {
			return corrupt("lzma stream goes past its end")
		}
	}
	if err := l.finish(); err != nil {
		return err
	}
	return io.EOF
}

// lzma2Reader reads LZMA2: chunks of LZMA or plain bytes, each of which may reset the decoder.
type lzma2Reader struct {
	*lzmaDecoder
	f                   *feed
	plain               bool
	left                int64 // content of the chunk still to come
	chunkEnd            int64 // offset in the file after the chunk's compressed data
	needDict, needProps bool
	err                 error
}

func newLZMA2(f *feed, dict, limit int64) *lzma2Reader {
	return &lzma2Reader{lzmaDecoder: newLZMADecoder(f, dict, limit), f: f, needDict: true, needProps: true}
}

// lzma2Dict is the dictionary size that LZMA2's one byte of properties stands for.
func lzma2Dict(b byte) (int64, error) {
	switch {
	case b > 40:
		return 0, corrupt("lzma2 dictionary size %d", b)
	case b == 40:
		return 1<<32 - 1, nil
	}
	return int64(2|b&1) << (b/2 + 11), nil
}

func (l *lzma2Reader) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		if n := l.give(b); n > 0 {
			return n, nil
		}
		if l.err != nil {
			l.win = nil
			return 0, l.err
		}
		if l.left == 0 {
			l.err = l.chunk()
		} else {
			l.err = l.step()
		}
	}
}

// chunk reads the header of the next chunk.
func (l *lzma2Reader) chunk() error {
	c, err := l.f.ReadByte()
	if err != nil {
		return eofIsShort(err)
	}
	if c == 0 {
		return io.EOF
	}
	if c >= 0xe0 || c == 1 {
		l.needDict = false
		l.needProps = l.needProps || c == 1
		l.resetDict()
	} else if l.needDict {
		return corrupt("lzma2 chunk without a dictionary")
	}
	if c < 0x80 {
		return l.plainChunk(c)
	}
	var h [4]byte
	if err := l.f.take(h[:]); err != nil {
		return err
	}
	l.plain = false
	l.left = int64(c&31)<<16 + int64(h[0])<<8 + int64(h[1]) + 1
	if c >= 0xc0 {
		p, err := l.f.ReadByte()
		if err != nil {
			return eofIsShort(err)
		}
		if err := l.setProps(p); err != nil || l.lc+l.lp > 4 {
			return corrupt("lzma2 properties %#x", p)
		}
		l.needProps = false
	} else if l.needProps {
		return corrupt("lzma2 chunk without properties")
	}
	if c >= 0xa0 {
		l.resetState()
	}
	l.chunkEnd = l.f.offset() + int64(h[2])<<8 + int64(h[3]) + 1
	return l.rc.init()
}

func (l *lzma2Reader) plainChunk(c byte) error {
	if c > 2 {
		return corrupt("lzma2 control byte %#x", c)
	}
	var h [2]byte
	if err := l.f.take(h[:]); err != nil {
		return err
	}
	l.plain, l.left = true, int64(h[0])<<8+int64(h[1])+1
	return nil
}

// step decodes some of the chunk.
func (l *lzma2Reader) step() error {
	if l.plain {
		l.room()
		n := min(l.left, int64(len(l.win)-l.wpos))
		got, err := io.ReadFull(l.f, l.win[l.wpos:l.wpos+int(n)])
		l.wpos += got
		l.full += int64(got)
		l.left -= int64(got)
		return eofIsShort(err)
	}
	before := l.full
	err := l.decode(l.left)
	l.left -= l.full - before
	if err != nil {
		return err
	}
	if l.marker {
		return corrupt("lzma2 chunk with an end marker")
	}
	if l.left > 0 {
		return nil
	}
	if l.remaining > 0 {
		return corrupt("lzma2 match goes past its chunk")
	}
	if err := l.finish(); err != nil {
		return err
	}
	if l.f.offset() != l.chunkEnd {
		return corrupt("lzma2 chunk has another size than it says")
	}
	return nil
}

// dictSizeUsual reports whether real encoders write that dictionary size in an lzma file: 2^n or 2^n+2^(n-1), or the largest.
func dictSizeUsual(d uint32) bool {
	if d == 0xffffffff {
		return true
	}
	return d >= 1<<12 && (bits.OnesCount32(d) == 1 || bits.OnesCount32(d) == 2 && d>>(bits.TrailingZeros32(d)) == 3)
}
