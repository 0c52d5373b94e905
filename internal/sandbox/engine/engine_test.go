//go:build linux

package engine

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/harden"
)

func command(t *testing.T) Command {
	t.Helper()
	filter, err := harden.Filter()
	if err != nil {
		t.Fatal(err)
	}
	return Command{Image: "example.org/image:1", Argv: []string{"/bin/true"}, Seccomp: filter, Memory: 256 << 20, Scratch: 16 << 20, Processes: 64, Files: 256}
}

// pairs finds a flag's values.
func pairs(a []string, flag string) (values []string) {
	for i, w := range a {
		if w == flag && i+1 < len(a) {
			values = append(values, a[i+1])
		}
	}
	return values
}

func TestArguments(t *testing.T) {
	dir := t.TempDir()
	c := command(t)
	c.Dir, c.Write, c.Argv, c.Env = dir, []string{dir}, []string{"python3", "--privileged"}, []string{"HOME=/root", "A=b"}
	for _, e := range []struct {
		engine Engine
		uid    int
		user   string
		keep   bool
	}{{Engine{Name: "podman"}, 1000, "1000:1000", true}, {Engine{Name: "docker", GVisor: "runsc"}, 1000, "1000:1000", false}, {Engine{Name: "podman"}, 0, "65532:65532", false}} {
		a, err := e.engine.arguments(c, "weir-x", "/filter", e.uid, e.uid)
		if err != nil {
			t.Fatal(err)
		}
		for flag, want := range map[string][]string{"--user": {e.user}, "--network": {"none"}, "--cap-drop": {"ALL"}, "--security-opt": {"no-new-privileges", "seccomp=/filter"},
			"--pids-limit": {"64"}, "--memory": {"268435456"}, "--memory-swap": {"268435456"}, "--env": {"HOME=/tmp", "A=b"}, "--entrypoint": {"python3"}, "--workdir": {dir},
			"--mount": {"type=bind,source=" + dir + ",target=" + dir + ",readonly", "type=bind,source=" + dir + ",target=" + dir}} {
			if got := pairs(a, flag); !slices.Equal(got, want) {
				t.Errorf("%s %s: %q, want %q", e.engine.Name, flag, got, want)
			}
		}
		if !slices.Contains(a, "--read-only") || slices.Contains(a, "keep-id") != e.keep || len(pairs(a, "--runtime")) > 0 != (e.engine.GVisor != "") {
			t.Errorf("%s: %q", e.engine.Name, a)
		}
		if !slices.Equal(a[len(a)-2:], []string{c.Image, "--privileged"}) {
			t.Errorf("the command's own words do not come last: %q", a[len(a)-2:])
		}
	}
}

func TestRefusals(t *testing.T) {
	odd := filepath.Join(t.TempDir(), "a,readonly=false")
	if err := os.Mkdir(odd, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Command){
		"no image":      func(c *Command) { c.Image = "" },
		"flag as image": func(c *Command) { c.Image = "--privileged" },
		"no command":    func(c *Command) { c.Argv = nil },
		"no filter":     func(c *Command) { c.Seccomp = nil },
		"comma":         func(c *Command) { c.Write = []string{odd} },
		"root":          func(c *Command) { c.Write = []string{"/"} },
		"run":           func(c *Command) { c.Read = []string{"/run"} },
		"not there":     func(c *Command) { c.Read = []string{"/nonexistent/weir"} },
	} {
		c := command(t)
		change(&c)
		if a, err := (Engine{Name: "docker"}).arguments(c, "weir-x", "/filter", 1000, 1000); err == nil {
			t.Errorf("%s: taken: %q", name, a)
		}
	}
}

// TestFind asks a client whose server is gone, and one that answers.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	if _, err := Find(t.Context()); !errors.Is(err, ErrNone) {
		t.Errorf("with nothing there: %v", err)
	}
	program := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program("podman", "echo no socket >&2; exit 1\n")
	if _, err := Find(t.Context()); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a client without a server: %v", err)
	}
	program("docker", `if [ "$1" = info ]; then echo '{"runc":{},"runsc":{}}'; else echo 28.0; fi`+"\n")
	if e, err := Find(t.Context()); err != nil || e.Name != "docker" || e.Version != "28.0" || e.GVisor != "runsc" {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestPodman runs a static program of an imported root file system in the engine of this machine, where there is one, in a mount namespace
// of its own.
func TestPodman(t *testing.T) {
	real, err := exec.LookPath("podman")
	if err != nil || os.Getuid() != 0 {
		t.Log("no podman here that could be started as root: only the command line is tested")
		return
	}
	dir := t.TempDir()
	podman := filepath.Join(dir, "podman")
	text := "#!/bin/sh\nexport XDG_RUNTIME_DIR=" + dir + "\nexec unshare --mount --propagation private --fork -- " + real + " --root " + dir + "/root --runroot " + dir +
		"/run --storage-driver vfs --cgroup-manager cgroupfs --runtime runc \"$@\"\n"
	if err := os.WriteFile(podman, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	image(t, dir, podman)
	e := Engine{Name: "podman", Path: podman}
	folder := filepath.Join(dir, "folder")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	run := func(ctx context.Context, deed string) (int, string, error) {
		out, err := os.Create(filepath.Join(dir, "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		c := command(t)
		c.Image, c.Argv, c.Dir, c.Stdout, c.Stderr = "localhost/weir-engine:1", []string{"/deed", deed}, folder, out, out
		exit, err := e.Run(ctx, c)
		said, _ := os.ReadFile(out.Name())
		return exit, strings.TrimSpace(string(said)), err
	}
	exit, said, err := run(t.Context(), "ok")
	if err != nil {
		t.Fatal(err)
	}
	if exit == 125 || exit == 126 { // the engine's own error: nested containers, missing delegation
		t.Logf("podman is there and cannot start a container here: %s", said)
		return
	}
	if exit != 7 || said != "65532" {
		t.Errorf("exit %d, said %q, want 7 and user 65532", exit, said)
	}
	for deed, want := range map[string]string{"write-root": "read-only file system", "write-folder": "read-only file system", "shadow": "permission denied", "network": "network is unreachable",
		"unshare": "operation not permitted", "keyctl": "operation not permitted", "io_uring": "operation not permitted", "ptrace": "operation not permitted"} {
		if exit, said, err := run(t.Context(), deed); exit != 1 || !strings.Contains(said, want) || err != nil {
			t.Errorf("%s: exit %d, %v: %q, want %q", deed, exit, err, said, want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	if _, _, err := run(ctx, "sleep"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a command that does not end: %v", err)
	}
	if left, _ := exec.Command(podman, "ps", "--all", "--quiet").Output(); len(left) > 0 {
		t.Errorf("left behind: %s", left)
	}
}

// image imports a root file system with one static program.
func image(t *testing.T, dir, podman string) {
	t.Helper()
	root := filepath.Join(dir, "rootfs")
	for _, d := range []string{"tmp", "etc", "proc", "sys", "dev"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "etc/shadow"), []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-race=false", "-o", filepath.Join(root, "deed"), "./testdata/deed")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	tar := exec.Command("tar", "-C", root, "-cf", filepath.Join(dir, "rootfs.tar"), ".")
	load := exec.Command(podman, "import", filepath.Join(dir, "rootfs.tar"), "weir-engine:1")
	for _, c := range []*exec.Cmd{build, tar, load} {
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", c.Args, err, out)
		}
	}
}
