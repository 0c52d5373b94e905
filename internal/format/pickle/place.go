package pickle

import (
	"slices"
	"strconv"
	"strings"
)

// maxKey bounds the text of a key that Options.Place is given.
const maxKey = 200

// placeItems tells Options.Place of the values that come into parent as its items, from a given index on.
func (m *machine) placeItems(parent val, from int64, vs []val) {
	if m.opt.Place == nil {
		return
	}
	for _, v := range vs {
		if v.k == kRun {
			from += v.n
			continue
		}
		m.placed(parent, v, strconv.FormatInt(from, 10))
		from++
	}
}

// placePairs tells Options.Place of keys and values.
func (m *machine) placePairs(parent val, vs []val) {
	if m.opt.Place == nil {
		return
	}
	var n int64
	key := ""
	for _, v := range vs {
		switch {
		case v.k == kRun:
			n, key = n+v.n, ""
			continue
		case n%2 == 0:
			key = m.keyText(v)
		default:
			m.placed(parent, v, key)
			key = ""
		}
		n++
	}
}

func (m *machine) keyText(v val) string {
	switch v.k {
	case kInt:
		return strconv.FormatInt(v.n, 10)
	case kStr:
		s, _ := m.text(v, maxKey)
		return s
	}
	return ""
}

func (m *machine) placed(parent val, v val, key string) {
	switch v.k {
	case kTuple, kList, kDict, kSet, kCall, kInst, kPersID:
		if m.opt.Place != nil && parent.k.onHeap() && v.id != parent.id {
			m.opt.Place(parent.n, v.n, key)
		}
	}
}

// placeArgs tells Options.Place of what a call is given: a parameter is named as the tensor that it wraps.
func (m *machine) placeArgs(call val, args []val) {
	if m.opt.Place == nil {
		return
	}
	for _, v := range args {
		m.placed(call, v, "")
	}
}

// Places remembers where the values of a stream lie: its Put is an [Options.Place], its Name tells the path to a value.
type Places struct {
	of map[int64]place
	// Filled is the value that was last given its state or arguments.
	Filled int64
}

type place struct {
	parent int64
	key    string
}

// Bounds of Places.
const (
	maxPlaces = 1 << 20
	maxPath   = 32 // steps of a name; a hostile file can make a circle
)

// Put remembers that child came into parent. The first place of each value counts, except that what a call is given is found there rather
// than in the tuple of arguments.
func (p *Places) Put(parent, child int64, key string) {
	if key == "" {
		p.Filled = parent
	}
	if p.of == nil {
		p.of = map[int64]place{}
	}
	if _, ok := p.of[child]; (!ok || key == "") && len(p.of) < maxPlaces {
		p.of[child] = place{parent, key}
	}
}

// Name gives the path to the value that was made at an offset, as a user would write it: keys and attributes from the outermost on, less
// those in skip.
func (p *Places) Name(at int64, skip map[string]bool) string {
	var parts []string
	for range maxPath {
		e, ok := p.of[at]
		if !ok {
			break
		}
		if e.key != "" && !skip[e.key] {
			parts = append(parts, e.key)
		}
		at = e.parent
	}
	slices.Reverse(parts)
	return strings.ToValidUTF8(strings.Join(parts, "."), "?")
}
