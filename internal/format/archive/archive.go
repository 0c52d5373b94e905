// Package archive reads containers: zip, tar, gzip, zlib, bzip2, xz, lzma, zstd, lz4 and 7z. Every byte of them is accounted for, every
// reading that some real reader takes is followed, and members go back to the engine.
//
// Start with the Format values (Zip, Tar, Gzip …). Formats that are built on zip files begin with [OpenZip].
package archive

import (
	"errors"
	"fmt"
	"io"

	"weir"
	"weir/internal/format"
)

// maxOfKind bounds the oddities of one kind that one parse hands over; the rest is counted.
const maxOfKind = 100

// oddities collects irregularities, bounded by kind, and hands each to emit.
type oddities struct {
	emit   func(weir.Oddity)
	counts map[weir.OddityKind]int
}

func newOddities(emit func(weir.Oddity)) *oddities {
	return &oddities{emit: emit, counts: map[weir.OddityKind]int{}}
}

func oddTo(in *format.Input) *oddities {
	return newOddities(func(o weir.Oddity) { in.Emit(o) })
}

func (o *oddities) add(kind weir.OddityKind, at, size int64, text string, args ...any) {
	o.put(weir.Oddity{Kind: kind, Detail: fmt.Sprintf(text, args...), At: at, Size: size})
}

func (o *oddities) put(x weir.Oddity) {
	o.counts[x.Kind]++
	if o.counts[x.Kind] <= maxOfKind {
		o.emit(x)
	}
}

// kindsInOrder makes the closing counts come in the same order each time.
var kindsInOrder = []weir.OddityKind{
	weir.OddMalformed, weir.OddTruncated, weir.OddTrailing, weir.OddPrefixed, weir.OddGap, weir.OddOverlap, weir.OddDuplicate,
	weir.OddDivergent, weir.OddBomb, weir.OddEncrypted, weir.OddPath, weir.OddLink, weir.OddChecksum, weir.OddMismatch, weir.OddShape,
	weir.OddUnsupported, weir.OddEmbedded,
}

// close says how many oddities were counted without being kept.
func (o *oddities) close() {
	for _, k := range kindsInOrder {
		if n := o.counts[k] - maxOfKind; n > 0 {
			o.emit(weir.Oddity{Kind: k, Detail: fmt.Sprintf("and %d more of this kind", n)})
			o.counts[k] = 0
		}
	}
}

// failures keeps the first error of a parse that goes on after errors, and prefers limits, which explain the others.
type failures struct {
	first, limit error
	count        int
}

func (f *failures) add(err error) {
	switch {
	case err == nil:
		return
	case errors.Is(err, format.ErrLimit) && f.limit == nil:
		f.limit = err
	case f.first == nil:
		f.first = err
	}
	f.count++
}

func (f *failures) err() error {
	err := f.limit
	if err == nil {
		err = f.first
	}
	if f.count > 1 {
		return fmt.Errorf("%w (and %d more)", err, f.count-1)
	}
	return err
}

// examine hands a range that nothing names to the engine and says whether all bytes of it are zero. Ranges of zeros are not handed over.
func examine(in *format.Input, name string, r io.ReaderAt, at, size int64) (zero bool, err error) {
	zero, err = allZero(r, at, size)
	if err != nil || zero {
		return zero, err
	}
	_, err = in.Nested(name, io.NewSectionReader(r, at, size), size)
	return false, err
}

// allZero reports whether a range holds only zero bytes; it stops reading at the first other byte.
func allZero(r io.ReaderAt, at, size int64) (bool, error) {
	buf := make([]byte, min(size, 64<<10))
	for size > 0 {
		b := buf[:min(size, int64(len(buf)))]
		n, err := r.ReadAt(b, at)
		for _, c := range b[:n] {
			if c != 0 {
				return false, nil
			}
		}
		if n < len(b) {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return false, err
		}
		at, size = at+int64(n), size-int64(n)
	}
	return true, nil
}

// readAt fills b from offset at; a range outside the file is io.ErrUnexpectedEOF.
func readAt(r io.ReaderAt, b []byte, at int64) error {
	if at < 0 {
		return io.ErrUnexpectedEOF
	}
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
