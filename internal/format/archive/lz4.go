package archive

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/pierrec/lz4/v4"

	"weir"
	"weir/internal/format"
)

// LZ4 is a file of lz4 frames, LZ4 Frame Format 1.6.4, or of the older legacy frames.
var LZ4 = format.Format{
	Name:   "lz4",
	Doc:    "lz4 file, all frames, legacy ones too",
	Parsed: true,
	Match: func(h format.Head) bool {
		m := magicAfterSkippable(h)
		return m == lz4Magic || m == lz4Legacy
	},
	Parse: parseLZ4,
}

const (
	lz4Magic    = 0x184d2204
	lz4Legacy   = 0x184c2102
	zstdMagic   = 0xfd2fb528
	skippable   = 0x184d2a50 // and the 15 that follow; zstd and lz4 share them
	lz4Window   = 64 << 10
	legacyBlock = 8 << 20
)

// magicAfterSkippable gives the magic number of the first frame that is not skippable; 0 when the head does not reach it.
func magicAfterSkippable(h format.Head) uint32 {
	b := h.First
	for len(b) >= 8 && binary.LittleEndian.Uint32(b)&^15 == skippable {
		n := uint64(binary.LittleEndian.Uint32(b[4:])) + 8
		if n > uint64(len(b)) {
			// The frame lies beyond: zstd reads the file, and says so if it is not one.
			if n < uint64(h.Size) {
				return zstdMagic
			}
			return 0
		}
		b = b[n:]
	}
	if len(b) < 4 {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

// maxSkipped is the largest skippable frame that is not worth a look; pzstd writes a size of 4 bytes in one.
const maxSkipped = 16

// skipFrames takes skippable frames and hands what is in them to the engine: no reader of the format looks there.
func (s *stream) skipFrames() error {
	for {
		b := s.f.peek(8)
		if len(b) < 8 || binary.LittleEndian.Uint32(b)&^15 != skippable {
			return nil
		}
		at, n := s.f.offset()+8, int64(binary.LittleEndian.Uint32(b[4:]))
		if n > s.in.Size-at {
			return io.ErrUnexpectedEOF
		}
		if n > maxSkipped {
			if _, err := examine(s.in, gapName("skipped", at), s.in.ReaderAt, at, n); limitOnly(err) != nil {
				return err
			}
		}
		s.f.seek(at + n)
	}
}

func parseLZ4(in *format.Input) error {
	s := newStream(in)
	s.multi = true
	l := &lz4Frames{stream: s}
	return s.run(l.next)
}

type lz4Frames struct {
	*stream
	started bool
	src     []byte
	dst     []byte
}

func (l *lz4Frames) next() (*unit, error) {
	if err := l.skipFrames(); err != nil {
		return nil, err
	}
	b := l.f.peek(4)
	magic := uint32(0)
	if len(b) == 4 {
		magic = binary.LittleEndian.Uint32(b)
	}
	if magic != lz4Magic && magic != lz4Legacy {
		switch {
		case l.started:
			return nil, io.EOF
		case len(b) < 4:
			return nil, io.ErrUnexpectedEOF
		}
		return nil, corrupt("lz4 frame magic")
	}
	l.started = true
	_, _ = l.f.Discard(4)
	if magic == lz4Legacy {
		return &unit{Reader: &lz4Old{l: l}, finish: func() error { return nil }}, nil
	}
	return l.frame()
}

// lz4Frame is one frame while it is read.
type lz4Frame struct {
	l                       *lz4Frames
	linked, blockSum, total bool
	size                    int64 // declared, -1 when not
	max                     int
	window                  []byte // the last 64 KiB of content, for linked blocks
	out                     []byte // decoded, not yet given away
	sum                     xxh32
	n                       int64
	done                    bool
}

// frame reads a frame header.
func (l *lz4Frames) frame() (*unit, error) {
	at := l.f.offset()
	h := append([]byte(nil), l.f.peek(15)...)
	if len(h) < 3 {
		return nil, io.ErrUnexpectedEOF
	}
	flags, block := h[0], h[1]
	if flags>>6 != 1 {
		return nil, fmt.Errorf("lz4 frame version %d: %w", flags>>6, errUnsupported)
	}
	if flags&2 != 0 || block&0x8f != 0 || block>>4 < 4 {
		return nil, corrupt("lz4 frame header")
	}
	f := &lz4Frame{
		l: l, linked: flags&0x20 == 0, blockSum: flags&0x10 != 0, total: flags&4 != 0, size: -1, max: 1 << (8 + 2*(block>>4)),
	}
	n := 2
	if flags&8 != 0 {
		n += 8
	}
	if flags&1 != 0 {
		n += 4
	}
	if len(h) < n+1 {
		return nil, io.ErrUnexpectedEOF
	}
	if flags&8 != 0 {
		f.size = clamp(binary.LittleEndian.Uint64(h[2:]))
	}
	if flags&1 != 0 {
		return nil, fmt.Errorf("lz4 frame with dictionary %#x: %w", binary.LittleEndian.Uint32(h[n-4:]), errUnsupported)
	}
	var sum xxh32
	sum.write(h[:n])
	if byte(sum.sum()>>8) != h[n] {
		l.odd.add(weir.OddChecksum, at, int64(n+1), "lz4 frame header has another checksum than it says")
	}
	_, _ = l.f.Discard(n + 1)
	return &unit{Reader: f, finish: f.finish}, nil
}

func (f *lz4Frame) Read(b []byte) (int, error) {
	for len(f.out) == 0 {
		if f.done {
			return 0, io.EOF
		}
		if err := f.block(); err != nil {
			return 0, err
		}
	}
	n := copy(b, f.out)
	f.out = f.out[n:]
	return n, nil
}

// block decodes the next block.
func (f *lz4Frame) block() error {
	l := f.l
	var word [4]byte
	at := l.f.offset()
	if err := l.f.take(word[:]); err != nil {
		return err
	}
	v := binary.LittleEndian.Uint32(word[:])
	if v == 0 {
		f.done = true
		return nil
	}
	n := int(v &^ (1 << 31))
	if n > f.max+f.max/255+16 {
		return corrupt("lz4 block of %d bytes", n)
	}
	src := l.room(&l.src, n)
	if err := l.f.take(src); err != nil {
		return err
	}
	if f.blockSum {
		if err := l.f.take(word[:]); err != nil {
			return err
		}
		var sum xxh32
		sum.write(src)
		if sum.sum() != binary.LittleEndian.Uint32(word[:]) {
			l.odd.add(weir.OddChecksum, at, int64(n), "lz4 block has another checksum than it says")
		}
	}
	if v>>31 != 0 {
		f.out = src
	} else {
		var err error
		if f.out, err = l.uncompress(src, f.max, f.window); err != nil {
			return err
		}
	}
	f.n += int64(len(f.out))
	if f.total {
		f.sum.write(f.out)
	}
	if f.linked {
		f.window = appendWindow(f.window, f.out)
	}
	return nil
}

// appendWindow keeps the last 64 KiB of content.
func appendWindow(w, b []byte) []byte {
	if len(b) >= lz4Window {
		return append(w[:0], b[len(b)-lz4Window:]...)
	}
	if over := len(w) + len(b) - lz4Window; over > 0 {
		w = w[:copy(w, w[over:])]
	}
	return append(w, b...)
}

// room gives a buffer of n bytes that is used again.
func (l *lz4Frames) room(b *[]byte, n int) []byte {
	if cap(*b) < n {
		*b = make([]byte, n)
	}
	return (*b)[:n]
}

func (l *lz4Frames) uncompress(src []byte, limit int, window []byte) ([]byte, error) {
	if len(src) == 0 {
		return nil, corrupt("lz4 block of no bytes")
	}
	// A block expands at most 255 times.
	dst := l.room(&l.dst, min(limit, len(src)*255+64))
	n, err := lz4.UncompressBlockWithDict(src, dst, window)
	if err != nil {
		return nil, corrupt("lz4 block: %v", err)
	}
	return dst[:n], nil
}

func (f *lz4Frame) finish() error {
	l := f.l
	if f.size >= 0 && f.size != f.n {
		l.odd.add(weir.OddMismatch, l.f.offset(), 0, "lz4 frame has %d bytes, not %d", f.n, f.size)
	}
	if !f.total {
		return nil
	}
	var word [4]byte
	at := l.f.offset()
	if err := l.f.take(word[:]); err != nil {
		return err
	}
	if want := binary.LittleEndian.Uint32(word[:]); want != f.sum.sum() {
		l.odd.add(weir.OddChecksum, at, 4, "lz4 frame has checksum %08x, not %08x", f.sum.sum(), want)
	}
	return nil
}

// lz4Old is a legacy frame: blocks of 8 MiB until the end of the file or another frame's magic.
type lz4Old struct {
	l   *lz4Frames
	out []byte
}

func (o *lz4Old) Read(b []byte) (int, error) {
	for len(o.out) == 0 {
		head := o.l.f.peek(4)
		if len(head) == 0 {
			return 0, io.EOF
		}
		if len(head) < 4 {
			return 0, io.ErrUnexpectedEOF
		}
		n := binary.LittleEndian.Uint32(head)
		if n == lz4Magic || n == lz4Legacy || n&^15 == skippable {
			return 0, io.EOF
		}
		if n > uint32(legacyBlock+legacyBlock/255+16) {
			return 0, corrupt("lz4 legacy block of %d bytes", n)
		}
		_, _ = o.l.f.Discard(4)
		src := o.l.room(&o.l.src, int(n))
		if err := o.l.f.take(src); err != nil {
			return 0, err
		}
		var err error
		if o.out, err = o.l.uncompress(src, legacyBlock, nil); err != nil {
			return 0, err
		}
	}
	n := copy(b, o.out)
	o.out = o.out[n:]
	return n, nil
}
