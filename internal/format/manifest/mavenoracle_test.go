package manifest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir"
	"weir/internal/dependency"
)

// TestMavenOracle joins the three poms of a real project and compares the direct dependencies of its program with what mvn dependency:list
// said of it: properties and versions come from the parent and from a bill of materials that the parent imports.
func TestMavenOracle(t *testing.T) {
	var files []dependency.File
	for _, name := range []string{"pom.xml", "app/pom.xml", "bom/pom.xml"} {
		b, err := os.ReadFile(filepath.Join("testdata/eco/maven", name))
		if err != nil {
			t.Fatal(err)
		}
		_, facts, bad := parse(name, string(b))
		if bad != nil {
			t.Fatalf("%s: %s", name, bad)
		}
		files = append(files, dependency.File{Path: name, Facts: facts})
	}
	list, err := os.ReadFile("testdata/eco/maven/list.txt")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range dependency.Join(files)[1].Facts {
		if r, ok := f.(weir.Requirement); ok {
			got = append(got, r.Name+" "+r.Version+r.Range)
		}
	}
	slices.Sort(got)
	var want []string
	for line := range strings.Lines(string(list)) {
		p := strings.Split(strings.TrimSpace(line), ":") // group:artifact:type:version:scope
		if len(p) != 5 {
			t.Fatalf("list.txt: %q", line)
		}
		if p[1] == "junit" {
			p[3] = "[4.12,4.13)" // Maven asks the index for the newest in this range
		}
		want = append(want, p[0]+":"+p[1]+" "+p[3])
	}
	slices.Sort(want)
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("got %q\nMaven says %q", got, want)
	}
}
