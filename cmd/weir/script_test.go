package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v4"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"weir": main})
}

// TestScripts runs every script of testdata/script against the real command line.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	action := actionScript(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			// Workers are tested by a script of their own; the others need no second process.
			e.Setenv("WEIR_ISOLATE", "off")
			e.Setenv("TMPDIR", filepath.Join(e.WorkDir, "tmp"))
			if err := os.Mkdir(filepath.Join(e.WorkDir, "tmp"), 0o755); err != nil {
				return err
			}
			for name, text := range map[string]string{
				"action.sh": action, "bad.pkl": "cos\nsystem\n(S'echo hello'\ntR.", "good.pkl": "\x80\x02}X\x07\x00\x00\x00weights]K\x01as.",
			} {
				if err := os.WriteFile(filepath.Join(e.WorkDir, name), []byte(text), 0o644); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":      cmdCode,
			"interrupt": cmdInterrupt,
			"jsonfield": cmdJSONField,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// actionScript gives the shell script with which action.yml scans.
func actionScript(t *testing.T) string {
	text, err := os.ReadFile("../../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var action struct {
		Runs struct {
			Steps []struct{ ID, Run string }
		}
	}
	if err := yaml.Load(text, &action); err != nil {
		t.Fatal(err)
	}
	for _, s := range action.Runs.Steps {
		if s.ID == "scan" && !strings.Contains(s.Run, "${{") {
			return s.Run
		}
	}
	t.Fatal("action.yml has no step scan, or one with an expression in its script")
	return ""
}

// cmdCode runs a command and wants exactly this exit code: code N weir …; with "closed" before the command its standard output has no
// reader, with "full" it goes to a disk without space. The variable STDIN names the file that it reads.
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N [closed|full] command…")
	}
	want, args := args[0], args[1:]
	var stdout, stderr bytes.Buffer
	closed, full := args[0] == "closed", args[0] == "full"
	if closed || full {
		args = args[1:]
	}
	cmd := command(ts, args)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if name := ts.Getenv("STDIN"); name != "" {
		cmd.Stdin = strings.NewReader(ts.ReadFile(name))
	}
	if closed {
		r, w, err := os.Pipe()
		ts.Check(err)
		ts.Check(r.Close())
		defer w.Close()
		cmd.Stdout = w
	}
	if full {
		disk, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		ts.Check(err)
		defer disk.Close()
		cmd.Stdout = disk
	}
	err := cmd.Run()
	fmt.Fprint(ts.Stdout(), stdout.String())
	fmt.Fprint(ts.Stderr(), stderr.String())
	if cmd.ProcessState == nil {
		ts.Fatalf("%v", err)
	}
	if got := fmt.Sprint(cmd.ProcessState.ExitCode()); got != want {
		ts.Logf("[stdout]\n%s[stderr]\n%s", stdout.String(), stderr.String())
		ts.Fatalf("exit code %s, want %s", got, want)
	}
}

func command(ts *testscript.TestScript, args []string) *exec.Cmd {
	path := ""
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if p := filepath.Join(dir, args[0]); path == "" && exists(p) {
			path = p
		}
	}
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"GOCOVERDIR", "HOME", "PATH", "TMPDIR", "NO_COLOR", "WEIR_ISOLATE", "WEIR_FAIL_ON", "WEIR_CONFIG", "WEIR_FAILON", "WEIR_JOBS", "WEIR_EXCLUDE", "WEIR_DEEP"} {
		if v := ts.Getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	return cmd
}

func exists(p string) bool {
	_, err := os.Stat(p)
	return err == nil
}

// cmdInterrupt scans bad.pkl and then a standard input that never comes, interrupts once the first file is reported, and writes what came
// to the file interrupted.jsonl.
func cmdInterrupt(ts *testscript.TestScript, neg bool, args []string) {
	cmd := command(ts, args)
	in, err := cmd.StdinPipe()
	ts.Check(err)
	defer in.Close()
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	ts.Check(cmd.Start())
	var all bytes.Buffer
	r := bufio.NewReader(io.TeeReader(out, &all))
	for {
		line, err := r.ReadString('\n')
		ts.Check(err)
		if strings.HasPrefix(line, `{"artifact"`) {
			break
		}
	}
	ts.Check(cmd.Process.Signal(syscall.SIGINT))
	_, err = io.Copy(io.Discard, r)
	ts.Check(err)
	err = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		ts.Fatalf("exit code %d, want 1: a finding wins over what was not examined (%v)\n%s", code, err, stderr.String())
	}
	ts.Check(os.WriteFile(ts.MkAbs("interrupted.jsonl"), all.Bytes(), 0o644))
	fmt.Fprint(ts.Stderr(), stderr.String())
}

// cmdJSONField wants a text in a file, white space aside: jsonfield FILE TEXT.
func cmdJSONField(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: jsonfield FILE TEXT")
	}
	if has := strings.Contains(ts.ReadFile(args[0]), args[1]); has == neg {
		ts.Fatalf("%s in %s: %v", args[1], args[0], has)
	}
}
