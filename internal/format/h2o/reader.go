package h2o

import (
	"encoding/binary"
	"fmt"
	"io"
)

// reader reads AutoBuffer's encoding forward: little-endian, with compact integers.
type reader struct {
	src  io.ReaderAt
	size int64
	at   int64
	buf  []byte // bytes of the source from off on
	off  int64
}

// window is how much is read at once; arrays are stepped over.
const window = 32 << 10

// take gives the next n bytes, n at most a window.
func (r *reader) take(n int) ([]byte, error) {
	if r.at+int64(n) > r.size {
		return nil, fmt.Errorf("ends at byte %d: %w", r.size, io.ErrUnexpectedEOF)
	}
	i := r.at - r.off
	if i < 0 || i+int64(n) > int64(len(r.buf)) {
		if cap(r.buf) == 0 {
			r.buf = make([]byte, min(window, r.size))
		}
		r.off = r.at
		r.buf = r.buf[:min(int64(cap(r.buf)), r.size-r.at)]
		if m, err := r.src.ReadAt(r.buf, r.at); m < len(r.buf) {
			r.buf = r.buf[:0]
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		i = 0
	}
	r.at += int64(n)
	return r.buf[i : i+int64(n)], nil
}

// skip steps over n bytes that must be there.
func (r *reader) skip(n int64) error {
	if n < 0 || n > r.size-r.at {
		return fmt.Errorf("%d bytes at byte %d, where %d are left: %w", n, r.at, r.size-r.at, io.ErrUnexpectedEOF)
	}
	r.at += n
	return nil
}

func (r *reader) byte() (byte, error) {
	b, err := r.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// int reads a compact integer: one byte x+1 for -1 to 252, 255 and two bytes, or 254 and four (AutoBuffer.getInt).
func (r *reader) int() (int64, error) {
	x, err := r.byte()
	switch {
	case err != nil:
		return 0, err
	case x <= 253:
		return int64(x) - 1, nil
	case x == 255:
		b, err := r.take(2)
		if err != nil {
			return 0, err
		}
		return int64(int16(binary.LittleEndian.Uint16(b))), nil
	}
	b, err := r.take(4)
	if err != nil {
		return 0, err
	}
	return int64(int32(binary.LittleEndian.Uint32(b))), nil
}

// skipBytes steps over a length and as many bytes; -1 is null.
func (r *reader) skipBytes() error {
	n, err := r.int()
	if err != nil || n == -1 {
		return err
	}
	return r.skip(n)
}

// text reads a string of at most maxText bytes; null reads as empty.
func (r *reader) text() (string, error) {
	n, err := r.int()
	if err != nil || n == -1 {
		return "", err
	}
	if n < 0 || n > maxText {
		return "", fmt.Errorf("a text of %d bytes", n)
	}
	s := make([]byte, 0, min(n, window))
	for n > 0 {
		b, err := r.take(int(min(n, window)))
		if err != nil {
			return "", err
		}
		s, n = append(s, b...), n-int64(len(b))
	}
	return string(s), nil
}
