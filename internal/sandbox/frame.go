package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// The wire: one stream socket. Worker to parent: frames of a length (4 bytes, big endian, of what follows the kind), a kind and a payload.
// Parent to worker: requests of a length, the number of files, the time left in nanoseconds (0: none) and a payload; the files travel as
// control messages in the order of the requests that need them.
const (
	frameHeader   = 5
	requestHeader = 4 + 2 + 8
)

// maxRequest bounds a request's payload: requests name work, the bytes come through files.
const maxRequest = 16 << 20

type kind byte

const (
	kindHello kind = iota + 1 // the report; first and once
	kindData                  // a frame of the handler
	kindEnd                   // the request is answered
	kindError                 // the request is answered with an error; its text
	kindPanic                 // the handler panicked; the worker exits
)

var (
	errFrameKind  = errors.New("frame of an unknown kind")
	errFrameSize  = errors.New("frame longer than allowed")
	errReplyFlood = errors.New("reply longer than allowed")
)

// frameReader cuts frames out of a stream that a hostile process writes. Its buffer grows with what really came, never with what a length claims.
type frameReader struct {
	src  io.Reader
	max  int
	buf  []byte
	r, w int
}

const readSize = 64 << 10

// next gives the next frame; the payload is valid until the next call. io.EOF means the end between frames, io.ErrUnexpectedEOF within one.
func (f *frameReader) next() (kind, []byte, error) {
	if err := f.need(frameHeader); err != nil {
		return 0, nil, err
	}
	n := int64(binary.BigEndian.Uint32(f.buf[f.r:]))
	k := kind(f.buf[f.r+4])
	if k < kindHello || k > kindPanic {
		return 0, nil, errFrameKind
	}
	if n > int64(f.max) {
		return 0, nil, errFrameSize
	}
	if err := f.need(frameHeader + int(n)); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	p := f.buf[f.r+frameHeader : f.r+frameHeader+int(n)]
	f.r += frameHeader + int(n)
	return k, p, nil
}

// buffered is how many bytes wait that were read but not cut.
func (f *frameReader) buffered() int { return f.w - f.r }

func (f *frameReader) need(n int) error {
	for f.w-f.r < n {
		if f.r > 0 {
			copy(f.buf, f.buf[f.r:f.w])
			f.w -= f.r
			f.r = 0
		}
		if f.w == len(f.buf) {
			grown := make([]byte, max(readSize, 2*len(f.buf)))
			copy(grown, f.buf[:f.w])
			f.buf = grown
		}
		m, err := f.src.Read(f.buf[f.w:])
		f.w += m
		if m == 0 && err != nil {
			if errors.Is(err, io.EOF) && f.w > f.r {
				return io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// trim gives back a buffer that one large frame grew.
func (f *frameReader) trim() {
	if len(f.buf) > 16*readSize && f.buffered() == 0 {
		f.buf, f.r, f.w = nil, 0, 0
	}
}

// appendFrame writes a frame's header and payload.
func appendFrame(b []byte, k kind, payload []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	b = append(b, byte(k))
	return append(b, payload...)
}

// appendRequest writes a request.
func appendRequest(b []byte, files int, left int64, payload []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.BigEndian.AppendUint16(b, uint16(files))
	b = binary.BigEndian.AppendUint64(b, uint64(left))
	return append(b, payload...)
}

// setup is the parent's first request: what the worker is to become.
type setup struct {
	lockdown bool
	limits   Limits
}

const setupMagic = "weir-worker/1\n"

func (s setup) encode() []byte {
	b := []byte(setupMagic)
	lock := byte(0)
	if s.lockdown {
		lock = 1
	}
	b = append(b, lock)
	b = binary.BigEndian.AppendUint64(b, uint64(s.limits.Memory))
	b = binary.BigEndian.AppendUint64(b, uint64(s.limits.Spool))
	return binary.BigEndian.AppendUint64(b, uint64(s.limits.Files))
}

func decodeSetup(b []byte) (setup, error) {
	if len(b) != len(setupMagic)+25 || string(b[:len(setupMagic)]) != setupMagic {
		return setup{}, errors.New("not started by a pool of this version")
	}
	b = b[len(setupMagic):]
	u := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[1+8*i:]) & math.MaxInt64) }
	return setup{lockdown: b[0] == 1, limits: Limits{Memory: u(0), Spool: u(1), Files: int(u(2))}}, nil
}

// encodeReport writes one line per layer.
func encodeReport(r Report) []byte {
	var b []byte
	for _, l := range r.Layers {
		held := "-"
		if l.Held {
			held = "+"
		}
		b = append(b, held+l.Name+"\t"+printable(l.Detail, 200)+"\n"...)
	}
	return b
}

func decodeReport(b []byte) (Report, error) {
	var r Report
	for line := range strings.Lines(string(b)) {
		name, detail, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok || len(name) < 2 || (name[0] != '+' && name[0] != '-') || len(r.Layers) > 32 {
			return Report{}, fmt.Errorf("report line %q", printable(line, 80))
		}
		r.Layers = append(r.Layers, Layer{Name: printable(name[1:], 40), Held: name[0] == '+', Detail: printable(detail, 200)})
	}
	return r, nil
}

// printable makes text of a hostile process fit for one line of a terminal: ASCII alone, at most max bytes.
func printable(s string, max int) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if b.Len() >= max {
			b.WriteString("...")
			break
		}
		c := s[i]
		if c < 0x20 || c > 0x7e {
			c = ' '
		}
		b.WriteByte(c)
	}
	return strings.TrimSpace(b.String())
}

func parseRequest(b []byte) (size, files int, left int64) {
	return int(binary.BigEndian.Uint32(b)), int(binary.BigEndian.Uint16(b[4:])), int64(binary.BigEndian.Uint64(b[6:]))
}
