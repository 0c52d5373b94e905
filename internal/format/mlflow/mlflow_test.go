package mlflow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"weir"
	"weir/internal/format"
)

// parse recognises content by its name and runs the parsers that claim it; it gives one line a fact.
func parse(name string, b []byte) (formats, facts []string, err error) {
	h := format.Head{Name: name, Size: int64(len(b)), Inside: true, First: b[:min(len(b), format.HeadSize)], Last: b[max(0, len(b)-format.TailSize):]}
	for _, f := range Formats {
		if !f.Match(h) {
			continue
		}
		formats = append(formats, f.Name)
		in := &format.Input{
			ReaderAt: bytes.NewReader(b), Name: name, Size: int64(len(b)), Limits: weir.DefaultLimits(),
			Emit: func(f weir.Fact) { facts = append(facts, line(f)) },
			Nested: func(string, io.ReaderAt, int64) (format.Summary, error) {
				return format.Summary{Complete: true}, nil
			},
			Expand: func(_ string, r io.Reader, _ int64) (format.Summary, error) {
				n, err := io.Copy(io.Discard, io.LimitReader(r, 1<<20))
				return format.Summary{Size: n, Complete: true}, err
			},
		}
		err = errors.Join(err, f.Parse(in))
	}
	return formats, facts, err
}

func line(f weir.Fact) string {
	switch f := f.(type) {
	case weir.Setting:
		return fmt.Sprintf("%s=%s:%d", f.Key, f.Value, f.Line)
	case weir.Call:
		return fmt.Sprintf("%s(%s) in %q %v:%d", f.Callee, strings.Join(f.Args, ", "), f.Func, f.Auto, f.Line)
	case weir.Code:
		return fmt.Sprintf("%s %s %q:%d", f.Language, f.Name, f.Text, f.Line)
	case weir.Oddity:
		return fmt.Sprintf("%s: %s", f.Kind, f.Detail)
	case weir.Requirement:
		return fmt.Sprintf("requires %s:%d", f.Text, f.Line)
	case weir.Note:
		return f.Key + ": " + f.Value
	}
	return weir.KindOf(f)
}

func TestRecognition(t *testing.T) {
	const model = "artifact_path: m\nflavors:\n  python_function:\n    loader_module: mlflow.sklearn\nmlflow_version: 3.0.0\n"
	for _, c := range []struct{ name, content, want string }{
		{"m/MLmodel", model, "mlflow"},
		{"attack.go", "package attack\n\nconst model = `\nrun_id: a\nflavors:\n  python_function: {}\n`\n", ""},
		{"model.yaml", "# a copy\n\n---\nrun_id: a\nflavors:\n  python_function: {}\n", "mlflow"},
		{"m/other", model, "mlflow"},
		{"m/MLmodel", `{"flavors": {"python_function": {"loader_module": "os"}}}`, "mlflow"}, // MLflow goes by the name alone
		{"m/MLmodel", "\x80\x04K\x01.", ""},
		{"mlmodel", "flavors: vanilla\n", ""},
		{"model.h2o/h2o.yaml", "full_file: /x\nmodel_file: glm\n", "mlflow-h2o"},
		{"meta.yaml", "artifact_location: s3://b\nexperiment_id: '1'\n", "mlflow-store"},
		{"meta.yaml", "artifact_uri: file:///x\nrun_id: a\n", "mlflow-store"},
		{"meta.yaml", "package:\n  name: conda-recipe\nsource:\n  url: x\n", ""},
		{"MLproject", "name: p\nentry_points:\n", "mlflow-project"},
		{"mlproject", "name: p\n", "mlflow-project"},
		{"recipe.yaml", "recipe: regression/v1\n", "mlflow-recipe"},
		{"profiles/local.yaml", "experiment:\n  name: x\n", "mlflow-recipe"},
		{"data/pickle_module_info.txt", "mlflow.pytorch.pickle_module", "mlflow-module"},
		{"report.html", "\n<!-- made by x -->\n<!DOCTYPE html><html></html>", "html"},
		{"page", "<html>", "html"},
		{"plot.svg", "<?xml version=\"1.0\"?>\n<!-- x --><svg onload=x>", "html"},
		{"notes.txt", "<3 models", ""},
		{"code/a.py", "import os\n", "python-source"},
		{"a.py", "\x00\x01", ""},
		{"steps.yaml", "steps:\n- a\n", "mlflow-langchain"},
		{"settings.json", `{"llm": {"object_constructor": "os.x"}}`, "mlflow-llama-index"},
	} {
		if got, _, _ := parse(c.name, []byte(c.content)); strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q is %q, want %q", c.name, c.content, got, c.want)
		}
	}
}

// TestInside holds that pages and sources are read beside a model alone, and that everything else does not ask.
func TestInside(t *testing.T) {
	for name, content := range map[string]string{"a.py": "import os\n", "a.html": "<html><script>x</script>", "card.html": "<html><style>h2.step-title {", "steps/train/outputs/x.html": "<html>", "r/artifacts/p.html": "<html>", "MLmodel": "flavors: {}\n"} {
		for _, f := range Formats {
			h := format.Head{Name: name, Size: int64(len(content)), First: []byte(content)}
			outside := f.Match(h)
			h.Inside = true
			if inside := f.Match(h); inside != outside && name != "a.py" && name != "a.html" {
				t.Errorf("%s is %s depending on where it lies", name, f.Name)
			} else if outside && (name == "a.py" || name == "a.html") {
				t.Errorf("%s is %s wherever it lies", name, f.Name)
			}
		}
	}
}

func TestFacts(t *testing.T) {
	for _, c := range []struct {
		name, file, content string
		want                []string // each must be among the facts
		not                 string   // and this must not
	}{
		{"keys and lines", "MLmodel", "flavors:\n  sklearn:\n    code: null\n    skops_trusted_types:\n    - a.b\n    - c\n", []string{
			"flavors.sklearn.code=:3", "flavors.sklearn.skops_trusted_types.0=a.b:5", "flavors.sklearn.skops_trusted_types.1=c:6", "mlflow.flavors: sklearn",
		}, ""},
		{"escapes are undone", "MLmodel", `"\x66lavors": {"python_function": {"loader\u005fmodule": os}}`, []string{"flavors.python_function.loader_module=os:1"}, ""},
		{"aliases and merges", "MLmodel", "x: &a {loader_module: os}\nflavors:\n  python_function:\n    <<: *a\n    data: &d d\n    code: *d\n", []string{
			"flavors.python_function.loader_module=os:1", "flavors.python_function.code=d:5",
		}, ""},
		{"a key twice", "MLmodel", "flavors: {}\nflavors: {a: {b: c}}\n", []string{"flavors.a.b=c:2", `duplicate: key "flavors" twice, again at line 2`}, ""},
		{"tags", "MLmodel", "a: !!python/object/apply:os.system ['id']\nb: !!str x\n", []string{"yaml.tag=!!python/object/apply:os.system:1"}, "yaml.tag=!!str x:2"},
		{"tags by a handle of their own", "MLmodel", "%TAG !p! tag:yaml.org,2002:python/\n---\nflavors: !p!name:os.system ''\n", []string{"yaml.tag=!!python/name:os.system:3"}, ""},
		{"a tag on a key", "MLmodel", "? !!python/name:os.system ''\n: 1\n", []string{"yaml.tag=!!python/name:os.system:1"}, ""},
		{"a cycle", "MLmodel", "a: &a [*a, x]\n", []string{"a.1=x:1"}, ""},
		{"two documents", "MLmodel", "flavors: {}\n---\nflavors: {a: {b: c}}\n", []string{"trailing: a second YAML document at line 2", "flavors.a.b=c:3"}, ""},
		{"templates", "recipe.yaml", "recipe: {{ a }}\nsteps:\n  x: \"{{ ''.__class__ }}\"\n{# {{ no }} #}{% include '/x' %}\n", []string{
			`jinja template "a":1`, `jinja template "''.__class__":3`, `jinja template "include '/x'":4`, "recipe=jinja:1",
		}, `jinja template "no":4`},
		{"html in a recipe", "recipe.yaml", "recipe: x\ntarget_col: <img src=x onerror=alert(1)>\n", []string{`html img "<img src=x onerror=alert(1)>\n":2`}, ""},
		{"a module's name", "data/keras_module.txt", "os\n", []string{"module=os\n:1"}, ""},
		{"a card", "card.html", "<!DOCTYPE html><style>h2.step-title { x }</style><div class=\"content-hide\">", []string{"html.kind: step card of an MLflow recipe"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got, err := parse(c.file, []byte(c.content))
			if err != nil {
				t.Error(err)
			}
			for _, w := range c.want {
				if !slices.Contains(got, w) {
					t.Errorf("%q is missing in\n\t%s", w, strings.Join(got, "\n\t"))
				}
			}
			if c.not != "" && slices.Contains(got, c.not) {
				t.Errorf("%q is there", c.not)
			}
		})
	}
}

func TestActiveHTML(t *testing.T) {
	for _, c := range []struct {
		html string
		want int
	}{
		{"<p>text</p><a href=https://example.com>x</a><img src=x.png alt='on=x'>", 0},
		{"<script>x</script>", 1},
		{"<SCRIPT\nsrc=x>", 1},
		{"< script>", 1},
		{"<img src=x onerror=y>", 1},
		{"<svg/onload=y>", 1},
		{"<body onload = 'y'>", 1},
		{"<a href=\" javascript:y\">", 1},
		{"<iframe src=x>", 1},
		{"<a href='data:text/html,x'>", 1},
		{"<meta http-equiv='refresh' content=0>", 1},
		{"<meta charset=utf-8>", 0},
		{"<button id=0 class=\"tablink\">", 0},
	} {
		if got := activeHTML([]byte(c.html)); len(got) != c.want {
			t.Errorf("%s: %d active places, want %d: %v", c.html, len(got), c.want, got)
		}
	}
}

func TestBounds(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'j'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	for name, text := range map[string]string{
		"aliases": bomb,
		"depth":   strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		"blocks":  deep(200),
		"values":  "a:\n" + strings.Repeat("- x\n", 20_000),
		"nodes":   "a: [" + strings.Repeat("x,", 300_000) + "]",
		"size":    "a: " + strings.Repeat("x", 3<<20),
	} {
		_, facts, err := parse("MLmodel", []byte(text))
		if err == nil || len(facts) > maxYAMLValues+100 {
			t.Errorf("%s: %d facts and error %v", name, len(facts), err)
		}
	}
	if _, facts, err := parse("MLmodel", []byte("flavors:\n  a: {b: c}\n  d: [\n")); err == nil {
		t.Errorf("broken YAML is read in silence: %v", facts)
	}
	if _, _, err := parse("MLmodel", []byte("flavors: \xff\n")); err == nil {
		t.Error("text that is not UTF-8 is read in silence")
	}
}

func deep(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// TestTruncated cuts files at every length: parsers say what is left, and fail or not, but never panic and never say more than the whole.
func TestTruncated(t *testing.T) {
	for name, text := range map[string]string{
		"MLmodel":     "artifact_path: m\nflavors:\n  python_function: &p\n    loader_module: \"mlflow.\\x73klearn\"\n    data: 'd'\n  sklearn:\n    <<: *p\n    types: [a, {b: c}]\nsignature:\n  inputs: '[{\"type\": \"double\"}]'\n",
		"recipe.yaml": "recipe: {{ a|b('c') }}\nsteps: {% if x %}y{% endif %}\n# c\nz: <img src=x onerror=y>\n",
		"card.html":   "<!DOCTYPE html><style>h2.step-title { }</style><script>x</script><a href='javascript:y'>",
		"x.py":        "import os as o\n@o.d('''e\n''')\nclass A(B):\n    def f(self, x=o.system('y')):\n        return __import__('o' 's').popen(x)\n",
	} {
		_, whole, _ := parse(name, []byte(text))
		if len(whole) == 0 {
			t.Fatalf("%s has no facts", name)
		}
		for n := range len(text) {
			if _, got, _ := parse(name, []byte(text[:n])); len(got) > len(whole)+4 {
				t.Errorf("%s cut at %d: %d facts, the whole has %d", name, n, len(got), len(whole))
			}
		}
	}
}
