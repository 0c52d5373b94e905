package archive

import (
	"errors"
	"io"

	"github.com/klauspost/compress/flate"
)

// inflater is a deflate decoder that is used again and again: its tables and window are the bulk of its cost.
type inflater struct{ r io.ReadCloser }

// reader inflates from the feed's offset on.
func (i *inflater) reader(f *feed) io.Reader {
	if i.r == nil {
		i.r = flate.NewReader(f.Reader)
	} else {
		_ = i.r.(flate.Resetter).Reset(f.Reader, nil)
	}
	return &inflated{r: i.r, f: f, start: f.offset()}
}

// inflated is a deflate stream that is read to its very last bits. Where the input is cut off, the decoder asks for more bits than the
// last symbols need and loses them; zlib, and so Python, does not. What it lost is found by inflating again with zeros behind the end;
// the few bytes too many that this may give are no harm, since what readers see is their beginning.
type inflated struct {
	r     io.Reader
	f     *feed
	start int64
	n     int64
	lost  []byte
	err   error
}

// lostBits is how many zero bytes are put behind the end: more than the longest symbol with its extra bits.
const lostBits = 8

// maxLost bounds what is taken from the second reading.
const maxLost = 1024

func (i *inflated) Read(b []byte) (int, error) {
	if i.err != nil {
		n := copy(b, i.lost)
		if i.lost = i.lost[n:]; n > 0 {
			return n, nil
		}
		return 0, i.err
	}
	n, err := i.r.Read(b)
	i.n += int64(n)
	if errors.Is(err, io.ErrUnexpectedEOF) && i.f.failed() == nil {
		i.err, i.lost = err, i.again()
		return n, nil
	}
	return n, err
}

// again gives what the first reading lost.
func (i *inflated) again() []byte {
	end := i.f.src.end
	r := flate.NewReader(newFeed(&zeroTail{i.f.src.r, end}, i.start, end+lostBits).Reader)
	if n, err := io.CopyN(io.Discard, r, i.n); err != nil || n != i.n {
		return nil
	}
	lost := make([]byte, maxLost)
	n, _ := io.ReadFull(r, lost)
	return lost[:n]
}

// zeroTail continues a ReaderAt with zeros behind an offset.
type zeroTail struct {
	r   io.ReaderAt
	end int64
}

func (z *zeroTail) ReadAt(b []byte, at int64) (int, error) {
	n := 0
	if at < z.end {
		var err error
		if n, err = z.r.ReadAt(b[:min(int64(len(b)), z.end-at)], at); err != nil && err != io.EOF {
			return n, err
		}
		if at+int64(n) < z.end {
			return n, io.EOF
		}
	}
	clear(b[n:])
	return len(b), nil
}
