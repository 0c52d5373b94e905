package version

import "strings"

// The ranks of what can stand at one place of a conda version; a number lies above text, and nothing is the number 0.
const (
	condaDev  = 0x02
	condaText = 0x03
	condaPost = 0xFF
)

// condaItem is a number, a word, or one of the two words with a place of their own (dev below all, post above all).
type condaItem struct {
	rank byte // condaDev, condaText, condaPost; 0: a number
	text string
}

// sign is the item's place relative to 0.
func (c condaItem) sign() int {
	switch c.rank {
	case condaDev, condaText:
		return -1
	case condaPost:
		return 1
	}
	if c.text == "0" {
		return 0
	}
	return 1
}

// parseConda splits a version as conda.models.version.VersionOrder does: an epoch, parts between dots and underscores, in each runs of digits and
// of letters; the local part after a plus.
func parseConda(s string) (version, local [][]condaItem, ok bool) {
	s = lower(strings.TrimSpace(s))
	for i := range len(s) {
		if c := s[i]; !digit(c) && !letter(c) && strings.IndexByte("*.+!_-", c) < 0 {
			return nil, nil, false
		}
	}
	if s == "" {
		return nil, nil, false
	}
	s = strings.ReplaceAll(s, "-", "_")
	epoch := "0"
	if e, rest, found := strings.Cut(s, "!"); found {
		if e == "" || digitsAt(e, 0) != e {
			return nil, nil, false
		}
		epoch, s = e, rest
	}
	s, l, _ := strings.Cut(s, "+")
	version, ok = condaParts(s)
	if !ok || strings.ContainsAny(l, "!+") {
		return nil, nil, false
	}
	version = append([][]condaItem{{{text: plain(epoch)}}}, version...)
	if l != "" {
		if local, ok = condaParts(l); !ok {
			return nil, nil, false
		}
	}
	return version, local, true
}

func condaParts(s string) ([][]condaItem, bool) {
	var parts [][]condaItem
	trail := strings.HasSuffix(s, "_") // openssl's 1.0.1_ : an underscore at the end belongs to the last part
	if trail {
		s = s[:len(s)-1]
	}
	fields := strings.FieldsFunc(s, func(r rune) bool { return r == '.' || r == '_' })
	if len(fields) == 0 || len(fields) != 1+strings.Count(s, ".")+strings.Count(s, "_") {
		return nil, false // an empty part
	}
	for i, f := range fields {
		if trail && i == len(fields)-1 {
			f += "_"
		}
		var items []condaItem
		if !digit(f[0]) {
			items = append(items, condaItem{text: "0"})
		}
		for f != "" {
			d := digitsAt(f, 0)
			if d != "" {
				items = append(items, condaItem{text: plain(d)})
				f = f[len(d):]
				continue
			}
			n := 1
			for n < len(f) && !digit(f[n]) {
				n++
			}
			items = append(items, condaWord(f[:n]))
			f = f[n:]
		}
		parts = append(parts, items)
	}
	return parts, true
}

func condaWord(s string) condaItem {
	switch s {
	case "post":
		return condaItem{rank: condaPost}
	case "dev":
		return condaItem{rank: condaDev}
	}
	return condaItem{rank: condaText, text: s}
}

// signOf is the sign of the first part that is not zero.
func signOf(parts ...[]condaItem) int {
	for _, p := range parts {
		for _, it := range p {
			if s := it.sign(); s != 0 {
				return s
			}
		}
	}
	return 0
}

// appendCondaParts writes parts so that missing ones are zeros: before each stands on which side of zero all that follows lies.
func appendCondaParts(dst []byte, parts [][]condaItem) []byte {
	for i, p := range parts {
		dst = append(dst, byte(2+signOf(parts[i:]...)))
		if dst[len(dst)-1] == 2 {
			return dst
		}
		for j := range p {
			s := signOf(p[j:])
			dst = append(dst, byte(2+s))
			if s == 0 {
				break
			}
			switch it := p[j]; it.rank {
			case 0:
				dst = appendNumber(dst, it.text)
			case condaText:
				dst = appendText(append(dst, condaText), it.text)
			default:
				dst = append(dst, it.rank)
			}
		}
		if p[len(p)-1].sign() != 0 {
			dst = append(dst, 2)
		}
	}
	return append(dst, 2)
}

func appendConda(dst []byte, s string) ([]byte, bool) {
	v, local, ok := parseConda(s)
	if !ok {
		return dst, false
	}
	return appendCondaParts(appendCondaParts(dst, v), local), true
}

// condaPrerelease looks for a word other than post.
func condaPrerelease(s string) bool {
	v, _, ok := parseConda(s)
	if !ok {
		return false
	}
	for _, p := range v {
		for i, it := range p {
			if it.rank == condaDev || it.rank == condaText && i > 0 && strings.Trim(it.text, "_*") != "" && it.text != "p" {
				return true
			}
		}
	}
	return false
}
