package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"slices"

	"weir"
	"weir/internal/format"
)

// XZ is a file of xz streams, by the .xz file format 1.2.
var XZ = format.Format{
	Name:   "xz",
	Doc:    "xz file, all streams and blocks",
	Parsed: true,
	Match:  func(h format.Head) bool { return bytes.HasPrefix(h.First, xzMagic) },
	Parse:  parseXZ,
}

var (
	xzMagic    = []byte{0xfd, '7', 'z', 'X', 'Z', 0}
	crc64Table = crc64.MakeTable(crc64.ECMA)
)

func parseXZ(in *format.Input) error {
	s := newStream(in)
	s.multi = true
	x := &xzStream{f: s.f, odd: s.odd, limit: dictLimit(in.Limits)}
	return s.run(x.next)
}

// xzStream walks the blocks of all streams.
type xzStream struct {
	f     *feed
	odd   *oddities
	limit int64
	alone bool // one stream only, no padding: as within zip

	started, open bool // a stream was seen; one is open
	flags         [2]byte
	records       int64     // blocks of the open stream
	sums          hash.Hash // over their sizes, to compare with the index
}

// checkSizes are the sizes of the checks by their ids, format 2.1.1.2.
var checkSizes = [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}

func newCheck(id byte) hash.Hash {
	switch id {
	case 1:
		return crc32.NewIEEE()
	case 4:
		return crc64.New(crc64Table)
	case 10:
		return sha256.New()
	}
	return nil
}

// next begins the next block; on its way it reads headers, indexes, footers and padding.
func (x *xzStream) next() (*unit, error) {
	for {
		if !x.open {
			if err := x.header(); err != nil {
				return nil, err
			}
		}
		b := x.f.peek(1)
		if len(b) == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		if b[0] != 0 {
			return x.block()
		}
		if err := x.index(); err != nil {
			return nil, err
		}
		x.open = false
	}
}

// header reads a stream's header; io.EOF says that no further stream follows.
func (x *xzStream) header() error {
	if x.started {
		if x.alone {
			return io.EOF
		}
		start := x.f.offset()
		zeros := x.f.skipZeros()
		more := x.f.peek(len(xzMagic))
		if len(more) > 0 && !bytes.Equal(more, xzMagic) {
			x.f.seek(start)
			return io.EOF
		}
		if zeros%4 != 0 {
			x.odd.add(weir.OddShape, start, zeros, "xz stream padding of %d bytes is not a multiple of four", zeros)
		}
		if len(more) == 0 {
			return io.EOF
		}
	}
	var h [12]byte
	if err := x.f.take(h[:]); err != nil {
		return err
	}
	if !bytes.Equal(h[:6], xzMagic) || h[6] != 0 || h[7]&0xf0 != 0 {
		return corrupt("xz stream header")
	}
	if crc32.ChecksumIEEE(h[6:8]) != binary.LittleEndian.Uint32(h[8:]) {
		return corrupt("xz stream header checksum")
	}
	x.started, x.open, x.flags, x.records, x.sums = true, true, [2]byte(h[6:8]), 0, sha256.New()
	return nil
}

// xzBlock is a block header.
type xzBlock struct {
	packed, size int64 // -1 when not said
	filters      []filter
}

func (x *xzStream) block() (*unit, error) {
	start := x.f.offset()
	b := make([]byte, (int(x.f.peek(1)[0])+1)*4)
	if err := x.f.take(b); err != nil {
		return nil, err
	}
	h, err := parseXZBlock(b)
	if err != nil {
		return nil, err
	}
	data := x.f.offset()
	r, err := chain(x.f, h.filters, x.limit)
	if err != nil {
		return nil, err
	}
	check := newCheck(x.flags[1])
	if check == nil && x.flags[1] != 0 {
		x.odd.add(weir.OddUnsupported, start, 0, "xz check of type %d is not verified", x.flags[1])
	}
	c := &checked{r: r, h: check}
	return &unit{Reader: c, finish: func() error { return x.endBlock(start, data, h, c) }}, nil
}

// checked counts, and sums up when there is a sum.
type checked struct {
	r io.Reader
	h hash.Hash
	n int64
}

func (c *checked) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	if c.h != nil {
		_, _ = c.h.Write(b[:n])
	}
	return n, err
}

func (x *xzStream) endBlock(start, data int64, h xzBlock, c *checked) error {
	packed := x.f.offset() - data
	if h.packed >= 0 && h.packed != packed || h.size >= 0 && h.size != c.n {
		x.odd.add(weir.OddMismatch, start, 0, "xz block says %d bytes packed and %d unpacked, it has %d and %d", h.packed, h.size, packed, c.n)
	}
	tail := make([]byte, int(-packed&3)+checkSizes[x.flags[1]&15])
	if err := x.f.take(tail); err != nil {
		return err
	}
	pad, sum := tail[:-packed&3], tail[-packed&3:]
	if slices.ContainsFunc(pad, nonzero) {
		x.odd.add(weir.OddShape, x.f.offset()-int64(len(tail)), int64(len(pad)), "xz block padding is not zero")
	}
	if c.h != nil && !bytes.Equal(sum, x.sum(c.h)) {
		x.odd.add(weir.OddChecksum, x.f.offset()-int64(len(sum)), int64(len(sum)), "xz block has another checksum than its content")
	}
	x.records++
	x.record(data-start+packed+int64(len(sum)), c.n)
	return nil
}

// sum gives a check in the byte order of the format: CRCs are little-endian there.
func (x *xzStream) sum(h hash.Hash) []byte {
	b := h.Sum(nil)
	if x.flags[1] != 10 {
		slices.Reverse(b)
	}
	return b
}

func nonzero(b byte) bool { return b != 0 }

func (x *xzStream) record(unpadded, size int64) {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], uint64(unpadded))
	binary.LittleEndian.PutUint64(b[8:], uint64(size))
	_, _ = x.sums.Write(b[:])
}

func parseXZBlock(b []byte) (h xzBlock, err error) {
	n := len(b) - 4
	if crc32.ChecksumIEEE(b[:n]) != binary.LittleEndian.Uint32(b[n:]) {
		return h, corrupt("xz block header checksum")
	}
	flags := b[1]
	if flags&0x3c != 0 {
		return h, fmt.Errorf("xz block flags %#x: %w", flags, errUnsupported)
	}
	h = xzBlock{-1, -1, nil}
	r := bytes.NewReader(b[2:n])
	for _, p := range []struct {
		set bool
		to  *int64
	}{{flags&0x40 != 0, &h.packed}, {flags&0x80 != 0, &h.size}} {
		if p.set {
			if *p.to, err = xzVarint(r); err != nil {
				return h, err
			}
		}
	}
	for range flags&3 + 1 {
		id, err := xzVarint(r)
		if err != nil {
			return h, err
		}
		size, err := xzVarint(r)
		if err != nil || size > int64(r.Len()) {
			return h, corrupt("xz filter properties")
		}
		props := make([]byte, size)
		_, _ = io.ReadFull(r, props)
		h.filters = append(h.filters, filter{uint64(id), props})
	}
	for r.Len() > 0 {
		if c, _ := r.ReadByte(); c != 0 {
			return h, fmt.Errorf("xz block header with unknown fields: %w", errUnsupported)
		}
	}
	// The chain is written in the order of encoding; its last filter is the compressor.
	slices.Reverse(h.filters)
	return h, nil
}

// xzVarint reads a number of 7 bits per byte, at most 9 bytes, in its shortest form.
func xzVarint(r io.ByteReader) (int64, error) {
	var v int64
	for i := range 9 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, eofIsShort(err)
		}
		v |= int64(b&0x7f) << (7 * i)
		if b&0x80 == 0 {
			if b == 0 && i > 0 {
				return 0, corrupt("xz number")
			}
			return v, nil
		}
	}
	return 0, corrupt("xz number")
}

// index reads the index and the footer of a stream and compares them with the blocks that were there.
func (x *xzStream) index() error {
	start := x.f.offset()
	sum := &summed{r: x.f.Reader, h: crc32.NewIEEE()}
	br := &oneByte{r: sum}
	_, _ = br.ReadByte()
	count, err := xzVarint(br)
	if err != nil {
		return err
	}
	blocks := x.sums.Sum(nil)
	x.sums = sha256.New()
	for range count {
		unpadded, err := xzVarint(br)
		if err != nil {
			return err
		}
		size, err := xzVarint(br)
		if err != nil {
			return err
		}
		x.record(unpadded, size)
	}
	if count != x.records || !bytes.Equal(blocks, x.sums.Sum(nil)) {
		x.odd.add(weir.OddMismatch, start, 0, "xz index lists %d blocks that are not the %d that are there", count, x.records)
	}
	for (x.f.offset()-start)&3 != 0 {
		if b, err := br.ReadByte(); err != nil || b != 0 {
			return corrupt("xz index padding")
		}
	}
	want := sum.h.Sum32()
	size := x.f.offset() - start + 4
	var foot [16]byte
	if err := x.f.take(foot[:]); err != nil {
		return err
	}
	le := binary.LittleEndian
	if le.Uint32(foot[:]) != want {
		x.odd.add(weir.OddChecksum, start, size, "xz index has another checksum than it says")
	}
	if string(foot[14:]) != "YZ" || crc32.ChecksumIEEE(foot[8:14]) != le.Uint32(foot[4:]) {
		return corrupt("xz stream footer")
	}
	if (int64(le.Uint32(foot[8:]))+1)*4 != size || !bytes.Equal(foot[12:14], x.flags[:]) {
		x.odd.add(weir.OddMismatch, start+size, 12, "xz stream footer disagrees with the stream")
	}
	return nil
}

// oneByte makes a ByteReader of a Reader.
type oneByte struct {
	r io.Reader
	b [1]byte
}

func (o *oneByte) ReadByte() (byte, error) {
	_, err := io.ReadFull(o.r, o.b[:])
	return o.b[0], err
}

// LZMA is the older format of one LZMA stream behind a header of 13 bytes.
var LZMA = format.Format{
	Name:   "lzma",
	Doc:    "lzma file (the older format, without a container)",
	Parsed: true,
	Match:  matchLZMA,
	Parse:  parseLZMA,
}

const lzmaHeader = 13

// matchLZMA has no magic number to go by: it takes plausible numbers and a first byte that the range coder demands. Parameters that
// are not the usual ones must also decode as far as the head goes: MATLAB's version 4 files begin like a header with others.
func matchLZMA(h format.Head) bool {
	b := h.First
	if len(b) < lzmaHeader+5 || b[0] >= 9*5*5 || b[lzmaHeader] != 0 {
		return false
	}
	dict, size := binary.LittleEndian.Uint32(b[1:]), binary.LittleEndian.Uint64(b[5:])
	if size != 1<<64-1 && size >= 1<<38 || !dictSizeUsual(dict) {
		return matchOddLZMA(h, size)
	}
	if size == 0 {
		return b[0] == 0x5d && h.Size < 64
	}
	if b[0] != 0x5d {
		out, whole := headOfLZMA(b, size)
		return whole && uint64(len(out)) >= min(size, 64)
	}
	limit := int64(64)
	if size < 64 {
		limit = int64(size)
	}
	r, err := newLZMA(newFeed(bytes.NewReader(b), lzmaHeader, int64(len(b))), b[0], lzmaWindow, limit, lzmaWindow)
	if err != nil {
		return false
	}
	out := make([]byte, limit)
	n, err := io.ReadFull(r, out)
	return err == nil || n > 0
}

// Bounds on what is decoded to recognise an lzma file by nothing else.
const (
	oddLZMALeast = leastActs + 1 // bytes of content; fewer could do no harm
	oddLZMAMost  = 8 << 10       // bytes of content; Python's readers give this much away before they meet what comes after
)

// matchOddLZMA takes header values that no encoder writes and that liblzma accepts all the same (lzma_alone_decoder; only its decoder that
// tries several formats is picky). The content alone has to tell: it decodes as far as the head goes, to the end or for oddLZMAMost bytes, which
// random bytes do not because their matches reach back before the beginning, and it is not one byte again and again, as zeros would give. Small
// numbers behind each other decode to zeros at first; nothing that acts begins with one.
func matchOddLZMA(h format.Head, size uint64) bool {
	b := h.First
	if lc, lp := b[0]%9, b[0]/9%5; lc+lp > 4 || size < oddLZMALeast { // is_lclppb_valid of liblzma
		return false
	}
	out, whole := headOfLZMA(b, size)
	return whole && len(out) >= oddLZMALeast && out[0] > 1 && bytes.Count(out, out[:1]) < len(out)
}

// headOfLZMA decodes the first bytes of a file, to the end or for oddLZMAMost bytes; whole says that nothing in it was corrupt so far.
func headOfLZMA(b []byte, size uint64) (out []byte, whole bool) {
	left := int64(-1)
	if size != 1<<64-1 {
		left = clamp(size)
	}
	r, err := newLZMA(newFeed(bytes.NewReader(b), lzmaHeader, int64(len(b))), b[0], lzmaWindow, left, lzmaWindow)
	if err != nil {
		return nil, false
	}
	out = make([]byte, oddLZMAMost)
	n := 0
	for n < len(out) && err == nil {
		var got int
		got, err = r.Read(out[n:])
		n += got
	}
	return out[:n], err == nil || err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF)
}

func parseLZMA(in *format.Input) error {
	s := newStream(in)
	started := false
	return s.run(func() (*unit, error) {
		if started {
			return nil, io.EOF
		}
		started = true
		var h [lzmaHeader]byte
		if err := s.f.take(h[:]); err != nil {
			return nil, err
		}
		size := int64(-1)
		if n := binary.LittleEndian.Uint64(h[5:]); n != 1<<64-1 {
			if size = clamp(n); size < 0 {
				return nil, corrupt("lzma size %d", n)
			}
		}
		r, err := newLZMA(s.f, h[0], int64(binary.LittleEndian.Uint32(h[1:])), size, dictLimit(in.Limits))
		if err != nil {
			return nil, err
		}
		return &unit{Reader: r, finish: func() error { return nil }}, nil
	})
}
