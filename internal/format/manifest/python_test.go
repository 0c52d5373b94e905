package manifest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir"
)

// vectors is what testdata/make/manifest/pip_lines.py writes: what packaging and pip make of lines and files.
type vectors struct {
	Lines []struct {
		Line, Name, URL string
		OK, Marker      bool
		Extras, Clauses []string
	}
	Files []struct {
		Content string
		Got     [][]any
	}
}

// pipVectors reads the committed vectors, or those that WEIR_PIP_VECTORS names.
func pipVectors(t *testing.T) vectors {
	t.Helper()
	name := filepath.Join("testdata", "pip-lines.json")
	if other := os.Getenv("WEIR_PIP_VECTORS"); other != "" {
		name = other
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Lines) < 500 || len(v.Files) < 100 {
		t.Fatalf("only %d lines and %d files", len(v.Lines), len(v.Files))
	}
	return v
}

// TestAgainstPackaging holds dependency specifiers to what packaging reads: what it refuses is unresolved, except for versions from before PEP 440,
// which old pips take.
func TestAgainstPackaging(t *testing.T) {
	good := 0
	for _, v := range pipVectors(t).Lines {
		r := pep508(decode([]byte(v.Line)), v.Line, 0, 1)
		refused := r.State == weir.PinUnresolved && r.URL == ""
		switch {
		case !v.OK && !refused && !legacy(v.Line, r):
			t.Errorf("%q: packaging refuses it, read as %+v", v.Line, r)
		case v.OK && refused && slices.ContainsFunc(v.Clauses, func(c string) bool { return c == "===" || strings.HasPrefix(c, "===") && hasVariable(c) }):
			// equal to nothing, or to what a shell would replace: no version can be said
		case v.OK && refused:
			t.Errorf("%q: packaging reads it, here %s", v.Line, r.Reason)
		case v.OK:
			good++
			sameSpecifier(t, v.Line, v.Name, v.URL, v.Marker, v.Extras, v.Clauses, r)
		}
	}
	if good < 250 {
		t.Errorf("only %d lines are good", good)
	}
}

// legacy reports whether a version of a specifier is from before PEP 440.
func legacy(line string, r weir.Requirement) bool {
	for c := range strings.SplitSeq(line[r.Spec.At:r.Spec.At+r.Spec.Size], ",") {
		if v, ok := strings.CutPrefix(strings.TrimSpace(c), "=="); ok && !isLocal().MatchString(strings.TrimSpace(v)) {
			return true
		}
	}
	return false
}

func sameSpecifier(t *testing.T, line, name, url string, marker bool, extras, clauses []string, r weir.Requirement) {
	t.Helper()
	for i := range extras {
		extras[i] = canonical(extras[i])
	}
	slices.Sort(extras)
	slices.Sort(r.Extras)
	if r.Name != canonical(name) || r.URL != url || (r.Marker != "") != marker || !slices.Equal(slices.Compact(extras), slices.Compact(r.Extras)) {
		t.Errorf("%q: packaging reads %q %q %v %v, here %+v", line, name, url, extras, marker, r)
	}
	var own []string
	if r.Spec.Size > 0 {
		spec := line[r.Spec.At : r.Spec.At+r.Spec.Size]
		for c := range strings.SplitSeq(strings.TrimRight(spec, ","), ",") {
			own = append(own, strings.NewReplacer(" ", "", "\t", "").Replace(c))
		}
	}
	slices.Sort(own)
	if !slices.Equal(own, clauses) && !slices.Equal(slices.Compact(own), clauses) {
		t.Errorf("%q: packaging reads clauses %q, here %q", line, clauses, own)
	}
	switch r.State {
	case weir.PinExact:
		if url == "" && !slices.ContainsFunc(clauses, func(c string) bool { return strings.TrimLeft(c, "=") == r.Version }) {
			t.Errorf("%q: version %q is none of %q", line, r.Version, clauses)
		}
	case weir.PinAny:
		if len(clauses) > 0 {
			t.Errorf("%q has no constraint here, for packaging %q", line, clauses)
		}
	}
}

// TestAgainstPip holds whole requirements files, in every encoding and with every line break, to what pip's own parser takes out of them.
func TestAgainstPip(t *testing.T) {
	statements := map[string]int{}
	for _, v := range pipVectors(t).Files {
		content, err := base64.StdEncoding.DecodeString(v.Content)
		if err != nil {
			t.Fatal(err)
		}
		_, facts, err := parse("requirements.txt", string(content))
		if err != nil {
			t.Errorf("%q: %v", content, err)
		}
		var want, got []string
		for _, g := range v.Got {
			kind, value := fmt.Sprint(g[0]), fmt.Sprint(g[1])
			statements[kind]++
			if kind == "editable" && !strings.Contains(value, "/") {
				// A specifier with -e behind it is editable for pip's parser, and refused by its installer, which wants a folder or a repository.
				kind = "requirement"
			}
			switch {
			case kind == "requirement" && value == "\\":
				kind = "editable" // the folder of a project, as every other that is no archive
			case kind == "requirement":
				value = fmt.Sprintf("%s %v", strings.TrimSpace(value), g[2])
			}
			want = append(want, kind+" "+value)
		}
		for _, f := range facts {
			if s := asPip(f); s != "" {
				got = append(got, s)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("%q:\n pip  %q\n here %q", content, want, got)
		}
	}
	for kind, least := range map[string]int{
		"requirement": 300, "editable": 10, "include": 15, "constraint": 10, "index.url": 10, "index.extra": 10, "index.find-links": 10,
		"index.trusted-host": 5, "index.none": 5,
	} {
		if statements[kind] < least {
			t.Errorf("only %d statements of the kind %q are compared, want %d", statements[kind], kind, least)
		}
	}
}

// asPip spells a fact as the vectors do.
func asPip(f weir.Fact) string {
	switch f := f.(type) {
	case weir.Requirement:
		if versionControl().MatchString(f.URL) {
			return "editable " + f.URL
		}
		return fmt.Sprintf("requirement %s %d", f.Text, f.Hashes)
	case weir.Include:
		switch f.Kind {
		case isConstraint:
			return "constraint " + f.Path
		case "module": // a folder
			return "editable " + f.Path
		}
		return "include " + f.Path
	case weir.Setting:
		if f.Key == "index.none" {
			return "index.none true"
		}
		if strings.HasPrefix(f.Key, "index.") {
			return f.Key + " " + f.Value
		}
	}
	return ""
}

// line spells a requirement for tables: what it is, how it is pinned, and what it belongs to.
func line(r weir.Requirement) string {
	s := r.Ecosystem + " " + r.Name
	switch r.State {
	case weir.PinExact:
		s += " " + r.Version
	case weir.PinRange:
		s += " " + r.Range
	case weir.PinUnresolved:
		s += " ?"
	}
	if r.Group != "" {
		s += " (" + r.Group + ")"
	}
	if !r.Direct {
		s += " indirect"
	}
	if len(r.Requires) > 0 {
		s += " -> " + strings.Join(r.Requires, " ")
	}
	return s
}

// fixture reads a file that a real tool wrote.
func fixture(t *testing.T, name string) (content string, lines []string, facts []weir.Fact) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "python", name))
	if err != nil {
		t.Fatal(err)
	}
	formats, facts, err := parse(name, string(b))
	if len(formats) != 1 || err != nil {
		t.Errorf("%s is %v: %v", name, formats, err)
	}
	for _, f := range facts {
		if r, ok := f.(weir.Requirement); ok {
			lines = append(lines, line(r))
			if spec := string(b[r.Spec.At : r.Spec.At+r.Spec.Size]); r.Spec.Size > 0 && r.State == weir.PinExact && !strings.Contains(spec, r.Version) {
				t.Errorf("%s: the place of %s holds %q", name, line(r), spec)
			}
		}
	}
	return string(b), lines, facts
}

// TestFixtures reads what the real tools wrote of one project (testdata/make/manifest/python.sh): each must say the same of Flask and what it needs.
func TestFixtures(t *testing.T) {
	for _, c := range []struct {
		name string
		want []string // among the requirements
		n    int      // of them
	}{
		{"uv/pyproject.toml", []string{"pypi flask 1.1.1", "pypi jinja2 >=2.10.1,<3", "pypi pillow 8.0.0 (plot)", "pypi requests 2.19.0 (dev)", "pypi setuptools >=61 (build)"}, 8},
		{"uv/uv.lock", []string{"pypi flask 1.1.1 -> click itsdangerous jinja2 werkzeug", "pypi requests 2.19.0 (dev) -> certifi chardet idna urllib3", "pypi jinja2 2.11.3 -> markupsafe"}, 0},
		{"uv/requirements-export.txt", []string{"pypi flask 1.1.1 -> click itsdangerous jinja2 werkzeug", "pypi werkzeug 2.1.2 indirect"}, 0},
		{"uv/requirements-compiled.txt", []string{"pypi flask 1.1.1 -> click itsdangerous jinja2 werkzeug", "pypi werkzeug 2.1.2 indirect", "pypi markupsafe 2.0.1"}, 7},
		{"pip-compile/requirements.txt", []string{"pypi flask 1.1.1 -> click itsdangerous jinja2 werkzeug", "pypi click 8.5.1 indirect"}, 7},
		{"pip-compile/requirements.in", []string{"pypi flask 1.1.1", "pypi jinja2 >=2.10.1,<3", "pypi markupsafe <2.1"}, 3},
		{"freeze/requirements.txt", []string{"pypi app 0.1.0", "pypi flask 1.1.1", "pypi jinja2 2.11.3"}, 8},
		{"pylock/pylock.toml", []string{"pypi requests 2.19.0 indirect"}, 0},
		{"pdm/pdm.lock", []string{"pypi flask 1.1.1 indirect -> jinja2 werkzeug click itsdangerous", "pypi requests 2.19.0 (dev) indirect -> certifi chardet idna urllib3"}, 0},
		{"poetry/pyproject.toml", []string{"pypi flask 1.1.1", "pypi jinja2 >=2.10.1,<3", "pypi pillow ==8.0.* (optional)", "pypi requests >=2.19,<2.20 (dev)"}, 5},
		{"poetry/poetry.lock", []string{"pypi flask 1.1.1 indirect -> click itsdangerous jinja2 werkzeug", "pypi urllib3 1.23 (dev) indirect"}, 0},
		{"pipenv/Pipfile", []string{"pypi flask 1.1.1", "pypi requests 2.19.0 (dev)"}, 4},
		{"pipenv/Pipfile.lock", []string{"pypi flask 1.1.1 indirect", "pypi urllib3 1.23 (dev) indirect"}, 0},
		{"env/site-packages/Flask-1.1.1.dist-info/METADATA", []string{"pypi flask 1.1.1 indirect -> werkzeug jinja2 itsdangerous click"}, 1},
		{"env/site-packages/app-0.1.0.dist-info/direct_url.json", []string{"pypi app 0.1.0"}, 1},
		{"setup/setup.cfg", []string{"pypi flask 1.1.1", "pypi jinja2 >=2.10.1,<3", "pypi markupsafe <2.1", "pypi pillow 8.0.0 (plot)"}, 4},
		{"setup/setup.py", []string{"pypi jinja2 >=2.10.1,<3", "pypi pillow 8.0.0 (plot)", "pypi requests 2.19.0 (test)", "pypi pytest >=7 (test)"}, 4},
		{"tox/tox.ini", []string{"pypi virtualenv >=20.26.0 (build)", "pypi pyyaml 5.1 (test)", "pypi flask 1.1.1 (test)", "pypi ruff 0.1.0 (lint)", "pypi sphinx >=4.0,!=4.1 (docs)", "pypi docutils 0.17 (docs)"}, 11},
		{"jupyter/install.ipynb", []string{"pypi flask 1.1.1", "pypi jinja2 2.10.1", "pypi requests 2.19.0", "pypi pillow 8.0.0", "conda scipy =1.2", "pypi urllib3 1.23"}, 6},
		{"ray/runtime_env.json", []string{"pypi flask 1.1.1", "pypi requests 2.19.0"}, 2},
		{"ray/runtime_env.yaml", []string{"conda scipy =1.2", "pypi jinja2 2.10.1"}, 3},
		{"ray/serve.yaml", []string{"pypi flask 1.1.1", "pypi requests 2.19.0"}, 3},
		{"mlflow/requirements.txt", []string{"pypi mlflow 3.6.0", "pypi scikit-learn 1.7.2"}, 4},
		{"mlflow/conda.yaml", []string{"conda python =3.12.1", "pypi mlflow 3.6.0", "conda pip <=23.2.1"}, 6},
		{"mlflow/python_env.yaml", []string{"pypi pip 23.2.1 (build)"}, 3},
	} {
		_, got, _ := fixture(t, c.name)
		for _, w := range c.want {
			if !slices.Contains(got, w) {
				t.Errorf("%s: %q is missing in\n\t%s", c.name, w, strings.Join(got, "\n\t"))
			}
		}
		if c.n > 0 && len(got) != c.n || len(got) < len(c.want) {
			t.Errorf("%s: %d requirements, want %d:\n\t%s", c.name, len(got), c.n, strings.Join(got, "\n\t"))
		}
	}
}

// TestSetuptools holds setup.py and setup.cfg to what setuptools wrote of them.
func TestSetuptools(t *testing.T) {
	for source, oracle := range map[string]string{"setup/setup.py": "setup/oracle-setup-py.txt", "setup/setup.cfg": "setup/oracle-setup-cfg.txt"} {
		_, _, facts := fixture(t, source)
		got := map[string]bool{}
		for _, f := range facts {
			switch f := f.(type) {
			case weir.Requirement:
				got[f.Name] = true
			case weir.Include:
				_, _, more := fixture(t, filepath.Join("setup", f.Path))
				for _, m := range more {
					got[m.(weir.Requirement).Name] = true
				}
			}
		}
		b, err := os.ReadFile(filepath.Join("testdata", "python", oracle))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for l := range strings.Lines(string(b)) {
			if name := identifier().FindString(l); name != "" {
				if n++; !got[canonical(name)] {
					t.Errorf("%s: setuptools reads %q", source, l)
				}
			}
		}
		if n < 3 {
			t.Errorf("%s names only %d", oracle, n)
		}
	}
}

// TestTox holds tox.ini to the lines that tox itself hands to pip for all its environments.
func TestTox(t *testing.T) {
	_, _, facts := fixture(t, "tox/tox.ini")
	var got, want []string
	for _, f := range facts {
		if r, ok := f.(weir.Requirement); ok && r.Group == "build" {
			continue // of tox itself, not of an environment
		}
		if s := asPip(f); s != "" {
			got = append(got, s)
		}
	}
	b, err := os.ReadFile(filepath.Join("testdata", "python", "tox", "oracle.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for l := range strings.Lines(string(b)) {
		if l = strings.TrimPrefix(l, "deps ="); l[0] == ' ' {
			lines.WriteString(strings.ReplaceAll(l, " /project/", " "))
		}
	}
	_, facts, _ = parse("requirements.txt", lines.String())
	for _, f := range facts {
		if s := asPip(f); s != "" {
			want = append(want, s)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if got, want = slices.Compact(got), slices.Compact(want); !slices.Equal(got, want) || len(want) < 12 {
		t.Errorf("tox  %q\nhere %q", want, got)
	}
}

// TestToxReferences reads what stands in the place of a line, and what cannot be known.
func TestToxReferences(t *testing.T) {
	for _, c := range []struct {
		name, content string
		want          []string
	}{
		{"tox.ini", "[testenv]\ndeps = {[a]x}\n[a]\nx = {[b]y}\n[b]\ny =\n  f==1\n  {[a]x}\n", []string{"pypi f 1 (test)"}},
		{"tox.ini", "[testenv:docs]\ndeps =\n  {[no]x}\n  {posargs}\n  f=={env:F:1}\n  {env:G:g==1}\n", []string{"pypi  ? (docs)", "pypi  ? (docs)", "pypi f ? (docs)", "pypi  ? (docs)"}},
		{"tox.ini", "[testenv]\ncommands = pip install f\nextras = deps\n[other]\ndeps = g\n", nil},
		{"setup.cfg", "[tox:tox]\nrequires = tox==4\n[testenv]\ndeps = py38: f==1\n[tox]\nrequires = g\n", []string{"pypi tox 4 (build)", "pypi f 1 (test)"}},
	} {
		_, facts, err := parse(c.name, c.content)
		var got []string
		for _, f := range facts {
			if r, ok := f.(weir.Requirement); ok {
				got = append(got, line(r))
				if spec := c.content[r.Spec.At : r.Spec.At+r.Spec.Size]; r.State == weir.PinExact && spec != "=="+r.Version {
					t.Errorf("%q: the place of %s holds %q", c.content, line(r), spec)
				}
			}
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q (%v)", c.content, got, c.want, err)
		}
	}
}

// TestSettings reads where packages come from.
func TestSettings(t *testing.T) {
	for _, c := range []struct {
		name, content string
		want          []string
	}{
		{"pip.conf", "[global]\nindex-url = http://a\nextra-index-url =\n  https://b\n  https://c\ntrusted-host = d\nno-index = yes\n", []string{"index.url http://a 2", "index.extra https://b 4", "index.extra https://c 5", "index.trusted-host d 6", "index.none true 7"}},
		{".condarc", "channels:\n- http://a\nssl_verify: false\n", []string{"index.channel http://a 2", "index.trusted-host * 3"}},
		{"uv.toml", "index-url = \"http://a\"\n[[index]]\nurl = \"https://b\"\ndefault = true\n[pip]\nextra-index-url = [\"https://c\"]\n", []string{"index.url http://a 1", "index.url https://b 3", "index.extra https://c 6"}},
		{"requirements.txt", "--extra-index http://a\na==1 # c\x0b-i https://b\n", []string{"index.extra http://a 1", "index.url https://b 2"}},
		{"Pipfile", "[[source]]\nurl = \"http://a\"\nverify_ssl = false\n[packages]\n", []string{"index.url http://a 2", "index.trusted-host http://a 3"}},
		{"x.ipynb", `{"cells":[{"cell_type":"code","source":"!pip install a --index-url=http://b \u0026\u0026 pip download -f http://c d"}],"nbformat":4}`, []string{"index.url http://b 1", "index.find-links http://c 1"}},
	} {
		_, facts, err := parse(c.name, c.content)
		var got []string
		for _, f := range facts {
			if s, ok := f.(weir.Setting); ok && strings.HasPrefix(s.Key, "index.") {
				got = append(got, fmt.Sprintf("%s %s %d", s.Key, s.Value, s.Line))
			}
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q (%v)", c.name, got, c.want, err)
		}
	}
}

// TestNone holds that files which only look like manifests give nothing.
func TestNone(t *testing.T) {
	for _, c := range []struct{ name, content string }{
		{"requirements.txt", "These are the requirements of the project.\nIt shall be fast.\n"},
		{"docs/requirements.txt", "Requirements\n============\n\nYou need a computer, and time.\n"},
		{"vocab.txt", "the\nof\n[PAD]\n==\n"},
		{"words.txt", "alpha\nbeta\n"},
		{"notes.txt", "numpy==1\nis what we use, see below\n"},
		{"environment.yaml", "name: production\nregion: eu\n"},
		{"values.yaml", "dependencies:\n- name: redis\n  version: 1\n"},
		{"x.ipynb", `{"cells":[{"cell_type":"code","source":["print('!pip install a')\n","x = 5 % pip\n"]},{"cell_type":"markdown","source":"!pip install b"}],"nbformat":4}`},
		{"a.py", "\"\"\"Do `pip install torch` first.\"\"\"\nimport torch\n# os.system('pip install b')\n"},
		{"b.py", "runtime_env = load()\nprint(\"pip install torch\")\n"},
	} {
		_, facts, _ := parse(c.name, c.content)
		for _, f := range facts {
			t.Errorf("%s: %s %+v", c.name, weir.KindOf(f), f)
		}
	}
}

// TestBounded holds that no fact outgrows the frame that carries it, and that a statement which is too long hides nothing behind it.
func TestBounded(t *testing.T) {
	long := strings.Repeat("1", 256<<10)
	for name, content := range map[string]string{
		"requirements.txt": "a==" + long + "\nb[" + strings.Repeat("x,", 20_000) + "y]==1\nc @ https://example.org/" + long + "\n-r " + long + "\n" + long + "\nlast==1\n",
		"pyproject.toml":   "[project]\ndependencies = [\"a==" + long + "\", \"last==1\"]\n",
		"conda.yaml":       "dependencies:\n- a=" + long + "\n- last=1=0\n",
		"poetry.lock":      "[[package]]\nname=\"a\"\nversion=\"" + long + "\"\n[[package]]\nname=\"last\"\nversion=\"1\"\n",
		"x.ipynb":          `{"nbformat":4,"cells":[{"cell_type":"code","source":"!pip install a==` + long + ` last==1"}]}`,
		"Dockerfile":       "FROM python:3\nRUN pip install a==" + long + " last==1\n",
		"tox.ini":          "[testenv]\ndeps =\n  a==" + long + "\n  last==1\n",
		"pom.xml":          "<project><dependencies><dependency><groupId>g</groupId><artifactId>a</artifactId><version>" + long + "</version></dependency><dependency><groupId>g</groupId><artifactId>last</artifactId><version>1</version></dependency></dependencies></project>",
		"b/pom.xml":        "<!-- " + long + " --><project><dependencies><dependency><groupId>g</groupId><artifactId>last</artifactId><version>1</version></dependency></dependencies></project>",
		"package.json":     `{"dependencies":{"a":"` + long + `","last":"1"}}`,
	} {
		_, facts, err := parse(name, content)
		last := false
		for _, f := range facts {
			if n := len(fmt.Sprintf("%+v", f)); n > 64<<10 {
				t.Errorf("%s: a fact of %d bytes", name, n)
			}
			r, ok := f.(weir.Requirement)
			last = last || ok && strings.HasSuffix(r.Name, "last") && r.State != weir.PinUnresolved
		}
		if !last {
			t.Errorf("%s: the requirement behind the long one is lost (%v)", name, err)
		}
	}
}

// TestHostile holds readers to bounds: their work grows with the text, and what they keep does not outgrow it.
func TestHostile(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'j'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	for name, content := range map[string]string{
		"conda.yaml":      bomb,
		"environment.yml": "channels: [a]\ndependencies:\n " + strings.Repeat("[", 5000),
		"x/conda.yml":     "dependencies: [" + strings.Repeat("x,", 150_000) + "]",
		"poetry.lock":     strings.Repeat("[[package]]\nname=\"a\"\n", 20_000) + "[a",
		"uv.lock":         "x = " + strings.Repeat("[", 9000),
		"pdm.lock": func() string {
			s := ""
			for i := range 30_000 {
				s += fmt.Sprintf("[t%d]\n", i)
			}
			return s + "="
		}(),
		"Pipfile.lock":             strings.Repeat("{\"a\":", 5000),
		"x.ipynb":                  `{"nbformat":4,"cells":[` + strings.Repeat(`{"cell_type":"code","source":["!pip install `+strings.Repeat("a ", 50)+`"]},`, 2000),
		"requirements.txt":         strings.Repeat("a\\\n", 200_000),
		"requirements-long.txt":    "a==1 " + strings.Repeat("--hash=a:b ", 100_000),
		"constraints.txt":          "a; " + strings.Repeat("(", 100_000),
		"setup.py":                 strings.Repeat("a=[a,a,a,a,a]\n", 20_000) + "setup(install_requires=a" + strings.Repeat(",install_requires=a", 1000),
		"tox.ini":                  "[testenv]\ndeps =" + strings.Repeat("\n {[b]a}\n a \\", 50_000) + "\n[b]\na =" + strings.Repeat("\n {[b]a}\n {[testenv]deps}\n c==1", 50_000),
		"runtime.py":               strings.Repeat("runtime_env={'pip':[", 20_000),
		"other/pyproject.toml":     "a." + strings.Repeat("a.", 100_000) + "a=1",
		"setup.cfg":                "[options]\ninstall_requires=" + strings.Repeat("\n a==1", 100_000),
		"site-packages/x/METADATA": "Metadata-Version: 1\nName: a\n" + strings.Repeat("Requires-Dist: b\n", 100_000),
	} {
		_, facts, err := parse(name, content)
		if len(facts) > 200_000 {
			t.Errorf("%s: %d facts", name, len(facts))
		}
		if (name == "conda.yaml" || name == "uv.lock" || name == "Pipfile.lock" || name == "poetry.lock") && err == nil {
			t.Errorf("%s is read in silence", name)
		}
	}
}
