// Package opaque examines content that no format explains: it reads every byte and searches for what could be hidden there (pickles,
// Java object streams, archives, native libraries, encoded pickles in text).
//
// [Format] is the engine's last resort; nothing matches it by itself.
package opaque

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"weir"
	"weir/internal/format"
	"weir/internal/format/java"
	"weir/internal/format/pickle"
)

// Format is the search.
var Format = format.Format{
	Name:   "opaque",
	Doc:    "content of no known format, searched for what is hidden in it",
	Parsed: true,
	Parse:  parse,
}

// native lists the beginnings of executable files: ELF (System V ABI), Mach-O (mach-o/loader.h, 32 and 64 bit, both orders, fat) and PE.
var native = []struct {
	magic []byte
	name  string
}{
	{[]byte("\x7fELF"), "ELF"},
	{[]byte("\xfe\xed\xfa\xce"), "Mach-O"},
	{[]byte("\xfe\xed\xfa\xcf"), "Mach-O"},
	{[]byte("\xce\xfa\xed\xfe"), "Mach-O"},
	{[]byte("\xcf\xfa\xed\xfe"), "Mach-O"},
}

// lfsPointer begins the small text that stands for a file kept elsewhere (the Git LFS specification, version 1).
const lfsPointer = "version https://git-lfs.github.com/spec/"

var errPointer = errors.New("a Git LFS pointer stands in the place of the file: fetch the file itself (git lfs pull) and scan that")

func parse(in *format.Input) error {
	head := make([]byte, min(in.Size, 4096))
	if _, err := in.ReadAt(head, 0); err != nil && err != io.EOF {
		return err
	}
	if name := executable(head); name != "" {
		in.Emit(weir.Code{Language: "native", Name: name})
	}
	if bytes.HasPrefix(head, []byte(lfsPointer)) && in.Size < 1024 {
		return errPointer
	}
	found, err := pickle.Carve(in, 0)
	if err != nil {
		return err
	}
	if found == 0 && isText(head) {
		if err := text(in); err != nil {
			return err
		}
	}
	_, err = java.Carve(in)
	return err
}

func executable(head []byte) string {
	for _, n := range native {
		if bytes.HasPrefix(head, n.magic) {
			return n.name
		}
	}
	// PE: "MZ", and at 0x3c the offset of "PE\0\0" (Microsoft PE format)
	if len(head) > 0x40 && head[0] == 'M' && head[1] == 'Z' {
		at := int(head[0x3c]) | int(head[0x3d])<<8
		if at+4 <= len(head) && string(head[at:at+4]) == "PE\x00\x00" {
			return "PE"
		}
	}
	return ""
}

func isText(head []byte) bool {
	if bytes.IndexByte(head, 0) >= 0 {
		return false
	}
	for range utf8.UTFMax {
		if utf8.Valid(head) {
			return true
		}
		if len(head) == 0 {
			return false
		}
		head = head[:len(head)-1]
	}
	return false
}

// Bounds of the search for encoded pickles in text.
const (
	minEncoded = 16      // characters
	maxEncoded = 8 << 20 // one encoded string
	maxFound   = 256
	textChunk  = 1 << 20
)

// text searches for base64 that decodes to something that is worth a look: a pickle of protocol 2 to 5, a zip, gzip or zlib
// stream. Java streams are java.Carve's.
func text(in *format.Input) error {
	buf := make([]byte, 0, min(textChunk, in.Size))
	var run []byte // the base64 run that is being read
	var runAt int64
	found := 0
	flush := func() error {
		defer func() { run = run[:0] }()
		if len(run) < minEncoded || found >= maxFound {
			return nil
		}
		if b, err := hex.DecodeString(string(run[:len(run)&^1])); err == nil && bytes.ContainsAny(run, "abcdefABCDEF") && telling(b) { // not a long decimal
			found++
			_, err := in.Nested(fmt.Sprintf("hex@%d", runAt), bytes.NewReader(b), int64(len(b)))
			return err
		}
		out := decode64(run)
		if beginning(out) {
			rest, err := lines(in, runAt) // a pickle in short or indented lines
			if err != nil {
				return err
			}
			if longer := decode64(rest); len(longer) > len(out) {
				out = longer
			}
		}
		if len(out) < 8 || !telling(out) {
			return nil
		}
		found++
		_, err := in.Nested(fmt.Sprintf("base64@%d", runAt), bytes.NewReader(out), int64(len(out)))
		return err
	}
	for at := int64(0); at < in.Size; {
		n := int(min(textChunk, in.Size-at))
		buf = buf[:n]
		got, err := in.ReadAt(buf, at)
		if got < n && err != nil && err != io.EOF {
			return err
		}
		if got == 0 {
			break
		}
		for i, c := range buf[:got] {
			switch {
			case c == '-':
				c = '+'
			case c == '_':
				c = '/'
			}
			if isBase64(c) {
				if len(run) == 0 {
					runAt = at + int64(i)
				}
				if len(run) < maxEncoded {
					run = append(run, c)
				}
				continue
			}
			if c == '\n' || c == '\r' { // wrapped base64 goes on in the next line
				if len(run) >= 60 {
					continue
				}
			}
			if err := flush(); err != nil {
				return err
			}
		}
		at += int64(got)
	}
	return flush()
}

func decode64(run []byte) []byte {
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(run)))
	n, _ := base64.RawStdEncoding.Decode(out, run)
	return out[:n]
}

// beginning reports whether b is the beginning of a pickle that goes on.
func beginning(b []byte) bool {
	if len(b) < 2 || b[0] != 0x80 || b[1] > 5 {
		return false
	}
	_, more := pickle.Credible(b)
	return more
}

// maxLines bounds what is read of base64 that lies in several lines.
const maxLines = 256 << 10

// lines gives the base64 from an offset on, with all white space, quotes, commas and signs of concatenation taken out.
func lines(in *format.Input, at int64) ([]byte, error) {
	b := make([]byte, min(maxLines, in.Size-at))
	n, err := in.ReadAt(b, at)
	if n < len(b) && err != nil && err != io.EOF {
		return nil, err
	}
	out := b[:0]
	for _, c := range b[:n] {
		switch {
		case c == '-':
			c = '+'
		case c == '_':
			c = '/'
		case c <= ' ' || c == '"' || c == '\'' || c == ',' || c == '\\':
			continue
		}
		if !isBase64(c) {
			return out, nil
		}
		out = append(out, c)
	}
	return out, nil
}

func isBase64(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/'
}

const base64Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_\r\n"

// telling reports whether bytes begin like something that can hold code.
func telling(b []byte) bool {
	if len(b) < 6 {
		return false
	}
	if b[0] < 0x80 && pickle.Match(format.Head{Size: int64(len(b)), First: b[:min(len(b), format.HeadSize)]}) {
		return true // protocol 0
	}
	switch {
	case b[0] == 0x80 && b[1] <= 5:
		yes, _ := pickle.Credible(b) // a digest in hexadecimal may begin so too
		return yes
	case string(b[:2]) == "PK" && b[2] == 3:
	case b[0] == 0x1f && b[1] == 0x8b:
	case b[0] == 0x78 && (b[1] == 0x01 || b[1] == 0x5e || b[1] == 0x9c || b[1] == 0xda):
	case bytes.Index(b, []byte("\xac\xed\x00\x05")) > 0: // a Java object stream behind something else
	case len(b) >= minEncoded && len(bytes.Trim(b, base64Letters)) == 0: // encoded twice
	default:
		return false
	}
	return true
}
