package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/adler32"
	"hash/crc32"
	"io"
	"strings"

	"github.com/klauspost/compress/flate"

	"weir"
	"weir/internal/format"
)

// Gzip is a file of gzip members, RFC 1952.
var Gzip = format.Format{
	Name:   "gzip",
	Doc:    "gzip file, all members",
	Parsed: true,
	Match:  func(h format.Head) bool { return bytes.HasPrefix(h.First, gzipMagic) },
	Parse:  parseGzip,
}

var gzipMagic = []byte{0x1f, 0x8b, 8}

// Flags of a gzip member.
const (
	gzipHeaderCRC = 1 << 1
	gzipExtra     = 1 << 2
	gzipName      = 1 << 3
	gzipComment   = 1 << 4
	gzipReserved  = 0xe0
)

func parseGzip(in *format.Input) error {
	g := &gzipStream{stream: newStream(in)}
	g.zeros, g.multi = true, true
	// The name of the first member names the content; it stands in front of it, so a look ahead is cheap.
	if h, err := g.header(newFeed(in.ReaderAt, 0, in.Size), true); err == nil && h.name != "" {
		g.member.Name = h.name
		checkName(g.odd, h.name, 0)
		if strings.ContainsAny(h.name, `/\`) {
			g.odd.add(weir.OddPath, 0, 0, "name %s of a gzip member holds a folder", quote(h.name))
		}
	}
	return g.run(g.next)
}

type gzipStream struct {
	*stream
	inflate inflater
	started bool
}

// next begins a member. Zero bytes between members are padding of tapes, which gzip and Python skip.
func (g *gzipStream) next() (*unit, error) {
	if g.started {
		start := g.f.offset()
		g.f.skipZeros()
		if !bytes.Equal(g.f.peek(2), gzipMagic[:2]) {
			g.f.seek(start)
			return nil, io.EOF
		}
	}
	g.started = true
	if _, err := g.header(g.f, false); err != nil {
		return nil, err
	}
	sum := &summed{r: g.inflate.reader(g.f), h: crc32.NewIEEE()}
	return &unit{Reader: sum, finish: func() error {
		var b [8]byte
		at := g.f.offset()
		if err := g.f.take(b[:]); err != nil {
			return err
		}
		if want := binary.LittleEndian.Uint32(b[:]); want != sum.h.Sum32() {
			g.odd.add(weir.OddChecksum, at, 4, "gzip member has checksum %08x, not %08x", sum.h.Sum32(), want)
		}
		if want := binary.LittleEndian.Uint32(b[4:]); want != uint32(sum.n) {
			g.odd.add(weir.OddMismatch, at+4, 4, "gzip member has %d bytes (modulo 2^32), not %d", uint32(sum.n), want)
		}
		return nil
	}}, nil
}

// leastActs is a number of bytes in which nothing fits that could act: the shortest pickle with an import is longer. It spares the extra field
// of each block of a bgzip file (BC, the SAM specification, 4.1).
const leastActs = 8

type gzipHeader struct{ name string }

// header reads a member's header. Oddities are left out when it is only looked at ahead.
func (g *gzipStream) header(f *feed, ahead bool) (h gzipHeader, err error) {
	at := f.offset()
	sum := &summed{r: f.Reader, h: crc32.NewIEEE()}
	take := func(n int) ([]byte, error) {
		b := make([]byte, n)
		_, err := io.ReadFull(sum, b)
		return b, eofIsShort(err)
	}
	b, err := take(10)
	if err != nil {
		return h, err
	}
	if !bytes.Equal(b[:2], gzipMagic[:2]) {
		return h, corrupt("gzip header")
	}
	if b[2] != 8 {
		return h, fmt.Errorf("gzip compression method %d: %w", b[2], errUnsupported)
	}
	flags := b[3]
	if flags&gzipReserved != 0 && !ahead {
		g.odd.add(weir.OddDivergent, at, 0, "gzip member has reserved flags %#x: gzip refuses it, Python reads it", flags&gzipReserved)
	}
	if flags&gzipExtra != 0 {
		n, err := take(2)
		if err != nil {
			return h, err
		}
		from := f.offset()
		extra, err := take(int(binary.LittleEndian.Uint16(n)))
		if err != nil {
			return h, err
		}
		if len(extra) > leastActs && !ahead {
			if len(extra) > 256 {
				g.odd.add(weir.OddShape, from, int64(len(extra)), "gzip member has an extra field of %d bytes", len(extra))
			}
			if _, err := examine(g.in, gapName("extra", from), g.in.ReaderAt, from, int64(len(extra))); limitOnly(err) != nil {
				return h, err
			}
		}
	}
	for _, flag := range []byte{gzipName, gzipComment} {
		if flags&flag == 0 {
			continue
		}
		text, err := takeText(sum)
		if err != nil {
			return h, err
		}
		if flag == gzipName {
			h.name = text
		}
	}
	if flags&gzipHeaderCRC != 0 {
		want := uint16(sum.h.Sum32())
		n, err := take(2)
		if err != nil {
			return h, err
		}
		if got := binary.LittleEndian.Uint16(n); got != want && !ahead {
			g.odd.add(weir.OddChecksum, at, 0, "gzip header has checksum %04x, not %04x", want, got)
		}
	}
	return h, nil
}

// maxHeaderText bounds the name and the comment in a gzip header.
const maxHeaderText = 64 << 10

func takeText(r io.Reader) (string, error) {
	var b [1]byte
	var text []byte
	for {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return "", eofIsShort(err)
		}
		if b[0] == 0 {
			return string(text), nil
		}
		if text = append(text, b[0]); len(text) > maxHeaderText {
			return "", corrupt("gzip header with a text of more than %d bytes", maxHeaderText)
		}
	}
}

func eofIsShort(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// summed counts and sums up what is read through it.
type summed struct {
	r io.Reader
	h hash.Hash32
	n int64
}

func (s *summed) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	s.n += int64(n)
	_, _ = s.h.Write(b[:n])
	return n, err
}

// Zlib is a zlib stream, RFC 1950; joblib and others write whole files of it.
var Zlib = format.Format{
	Name:   "zlib",
	Doc:    "zlib stream",
	Parsed: true,
	Match:  matchZlib,
	Parse:  parseZlib,
}

// zlibHeader reports whether the two bytes begin a zlib stream.
func zlibHeader(b []byte) bool {
	return len(b) >= 2 && b[0]&15 == 8 && b[0]>>4 <= 7 && (int(b[0])<<8|int(b[1]))%31 == 0
}

const zlibDict = 1 << 5

// matchZlib tries to inflate: two bytes alone are weak, and "x^2" has a valid header. What inflates a little before it breaks still
// counts, because a streaming unpickler runs that little.
func matchZlib(h format.Head) bool {
	b := h.First
	if !zlibHeader(b) {
		return false
	}
	head := b[:min(len(b), 512)]
	text := plainText(head) && isASCII(string(head))
	usual := b[0] == 0x78 && !text
	if b[1]&zlibDict != 0 {
		return usual && (b[1] == 0x20 || b[1] == 0x7d || b[1] == 0xbb || b[1] == 0xf9)
	}
	out := make([]byte, 512)
	src := bytes.NewReader(b[2:])
	n, err := io.ReadFull(flate.NewReader(src), out)
	switch {
	case err == nil:
		return true
	case errors.Is(err, io.ErrUnexpectedEOF) && n > 0 && endsInSum(b[2:], out[:n]):
		return true
	case !usual:
		return false
	case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
		return n > 0 || h.Size > int64(len(b)) || endsInSum(b[2:], nil)
	}
	// It breaks: enough was good before that this is no accident of two bytes.
	return n >= 64 || len(b)-2-src.Len() >= 512
}

// endsInSum reports whether data is one whole deflate stream of content, followed by its checksum.
func endsInSum(data, content []byte) bool {
	r := bytes.NewReader(data)
	n, err := io.Copy(io.Discard, io.LimitReader(flate.NewReader(r), int64(len(content))+1))
	var sum [4]byte
	if err != nil || n != int64(len(content)) {
		return false
	}
	if _, err := io.ReadFull(r, sum[:]); err != nil {
		return false
	}
	return binary.BigEndian.Uint32(sum[:]) == adler32.Checksum(content)
}

func parseZlib(in *format.Input) error {
	s := newStream(in)
	var inflate inflater
	started := false
	return s.run(func() (*unit, error) {
		if started && !zlibHeader(s.f.peek(2)) {
			return nil, io.EOF
		}
		started = true
		var head [2]byte
		if err := s.f.take(head[:]); err != nil {
			return nil, err
		}
		if !zlibHeader(head[:]) {
			return nil, corrupt("zlib header")
		}
		if head[1]&zlibDict != 0 {
			return nil, fmt.Errorf("zlib stream with a preset dictionary: %w", errUnsupported)
		}
		sum := &summed{r: inflate.reader(s.f), h: adler32.New()}
		return &unit{Reader: sum, finish: func() error {
			var b [4]byte
			at := s.f.offset()
			if err := s.f.take(b[:]); err != nil {
				return err
			}
			if want := binary.BigEndian.Uint32(b[:]); want != sum.h.Sum32() {
				s.odd.add(weir.OddChecksum, at, 4, "zlib stream has checksum %08x, not %08x", sum.h.Sum32(), want)
			}
			return nil
		}}, nil
	})
}
