package wire_test

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"weir/internal/gateway/gatetest"
)

// readPython has the requests that the upstream got read by the servers below MLflow: h11 and starlette (uvicorn), gunicorn, werkzeug.
func readPython(t *testing.T, file string, n int) {
	python, err := gatetest.Interpreter("gate-mlflow-new")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "testdata/readers.py", file).CombinedOutput()
	if want := "read " + strconv.Itoa(n) + " alike"; err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), want) {
		t.Errorf("want %q, got %v: %s", want, err, out)
	}
}

// readJava has them read by the Jetty that H2O carries.
func readJava(t *testing.T, file string, n int) {
	jars, err := filepath.Glob(filepath.Join(gatetest.Root(), ".cache", "venv", "h2o-3.46.0.12", "lib", "python3*", "site-packages", "h2o", "backend", "bin", "h2o.jar"))
	if err != nil || len(jars) == 0 {
		t.Fatalf("h2o.jar: %v, %v: run testdata/gate/setup.sh", jars, err)
	}
	out, err := exec.Command("java", "-Xmx256m", "-cp", jars[0], "testdata/Readers.java", file).CombinedOutput()
	if want := "read " + strconv.Itoa(n) + " alike"; err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), want) {
		t.Errorf("want %q, got %v: %s", want, err, out)
	}
}
