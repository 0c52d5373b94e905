package manifest

import (
	"path"
	"strings"

	"weir"
	"weir/internal/format"
)

// pythonFormats are the manifests of Python's tools.
var pythonFormats = []format.Format{
	{
		Name: "pip-requirements", Doc: "requirements and constraints of pip", Parsed: true,
		Match: isRequirements, Parse: parser("pip-requirements", parseRequirements),
	},
	{
		Name: "conda-env", Doc: "conda environment (conda.yaml, environment.yml)", Parsed: true,
		Match: isCondaEnv, Parse: parser("conda-env", parseCondaEnv),
	},
	{
		Name: "python-env", Doc: "MLflow's Python environment (python_env.yaml)", Parsed: true,
		Match: func(h format.Head) bool {
			return textual(h.First) && holds(h.First, "python:") && holds(h.First, "build_dependencies:")
		},
		Parse: parser("python-env", parsePythonEnv),
	},
}

func isCondaEnv(h format.Head) bool {
	if called(h, "conda.yaml", "conda.yml") {
		return true
	}
	ext := path.Ext(h.Name)
	named := (ext == ".yml" || ext == ".yaml") && strings.HasPrefix(path.Base(h.Name), "environment")
	return textual(h.First) && holds(h.First, "dependencies:") && (holds(h.First, "channels:") || named && holds(h.First, "name:", "prefix:", "dependencies:\n"))
}

// parseCondaEnv reads the environment files of conda: channels, packages, the list that pip gets, and variables.
func parseCondaEnv(in *format.Input, t *text) error {
	docs, err := readTagged(in, t)
	for _, d := range docs {
		for _, c := range d.get("channels").list() {
			in.Emit(weir.Setting{Key: "conda.channel", Value: c.text, Line: c.line})
		}
		for k, v := range d.get("variables").fields() {
			in.Emit(weir.Setting{Key: "variables." + k, Value: v.text, Line: v.line})
		}
		for _, dep := range d.get("dependencies").list() {
			for _, p := range dep.get("pip").list() {
				pip(in, clean(p.text), p.line)
			}
		}
	}
	return err
}

// parsePythonEnv reads what MLflow writes for virtualenv (mlflow/utils/environment.py, _PythonEnv).
func parsePythonEnv(in *format.Input, t *text) error {
	docs, err := readTagged(in, t)
	for _, d := range docs {
		for _, key := range []string{"build_dependencies", "dependencies"} {
			for _, dep := range d.get(key).list() {
				if dep.text != "-r requirements.txt" { // what MLflow itself writes
					pip(in, clean(dep.text), dep.line)
				}
			}
		}
	}
	return err
}
