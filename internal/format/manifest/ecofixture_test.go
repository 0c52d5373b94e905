package manifest

import (
	"bytes"
	"encoding/binary"
	"flag"
	"io/fs"
	"maps"
	"os"
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

// constants writes what a class file has before its code: the magic and texts among its constants (JVM specification, 4.4.7).
func constants(texts ...string) string {
	b := []byte(classMagic + "\x00\x00\x00\x34")
	b = binary.BigEndian.AppendUint16(b, uint16(len(texts)+1))
	for _, s := range texts {
		b = binary.BigEndian.AppendUint16(append(b, 1), uint16(len(s)))
		b = append(b, s...)
	}
	return string(b)
}

// TestH2OVersion reads the class in which H2O keeps its version, with the constants that it has in h2o.jar 3.46.0.4, wherever it lies.
func TestH2OVersion(t *testing.T) {
	texts := []string{"Lwater/genmodel/BuildVersion;", "lastCommitHash", "projectVersion", "BuildVersion.java", "rel-3.46.0", "3.46.0.4", "2024-07-09 20:11:23", "water/genmodel/BuildVersion"}
	for _, name := range []string{"x/anything.bin", "water/genmodel/BuildVersion.class"} {
		_, facts, _ := parse(name, constants(texts...))
		if got := tell("", facts); got != "0 maven ai.h2o:h2o-genmodel 3.46.0.4 bundled\n" {
			t.Errorf("%s: %q", name, got)
		}
	}
	texts[2] = "otherVersion"
	if formats, _, _ := parse("BuildVersion.class", constants(texts...)); len(formats) > 0 {
		t.Errorf("another class is read as %v", formats)
	}
}

// TestCopies tells copies of the four systems by their version files and by functions as they were before a flaw was mended, and leaves alone
// what only has the names. The marks are those of the released files.
func TestCopies(t *testing.T) {
	torch := "import torch\nimport torch._weights_only_unpickler as u\ndef _legacy_load(f, weights_only):\n    pass\n"
	uri := "import posixpath\nfrom mlflow.exceptions import MlflowException\ndef append_to_uri_path(uri, *paths):\n    pass\n"
	sql := []string{"Lwater/jdbc/SQLManager;", "NEXT_TABLE_NUM", "importSqlTable"}
	zip := []string{"ml/combust/bundle/serializer/FileUtil", "FileUtil.scala", "getNextEntry"}
	for _, c := range []manifestCase{
		{"x/version.py", "vendored-copy", "# Copyright 2018 Databricks, Inc.\nimport re\n\nVERSION = \"2.8.1\"\n", "4 pypi mlflow 2.8.1 bundled"},
		{"x/v.py", "vendored-copy", "__version__ = '1.13.0a0'\ndebug = False\ncuda = None\ngit_version = 'Unknown'\n", "1 pypi torch 1.13.0a0 bundled"},
		{"x/version.py", "", "VERSION = \"2.8.1\"\n", ""},
		{"venv/lib/site-packages/mlflow/version.py", "", "# Copyright 2018 Databricks, Inc.\nVERSION = \"2.8.1\"\n", ""},
		{"x/serialization.py", "vendored-copy", torch, "3 code.flawed=CVE-2025-32434 torch torch.serialization._legacy_load"},
		{"x/serialization.py", "vendored-copy", torch + "    raise E('no legacy .tar format')\n", "3 code.mended=CVE-2025-32434 torch torch.serialization._legacy_load"},
		{"x/serialization.py", "", "def _legacy_load(f): pass\n", ""},
		{"x/uri.py", "vendored-copy", uri, "3 code.flawed=CVE-2023-6909 mlflow mlflow.utils.uri.append_to_uri_path"},
		{"x/uri.py", "vendored-copy", uri + "def validate_query_string(q):\n    pass\n", "3 code.mended=CVE-2023-6909 mlflow mlflow.utils.uri.append_to_uri_path"},
		{"water/jdbc/SQLManager.class", "vendored-copy", constants(sql...), "0 code.flawed=CVE-2024-8862 ai.h2o:h2o-core water.jdbc.SQLManager.importSqlTable"},
		{"water/jdbc/SQLManager.class", "vendored-copy", constants(append(sql, "DEFAULT_JDBC_DISALLOWED_PARAMETERS")...), "0 code.mended=CVE-2024-8862 ai.h2o:h2o-core water.jdbc.SQLManager.importSqlTable"},
		{"my/FileUtil.class", "vendored-copy", constants(zip...), "0 code.flawed=CVE-2023-5245 ml.combust.bundle:bundle-ml_2.12 ml.combust.bundle.serializer.FileUtil.extract"},
		{"my/FileUtil.class", "vendored-copy", constants(zip[:2]...), ""},
	} {
		c.run(t)
	}
}
