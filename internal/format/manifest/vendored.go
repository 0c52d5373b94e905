package manifest

import (
	"bytes"
	"regexp"
	"strings"

	"weir"
	"weir/internal/format"
)

var vendoredFormats = []format.Format{
	{
		Name: "vendored-copy", Doc: "file of a copied MLflow, PyTorch, H2O or MLeap that tells its version, or holds a function with a known flaw", Parsed: true,
		Match: func(h format.Head) bool {
			if bytes.HasPrefix(h.First, []byte(classMagic)) {
				return bodyOf(h.Name, h.First) != nil
			}
			// Below a model Python source is read as such, and Vendored adds this; in an environment the package's own records say it.
			return !h.Inside && !strings.Contains(h.Name, "-packages/") && strings.HasSuffix(h.Name, ".py") && (vendored(h.First) != nil || bodyOf(h.Name, h.First) != nil)
		},
		Parse: parser("vendored-copy", func(in *format.Input, t *text) error { emitVendored(in, t); return nil }),
	},
}

// copied is a project that others copy into their own trees, known by what its version file holds in every release.
type copied struct {
	name    string
	marks   []string
	version func() *regexp.Regexp
}

// copies: mlflow/version.py (1.0 to 3.17) and torch/version.py, which PyTorch's build generates (1.0 to 2.9).
var copies = []copied{
	{"mlflow", []string{"\nVERSION = ", "Databricks"}, weir.Pattern(`(?m)^VERSION = "([0-9][0-9A-Za-z.]*)"`)},
	{"torch", []string{"__version__ = ", "\ngit_version = ", "\ncuda", "\ndebug = "}, weir.Pattern(`(?m)^__version__ = '([0-9][0-9A-Za-z.+]*)'`)},
}

// vendored gives the project whose version file begins so; nil of other content.
func vendored(b []byte) *copied {
	if len(b) > 4096 {
		b = b[:4096]
	}
	for i, c := range copies {
		whole := true
		for _, m := range c.marks {
			whole = whole && within(b, m, len(b))
		}
		if whole && c.version().Match(b) {
			return &copies[i]
		}
	}
	return nil
}

func emitVendored(in *format.Input, t *text) {
	if b := bodyOf(in.Name, t.b[:min(len(t.b), format.HeadSize)]); b != nil {
		b.emit(in, t)
	}
	c := vendored(t.b)
	if c == nil {
		return
	}
	m := c.version().FindSubmatchIndex(t.b[:min(len(t.b), 4096)])
	if m == nil {
		return
	}
	in.Emit(weir.Requirement{
		Ecosystem: "pypi", Name: c.name, State: weir.PinExact, Version: string(t.b[m[2]:m[3]]), Origin: weir.OriginBundled, Direct: true,
		Text: string(t.b[m[0]:m[1]]), Line: t.line(m[2]),
	})
}

// maxBody bounds in bytes the source of a module in which functions are looked for.
const maxBody = 1 << 20

// Vendored has a parser of Python source say also whether the source is a file of a copied project.
func Vendored(parse func(*format.Input) error) func(*format.Input) error {
	return func(in *format.Input) error {
		if in.Size <= maxBody {
			if t, err := load(in); err == nil {
				emitVendored(in, t)
			}
		}
		return parse(in)
	}
}
