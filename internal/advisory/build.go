package advisory

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/internal/version"
)

// Builder collects advisories and writes them as one file. It is not safe for concurrent use. Records may come in any order; those that share an
// id or alias become one flaw, withdrawn ones are left out.
type Builder struct {
	// Date is of the data, where its sources say so; otherwise the newest record's counts.
	Date    time.Time
	Sources []string
	Serial  int64
	mission bool

	records  [][]byte         // texts, encoded: 400,000 records must fit into memory
	ids      map[uint64]int32 // hash of an id → record
	parent   []int32
	room     arena
	scratch  []byte
	packages map[pkg]*collected
	newest   string
	skipped  int
	exploit  map[string]bool
	epss     map[string]float64
}

type pkg struct{ ecosystem, name string }

// collected is what the records say of one package: statements, encoded.
type collected struct {
	states   [][]byte
	releases []string
}

// statement is one record's word about a package's versions.
type statement struct {
	record  int32
	ranges  [][]event
	listed  []string
	symbols []string
}

// arena keeps many small byte slices without the cost of each.
type arena struct{ free []byte }

func (a *arena) keep(b []byte) []byte {
	if len(b) > len(a.free) {
		a.free = make([]byte, max(1<<20, len(b)))
	}
	n := copy(a.free, b)
	out := a.free[:n:n]
	a.free = a.free[n:]
	return out
}

// NewBuilder makes an empty builder.
func NewBuilder() *Builder {
	return &Builder{ids: map[uint64]int32{}, packages: map[pkg]*collected{}, exploit: map[string]bool{}, epss: map[string]float64{}}
}

// Bounds of one record; real ones are far below.
const (
	maxVersions = 1 << 16 // listed versions of one package in one record
	maxEvents   = 1 << 14
	maxIDs      = 64
	maxSymbols  = 64
)

// Add takes one OSV record as JSON. What it cannot use (a withdrawn record, ecosystems without version rules) it counts; the error is about bytes
// that are no record.
func (b *Builder) Add(data []byte) error {
	r, err := decode(data)
	if err != nil {
		return err
	}
	b.add(r)
	return nil
}

func (b *Builder) add(r *record) {
	usable := r.Withdrawn == ""
	if usable {
		usable = slices.ContainsFunc(r.Affected, func(a affected) bool { return ecosystemOf(a.Package.Ecosystem) != "" && a.Package.Name != "" })
	}
	if !usable {
		b.skipped++
		return
	}
	n := int32(len(b.records))
	t := b.textOf(r)
	b.scratch = t.append(b.scratch[:0])
	b.records = append(b.records, b.room.keep(b.scratch))
	b.parent = append(b.parent, n)
	b.newest = max(b.newest, t.modified, t.published)
	for _, id := range t.ids {
		h := hashName("", id)
		if other, ok := b.ids[h]; ok {
			b.union(n, other)
		} else {
			b.ids[h] = n
		}
	}
	for i := range r.Affected {
		b.addAffected(n, &r.Affected[i])
	}
}

// AddReleases takes versions of a package that its registry has, so that it is known which version is the newest and which is safe. It matters only
// for packages with advisories.
func (b *Builder) AddReleases(ecosystem, name string, versions []string) {
	c := b.packages[pkg{ecosystem, Canonical(ecosystem, name)}]
	if c == nil {
		return
	}
	for _, v := range versions {
		if version.For(ecosystem).Valid(v) {
			c.releases = append(c.releases, v)
		}
	}
}

// Count is the number of records taken so far, and of those left out.
func (b *Builder) Count() (taken, skipped int) { return len(b.records), b.skipped }

func (b *Builder) textOf(r *record) text {
	t := text{published: shortTime(r.Published), modified: shortTime(r.Modified), summary: r.Summary}
	for _, id := range append([]string{r.ID}, r.Aliases...) {
		if id = strings.TrimSpace(id); id != "" && len(id) < 128 && !slices.Contains(t.ids, id) && len(t.ids) < maxIDs {
			t.ids = append(t.ids, id)
		}
	}
	if t.summary == "" {
		t.summary = sentence(r.Details)
	}
	t.summary = head(t.summary, 300)
	list := r.Severity
	for _, a := range r.Affected {
		list = append(list, a.Severity...)
	}
	t.vector, t.score = worst(list)
	if t.score == 0 {
		t.score = words[strings.ToUpper(r.Specific.Severity)]
	}
	for _, c := range r.Specific.CWE {
		if n, err := strconv.Atoi(strings.TrimPrefix(c, "CWE-")); err == nil && n > 0 && n < 1<<16 && len(t.cwe) < 16 {
			t.cwe = append(t.cwe, n)
		}
	}
	if strings.HasPrefix(r.ID, "MAL-") {
		t.flags |= flagMalicious
	}
	if r.Specific.Server {
		t.flags |= flagServer
	}
	if b.mission {
		t.flags |= flagMission
	}
	t.urls = references(r)
	return t
}

// references keeps the two most useful addresses; those that follow from an id are made when they are asked for.
func references(r *record) []string {
	var out []string
	for _, want := range []string{"ADVISORY", "FIX", "REPORT", "ARTICLE", "WEB"} {
		for _, ref := range r.Refs {
			derived := strings.Contains(ref.URL, "github.com/advisories/") || strings.Contains(ref.URL, "nvd.nist.gov/") || strings.Contains(ref.URL, "osv.dev/")
			if ref.Type == want && len(out) < 2 && len(ref.URL) < 200 && !derived && strings.HasPrefix(ref.URL, "https://") && !slices.Contains(out, ref.URL) {
				out = append(out, ref.URL)
			}
		}
	}
	return out
}

// shortTime keeps the seconds of an RFC 3339 time; the zero time of Go's database means none.
func shortTime(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Year() < 1990 {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func (b *Builder) addAffected(n int32, a *affected) {
	eco := ecosystemOf(a.Package.Ecosystem)
	if eco == "" || a.Package.Name == "" || len(a.Package.Name) > 512 {
		return
	}
	key := pkg{eco, Canonical(eco, a.Package.Name)}
	c := b.packages[key]
	if c == nil {
		c = &collected{}
		b.packages[key] = c
	}
	s := statement{record: n, listed: a.Versions[:min(len(a.Versions), maxVersions)]}
	events := 0
	for _, r := range a.Ranges {
		if events += len(r.Events); r.Type != "GIT" && events <= maxEvents {
			s.ranges = append(s.ranges, r.Events)
		}
	}
	for _, imp := range a.Specific.Imports {
		if len(imp.Symbols) == 0 { // all of the package
			s.symbols = append(s.symbols, imp.Path)
		}
		for _, sym := range imp.Symbols {
			s.symbols = append(s.symbols, strings.TrimPrefix(imp.Path+"."+sym, "."))
		}
	}
	s.symbols = s.symbols[:min(len(s.symbols), maxSymbols)]
	b.scratch = s.append(b.scratch[:0])
	c.states = append(c.states, b.room.keep(b.scratch))
}

// append encodes a statement as statement.read reads it.
func (s *statement) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(s.record))
	b = binary.AppendUvarint(b, uint64(len(s.ranges)))
	for _, events := range s.ranges {
		b = binary.AppendUvarint(b, uint64(len(events)))
		for _, e := range events {
			kind, v := byte(0), ""
			switch {
			case e.Introduced != "":
				kind, v = 'i', e.Introduced
			case e.Fixed != "":
				kind, v = 'f', e.Fixed
			case e.LastAffected != "":
				kind, v = 'l', e.LastAffected
			}
			b = appendString(append(b, kind), v)
		}
	}
	for _, list := range [][]string{s.listed, s.symbols} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, v := range list {
			b = appendString(b, v)
		}
	}
	return b
}

func (s *statement) read(data []byte) {
	r := &reader{b: data}
	s.record = int32(r.uvarint())
	s.ranges = make([][]event, r.count(1))
	for i := range s.ranges {
		s.ranges[i] = make([]event, r.count(2))
		for j := range s.ranges[i] {
			kind, v := r.bytes(1)[0], r.text()
			switch kind {
			case 'i':
				s.ranges[i][j].Introduced = v
			case 'f':
				s.ranges[i][j].Fixed = v
			case 'l':
				s.ranges[i][j].LastAffected = v
			}
		}
	}
	for _, list := range []*[]string{&s.listed, &s.symbols} {
		*list = make([]string, r.count(1))
		for i := range *list {
			(*list)[i] = r.text()
		}
	}
}

func (b *Builder) find(n int32) int32 {
	for b.parent[n] != n {
		b.parent[n] = b.parent[b.parent[n]]
		n = b.parent[n]
	}
	return n
}

func (b *Builder) union(x, y int32) {
	x, y = b.find(x), b.find(y)
	if x != y {
		b.parent[max(x, y)] = min(x, y)
	}
}

// merged joins the texts of one flaw.
func (b *Builder) merged(members []int32) text {
	slices.SortFunc(members, func(x, y int32) int { return strings.Compare(b.firstID(x), b.firstID(y)) })
	t := text{}
	for _, m := range members {
		o := &text{}
		o.read(&reader{b: b.records[m]})
		for _, id := range o.ids {
			if !slices.Contains(t.ids, id) {
				t.ids = append(t.ids, id)
			}
		}
		for _, u := range o.urls {
			if !slices.Contains(t.urls, u) && len(t.urls) < 3 {
				t.urls = append(t.urls, u)
			}
		}
		for _, c := range o.cwe {
			if !slices.Contains(t.cwe, c) {
				t.cwe = append(t.cwe, c)
			}
		}
		if t.vector == "" && o.vector != "" || t.score == 0 {
			t.vector, t.score = o.vector, o.score
		}
		if t.summary == "" || strings.HasSuffix(t.summary, "…") && o.summary != "" {
			t.summary = o.summary
		}
		if t.published == "" || o.published != "" && o.published < t.published {
			t.published = o.published
		}
		t.modified = max(t.modified, o.modified)
		t.flags |= o.flags
	}
	slices.SortStableFunc(t.ids, func(x, y string) int { return cmp.Compare(rankID(x), rankID(y)) })
	for _, id := range t.ids {
		if b.exploit[id] {
			t.flags |= flagExploited
		}
		t.epss = max(t.epss, b.epss[id])
	}
	return t
}

// rankID puts the id that people know best first.
func rankID(id string) int {
	for i, prefix := range []string{"MAL-", "CVE-", "GHSA-", "PYSEC-", "GO-", "RUSTSEC-"} {
		if strings.HasPrefix(id, prefix) {
			return i
		}
	}
	return 9
}

// WriteTo writes the file. Equal records give equal bytes whatever their order.
func (b *Builder) WriteTo(w io.Writer) (int64, error) {
	var body bytes.Buffer
	front, err := b.write(&body)
	if err != nil {
		return 0, err
	}
	n, err := w.Write(front)
	if err == nil {
		_, err = body.WriteTo(w)
	}
	return int64(n) + int64(binary.LittleEndian.Uint64(front[16:])) - int64(len(front)), err
}

// counted is a writer that knows how far it is.
type counted struct {
	w io.Writer
	n int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// write writes blocks and texts to a body, and gives what stands before it.
func (b *Builder) write(w io.Writer) (front []byte, err error) {
	keys := make([]pkg, 0, len(b.packages))
	for k := range b.packages {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y pkg) int { return cmp.Or(cmp.Compare(x.ecosystem, y.ecosystem), cmp.Compare(x.name, y.name)) })
	numbers, order := b.number(keys)
	m := meta{Date: b.Date, Sources: b.Sources, Serial: b.Serial, Ecosystems: map[string]int{}, Skipped: b.skipped, Mission: b.mission}
	if m.Date.IsZero() {
		m.Date, _ = time.Parse(time.RFC3339, b.newest)
	}
	body := &counted{w: w}
	rows := make([]row, 0, len(keys))
	for _, k := range keys {
		block, flaws := b.block(k, numbers)
		m.Ecosystems[k.ecosystem] += flaws
		rows = append(rows, row{hashName(k.ecosystem, k.name), body.n, crc32.Checksum(block, castagnoli)})
		if _, err := body.Write(append(binary.AppendUvarint(nil, uint64(len(block))), block...)); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(rows, func(x, y row) int { return cmp.Or(cmp.Compare(x.hash, y.hash), cmp.Compare(x.at, y.at)) })
	chunks, err := b.chunks(order, body)
	if err != nil {
		return nil, err
	}
	return m.front(rows, chunks, len(order), body.n)
}

// row is an entry of the directory, or of the table of chunks; at counts from the body's beginning.
type row struct {
	hash uint64
	at   int64
	sum  uint32
}

// front encodes head, description, directory and table of chunks.
func (m *meta) front(rows, chunks []row, records int, body int64) ([]byte, error) {
	desc, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	end := headSize + len(desc) + len(rows)*dirEntry + len(chunks)*chunkRow
	if int64(end)+body > math.MaxUint32 {
		return nil, fmt.Errorf("%d bytes are more than an advisory database can hold", int64(end)+body)
	}
	le := binary.LittleEndian
	b := append(make([]byte, 0, end), magic...)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint32(b, uint32(end))
	b = le.AppendUint64(b, uint64(int64(end)+body))
	for _, n := range []int{len(desc), len(rows), len(chunks) - 1, perChunk, records, 0} {
		b = le.AppendUint32(b, uint32(n))
	}
	b = append(b, desc...)
	for _, r := range rows {
		b = le.AppendUint32(le.AppendUint32(le.AppendUint64(b, r.hash), uint32(r.at+int64(end))), r.sum)
	}
	for _, c := range chunks {
		b = le.AppendUint32(le.AppendUint32(b, uint32(c.at+int64(end))), c.sum)
	}
	le.PutUint32(b[8:], crc32.Checksum(b[12:], castagnoli))
	return b, nil
}

// number gives each flaw its record number, in the order of packages so that the flaws of one lie together; order holds the members of each.
func (b *Builder) number(keys []pkg) (numbers map[int32]uint32, order [][]int32) {
	// The members of each flaw lie one after another in one slice.
	all := make([]int32, len(b.records))
	for i := range all {
		all[i] = int32(i)
	}
	slices.SortFunc(all, func(x, y int32) int { return cmp.Or(cmp.Compare(b.find(x), b.find(y)), cmp.Compare(x, y)) })
	members := map[int32][]int32{}
	for i := 0; i < len(all); {
		j := i + 1
		for j < len(all) && b.find(all[j]) == b.find(all[i]) {
			j++
		}
		members[b.find(all[i])] = all[i:j:j]
		i = j
	}
	numbers = make(map[int32]uint32, len(members))
	for _, k := range keys {
		var roots []int32
		seen := map[int32]bool{}
		for _, s := range b.packages[k].states {
			record, _ := binary.Uvarint(s)
			root := b.find(int32(record))
			if _, ok := numbers[root]; !ok && !seen[root] {
				seen[root] = true
				roots = append(roots, root)
			}
		}
		slices.SortFunc(roots, func(x, y int32) int { return cmp.Compare(b.lowestID(members[x]), b.lowestID(members[y])) })
		for _, root := range roots {
			numbers[root] = uint32(len(order))
			order = append(order, members[root])
		}
	}
	return numbers, order
}

func (b *Builder) lowestID(members []int32) string {
	low := b.firstID(members[0])
	for _, m := range members[1:] {
		low = min(low, b.firstID(m))
	}
	return low
}

// firstID is a record's own id, without reading the rest of it.
func (b *Builder) firstID(record int32) string {
	r := &reader{b: b.records[record]}
	r.uvarint()
	return r.text()
}

// chunks writes the texts, and gives place and checksum of each chunk; one more place ends the last.
func (b *Builder) chunks(order [][]int32, body *counted) ([]row, error) {
	zw, err := flate.NewWriterDict(io.Discard, flate.BestCompression, dictionary)
	if err != nil {
		return nil, err
	}
	var out []row
	var raw []byte
	var packed bytes.Buffer
	for i := 0; i < len(order); i += perChunk {
		raw = raw[:0]
		for _, members := range order[i:min(i+perChunk, len(order))] {
			t := b.merged(members)
			raw = t.append(raw)
		}
		packed.Reset()
		zw.Reset(&packed)
		if _, err := zw.Write(raw); err != nil {
			return nil, err
		}
		if err := zw.Close(); err != nil {
			return nil, err
		}
		out = append(out, row{at: body.n, sum: crc32.Checksum(packed.Bytes(), castagnoli)})
		if _, err := body.Write(packed.Bytes()); err != nil {
			return nil, err
		}
	}
	return append(out, row{at: body.n}), nil
}
