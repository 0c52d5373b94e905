package advisory

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"io"
	"sort"
	"sync"
	"time"

	"weir/internal/version"
)

// The file, all numbers little-endian, u32 unless said otherwise:
//
//	head       magic (8 bytes) · checksum of all from byte 12 to the end of the chunk table · that end · file size (u64)
//	           length of meta · packages · chunks · records per chunk · records · 0
//	meta       JSON: date, sources, advisories by ecosystem
//	directory  per package, by hash: hash of ecosystem, 0, name (FNV-1a, u64) · offset of its block · the block's checksum
//	chunks     per chunk: offset · checksum; one more offset ends the last
//	blocks     per package: length (uvarint), name, known versions in order with their keys, and per flaw the ranges of positions among them
//	texts      per chunk a DEFLATE stream with a preset dictionary: what there is to say of its flaws
//
// Checksums are CRC-32C. Only head and directory are read at opening; a block or chunk is checked when it is used.
const (
	magic    = "weiradv\x01"
	headSize = 48
	dirEntry = 16
	chunkRow = 8
	perChunk = 16

	maxBlock = 64 << 20 // bytes of one package's block
	maxChunk = 4 << 20  // bytes of one inflated chunk
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// meta is what `weir db status` shows.
type meta struct {
	Date       time.Time      `json:"date"`
	Sources    []string       `json:"sources,omitempty"`
	Ecosystems map[string]int `json:"ecosystems"`
	Serial     int64          `json:"serial,omitempty"`
	Skipped    int            `json:"skipped,omitempty"`
	Mission    bool           `json:"mission,omitempty"` // the pack that weir embeds
}

// pack is one file, or the embedded bytes.
type pack struct {
	name     string
	data     []byte
	release  func()
	meta     meta
	dir      []byte
	chunks   []byte
	packages int
	records  int

	mu    sync.Mutex
	texts map[uint32][]text // inflated chunks
	zr    io.ReadCloser
}

// parse checks the head and directory of a file.
func parse(data []byte) (*pack, error) {
	if len(data) < headSize || string(data[:7]) != magic[:7] {
		return nil, fmt.Errorf("not an advisory database of weir; make one with weir db build")
	}
	if data[7] != magic[7] {
		return nil, fmt.Errorf("its form is version %d, this weir reads version %d; build or download it again (weir db update)", data[7], magic[7])
	}
	u := func(at int) uint64 { return uint64(binary.LittleEndian.Uint32(data[at:])) }
	end := u(12)
	if binary.LittleEndian.Uint64(data[16:]) != uint64(len(data)) || end > uint64(len(data)) {
		return nil, fmt.Errorf("%d bytes are not what was written: %w", len(data), errDamaged)
	}
	metaLen, packages, chunks, records := u(24), u(28), u(32), u(40)
	if want := headSize + metaLen + packages*dirEntry + (chunks+1)*chunkRow; want != end || u(36) != perChunk || records > chunks*perChunk {
		return nil, fmt.Errorf("head does not add up: %w", errDamaged)
	}
	if crc32.Checksum(data[12:end], castagnoli) != binary.LittleEndian.Uint32(data[8:]) {
		return nil, fmt.Errorf("checksum of the directory is wrong: %w", errDamaged)
	}
	p := &pack{data: data, packages: int(packages), records: int(records), texts: map[uint32][]text{}}
	p.dir = data[headSize+metaLen : headSize+metaLen+packages*dirEntry]
	p.chunks = data[headSize+metaLen+packages*dirEntry : end]
	if err := json.Unmarshal(data[headSize:headSize+metaLen], &p.meta); err != nil {
		return nil, fmt.Errorf("description: %w: %w", err, errDamaged)
	}
	return p, nil
}

// hashName is a package's place in the directory.
func hashName(ecosystem, name string) uint64 {
	h := fnv.New64a()
	io.WriteString(h, ecosystem)
	h.Write([]byte{0})
	io.WriteString(h, name)
	return h.Sum64()
}

// find gives a package's block; nil without an error where the file does not know the package.
func (p *pack) find(ecosystem, name string) (*block, error) {
	want := hashName(ecosystem, name)
	i := sort.Search(p.packages, func(i int) bool { return binary.LittleEndian.Uint64(p.dir[i*dirEntry:]) >= want })
	for ; i < p.packages && binary.LittleEndian.Uint64(p.dir[i*dirEntry:]) == want; i++ {
		row := p.dir[i*dirEntry:]
		b, err := p.block(binary.LittleEndian.Uint32(row[8:]), binary.LittleEndian.Uint32(row[12:]))
		if err != nil {
			return nil, fmt.Errorf("package %s %q: %w", ecosystem, name, err)
		}
		if b.ecosystem == ecosystem && b.name == name {
			return b, nil
		}
	}
	return nil, nil
}

// reader takes numbers and texts from bytes; after the first that is not there, all are zero and bad is set.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads a number of things of at least size bytes each.
func (r *reader) count(size int) int {
	n := r.uvarint()
	if n > uint64(len(r.b)/size) {
		r.bad, r.b = true, nil
		return 0
	}
	return int(n)
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) text() string { return string(r.bytes(r.count(1))) }

// block is one package: its known versions in order, and its flaws with the positions among them.
type block struct {
	ecosystem, name string
	scheme          version.Scheme
	versions        []known
	flaws           []flaw
}

// known is a version that the data names: one that was released, or that bounds a range. A text that follows from the key is made when it is
// asked for: see block.version.
type known struct {
	key   []byte
	text  string
	zeros uint8
	pre   bool
}

// version is the text of a known version.
func (b *block) version(i int) string {
	v := &b.versions[i]
	if v.text == "" {
		v.text, _ = b.scheme.Text(v.key, int(v.zeros))
	}
	return v.text
}

// flaw is a record about the package. Positions: version i lies at 2i+1, what lies between it and the one before at 2i, what lies above all at
// twice their number.
type flaw struct {
	record  uint32
	ranges  []span
	fixed   []int // versions, by their index, that the records name as fixes
	symbols []string
}

type span struct{ low, high int } // both belong to it

// block reads one package.
func (p *pack) block(at, sum uint32) (*block, error) {
	if uint64(at) >= uint64(len(p.data)) {
		return nil, fmt.Errorf("block lies outside: %w", errDamaged)
	}
	r := &reader{b: p.data[at:]}
	size := r.count(1)
	if r.bad || size > maxBlock {
		return nil, fmt.Errorf("block is cut off: %w", errDamaged)
	}
	r.b = r.b[:size]
	if crc32.Checksum(r.b, castagnoli) != sum {
		return nil, fmt.Errorf("checksum is wrong: %w", errDamaged)
	}
	b := &block{ecosystem: r.text(), name: r.text()}
	b.scheme = version.For(b.ecosystem)
	b.readVersions(r)
	n := r.count(3)
	b.flaws = make([]flaw, n)
	for i := range b.flaws {
		b.flaws[i].read(r, len(b.versions))
		r.bad = r.bad || int(b.flaws[i].record) >= p.records
	}
	if r.bad {
		return nil, fmt.Errorf("block does not add up: %w", errDamaged)
	}
	return b, nil
}

// readVersions reads the sorted versions: keys share their beginning with the one before. The text is often the key's own canonical form, and
// then only the number of zeros at its end is stored.
func (b *block) readVersions(r *reader) {
	n := r.count(2)
	b.versions = make([]known, n)
	room := make([]byte, 0, 8*n)
	var last []byte
	for i := range b.versions {
		shared := r.count0()
		rest := r.bytes(r.count(1))
		if shared > len(last) {
			r.bad = true
			return
		}
		start := len(room)
		room = append(append(room, last[:shared]...), rest...)
		last = room[start:len(room):len(room)]
		form := r.uvarint()
		b.versions[i].key = last
		b.versions[i].pre = form&1 != 0
		if form&2 == 0 {
			b.versions[i].text = r.text()
		} else {
			b.versions[i].zeros = uint8(min(form>>2, 64))
		}
		if r.bad {
			return
		}
	}
}

// count0 is a small number that counts nothing in the bytes that follow.
func (r *reader) count0() int {
	n := r.uvarint()
	if n > 1<<20 {
		r.bad = true
		return 0
	}
	return int(n)
}

func (f *flaw) read(r *reader, versions int) {
	f.record = uint32(r.uvarint())
	at := 0
	next := func() int {
		at += r.count0()
		if at > 2*versions {
			r.bad = true
			at = 0
		}
		return at
	}
	f.ranges = make([]span, r.count(2))
	for i := range f.ranges {
		f.ranges[i].low = next()
		f.ranges[i].high = next()
	}
	f.fixed = make([]int, r.count(1))
	at = 0
	for i := range f.fixed {
		at += r.count0()
		if at >= versions {
			r.bad = true
			return
		}
		f.fixed[i] = at
	}
	if n := r.count(1); n > 0 {
		f.symbols = make([]string, n)
		for i := range f.symbols {
			f.symbols[i] = r.text()
		}
	}
}

// text is what there is to say of a flaw, whatever the package.
type text struct {
	ids, urls                            []string
	summary, vector, published, modified string
	score, epss                          float64
	cwe                                  []int
	flags                                uint64
}

// Flags of a text.
const (
	flagMalicious = 1 << iota
	flagExploited
	flagServer
	flagMission
)

func (t *text) read(r *reader) {
	strs := func() []string {
		out := make([]string, r.count(1))
		for i := range out {
			out[i] = r.text()
		}
		return out
	}
	t.ids, t.urls = strs(), strs()
	t.summary, t.vector, t.published, t.modified = r.text(), r.text(), r.text(), r.text()
	t.score = float64(r.uvarint()) / 10
	t.epss = float64(r.uvarint()) / 1e5
	t.cwe = make([]int, r.count(1))
	for i := range t.cwe {
		t.cwe[i] = r.count0()
	}
	t.flags = r.uvarint()
}

func (t *text) append(b []byte) []byte {
	str := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	strs := func(l []string) {
		b = binary.AppendUvarint(b, uint64(len(l)))
		for _, s := range l {
			str(s)
		}
	}
	strs(t.ids)
	strs(t.urls)
	str(t.summary)
	str(t.vector)
	str(t.published)
	str(t.modified)
	b = binary.AppendUvarint(b, uint64(t.score*10+0.5))
	b = binary.AppendUvarint(b, uint64(t.epss*1e5+0.5))
	b = binary.AppendUvarint(b, uint64(len(t.cwe)))
	for _, c := range t.cwe {
		b = binary.AppendUvarint(b, uint64(c))
	}
	return binary.AppendUvarint(b, t.flags)
}

// text reads what there is to say of a record.
func (p *pack) text(record uint32) (*text, error) {
	chunk := record / perChunk
	p.mu.Lock()
	defer p.mu.Unlock()
	list, ok := p.texts[chunk]
	if !ok {
		var err error
		if list, err = p.inflate(chunk); err != nil {
			return nil, fmt.Errorf("texts of record %d: %w", record, err)
		}
		p.texts[chunk] = list
	}
	if i := int(record % perChunk); i < len(list) {
		return &list[i], nil
	}
	return nil, fmt.Errorf("record %d is not there: %w", record, errDamaged)
}

func (p *pack) inflate(chunk uint32) ([]text, error) {
	at := uint64(chunk) * chunkRow
	if at+2*chunkRow > uint64(len(p.chunks)) {
		return nil, errDamaged
	}
	low := uint64(binary.LittleEndian.Uint32(p.chunks[at:]))
	high := uint64(binary.LittleEndian.Uint32(p.chunks[at+chunkRow:]))
	if low > high || high > uint64(len(p.data)) {
		return nil, errDamaged
	}
	packed := p.data[low:high]
	if crc32.Checksum(packed, castagnoli) != binary.LittleEndian.Uint32(p.chunks[at+4:]) {
		return nil, fmt.Errorf("checksum is wrong: %w", errDamaged)
	}
	if p.zr == nil {
		p.zr = flate.NewReaderDict(bytes.NewReader(packed), dictionary)
	} else if err := p.zr.(flate.Resetter).Reset(bytes.NewReader(packed), dictionary); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(p.zr, maxChunk+1))
	if err != nil || len(b) > maxChunk {
		return nil, fmt.Errorf("texts do not inflate: %w", errDamaged)
	}
	r := &reader{b: b}
	list := make([]text, 0, perChunk)
	for len(r.b) > 0 && !r.bad && len(list) < perChunk {
		var t text
		t.read(r)
		list = append(list, t)
	}
	if r.bad {
		return nil, fmt.Errorf("texts do not add up: %w", errDamaged)
	}
	return list, nil
}

// dictionary is what texts have in common; it belongs to the file's version.
var dictionary = []byte("https://nvd.nist.gov/vuln/detail/CVE-https://github.com/advisories/GHSA-https://osv.dev/vulnerability/PYSEC-/security/advisories/GHSA-" +
	"https://github.com//commit/ remote attackers to execute arbitrary code via a crafted  allows attackers to cause a denial of service  SQL injection " +
	"cross-site scripting (XSS) vulnerability in  before  prior to version  An issue was discovered in  was discovered to contain a  path traversal " +
	" is a Python library for  TensorFlow is an open source platform for machine learning. In affected versions the implementation of  can be made to " +
	"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:H/SC:N/SI:N/SA:NCVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:NCVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" +
	"MAL-2024-GO-20242025-2023-2022-PYSEC-2024-CVE-20252026-CVE-2024-CVE-2023-")

// check reads every block and chunk.
func (p *pack) check() error {
	for i := range p.packages {
		row := p.dir[i*dirEntry:]
		b, err := p.block(binary.LittleEndian.Uint32(row[8:]), binary.LittleEndian.Uint32(row[12:]))
		if err != nil {
			return fmt.Errorf("package %d: %w", i, err)
		}
		if hashName(b.ecosystem, b.name) != binary.LittleEndian.Uint64(row) {
			return fmt.Errorf("package %q stands at another's place: %w", b.name, errDamaged)
		}
	}
	for i := range (p.records + perChunk - 1) / perChunk {
		if _, err := p.inflate(uint32(i)); err != nil {
			return fmt.Errorf("texts %d: %w", i, err)
		}
	}
	return nil
}
