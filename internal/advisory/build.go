package advisory

import (
	"bufio"
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
	"sort"
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

	records  []*kept
	byID     map[string]int32
	parent   []int32
	packages map[pkg]*collected
	newest   string
	skipped  int
	exploit  map[string]bool
	epss     map[string]float64
}

type pkg struct{ ecosystem, name string }

// kept is a record's text, encoded.
type kept struct{ text text }

// collected is what the records say of one package.
type collected struct {
	versions map[string]bool
	states   []statement
}

// statement is one record's word about a package's versions.
type statement struct {
	record  int32
	ranges  [][]event
	listed  []string
	symbols []string
}

// NewBuilder makes an empty builder.
func NewBuilder() *Builder {
	return &Builder{byID: map[string]int32{}, packages: map[pkg]*collected{}, exploit: map[string]bool{}, epss: map[string]float64{}}
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
	b.records = append(b.records, &kept{t})
	b.parent = append(b.parent, n)
	b.newest = max(b.newest, t.modified, t.published)
	for _, id := range t.ids {
		if other, ok := b.byID[id]; ok {
			b.union(n, other)
		} else {
			b.byID[id] = n
		}
	}
	for i := range r.Affected {
		b.addAffected(n, &r.Affected[i])
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
		c = &collected{versions: map[string]bool{}}
		b.packages[key] = c
	}
	s := statement{record: n}
	note := func(v string) {
		if v != "" && v != "0" && len(v) <= version.MaxLength && !c.versions[v] {
			c.versions[strings.Clone(v)] = true
		}
	}
	events := 0
	for _, r := range a.Ranges {
		if r.Type == "GIT" {
			continue
		}
		evs := r.Events
		if events += len(evs); events > maxEvents {
			break
		}
		for _, e := range evs {
			note(e.Introduced)
			note(e.Fixed)
			note(e.LastAffected)
		}
		s.ranges = append(s.ranges, evs)
	}
	for _, v := range a.Versions[:min(len(a.Versions), maxVersions)] {
		note(v)
		s.listed = append(s.listed, v)
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
	c.states = append(c.states, s)
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
	slices.SortFunc(members, func(x, y int32) int { return cmp.Compare(b.records[x].text.ids[0], b.records[y].text.ids[0]) })
	t := text{}
	for _, m := range members {
		o := &b.records[m].text
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
	var body bytes.Buffer
	type row struct {
		hash    uint64
		at, sum uint32
	}
	rows := make([]row, 0, len(keys))
	for _, k := range keys {
		block, flaws := b.block(k, numbers)
		m.Ecosystems[k.ecosystem] += flaws
		rows = append(rows, row{hashName(k.ecosystem, k.name), uint32(body.Len()), crc32.Checksum(block, castagnoli)})
		body.Write(binary.AppendUvarint(nil, uint64(len(block))))
		body.Write(block)
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i].hash < rows[j].hash })
	chunks, err := b.chunks(order, &body)
	if err != nil {
		return 0, err
	}
	desc, err := json.Marshal(m)
	if err != nil {
		return 0, err
	}
	end := headSize + len(desc) + len(rows)*dirEntry + len(chunks)*chunkRow
	if end+body.Len() > math.MaxUint32 {
		return 0, fmt.Errorf("%d bytes are more than an advisory database can hold", end+body.Len())
	}
	le := binary.LittleEndian
	front := append(make([]byte, 0, end), magic...)
	front = le.AppendUint32(front, 0)
	front = le.AppendUint32(front, uint32(end))
	front = le.AppendUint64(front, uint64(end+body.Len()))
	for _, n := range []int{len(desc), len(rows), len(chunks) - 1, perChunk, len(order), 0} {
		front = le.AppendUint32(front, uint32(n))
	}
	front = append(front, desc...)
	for _, r := range rows {
		front = le.AppendUint32(le.AppendUint32(le.AppendUint64(front, r.hash), r.at+uint32(end)), r.sum)
	}
	for _, c := range chunks {
		front = le.AppendUint32(le.AppendUint32(front, c[0]+uint32(end)), c[1])
	}
	le.PutUint32(front[8:], crc32.Checksum(front[12:], castagnoli))
	out := bufio.NewWriter(w)
	out.Write(front)
	out.Write(body.Bytes())
	return int64(end + body.Len()), out.Flush()
}

// number gives each flaw its record number, in the order of packages so that the flaws of one lie together; order holds the members of each.
func (b *Builder) number(keys []pkg) (numbers map[int32]uint32, order [][]int32) {
	members := map[int32][]int32{}
	for i := range b.records {
		root := b.find(int32(i))
		members[root] = append(members[root], int32(i))
	}
	numbers = make(map[int32]uint32, len(members))
	for _, k := range keys {
		var roots []int32
		seen := map[int32]bool{}
		for _, s := range b.packages[k].states {
			root := b.find(s.record)
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
	low := b.records[members[0]].text.ids[0]
	for _, m := range members[1:] {
		low = min(low, b.records[m].text.ids[0])
	}
	return low
}

// chunks writes the texts, and gives offset in the body and checksum of each chunk; one more offset ends the last.
func (b *Builder) chunks(order [][]int32, body *bytes.Buffer) ([][2]uint32, error) {
	zw, err := flate.NewWriterDict(io.Discard, flate.BestCompression, dictionary)
	if err != nil {
		return nil, err
	}
	var out [][2]uint32
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
		out = append(out, [2]uint32{uint32(body.Len()), crc32.Checksum(packed.Bytes(), castagnoli)})
		body.Write(packed.Bytes())
	}
	return append(out, [2]uint32{uint32(body.Len()), 0}), nil
}
