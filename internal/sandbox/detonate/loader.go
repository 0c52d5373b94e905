package detonate

import (
	"archive/zip"
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
	{"tensorflow-graph", Loader{Kind: "tensorflow-graph", Framework: "TensorFlow"}},
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

// For chooses the loader of a model: by what the scan recognised it as, and by its content where the scan does not know the format. file is the
// model, a file or a folder.
func For(file string, formats []string) (Loader, bool) {
	for _, l := range loaders {
		if slices.Contains(formats, l.format) {
			if l.Kind == "pickle" && compressed(file) {
				return Named("joblib")
			}
			return l.Loader, true
		}
	}
	if kind := sniff(file); kind != "" {
		return Named(kind)
	}
	if compressed(file) {
		return Named("joblib")
	}
	return Loader{}, false
}

// compressed reports whether a file begins as those do that joblib writes with compress=, and undoes by itself when it loads them.
func compressed(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 6)
	n, _ := io.ReadFull(f, head)
	for _, magic := range []string{"\x78", "\x1f\x8b", "BZh", "\xfd7zXZ", "\x5d\x00\x00", "\x04\x22\x4d\x18"} {
		if bytes.HasPrefix(head[:n], []byte(magic)) {
			return true
		}
	}
	return false
}

// sniff recognises by content what the scan has no format for, and folders by the file that makes them a model. Only ONNX, which begins as any
// message of Protocol Buffers may, needs its name for it.
func sniff(file string) string {
	if fi, err := os.Stat(file); err == nil && fi.IsDir() {
		for _, m := range [][2]string{{"MLmodel", "mlflow"}, {"saved_model.pb", "savedmodel"}, {".metadata", "torch-distributed"}, {"bundle.json", "mleap"}} {
			if _, err := os.Stat(filepath.Join(file, m[0])); err == nil {
				return m[1]
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
	switch {
	case bytes.HasPrefix(head, []byte("\x89HDF\r\n\x1a\n")):
		return "keras"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return sniffZip(f)
	case bytes.HasPrefix(head, []byte("tree\nversion=")):
		return "lightgbm"
	case bytes.HasPrefix(head, []byte("CBM1")):
		return "catboost"
	case len(head) > 1 && head[0] == '{' && bytes.Contains(head, []byte("learner")):
		return "xgboost"
	case len(head) > 1 && head[0] == 0x08 && strings.EqualFold(path.Ext(file), ".onnx"): // field 1, the version of ONNX's format
		return "onnx"
	}
	return ""
}

// sniffZip knows what lies at the root of Keras' and skops' archives.
func sniffZip(f *os.File) string {
	fi, err := f.Stat()
	if err != nil {
		return ""
	}
	z, err := zip.NewReader(f, fi.Size())
	if err != nil {
		return ""
	}
	has := map[string]bool{}
	for _, m := range z.File {
		has[m.Name] = true
	}
	switch {
	case has["config.json"] && has["metadata.json"]:
		return "keras"
	case has["schema.json"]:
		return "skops"
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
