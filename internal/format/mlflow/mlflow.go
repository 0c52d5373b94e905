// Package mlflow reads the files that decide what MLflow runs: MLmodel and what lies beside it in a model's folder (environments, H2O
// options, module names, Python source), projects, recipes and their cards, and the records of a file store.
//
// Start with [Formats]. Each format is a small text file; what they mean together is for rules of tree scope.
package mlflow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode/utf8"

	"weir"
	"weir/internal/format"
	"weir/internal/format/opaque"
)

const framework = "mlflow"

// Formats lists the family. Only MLmodel is a model; the others matter beside one, or where MLflow runs them.
var Formats = []format.Format{
	{
		Name: "mlflow", Doc: "MLflow model: MLmodel and its folder", Framework: framework, Model: true, Manifest: true, Parsed: true,
		Match: named(isModel, "MLmodel"), MatchDir: matchDir, Parse: parseModel,
	},
	{
		Name: "mlflow-store", Doc: "record of an MLflow file store (meta.yaml)", Framework: framework, Parsed: true,
		Match: isStore, Parse: parseYAML,
	},
	{
		Name: "mlflow-h2o", Doc: "options with which MLflow starts H2O (h2o.yaml)", Framework: framework, Parsed: true,
		Match: named(hasKeys("full_file", "model_file"), "h2o.yaml"), Parse: parseYAML,
	},
	{
		Name: "mlflow-langchain", Doc: "LangChain object as MLflow saves it (model.yaml, steps.yaml)", Framework: framework, Parsed: true,
		Match: isLangChain, Parse: parseYAML,
	},
	{
		Name: "mlflow-llama-index", Doc: "LlamaIndex settings as MLflow saves them (settings.json)", Framework: framework, Parsed: true,
		Match: func(h format.Head) bool {
			return bytes.HasPrefix(h.First, []byte("{")) && bytes.Contains(h.First, []byte(`"object_constructor"`))
		},
		Parse: parseYAML, // JSON is YAML
	},
	{
		Name: "mlflow-project", Doc: "MLflow project (MLproject)", Framework: framework, Manifest: true, Parsed: true,
		Match: func(h format.Head) bool { return strings.EqualFold(path.Base(h.Name), "MLproject") && textual(h.First) }, Parse: parseProject,
	},
	{
		Name: "mlflow-recipe", Doc: "MLflow recipe or one of its profiles (recipe.yaml, profiles/*.yaml)", Framework: framework, Parsed: true,
		Match: isRecipe, Parse: parseRecipe,
	},
	{
		Name: "mlflow-module", Doc: "name of a module that MLflow imports (pickle_module_info.txt, keras_module.txt)", Framework: framework, Parsed: true,
		Match: isModuleName, Parse: parseModuleName,
	},
	// The next two are read beside a model alone: elsewhere they are nobody's business here, and many.
	{
		Name: "html", Doc: "HTML page, searched for what runs when it is shown", Parsed: true,
		Match: func(h format.Head) bool {
			return isHTML(h) && (h.Inside || shown(h.Name) || bytes.Contains(h.First, card))
		}, Parse: parseHTML,
	},
	{
		Name: "python-source", Doc: "Python source, read for what it calls", Parsed: true,
		Match: func(h format.Head) bool { return h.Inside && isPython(h) }, Parse: parsePython,
	},
}

// matchDir claims a folder by the name of the file that mlflow.models.Model.load opens (mlflow/models/model.py, MLMODEL_FILE_NAME).
func matchDir(names []string) bool {
	for _, n := range names {
		if n == "MLmodel" {
			return true
		}
	}
	return false
}

// textual reports whether content begins like text: no NUL and hardly a control character. It is the cheap question that comes first.
func textual(b []byte) bool {
	b = b[:min(len(b), 512)]
	if len(b) == 0 {
		return false
	}
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' {
			return false
		}
	}
	return true
}

// named accepts text under the one name by which MLflow opens it, whatever it holds, and content that is known without a name.
func named(known func(format.Head) bool, name string) func(format.Head) bool {
	return func(h format.Head) bool { return path.Base(h.Name) == name && textual(h.First) || known(h) }
}

// hasKeys accepts YAML with all these keys at the left margin.
func hasKeys(keys ...string) func(format.Head) bool {
	return func(h format.Head) bool {
		if !textual(h.First) {
			return false
		}
		for _, k := range keys {
			if !hasKey(h.First, k) {
				return false
			}
		}
		return true
	}
}

// hasKey looks for "key:" at the beginning of a line.
func hasKey(b []byte, key string) bool {
	want := []byte(key + ":")
	for at := 0; ; {
		i := bytes.Index(b[at:], want)
		if i < 0 {
			return false
		}
		if at += i; at == 0 || b[at-1] == '\n' {
			return true
		}
		at += len(want)
	}
}

func anyKey(b []byte, keys ...string) bool {
	for _, k := range keys {
		if hasKey(b, k) {
			return true
		}
	}
	return false
}

// mapping accepts text whose first line that says anything is a key or begins a document: source code that holds YAML in a string is none.
func mapping(b []byte) bool {
	for line := range bytes.Lines(b) {
		line = bytes.TrimRight(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")), " \t\r\n")
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		return bytes.HasPrefix(line, []byte("---")) || line[0] == '%' || line[0] == '{' || bytes.HasSuffix(line, []byte(":")) || bytes.Contains(line, []byte(": ")) || bytes.Contains(line, []byte(":\t"))
	}
	return false
}

func isModel(h format.Head) bool {
	return textual(h.First) && mapping(h.First) && hasKey(h.First, "flavors") &&
		anyKey(h.First, "artifact_path", "model_uuid", "mlflow_version", "utc_time_created", "run_id", "model_id", "signature")
}

// isStore knows the records of mlflow/store/{tracking,model_registry}/file_store.py: experiments, runs, logged models, versions.
func isStore(h format.Head) bool {
	b := h.First
	switch {
	case !textual(b):
		return false
	case hasKey(b, "artifact_location"):
		return anyKey(b, "experiment_id", "lifecycle_stage")
	case hasKey(b, "artifact_uri"):
		return anyKey(b, "run_id", "run_uuid", "model_id")
	case hasKey(b, "current_stage"):
		return anyKey(b, "source", "storage_location")
	}
	return false
}

func isLangChain(h format.Head) bool {
	base := path.Base(h.Name)
	return (strings.HasSuffix(base, ".yaml") || strings.HasSuffix(base, ".yml")) && textual(h.First) &&
		(hasKey(h.First, "_type") || base == "steps.yaml" && hasKey(h.First, "steps"))
}

// isRecipe knows recipes by name and key, and their profiles by their folder: both are templates (mlflow/recipes/recipe.py, 1.28 to 2.22).
func isRecipe(h format.Head) bool {
	base, dir := path.Base(h.Name), path.Base(path.Dir(h.Name))
	switch {
	case !textual(h.First):
		return false
	case base == "recipe.yaml" || base == "pipeline.yaml":
		return anyKey(h.First, "recipe", "template", "steps", "target_col") || bytes.Contains(h.First, []byte("{{"))
	case dir == "profiles":
		return strings.HasSuffix(base, ".yaml") || strings.HasSuffix(base, ".yml")
	}
	return false
}

// Bounds of the texts that are read whole; real ones are far below.
const (
	maxText   = 1 << 20 // YAML and requirements
	maxSource = 8 << 20 // Python and HTML: a page may hold its pictures
)

// read gives the text of a file, at most maxText bytes of it; the error says that there was more.
func read(in *format.Input) ([]byte, error) { return readUpTo(in, maxText) }

func readUpTo(in *format.Input, most int64) ([]byte, error) {
	b := make([]byte, min(in.Size, most))
	n, err := in.ReadAt(b, 0)
	switch {
	case n < len(b) && (err == nil || errors.Is(err, io.EOF)):
		return b[:n], errors.New("ends early")
	case n < len(b):
		return b[:n], err
	case in.Size > most:
		return b, fmt.Errorf("longer than the %d bytes that are read of such a file: %w", most, format.ErrLimit)
	}
	return b, nil
}

// finish lets the search for hidden content see a text as well, which it would if no format had claimed it, and adds the parser's name to
// its first error.
func finish(in *format.Input, what string, errs ...error) error {
	errs = append(errs, opaque.Format.Parse(in))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// cut shortens text for a person.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

func isModuleName(h format.Head) bool {
	switch path.Base(h.Name) {
	case "pickle_module_info.txt", "keras_module.txt":
		return h.Size > 0 && h.Size < 1024 && textual(h.First)
	}
	return false
}

// parseModuleName reads the files whose whole content goes to importlib.import_module: mlflow/pytorch and mlflow/tensorflow.
func parseModuleName(in *format.Input) error {
	b, err := read(in)
	in.Emit(weir.Setting{Key: "module", Value: strings.ToValidUTF8(string(b), "\ufffd"), Line: 1})
	return finish(in, "mlflow-module", err)
}
