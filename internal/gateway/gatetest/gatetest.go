// Package gatetest starts the real servers that the gate protects, and the gate itself as a program, for tests: each on a free loopback
// port, in a temporary folder of its own, ended with the test.
//
// Start with [MLflow], [H2O] and [NewGate]. A package that uses one server for many tests runs them through [Main] and asks [Shared]. What is not
// installed fails the test and says which command installs it; nothing is skipped.
package gatetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server is a running program that listens on loopback.
type Server struct {
	URL     string // http://127.0.0.1:PORT
	Port    int
	Dir     string // its temporary folder; MLflow keeps mlflow.db and artifacts/ there
	Version string
	Log     string // the file with what it printed

	cmd  *exec.Cmd
	hold io.Closer     // closing it ends the program
	done chan struct{} // closed when it has ended
}

// Option changes how a server is started.
type Option func(*settings)

type settings struct {
	args []string
	env  []string
	dir  string
}

// Args adds arguments to the server's command line.
func Args(args ...string) Option { return func(s *settings) { s.args = append(s.args, args...) } }

// Env adds variables, each "NAME=value", to the server's environment.
func Env(pairs ...string) Option { return func(s *settings) { s.env = append(s.env, pairs...) } }

// Dir starts the server in an existing folder, to go on with what an earlier one left there; it is not removed at the end.
func Dir(dir string) Option { return func(s *settings) { s.dir = dir } }

// MLflow starts `mlflow server` of a version for one test: a SQLite store and artifacts through the server. "new" is the newest.
func MLflow(t testing.TB, version string, opts ...Option) *Server {
	t.Helper()
	return forTest(t, func() (*Server, error) { return StartMLflow(version, opts...) })
}

// H2O starts a one-node H2O of a version for one test, with 1 GiB of memory.
func H2O(t testing.TB, version string, opts ...Option) *Server {
	t.Helper()
	return forTest(t, func() (*Server, error) { return StartH2O(version, opts...) })
}

func forTest(t testing.TB, start func() (*Server, error)) *Server {
	t.Helper()
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of what %s printed:\n%s", s.URL, s.Tail(4000))
		}
		s.Stop()
	})
	return s
}

// StartMLflow is [MLflow] without a test; the caller stops the server.
func StartMLflow(version string, opts ...Option) (*Server, error) {
	python, err := Interpreter("gate-mlflow-" + version)
	if err != nil {
		return nil, err
	}
	s, err := start(version, "/health", opts, func(s *Server, o *settings) *exec.Cmd {
		args := []string{"-W", "ignore", "-c", "from mlflow.cli import cli; cli()", "server", "--host", "127.0.0.1", "--port", fmt.Sprint(s.Port),
			"--workers", "1", "--artifacts-destination", filepath.Join(s.Dir, "artifacts")}
		if !strings.Contains(strings.Join(o.args, " "), "--backend-store-uri") {
			args = append(args, "--backend-store-uri", "sqlite:///"+filepath.Join(s.Dir, "mlflow.db"))
		}
		if strings.HasPrefix(version, "1.") { // serving artifacts is the default from 2.0 on
			args = append(args, "--serve-artifacts")
		}
		cmd := exec.Command(python, append(args, o.args...)...)
		// The venv's bin stands first: mlflow calls gunicorn and uvicorn by name. No worker phones home, none is killed because the machine is
		// busy, and the processes for jobs, which double the time to start, are there only when a test's own Env asks for them.
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(python)+":"+os.Getenv("PATH"), "MLFLOW_DISABLE_TELEMETRY=true", "DO_NOT_TRACK=true",
			"PYTHONWARNINGS=ignore", "GIT_PYTHON_REFRESH=quiet", "HOME="+s.Dir, "GUNICORN_CMD_ARGS=--timeout 300", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false")
		return cmd
	})
	if err != nil {
		return nil, err
	}
	// The first request that needs the store imports half of SQLAlchemy: many seconds on a busy machine. No test should pay for that.
	client := &http.Client{Timeout: 5 * time.Minute}
	if r, err := client.Get(s.URL + "/api/2.0/mlflow/experiments/get?experiment_id=0"); err == nil {
		r.Body.Close()
	}
	return s, nil
}

// driver is a JDBC driver on H2O's class path, as everybody has one who imports tables: that of the database H2, of Debian's libh2-java.
const driver = "/usr/share/java/h2.jar"

// openings are what the manifest of h2o.jar opens when it is started by -jar.
func openings() (args []string) {
	for _, p := range []string{"java.lang", "java.util", "java.lang.reflect"} {
		args = append(args, "--add-opens", "java.base/"+p+"=ALL-UNNAMED")
	}
	return args
}

// StartH2O is [H2O] without a test; the caller stops the server.
func StartH2O(version string, opts ...Option) (*Server, error) {
	jars, err := filepath.Glob(filepath.Join(cacheDir(), "venv", "h2o-"+version, "lib", "python3*", "site-packages", "h2o", "backend", "bin", "h2o.jar"))
	if err != nil || len(jars) == 0 {
		return nil, fmt.Errorf("gatetest: H2O %s is not installed: run testdata/gate/setup.sh all", version)
	}
	if _, err := os.Stat(driver); err != nil {
		return nil, fmt.Errorf("gatetest: H2O's JDBC driver is not installed: run testdata/gate/setup.sh ci: %w", err)
	}
	return start(version, "/3/Cloud", opts, func(s *Server, o *settings) *exec.Cmd {
		args := append(openings(), "-Xmx1g", "-cp", jars[0]+":"+driver, "water.H2OApp", "-ip", "127.0.0.1", "-web_ip", "127.0.0.1", "-port", fmt.Sprint(s.Port), "-nthreads", "2",
			"-name", fmt.Sprintf("gatetest-%d-%d", os.Getpid(), s.Port), "-ice_root", filepath.Join(s.Dir, "ice"), "-log_level", "WARN")
		cmd := exec.Command("java", append(args, o.args...)...)
		cmd.Env = os.Environ()
		return cmd
	})
}

// Start runs any other program as a server: make gets the folder and the free port and gives the command, which is up once health answers with
// less than 500.
func Start(t testing.TB, health string, make func(s *Server) *exec.Cmd, opts ...Option) *Server {
	t.Helper()
	return forTest(t, func() (*Server, error) {
		return start("", health, opts, func(s *Server, _ *settings) *exec.Cmd { return make(s) })
	})
}

// start tries a few ports, since another program may take a free one before the server does.
func start(version, health string, opts []Option, command func(*Server, *settings) *exec.Cmd) (*Server, error) {
	var o settings
	for _, opt := range opts {
		opt(&o)
	}
	var err error
	for range 3 {
		var s *Server
		if s, err = startOnce(version, health, &o, command); err == nil {
			return s, nil
		}
	}
	return nil, err
}

func startOnce(version, health string, o *settings, command func(*Server, *settings) *exec.Cmd) (*Server, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	s := &Server{URL: fmt.Sprintf("http://127.0.0.1:%d", port), Port: port, Version: version, Dir: o.dir, done: make(chan struct{})}
	own := s.Dir == ""
	if own {
		if s.Dir, err = os.MkdirTemp("", "gatetest-"); err != nil {
			return nil, err
		}
	}
	s.Log = filepath.Join(s.Dir, "server.log")
	if err := s.launch(command(s, o), o.env, own); err != nil {
		return nil, err
	}
	if err := s.await(health); err != nil {
		tail := s.Tail(2000)
		s.Stop()
		return nil, fmt.Errorf("%w; the end of what it printed:\n%s", err, tail)
	}
	return s, nil
}

// guard runs a program in its own process group and ends the whole group when its standard input closes, which happens too when the test dies.
const guard = `("$@" </dev/null; kill -9 -$$) & cat > /dev/null; kill -15 -$$ 2> /dev/null; sleep 5; kill -9 -$$`

func (s *Server) launch(cmd *exec.Cmd, env []string, own bool) error {
	if cmd.Err != nil {
		return fmt.Errorf("gatetest: %w", cmd.Err)
	}
	log, err := os.Create(s.Log)
	if err != nil {
		return err
	}
	defer log.Close()
	c := exec.Command("sh", append([]string{"-c", "trap : TERM; " + guard, "sh", cmd.Path}, cmd.Args[1:]...)...)
	c.Env, c.Dir = append(cmd.Env, env...), cmd.Dir
	if c.Dir == "" {
		c.Dir = s.Dir
	}
	c.Stdout, c.Stderr = log, log
	ownGroup(c)
	in, err := c.StdinPipe()
	if err != nil {
		return err
	}
	s.hold, s.cmd = in, c
	if err := c.Start(); err != nil {
		return err
	}
	go func() {
		c.Wait() // it is always a kill; the log has the reason
		if own {
			os.RemoveAll(s.Dir)
		}
		close(s.done)
	}()
	return nil
}

// await polls until the server answers; old MLflows migrate their database first, which takes seconds and, on a busy machine, minutes.
func (s *Server) await(health string) error {
	client := &http.Client{Timeout: 5 * time.Second}
	end := time.Now().Add(6 * time.Minute)
	for time.Now().Before(end) {
		select {
		case <-s.done:
			return fmt.Errorf("gatetest: the server %s ended before it listened", s.Version)
		case <-time.After(100 * time.Millisecond):
		}
		r, err := client.Get(s.URL + health)
		if err != nil {
			continue
		}
		r.Body.Close()
		if r.StatusCode < 500 {
			return nil
		}
	}
	return fmt.Errorf("gatetest: the server %s does not answer at %s", s.Version, s.URL+health)
}

// Stop ends the server and all that it started, and waits for that. It may be called twice.
func (s *Server) Stop() {
	s.hold.Close()
	select {
	case <-s.done:
	case <-time.After(15 * time.Second):
		killGroup(s.cmd)
		<-s.done
	}
}

// Kill ends the server and all that it started with SIGKILL: nothing is written any more.
func (s *Server) Kill() {
	killGroup(s.cmd)
	<-s.done
}

// Done is closed when the server has ended, by whatever cause.
func (s *Server) Done() <-chan struct{} { return s.done }

// Tail gives the last bytes of what the server printed.
func (s *Server) Tail(n int64) string {
	f, err := os.Open(s.Log)
	if err != nil {
		return ""
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Size() > n {
		f.Seek(-n, io.SeekEnd)
	}
	b, _ := io.ReadAll(io.LimitReader(f, n))
	return string(b)
}

// FreePort finds a loopback port that was free a moment ago, and the one after it too, which H2O wants.
func FreePort() (int, error) {
	for range 50 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := l.Addr().(*net.TCPAddr).Port
		next, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1))
		l.Close()
		if err == nil {
			next.Close()
			return port, nil
		}
	}
	return 0, fmt.Errorf("gatetest: there are no two free ports in a row")
}

// Interpreter finds a venv's Python below .cache/venv.
func Interpreter(venv string) (string, error) {
	p := filepath.Join(cacheDir(), "venv", venv, "bin", "python")
	if _, err := os.Stat(p); err != nil {
		return "", fmt.Errorf("gatetest: the environment %q is not installed: run testdata/gate/setup.sh all", venv)
	}
	return p, nil
}

// Python runs a script in a venv with variables added to the environment and gives what it printed; a failure fails the test with the output.
// It runs in a fresh folder, for ten minutes at most.
func Python(t testing.TB, venv, script string, env ...string) string {
	t.Helper()
	python, err := Interpreter(venv)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, python, "-W", "ignore", "-")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(script), &stdout, &stderr
	cmd.Dir = t.TempDir()
	cmd.Env = append(append(os.Environ(), "MLFLOW_DISABLE_TELEMETRY=true", "DO_NOT_TRACK=true", "GIT_PYTHON_REFRESH=quiet", "HOME="+cmd.Dir), env...)
	if err := cmd.Run(); err != nil {
		t.Fatalf("python of %s: %v\n%s\n%s", venv, err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// Root is the folder of the module, found from the test's own.
func Root() string {
	rootOnce.Do(func() {
		dir, err := os.Getwd()
		for err == nil && dir != filepath.Dir(dir) {
			if _, e := os.Stat(filepath.Join(dir, "go.mod")); e == nil && filepath.Base(filepath.Dir(dir)) != "bench" {
				root = dir
				return
			}
			dir = filepath.Dir(dir)
		}
		panic("gatetest: there is no go.mod above the current folder")
	})
	return root
}

var (
	rootOnce sync.Once
	root     string
)

func cacheDir() string { return filepath.Join(Root(), ".cache") }
