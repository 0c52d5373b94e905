package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// try runs one deed in a worker of p and says how it ended: "done", "refused" with the error, or the crash's reason.
func try(t *testing.T, p *Pool, deed string, files ...*os.File) string {
	t.Helper()
	w, err := p.get()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	said := ""
	// Not Do, which would refuse the descriptors that some deeds need.
	err = p.run(ctx, w, []byte("try "+deed), files, func(b []byte) error { said = string(b); return nil })
	var failed *HandlerError
	var crash *Crash
	switch {
	case errors.As(err, &failed):
		return failed.Text
	case errors.As(err, &crash) && said == "done" && (crash.Reason == ReasonExit || crash.Signal == "SIGKILL"):
		return "done" // it is no worker any more, so the pool ended it if it had not ended itself
	case errors.As(err, &crash):
		return string(crash.Reason)
	case err != nil:
		t.Fatal(err)
	}
	return said
}

// restrictable are deeds that a system's settings (Yama, kernel.io_uring_disabled) may forbid to everybody.
var restrictable = []string{"ptrace", "read-of-the-parents-memory", "io_uring"}

// TestDeeds shows for each deed that a bare worker can do it and a locked-down one cannot.
func TestDeeds(t *testing.T) {
	const killed = string(ReasonSeccomp)
	dir := t.TempDir()
	given := filepath.Join(dir, "file")
	fresh := func() { // what the deeds need, anew for each
		if err := os.WriteFile(given, []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fresh()
	file, folder := mustOpen(t, given), mustOpen(t, dir)
	listener, socket := listenAbstract(t)
	cases := []struct {
		deed string
		file *os.File
		want string
	}{
		{"open " + given, nil, "refused"},
		{"open /proc/self/maps", nil, "refused"},
		{"open /proc/self/environ", nil, "refused"},
		{"create " + filepath.Join(dir, "new"), nil, "refused"},
		{"openat-in-a-given-folder", folder, "refused"},
		{"setown", file, "refused"},
		{"prctl", nil, "refused"},
		{"higher-limits", nil, "refused"},
		{"unlink " + given, nil, killed},
		{"chmod " + given, nil, killed},
		{"rename " + given, nil, killed},
		{"fchmod", file, killed},
		{"socket", nil, killed},
		{"tcp", nil, killed},
		{"connect " + listener, socket, killed},
		{"exec", nil, killed},
		{"fork", nil, killed},
		{"ptrace", nil, killed},
		{"read-of-the-parents-memory", nil, killed},
		{"kill-of-the-parent", nil, killed},
		{"tgkill-of-the-parent", nil, killed},
		{"executable-mapping", nil, killed},
		{"memory-made-executable", nil, killed},
		{"memfd", nil, killed},
		{"io_uring", nil, killed},
		{"threads", nil, "done"},
		{"timer", nil, "done"},
		{"random", nil, "done"},
		{"map-of-a-file", file, "done"},
		{"copy-to-the-spool", file, "done"},
	}
	bare := newTestPool(t, func(c *Config) { c.NoLockdown = true })
	locked := newTestPool(t, nil)
	for _, c := range cases {
		t.Run(c.deed, func(t *testing.T) {
			var files []*os.File
			if c.file != nil {
				files = append(files, c.file)
			}
			fresh()
			if got := try(t, locked, c.deed, files...); !strings.HasPrefix(got, c.want) {
				t.Errorf("locked down: %q, want %q", got, c.want)
			}
			fresh()
			got := try(t, bare, c.deed, files...)
			if got == "refused: operation not permitted" && slices.Contains(restrictable, c.deed) {
				t.Log("this system lets nobody do it, so there is nothing to compare with")
				return
			}
			if got != "done" {
				t.Errorf("bare: %q, so that the test shows nothing", got)
			}
		})
	}
}

func (r Report) held(layer string) bool {
	for _, l := range r.Layers {
		if l.Name == layer {
			return l.Held
		}
	}
	return false
}

func mustOpen(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// listenAbstract gives the name of a listening abstract socket and an unconnected one.
func listenAbstract(t *testing.T) (string, *os.File) {
	t.Helper()
	name := fmt.Sprintf("@weir-test-%d", os.Getpid())
	l, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "socket")
	t.Cleanup(func() { f.Close() })
	return name, f
}

func TestReportIsComplete(t *testing.T) {
	r := newTestPool(t, nil).Report()
	for _, layer := range []string{"descriptors", "limits", "no-new-privileges", "seccomp"} {
		if !r.held(layer) {
			t.Errorf("%s does not hold: %s", layer, r)
		}
	}
	if !raceOn && !r.Complete() {
		t.Logf("this kernel leaves workers %s", r)
	}
	if bare := newTestPool(t, func(c *Config) { c.NoLockdown = true }).Report(); bare.Complete() || len(bare.Layers) != 0 {
		t.Errorf("a bare worker reports %v", bare)
	}
}

func TestRequire(t *testing.T) {
	cfg := testConfig()
	cfg.Require = true
	p, err := NewPool(cfg)
	if raceOn {
		if !errors.Is(err, ErrUnsupported) {
			t.Fatalf("got %v, want a refusal: the race detector's binary cannot cover all threads", err)
		}
		return
	}
	if err != nil {
		t.Fatalf("%v: this kernel cannot lock a worker down, so that nothing here can be shown", err)
	}
	p.Close()
}

func TestInheritedDescriptorsAreClosed(t *testing.T) {
	dir := t.TempDir()
	low, err := syscall.Open(dir, syscall.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(low)
	// Without FD_CLOEXEC, as a shell would hand it down; a high number, because the worker's runtime opens low ones of its own.
	fd, err := unix.FcntlInt(uintptr(low), unix.F_DUPFD, 50)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	deed := "try absence-of-descriptor " + strconv.Itoa(fd)
	if _, err := ask(newTestPool(t, nil), context.Background(), deed); err != nil {
		t.Errorf("locked down: %v", err)
	}
	if _, err := ask(newTestPool(t, func(c *Config) { c.NoLockdown = true }), context.Background(), deed); err == nil {
		t.Error("bare: the descriptor is not there either, so that the test shows nothing")
	}
}

// parentArg makes the test binary a parent that dies with a worker at work.
const parentArg = "test-parent"

func dyingParent() {
	p, err := NewPool(testConfig())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_ = p.Do(context.Background(), []byte("loop"), nil, func([]byte) error {
		for w := range p.all {
			fmt.Println(w.proc.Pid)
		}
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	})
	os.Exit(1)
}

func TestWorkersDieWithTheirParent(t *testing.T) {
	out, _ := exec.Command("/proc/self/exe", parentArg).Output()
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatalf("parent said %q", out)
	}
	gone := func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return true
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		return strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
	}
	for range 1000 {
		if gone() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("worker %d outlived its parent", pid)
}
