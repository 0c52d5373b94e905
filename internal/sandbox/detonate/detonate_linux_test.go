package detonate

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir"
)

// bareRoom runs a job as a plain process in its throwaway folder, which is its home too, with bounds set from outside. It keeps nothing in: the
// models below are harmless, they write a canary into the folder where they are loaded, and that must be seen there.
func bareRoom(t *testing.T) Room {
	return func(ctx context.Context, j Job, _ func(weir.Behaviour)) error {
		home := t.TempDir()
		for name, text := range j.Plant {
			p := filepath.Join(home, name)
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(p, text, 0o600); err != nil {
				return err
			}
		}
		ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
		defer stop()
		c := exec.CommandContext(ctx, "prlimit", append([]string{"--fsize=1000000000", "--core=0", "--cpu=110"}, j.Argv...)...)
		c.Dir, c.Stdout, c.Env = j.Dir, j.Stdout, []string{"HOME=" + home, "TMPDIR=" + home, "PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8"}
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		var said strings.Builder
		c.Stderr = &said
		c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
		c.WaitDelay = 5 * time.Second
		err := c.Run()
		if c.Process != nil {
			_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // what it left behind
		}
		var ended *exec.ExitError
		if errors.As(err, &ended) || errors.Is(err, exec.ErrWaitDelay) {
			if testing.Verbose() {
				t.Log(said.String())
			}
			return nil
		}
		return err
	}
}

const debian = "/usr/bin/python3"

// root is the checkout.
func root(t *testing.T, parts ...string) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(append([]string{dir}, parts...)...)
}

// interpreter is the Python of a venv that testdata/make/setup.sh makes, or Debian's.
func interpreter(t *testing.T, venv string) string {
	t.Helper()
	p := debian
	if venv != "debian" {
		p = root(t, ".cache", "venv", venv, "bin", "python")
	}
	if _, err := os.Stat(p); err != nil {
		t.Fatalf("%v: run testdata/make/setup.sh test (with WEIR_DETONATE_ALL: all)", err)
	}
	return p
}

// load is one model and what is expected of its load.
type load struct {
	venv    string
	file    string // below testdata; of a zip of MLflow's the folder in it is the model
	formats []string
	typ     string // part of the loaded object's type; "" for one that need not load
	used    string // how it predicts
}

// honest are models that load and predict; hostile ones write into the working folder.
var honest, hostile = []load{
	{"debian", "benign/torch/zip/module-linear.pt", []string{"zip", "torch-zip"}, "Linear", "forward [2, 2]"},
	{"debian", "benign/torch/zip/state-linear.pth", []string{"torch-zip"}, "OrderedDict", ""},
	{"debian", "benign/torch/tar/state.pt", []string{"tar", "torch-tar"}, "dict", ""},
	{"debian", "benign/torch/package/module.pt", []string{"torch-package", "zip"}, "", ""},
	{"models", "benign/sklearn/1.7/bagging.joblib", []string{"joblib"}, "BaggingClassifier", "predict [2]"},
}, []load{
	{"debian", "malicious/torch/zip-data-pkl.pt", []string{"torch-zip", "pickle"}, "", ""},
	{"debian", "malicious/torch/legacy-object.pt", []string{"torch-legacy"}, "", ""},
	{"debian", "malicious/torch/script-setstate-save.pt", []string{"torchscript"}, "", ""},
	{"debian", "malicious/joblib/delayed-call.pkl", []string{"pickle"}, "", ""},
	{"debian", "malicious/numpy/measure.pkl", []string{"joblib"}, "", ""},
}

// honestAll and hostileAll need the venvs of setup.sh all.
var honestAll, hostileAll = []load{
	{"models", "benign/xgboost/classifier.joblib.z", []string{"pickle"}, "XGBClassifier", "predict [2]"},
	{"models", "benign/xgboost/classifier.joblib", []string{"joblib"}, "XGBClassifier", "predict [2]"},
	{"models", "benign/xgboost/booster-p4.pkl", []string{"pickle"}, "Booster", "predict [2]"},
	{"models", "benign/lightgbm/classifier.joblib", []string{"joblib"}, "LGBMClassifier", "predict [2]"},
	{"mlflow3", "mlflow/benign/3.17/sklearn_pickle.zip", nil, "PyFuncModel", "predict [2]"},
	{"mlflow3", "mlflow/benign/3.17/xgboost_booster.zip", nil, "PyFuncModel", "predict [2]"},
	{"mlflow3", "mlflow/benign/3.17/lightgbm_classifier.zip", nil, "PyFuncModel", "predict [2]"},
	{"mlflow3", "mlflow/benign/3.17/onnx_model.zip", nil, "PyFuncModel", "predict [4, 1]"},
	{"mlflow3", "mlflow/benign/3.17/onnx_model.zip!/model.onnx", nil, "InferenceSession", "run"},
	{"mlflow3", "mlflow/benign/3.17/keras_model.zip!/data/model.keras", nil, "", "predict"},
	{"h2o-3.46.0.12", "benign/h2o/3.46.0.12/gbm.bin", []string{"h2o-binary"}, "H2OGradientBoostingEstimator", "predict [1, 3]"},
	{"java", "benign/mleap/0.20.0/dct-json.zip", []string{"zip", "mleap-bundle"}, "ml.combust.mleap", ""},
	{"java", "benign/mleap/0.20.0/deep_pipeline-pb.zip", []string{"zip", "mleap-bundle"}, "ml.combust.mleap", ""},
	{"h2o-3.46.0.12", "benign/h2o/mojo/gbm.mojo.zip", []string{"zip", "h2o-mojo"}, "H2OGenericEstimator", "predict"},
}, []load{
	{"mlflow3", "mlflow/malicious/pickle-sklearn.zip", nil, "", ""},
	{"mlflow3", "mlflow/malicious/loader-at-import.zip", nil, "", ""},
	{"mlflow3", "mlflow/malicious/pickle-keras-objects.zip", nil, "", ""},
	{"h2o-3.46.0.12", "malicious/h2o/pojo-static", []string{"h2o-pojo"}, "", ""},
}

func all() bool { return os.Getenv("WEIR_DETONATE_ALL") != "" }

// model gives the file or folder to load: what lies in a zip of MLflow's fixtures is unpacked.
func (l load) model(t *testing.T) string {
	t.Helper()
	name, member, _ := strings.Cut(l.file, "!/")
	p := root(t, "testdata", filepath.FromSlash(name))
	if fi, err := os.Stat(p); err != nil {
		t.Fatal(err)
	} else if fi.IsDir() {
		files, err := filepath.Glob(filepath.Join(p, "*.java"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no Java in %s", p)
		}
		return files[0]
	}
	if !strings.HasPrefix(name, "mlflow/") {
		return p
	}
	z, err := zip.OpenReader(p)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	dir := t.TempDir()
	model := ""
	for _, f := range z.File {
		to := filepath.Join(dir, filepath.FromSlash(f.Name))
		if !filepath.IsLocal(f.Name) || strings.HasSuffix(f.Name, "/") {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(io.LimitReader(r, 32<<20))
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o644); err != nil {
			t.Fatal(err)
		}
		if filepath.Base(to) == "MLmodel" && (model == "" || len(to) < len(model)) {
			model = to
		}
	}
	if model = filepath.Dir(model); member != "" {
		model = filepath.Join(model, filepath.FromSlash(member))
	}
	return model
}

func (l load) run(t *testing.T, model string) *Result {
	t.Helper()
	loader, ok := For(model, l.formats)
	if !ok {
		t.Fatalf("no loader for %s", model)
	}
	java, _ := exec.LookPath("java")
	q := Request{Model: model, Loader: loader, Java: java, Room: bareRoom(t)}
	if loader.Java {
		text, err := os.ReadFile(root(t, ".cache", "mleap", "cp-0.20.0.txt")) // written by testdata/make/mleap/run.sh
		if err != nil {
			t.Fatal(err)
		}
		q.Classpath = filepath.SplitList(strings.TrimSpace(string(text)))
	} else {
		q.Pythons = []string{interpreter(t, l.venv)}
	}
	r, err := Run(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %s; loaded %q, used %q, error %q, canary %s", r.Framework, r.Call, r.Type, r.Used, r.Error+r.Unused, r.Canary)
	return r
}

// TestHonestModels: real models load with their frameworks, predict, and leave the bait alone.
func TestHonestModels(t *testing.T) {
	cases := honest
	if all() {
		cases = append(cases, honestAll...)
	}
	for _, l := range cases {
		t.Run(l.file, func(t *testing.T) {
			r := l.run(t, l.model(t))
			if !r.Loaded() || !strings.Contains(r.Type, l.typ) || !strings.HasPrefix(r.Used, l.used) || r.Framework == "" || r.Call == "" {
				t.Errorf("%+v", r)
			}
			if a := Conclude(r, nil, nil); a != Quiet {
				t.Errorf("the answer is %q; the canary is %s", a, r.Canary)
			}
			if a := Conclude(r, []weir.Finding{{Severity: weir.SeverityHigh}}, nil); a != Refuted {
				t.Errorf("against a warning the answer is %q", a)
			}
		})
	}
}

// TestHostileModels: real attacks do with the real loaders what they do, and that is seen.
func TestHostileModels(t *testing.T) {
	cases := hostile
	if all() {
		cases = append(cases, hostileAll...)
	}
	for _, l := range cases {
		t.Run(l.file, func(t *testing.T) {
			r := l.run(t, l.model(t))
			if a := Conclude(r, []weir.Finding{{Severity: weir.SeverityCritical}}, nil); a != Confirmed {
				t.Errorf("the answer is %q; the canary is %s", a, r.Canary)
			}
			if a := Conclude(r, nil, nil); a != Unforeseen {
				t.Errorf("without a warning the answer is %q", a)
			}
		})
	}
}

// TestLambda: Keras models made here, with a Lambda layer that writes, in both of Keras' file formats.
func TestLambda(t *testing.T) {
	if !all() {
		return // Keras is in the venvs of setup.sh all only
	}
	const script = `
import os, sys
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
m = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: (__import__("builtins").open("weir-canary", "w").close(), x)[1], output_shape=(2,))])
m.save(sys.argv[1])
`
	for _, name := range []string{"lambda.keras", "lambda.h5"} {
		t.Run(name, func(t *testing.T) {
			model := filepath.Join(t.TempDir(), name)
			c := exec.CommandContext(t.Context(), interpreter(t, "mlflow3"), "-W", "ignore", "-c", script, model)
			c.Dir = t.TempDir()
			if out, err := c.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if r := (load{venv: "mlflow3"}).run(t, model); Conclude(r, nil, nil) != Unforeseen {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestNotReached: a load that fails before anything happened says nothing, and a framework that is not there is an error that names it.
func TestNotReached(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken.pt")
	if err := os.WriteFile(broken, []byte("PK\x03\x04 and nothing behind"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := load{venv: "debian", formats: []string{"torch-zip"}}.run(t, broken)
	if a := Conclude(r, []weir.Finding{{Severity: weir.SeverityCritical}}, nil); a != NotReached || r.Error == "" {
		t.Errorf("%q: %+v", a, r)
	}
	onnx, _ := Named("skops")
	_, err := Run(t.Context(), Request{Model: broken, Loader: onnx, Pythons: []string{debian}, Room: bareRoom(t)})
	if !errors.Is(err, ErrNoFramework) || !strings.Contains(err.Error(), debian+" has no skops") {
		t.Errorf("without the framework: %v", err)
	}
	mleap, _ := Named("mleap")
	if _, err := Run(t.Context(), Request{Model: broken, Loader: mleap, Java: "java", Room: bareRoom(t)}); !errors.Is(err, ErrNoFramework) {
		t.Errorf("without jars: %v", err)
	}
}

// TestForged: what a model writes where the loader speaks is not taken for the loader's word, and does not fill memory.
func TestForged(t *testing.T) {
	var r Result
	if absent := r.read([]byte("N:{\"stage\":\"missing\",\"name\":\"torch\"}\nM:{\"stage\":\"framework\",\"name\":\"torch\",\"version\":\"2\"}\nM:{bad\n"), "M:"); absent != "" || r.Framework != "torch 2" {
		t.Errorf("%q %+v", absent, r)
	}
	if r.Loaded() || r.Error == "" {
		t.Errorf("a load without an end: %+v", r)
	}
}

// TestInterpreters: a module that one interpreter lacks another may have; what the model did in the first is not forgotten, whatever it says.
func TestInterpreters(t *testing.T) {
	const call = `{"stage":"framework","name":"pickle","version":"3"}` + "\n" + `{"stage":"call","text":"pickle.load"}` + "\n"
	says := map[string]string{
		"none":   `{"stage":"missing","name":"torch"}`,
		"lacks":  call + `{"stage":"failed","error":"ModuleNotFoundError","lacks":"acme"}`,
		"forged": call + `{"stage":"missing","name":"torch"}`,
		"has":    call + `{"stage":"loaded","type":"dict"}`,
	}
	room := func(_ context.Context, j Job, watch func(weir.Behaviour)) error {
		_, nonce, _ := strings.Cut(j.Argv[len(j.Argv)-1], `"nonce":"`)
		nonce, _, _ = strings.Cut(nonce, `"`)
		if j.Argv[0] != "has" {
			watch(weir.Behaviour{Act: weir.ActExec, Target: j.Argv[0]})
		}
		for _, line := range strings.Split(says[j.Argv[0]], "\n") {
			if _, err := j.Stdout.WriteString(nonce + line + "\n"); err != nil {
				return err
			}
		}
		return nil
	}
	for _, c := range []struct {
		pythons []string
		python  string
		loaded  bool
		acts    int
	}{
		{[]string{"none", "has"}, "has", true, 0},
		{[]string{"lacks", "has"}, "has", true, 1},
		{[]string{"lacks", "none"}, "lacks", false, 1},
		{[]string{"lacks", "lacks"}, "lacks", false, 2},
		{[]string{"forged", "has"}, "forged", false, 1},
	} {
		l, _ := Named("pickle")
		r, err := Run(t.Context(), Request{Model: "/m.pkl", Loader: l, Pythons: c.pythons, Room: room})
		if err != nil || r.Python != c.python || r.Loaded() != c.loaded || len(r.Behaviours) != c.acts {
			t.Errorf("%v: %+v, %v", c.pythons, r, err)
		}
	}
}

// TestBait: whatever happens to the bait is seen.
func TestBait(t *testing.T) {
	for _, c := range []struct {
		want string
		do   func(dir string) error
	}{
		{"untouched", func(string) error { return nil }},
		{"changed", func(d string) error { return os.WriteFile(filepath.Join(d, canaryName), []byte("x"), 0o644) }},
		{"deleted", func(d string) error { return os.Remove(filepath.Join(d, canaryName)) }},
		{"joined by a, b", func(d string) error {
			return errors.Join(os.Mkdir(filepath.Join(d, "b"), 0o755), os.Symlink("/", filepath.Join(d, "a")))
		}},
	} {
		dir := t.TempDir()
		b, err := layBait(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.do(filepath.Join(dir, "work")); err != nil {
			t.Fatal(err)
		}
		if got := b.touched(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestOwn: of what H2O's loader does itself, only that is left out; a second Java is the model's.
func TestOwn(t *testing.T) {
	l, _ := Named("h2o-binary")
	own := l.own()
	start := weir.Behaviour{Act: weir.ActExec, Target: "/usr/bin/java", Args: []string{"java", "-cp", "h2o.jar", "water.H2OApp"}, Source: "kernel"}
	for _, c := range []struct {
		b    weir.Behaviour
		want bool
	}{
		{start, true},
		{start, false},
		{weir.Behaviour{Act: weir.ActExec, Target: "/bin/sh", Args: []string{"sh", "water.H2OApp"}, Source: "kernel"}, false},
		{weir.Behaviour{Act: weir.ActConnect, Target: "127.0.0.1:54321"}, true},
		{weir.Behaviour{Act: weir.ActConnect, Target: "[::ffff:127.0.0.1]:54321"}, true},
		{weir.Behaviour{Act: weir.ActConnect, Target: "192.0.2.1:80"}, false},
		{weir.Behaviour{Act: weir.ActConnect, Target: "localhost.example.org:80"}, false},
		{weir.Behaviour{Act: weir.ActResolve, Target: "localhost"}, true},
		{weir.Behaviour{Act: weir.ActRead, Target: "/home/weir/.aws/credentials"}, false},
	} {
		if got := own(c.b); got != c.want {
			t.Errorf("%+v: %v", c.b, got)
		}
	}
	torch, _ := Named("torch")
	if torch.own()(start) {
		t.Error("a checkpoint's Java is taken for the loader's")
	}
}

func TestNamed(t *testing.T) {
	for _, k := range Kinds() {
		l, ok := Named(k)
		if !ok || l.Kind != k || l.Framework == "" {
			t.Errorf("%s: %+v", k, l)
		}
		if f := "def load_" + strings.ReplaceAll(k, "-", "_") + "("; !l.Java && !l.Loopback && !strings.Contains(string(loadPython), f) {
			t.Errorf("load.py has no %s", f)
		}
	}
	if _, ok := Named("no-such"); ok || len(Kinds()) < 12 {
		t.Errorf("%v", Kinds())
	}
}
