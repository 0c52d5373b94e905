package archive

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"weir"
	"weir/internal/format"
)

// Zstd is a file of zstd frames, RFC 8878.
var Zstd = format.Format{
	Name:   "zstd",
	Doc:    "zstd file, all frames",
	Parsed: true,
	Match: func(h format.Head) bool {
		m := magicAfterSkippable(h)
		return m == zstdMagic || zstdOld(m)
	},
	Parse: parseZstd,
}

// zstdOld reports the magic numbers of zstd 0.1 to 0.7, which are only recognised.
func zstdOld(m uint32) bool { return m >= 0xfd2fb522 && m < zstdMagic }

func parseZstd(in *format.Input) error {
	s := newStream(in)
	s.multi = true
	z := &zstdFrames{stream: s}
	defer z.close()
	return s.runClosing(z.next, z.close)
}

type zstdFrames struct {
	*stream
	dec     *zstd.Decoder
	started bool
}

func (z *zstdFrames) close() {
	if z.dec != nil {
		z.dec.Close()
		z.dec = nil
	}
}

// zstdFrame is what a frame's header says.
type zstdFrame struct {
	header   int   // its size, magic included
	size     int64 // of the content, -1 when not said
	window   int64
	dict     uint32
	checksum bool
}

func parseZstdFrame(b []byte) (h zstdFrame, err error) {
	if len(b) < 6 {
		return h, io.ErrUnexpectedEOF
	}
	d := b[4]
	single := d&0x20 != 0
	dictLen := [4]int{0, 1, 2, 4}[d&3]
	sizeLen := [4]int{0, 2, 4, 8}[d>>6]
	if single && sizeLen == 0 {
		sizeLen = 1
	}
	h.header, h.checksum, h.size = 5, d&4 != 0, -1
	if d&8 != 0 {
		return h, corrupt("zstd frame header")
	}
	if !single {
		w := b[5]
		base := int64(1) << (10 + w>>3)
		h.window = base + base/8*int64(w&7)
		h.header++
	}
	if len(b) < h.header+dictLen+sizeLen {
		return h, io.ErrUnexpectedEOF
	}
	var field [8]byte
	copy(field[:], b[h.header:h.header+dictLen])
	h.dict = binary.LittleEndian.Uint32(field[:])
	h.header += dictLen
	field = [8]byte{}
	copy(field[:], b[h.header:h.header+sizeLen])
	h.header += sizeLen
	if sizeLen > 0 {
		h.size = clamp(binary.LittleEndian.Uint64(field[:]))
		if sizeLen == 2 {
			h.size += 256
		}
	}
	if single {
		h.window = h.size
	}
	return h, nil
}

func (z *zstdFrames) next() (*unit, error) {
	if err := z.skipFrames(); err != nil {
		return nil, err
	}
	at := z.f.offset()
	b := z.f.peek(18)
	magic := uint32(0)
	if len(b) >= 4 {
		magic = binary.LittleEndian.Uint32(b)
	}
	switch {
	case zstdOld(magic):
		return nil, fmt.Errorf("zstd format of before 0.8: %w", errUnsupported)
	case magic == zstdMagic:
	case z.started:
		return nil, io.EOF
	case len(b) < 4:
		return nil, io.ErrUnexpectedEOF
	default:
		return nil, corrupt("zstd frame magic")
	}
	z.started = true
	h, err := parseZstdFrame(b)
	if err != nil {
		return nil, err
	}
	limit := dictLimit(z.in.Limits)
	switch {
	case h.dict != 0:
		return nil, fmt.Errorf("zstd frame with dictionary %d: %w", h.dict, errUnsupported)
	case h.window > limit || h.window < 0:
		return nil, fmt.Errorf("zstd window of %d bytes, more than %d: %w", h.window, limit, errUnsupported)
	}
	end, err := zstdEnd(z.in.ReaderAt, at+int64(h.header), z.in.Size, h.checksum)
	if err != nil {
		return nil, err
	}
	r, err := z.decoder(at, end, limit)
	if err != nil {
		return nil, err
	}
	sum := &zstdContent{r: r, check: h.checksum}
	return &unit{Reader: sum, finish: func() error {
		z.f.seek(end)
		if h.size >= 0 && sum.n != h.size {
			z.odd.add(weir.OddMismatch, at, 0, "zstd frame has %d bytes, not %d", sum.n, h.size)
		}
		var want [4]byte
		if !h.checksum {
			return nil
		}
		if err := readAt(z.in.ReaderAt, want[:], end-4); err != nil {
			return err
		}
		if binary.LittleEndian.Uint32(want[:]) != uint32(sum.sum.sum()) {
			z.odd.add(weir.OddChecksum, end-4, 4, "zstd frame has another checksum than it says")
		}
		return nil
	}}, nil
}

// decoder decodes the frame in a range of the file.
func (z *zstdFrames) decoder(at, end, limit int64) (io.Reader, error) {
	src := io.NewSectionReader(z.in.ReaderAt, at, end-at)
	if z.dec != nil {
		return z.dec, z.dec.Reset(src)
	}
	dec, err := newZstd(src, limit)
	z.dec = dec
	return dec, err
}

// zstdContent counts what a frame holds and sums it up: the decoder would keep the last block back when the checksum is wrong, which
// other readers give away before they look.
type zstdContent struct {
	r     io.Reader
	n     int64
	check bool
	sum   xxh64
}

func (z *zstdContent) Read(b []byte) (int, error) {
	n, err := z.r.Read(b)
	z.n += int64(n)
	if z.check {
		z.sum.write(b[:n])
	}
	return n, err
}

// newZstd makes a decoder without goroutines of its own and with a bounded window.
func newZstd(src io.Reader, limit int64) (*zstd.Decoder, error) {
	return zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.IgnoreChecksum(true),
		zstd.WithDecoderMaxWindow(uint64(limit)))
}

// zstdEnd walks the blocks of a frame, from the first one's offset, and gives where the frame ends; at the end of the file it gives
// that, and the decoder finds out what is missing.
func zstdEnd(r io.ReaderAt, at, size int64, checksum bool) (int64, error) {
	for {
		var b [3]byte
		if at+3 > size {
			return size, nil
		}
		if err := readAt(r, b[:], at); err != nil {
			return 0, err
		}
		v := int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16
		n := v >> 3
		switch v >> 1 & 3 {
		case 1:
			n = 1
		case 3:
			return 0, corrupt("zstd block of a reserved type")
		}
		if at += 3 + n; at > size {
			return size, nil
		}
		if v&1 != 0 {
			break
		}
	}
	if checksum {
		at += 4
	}
	return min(at, size), nil
}
