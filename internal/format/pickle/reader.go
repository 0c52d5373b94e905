package pickle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// errTruncated says that the stream ends inside an opcode or before STOP.
var errTruncated = errors.New("pickle ends before STOP")

// bufferSize is the read-ahead window; literals longer than it are skipped without being read.
const bufferSize = 64 << 10

// reader is a forward cursor over an io.ReaderAt with a window and cheap skips.
type reader struct {
	r    io.ReaderAt
	size int64
	buf  []byte // window
	base int64  // offset of buf[0]
	pos  int    // cursor in buf
	err  error  // a read error that is not the end of the file
	// frame is the end of the current frame, 0 for none. The C unpickler, when it reads from a stream that it cannot peek into, holds
	// just the frame: an operand that does not fit into what is left of it is read from behind the frame, and what was left is lost
	// (CPython issue 154848). Everybody else reads on. crossed says that this happened; drop makes the reader do as the C unpickler.
	frame   int64
	crossed bool
	drop    bool
}

// enter prepares for a read of n bytes that must come from one place.
func (r *reader) enter(n int64) {
	at := r.offset()
	if r.frame == 0 {
		return
	}
	if at >= r.frame {
		r.frame = 0
		return
	}
	if n <= r.frame-at {
		return
	}
	r.crossed = true
	if r.drop {
		r.seek(r.frame)
	}
	r.frame = 0
}

func newReader(r io.ReaderAt, size, offset int64) *reader {
	return &reader{r: r, size: size, base: offset, buf: make([]byte, 0, max(1, min(bufferSize, size-offset)))}
}

// offset is the cursor's place in the input.
func (r *reader) offset() int64 { return r.base + int64(r.pos) }

// seek moves the cursor, keeping the window when it covers the place.
func (r *reader) seek(off int64) {
	if off >= r.base && off <= r.base+int64(len(r.buf)) {
		r.pos = int(off - r.base)
		return
	}
	r.base, r.pos, r.buf = off, 0, r.buf[:0]
}

// fill makes at least n ≤ bufferSize bytes available at the cursor, or says why not.
func (r *reader) fill(n int) error {
	have := len(r.buf) - r.pos
	if have >= n {
		return nil
	}
	copy(r.buf[:have], r.buf[r.pos:])
	r.base += int64(r.pos)
	r.pos = 0
	r.buf = r.buf[:have]
	for have < n {
		at := r.base + int64(have)
		left := r.size - at
		if left <= 0 {
			return errTruncated
		}
		want := cap(r.buf)
		if int64(want-have) > left {
			want = have + int(left)
		}
		got, err := r.r.ReadAt(r.buf[have:want], at)
		have += got
		r.buf = r.buf[:have]
		if err != nil && have < n {
			if err == io.EOF {
				return errTruncated
			}
			r.err = err
			return fmt.Errorf("read at %d: %w", at, err)
		}
		if got == 0 && err == nil {
			return fmt.Errorf("read at %d: %w", at, io.ErrNoProgress)
		}
	}
	return nil
}

// take returns the next n ≤ bufferSize bytes; they are valid until the next call.
func (r *reader) take(n int) ([]byte, error) {
	if r.frame != 0 {
		r.enter(int64(n))
	}
	if err := r.fill(n); err != nil {
		return nil, err
	}
	b := r.buf[r.pos : r.pos+n]
	r.pos += n
	return b, nil
}

// skip moves over n bytes, which must be there.
func (r *reader) skip(n int64) error {
	if r.frame != 0 {
		r.enter(n)
	}
	if n < 0 || n > r.size-r.offset() {
		r.seek(r.size)
		return errTruncated
	}
	r.seek(r.offset() + n)
	return nil
}

// line moves over a line and returns where it lies, without its newline. A last line without newline is an error, as it is for CPython.
func (r *reader) line() (off, n int64, err error) {
	if r.frame != 0 {
		r.enterLine()
	}
	off = r.offset()
	for scanned := 0; ; {
		if i := bytes.IndexByte(r.buf[r.pos+scanned:], '\n'); i >= 0 {
			r.pos += scanned + i + 1
			return off, r.offset() - 1 - off, nil
		}
		scanned = len(r.buf) - r.pos
		if scanned < cap(r.buf) {
			if err := r.fill(scanned + 1); err != nil {
				r.seek(r.size)
				return off, r.size - off, err
			}
			continue
		}
		r.seek(r.offset() + int64(scanned)) // a line longer than the window
		scanned = 0
	}
}

// enterLine is enter for a read up to the next newline.
func (r *reader) enterLine() {
	if at := r.offset(); at < r.frame {
		if b := r.at(at, r.frame-at, bufferSize); bytes.IndexByte(b, '\n') >= 0 {
			return
		}
	}
	r.enter(1 << 62)
}

// at returns up to max bytes of the range, from the window when it is there.
func (r *reader) at(off, n int64, max int) []byte {
	if n > int64(max) {
		n = int64(max)
	}
	if n <= 0 {
		return nil
	}
	if i := off - r.base; i >= 0 && i+n <= int64(len(r.buf)) {
		return r.buf[i : i+n : i+n]
	}
	b := make([]byte, n)
	got, _ := r.r.ReadAt(b, off)
	return b[:got]
}
