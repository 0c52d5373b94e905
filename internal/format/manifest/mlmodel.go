package manifest

import (
	"path"

	"weir"
	"weir/internal/format"
)

// frameworks are the keys with which MLflow's flavors note the version of the framework that saved a model (mlflow/*/__init__.py, save_model), and
// the package that each is of.
var frameworks = map[string]string{
	"sklearn_version": "scikit-learn", "pytorch_version": "torch", "keras_version": "keras", "xgb_version": "xgboost", "lgb_version": "lightgbm", "cb_version": "catboost",
	"catboost_version": "catboost", "onnx_version": "onnx", "transformers_version": "transformers", "h2o_version": "h2o", "spacy_version": "spacy",
	"fastai_version": "fastai", "statsmodels_version": "statsmodels", "prophet_version": "prophet", "pyspark_version": "pyspark", "paddle_version": "paddlepaddle",
	"pmdarima_version": "pmdarima", "diviner_version": "diviner", "langchain_version": "langchain", "sentence_transformers_version": "sentence-transformers",
	"shap_version": "shap", "openai_version": "openai", "gluon_version": "mxnet", "mxnet_version": "mxnet", "promptflow_version": "promptflow", "dspy_version": "dspy",
	"llama_index_version": "llama-index", "johnsnowlabs_version": "johnsnowlabs", "tensorflow_version": "tensorflow", "crewai_version": "crewai",
	"skops_version": "skops", "cloudpickle_version": "cloudpickle", "peft_version": "peft", "torch_version": "torch", "model_version": "",
}

// Model reads what MLmodel says of versions: that of MLflow, those of the frameworks that saved the model, and the files of its environments. It is
// called by the parser of that format.
func Model(in *format.Input) error {
	in = bounding(in)
	t, err := load(in)
	docs, yamlErr := readYAML(t)
	for _, d := range docs {
		m := &model{in, t}
		m.version("mlflow", d.get("mlflow_version"))
		for name, f := range d.get("flavors").fields() {
			if name == "python_function" {
				if v := f.get("python_version"); v != nil {
					in.Emit(weir.Setting{Key: "python", Value: cut(v.text, maxStatement), Line: v.line})
				}
				m.environment(f.get("env"))
			}
			for key, v := range f.fields() {
				if p := frameworks[key]; p != "" {
					m.version(p, v)
				}
			}
		}
	}
	return fail("mlflow", err, yamlErr)
}

type model struct {
	in *format.Input
	t  *text
}

// version emits the exact version of a package.
func (m *model) version(name string, v *node) {
	if v == nil || v.text == "" {
		return
	}
	if !isLocal().MatchString(v.text) {
		r := unresolved("pypi", name+": "+v.text, "it is no version of PEP 440", v.line)
		r.Name = name
		m.in.Emit(r)
		return
	}
	m.in.Emit(weir.Requirement{
		Ecosystem: "pypi", Name: name, State: weir.PinExact, Version: v.text, Origin: weir.OriginManifest, Text: cut(name+": "+v.text, maxStatement), Line: v.line,
		Direct: true, Spec: m.t.span(v.at, len(v.text)), Form: weir.SpecVersion,
	})
}

// environment names the files with which MLflow restores a model's environment; up to 1.x one for conda, later a map of two.
func (m *model) environment(env *node) {
	for _, v := range []*node{env, env.get("conda"), env.get("virtualenv")} {
		if v != nil && v.shape == isString && v.text != "" {
			m.in.Emit(weir.Include{Path: v.text, Kind: isFile, Text: cut("env: "+v.text, maxStatement), Line: v.line})
		}
	}
}

// Project reads what MLproject says of environments and what its entry points install. It is called by the parser of that format.
func Project(in *format.Input) error {
	in = bounding(in)
	t, err := load(in)
	docs, yamlErr := readYAML(t)
	for _, d := range docs {
		for _, key := range []string{"conda_env", "python_env"} {
			if v := d.get(key); v != nil && v.shape == isString {
				in.Emit(weir.Include{Path: path.Clean(v.text), Kind: isFile, Text: cut(key+": "+v.text, maxStatement), Line: v.line})
			}
		}
		if v := d.get("docker_env", "image"); v != nil && v.text != "" {
			emitAll(in, image(t, word{text: v.text, at: v.at, line: v.line, open: hasVariable(v.text)}))
		}
		for _, e := range d.get("entry_points").fields() {
			if c := e.get("command"); c != nil {
				shellLine(in, t, c.text, c.line, c.inside(c.text))
			}
		}
	}
	return fail("mlflow-project", err, yamlErr)
}
