package wire

import "bytes"

// chunks reads the framing of a chunked body (RFC 9112, 7.1) in its plainest form: a size in hexadecimal without leading zeros, CRLF, that many
// bytes, CRLF; the last is "0" CRLF CRLF. Extensions and trailers, which readers disagree about, are refused.
type chunks struct {
	at     chunkPart
	left   uint64 // bytes of data
	digits int
}

type chunkPart int

const (
	chunkSize chunkPart = iota
	chunkSizeLF
	chunkData
	chunkCR
	chunkLF
	chunkEndCR
	chunkEndLF
)

// maxChunkDigits bounds a chunk to 2^60 bytes, so that no reader's number overflows.
const maxChunkDigits = 15

// step advances over b: n bytes belong to the body, done says that they end it.
func (k *chunks) step(b []byte) (n int, done bool, err error) {
	for n < len(b) {
		c := b[n]
		switch k.at {
		case chunkData:
			d := min(uint64(len(b)-n), k.left)
			k.left -= d
			n += int(d)
			if k.left == 0 {
				k.at = chunkCR
			}
			continue
		case chunkSize:
			if r := k.size(c); r != nil {
				return n, false, r
			}
		default:
			want := byte('\n')
			if k.at == chunkCR || k.at == chunkEndCR {
				want = '\r'
			}
			if c != want {
				return n, false, k.wrong(c)
			}
			done = k.at == chunkEndLF
			k.next()
		}
		if n++; done {
			return n, true, nil
		}
	}
	return n, false, nil
}

// size takes one byte of the line with the size.
func (k *chunks) size(c byte) error {
	if c == '\r' && k.digits > 0 {
		k.at = chunkSizeLF
		return nil
	}
	d := unhex(c)
	switch {
	case d < 0 && bytes.IndexByte([]byte("; \t"), c) >= 0:
		return bad("wire/chunk-extension", "a chunk's size is followed by something: extensions are not allowed")
	case d < 0:
		return bad("wire/chunk", "a chunk's size is not a hexadecimal number that ends in CR LF")
	case k.digits > 0 && k.left == 0:
		return bad("wire/chunk", "a chunk's size starts with a zero")
	case k.digits >= maxChunkDigits:
		return bad("wire/chunk", "a chunk's size is too large")
	}
	k.left = k.left<<4 | uint64(d)
	k.digits++
	return nil
}

func (k *chunks) next() {
	switch k.at {
	case chunkSizeLF:
		k.digits = 0
		k.at = chunkData
		if k.left == 0 {
			k.at = chunkEndCR
		}
	case chunkCR:
		k.at = chunkLF
	case chunkLF:
		k.at = chunkSize
	case chunkEndCR:
		k.at = chunkEndLF
	}
}

func (k *chunks) wrong(c byte) error {
	if k.at == chunkEndCR {
		return bad("wire/trailer", "trailers are not allowed")
	}
	return bad("wire/chunk", "a chunk does not end in CR LF")
}
