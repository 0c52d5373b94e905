package rule

import (
	"fmt"
	"strings"

	"weir"
)

// MLflow lists the rules about MLflow's models, projects, recipes and stores.
func MLflow() []Rule {
	return []Rule{
		{
			ID: "mlflow/loader-module", Title: "MLflow model is loaded by a module that is not MLflow's", Since: "0.2.0", Severity: weir.SeverityHigh, Scope: ScopeTree,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{470, 829},
			Fix: "do not load this model; its loader_module must be one of MLflow's own, or lie in the model's code folder where you can read it", Check: loaderModule,
		},
		{
			ID: "mlflow/model-code", Title: "MLflow model carries code that loading runs", Since: "0.2.0", Severity: weir.SeverityMedium, Scope: ScopeTree,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{829},
			Fix: "read the code that the model carries, and load it only if you would run that code", Check: modelCode,
		},
		{
			ID: "mlflow/system-call", Title: "Code of an MLflow model reaches the system", Since: "0.2.0", Severity: weir.SeverityHigh, Scope: ScopeTree,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{506, 829},
			Fix: "do not load this model; ask its author what these calls are for", Check: modelSystemCall,
		},
		{
			ID: "mlflow/shadowed-module", Title: "Code of an MLflow model takes the name of an installed library", Since: "0.2.0", Severity: weir.SeverityHigh, Scope: ScopeTree,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{427},
			Fix: "do not load this model; its code folder comes first on Python's path, so this file runs in the place of the library", Check: shadowedModule,
		},
		{
			ID: "mlflow/class-name", Title: "MLflow model names a class or module that is not its framework's", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{470},
			Fix: "do not load this model; the field must name a class or module of the framework that the model was made with", Check: className,
		},
		{
			ID: "mlflow/trusted-types", Title: "MLflow model names types to trust that are no framework's", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{807, 502},
			Fix: "do not load this model; skops_trusted_types must hold types of scikit-learn and its like alone", Check: trustedTypes,
		},
		{
			ID: "mlflow/path-escape", Title: "MLflow model names a file outside its folder", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactRead, weir.ImpactExecution}, CWE: []int{22, 73},
			Fix: "do not load this model; save it again, so that all its files lie in its folder", Check: mlflowPath,
		},
		{
			ID: "mlflow/load-option", Title: "MLflow model sets an option of its loader that acts outside the model", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactWrite, weir.ImpactExecution}, CWE: []int{15, 73},
			Fix: "do not load this model, or take the option out of MLmodel first", Check: loadOption,
		},
		{
			ID: "mlflow/h2o-init", Title: "MLflow model starts H2O with options of its own", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{88, 15},
			Fix: "take the init section out of h2o.yaml before loading the model, or load it with h2o.upload_model alone", Check: h2oInit,
		},
		{
			ID: "mlflow/yaml-tag", Title: "YAML file of MLflow asks for an object of a language", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{502},
			Fix: "do not load this file with anything but a safe loader; no saver writes such a tag", Check: yamlTag,
		},
		{
			ID: "mlflow/ambiguous-yaml", Title: "YAML file of MLflow says one thing twice", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{694, 436},
			Fix: "do not load this model; readers disagree about which of the values counts", Check: ambiguousYAML,
		},
		{
			ID: "mlflow/environment", Title: "Environment of an MLflow model installs from an unusual place", Since: "0.2.0", Severity: weir.SeverityMedium, Scope: ScopeTree,
			Impact: []weir.Impact{weir.ImpactSupply, weir.ImpactExecution}, CWE: []int{494, 829},
			Fix: "restore the environment from your own package index, with the requirements that you have read", Check: mlflowEnvironment,
		},
		{
			ID: "mlflow/remote-code", Title: "MLflow model allows code from elsewhere", Since: "0.2.0", Severity: weir.SeverityMedium,
			Impact: []weir.Impact{weir.ImpactSupply, weir.ImpactExecution}, CWE: []int{829, 494},
			Fix: "download and scan what the model fetches, and load it from there", Check: remoteCode,
		},
		{
			ID: "mlflow/template-injection", Title: "MLflow recipe's template runs Python", Since: "0.2.0", Severity: weir.SeverityCritical,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{1336}, Aliases: []string{"CVE-2023-6709"},
			Fix: "do not open this recipe with MLflow; before 2.9.2 its templates run whatever they name", Check: templateInjection,
		},
		{
			ID: "mlflow/recipe-script", Title: "MLflow recipe or its card carries script", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution, weir.ImpactExposure}, CWE: []int{79}, Aliases: []string{"CVE-2024-27132"},
			Fix: "do not run this recipe and do not open its cards in a browser or notebook; MLflow 2.10 and newer escape what recipes put there", Check: recipeScript,
		},
		{
			ID: "mlflow/html-script", Title: "HTML in an MLflow model runs script", Since: "0.2.0", Severity: weir.SeverityMedium, Scope: ScopeTree,
			Impact: []weir.Impact{weir.ImpactExecution, weir.ImpactExposure}, CWE: []int{79},
			Fix: "open the page only where no session of yours is signed in", Check: htmlScript,
		},
		{
			ID: "mlflow/artifact-script", Title: "HTML among the artifacts of an MLflow run runs script by a handler", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution, weir.ImpactExposure}, CWE: []int{79},
			Fix: "do not open this artifact in MLflow's interface; delete it, or read it as text", Check: artifactScript,
		},
		{
			ID: "mlflow/store-location", Title: "Record of an MLflow store points outside of it", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactRead, weir.ImpactWrite}, CWE: []int{22, 36}, Aliases: []string{"CVE-2023-6909", "CVE-2024-1558", "CVE-2024-2928"},
			Fix: "do not serve this store; correct the location or delete the record", Check: storeLocation,
		},
		{
			ID: "mlflow/project-command", Title: "MLflow project runs more than its program", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{78, 829},
			Fix: "do not run this project; an entry point should start one program of the project", Check: projectCommand,
		},
	}
}

// mlUnits gives the units of a pass that are of one of these formats.
func mlUnits(p *Pass, formats ...string) []*Unit {
	var out []*Unit
	for i := range p.Units {
		if hasFormat(&p.Units[i], formats...) {
			out = append(out, &p.Units[i])
		}
	}
	return out
}

// modelFile gives the MLmodel at the top of the pass's folder.
func modelFile(p *Pass) *Unit {
	for _, u := range mlUnits(p, "mlflow") {
		if !strings.Contains(u.Member, "/") {
			return u
		}
	}
	return nil
}

// setting gives the last value of a key, which is what PyYAML takes; the zero Setting when there is none.
func setting(u *Unit, key string) weir.Setting {
	var last weir.Setting
	for _, s := range facts[weir.Setting](u) {
		if s.Key == key && s.Value != "" {
			last = s
		}
	}
	return last
}

// lastPart gives what follows the last dot of a key that is no index.
func lastPart(key string) string {
	for {
		i := strings.LastIndexByte(key, '.')
		part := key[i+1:]
		if i < 0 || strings.Trim(part, "0123456789") != "" {
			return part
		}
		key = key[:i]
	}
}

// inFlavors splits a key of MLmodel that belongs to a flavour.
func inFlavors(key string) (flavor, rest string, ok bool) {
	rest, ok = strings.CutPrefix(key, "flavors.")
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, ".")
}

func (p *Pass) settingFinding(u *Unit, s weir.Setting, message string) weir.Finding {
	f := p.finding(u, s.At, message, s.Key+": "+s.Value)
	f.Line = s.Line
	return f
}

// pathKeys are the fields of flavours that MLflow joins to the model's folder and opens. model_code_path is not one of them: only its
// base name counts, and honest models have an absolute path there.
var pathKeys = set(`data model_path model_data pickled_model python_model saved_model_dir code model_binary path conda virtualenv
	loader_fn tools_data agent agent_data agent_primitive_data persist_dir model_file vocab_path custom_objects pipeline tokenizer
	feature_extractor image_processor processor checkpoint state_dict`)

var drive = weir.Pattern(`^[A-Za-z]:[\\/]`)

// leavesFolder says how a path that is joined to a folder leaves it; empty when it does not.
func leavesFolder(v string) string {
	v = strings.ReplaceAll(v, `\`, "/")
	switch {
	case strings.HasPrefix(v, "/"), drive().MatchString(v):
		return "is absolute"
	case weir.Climbs(v):
		return "climbs out of the model's folder"
	}
	return ""
}

func mlflowPath(p *Pass) {
	for _, u := range mlUnits(p, "mlflow", "mlflow-h2o") {
		for _, s := range facts[weir.Setting](u) {
			_, rest, flavor := inFlavors(s.Key)
			last := lastPart(s.Key)
			switch {
			case s.Key == "saved_input_example_info.artifact_path", s.Key == "model_file":
			case flavor && pathKeys[last] && !strings.HasPrefix(rest, "model_config."):
			default:
				continue
			}
			how := leavesFolder(s.Value)
			if how == "" {
				continue
			}
			message := fmt.Sprintf("the path %s, so loading the model opens a file outside its folder", how)
			if last == "code" {
				message = fmt.Sprintf("the path %s: loading the model puts that folder first on Python's path", how)
			}
			p.Report(p.settingFinding(u, s, message))
		}
	}
}

func yamlTag(p *Pass) {
	for _, u := range mlUnits(p, "mlflow", "mlflow-store", "mlflow-h2o", "mlflow-project", "mlflow-recipe", "mlflow-langchain", "conda-env", "python-env") {
		for _, s := range facts[weir.Setting](u) {
			if s.Key == "yaml.tag" {
				p.Report(p.settingFinding(u, s, "the file holds a YAML tag that makes a full loader create an object or call a function; MLflow's own loaders refuse it"))
				break
			}
		}
	}
}

func ambiguousYAML(p *Pass) {
	for _, u := range mlUnits(p, "mlflow", "mlflow-h2o", "mlflow-store") {
		for _, o := range facts[weir.Oddity](u) {
			if o.Kind == weir.OddDuplicate || o.Kind == weir.OddTrailing {
				p.Report(p.finding(u, o.At, "the file holds "+o.Detail+": Python takes the last one, others the first or none", o.Detail))
				break
			}
		}
	}
}

// sessionFile tells keys of ONNX Runtime's session configuration that make it write or load files (onnxruntime_session_options_config_keys.h);
// MLflow hands every entry of extra_session_config on.
var sessionFile = weir.Pattern(`(?i)file|path|prefix|profil|library|folder`)

func loadOption(p *Pass) {
	for _, u := range mlUnits(p, "mlflow") {
		for _, s := range facts[weir.Setting](u) {
			flavor, rest, ok := inFlavors(s.Key)
			option, onnx := strings.CutPrefix(rest, "onnx_session_options.extra_session_config.")
			switch {
			case !ok:
			case flavor == "onnx" && onnx && sessionFile().MatchString(option) && !isSwitch(s.Value):
				p.Report(p.settingFinding(u, s, fmt.Sprintf("loading the model sets %s of ONNX Runtime, which names a file or library of the model's choice", option)))
			case flavor == "python_function" && (rest == "predict_fn" || rest == "predict_stream_fn") && strings.HasPrefix(s.Value, "_"):
				p.Report(p.settingFinding(u, s, "predictions call an internal method of the loaded object"))
			}
		}
	}
}

// isSwitch reports whether a value only turns something on or off.
func isSwitch(v string) bool {
	switch strings.ToLower(v) {
	case "0", "1", "true", "false", "":
		return true
	}
	return false
}

func remoteCode(p *Pass) {
	for _, u := range mlUnits(p, "mlflow", "mlflow-langchain") {
		local := false
		for _, s := range facts[weir.Setting](u) {
			_, rest, _ := inFlavors(s.Key)
			local = local || rest == "model_binary"
		}
		for _, s := range facts[weir.Setting](u) {
			flavor, rest, _ := inFlavors(s.Key)
			last := lastPart(s.Key)
			switch {
			case (last == "trust_remote_code" || last == "allow_dangerous_deserialization") && strings.EqualFold(s.Value, "true"):
				f := p.settingFinding(u, s, fmt.Sprintf("the model asks its own loader for %s", last))
				f.Severity = weir.SeverityHigh
				p.Report(f)
			case rest == "source_model_name" && (flavor == "transformers" || flavor == "sentence_transformers") && !local:
				p.Report(p.settingFinding(u, s, "the weights are not in the folder: loading downloads this repository, with the code that it may hold"))
			}
		}
	}
}
