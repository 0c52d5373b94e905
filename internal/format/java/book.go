package java

import (
	"fmt"
	"math"
	"strings"

	"weir"
)

// Bounds of what is told: objects of the platform's own classes say little, all others are told one by one until there are many.
const (
	maxFacts    = 16384
	maxPlain    = 8  // pictures of one class of the package java
	maxForeign  = 32 // of one other class
	maxAlways   = 2  // of any class, however many there are of others
	maxEvidence = 480
	maxStats    = 1 << 15
	maxBombs    = 16
)

// stat counts the uses of one class, over all descriptors of its name.
type stat struct {
	pictures int
	more     int64 // uses without a picture
	first    int   // the fact of the first picture, -1 for none
}

// book gathers what is told at the end, when it is known how often.
type book struct {
	facts    []weir.Class
	index    map[string]int // how, name and evidence → place in facts
	stats    map[string]*stat
	rest     *stat           // of all classes beyond maxStats
	faces    map[string]bool // interfaces of proxies
	elements int             // at the top
	dropped  int64
}

func newBook() book {
	return book{index: map[string]int{}, stats: map[string]*stat{}, faces: map[string]bool{}, rest: &stat{first: -1}}
}

func (b *book) stat(name string) *stat {
	s := b.stats[name]
	switch {
	case s != nil:
	case len(b.stats) >= maxStats:
		s = b.rest
	default:
		s = &stat{first: -1}
		b.stats[name] = s
	}
	return s
}

// put adds a fact or counts it with one of the same words; -1 when there is no room.
func (b *book) put(c weir.Class) int {
	key := string(c.How) + "\x00" + c.Name + "\x00" + c.Evidence
	if i, ok := b.index[key]; ok {
		b.facts[i].Count++
		return i
	}
	if len(b.facts) >= maxFacts {
		b.dropped++
		return -1
	}
	b.index[key] = len(b.facts)
	b.facts = append(b.facts, c)
	return len(b.facts) - 1
}

// complete adds to a descriptor's fact what came after it.
func (b *book) complete(d *desc) {
	if d.fact >= 0 && b.facts[d.fact].At == d.at {
		f := &b.facts[d.fact]
		f.Super, f.Codebase, f.Runs = d.supers(), d.codebase, d.runs
	}
}

// note tells of a descriptor.
func (p *parser) note(d *desc) {
	d.stat = p.book.stat(d.name)
	how := weir.ClassDescribed
	if d.proxy {
		how = weir.ClassProxy
		for _, f := range d.faces[:min(len(d.faces), maxStats)] {
			if len(p.book.faces) < maxStats {
				p.book.faces[f] = true
			}
		}
	}
	d.fact = p.book.put(weir.Class{
		Name: d.name, How: how, UID: d.uid, Flags: d.flags, Interfaces: d.faces, Field: p.field, Evidence: d.evidence(), At: d.at,
	})
}

// evidence describes the class as a person would declare it.
func (d *desc) evidence() string {
	if d.proxy {
		return "proxy of " + strings.Join(d.faces[:min(len(d.faces), 8)], ", ")
	}
	return ""
}

// wanted reports whether the next object of a class is to be pictured.
func (p *parser) wanted(d *desc) bool {
	most := maxForeign
	if strings.HasPrefix(d.name, "java.") || d.name[:min(1, len(d.name))] == "[" {
		most = maxPlain
	}
	if d.stat.pictures >= most || p.picked >= maxPicture && d.stat.pictures >= maxAlways {
		return false
	}
	d.stat.pictures++
	p.picked++
	return true
}

// found tells of an object.
func (p *parser) found(d *desc, how weir.ClassUse, at int64, n *node) {
	c := weir.Class{
		Name: d.name, How: how, UID: d.uid, Flags: d.flags, Super: d.supers(), Interfaces: d.faces, Codebase: d.codebase, Field: p.field,
		Runs: d.runs, At: at,
	}
	if n != nil {
		c.Evidence = show(n.v, maxEvidence)
		if how != weir.ClassEnum && how != weir.ClassArray {
			c.Fields = fieldsOf(n.v)
		} else if how == weir.ClassArray {
			c.Fields = []weir.ClassField{{Value: n.v}}
		}
	}
	i := p.book.put(c)
	if d.stat.first < 0 {
		d.stat.first = i
	}
}

// fieldsOf gives the fields of a picture.
func fieldsOf(v weir.Value) []weir.ClassField {
	if v.Kind != weir.ValueInstance {
		return []weir.ClassField{{Name: "value", Value: v}}
	}
	var out []weir.ClassField
	for i := 0; i+1 < len(v.Items); i += 2 {
		out = append(out, weir.ClassField{Name: v.Items[i].Text, Value: v.Items[i+1]})
	}
	return out
}

// flush sends all that was gathered, in the order in which it was met. That some of it was not kept is said last.
func (p *parser) flush() {
	for _, s := range p.book.stats {
		if s.first >= 0 {
			p.book.facts[s.first].Count += s.more
		}
	}
	if p.quiet {
		return
	}
	for _, o := range p.bombs {
		p.in.Emit(o)
	}
	for _, c := range p.book.facts {
		p.in.Emit(c)
	}
	if p.book.dropped > 0 {
		p.oddity(weir.OddShape, 0, 0, fmt.Sprintf("%d more objects and classes differ from all that are told", p.book.dropped))
	}
}

// Bounds beyond which a reader's memory or time is at stake.
const (
	hugeClaim = 1 << 26 // elements
	hugeArray = 1 << 28 // bytes
	hugeCost  = 1 << 24 // visits of one hashCode
)

func (p *parser) bomb(at int64, detail string, args ...any) {
	if len(p.bombs) < maxBombs {
		p.bombs = append(p.bombs, weir.Oddity{Kind: weir.OddBomb, Detail: fmt.Sprintf(detail, args...), At: at})
	}
}

// expensive notes objects that take memory or time out of proportion while they are read: a collection that claims far more than it holds, and
// collections in collections whose hash visits everything below again and again (the "SerialDOS" shape of Wouter Coekaerts, 2015).
func (p *parser) expensive(d *desc, at int64, b *build, cost float32) {
	if b.says >= hugeClaim && b.says > 2*b.held {
		p.bomb(at, "%s claims to hold %d elements and holds %d: room for all is made first", d.name, b.says, b.held)
	}
	if cost >= hugeCost && cost < math.MaxFloat32 && float64(cost) > 64*float64(p.known) {
		p.bomb(at, "one hashCode of this %s visits %.3g objects, of %d that there are", d.name, cost, p.known)
	}
}

// roomFor notes an array for which a reader allocates far more than the stream can fill.
func (p *parser) roomFor(d *desc, at, n, w int64) {
	each := w
	if width(d.name[1]) == 0 {
		each = 4 // a compressed reference
	}
	if n*each >= hugeArray && n*w > p.rd.left() {
		p.bomb(at, "an array %s of %d elements is allocated and %d bytes are left to fill it", d.name, n, p.rd.left())
	}
}
