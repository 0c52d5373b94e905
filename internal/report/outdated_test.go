package report

import (
	"bytes"
	"strings"
	"testing"

	"weir"
)

// TestOutdated: packages with known flaws end the report as a table, each version once, the most flawed first, nothing of a hostile name let through.
func TestOutdated(t *testing.T) {
	var b bytes.Buffer
	f, err := Find("text")
	if err != nil {
		t.Fatal(err)
	}
	sink := f.New(&b, Options{Width: 100})
	one := weir.Package{PURL: "pkg:pypi/mlflow@2.9.2", Safe: "3.9.1", Newest: "3.17.2", Flaws: []string{"CVE-1"}}
	for _, p := range []weir.Package{
		one, one,
		{PURL: "pkg:npm/%40a/b%1B%5B31m@1.0%2Blocal", Flaws: []string{"CVE-2", "CVE-3"}},
		{PURL: "pkg:pypi/fine@1"},
		{PURL: "pkg:pypi/loose", Range: ">=1,<2", Safe: "2", Flaws: []string{"CVE-4"}},
	} {
		if err := sink(weir.Event{Package: &p}); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink(weir.Event{End: &weir.End{}}); err != nil {
		t.Fatal(err)
	}
	want := `package          used       flaws  first safe  newest known
@a/b\x1b[31m     1.0+local  2      none known  -
mlflow           2.9.2      1      3.9.1       3.17.2
loose            >=1,<2     1      2           -
`
	if !strings.Contains(squeeze(b.String()), squeeze(want)) {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// squeeze makes one blank of several: the widths of columns are not what is tested.
func squeeze(s string) string {
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	return s
}
