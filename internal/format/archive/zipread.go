package archive

import (
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"weir"
	"weir/internal/format"
)

// handedKey names content: two entries of the same one are examined once.
type handedKey struct {
	data, packed int64
	method       uint16
}

// Stored gives the range of an entry that is kept as it is; ok is false for compressed, encrypted and missing ones.
func (z *ZipArchive) Stored(e *ZipEntry) (r *io.SectionReader, ok bool) {
	if e.Data < 0 || e.Method != ZipStored {
		return nil, false
	}
	// Readers go by either size; the longer range holds the other.
	n := min(max(e.Packed, e.Size), z.size-e.Data)
	return io.NewSectionReader(z.r, e.Data, n), true
}

// Open gives a reader of an entry's content, inflated; it checks nothing. An entry that is unreadable by its method is an error that
// wraps [ErrMethod]. Readers of one archive share a decoder: read one to its end before opening the next.
func (z *ZipArchive) Open(e *ZipEntry) (io.Reader, error) {
	if s, ok := z.Stored(e); ok {
		return s, nil
	}
	c, err := z.open(e)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// ErrMethod says that a compression method is not read.
var ErrMethod = errors.New("unsupported compression method")

// content is an entry while it is inflated: it counts, sums up, and remembers how it ended.
type content struct {
	src  io.Reader
	feed *feed
	n    int64
	crc  uint32
	err  error // io.EOF when all was read
}

func (c *content) Read(b []byte) (int, error) {
	n, err := c.src.Read(b)
	c.n += int64(n)
	c.crc = crc32.Update(c.crc, crc32.IEEETable, b[:n])
	if err != nil {
		// The content is examined while this reader is still held, and windows are large.
		c.err, c.src = err, failing{err}
	}
	return n, err
}

func (z *ZipArchive) open(e *ZipEntry) (*content, error) {
	if e.Data < 0 {
		return nil, fmt.Errorf("entry %q: no local header: %w", e.Name, io.ErrUnexpectedEOF)
	}
	end := e.Data + min(e.Packed, z.size-e.Data)
	if e.Method == ZipDeflate {
		end = z.size // a deflate stream says itself where it ends; one that goes on past its entry is read on
	}
	z.feed.reset(z.r, e.Data, end)
	c := &content{feed: &z.feed}
	switch e.Method {
	case ZipDeflate:
		c.src = z.inflate.reader(c.feed)
	case ZipBzip2:
		c.src = bzip2.NewReader(c.feed.Reader)
	case ZipLZMA, ZipXZ, ZipZstd, ZipZstdOld:
		var err error
		if c.src, err = z.openModern(e, c.feed); err != nil {
			// What cannot begin is told like what breaks later.
			c.src = failing{err}
		}
	default:
		return nil, fmt.Errorf("entry %q: method %d: %w", e.Name, e.Method, ErrMethod)
	}
	return c, nil
}

// openModern begins the methods that came after deflate and bzip2.
func (z *ZipArchive) openModern(e *ZipEntry, f *feed) (io.Reader, error) {
	switch e.Method {
	case ZipLZMA:
		// APPNOTE.TXT 5.8.8: two bytes of version, two of the size of the properties, the properties of LZMA.
		var h [9]byte
		if err := f.take(h[:]); err != nil {
			return nil, err
		}
		if n := binary.LittleEndian.Uint16(h[2:]); n != 5 {
			return nil, corrupt("lzma properties of %d bytes", n)
		}
		size := e.Size
		if e.Flags&flagLZMAEnd != 0 {
			size = -1
		}
		return newLZMA(f, h[4], int64(binary.LittleEndian.Uint32(h[5:])), size, z.window)
	case ZipXZ:
		x := &xzStream{f: f, odd: newOddities(func(weir.Oddity) {}), limit: z.window, alone: true}
		return &units{next: x.next}, nil
	}
	dec, err := newZstd(f.Reader, z.window)
	if err != nil {
		return nil, err
	}
	return dec.IOReadCloser(), nil
}

// failing is a reader that only fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// hand gives one entry's content to the engine and compares it with what was declared.
func (z *ZipArchive) hand(in *format.Input, e *ZipEntry, odd *oddities) error {
	if e.Data < 0 {
		return fmt.Errorf("entry %s: no local header at %d", quote(e.Name), e.Header)
	}
	if e.Symlink() {
		z.checkSymlink(e, odd)
	}
	key := handedKey{e.Data, e.Packed, e.Method}
	if z.handed[key] {
		return nil
	}
	if z.handed == nil {
		z.handed = map[handedKey]bool{}
	}
	z.handed[key] = true
	if e.Packed == 0 && (e.Method != ZipStored || e.Size <= 0) && !z.goesOn(e) {
		if e.Size > 0 || e.CRC != 0 {
			odd.add(weir.OddMismatch, e.Header, 0, "entry %s has no data, but declares %d bytes", quote(e.Name), e.Size)
		}
		return nil
	}
	if e.Method == ZipAES {
		odd.add(weir.OddEncrypted, e.Header, e.Packed, "entry %s is encrypted (AES)", quote(e.Name))
		return fmt.Errorf("entry %s: %w", quote(e.Name), format.ErrEncrypted)
	}
	if s, ok := z.Stored(e); ok {
		return z.handStored(in, e, s, odd)
	}
	return z.handPacked(in, e, odd)
}

// goesOn reports whether an entry that has no data by its sizes has a deflate stream all the same: readers of local headers inflate
// until the stream ends, whatever the sizes say.
func (z *ZipArchive) goesOn(e *ZipEntry) bool {
	if e.Method != ZipDeflate {
		return false
	}
	c, err := z.open(e)
	if err != nil {
		return false
	}
	var b [1]byte
	n, _ := io.ReadFull(c, b[:])
	return n > 0
}

// spell is the name under which an entry goes to the engine: its own, made distinct where an earlier entry has it too.
func (e *ZipEntry) spell() string {
	if e.First {
		return short(e.Name)
	}
	return short(e.Name) + gapName("", e.Header)
}

// maxSummed bounds the stored content whose checksum is computed without --deep: a wrong one hides nothing, and tensors are large.
const maxSummed = 16 << 20

func (z *ZipArchive) handStored(in *format.Input, e *ZipEntry, s *io.SectionReader, odd *oddities) error {
	plain := true
	if in.Deep || e.Packed <= maxSummed || e.Flags&flagEncrypted != 0 {
		sum, err := z.sum(e)
		if err != nil {
			return fmt.Errorf("entry %s: %w", quote(e.Name), err)
		}
		if plain = sum == e.CRC; !plain && e.Flags&flagEncrypted == 0 && e.Packed == e.Size {
			odd.add(weir.OddChecksum, e.Data, e.Packed, "entry %s has checksum %08x, not %08x: Python refuses it, torch reads it", quote(e.Name), sum, e.CRC)
		}
	}
	_, err := in.Nested(e.spell(), s, s.Size())
	if err = limitOnly(err); err != nil {
		return err
	}
	return e.checkEncrypted(plain, odd)
}

// sum is the checksum of a stored entry.
func (z *ZipArchive) sum(e *ZipEntry) (uint32, error) {
	h := crc32.NewIEEE()
	_, err := io.Copy(h, io.NewSectionReader(z.r, e.Data, min(e.Packed, z.size-e.Data)))
	return h.Sum32(), err
}

// checkEncrypted judges the encryption flag once the content was read as if it were plain.
func (e *ZipEntry) checkEncrypted(plain bool, odd *oddities) error {
	switch {
	case e.Flags&flagEncrypted == 0:
		return nil
	case plain:
		odd.add(weir.OddDivergent, e.Header, 0, "entry %s is flagged as encrypted and is not: an evasion of readers that believe the flag", quote(e.Name))
		return nil
	}
	odd.add(weir.OddEncrypted, e.Header, e.Packed, "entry %s is encrypted", quote(e.Name))
	return fmt.Errorf("entry %s: %w", quote(e.Name), format.ErrEncrypted)
}

func (z *ZipArchive) handPacked(in *format.Input, e *ZipEntry, odd *oddities) error {
	c, err := z.open(e)
	if err != nil {
		if errors.Is(err, ErrMethod) {
			odd.add(weir.OddUnsupported, e.Header, e.Packed, "entry %s has compression method %d", quote(e.Name), e.Method)
		}
		return err
	}
	_, err = in.Expand(e.spell(), c, e.Packed)
	if c.err == nil {
		// The engine stopped before the end, and has said why.
		return limitOnly(err)
	}
	if ferr := c.feed.failed(); ferr != nil {
		return fmt.Errorf("entry %s: %w", quote(e.Name), ferr)
	}
	if e.Flags&flagEncrypted != 0 {
		return e.checkEncrypted(c.err == io.EOF && c.crc == e.CRC, odd)
	}
	if err := limitOnly(err); err != nil {
		return err
	}
	return z.checkContent(in, e, c, odd)
}

// checkContent compares what an entry inflated to with what was declared of it.
func (z *ZipArchive) checkContent(in *format.Input, e *ZipEntry, c *content, odd *oddities) error {
	name, used := quote(e.Name), c.feed.offset()-e.Data
	switch {
	case errors.Is(c.err, errUnsupported):
		odd.add(weir.OddUnsupported, e.Data, e.Packed, "entry %s: %v", name, c.err)
		return fmt.Errorf("entry %s: %w", name, c.err)
	case errors.Is(c.err, io.ErrUnexpectedEOF) || c.err != io.EOF && used > e.Packed:
		odd.add(weir.OddTruncated, e.Data, e.Packed, "entry %s ends within its compressed stream", name)
		return fmt.Errorf("entry %s: %w", name, c.err)
	case c.err != io.EOF:
		odd.add(weir.OddMalformed, e.Data, e.Packed, "entry %s does not inflate: %v", name, c.err)
		return fmt.Errorf("entry %s: %w", name, c.err)
	}
	if e.Size >= 0 && c.n != e.Size {
		odd.add(weir.OddMismatch, e.Header, c.n, "entry %s inflates to %d bytes, not %d", name, c.n, e.Size)
	} else if c.crc != e.CRC && !(e.Views == ViewLocal && e.Flags&flagDescriptor != 0) {
		odd.add(weir.OddChecksum, e.Data, e.Packed, "entry %s has checksum %08x, not %08x: Python refuses it, torch reads it", name, c.crc, e.CRC)
	}
	switch {
	case used > e.Packed:
		odd.add(weir.OddMismatch, e.Header, used, "entry %s has %d compressed bytes, not %d", name, used, e.Packed)
	case used < e.Packed:
		at, n := e.Data+used, e.Packed-used
		odd.add(weir.OddTrailing, at, n, "entry %s has %d bytes after its compressed stream", name, n)
		_, err := examine(in, e.spell()+"[trailing]", z.r, at, n)
		return limitOnly(err)
	}
	return nil
}

// maxLink is the longest target that is kept; Linux's PATH_MAX.
const maxLink = 4096

// linkTarget reads the target of a symbolic link.
func (z *ZipArchive) linkTarget(e *ZipEntry) (string, error) {
	r, err := z.Open(e)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(r, maxLink))
	return string(b), err
}

func (z *ZipArchive) checkSymlink(e *ZipEntry, odd *oddities) {
	if target, err := z.linkTarget(e); err == nil {
		checkLink(odd, e.Name, target, false, e.Header)
	}
}

// limitOnly drops errors that the engine itself has reported for the member; only a limit is the container's business too.
func limitOnly(err error) error {
	if errors.Is(err, format.ErrLimit) {
		return err
	}
	return nil
}
