package report

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"weir"
)

// maxShownOutdated bounds the list of packages to update that a person is shown.
const maxShownOutdated = 25

// outdated lists the packages with known flaws: what is used, the first version without one, the newest that the data knows. Those with the
// most flaws come first.
func (t *text) outdated() {
	if len(t.old) == 0 {
		return
	}
	slices.SortStableFunc(t.old, func(a, b weir.Package) int { return cmp.Compare(len(b.Flaws), len(a.Flaws)) })
	rows := [][]string{{"package", "used", "flaws", "first safe", "newest known"}}
	for _, p := range t.old[:min(len(t.old), maxShownOutdated)] {
		name, used := splitPURL(p.PURL)
		rows = append(rows, []string{name, cmp.Or(used, p.Range, "any"), fmt.Sprint(len(p.Flaws)), cmp.Or(p.Safe, "none known"), cmp.Or(p.Newest, "-")})
	}
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i := range r {
			r[i] = Printable(r[i])
			width[i] = max(width[i], len([]rune(r[i])))
		}
	}
	for i, r := range rows {
		var line strings.Builder
		for c, cell := range r {
			line.WriteString(cell + strings.Repeat(" ", width[c]-len([]rune(cell))+2))
		}
		s := strings.TrimRight(line.String(), " ")
		if i == 0 {
			s = t.paint(dim, s)
		}
		fmt.Fprintf(t.w, "%s\n", s)
	}
	if more := len(t.old) - maxShownOutdated; more > 0 {
		fmt.Fprintf(t.w, "%s\n", t.paint(dim, fmt.Sprintf("… and %d more; --format json has them all", more)))
	}
	t.w.WriteByte('\n')
}

// splitPURL gives a package URL's name, decoded, without its type, and its version.
func splitPURL(purl string) (name, version string) {
	rest := strings.TrimPrefix(purl, "pkg:")
	_, rest, _ = strings.Cut(rest, "/")
	rest, version, _ = strings.Cut(rest, "@")
	return unescape(rest), unescape(version)
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
