package detonate

import (
	"bytes"
	"io"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"weir"
)

// Loader is one way to load a model.
type Loader struct {
	Kind      string // what load.py calls it
	Framework string // for people
	Java      bool   // Load.java does it, not load.py
	Loopback  bool   // it starts a server of the framework's own inside
}

// loaders by the format that the scan recognised, the telling ones first: a zip that is a checkpoint is both.
var loaders = []struct {
	format string
	Loader
}{
	{"mlflow", Loader{Kind: "mlflow", Framework: "MLflow"}},
	{"torchscript", Loader{Kind: "torchscript", Framework: "PyTorch"}},
	{"torch-package", Loader{Kind: "torch-package", Framework: "PyTorch"}},
	{"torch-export", Loader{Kind: "torch-export", Framework: "PyTorch"}},
	{"torch-distributed", Loader{Kind: "torch-distributed", Framework: "PyTorch"}},
	{"torch-distcp", Loader{Kind: "torch", Framework: "PyTorch"}},
	{"torch-zip", Loader{Kind: "torch", Framework: "PyTorch"}},
	{"torch-legacy", Loader{Kind: "torch", Framework: "PyTorch"}},
	{"torch-tar", Loader{Kind: "torch", Framework: "PyTorch"}},
	{"mleap-bundle", Loader{Kind: "mleap", Framework: "MLeap", Java: true}},
	{"h2o-binary", Loader{Kind: "h2o-binary", Framework: "H2O", Loopback: true}},
	{"h2o-mojo", Loader{Kind: "h2o-mojo", Framework: "H2O", Loopback: true}},
	{"h2o-pojo", Loader{Kind: "h2o-mojo", Framework: "H2O", Loopback: true}},
	{"tensorflow-savedmodel", Loader{Kind: "savedmodel", Framework: "TensorFlow"}},
	{"npy", Loader{Kind: "numpy", Framework: "NumPy"}},
	{"npz", Loader{Kind: "numpy", Framework: "NumPy"}},
	{"joblib", Loader{Kind: "joblib", Framework: "joblib"}},
	{"joblib-z", Loader{Kind: "joblib", Framework: "joblib"}},
	{"pickle", Loader{Kind: "pickle", Framework: "pickle"}},
}

// named are loaders that can be asked for by name, besides those of formats.
var named = []Loader{
	{Kind: "keras", Framework: "Keras"}, {Kind: "onnx", Framework: "ONNX Runtime"}, {Kind: "skops", Framework: "skops"}, {Kind: "xgboost", Framework: "XGBoost"},
	{Kind: "lightgbm", Framework: "LightGBM"}, {Kind: "catboost", Framework: "CatBoost"},
}

// Kinds lists the loaders by name.
func Kinds() []string {
	var out []string
	for _, l := range loaders {
		out = append(out, l.Kind)
	}
	for _, l := range named {
		out = append(out, l.Kind)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Named gives the loader of that name.
func Named(kind string) (Loader, bool) {
	for _, l := range loaders {
		if l.Kind == kind {
			return l.Loader, true
		}
	}
	for _, l := range named {
		if l.Kind == kind {
			return l, true
		}
	}
	return Loader{}, false
}

// For chooses the loader of a model: by its content where the scan does not know the format, else by what the scan recognised it as.
// file is the model, a file or a folder.
func For(file string, formats []string) (Loader, bool) {
	if kind := sniff(file); kind != "" {
		return Named(kind)
	}
	for _, l := range loaders {
		if slices.Contains(formats, l.format) {
			return l.Loader, true
		}
	}
	// A pickle that a compressor holds is what joblib writes with compress=.
	if slices.ContainsFunc(formats, func(f string) bool { return slices.Contains([]string{"zlib", "gzip", "bzip2", "xz", "lzma", "lz4"}, f) }) {
		return Named("joblib")
	}
	return Loader{}, false
}

// sniff recognises what the scan has no format for, and SavedModel folders and sets of joblib by their names.
func sniff(file string) string {
	if fi, err := os.Stat(file); err == nil && fi.IsDir() {
		for name, kind := range map[string]string{"MLmodel": "mlflow", "saved_model.pb": "savedmodel", ".metadata": "torch-distributed"} {
			if _, err := os.Stat(filepath.Join(file, name)); err == nil {
				return kind
			}
		}
		return ""
	}
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, _ := io.ReadFull(f, head)
	head = head[:n]
	ext := strings.ToLower(path.Ext(file))
	switch {
	case bytes.HasPrefix(head, []byte("\x89HDF\r\n\x1a\n")):
		return "keras"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")) && (ext == ".keras" || bytes.Contains(head, []byte("metadata.json{\"keras_version\""))):
		return "keras"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")) && ext == ".skops":
		return "skops"
	case bytes.HasPrefix(head, []byte("tree\nversion=")):
		return "lightgbm"
	case bytes.HasPrefix(head, []byte("CBM1")):
		return "catboost"
	case len(head) > 1 && head[0] == '{' && bytes.Contains(head, []byte("learner")):
		return "xgboost"
	case len(head) > 1 && head[0] == 0x08 && ext == ".onnx": // field 1, the version of ONNX's format
		return "onnx"
	}
	return ""
}

// own gives a function that knows what the loader itself does beside the load: it starts H2O's server, once, and speaks to it on the loopback
// of its own network. Everything else is the model's doing.
func (l Loader) own() func(weir.Behaviour) bool {
	if !l.Loopback {
		return func(weir.Behaviour) bool { return false }
	}
	started := map[string]bool{}
	return func(b weir.Behaviour) bool {
		switch {
		case b.Act == weir.ActExec, b.Act == weir.ActPython && strings.HasPrefix(b.Call, "subprocess."):
			if path.Base(b.Target) != "java" || b.Act == weir.ActExec && !slices.Contains(b.Args, "water.H2OApp") || started[b.Source] {
				return false
			}
			started[b.Source] = true
			return true
		case b.Act == weir.ActConnect || b.Act == weir.ActListen || b.Act == weir.ActResolve:
			return loopback(b.Target)
		}
		return false
	}
}

func loopback(target string) bool {
	if target == "localhost" || strings.HasPrefix(target, "localhost:") {
		return true
	}
	if a, err := netip.ParseAddrPort(target); err == nil {
		return a.Addr().Unmap().IsLoopback()
	}
	a, err := netip.ParseAddr(target)
	return err == nil && a.Unmap().IsLoopback()
}
