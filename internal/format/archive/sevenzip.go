package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"weir"
	"weir/internal/format"
)

// SevenZip is the 7z archive, by 7zFormat.txt of the 7-Zip SDK (public domain).
var SevenZip = format.Format{
	Name:   "7z",
	Doc:    "7z archive (LZMA, LZMA2, deflate, bzip2, zstd, stored; branch and delta filters)",
	Parsed: true,
	Match:  func(h format.Head) bool { return bytes.HasPrefix(h.First, sevenMagic) },
	Parse:  parseSevenZip,
}

var sevenMagic = []byte{'7', 'z', 0xbc, 0xaf, 0x27, 0x1c}

const (
	sevenStart = 32
	// maxSevenHeader bounds the header in memory; 100,000 entries with long names fit.
	maxSevenHeader = 32 << 20
	// maxSevenNesting bounds headers that are packed within packed headers; real archives have one.
	maxSevenNesting = 4
)

// seven is the state of one parse.
type seven struct {
	in    *format.Input
	odd   *oddities
	fails failures
	used  []span // ranges that something names
	links links
	plain int  // ordinary entries that were told
	blind bool // the header is unreadable: nobody knows what the bytes are
}

func parseSevenZip(in *format.Input) error {
	s := &seven{in: in, odd: oddTo(in), links: links{}}
	defer s.odd.close()
	s.fails.add(s.parse())
	s.fails.add(s.account())
	return s.fails.err()
}

func (s *seven) parse() error {
	var b [sevenStart]byte
	if err := readAt(s.in.ReaderAt, b[:], 0); err != nil {
		s.odd.add(weir.OddTruncated, 0, 0, "7z archive ends within its first header")
		return fmt.Errorf("7z start header: %w", err)
	}
	s.use(0, sevenStart)
	le := binary.LittleEndian
	if crc32.ChecksumIEEE(b[12:]) != le.Uint32(b[8:]) {
		s.odd.add(weir.OddChecksum, 8, 4, "7z start header has another checksum than it says")
	}
	at, size := clamp(le.Uint64(b[12:])), clamp(le.Uint64(b[20:]))
	if size == 0 {
		return nil
	}
	if at < 0 || size < 0 || at > s.in.Size-sevenStart || size > s.in.Size-sevenStart-at {
		s.odd.add(weir.OddTruncated, s.in.Size, 0, "7z header lies past the end of the file")
		return fmt.Errorf("7z header: %w", io.ErrUnexpectedEOF)
	}
	if size > maxSevenHeader {
		return fmt.Errorf("7z header of %d bytes: %w", size, format.ErrLimit)
	}
	at += sevenStart
	header := make([]byte, size)
	if err := readAt(s.in.ReaderAt, header, at); err != nil {
		return fmt.Errorf("7z header: %w", err)
	}
	s.use(at, size)
	if crc32.ChecksumIEEE(header) != le.Uint32(b[28:]) {
		s.odd.add(weir.OddChecksum, at, size, "7z header has another checksum than it says")
	}
	a, err := s.header(header)
	if err != nil {
		s.blind = true
		return s.headerError(at, err)
	}
	return s.files(a)
}

// headerError tells what kind of irregularity kept the header from being read.
func (s *seven) headerError(at int64, err error) error {
	switch {
	case errors.Is(err, format.ErrEncrypted):
		s.odd.add(weir.OddEncrypted, at, 0, "7z header is encrypted: not even the names can be read")
	case errors.Is(err, errUnsupported):
		s.odd.add(weir.OddUnsupported, at, 0, "%v", err)
	case errors.Is(err, format.ErrLimit):
	default:
		s.odd.add(weir.OddMalformed, at, 0, "7z header: %v", err)
	}
	return fmt.Errorf("7z header: %w", err)
}

// header unpacks the header as often as it is packed, and parses it.
func (s *seven) header(b []byte) (*sevenArchive, error) {
	for range maxSevenNesting {
		r := &sevenReader{b: b, most: s.in.Limits.Members}
		switch id := r.byte(); id {
		case sevenHeader:
			a, err := r.archive()
			if err == nil && r.left() > 0 {
				s.odd.add(weir.OddTrailing, 0, int64(r.left()), "bytes after the end of the 7z header")
			}
			return a, err
		case sevenEncoded:
			info, err := r.streams()
			if err != nil {
				return nil, err
			}
			if b, err = s.unpackHeader(info); err != nil {
				return nil, err
			}
		default:
			return nil, corrupt("header of type %#x", id)
		}
	}
	return nil, corrupt("header packed more than %d times", maxSevenNesting)
}

func (s *seven) unpackHeader(info *sevenStreams) ([]byte, error) {
	if len(info.folders) != 1 {
		return nil, corrupt("packed header of %d folders", len(info.folders))
	}
	size := info.folders[0].size()
	if size > maxSevenHeader {
		return nil, fmt.Errorf("7z header of %d bytes: %w", size, format.ErrLimit)
	}
	s.usePacked(info)
	d, err := s.decoder(info, 0)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, min(size, 1<<20))
	buf := bytes.NewBuffer(b)
	if n, err := io.Copy(buf, io.LimitReader(d, size)); err != nil || n != size {
		return nil, errors.Join(err, eofIsShort(io.EOF))
	}
	if f := info.folders[0]; f.hasCRC && crc32.ChecksumIEEE(buf.Bytes()) != f.crc {
		s.odd.add(weir.OddChecksum, 0, size, "packed 7z header has another checksum than it says")
	}
	return buf.Bytes(), nil
}

func (s *seven) use(at, n int64) { s.used = append(s.used, span{at: at, end: at + n}) }

// usePacked names the ranges of packed streams.
func (s *seven) usePacked(info *sevenStreams) {
	for _, p := range info.packs {
		if p.size == 0 {
			continue
		}
		if p.at < sevenStart || p.at > s.in.Size || p.size > s.in.Size-p.at {
			s.odd.add(weir.OddTruncated, s.in.Size, p.size, "packed stream of %d bytes at %d lies past the end of the file", p.size, p.at)
			s.fails.add(fmt.Errorf("7z packed stream: %w", io.ErrUnexpectedEOF))
			continue
		}
		s.use(p.at, p.size)
	}
}

// account examines what nothing names and reports what is named twice.
func (s *seven) account() error {
	z := &zipScan{ZipArchive: &ZipArchive{r: s.in.ReaderAt, size: s.in.Size, spans: s.used}}
	gaps := z.unexplained()
	var end int64
	for _, x := range z.spans {
		if x.at < end {
			s.odd.add(weir.OddOverlap, x.at, min(end, x.end)-x.at, "two packed streams share bytes")
		}
		end = max(end, x.end)
	}
	var fails failures
	for _, g := range gaps {
		name, kind, text := gapName("gap", g.at), weir.OddGap, "bytes that no record names"
		if g.end == s.in.Size {
			name, kind, text = "[suffix]", weir.OddTrailing, "bytes after the archive"
		}
		if !s.blind {
			s.odd.add(kind, g.at, g.end-g.at, "%s", text)
		}
		_, err := examine(s.in, name, s.in.ReaderAt, g.at, g.end-g.at)
		fails.add(limitOnly(err))
	}
	return fails.err()
}

// files hands every file of the archive to the engine.
func (s *seven) files(a *sevenArchive) error {
	s.usePacked(&a.sevenStreams)
	if len(a.files) > ordinaryMembers {
		s.in.Emit(weir.Note{Key: "members", Value: fmt.Sprint(len(a.files))})
	}
	s.names(a)
	next := 0
	take := func() *sevenFile {
		for next < len(a.files) {
			if next++; a.files[next-1].stream {
				return &a.files[next-1]
			}
			s.emit(&a.files[next-1], "", 0, 0)
		}
		return nil
	}
	for i := range a.folders {
		if err := s.folder(a, i, take); err != nil {
			return err
		}
	}
	if f := take(); f != nil {
		s.odd.add(weir.OddMismatch, 0, 0, "7z archive lists the file %s, but has no stream for it", quote(f.name))
		s.fails.add(fmt.Errorf("7z file %s: no stream: %w", quote(f.name), errCorrupt))
	}
	return nil
}

// names reports what is wrong with names, before any content is read.
func (s *seven) names(a *sevenArchive) {
	seen := make(map[string]bool, len(a.files))
	for i := range a.files {
		f := &a.files[i]
		checkName(s.odd, f.name, 0)
		if via, ok := s.links.through(f.name); ok {
			s.odd.add(weir.OddLink, 0, 0, "entry %s is written through the symbolic link %s", quote(f.name), quote(via))
		}
		if f.symlink() {
			s.links.add(f.name)
		}
		if seen[f.name] && f.name != "" {
			s.odd.add(weir.OddDuplicate, 0, 0, "two entries are called %s", quote(f.name))
			f.again = true
		}
		seen[f.name] = true
		if f.anti {
			s.odd.add(weir.OddShape, 0, 0, "entry %s deletes a file where the archive is unpacked", quote(f.name))
		}
	}
}

func (s *seven) emit(f *sevenFile, link string, packed, at int64) {
	// As with zip: past a number of ordinary entries only the number itself is told.
	if link == "" && !f.encrypted && !hasDotDot(f.name) {
		if s.plain++; s.plain > ordinaryMembers {
			return
		}
	}
	m := weir.Member{Name: short(f.name), Link: link, Mode: f.mode(), Size: f.size, Packed: packed, Encrypted: f.encrypted, At: at}
	s.in.Emit(m)
}

// folder decodes one folder and hands its files over, one after another: they are one stream.
func (s *seven) folder(a *sevenArchive, i int, take func() *sevenFile) error {
	f := &a.folders[i]
	packed, at := a.packedSize(i), a.packedAt(i)
	d, err := s.decoder(&a.sevenStreams, i)
	var files []*sevenFile
	for _, sub := range f.subs {
		file := take()
		if file == nil {
			s.odd.add(weir.OddMismatch, at, 0, "7z archive has a stream that no file names")
			file = &sevenFile{name: gapName("stream", at), stream: true}
		}
		file.size, file.crc, file.hasCRC = sub.size, sub.crc, sub.hasCRC
		file.encrypted = errors.Is(err, format.ErrEncrypted)
		files = append(files, file)
	}
	if err != nil {
		return s.folderFailed(files, packed, at, err)
	}
	for n, file := range files {
		// The packed bytes belong to the folder; each file is given its part, so that ratios mean something.
		share := max(1, int64(float64(packed)*float64(file.size)/float64(max(1, f.size()))))
		if err := s.file(file, d, share, at, n); err != nil {
			if errors.Is(err, errFolder) {
				s.fails.add(err)
				for _, rest := range files[n+1:] {
					s.emit(rest, "", 0, at)
				}
				return nil
			}
			return err
		}
	}
	return s.folderEnd(d, at)
}

// folderFailed says why a folder cannot be read; its files are named all the same.
func (s *seven) folderFailed(files []*sevenFile, packed, at int64, err error) error {
	for _, f := range files {
		s.emit(f, "", packed, at)
	}
	switch {
	case errors.Is(err, format.ErrEncrypted):
		s.odd.add(weir.OddEncrypted, at, packed, "%d files are encrypted", len(files))
	case errors.Is(err, errUnsupported):
		s.odd.add(weir.OddUnsupported, at, packed, "%v", err)
	default:
		s.odd.add(weir.OddMalformed, at, packed, "%v", err)
	}
	s.fails.add(fmt.Errorf("7z folder at %d: %w", at, err))
	return nil
}

// errFolder says that the rest of a folder cannot be decoded.
var errFolder = errors.New("folder is not decodable from here on")

// file hands one file of a folder over.
func (s *seven) file(f *sevenFile, d *folderReader, packed, at int64, n int) error {
	c := &sevenContent{src: d, left: f.size, link: f.symlink()}
	if f.size > 0 {
		name := short(f.name)
		if f.again {
			name += gapName("", int64(n))
		}
		_, err := s.in.Expand(name, c, packed)
		if ferr := d.failed(); ferr != nil {
			return fmt.Errorf("7z file %s: %w", quote(f.name), ferr)
		}
		if c.err == nil && c.left > 0 {
			// The engine stopped: what follows in this folder could only be reached by inflating on without a budget.
			s.emit(f, "", packed, at)
			return errors.Join(limitOnly(err), errFolder)
		}
		if err := limitOnly(err); err != nil {
			return err
		}
	}
	s.emit(f, string(c.head), packed, at)
	if c.link {
		checkLink(s.odd, f.name, string(c.head), false, at)
	}
	switch {
	case c.err != nil && errors.Is(c.err, io.ErrUnexpectedEOF):
		s.odd.add(weir.OddTruncated, at, c.left, "stream of file %s ends %d bytes too early", quote(f.name), c.left)
	case c.err != nil && errors.Is(c.err, errUnsupported):
		s.odd.add(weir.OddUnsupported, at, c.left, "file %s: %v", quote(f.name), c.err)
	case c.err != nil:
		s.odd.add(weir.OddMalformed, at, c.left, "file %s is not decodable from byte %d on: %v", quote(f.name), f.size-c.left, c.err)
	case f.hasCRC && f.crc != c.crc:
		s.odd.add(weir.OddChecksum, at, f.size, "file %s has checksum %08x, not %08x", quote(f.name), c.crc, f.crc)
	}
	if c.err != nil {
		return fmt.Errorf("7z file %s: %w: %w", quote(f.name), c.err, errFolder)
	}
	return nil
}

// folderEnd checks that a folder's stream ends with its last file and that its packed stream was used up.
func (s *seven) folderEnd(d *folderReader, at int64) error {
	var b [1]byte
	n, err := d.r.Read(b[:])
	if ferr := d.failed(); ferr != nil {
		return ferr
	}
	if n > 0 || err == nil {
		s.odd.add(weir.OddTrailing, at, 0, "folder holds more than its files")
		return nil
	}
	if err != io.EOF {
		s.odd.add(weir.OddMalformed, at, 0, "folder does not end well: %v", err)
	}
	for _, f := range d.feeds {
		if rest := f.src.end - f.offset(); rest > 0 && err == io.EOF {
			s.odd.add(weir.OddTrailing, f.offset(), rest, "bytes after the end of a packed stream")
			_, err := examine(s.in, gapName("gap", f.offset()), s.in.ReaderAt, f.offset(), rest)
			if err := limitOnly(err); err != nil {
				return err
			}
		}
	}
	return nil
}

// sevenContent is one file within its folder's stream.
type sevenContent struct {
	src  io.Reader
	left int64
	crc  uint32
	link bool
	head []byte // the content of a link
	err  error  // what ended it early
}

func (c *sevenContent) Read(b []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if c.left == 0 {
		return 0, io.EOF
	}
	n, err := c.src.Read(b[:min(int64(len(b)), c.left)])
	c.left -= int64(n)
	c.crc = crc32.Update(c.crc, crc32.IEEETable, b[:n])
	if c.link {
		c.head = append(c.head, b[:min(n, maxLink-len(c.head))]...)
	}
	if err != nil && c.left > 0 {
		c.err = eofIsShort(err)
		return n, c.err
	}
	return n, nil
}
