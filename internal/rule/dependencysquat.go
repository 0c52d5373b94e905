package rule

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"weir"
)

//go:embed wellknown.txt
var wellKnownText string

// wellKnown are the names that squatters imitate, and honest names that look like imitations.
var wellKnown = sync.OnceValues(func() (known []string, honest map[string]bool) {
	honest = map[string]bool{}
	for line := range strings.Lines(wellKnownText) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, near := strings.CutPrefix(line, "near ")
		honest[name] = true
		if !near {
			known = append(known, name)
		}
	}
	return known, honest
})

// lookAlike folds what is hard to tell apart in a terminal's letters.
var lookAlike = strings.NewReplacer("0", "o", "1", "l", "rn", "m", "vv", "w", "5", "s")

func typoSquat(p *Pass) {
	known, honest := wellKnown()
	told := map[string]string{} // most names come again and again
	for i := range p.Units {
		u := &p.Units[i]
		for _, r := range facts[weir.Requirement](u) {
			if r.Ecosystem != "pypi" || len(r.Name) < 4 || honest[r.Name] || r.URL != "" {
				continue
			}
			meant, ok := told[r.Name]
			if !ok {
				meant = imitated(r.Name, known)
				told[r.Name] = meant
			}
			if meant == "" || p.Advise(r).Newest != "" { // advisories name real packages
				continue
			}
			f := p.requirementFinding(u, r, fmt.Sprintf("%s is nearly %s, which is a well-known package; this one is not", r.Name, meant))
			f.Confidence = weir.ConfidencePossible
			p.Report(f)
		}
	}
}

// imitated gives the well-known name that a name imitates, or nothing. Short names are near many honest words: of them only swapped, doubled
// and look-alike letters count.
func imitated(name string, known []string) string {
	folded := lookAlike.Replace(name)
	for _, k := range known {
		switch {
		case folded == lookAlike.Replace(k):
			return k
		case len(k) < 5 || !oneEdit(name, k):
		case len(k) > 5 || len(name) == len(k) && swapped(name, k) || len(name) > len(k) && doubled(name, k):
			return k
		}
	}
	return ""
}

// oneEdit reports whether b is one insertion, deletion, replacement or swap of neighbours away from a.
func oneEdit(a, b string) bool {
	if a == b || len(a)-len(b) > 1 || len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	x, y := a[i:], b[i:]
	switch {
	case len(x) > len(y):
		return x[1:] == y
	case len(x) < len(y):
		return y[1:] == x
	}
	return x[1:] == y[1:] || swapped(x, y)
}

// swapped reports whether two words of one length differ by two neighbours that changed places.
func swapped(a, b string) bool {
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

// doubled reports whether a is b with one letter twice.
func doubled(a, b string) bool {
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	return i > 0 && i < len(a) && a[i] == a[i-1]
}
