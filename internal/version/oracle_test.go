package version

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// lines reads a file of testdata; testdata/make/advisories/versions.py made it with the real tool.
func lines(t *testing.T, name string, least int) [][]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for line := range strings.Lines(string(data)) {
		out = append(out, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	if len(out) < least {
		t.Fatalf("%s has only %d lines", name, len(out))
	}
	return out
}

// TestPEP440Oracle compares every pair of versions with the order of Python's packaging.
func TestPEP440Oracle(t *testing.T) {
	rows := lines(t, "pep440.txt", 1000)
	var good [][]string
	for _, r := range rows {
		if r[0] == "-" {
			if PEP440.Valid(r[1]) {
				t.Errorf("%q counts as valid", r[1])
			}
			continue
		}
		if !PEP440.Valid(r[1]) {
			t.Errorf("%q does not count as valid", r[1])
			continue
		}
		good = append(good, r)
	}
	keys := make([][]byte, len(good))
	ranks := make([]int, len(good))
	for i, r := range good {
		keys[i], _ = PEP440.Key(r[1])
		ranks[i], _ = strconv.Atoi(r[0])
	}
	bad := 0
	for i := range good {
		for j := range good[i:] {
			j += i
			want := min(1, max(-1, ranks[i]-ranks[j]))
			if got := bytes.Compare(keys[i], keys[j]); got != want {
				if bad++; bad < 20 {
					t.Errorf("compare %q with %q gives %d, want %d", good[i][1], good[j][1], got, want)
				}
			}
		}
	}
}

// oldPrefix is what packaging took as a prefix before 22 and refuses since: ==1.0a1.*
var oldPrefix = regexp.MustCompile(`(a|b|rc|post)[0-9]\.\*`)

// TestSpecifierOracle compares membership with packaging's SpecifierSet.contains.
func TestSpecifierOracle(t *testing.T) {
	bad := 0
	fail := func(format string, args ...any) {
		if bad++; bad < 20 {
			t.Errorf(format, args...)
		}
	}
	for _, r := range lines(t, "specifiers.txt", 800) {
		set, err := PEP440.Parse(r[0])
		if r[1] == "error" {
			if err == nil && !oldPrefix.MatchString(r[0]) {
				fail("%q is taken for a constraint", r[0])
			}
			continue
		}
		if err != nil {
			fail("%v", err)
			continue
		}
		for _, v := range strings.Fields(r[1]) {
			if !set.Contains(v) {
				fail("%q does not contain %q", r[0], v)
			}
		}
		for _, v := range strings.Fields(r[2]) {
			if set.Contains(v) {
				fail("%q contains %q", r[0], v)
			}
		}
	}
}

// wordAfterDot is where weir leaves Maven: see parseMaven.
var wordAfterDot = regexp.MustCompile(`\.[a-z]+[0-9]*[-.]`)

// TestMavenOracle compares with Maven's ComparableVersion.
func TestMavenOracle(t *testing.T) {
	bad, known := 0, 0
	for _, r := range lines(t, "maven.txt", 1500) {
		want := strings.Index("<=>", r[1]) - 1
		if got := Maven.Compare(r[0], r[2]); got != want {
			if wordAfterDot.MatchString(r[0]) || wordAfterDot.MatchString(r[2]) {
				known++
			} else if bad++; bad < 30 {
				t.Errorf("compare %q with %q gives %d, want %d", r[0], r[2], got, want)
			}
		}
	}
	if known > 10 {
		t.Errorf("%d pairs with a word after a dot differ", known)
	}
}
