package java

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"

	"weir"
	"weir/internal/format"
)

// Bounds of the search.
const (
	searchChunk   = 256 << 10
	searchOverlap = 2 << 10 // more than a descriptor up to its flags
	maxSearched   = 256     // names that are told
	minSearched   = 3       // letters of a name
	maxSearchName = 256
)

// search looks through all bytes for descriptors of classes that the grammar did not meet, and tells them. A reader that knows the classes can
// leave the grammar's path: a class whose own readObject reads objects where its descriptor announces none, an Externalizable of protocol
// version 1, anything behind the place where we broke off.
func (p *parser) search() error {
	if p.quiet {
		return nil
	}
	buf := make([]byte, min(p.in.Size, searchChunk+searchOverlap))
	told := 0
	for at := int64(0); at < p.in.Size; at += searchChunk {
		n, err := p.in.ReadAt(buf[:min(int64(len(buf)), p.in.Size-at)], at)
		if n == 0 && err != nil && err != io.EOF {
			return err
		}
		b := buf[:n]
		end := min(n, searchChunk)
		for _, code := range []byte{tcClassDesc, tcProxyClassDesc} {
			for i := 0; i < end; i++ {
				j := bytes.IndexByte(b[i:end], code)
				if j < 0 {
					break
				}
				i += j
				names := descriptorAt(b[i:])
				if len(names) > 0 && p.given(at+int64(i)) {
					continue
				}
				for _, name := range names {
					if told >= maxSearched || p.book.stats[name] != nil || p.book.faces[name] {
						continue
					}
					told++
					p.book.stats[name] = &stat{first: -1}
					p.in.Emit(weir.Class{
						Name: name, How: weir.ClassDescribed, Field: p.field, Searched: true, At: at + int64(i),
						Evidence: "a descriptor of " + name + " where the stream's grammar has none",
					})
				}
			}
		}
	}
	return nil
}

// given reports whether the engine was handed the bytes at a place.
func (p *parser) given(at int64) bool {
	return slices.ContainsFunc(p.handed, func(r [2]int64) bool { return r[0] <= at && at < r[1] })
}

// descriptorAt gives the class names of a descriptor that may begin at b[0]: one, or the interfaces of a proxy.
func descriptorAt(b []byte) []string {
	if b[0] == tcClassDesc {
		name, rest := nameAt(b[1:])
		// behind the name: serialVersionUID, flags, number of fields
		if name == "" || len(rest) < 11 || rest[8] > 0x1f || rest[8]&6 == 6 {
			return nil
		}
		return []string{name}
	}
	if len(b) < 5 {
		return nil
	}
	n := binary.BigEndian.Uint32(b[1:])
	if n == 0 || n > 64 {
		return nil
	}
	var names []string
	for b = b[5:]; n > 0; n-- {
		name, rest := nameAt(b)
		if name == "" {
			return nil
		}
		names = append(names, name)
		b = rest
	}
	return names
}

// nameAt takes a class name with its length.
func nameAt(b []byte) (string, []byte) {
	if len(b) < 2 {
		return "", nil
	}
	n := int(binary.BigEndian.Uint16(b))
	b = b[2:]
	if len(b) < n || n > maxSearchName || n < minSearched && !(n == 2 && b[0] == '[') {
		return "", nil
	}
	for i, c := range b[:n] {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c == '$', c >= 0x80:
		case c == '[' || c == ';' || c == '.' || c >= '0' && c <= '9' || c == '/' || c == '-':
			if i == 0 && c != '[' {
				return "", nil
			}
		default:
			return "", nil
		}
	}
	return string(b[:n]), b[n:]
}

// probe follows the stream at the beginning of in without telling anything. It reports where the stream ends (or breaks) and whether it is one:
// no accident makes a class descriptor with a name, or a string, right behind the magic.
func probe(in *format.Input) (end int64, ok bool) {
	p := newParser(in, "")
	p.quiet = true
	err := p.streams()
	end = p.rd.offset()
	if err == nil {
		return end, p.book.elements > 0
	}
	for name := range p.book.stats {
		if n, _ := nameAt(append([]byte{byte(len(name) >> 8), byte(len(name))}, name...)); n != "" {
			return end, true
		}
	}
	return end, p.book.elements > 0
}
