package archive

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"io"
	"strings"

	"weir/internal/format"
)

// Bzip2 is a file of bzip2 streams.
var Bzip2 = format.Format{
	Name:   "bzip2",
	Doc:    "bzip2 file, all streams",
	Parsed: true,
	Match:  matchBzip2,
	Parse:  parseBzip2,
}

func matchBzip2(h format.Head) bool {
	b := h.First
	if len(b) < 4 || string(b[:3]) != "BZh" || b[3] < '1' || b[3] > '9' {
		return false
	}
	b = b[4:min(10, len(b))]
	return bytes.HasPrefix([]byte("1AY&SY"), b) || bytes.HasPrefix([]byte("\x17rE8P\x90"), b)
}

func parseBzip2(in *format.Input) error {
	s := newStream(in)
	s.multi = true
	started := false
	return s.run(func() (*unit, error) {
		if started {
			return nil, io.EOF
		}
		started = true
		return &unit{Reader: &bzip2Reader{r: bzip2.NewReader(s.f.Reader), f: s.f}, finish: func() error { return nil }}, nil
	})
}

// bzip2Reader reads all streams, which the decoder takes as one, and ends before bytes that do not begin another.
type bzip2Reader struct {
	r io.Reader
	f *feed
}

func (b *bzip2Reader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	var bad bzip2.StructuralError
	if errors.As(err, &bad) && strings.Contains(string(bad), "continuation") {
		// The decoder took two bytes to see that no stream begins there.
		b.f.seek(b.f.offset() - 2)
		err = io.EOF
	}
	return n, err
}
