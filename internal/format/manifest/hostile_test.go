package manifest

import (
	"strings"
	"testing"

	"weir"
)

// TestHostileSizes gives each parser much of what would cost most: everything must be read in time linear in the text, or refused with a
// limit. The test's own time limit tells: what is quadratic takes minutes.
func TestHostileSizes(t *testing.T) {
	const n = 1 << 18
	for name, content := range map[string]string{
		"a/Dockerfile":   "FROM a\n" + strings.Repeat("ARG A\n", n/4),
		"b/Dockerfile":   "FROM a\nRUN pip install a==1 " + strings.Repeat("\\\n b", n/4),
		"c/Dockerfile":   "FROM a\n" + strings.Repeat("ONBUILD ", n/4),
		"d/Dockerfile":   "FROM a\nRUN <<A\n" + strings.Repeat("x <<B\n", n/4),
		"e/Dockerfile":   "FROM a\n" + strings.Repeat("ENV A"+strings.Repeat("B", 8)+"=1\n", n/8) + "RUN pip install $A\n",
		"f/Dockerfile":   "FROM a\nRUN [" + strings.Repeat("\"a\",", n/8) + "\"b\"]",
		"a.sh":           "pip " + strings.Repeat("$(", n),
		"b.sh":           "pip " + strings.Repeat("`", n),
		"c.sh":           "pip " + strings.Repeat("'", n),
		"d.sh":           "pip " + strings.Repeat("${{", n),
		"e.sh":           "pip " + strings.Repeat("sh -c '", n/8),
		"f.sh":           strings.Repeat("cat <<A\n", n/8) + "pip install a\n",
		"g.sh":           strings.Repeat("sh -c 'pip install a' ;", n/16),
		"h.sh":           "pip install " + strings.Repeat("a ", n/2),
		"i.sh":           "A=" + strings.Repeat("x", n) + "\n" + strings.Repeat("B=$A$A$A\nA=$B\n", 1000) + "pip install $A\n",
		"a/Makefile":     strings.Repeat("A = $(A)$(B)\n", n/16) + "x:\n\tpip install $(A)\n",
		"b/Makefile":     "x:\n\tpip install a" + strings.Repeat(" \\\n\tb", n/8),
		"a.gradle":       "a {" + strings.Repeat("implementation 'a:b:$v'\n", n/32),
		"b.gradle":       "a {" + strings.Repeat("/*", n),
		"c.gradle":       "a {" + strings.Repeat("'", n),
		"d.gradle":       "a {" + strings.Repeat("api group: 'a', name:", n/32),
		"pom.xml":        "<project><modelVersion></modelVersion><artifactId>a</artifactId>" + strings.Repeat("<a>", n/4),
		"b/pom.xml":      "<project><modelVersion>4</modelVersion><artifactId>a</artifactId><properties>" + strings.Repeat("<a>${a}${a}</a>", n/32) + "</properties><dependencies>" + strings.Repeat("<dependency><version>${a}</version></dependency>", 5000) + "</dependencies></project>",
		"go.mod":         "module a\nrequire (\n" + strings.Repeat("a.b/c v1.0.0\n", n/16) + ")\nreplace (\n" + strings.Repeat("a.b/c => ../d\n", n/16) + ")\n",
		"package.json":   `{"dependencies": {` + strings.Repeat(`"a": "npm:npm:npm:b",`, n/32) + `"z": "` + strings.Repeat("npm:", n/4) + `"}}`,
		"b.json":         `{"lockfileVersion": 1, ` + strings.Repeat(`"dependencies": {"a": {`, n/32),
		"bom.json":       `{"bomFormat": "CycloneDX", ` + strings.Repeat(`"components": [{`, n/32),
		"spdx.json":      `{"spdxVersion": "SPDX-2.3", "packages": [` + strings.Repeat(`{"SPDXID": "a"},`, n/32) + `{}], "relationships": [` + strings.Repeat(`{"relationshipType": "DESCRIBES", "relatedSpdxElement": "b"},`, n/64) + `{}]}`,
		"k.yaml":         "apiVersion: v1\nkind: A\nx: &a [b]\ny: [" + strings.Repeat("*a,", n/16) + "]\n",
		"l.yaml":         "apiVersion: v1\nkind: A\nruntimeEnvYAML: |\n" + strings.Repeat("  a: 1\n", n/16),
		"m.yaml":         "apiVersion: v1\nkind: A\n" + strings.Repeat("image: {{ x }}\n", n/16),
		"n.yaml":         "jobs:\n  a:\n    runs-on: x\n    steps:\n" + strings.Repeat("    - run: pip install a\n", n/64),
		"Cargo.lock":     strings.Repeat("[[package]]\nname = 'a'\n", n/64),
		"pom.properties": "artifactId=a\nversion=" + strings.Repeat("1", n),
	} {
		formats, facts, _ := parse(name, content)
		if len(formats) == 0 {
			t.Errorf("%s: not recognised", name)
		}
		for _, f := range facts {
			if r, ok := f.(weir.Requirement); ok && len(r.Text)+len(r.Range)+len(r.Reason) > 4*maxStatement {
				t.Errorf("%s: a requirement of %d bytes", name, len(r.Text)+len(r.Range)+len(r.Reason))
				break
			}
		}
	}
}
