package rule

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"weir"
	"weir/internal/pyname"
)

// loaders are modules outside of MLflow that honest savers name as loader_module: Databricks' feature store (mlflow/pyfunc/__init__.py,
// _DATABRICKS_FS_LOADER_MODULE) and flavours that other projects publish.
var loaders = set(`databricks.feature_store.mlflow_model databricks.feature_engineering.mlflow_model databricks.ml_features.mlflow_model
	sktime.utils.mlflow_sktime aeon.utils.mlflow_aeon mlflavors`)

func isLoader(module string) bool {
	return module == "mlflow" || strings.HasPrefix(module, "mlflow.") || within(loaders, module)
}

const loaderKey = "flavors.python_function.loader_module"

// carriedCode is the code in a model's folder that MLflow puts on Python's path or runs.
type carriedCode struct {
	model   *Unit
	dirs    []string         // code folders, as their flavours name them
	sources map[string]*Unit // Python source, compiled Python and native libraries by path below the model's folder
	order   []string
	scripts []weir.Setting // model_code_path of each flavour
}

func codeOf(p *Pass) *carriedCode {
	u := modelFile(p)
	if u == nil {
		return nil
	}
	c := &carriedCode{model: u, sources: map[string]*Unit{}}
	for _, s := range facts[weir.Setting](u) {
		_, rest, ok := inFlavors(s.Key)
		switch {
		case !ok || s.Value == "":
		case rest == "code" && leavesFolder(s.Value) == "" && !slices.Contains(c.dirs, path.Clean(s.Value)):
			c.dirs = append(c.dirs, path.Clean(s.Value))
		case rest == "model_code_path":
			c.scripts = append(c.scripts, s)
		}
	}
	for i := range p.Units {
		o := &p.Units[i]
		if hasFormat(o, "python-source", "pyc") || isExtension(o.Member) {
			c.sources[o.Member] = o
			c.order = append(c.order, o.Member)
		}
	}
	return c
}

func isExtension(name string) bool {
	return strings.HasSuffix(name, ".so") || strings.HasSuffix(name, ".pyd") || strings.HasSuffix(name, ".dylib")
}

// find gives the file of a dotted module in one of the code folders; a folder without __init__.py is a package too (PEP 420).
func (c *carriedCode) find(module string) string {
	rel := strings.ReplaceAll(module, ".", "/")
	top, _, _ := strings.Cut(module, ".")
	for _, dir := range c.dirs {
		base := ""
		if dir != "." {
			base = dir + "/"
		}
		for _, name := range []string{base + rel + ".py", base + rel + "/__init__.py", base + rel + ".pyc"} {
			if c.sources[name] != nil {
				return name
			}
		}
		for _, name := range c.order {
			if strings.HasPrefix(name, base+top+"/") || name == base+top+".py" || isExtension(name) && strings.HasPrefix(name, base+rel+".") {
				return name
			}
		}
	}
	return ""
}

func loaderModule(p *Pass) {
	c := codeOf(p)
	if c == nil {
		return
	}
	s := setting(c.model, loaderKey)
	if s.Value == "" || isLoader(s.Value) || p.Trust(s.Value, "_load_pyfunc") {
		return
	}
	alone := len(p.Units) == 1 && len(c.dirs) > 0 // MLmodel without its folder: where the module lies cannot be seen
	switch {
	case c.find(s.Value) != "":
	case isStandard(s.Value):
		p.Report(p.settingFinding(c.model, s, fmt.Sprintf("loading the model imports %s of Python itself, which no model needs as its loader", s.Value)))
	case !alone:
		p.Report(p.settingFinding(c.model, s, fmt.Sprintf("loading the model imports %s, which is neither MLflow's nor in the model's folder: whoever owns that name where the model is loaded runs code", s.Value)))
	}
}

// modelCode makes one finding of all code that a model carries, with what the most telling of it does.
func modelCode(p *Pass) {
	c := codeOf(p)
	if c == nil {
		return
	}
	var says, shown []string
	at := weir.Setting{Line: 1}
	show := func(name string) {
		if u := c.sources[name]; u != nil && len(shown) < 3 {
			for _, code := range facts[weir.Code](u) {
				shown = append(shown, fmt.Sprintf("# %s\n%s", name, code.Text))
			}
		}
	}
	if s := setting(c.model, loaderKey); s.Value != "" && !isLoader(s.Value) {
		file := c.find(s.Value)
		if file != "" || len(p.Units) == 1 && len(c.dirs) > 0 && !isStandard(s.Value) {
			at = s
			says = append(says, fmt.Sprintf("imports %s from the model's code folder", s.Value))
			show(file)
		}
	}
	for _, s := range c.scripts {
		name := path.Base(strings.ReplaceAll(s.Value, `\`, "/"))
		if text := "runs " + name; !slices.Contains(says, text) {
			says, at = append(says, text), s
			show(name)
		}
	}
	if n := len(c.order); n > 0 && len(says) == 0 {
		says = append(says, fmt.Sprintf("can import the %s that lie in its folder", files(n)))
		show(c.order[0])
	}
	if len(says) == 0 {
		return
	}
	f := p.finding(c.model, 0, "loading the model "+strings.Join(says, " and "), strings.Join(shown, "\n"))
	f.Line = at.Line
	if f.Evidence == "" {
		f.Evidence = at.Key + ": " + at.Value
	}
	p.Report(f)
}

func files(n int) string {
	if n == 1 {
		return "Python file"
	}
	return fmt.Sprintf("%d Python files", n)
}

// entries are functions that MLflow, its flavours or Python call when a model is loaded; predictions those of every use.
var (
	entries     = set(`_load_pyfunc load_context load_model _load_model load __init__ __new__ __init_subclass__ __set_name__ __setstate__ __reduce__ __call__ __del__ __getattr__ __class_getitem__ __prepare__`)
	predictions = set(`predict predict_stream predict_proba transform invoke stream batch _call __call__ ainvoke apredict`)
)

// clients are modules of ofSystem that a model may use to answer a request; what counts of them is use while it is loaded.
var clients = set(`requests httpx aiohttp urllib urllib2 urllib3 http.client httplib ssl xmlrpc xmlrpclib socket _socket asyncio.subprocess multiprocessing.popen_fork`)

// everydaySystem are names of ofSystem that honest code uses on files of its own.
var everydaySystem = set(`os.remove os.unlink os.rmdir os.removedirs os.rename os.renames os.replace os.chmod os.truncate os.symlink os.link os.putenv
	shutil.rmtree shutil.move shutil.copytree types.FunctionType socket.gethostname socket.getfqdn`)

// elsewhere tells arguments that name a file at a fixed place outside of the model.
var elsewhere = weir.Pattern(`^(?:'/|'~|'[A-Za-z]:|os\.path\.expanduser|expanduser|Path\.home|pathlib\.Path\.home)`)

// disguised tells arguments that are put together so that nobody reads them.
var disguised = weir.Pattern(`chr\(|b64decode|fromhex|decode\(|\[::-|\.join\(|zlib\.|rot`)

// modelSystemCall reports code of a model that starts processes, evaluates text or opens connections while it is loaded or used.
func modelSystemCall(p *Pass) {
	c := codeOf(p)
	if c == nil {
		return
	}
	runs := c.reached()
	j := judging{names: p.Names, trust: p.Trust}
	for _, name := range c.order {
		u := c.sources[name]
		var lines []string
		first := weir.Call{}
		for _, call := range facts[weir.Call](u) {
			if when := runs.when(call); when != "" && systemUse(&j, call, when) {
				if len(lines) == 0 {
					first = call
				}
				if len(lines) < maxListed {
					lines = append(lines, fmt.Sprintf("%s(%s)", call.Callee, strings.Join(call.Args, ", ")))
				}
			}
		}
		for _, code := range facts[weir.Code](u) {
			if code.Language == "native" {
				lines = append(lines, "native library")
			}
			if isBytecode(code) {
				reached, _ := j.reaches(code.Calls, executes)
				lines = append(lines, reached...)
			}
		}
		if len(lines) > 0 {
			f := p.finding(u, first.At, fmt.Sprintf("%s, which MLflow runs when the model is loaded or used, reaches the system", path.Base(name)), strings.Join(lines, "\n"))
			f.Line = first.Line
			p.Report(f)
		}
	}
}

// reachable says which functions run at load and which at use, by their names.
type reachable struct{ load, use map[string]bool }

// reached follows calls by name from what MLflow calls, over all files of the model.
func (c *carriedCode) reached() reachable {
	r := reachable{map[string]bool{}, map[string]bool{}}
	calls := map[string][]string{} // function → last parts of what it calls
	for _, name := range c.order {
		for _, call := range facts[weir.Call](c.sources[name]) {
			fn := call.Func[strings.LastIndexByte(call.Func, '.')+1:]
			if call.Auto {
				fn = ""
			}
			calls[fn] = append(calls[fn], call.Callee[strings.LastIndexByte(call.Callee, '.')+1:])
		}
	}
	grow := func(into map[string]bool, roots map[string]bool) {
		var todo []string
		for fn := range calls {
			if fn == "" || roots[fn] {
				todo = append(todo, fn)
			}
		}
		for len(todo) > 0 {
			fn := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if into[fn] {
				continue
			}
			into[fn] = true
			for _, callee := range calls[fn] {
				if _, own := calls[callee]; own && !into[callee] {
					todo = append(todo, callee)
				}
			}
		}
	}
	grow(r.load, entries)
	grow(r.use, predictions)
	return r
}

// when says whether a call runs at "load" or at "use"; empty when nothing is seen to run it.
func (r reachable) when(c weir.Call) string {
	fn := c.Func[strings.LastIndexByte(c.Func, '.')+1:]
	switch {
	case c.Auto, r.load[fn]:
		return "load"
	case r.use[fn]:
		return "use"
	}
	return ""
}

func systemUse(j *judging, c weir.Call, when string) bool {
	obj := j.codeName(c.Callee)
	args := strings.Join(c.Args, ", ")
	name := dotted(obj.Module, obj.Name)
	switch {
	case c.Callee == "__import__" || c.Callee == "importlib.import_module" || c.Callee == "getattr":
		return disguised().MatchString(args)
	case everydaySystem[name], name == "builtins.open", name == "io.open", name == "_io.open":
		return elsewhere().MatchString(args) && (everydaySystem[name] || regexpWrite().MatchString(args))
	case executes(obj):
		return true
	case when == "load":
		return within(clients, obj.Module) && ofSystem(obj) || within(clients, c.Callee) && sends(c.Callee)
	}
	return false
}

var regexpWrite = weir.Pattern(`'[rwxab+t]*[wax+][rwxab+t]*'`)

// sends reports whether a function of an HTTP client sends a request by itself.
func sends(callee string) bool {
	switch callee[strings.LastIndexByte(callee, '.')+1:] {
	case "get", "post", "put", "patch", "head", "delete", "request", "urlopen", "urlretrieve", "create_connection", "connect", "socket", "HTTPConnection", "HTTPSConnection":
		return true
	}
	return false
}

// executes reports whether a call runs a process, text as code or native code.
func executes(obj pyname.Object) bool {
	name := dotted(obj.Module, obj.Name)
	return ofSystem(obj) && !within(clients, obj.Module) && !everydaySystem[name]
}

// libraries are names that an honest code folder leaves to what is installed: MLflow's own imports, its flavours', and of Python's those
// that every program imports.
var libraries = set(`mlflow numpy pandas scipy sklearn xgboost lightgbm catboost statsmodels pmdarima torch torchvision tensorflow keras onnx onnxruntime
	spacy h2o pyspark langchain langchain_core langchain_community openai transformers sentence_transformers llama_index fastai prophet diviner shap
	paddle dspy yaml cloudpickle joblib skops jinja2 requests urllib3 google pydantic pyarrow click git packaging dill psutil matplotlib
	sitecustomize usercustomize
	os sys io re json abc ast csv copy time math uuid zlib gzip pickle struct socket ssl subprocess shutil tempfile threading typing warnings weakref
	inspect importlib logging hashlib base64 functools itertools collections contextlib dataclasses datetime pathlib random string traceback`)

func shadowedModule(p *Pass) {
	c := codeOf(p)
	if c == nil {
		return
	}
	done := map[string]bool{}
	for _, file := range c.order {
		for _, dir := range c.dirs {
			rel, ok := strings.CutPrefix(file, dir+"/")
			if dir == "." {
				rel, ok = file, true
			}
			top, rest, nested := strings.Cut(rel, "/")
			if !ok || nested && rest != "__init__.py" && rest != "__init__.pyc" {
				continue
			}
			top, _, _ = strings.Cut(top, ".")
			if libraries[top] && !done[top] {
				done[top] = true
				p.Report(p.finding(c.sources[file], 0, fmt.Sprintf("the model's code folder comes first on Python's path, so importing %s runs this file", top), file))
			}
		}
	}
}

// classFields are fields that MLflow imports, with the modules that belong there.
var classFields = map[string]map[string]bool{
	"xgboost.model_class":     set("xgboost"),
	"lightgbm.model_class":    set("lightgbm"),
	"spark.model_class":       set("pyspark"),
	"tensorflow.keras_module": set("tensorflow.keras tensorflow.python.keras tensorflow._api.v2 keras tf_keras"),
	"keras.keras_module":      set("tensorflow.keras tensorflow.python.keras tensorflow._api.v2 keras tf_keras"),
	"diviner.model_class":     set("diviner"),
}

// moduleFiles are the modules that honest savers write into pickle_module_info.txt and keras_module.txt.
var moduleFiles = set(`mlflow.pytorch.pickle_module pickle cloudpickle dill torch tensorflow.keras tensorflow.python.keras tensorflow._api.v2 keras tf_keras`)

func className(p *Pass) {
	for _, u := range mlUnits(p, "mlflow", "mlflow-module", "mlflow-llama-index") {
		for _, s := range facts[weir.Setting](u) {
			flavor, rest, _ := inFlavors(s.Key)
			belongs, ok := classFields[flavor+"."+rest]
			switch {
			case s.Key == "module" && hasFormat(u, "mlflow-module"):
				belongs = moduleFiles
			case lastPart(s.Key) == "object_constructor" && hasFormat(u, "mlflow-llama-index"):
				belongs = set("llama_index")
			case !ok:
				continue
			}
			value := strings.TrimSpace(s.Value)
			if value == "" || within(belongs, value) || p.Trust(value, "") {
				continue
			}
			f := p.settingFinding(u, s, fmt.Sprintf("loading the model imports %s, which does not belong in this field", value))
			if code := setting(u, "flavors."+flavor+".code"); code.Value != "" && !isStandard(value) && !p.Names.Path(value, 4).Dangerous() {
				f.Severity = weir.SeverityMedium // a class of the model's own code
				f.Message += "; it may lie in the model's code folder"
			}
			p.Report(f)
		}
	}
}

// frameworks are the top-level modules whose types a skops file of an honest model may ask to trust.
var frameworks = set(`sklearn numpy scipy pandas xgboost lightgbm catboost imblearn quantile_forest statsmodels category_encoders mlxtend sksurv skops
	lifelines interpret hdbscan umap pyod feature_engine sktime aeon skorch cuml`)

func trustedTypes(p *Pass) {
	for _, u := range mlUnits(p, "mlflow") {
		for _, s := range facts[weir.Setting](u) {
			if _, rest, ok := inFlavors(s.Key); !ok || !strings.HasPrefix(rest, "skops_trusted_types") || s.Value == "" {
				continue
			}
			obj := p.Names.Path(s.Value, 4)
			// A type with a power is safe in a pickle only with a state that was looked at; here nobody looks.
			const runs = pyname.Execute | pyname.Importing
			harmless := isStandard(s.Value) && obj.Safe != 0 && obj.Power&^pyname.Apply == 0 || within(frameworks, s.Value) && !obj.Dangerous() && obj.Power&runs == 0
			if !harmless && !p.Trust(s.Value, "") {
				p.Report(p.settingFinding(u, s, fmt.Sprintf("the model tells its own loader to trust %s, which is no type of a framework: loading may create or call it", s.Value)))
			}
		}
	}
}
