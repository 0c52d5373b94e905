package archive

import (
	"encoding/binary"
	"fmt"
	"io"
)

// filter is one step of a chain of decoders, with its properties; ids are those of xz, which 7z's are mapped to.
type filter struct {
	id    uint64
	props []byte
}

// Ids of filters, .xz format 5.3, and of 7z's coders that xz does not know.
const (
	filterDelta    = 0x03
	filterX86      = 0x04
	filterPowerPC  = 0x05
	filterIA64     = 0x06
	filterARM      = 0x07
	filterARMThumb = 0x08
	filterSPARC    = 0x09
	filterARM64    = 0x0a
	filterRISCV    = 0x0b
	filterLZMA2    = 0x21
)

// chain builds the decoder of an xz block: the compressor first, then the filters over what it gives.
func chain(f *feed, filters []filter, limit int64) (io.Reader, error) {
	first := filters[0]
	if first.id != filterLZMA2 || len(first.props) != 1 {
		return nil, fmt.Errorf("xz filter %#x: %w", first.id, errUnsupported)
	}
	dict, err := lzma2Dict(first.props[0])
	if err != nil {
		return nil, err
	}
	var r io.Reader = newLZMA2(f, dict, limit)
	for _, next := range filters[1:] {
		if r, err = newFilter(r, next); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// newFilter undoes one filter.
func newFilter(r io.Reader, f filter) (io.Reader, error) {
	if f.id == filterDelta {
		d := &delta{r: r, dist: 1}
		if len(f.props) > 0 {
			d.dist = int(f.props[0]) + 1
		}
		return d, nil
	}
	b := &branch{r: r}
	if len(f.props) == 4 {
		b.pos = binary.LittleEndian.Uint32(f.props)
	}
	switch f.id {
	case filterX86:
		x := &x86Branch{prevPos: ^uint32(0) - 4}
		b.convert = x.convert
	case filterPowerPC:
		b.convert = convertPowerPC
	case filterARM:
		b.convert = convertARM
	case filterARMThumb:
		b.convert = convertARMThumb
	case filterSPARC:
		b.convert = convertSPARC
	case filterARM64:
		b.convert = convertARM64
	default:
		return nil, fmt.Errorf("filter %#x: %w", f.id, errUnsupported)
	}
	return b, nil
}

// delta adds to each byte the one that stands dist bytes before it.
type delta struct {
	r    io.Reader
	dist int
	pos  byte
	last [256]byte
}

func (d *delta) Read(b []byte) (int, error) {
	n, err := d.r.Read(b)
	for i := range b[:n] {
		b[i] += d.last[byte(int(d.pos)-d.dist)]
		d.last[d.pos] = b[i]
		d.pos++
	}
	return n, err
}

// branch undoes a filter that made the targets of branches absolute. convert works on as many bytes as it can and says how many.
type branch struct {
	r       io.Reader
	convert func(b []byte, pos uint32) int
	pos     uint32
	buf     [4096]byte
	ready   int // bytes of buf that are converted
	given   int // and given away
	have    int // bytes of buf
	err     error
}

func (b *branch) Read(p []byte) (int, error) {
	for b.given == b.ready {
		if b.err != nil {
			if b.ready < b.have {
				b.ready = b.have // what is left at the end is too short to be a branch
				break
			}
			return 0, b.err
		}
		b.have = copy(b.buf[:], b.buf[b.ready:b.have])
		b.ready, b.given = 0, 0
		var n int
		n, b.err = b.r.Read(b.buf[b.have:])
		b.have += n
		b.ready = b.convert(b.buf[:b.have], b.pos)
		b.pos += uint32(b.ready)
	}
	n := copy(p, b.buf[b.given:b.ready])
	b.given += n
	return n, nil
}

func convertPowerPC(b []byte, pos uint32) int {
	i := 0
	for ; i+4 <= len(b); i += 4 {
		if v := binary.BigEndian.Uint32(b[i:]); v&0xfc000003 == 0x48000001 {
			binary.BigEndian.PutUint32(b[i:], 0x48000001|(v&0x03fffffc-(pos+uint32(i)))&0x03fffffc)
		}
	}
	return i
}

func convertARM(b []byte, pos uint32) int {
	i := 0
	for ; i+4 <= len(b); i += 4 {
		if b[i+3] == 0xeb {
			v := binary.LittleEndian.Uint32(b[i:]) & 0xffffff
			v = (v<<2 - (pos + uint32(i) + 8)) >> 2
			binary.LittleEndian.PutUint32(b[i:], v&0xffffff|0xeb000000)
		}
	}
	return i
}

func convertARMThumb(b []byte, pos uint32) int {
	i := 0
	for ; i+4 <= len(b); i += 2 {
		if b[i+1]&0xf8 != 0xf0 || b[i+3]&0xf8 != 0xf8 {
			continue
		}
		v := uint32(b[i+1]&7)<<19 | uint32(b[i])<<11 | uint32(b[i+3]&7)<<8 | uint32(b[i+2])
		v = (v<<1 - (pos + uint32(i) + 4)) >> 1
		b[i+1] = 0xf0 | byte(v>>19)&7
		b[i] = byte(v >> 11)
		b[i+3] = 0xf8 | byte(v>>8)&7
		b[i+2] = byte(v)
		i += 2
	}
	return i
}

func convertSPARC(b []byte, pos uint32) int {
	i := 0
	for ; i+4 <= len(b); i += 4 {
		v := binary.BigEndian.Uint32(b[i:])
		if v>>22 != 0x100 && v>>22 != 0x1ff {
			continue
		}
		v = (v<<2 - (pos + uint32(i))) >> 2
		v = (0-v>>22&1)<<22&0x3fffffff | v&0x3fffff | 0x40000000
		binary.BigEndian.PutUint32(b[i:], v)
	}
	return i
}

func convertARM64(b []byte, pos uint32) int {
	i := 0
	for ; i+4 <= len(b); i += 4 {
		v := binary.LittleEndian.Uint32(b[i:])
		pc := pos + uint32(i)
		switch {
		case v>>26 == 0x25: // BL
			v = 0x94000000 | (v-pc>>2)&0x03ffffff
		case v&0x9f000000 == 0x90000000: // ADRP
			src := v>>29&3 | v>>3&0x1ffffc
			if (src+0x020000)&0x1c0000 != 0 {
				continue
			}
			dest := src - pc>>12
			v = v&0x9000001f | dest&3<<29 | dest&0x3fffc<<3 | (0-dest&0x20000)&0xe00000
		default:
			continue
		}
		binary.LittleEndian.PutUint32(b[i:], v)
	}
	return i
}

// x86Branch keeps what the filter remembers of the bytes before: whether they looked like an instruction.
type x86Branch struct{ prevMask, prevPos uint32 }

var (
	x86Allowed = [8]bool{true, true, true, false, true, false, false, false}
	x86Bit     = [8]uint32{0, 1, 2, 2, 3, 3, 3, 3}
)

func x86Sign(b byte) bool { return b == 0 || b == 0xff }

// convert follows liblzma's x86 filter (public domain), which keeps prevPos relative to the buffer.
func (x *x86Branch) convert(b []byte, pos uint32) int {
	if len(b) < 5 {
		return 0
	}
	if pos-x.prevPos > 5 {
		x.prevPos = pos - 5
	}
	limit := len(b) - 5
	i := 0
	for i <= limit {
		if b[i]&0xfe != 0xe8 {
			i++
			continue
		}
		offset := pos + uint32(i) - x.prevPos
		x.prevPos = pos + uint32(i)
		if offset > 5 {
			x.prevMask = 0
		} else {
			for range offset {
				x.prevMask = x.prevMask & 0x77 << 1
			}
		}
		if top := b[i+4]; x86Sign(top) && x86Allowed[x.prevMask>>1&7] && x.prevMask>>1 < 0x10 {
			x.rewrite(b[i:], pos+uint32(i)+5)
			i += 5
			x.prevMask = 0
			continue
		}
		i++
		x.prevMask |= 1
		if x86Sign(b[i+3]) {
			x.prevMask |= 0x10
		}
	}
	return i
}

// rewrite makes the target of the call or jump in b relative again.
func (x *x86Branch) rewrite(b []byte, next uint32) {
	src := binary.LittleEndian.Uint32(b[1:])
	for {
		dest := src - next
		if x.prevMask == 0 {
			src = dest
			break
		}
		i := x86Bit[x.prevMask>>1&7] * 8
		if !x86Sign(byte(dest >> (24 - i))) {
			src = dest
			break
		}
		src = dest ^ (1<<(32-i) - 1)
	}
	src &= 0x01ffffff
	src |= 0 - src&0x01000000
	binary.LittleEndian.PutUint32(b[1:], src)
}
