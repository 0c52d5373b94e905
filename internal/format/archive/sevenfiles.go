package archive

import (
	"encoding/binary"
	"fmt"
	"unicode/utf16"
)

// archive reads a whole header.
func (r *sevenReader) archive() (*sevenArchive, error) {
	a := &sevenArchive{}
	for r.err == nil {
		switch id := r.byte(); id {
		case sevenProperties:
			for r.err == nil && r.byte() != sevenEnd {
				r.bytes(r.length())
			}
		case sevenAdditional:
			if _, err := r.streams(); err != nil {
				return nil, err
			}
			return nil, fmt.Errorf("additional streams: %w", errUnsupported)
		case sevenMainStreams:
			s, err := r.streams()
			if err != nil {
				return nil, err
			}
			a.sevenStreams = *s
		case sevenFiles:
			if err := r.files(a); err != nil {
				return nil, err
			}
		case sevenEnd:
			return a, r.err
		default:
			r.fail("property %#x in a header", id)
		}
	}
	return nil, r.err
}

func (r *sevenReader) files(a *sevenArchive) error {
	a.files = make([]sevenFile, r.count())
	var empty, emptyFile, anti []bool
	for r.err == nil {
		id := r.byte()
		if id == sevenEnd {
			break
		}
		p := &sevenReader{b: r.bytes(r.length()), most: r.most}
		switch id {
		case sevenEmptyStream:
			empty = p.bits(len(a.files))
		case sevenEmptyFile:
			emptyFile = p.bits(countTrue(empty))
		case sevenAnti:
			anti = p.bits(countTrue(empty))
		case sevenNames:
			p.names(a.files)
		case sevenAttributes:
			p.attributes(a.files)
		}
		if p.err != nil {
			r.fail("property %#x: %v", id, p.err)
		}
	}
	k := 0
	for i := range a.files {
		f := &a.files[i]
		if f.stream = len(empty) == 0 || !empty[i]; f.stream {
			continue
		}
		f.folder = k >= len(emptyFile) || !emptyFile[k]
		f.anti = k < len(anti) && anti[k]
		k++
	}
	return r.err
}

func countTrue(b []bool) int {
	n := 0
	for _, x := range b {
		if x {
			n++
		}
	}
	return n
}

func (r *sevenReader) names(files []sevenFile) {
	if r.byte() != 0 {
		r.fail("names outside the header")
		return
	}
	var units []uint16
	for i := range files {
		units = units[:0]
		for {
			b := r.bytes(2)
			if b == nil {
				return
			}
			u := binary.LittleEndian.Uint16(b)
			if u == 0 {
				break
			}
			units = append(units, u)
		}
		files[i].name = string(utf16.Decode(units))
	}
}

func (r *sevenReader) attributes(files []sevenFile) {
	set := r.optional(len(files))
	if r.byte() != 0 {
		r.fail("attributes outside the header")
		return
	}
	for i := range files {
		if set[i] {
			files[i].attributes = r.uint32()
		}
	}
}
