package advisory

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"weir"
	"weir/internal/version"
)

// Advise says what is known of a requirement: of an exact one about its version, of a range or an open one about all known versions that it
// allows. A version with a local part (1.12.0+cu113) counts as the public one too. Damage makes the answer weir.AffectedUnknown; see [DB.Err].
func (db *DB) Advise(r weir.Requirement) weir.Advice {
	unknown := weir.Advice{Affected: weir.AffectedUnknown}
	s, ok := subjectOf(r)
	if !ok || !db.Covers(s.scheme.String()) {
		return unknown
	}
	unknown.Known = true
	if r.State == weir.PinUnresolved {
		return unknown
	}
	v, err := db.look(s)
	if err != nil {
		db.fail(err)
		return unknown
	}
	if len(v.shelves) == 0 {
		return weir.Advice{Affected: weir.AffectedNone, Known: true}
	}
	var a weir.Advice
	if r.State == weir.PinExact {
		a, err = v.exact(r.Version)
	} else {
		a, err = v.open(r)
	}
	if err != nil {
		if !errors.Is(err, errVersion) {
			db.fail(err)
		}
		return unknown
	}
	a.Known = true
	if a.Newest = v.newest(); r.State == weir.PinExact && v.scheme.Compare(a.Newest, r.Version) < 0 {
		a.Newest = r.Version // the data end before the version in use
	}
	a.Newest = s.plain(a.Newest)
	a.Safe = s.plain(a.Safe)
	for i := range a.Advisories {
		for j, f := range a.Advisories[i].Fixed {
			a.Advisories[i].Fixed[j] = s.plain(f)
		}
	}
	return a
}

// errVersion is a version or range that the ecosystem's rules cannot read: nothing is wrong with the database.
var errVersion = errors.New("not a version or range")

// view is one package in all files.
type view struct {
	scheme  version.Scheme
	shelves []*shelf
	all     []known // the known versions of all files, in order
}

// shelf is one package in one file.
type shelf struct {
	*block
	pack  *pack
	files []file // beside flaws
}

// file is what belongs to a flaw beyond its ranges.
type file struct {
	text   *text
	beaten bool    // a newer record about the same flaw counts instead
	others []*text // of older ones
}

// look gathers a package from all files and lets the newest record of each flaw win.
func (db *DB) look(s subject) (*view, error) {
	v := &view{scheme: s.scheme}
	for _, p := range db.packs {
		b, err := p.find(s.scheme.String(), s.name)
		if err != nil {
			return nil, fmt.Errorf("advisory database %q: %w", p.name, err)
		}
		if b != nil {
			v.shelves = append(v.shelves, &shelf{block: b, pack: p, files: make([]file, len(b.flaws))})
		}
	}
	if len(v.shelves) < 2 {
		if len(v.shelves) == 1 {
			v.all = v.shelves[0].versions
		}
		return v, nil
	}
	if err := v.reconcile(); err != nil {
		return nil, err
	}
	for _, s := range v.shelves {
		v.all = append(v.all, s.versions...)
	}
	slices.SortStableFunc(v.all, func(x, y known) int { return bytes.Compare(x.key, y.key) })
	v.all = slices.CompactFunc(v.all, func(x, y known) bool { return bytes.Equal(x.key, y.key) })
	return v, nil
}

// reconcile finds records of different files about one flaw. The newer one counts, of equally new ones that of the later file.
func (v *view) reconcile() error {
	type place struct{ shelf, flaw int }
	owner := map[string]place{}
	for i, s := range v.shelves {
		for j := range s.flaws {
			t, err := s.text(j)
			if err != nil {
				return err
			}
			me := place{i, j}
			for _, id := range t.ids {
				it, ok := owner[id]
				if !ok || it == me {
					owner[id] = me
					continue
				}
				if it.shelf == i {
					continue // one file says it twice; its builder had its reasons
				}
				other := &v.shelves[it.shelf].files[it.flaw]
				if t.modified >= other.text.modified {
					other.beaten = true
					s.files[j].others = append(s.files[j].others, other.text)
					owner[id] = me
				} else {
					s.files[j].beaten = true
					other.others = append(other.others, t)
				}
			}
		}
	}
	return nil
}

func (s *shelf) text(flaw int) (*text, error) {
	f := &s.files[flaw]
	if f.text == nil {
		t, err := s.pack.text(s.flaws[flaw].record)
		if err != nil {
			return nil, fmt.Errorf("advisory database %q: %w", s.pack.name, err)
		}
		f.text = t
	}
	return f.text, nil
}

// hit is a flaw that concerns a version.
type hit struct {
	shelf *shelf
	flaw  int
}

// position is where a key lies among the known versions.
func (b *block) position(key []byte) int {
	i, found := slices.BinarySearchFunc(b.versions, key, func(k known, key []byte) int { return bytes.Compare(k.key, key) })
	if found {
		return 2*i + 1
	}
	return 2 * i
}

func (f *flaw) concerns(at int) bool {
	for _, s := range f.ranges {
		if at >= s.low && at <= s.high {
			return true
		}
	}
	return false
}

// hits are the flaws that concern a version: under its own key, or that of its public part.
func (v *view) hits(key, public []byte) []hit {
	var out []hit
	for _, s := range v.shelves {
		at := s.position(key)
		plain := at
		if public != nil {
			plain = s.position(public)
		}
		for i := range s.flaws {
			if f := &s.flaws[i]; !s.files[i].beaten && (f.concerns(at) || plain != at && f.concerns(plain)) {
				out = append(out, hit{s, i})
			}
		}
	}
	return out
}

// hitsOf is hits for a version's text.
func (v *view) hitsOf(text string) (hits []hit, key []byte, ok bool) {
	key, ok = v.scheme.Key(text)
	if !ok {
		return nil, nil, false
	}
	var public []byte
	if p := v.scheme.Public(text); p != text {
		public, _ = v.scheme.Key(p)
	}
	return v.hits(key, public), key, true
}

func (v *view) exact(used string) (a weir.Advice, err error) {
	hits, key, ok := v.hitsOf(used)
	if !ok {
		return a, errVersion
	}
	a.Affected = weir.AffectedNone
	if len(hits) == 0 {
		a.Safe = used
		return a, nil
	}
	a.Affected = weir.AffectedAll
	a.Safe = v.safe(key, v.scheme.Prerelease(used))
	a.Advisories, err = v.advisories(hits, key)
	return a, err
}

// safe is the smallest known version above a key that no flaw concerns.
func (v *view) safe(key []byte, pre bool) string {
	i, found := slices.BinarySearchFunc(v.all, key, func(k known, key []byte) int { return bytes.Compare(k.key, key) })
	if found {
		i++
	}
	for ; i < len(v.all); i++ {
		if k := &v.all[i]; (pre || !k.pre) && len(v.hits(k.key, nil)) == 0 {
			return v.text(k)
		}
	}
	return ""
}

// text is a version's text, which often only follows from its key.
func (v *view) text(k *known) string {
	if k.text != "" {
		return k.text
	}
	t, _ := v.scheme.Text(k.key, int(k.zeros))
	return t
}

// newest is the highest known version, a final one where there is one.
func (v *view) newest() string {
	for i := len(v.all) - 1; i >= 0; i-- {
		if !v.all[i].pre {
			return v.text(&v.all[i])
		}
	}
	if n := len(v.all); n > 0 {
		return v.text(&v.all[n-1])
	}
	return ""
}

// candidate is a version that a range allows.
type candidate struct {
	known
	hits []hit
}

// open answers for a range or an unbounded requirement.
func (v *view) open(r weir.Requirement) (a weir.Advice, err error) {
	list, ok := v.candidates(r)
	if !ok {
		return a, errVersion
	}
	a.Affected = weir.AffectedNone
	if len(list) == 0 {
		return a, nil
	}
	var some []hit
	clean := 0
	for _, c := range list {
		if len(c.hits) == 0 {
			clean++
			if a.Safe == "" {
				a.Safe = c.text
			}
		}
		for _, h := range c.hits {
			if !slices.Contains(some, h) {
				some = append(some, h)
			}
		}
	}
	last := list[len(list)-1]
	switch {
	case clean == len(list):
		return a, nil
	case clean == 0:
		a.Affected = weir.AffectedAll
		a.Safe = v.safe(last.key, false)
	default:
		a.Affected = weir.AffectedSome
	}
	if len(last.hits) > 0 {
		some = last.hits
	}
	a.Advisories, err = v.advisories(some, list[0].key)
	return a, err
}

// candidates are the known versions that a range allows, in order, and the range's own bounds where it allows them. Where it allows no known
// version at all, its bounds stand for what lies between.
func (v *view) candidates(r weir.Requirement) ([]candidate, bool) {
	scheme := version.For(r.Ecosystem)
	set := scheme.Any()
	if r.State == weir.PinRange {
		var err error
		if set, err = scheme.Parse(r.Range); err != nil {
			return nil, false
		}
	}
	var list []candidate
	for _, k := range v.all {
		k.text = v.text(&k)
		if set.All() && !k.pre || !set.All() && set.Contains(k.text) {
			list = append(list, candidate{known: k})
		}
	}
	bounds := set.Bounds()
	for _, admit := range []bool{true, false} {
		for _, b := range bounds {
			key, ok := v.scheme.Key(b)
			if ok && (!admit || set.Contains(b)) {
				list = append(list, candidate{known: known{key: key, text: b}})
			}
		}
		if len(list) > 0 {
			break
		}
	}
	slices.SortStableFunc(list, func(x, y candidate) int { return bytes.Compare(x.key, y.key) })
	list = slices.CompactFunc(list, func(x, y candidate) bool { return bytes.Equal(x.key, y.key) })
	for i := range list {
		list[i].hits = v.hits(list[i].key, nil)
	}
	return list, true
}

// advisories turns hits into what rules read, worst first; above says which fixes are of use.
func (v *view) advisories(hits []hit, above []byte) ([]weir.Advisory, error) {
	out := make([]weir.Advisory, 0, len(hits))
	for _, h := range hits {
		t, err := h.shelf.text(h.flaw)
		if err != nil {
			return nil, err
		}
		f := &h.shelf.flaws[h.flaw]
		a := advisoryOf(t, h.shelf.files[h.flaw].others)
		a.Affected = h.shelf.describe(f)
		a.Symbols = f.symbols
		for _, i := range f.fixed {
			if bytes.Compare(h.shelf.versions[i].key, above) > 0 {
				a.Fixed = append(a.Fixed, h.shelf.version(i))
			}
		}
		if len(a.Fixed) == 0 { // a record that names the last version with the flaw, not the first without it
			if v := h.shelf.after(f, above); v != "" {
				a.Fixed = []string{v}
			}
		}
		out = append(out, a)
	}
	slices.SortStableFunc(out, func(x, y weir.Advisory) int {
		return cmp.Or(cmp.Compare(y.Severity, x.Severity), cmp.Compare(y.Score, x.Score), cmp.Compare(x.ID, y.ID))
	})
	return out, nil
}

// after is the first final version above a key that a flaw does not concern; empty where none is known.
func (b *block) after(f *flaw, key []byte) string {
	for i := range b.versions {
		if v := &b.versions[i]; !v.pre && bytes.Compare(v.key, key) > 0 && !f.concerns(2*i+1) {
			return b.version(i)
		}
	}
	return ""
}

// advisoryOf joins a record with older ones about the same flaw, which fill what it leaves open.
func advisoryOf(t *text, older []*text) weir.Advisory {
	a := weir.Advisory{Summary: t.summary, Score: t.score, Vector: t.vector, CWE: t.cwe, EPSS: t.epss, Published: t.published, Modified: t.modified}
	ids, urls, flags := slices.Clone(t.ids), slices.Clone(t.urls), t.flags
	for _, o := range older {
		flags |= o.flags
		a.EPSS = max(a.EPSS, o.epss)
		if a.Score == 0 {
			a.Score, a.Vector = o.score, o.vector
		}
		if len(a.CWE) == 0 {
			a.CWE = o.cwe
		}
		if a.Summary == "" || flags&flagMission != 0 && t.flags&flagMission == 0 && o.flags&flagMission != 0 && o.summary != "" {
			a.Summary = o.summary
		}
		for _, id := range o.ids {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	slices.SortStableFunc(ids, func(x, y string) int { return cmp.Compare(rankID(x), rankID(y)) })
	if len(ids) > 0 {
		a.ID = ids[0]
	}
	a.Aliases = ids
	a.Severity = band(a.Score)
	a.Malicious, a.Exploited = flags&flagMalicious != 0, flags&flagExploited != 0
	a.Server, a.Mission = flags&flagServer != 0, flags&flagMission != 0
	if a.Malicious {
		a.Severity = weir.SeverityCritical
	}
	a.URLs = append(idURLs(ids), urls...)
	return a
}

// idURLs are the public pages of ids.
func idURLs(ids []string) []string {
	var out []string
	for _, id := range ids {
		switch {
		case strings.HasPrefix(id, "CVE-"):
			out = append(out, "https://nvd.nist.gov/vuln/detail/"+id)
		case strings.HasPrefix(id, "GHSA-"):
			out = append(out, "https://github.com/advisories/"+id)
		case strings.HasPrefix(id, "PYSEC-"), strings.HasPrefix(id, "MAL-"), strings.HasPrefix(id, "GO-"), strings.HasPrefix(id, "RUSTSEC-"):
			out = append(out, "https://osv.dev/vulnerability/"+id)
		}
		if len(out) == 2 {
			break
		}
	}
	return out
}

// describe writes a flaw's versions for a person: "< 1.13.1", ">= 2.0, < 2.3 || == 2.5".
func (b *block) describe(f *flaw) string {
	const most = 4
	top := 2 * len(b.versions)
	var parts []string
	for i, s := range f.ranges {
		if i == most && len(f.ranges) > most+1 {
			parts = append(parts, fmt.Sprintf("%d more", len(f.ranges)-most))
			break
		}
		var low, high string
		if s.low > 0 {
			low = ">= " + b.version(min(s.low/2, len(b.versions)-1))
		}
		switch {
		case s.high >= top:
		case s.high%2 == 0:
			high = "< " + b.version(s.high/2)
		default:
			high = "<= " + b.version(s.high/2)
		}
		switch {
		case s.low == s.high && s.low%2 == 1:
			parts = append(parts, "== "+b.version(s.low/2))
		case low != "" && high != "":
			parts = append(parts, low+", "+high)
		case low+high != "":
			parts = append(parts, low+high)
		default:
			parts = append(parts, "all versions known to the data")
		}
	}
	return strings.Join(parts, " || ")
}
