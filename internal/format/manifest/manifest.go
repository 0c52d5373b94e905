// Package manifest reads every file in which an ML project says, or hides, what it is made of: requirements and lock files, environments,
// notebooks, container and CI files, build files and bills of materials, and emits each statement as a requirement, none dropped.
//
// Start with [Formats]. A parser reads one file and nothing beside it: files that it names are [weir.Include] facts, which
// internal/dependency follows among what was scanned, and package indexes are [weir.Setting] facts with these keys, the address as value:
//
//	index.url           the index that replaces the default one
//	index.extra         a further index: any of them may answer for any name
//	index.find-links    a page or folder with archives
//	index.trusted-host  a host whose certificate is not checked
//	index.none          no index is asked
//	index.channel       a channel of conda
//	pip.option          a whole line with an option of pip, as written
//	pip.source          a whole line with an address or a path, as written
//	python              the versions of Python that are asked for
//
// What all parsers share: [text] (the bytes of a file and the places in them), [node] (one tree for JSON, TOML and YAML), the requirement
// strings of PEP 508 (pep508.go) and commands that install packages (command.go).
package manifest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"sort"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"weir"
	"weir/internal/format"
)

// Formats lists the family.
var Formats = manifests(slices.Concat(
	pythonFormats, npmFormats, goFormats, cargoFormats, sbomFormats, mavenFormats, gradleFormats, jarFormats, vendoredFormats, dockerFormats,
	scriptFormats, yamlFormats,
))

// manifests marks the formats of this room as what they all are, and bounds what their parsers say.
func manifests(formats []format.Format) []format.Format {
	for i := range formats {
		formats[i].Manifest = true
		if parse := formats[i].Parse; parse != nil {
			formats[i].Parse = func(in *format.Input) error { return parse(bounding(in)) }
		}
	}
	return formats
}

// maxText bounds in bytes what is read of one manifest. The longest honest ones are lock files of conda and npm, of a few MiB.
const maxText = 24 << 20

// maxStatement bounds in bytes the text of one statement that is kept for a person.
const maxStatement = 2048

// text is a manifest in memory, decoded to UTF-8.
type text struct {
	b      []byte
	starts []int // of the lines; made when first asked for
	shift  int64 // bytes of a byte order mark before b
	edited bool  // b is not the file's own bytes: it was decoded from UTF-16 or UTF-32
}

// parser makes a format's Parse of a function that emits what a text says.
func parser(name string, read func(*format.Input, *text) error) func(*format.Input) error {
	return func(in *format.Input) error {
		t, err := load(in)
		return fail(name, err, read(in, t))
	}
}

// load reads a manifest, decodes it by its byte order mark as pip does, and replaces what is no UTF-8. The error says that not all was read.
func load(in *format.Input) (*text, error) {
	b := make([]byte, min(in.Size, maxText))
	n, err := in.ReadAt(b, 0)
	switch {
	case n == len(b):
		if err = nil; in.Size > maxText {
			err = fmt.Errorf("longer than the %d bytes that are read of such a file: %w", maxText, format.ErrLimit)
		}
	case err == nil || errors.Is(err, io.EOF):
		err = errors.New("ends early")
	}
	return decode(b[:n]), err
}

// decode undoes a byte order mark; pip/_internal/utils/encoding.py tries the marks in this order.
func decode(b []byte) *text {
	t := &text{b: b}
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		t.b, t.shift = b[3:], 3
	case bytes.HasPrefix(b, []byte("\xff\xfe\x00\x00")) || bytes.HasPrefix(b, []byte("\x00\x00\xfe\xff")):
		var order binary.ByteOrder = binary.LittleEndian
		if b[0] == 0 {
			order = binary.BigEndian
		}
		t.b, t.edited = make([]byte, 0, len(b)/4), true
		for i := 4; i+4 <= len(b); i += 4 {
			t.b = utf8.AppendRune(t.b, rune(order.Uint32(b[i:])&0x7fffffff))
		}
	case bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")):
		var order binary.ByteOrder = binary.LittleEndian
		if b[0] == 0xfe {
			order = binary.BigEndian
		}
		units := make([]uint16, 0, len(b)/2)
		for i := 2; i+2 <= len(b); i += 2 {
			units = append(units, order.Uint16(b[i:]))
		}
		t.b, t.edited = []byte(string(utf16.Decode(units))), true
	}
	if !utf8.Valid(t.b) {
		t.b, t.edited = bytes.ToValidUTF8(t.b, []byte("?")), true
	}
	return t
}

// line gives the number, from 1, of the line that holds offset at of b.
func (t *text) line(at int) int {
	if t.starts == nil {
		t.starts = []int{0}
		for i, c := range t.b {
			if c == '\n' {
				t.starts = append(t.starts, i+1)
			}
		}
	}
	return sort.SearchInts(t.starts, at+1)
}

// span gives a range of b as a range of the file; the zero Span where the file's bytes are others.
func (t *text) span(at, size int) weir.Span {
	if t.edited || at < 0 || size <= 0 || at+size > len(t.b) {
		return weir.Span{}
	}
	return weir.Span{At: int64(at) + t.shift, Size: int64(size)}
}

// textual reports whether content begins like text; a byte order mark of UTF-16 or UTF-32 counts.
func textual(b []byte) bool {
	b = b[:min(len(b), 512)]
	if len(b) == 0 {
		return false
	}
	if bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) || bytes.HasPrefix(b, []byte("\x00\x00\xfe\xff")) {
		b = decode(b).b
	}
	for _, c := range b {
		if c < '\t' || c > '\r' && c < '\x1b' { // vertical tabs and separators are line breaks for Python
			return false
		}
	}
	return true
}

// called accepts text under one of these base names.
func called(h format.Head, names ...string) bool {
	return slices.Contains(names, path.Base(h.Name)) && textual(h.First)
}

// holds reports whether a line of content begins with one of the words.
func holds(b []byte, words ...string) bool {
	for _, w := range words {
		if bytes.HasPrefix(b, []byte(w)) || bytes.Contains(b, []byte("\n"+w)) {
			return true
		}
	}
	return false
}

// cut shortens text for a person.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// fail joins errors and says in which kind of file they happened; nil without any.
func fail(what string, errs ...error) error {
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// unresolved is a statement of which it cannot be said which package or version it means.
func unresolved(ecosystem, statement, reason string, line int) weir.Requirement {
	return weir.Requirement{
		Ecosystem: ecosystem, State: weir.PinUnresolved, Reason: reason, Text: cut(strings.TrimSpace(statement), maxStatement), Line: line, Direct: true,
		Origin: weir.OriginManifest,
	}
}
