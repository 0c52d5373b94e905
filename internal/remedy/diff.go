package remedy

import (
	"bytes"
	"fmt"
	"strings"
)

// context is how many lines around a change a diff shows.
const context = 3

// region is a range of old lines, end excluded, with what replaces it.
type region struct {
	from, to int
	fresh    []string
}

// Diff writes what the changes do as a unified diff that patch and git apply take; nothing where there are none.
func Diff(name string, content []byte, changes []Change) string {
	lines := split(content)
	starts := make([]int64, len(lines)+1)
	for i, l := range lines {
		starts[i+1] = starts[i] + int64(len(l))
	}
	var regions []region
	for i := 0; i < len(changes); {
		from := lineOf(starts, changes[i].span.At)
		to, n := from, i
		for ; i < len(changes) && lineOf(starts, changes[i].span.At) <= to; i++ {
			to = max(to, lineOf(starts, changes[i].span.At+max(changes[i].span.Size-1, 0)))
		}
		part := Apply(content[:starts[to+1]], changes[n:i])
		regions = append(regions, region{from, to + 1, split(part[starts[from]:])})
	}
	if len(regions) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "--- a/%s\n+++ b/%s\n", name, name)
	shift := 0
	for i := 0; i < len(regions); {
		n := i + 1
		for n < len(regions) && regions[n].from-regions[n-1].to <= 2*context {
			n++
		}
		shift = hunk(&b, lines, regions[i:n], shift)
		i = n
	}
	return b.String()
}

// hunk writes neighbouring regions with the lines around them; shift is by how many lines the new file is longer so far.
func hunk(b *strings.Builder, lines []string, regions []region, shift int) int {
	from := max(0, regions[0].from-context)
	to := min(len(lines), regions[len(regions)-1].to+context)
	grown := 0
	for _, r := range regions {
		grown += len(r.fresh) - (r.to - r.from)
	}
	fmt.Fprintf(b, "@@ -%d,%d +%d,%d @@\n", from+1, to-from, from+1+shift, to-from+grown)
	at := from
	for _, r := range regions {
		show(b, ' ', lines[at:r.from])
		show(b, '-', lines[r.from:r.to])
		show(b, '+', r.fresh)
		at = r.to
	}
	show(b, ' ', lines[at:to])
	return shift + grown
}

func show(b *strings.Builder, mark byte, lines []string) {
	for _, l := range lines {
		b.WriteByte(mark)
		b.WriteString(l)
		if !strings.HasSuffix(l, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// split cuts content into lines that keep their ends.
func split(content []byte) []string {
	var out []string
	for l := range bytes.Lines(content) {
		out = append(out, string(l))
	}
	return out
}

// lineOf is the line that holds a byte.
func lineOf(starts []int64, at int64) int {
	lo, hi := 0, len(starts)-1
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; starts[mid] <= at {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}
