package archive

import (
	"bytes"
	"io"
	"unicode/utf8"

	"weir"
)

// Headers are bytes of the archive too: a name of a kilobyte, or the 167 bytes behind the fields of a short one, hold any pickle that
// runs a command. What a header holds beside text and numbers goes to the engine like every other gap.

// acts reports whether bytes that should be text could be something that a loader runs or unpacks. Pickles need line ends, short lengths or
// the opcodes EXT1 to EXT4 and STACK_GLOBAL to get at a name; packed content needs control characters as well. Names that are not UTF-8 have
// none of these for the most part, and are not looked at twice.
func acts(b []byte) bool {
	opcodes := false
	for _, c := range b {
		if c < 0x20 && c != 0 || c == 0x7f {
			return true
		}
		opcodes = opcodes || c >= 0x82 && c <= 0x84 || c == 0x93
	}
	return opcodes && !utf8.Valid(b)
}

// headerActs looks at the fields of a header block (POSIX.1-2017, pax, table "ustar Header Block"; other dialects keep numbers and text
// where it has the prefix).
func headerActs(b []byte) bool {
	for _, text := range [][]byte{b[:100], b[157:257], b[265:329], b[345:]} {
		if acts(text) {
			return true
		}
	}
	for _, number := range [][]byte{b[100:108], b[108:116], b[116:124], b[124:136], b[136:148], b[329:337], b[337:345]} {
		if !plainNumber(number) {
			return true
		}
	}
	return false
}

// plainNumber reports whether a field is octal or a number in base 256 that any file can have: its leading bytes are then all alike.
func plainNumber(b []byte) bool {
	if b[0]&0x80 == 0 {
		return len(bytes.Trim(b, "01234567 \x00")) == 0
	}
	const most = 6 // bytes of the largest size or time
	for _, c := range b[1:max(1, len(b)-most)] {
		if c != 0 && c != 0xff {
			return false
		}
	}
	return true
}

// header hands a header block to the engine if it could be more than that; without its checksum, which would make a tar of it again.
func (t *tarWalk) header(b []byte) error {
	if !headerActs(b) {
		return nil
	}
	b = bytes.Clone(b)
	clear(b[148:156])
	_, err := t.in.Nested(gapName("header", t.pos), bytes.NewReader(b), tarBlock)
	return limitOnly(err)
}

// record hands the content of an extended header to the engine.
func (t *tarWalk) record(kind string, e *tarEntry) error {
	_, err := t.in.Nested(gapName(kind, e.data), io.NewSectionReader(t.in.ReaderAt, e.data, e.size), e.size)
	return limitOnly(err)
}

// longName reads a name of GNU tar and accounts for the bytes behind it.
func (t *tarWalk) longName(e *tarEntry, body []byte) (string, error) {
	name := tarText(body)
	rest := int64(len(name))
	if len(bytes.Trim(body[rest:], "\x00")) > 0 {
		t.odd.add(weir.OddGap, e.data+rest, e.size-rest, "bytes follow a GNU long name in its own record")
	}
	if !acts(body) {
		return name, nil
	}
	return name, t.record("name", e)
}
