// Package engine runs one command in a container engine that is there already, Podman, Docker or containerd's nerdctl, with the bounds of
// weir's own jail; and in gVisor where that is installed.
//
// Start with [Find] and [Engine.Run]. The engines share a command line; what is given to it is written in one place, [Engine.arguments].
package engine

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrNone says that no engine is there, or none that answers.
var ErrNone = errors.New("no container engine answers")

// patience is how long an engine may take to say what it is, or to end a container.
const patience = 15 * time.Second

// stranger is the id that a command of root runs as: 65532, what "distroless" images call nonroot.
const stranger = 65532

// Engine is a container engine by its command line.
type Engine struct {
	Name    string // podman, docker or nerdctl
	Path    string
	Version string
	GVisor  string // how the engine calls gVisor's runtime; empty: it has none
}

// Command is what is run. Folders inside are named as outside.
type Command struct {
	Image                 string // by name or digest
	Argv                  []string
	Dir                   string   // working folder, read-only
	Env                   []string // all of it
	Read, Write           []string // further folders and files
	Stdin, Stdout, Stderr *os.File
	Terminal              bool    // stdin is a terminal
	Seccomp               []byte  // the filter in Docker's form; required
	Memory, Scratch       int64   // bytes: all processes together, and what /tmp and the home may hold
	Processes, Files      int     // at once; descriptors of one process
	CPUs                  float64 // 0: no bound
}

// Find gives the first engine that answers. Every one is asked for its server's version: a client without a server runs nothing.
func Find(ctx context.Context) (Engine, error) {
	var said []error
	for _, e := range []struct{ name, question string }{{"podman", "{{.Client.Version}}"}, {"docker", "{{.Server.Version}}"}, {"nerdctl", "{{(index .Server.Components 0).Version}}"}} {
		path, err := exec.LookPath(e.name)
		if err != nil {
			continue
		}
		out, err := ask(ctx, path, "version", "--format", e.question)
		if err != nil {
			said = append(said, fmt.Errorf("%s: %w", e.name, err))
			continue
		}
		found := Engine{Name: e.name, Path: path, Version: strings.TrimSpace(string(out))}
		found.GVisor = found.gvisor(ctx)
		return found, nil
	}
	return Engine{}, errors.Join(append([]error{ErrNone}, said...)...)
}

// gvisor finds runsc: Podman takes any program, Docker only what its server was told of.
func (e Engine) gvisor(ctx context.Context) string {
	if e.Name != "docker" {
		path, err := exec.LookPath("runsc")
		if err != nil {
			return ""
		}
		return path
	}
	out, err := ask(ctx, e.Path, "info", "--format", "{{json .Runtimes}}")
	var runtimes map[string]json.RawMessage
	if err != nil || json.Unmarshal(out, &runtimes) != nil || runtimes["runsc"] == nil {
		return ""
	}
	return "runsc"
}

func ask(ctx context.Context, argv ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	c.WaitDelay = time.Second
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if line, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n"); err != nil && line != "" {
		err = errors.New(line)
	}
	return out, err
}

// Run runs the command to its end and gives its exit code; 125 to 127 are the engine's own errors, as weir's. The container is removed when
// the context ends, whatever it does. An error means that the engine could not be started.
func (e Engine) Run(ctx context.Context, c Command) (exit int, err error) {
	filter, err := os.CreateTemp("", "weir-seccomp-*.json")
	if err != nil {
		return 0, err
	}
	defer os.Remove(filter.Name())
	_, err = filter.Write(c.Seccomp)
	if err = errors.Join(err, filter.Close()); err != nil {
		return 0, err
	}
	name := "weir-" + strings.ToLower(rand.Text())
	argv, err := e.arguments(c, name, filter.Name(), os.Getuid(), os.Getgid())
	if err != nil {
		return 0, err
	}
	run := exec.Command(e.Path, argv...)
	run.Stdin, run.Stdout, run.Stderr = c.Stdin, c.Stdout, c.Stderr
	if err := run.Start(); err != nil {
		return 0, err
	}
	ended := make(chan struct{})
	go func() {
		select {
		case <-ended:
		case <-ctx.Done():
			ask(context.WithoutCancel(ctx), e.Path, "rm", "--force", name)
			run.Process.Kill()
		}
	}()
	err = run.Wait()
	close(ended)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	var code *exec.ExitError
	if errors.As(err, &code) && code.ExitCode() >= 0 {
		return code.ExitCode(), nil
	}
	return 0, err
}

// arguments writes the engine's command line.
func (e Engine) arguments(c Command, name, filter string, uid, gid int) ([]string, error) {
	if c.Image == "" || strings.HasPrefix(c.Image, "-") || len(c.Argv) == 0 || len(c.Seccomp) == 0 {
		return nil, errors.New("an image, a command and a filter of system calls are needed")
	}
	a := []string{"run", "--rm", "--name", name, "--init=false", "--interactive", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--security-opt", "seccomp=" + filter,
		"--network", "none", "--ipc", "private", "--pull", "missing", "--ulimit", "core=1:1"} // 1, not 0: with 0 a program that takes the cores would get them
	if e.GVisor != "" {
		a = append(a, "--runtime", e.GVisor)
	}
	if c.Terminal {
		a = append(a, "--tty")
	}
	switch {
	case uid == 0:
		uid, gid = stranger, stranger
	case e.Name == "podman": // without root: the caller's own id inside, so that private folders can be read
		a = append(a, "--userns", "keep-id")
	}
	a = append(a, "--user", fmt.Sprintf("%d:%d", uid, gid))
	if c.Memory > 0 {
		m := strconv.FormatInt(c.Memory, 10)
		a = append(a, "--memory", m, "--memory-swap", m) // the same: no swap
	}
	if c.CPUs > 0 {
		a = append(a, "--cpus", strconv.FormatFloat(c.CPUs, 'f', -1, 64))
	}
	if c.Processes > 0 {
		a = append(a, "--pids-limit", strconv.Itoa(c.Processes))
	}
	if c.Files > 0 {
		a = append(a, "--ulimit", fmt.Sprintf("nofile=%d:%d", c.Files, c.Files), "--ulimit", fmt.Sprintf("nproc=%d:%d", max(c.Processes, 1), max(c.Processes, 1)))
	}
	tmpfs := "rw,noexec,nosuid,nodev,mode=1777"
	if c.Scratch > 0 {
		tmpfs += ",size=" + strconv.FormatInt(c.Scratch, 10)
	}
	a = append(a, "--tmpfs", "/tmp:"+tmpfs, "--env", "HOME=/tmp")
	for _, v := range c.Env {
		if !strings.HasPrefix(v, "HOME=") {
			a = append(a, "--env", v)
		}
	}
	binds, err := binds(c)
	if err != nil {
		return nil, err
	}
	a = append(a, binds...)
	return append(append(a, "--entrypoint", c.Argv[0], c.Image), c.Argv[1:]...), nil
}

// binds are the folders given. Engines split at commas and take no quotes in all of their versions.
func binds(c Command) (a []string, err error) {
	bind := func(path, more string) {
		p, e := filepath.Abs(path)
		if e == nil {
			p, e = filepath.EvalSymlinks(p)
		}
		switch {
		case e != nil:
			err = errors.Join(err, e)
		case strings.ContainsAny(p, ",\"\n"):
			err = errors.Join(err, fmt.Errorf("%q cannot be given to a container engine: its name holds a comma, a quote or a line break", p))
		case p == "/" || slices.Contains([]string{"/proc", "/sys", "/dev", "/etc", "/var/run", "/run"}, p):
			err = errors.Join(err, fmt.Errorf("%q is the machine itself: name a folder in it", p))
		default:
			a = append(a, "--mount", "type=bind,source="+p+",target="+p+more)
		}
	}
	if c.Dir != "" {
		bind(c.Dir, ",readonly")
		a = append(a, "--workdir", c.Dir)
	}
	for _, p := range c.Read {
		bind(p, ",readonly")
	}
	for _, p := range c.Write {
		bind(p, "")
	}
	return a, err
}
