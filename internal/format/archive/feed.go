package archive

import (
	"bufio"
	"io"
)

// feed reads a range of a ReaderAt in order and knows exactly how many bytes a decoder took: decoders that read through the
// *bufio.Reader byte by byte never take more than they need.
type feed struct {
	*bufio.Reader
	src rangeReader
}

// rangeReader is io.SectionReader that remembers an error which is not the end: time over, or a disk that fails.
type rangeReader struct {
	r        io.ReaderAt
	pos, end int64
	err      error
}

func (s *rangeReader) Read(b []byte) (int, error) {
	if s.pos >= s.end {
		return 0, io.EOF
	}
	if int64(len(b)) > s.end-s.pos {
		b = b[:s.end-s.pos]
	}
	n, err := s.r.ReadAt(b, s.pos)
	s.pos += int64(n)
	if n > 0 || err == nil {
		return n, nil
	}
	if err != io.EOF {
		s.err = err
	}
	return 0, err
}

// feedSize is how much is read at a time.
const feedSize = 64 << 10

// newFeed reads from offset at to end.
func newFeed(r io.ReaderAt, at, end int64) *feed {
	f := &feed{}
	f.reset(r, at, end)
	return f
}

func (f *feed) reset(r io.ReaderAt, at, end int64) {
	f.src = rangeReader{r: r, pos: at, end: end}
	if f.Reader == nil || f.Reader.Size() < feedSize && end-at > int64(f.Reader.Size()) {
		f.Reader = bufio.NewReaderSize(&f.src, int(max(64, min(feedSize, end-at))))
	} else {
		f.Reader.Reset(&f.src)
	}
}

// seek continues reading at another offset, with the same end.
func (f *feed) seek(at int64) { f.reset(f.src.r, at, f.src.end) }

// offset is that of the next byte.
func (f *feed) offset() int64 { return f.src.pos - int64(f.Buffered()) }

// failed is the error of the underlying reader that was not its end.
func (f *feed) failed() error { return f.src.err }
