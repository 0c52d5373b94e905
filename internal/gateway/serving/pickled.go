package serving

import (
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"io"
	"strings"
)

// Bounds of the search for serialised objects.
const (
	maxLayers  = 4       // base64 in gzip in base64 …
	maxInflate = 1 << 20 // bytes of a compressed layer that are looked at
	maxOpcodes = 200_000
)

// serialised says what kind of serialised object bytes are, or nothing. It looks through base64, hexadecimal digits, gzip, zlib, bzip2 and zip. It
// is for values in requests, where no honest client has one: whole files are for the scanner.
func serialised(b []byte) string { return inLayers(b, maxLayers) }

func inLayers(b []byte, layers int) string {
	if len(b) < 4 || layers == 0 {
		return ""
	}
	switch {
	case pickled(b):
		return "a pickle"
	case bytes.HasPrefix(b, []byte{0xac, 0xed, 0x00, 0x05}):
		return "a Java object stream"
	case bytes.HasPrefix(b, []byte("\x93NUMPY")):
		return npyOfObjects(b)
	case bytes.HasPrefix(b, []byte("PK\x03\x04")):
		return inZip(b, layers-1)
	case bytes.HasPrefix(b, []byte("\xfd7zXZ\x00")), bytes.HasPrefix(b, []byte("ZF")) && len(b) > 20 && bytes.HasPrefix(b[2:], []byte("0x")):
		return "a compressed object that the gate cannot look into"
	}
	if plain := inflate(b); plain != nil {
		return inLayers(plain, layers-1)
	}
	if plain := decode(b); plain != nil {
		return inLayers(plain, layers-1)
	}
	return ""
}

// inflate gives the start of what is compressed in b, or nil.
func inflate(b []byte) []byte {
	var r io.Reader
	var err error
	switch {
	case b[0] == 0x1f && b[1] == 0x8b:
		r, err = gzip.NewReader(bytes.NewReader(b))
	case b[0] == 0x78 && (uint(b[0])<<8|uint(b[1]))%31 == 0: // RFC 1950
		r, err = zlib.NewReader(bytes.NewReader(b))
	case bytes.HasPrefix(b, []byte("BZh")):
		r = bzip2.NewReader(bytes.NewReader(b))
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	out, _ := io.ReadAll(io.LimitReader(r, maxInflate)) // what came before an error counts
	return out
}

// decode gives what base64 or hexadecimal text says, or nil when b is neither. It reads as leniently as Python's base64.b64decode, which skips
// whatever is not of the alphabet; both alphabets, with and without padding, alone or in a data: URL.
func decode(b []byte) []byte {
	text := strings.TrimSpace(string(b))
	if i := strings.Index(text[:min(len(text), 256)], ";base64,"); i >= 0 && strings.HasPrefix(text, "data:") {
		text = text[i+len(";base64,"):]
	}
	if len(text) < 12 {
		return nil
	}
	if out, err := hex.DecodeString(strings.ReplaceAll(text, " ", "")); err == nil {
		return out
	}
	clean := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '-':
			clean = append(clean, '+')
		case c == '_':
			clean = append(clean, '/')
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '+', c == '/':
			clean = append(clean, c)
		case c >= 0x80 && len(clean) == 0:
			return nil // it begins as no base64 does
		}
	}
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(clean)))
	n, err := base64.RawStdEncoding.Decode(out, clean)
	if err != nil && n == 0 {
		return nil
	}
	return out[:n]
}

// npyOfObjects looks at the header, a Python literal: {'descr': '|O', …} (numpy/lib/format.py).
func npyOfObjects(b []byte) string {
	head := b[:min(len(b), 64<<10)]
	if bytes.Contains(head, []byte("|O'")) || bytes.Contains(head, []byte("'O'")) {
		return "an npy file of objects"
	}
	return ""
}

func inZip(b []byte, layers int) string {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return ""
	}
	for i, f := range z.File {
		if i == 1000 {
			return "an archive with more members than the gate looks at"
		}
		r, err := f.Open()
		if err != nil {
			continue
		}
		part, _ := io.ReadAll(io.LimitReader(r, maxInflate))
		r.Close()
		if what := inLayers(part, layers); what != "" {
			return what + " in an archive"
		}
	}
	return ""
}

// How the arguments of pickle's opcodes lie in the stream (CPython, Lib/pickletools.py): so many bytes, lines, or a count and then so many bytes.
const (
	noOp   = 0
	argN   = 0x10 // | n: n bytes
	lines1 = 0x20
	lines2 = 0x30
	count1 = 0x40
	count4 = 0x50
	count8 = 0x60
	none   = 0x70
)

var opcodes = func() (t [256]byte) {
	for _, c := range []byte("(.012NQRabd}elo]s)tu") {
		t[c] = none
	}
	for _, c := range []byte("FILPSVgp") {
		t[c] = lines1
	}
	t['c'], t['i'] = lines2, lines2
	for _, c := range []byte("Khq") {
		t[c] = argN | 1
	}
	t['M'] = argN | 2
	for _, c := range []byte("Jjr") {
		t[c] = argN | 4
	}
	t['G'], t[0x95] = argN|8, argN|8
	t['T'], t['X'], t['B'], t[0x8b] = count4, count4, count4, count4
	t['U'], t['C'], t[0x8a], t[0x8c] = count1, count1, count1, count1
	t[0x8d], t[0x8e], t[0x96] = count8, count8, count8
	t[0x80], t[0x82] = argN|1, argN|1
	t[0x83], t[0x84] = argN|2, argN|4
	for _, c := range []byte{0x81, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8f, 0x90, 0x91, 0x92, 0x93, 0x94, 0x97, 0x98} {
		t[c] = none
	}
	return t
}()

// pushNothing are the opcodes after which the stack is no deeper: calling needs an object and its arguments there.
var pushNothing = []byte("(.01pqrRbaesudRo\x80\x81\x90\x92\x94\x95\x98")

// pickled walks over opcodes without carrying them out. Bytes are a pickle when they begin with PROTO and go on with opcodes, or name an object
// and then call it or end: loading stops at the first wrong opcode, but what came before was carried out.
func pickled(b []byte) bool {
	proto := len(b) > 2 && b[0] == 0x80 && b[1] >= 2 && b[1] <= 5
	names, marks, pushed, steps := 0, 0, 0, 0
	for at := 0; at < len(b) && steps < maxOpcodes; steps++ {
		op := b[at]
		next := step(b, at)
		if next < 0 {
			break
		}
		if bytes.IndexByte(pushNothing, op) < 0 {
			pushed++
		}
		switch op {
		case 'c', 0x93, 0x82, 0x83, 0x84:
			if op != 'c' || identifiers(b[at+1:next]) {
				names++
			}
		case '(':
			marks++
		case 'i':
			if marks > 0 && identifiers(b[at+1:next]) {
				return true
			}
		case 'R', 'o', 'b', 0x81, 0x92:
			if names > 0 && pushed > 1 {
				return true
			}
		case '.':
			return names > 0 || proto
		}
		at = next
	}
	return proto && steps > 1 || names > 0 && steps >= maxOpcodes
}

// step gives the offset behind the opcode at at, or -1.
func step(b []byte, at int) int {
	kind := opcodes[b[at]]
	at++
	var count uint64
	switch {
	case kind == noOp:
		return -1
	case kind == none:
		return at
	case kind == lines1 || kind == lines2:
		for range 1 + int(kind-lines1)>>4 {
			i := bytes.IndexByte(b[at:], '\n')
			if i < 0 {
				return -1
			}
			at += i + 1
		}
		return at
	case kind >= argN && kind < lines1:
		at += int(kind & 15)
		if at > len(b) {
			return -1
		}
		return at
	case kind == count1 && at < len(b):
		count, at = uint64(b[at]), at+1
	case kind == count4 && at+4 <= len(b):
		count, at = uint64(binary.LittleEndian.Uint32(b[at:])), at+4
	case kind == count8 && at+8 <= len(b):
		count, at = binary.LittleEndian.Uint64(b[at:]), at+8
	default:
		return -1
	}
	if count > uint64(len(b)-at) {
		return -1
	}
	return at + int(count)
}

// identifiers says whether two lines are a module's and an object's name.
func identifiers(b []byte) bool {
	for line := range bytes.SplitSeq(bytes.TrimSuffix(b, []byte{'\n'}), []byte{'\n'}) {
		if len(line) == 0 || len(line) > 200 {
			return false
		}
		for _, c := range line {
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '.' && c < 0x80 {
				return false
			}
		}
	}
	return true
}
