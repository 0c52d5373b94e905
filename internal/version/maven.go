package version

import "strings"

// The ranks of what can stand at one place of a Maven version, lowest first; END is the release itself. A list that follows a dash lies by what
// it holds on one side of the release or the other.
const (
	mavenAlpha    = 0x02
	mavenSnapshot = 0x06
	mavenBelow    = 0x07 // a list that begins with a list, and lies below the release
	mavenEnd      = 0x08
	mavenSP       = 0x09
	mavenOther    = 0x0A
	mavenList     = 0x0B
)

var mavenRanks = map[string]byte{"alpha": mavenAlpha, "beta": 3, "milestone": 4, "rc": 5, "cr": 5, "snapshot": mavenSnapshot, "sp": mavenSP,
	"ga": mavenEnd, "final": mavenEnd, "release": mavenEnd, "": mavenEnd}

// mavenItem is a number (digits), a qualifier (rank and text) or a list.
type mavenItem struct {
	digits string
	rank   byte
	text   string
	list   *mavenItems
}

type mavenItems struct{ items []mavenItem }

// null says whether an item means nothing: 0, a release's qualifier, an empty list.
func (m mavenItem) null() bool {
	switch {
	case m.list != nil:
		return len(m.list.items) == 0
	case m.digits != "":
		return m.digits == "0"
	}
	return m.rank == mavenEnd
}

// sign is the item's place relative to nothing at all.
func (m mavenItem) sign() int {
	switch {
	case m.list != nil:
		for _, it := range m.list.items {
			if s := it.sign(); s != 0 {
				return s
			}
		}
		return 0
	case m.digits != "":
		if m.digits == "0" {
			return 0
		}
		return 1
	case m.rank < mavenEnd:
		return -1
	case m.rank > mavenEnd:
		return 1
	}
	return 0
}

// mavenQualifier reads a word; a, b and m stand for alpha, beta and milestone where a digit follows.
func mavenQualifier(s string, digitFollows bool) mavenItem {
	if digitFollows {
		switch s {
		case "a":
			s = "alpha"
		case "b":
			s = "beta"
		case "m":
			s = "milestone"
		}
	}
	if r, ok := mavenRanks[s]; ok {
		return mavenItem{rank: r}
	}
	return mavenItem{rank: mavenOther, text: s}
}

// parseMaven reads a version as ComparableVersion does, with one difference: a word after a dot is always treated as after a dash, because
// Maven's own order of `1.x.2` contradicts itself (1-alpha < 1 < 1.sp.2 < 1-alpha).
func parseMaven(s string) *mavenItems {
	root := &mavenItems{}
	lists := []*mavenItems{root}
	cur := root
	open := func() {
		next := &mavenItems{}
		cur.items = append(cur.items, mavenItem{list: next})
		cur = next
		lists = append(lists, next)
	}
	add := func(text string, number, digitFollows bool) {
		if number {
			cur.items = append(cur.items, mavenItem{digits: plain(text)})
			return
		}
		if len(cur.items) > 0 {
			open()
		}
		cur.items = append(cur.items, mavenQualifier(text, digitFollows))
	}
	start, number := 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.' || c == '-':
			if i == start {
				cur.items = append(cur.items, mavenItem{digits: "0"})
			} else {
				add(s[start:i], number, false)
			}
			start = i + 1
			if c == '-' {
				open()
			}
		case digit(c):
			if !number && i > start {
				add(s[start:i], false, true)
				start = i
				open()
			}
			number = true
		default:
			if number && i > start {
				add(s[start:i], true, false)
				start = i
				open()
			}
			number = false
		}
	}
	if len(s) > start {
		add(s[start:], number, false)
	}
	for i := len(lists) - 1; i >= 0; i-- {
		lists[i].normalize()
	}
	return root
}

// normalize drops what means nothing from the end, and before a list at the end.
func (l *mavenItems) normalize() {
	for i := len(l.items) - 1; i >= 0; i-- {
		if l.items[i].null() {
			l.items = append(l.items[:i], l.items[i+1:]...)
		} else if l.items[i].list == nil {
			break
		}
	}
}

func (l *mavenItems) appendKey(dst []byte) []byte {
	for _, it := range l.items {
		switch {
		case it.list != nil:
			inner := it.list
			if first := inner.items[0]; first.digits != "" || first.list != nil { // a word says by its rank that a list begins
				mark := byte(mavenList)
				if it.sign() < 0 {
					mark = mavenBelow
				}
				dst = append(dst, mark)
			}
			return inner.appendKey(dst) // a list is always the last item
		case it.digits != "":
			dst = appendNumber(dst, it.digits)
		default:
			dst = append(dst, it.rank)
			if it.rank == mavenOther {
				dst = appendText(dst, it.text)
			}
		}
	}
	return append(dst, mavenEnd)
}

func appendMaven(dst []byte, s string) ([]byte, bool) {
	s = lower(strings.TrimSpace(s))
	if s == "" || !clean(s) {
		return dst, false
	}
	return parseMaven(s).appendKey(dst), true
}

// mavenPrerelease looks for a qualifier that lies below the release.
func mavenPrerelease(s string) bool {
	l := parseMaven(lower(s))
	for l != nil {
		var next *mavenItems
		for _, it := range l.items {
			if it.list == nil && it.digits == "" && it.rank < mavenEnd {
				return true
			}
			next = it.list
		}
		l = next
	}
	return false
}
