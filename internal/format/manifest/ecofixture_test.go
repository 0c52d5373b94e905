package manifest

import (
	"bytes"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir"
	"weir/internal/format/archive"
	"weir/internal/format/formattest"
)

var updateEco = flag.Bool("update-eco", false, "write what the fixtures of other ecosystems are read as")

// TestEcoFixtures reads what npm, cargo, go, Maven and others wrote (testdata/make/manifest/eco.sh) and compares the facts with those that were
// looked through when they were written down.
func TestEcoFixtures(t *testing.T) {
	var b strings.Builder
	n := 0
	err := filepath.WalkDir("testdata/eco", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, "facts.txt") || strings.HasSuffix(name, "list.txt") {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		base := strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(name), "testdata/eco/"), ".txt"), "npm/v")
		e := ecoEngine()
		formats := e.Scan(base, bytes.NewReader(content), int64(len(content)))
		b.WriteString("# " + base + " " + strings.Join(formats, " ") + "\n")
		for _, f := range e.Errs {
			t.Errorf("%s: %s", name, f)
		}
		for _, f := range slices.Sorted(maps.Keys(e.Facts)) {
			b.WriteString(tell(string(content), e.Facts[f]))
		}
		n++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 10 {
		t.Fatalf("only %d fixtures were found", n)
	}
	if *updateEco {
		if err := os.WriteFile("testdata/eco/facts.txt", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/eco/facts.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != string(want) {
		t.Errorf("what the fixtures are read as has changed; look through it with -update-eco and git diff\n%s", got)
	}
}

// ecoEngine recognises zip archives as the catalogue does, and the formats of this package.
func ecoEngine() *formattest.Engine {
	zip := archive.Zip
	zip.Parse = Jar(zip.Parse)
	e := formattest.New(Formats)
	e.Formats = append(e.Formats, zip)
	return e
}

// TestJar holds what an archive is told to be by its name, its manifest and its members.
func TestJar(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"log4j-core-2.14.1.jar", map[string]string{"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\n", "org/apache/logging/log4j/core/lookup/JndiLookup.class": "x"}, "maven org.apache.logging.log4j:log4j-core 2.14.1"},
		{"app.jar", map[string]string{"META-INF/MANIFEST.MF": "Main-Class: A\n", "my/org/apache/logging/log4j/core/lookup/JndiLookup.class": "x"}, "maven org.apache.logging.log4j:log4j-core  unresolved"},
		{"app.jar", map[string]string{
			"META-INF/MANIFEST.MF": "Main-Class: A\n", "org/apache/logging/log4j/core/lookup/JndiLookup.class": "x",
			"META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties": "version=2.14.1\ngroupId=org.apache.logging.log4j\nartifactId=log4j-core\n",
		}, "maven org.apache.logging.log4j:log4j-core 2.14.1"},
		{"mleap-core_2.12-0.20.0.jar", map[string]string{
			"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\r\nImplementation-Title: mleap-core\r\nImplementation-Version: 0.20.0\r\nImplementation-Vendor-Id: ml.comb\r\n ust.mleap\r\n",
		}, "maven ml.combust.mleap:mleap-core_2.12 0.20.0"},
		{"thing-1.0.jar", map[string]string{"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\n"}, "maven   unresolved"},
		{"app.jar", map[string]string{"META-INF/MANIFEST.MF": "Main-Class: A\n", "water/H2OApp.class": "x", "a/JndiLookup.class": "y"}, ""},
		{"model.zip", map[string]string{"water/H2O.txt": "x"}, ""},
	} {
		b := zipped(t, map[string]string{"lib/" + c.name: string(zipped(t, c.files))})
		e := ecoEngine()
		e.Scan("libs.zip", bytes.NewReader(b), int64(len(b)))
		var got []string
		for _, r := range formattest.All[weir.Requirement](e) {
			line := strings.SplitN(strings.TrimSuffix(strings.TrimSpace(tell("", []weir.Fact{r})), " bundled"), " ", 2)[1]
			if r.Origin != weir.OriginBundled || r.State == weir.PinUnresolved && r.Reason == "" {
				t.Errorf("%s: %+v", c.name, r)
			}
			got = append(got, line)
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s %v: %q, not %q", c.name, c.files, got, c.want)
		}
	}
}

// TestH2OVersion reads the class in which the real h2o.jar 3.46.0.4 keeps its version, as it lies in other archives too.
func TestH2OVersion(t *testing.T) {
	class, err := os.ReadFile("testdata/h2o/BuildVersion.class")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"x/anything.bin": "maven ai.h2o:h2o-genmodel 3.46.0.4", path.Join("water", "BuildVersion.class"): "maven ai.h2o:h2o-genmodel 3.46.0.4"} {
		_, facts, _ := parse(name, string(class))
		if got := tell("", facts); !strings.Contains(got, want) {
			t.Errorf("%s: %q, not %q", name, got, want)
		}
	}
	if formats, _, _ := parse("BuildVersion.class", strings.ReplaceAll(string(class), "projectVersion", "projectSection")); len(formats) > 0 {
		t.Errorf("another class is read as %v", formats)
	}
}
