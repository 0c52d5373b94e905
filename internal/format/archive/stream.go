package archive

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"weir"
	"weir/internal/format"
)

// unit is one compressed stream within a file of streams: a gzip member, an xz block, a zstd frame.
type unit struct {
	io.Reader
	// finish checks what follows the content once that was read to its end: checksums, lengths. It emits what differs, and fails
	// when it cannot read on.
	finish func() error
}

// units reads the content of one unit after another, as real readers do, and remembers how it ended.
type units struct {
	// next begins the unit at the feed's offset; io.EOF says that none begins there. It may consume what is between units.
	next  func() (*unit, error)
	close func()       // lets go of the decoder once nothing more is read; may be nil
	most  int          // units that are read however small they are
	used  func() int64 // bytes of the file that were read
	cur   *unit
	count int
	size  int64
	err   error // io.EOF once all units were read
}

func (u *units) Read(b []byte) (int, error) {
	n, err := u.read(b)
	if err != nil && u.cur != nil {
		u.cur = nil // windows are large, and the content is examined while this stream is still held
	}
	if err != nil && u.close != nil {
		u.close()
		u.close = nil
	}
	return n, err
}

func (u *units) read(b []byte) (int, error) {
	for u.err == nil {
		if u.cur == nil {
			if u.cur, u.err = u.next(); u.err != nil {
				break
			}
			if u.count++; u.count > u.most && u.used() < int64(u.count)*tinyUnit {
				u.err = fmt.Errorf("more than %d streams one after another, of %d bytes each: %w", u.most, u.used()/int64(u.count), format.ErrLimit)
				break
			}
		}
		n, err := u.cur.Read(b)
		u.size += int64(n)
		if err == io.EOF {
			err = u.cur.finish()
			u.cur = nil
		}
		u.err = err
		if n > 0 {
			return n, u.err
		}
	}
	return 0, u.err
}

// tinyUnit is the mean size in bytes below which a great number of streams is no file that a writer made in parallel (pigz, bgzip, pzstd), but
// one that was made to take time.
const tinyUnit = 512

// stream is a file of compressed streams while it is parsed.
type stream struct {
	in     *format.Input
	odd    *oddities
	f      *feed
	member weir.Member // how the content is called
	zeros  bool        // zero bytes after the last unit are padding
	// multi says that readers go on to further units, so that these are no oddity.
	multi bool
}

func newStream(in *format.Input) *stream {
	return &stream{in: in, odd: oddTo(in), f: newFeed(in.ReaderAt, 0, in.Size), member: weir.Member{Name: contentName(in.Name), Packed: in.Size}}
}

// contentName is what the content of a compressed file is called when the file does not say.
func contentName(name string) string {
	base := path.Base(strings.ReplaceAll(name, `\`, "/"))
	switch ext := path.Ext(base); strings.ToLower(ext) {
	case ".tgz", ".tbz", ".tbz2", ".txz", ".tzst":
		return strings.TrimSuffix(base, ext) + ".tar"
	case ".gz", ".z", ".bz2", ".xz", ".lzma", ".zst", ".lz4", ".zlib", ".gzip":
		return strings.TrimSuffix(base, ext)
	}
	return "content"
}

// run hands the content of all units to the engine as one member and accounts for the rest of the file.
func (s *stream) run(next func() (*unit, error)) error { return s.runClosing(next, nil) }

// runClosing is run for decoders that must be let go of.
func (s *stream) runClosing(next func() (*unit, error), done func()) error {
	defer s.odd.close()
	u := &units{next: next, close: done, most: s.in.Limits.Members, used: s.f.offset}
	_, err := s.in.Expand(s.member.Name, u, s.in.Size)
	s.member.Size = u.size
	s.in.Emit(s.member)
	if ferr := s.f.failed(); ferr != nil {
		return fmt.Errorf("compressed stream: %w", ferr)
	}
	switch {
	case u.err == nil:
		return err // the engine stopped before the end, and has said why
	case errors.Is(u.err, format.ErrLimit):
		return u.err
	case errors.Is(u.err, errUnsupported):
		s.odd.add(weir.OddUnsupported, s.f.offset(), 0, "%v", u.err)
		return u.err
	case errors.Is(u.err, io.ErrUnexpectedEOF):
		s.odd.add(weir.OddTruncated, s.in.Size, 0, "ends within a compressed stream, after %d bytes of content", u.size)
		return fmt.Errorf("compressed stream %d: %w", u.count, u.err)
	case u.err != io.EOF:
		s.odd.add(weir.OddMalformed, s.f.offset(), s.in.Size-s.f.offset(), "not decodable from here on, after %d bytes of content: %v", u.size, u.err)
		return fmt.Errorf("compressed stream %d: %w", u.count, u.err)
	}
	if u.count > 1 && !s.multi {
		s.odd.add(weir.OddDivergent, 0, 0, "%d streams one after another: some readers read the first only", u.count)
	}
	return errors.Join(s.trailing(), limitOnly(err))
}

// trailing examines what follows the last unit.
func (s *stream) trailing() error {
	at := s.f.offset()
	n := s.in.Size - at
	if n <= 0 {
		return nil
	}
	zero, err := examine(s.in, "[suffix]", s.in.ReaderAt, at, n)
	if !zero || !s.zeros {
		s.odd.add(weir.OddTrailing, at, n, "bytes after the compressed stream")
	}
	return limitOnly(err)
}

// errUnsupported is wrapped by what a decoder recognises and does not read.
var errUnsupported = errors.New("unsupported")

// errCorrupt is wrapped by everything that our own decoders do not accept.
var errCorrupt = errors.New("corrupt data")

func corrupt(text string, args ...any) error {
	return fmt.Errorf(text+": %w", append(args, errCorrupt)...)
}

// dictLimit is the largest window that a decoder may hold: a quarter of the memory that a worker has.
func dictLimit(l weir.Limits) int64 { return max(1<<20, l.Memory/4) }

// peek gives the next bytes without taking them; fewer than n only at the end.
func (f *feed) peek(n int) []byte {
	b, _ := f.Peek(n)
	return b
}

// take reads n bytes; their absence is io.ErrUnexpectedEOF.
func (f *feed) take(b []byte) error {
	if _, err := io.ReadFull(f, b); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	return nil
}

// skipZeros takes zero bytes and says how many they were.
func (f *feed) skipZeros() int64 {
	n := int64(0)
	for {
		b, err := f.ReadByte()
		if err != nil {
			return n
		}
		if b != 0 {
			_ = f.UnreadByte()
			return n
		}
		n++
	}
}
