package pickle

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxLayer bounds decoded layers that are held in memory; literals in the file itself are handed on without a copy.
const maxLayer = 8 << 20

// maxNested bounds how many byte strings of one run are handed back to the engine.
const maxNested = 256

// shortBytes is less than any pickle needs that calls something with an argument.
const shortBytes = 16

// examineBytes hands byte strings among the arguments of a call back to the engine, which recognises what they are: nested pickles, code
// objects, archives.
func (m *machine) examineBytes(items []val) {
	if m.quiet || m.in.Nested == nil {
		return
	}
	for _, v := range items {
		if v.k <= kFloat || v.k == kBytes && m.size(v) < shortBytes && m.short >= maxNested {
			continue
		}
		r, n, name, ok := m.bytesOf(v, 0)
		if !ok || n < 4 {
			continue
		}
		if n < shortBytes { // the state of a date; they must not use up what is there for others
			if m.short++; m.short > maxNested {
				continue
			}
		} else if m.nested++; m.nested > maxNested {
			return
		}
		if _, err := m.in.Nested(fmt.Sprintf("%s@%d", name, v.at(m.opAt)), r, n); err != nil {
			return // the engine has said so
		}
	}
}

// at gives a place for a value: its literal, else where it was made.
func (v val) at(now int64) int64 {
	if v.k == kBytes || v.k == kStr || v.k.onHeap() && v.n > 0 {
		return v.n
	}
	return now
}

// bytesOf gives the content of a value that is a byte string, also one that harmless decoders make from a literal.
func (m *machine) bytesOf(v val, depth int) (r io.ReaderAt, n int64, name string, ok bool) {
	switch v.k {
	case kBytes:
		return io.NewSectionReader(m.in, v.n, m.size(v)), m.size(v), "bytes", true
	case kStr:
		if n := m.size(v); n < 4 || n > maxLayer {
			return nil, 0, "", false
		}
		switch v.enc {
		case encLatin:
			return io.NewSectionReader(m.in, v.n, m.size(v)), m.size(v), "bytes", true
		case encEscape:
			b := unescape(m.rd.at(v.n, m.size(v), maxLayer))
			return bytes.NewReader(b), int64(len(b)), "bytes", true
		}
	case kCall, kInst:
		items := m.items(v)
		if depth > 8 || m.calleeGlobal(v) == nil || len(items) == 0 {
			return nil, 0, "", false
		}
		arg := items[0]
		callee := canonical(m.calleeGlobal(v))
		switch callee {
		case "_io.BytesIO", "io.BytesIO", "builtins.bytes", "builtins.bytearray", "builtins.memoryview":
			return m.bytesOf(arg, depth+1)
		case "_codecs.encode", "codecs.encode":
			if s, whole := m.text(arg, maxLayer); whole && len(items) == 2 {
				if b, ok := toLatin1(s); ok {
					return bytes.NewReader(b), int64(len(b)), "bytes", true
				}
			}
		case "base64.b64decode", "base64.decodebytes", "base64.urlsafe_b64decode", "base64.standard_b64decode", "binascii.a2b_base64", "base64.decodestring":
			if b, ok := m.raw(arg, depth); ok {
				return decoded(unbase64(b), "base64")
			}
		case "binascii.unhexlify", "binascii.a2b_hex", "builtins.bytes.fromhex", "base64.b16decode":
			if b, ok := m.raw(arg, depth); ok {
				d, err := hex.DecodeString(string(bytes.TrimSpace(b)))
				return decoded(d, "hex", err)
			}
		case "zlib.decompress", "bz2.decompress", "gzip.decompress", "lzma.decompress", "_bz2.decompress", "_lzma.decompress":
			return m.bytesOf(arg, depth+1) // the engine inflates it, within its budget
		case "codecs.decode", "_codecs.decode":
			if len(items) > 1 {
				how, _ := m.constant(items[1])
				if b, ok := m.raw(arg, depth); ok {
					switch strings.Trim(strings.ReplaceAll(strings.ToLower(how), "-", "_"), " ") {
					case "hex", "hex_codec":
						d, err := hex.DecodeString(string(bytes.TrimSpace(b)))
						return decoded(d, "hex", err)
					case "base64", "base64_codec", "base_64":
						return decoded(unbase64(b), "base64")
					case "zlib", "zlib_codec", "zip", "bz2", "bz2_codec":
						return decoded(b, "bytes")
					}
				}
			}
		}
	}
	return nil, 0, "", false
}

func decoded(b []byte, name string, errs ...error) (io.ReaderAt, int64, string, bool) {
	for _, err := range errs {
		if err != nil {
			return nil, 0, "", false
		}
	}
	return bytes.NewReader(b), int64(len(b)), name, len(b) > 0
}

// raw gives the bytes of a value, bounded.
func (m *machine) raw(v val, depth int) ([]byte, bool) {
	if v.k == kStr {
		s, whole := m.text(v, maxLayer)
		return []byte(s), whole
	}
	r, n, _, ok := m.bytesOf(v, depth+1)
	if !ok || n > maxLayer {
		return nil, false
	}
	b := make([]byte, n)
	got, err := r.ReadAt(b, 0)
	return b[:got], got == len(b) || err == nil
}

func unbase64(b []byte) []byte {
	b = bytes.Map(func(r rune) rune {
		switch {
		case r == '-':
			return '+'
		case r == '_':
			return '/'
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '+', r == '/':
			return r
		}
		return -1
	}, b)
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(b)))
	n, _ := base64.RawStdEncoding.Decode(out, b)
	return out[:n]
}

func toLatin1(s string) ([]byte, bool) {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff || r == utf8.RuneError {
			return nil, false
		}
		b = append(b, byte(r))
	}
	return b, true
}
