package java

import (
	"encoding/binary"
	"fmt"
	"io"
)

// windowSize is the read-ahead; what is longer is skipped without being read.
const windowSize = 64 << 10

// reader is a forward cursor with a window over an io.ReaderAt.
type reader struct {
	r    io.ReaderAt
	size int64
	buf  []byte // window
	base int64  // offset of buf[0]
	pos  int    // cursor in buf
	err  error  // of the input itself: everything after it is untrue
}

func newReader(r io.ReaderAt, size, at int64) *reader {
	return &reader{r: r, size: size, base: at, buf: make([]byte, 0, max(1, min(windowSize, size-at)))}
}

func (r *reader) offset() int64 { return r.base + int64(r.pos) }

func (r *reader) left() int64 { return r.size - r.offset() }

// fill makes n ≤ windowSize bytes available at the cursor.
func (r *reader) fill(n int) error {
	have := copy(r.buf[:cap(r.buf)], r.buf[r.pos:])
	r.base += int64(r.pos)
	r.pos = 0
	for have < n {
		at := r.base + int64(have)
		want := min(int64(cap(r.buf)), int64(have)+r.size-at)
		if want < int64(n) {
			r.buf = r.buf[:have]
			return errTruncated
		}
		got, err := r.r.ReadAt(r.buf[have:want], at)
		have += got
		if got == 0 || err != nil && have < n {
			r.buf = r.buf[:have]
			if err == io.EOF {
				return errTruncated
			}
			if err == nil {
				err = io.ErrNoProgress
			}
			r.err = fmt.Errorf("read at %d: %w", at, err)
			return r.err
		}
	}
	r.buf = r.buf[:have]
	return nil
}

// take gives the next n ≤ windowSize bytes; they are valid until the next call.
func (r *reader) take(n int) ([]byte, error) {
	if len(r.buf)-r.pos < n {
		if err := r.fill(n); err != nil {
			return nil, err
		}
	}
	b := r.buf[r.pos : r.pos+n]
	r.pos += n
	return b, nil
}

// skip moves over n bytes, which must be there.
func (r *reader) skip(n int64) error {
	if n <= int64(len(r.buf)-r.pos) {
		r.pos += int(n)
		return nil
	}
	if n > r.left() {
		r.base, r.pos, r.buf = r.size, 0, r.buf[:0]
		return errTruncated
	}
	r.base, r.pos, r.buf = r.offset()+n, 0, r.buf[:0]
	return nil
}

// peek gives the next byte without taking it.
func (r *reader) peek() (byte, error) {
	if r.pos >= len(r.buf) {
		if err := r.fill(1); err != nil {
			return 0, err
		}
	}
	return r.buf[r.pos], nil
}

func (r *reader) byte() (byte, error) {
	if r.pos >= len(r.buf) {
		if err := r.fill(1); err != nil {
			return 0, err
		}
	}
	r.pos++
	return r.buf[r.pos-1], nil
}

func (r *reader) uint16() (int, error) {
	b, err := r.take(2)
	if err != nil {
		return 0, err
	}
	return int(binary.BigEndian.Uint16(b)), nil
}

func (r *reader) int32() (int32, error) {
	b, err := r.take(4)
	if err != nil {
		return 0, err
	}
	return int32(binary.BigEndian.Uint32(b)), nil
}

func (r *reader) int64() (int64, error) {
	b, err := r.take(8)
	if err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// text takes n bytes of modified UTF-8 and keeps at most most of them.
func (r *reader) text(n int64, most int) (string, error) {
	if n > r.left() {
		return "", r.skip(n)
	}
	keep := int(min(n, int64(most)))
	b, err := r.take(keep)
	if err != nil {
		return "", err
	}
	s := decode(b, int64(keep) == n)
	return s, r.skip(n - int64(keep))
}

// utf takes a string with a length of two bytes.
func (r *reader) utf(most int) (string, error) {
	n, err := r.uint16()
	if err != nil {
		return "", err
	}
	return r.text(int64(n), most)
}
