//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// ask gives the frames of one request.
func ask(p *Pool, ctx context.Context, req string, files ...*os.File) ([]string, error) {
	var frames []string
	err := p.Do(ctx, []byte(req), files, func(b []byte) error {
		frames = append(frames, string(b))
		return nil
	})
	return frames, err
}

func TestAnswers(t *testing.T) {
	p := newTestPool(t, nil)
	ctx := context.Background()
	if got, err := ask(p, ctx, "echo hello"); err != nil || len(got) != 1 || got[0] != "hello" {
		t.Fatalf("got %q, %v", got, err)
	}
	if got, err := ask(p, ctx, "nothing"); err != nil || len(got) != 0 {
		t.Fatalf("got %q, %v", got, err)
	}
	var failed *HandlerError
	if _, err := ask(p, ctx, "fail not a pickle"); !errors.As(err, &failed) || failed.Text != "not a pickle" {
		t.Fatalf("got %v", err)
	}
	got, err := ask(p, ctx, "frames 5000")
	if err != nil || len(got) != 5000 {
		t.Fatalf("%d frames, %v", len(got), err)
	}
	for i, f := range got {
		if f != fmt.Sprint(i) {
			t.Fatalf("frame %d is %q", i, f)
		}
	}
	if got, err := ask(p, ctx, "large 3000000"); err != nil || len(got) != 1 || len(got[0]) != 3000000 {
		t.Fatalf("%d frames, %v", len(got), err)
	}
	if err := p.Do(ctx, []byte("frames 3"), nil, nil); err != nil {
		t.Fatal(err)
	}
	long := "echo " + strings.Repeat("x", 1<<20)
	if got, err := ask(p, ctx, long); err != nil || got[0] != long[5:] {
		t.Fatalf("long request: %v", err)
	}
}

func TestFiles(t *testing.T) {
	p := newTestPool(t, nil)
	dir := t.TempDir()
	var files []*os.File
	for i := range 3 {
		name := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(name, []byte("content "+fmt.Sprint(i)), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	for range 50 {
		got, err := ask(p, context.Background(), "read", files...)
		if err != nil || fmt.Sprint(got) != "[content 0 content 1 content 2]" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	w, err := os.OpenFile(filepath.Join(dir, "0"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := ask(p, context.Background(), "read", w); err == nil || !strings.Contains(err.Error(), "reading only") {
		t.Fatalf("a writable descriptor was passed on: %v", err)
	}
	many := make([]*os.File, p.cfg.Limits.Files+1)
	for i := range many {
		many[i] = files[0]
	}
	if _, err := ask(p, context.Background(), "read", many...); err == nil {
		t.Fatal("too many files were passed on")
	}
	if got, err := ask(p, context.Background(), "read", many[1:]...); err != nil || len(got) != p.cfg.Limits.Files {
		t.Fatalf("%d frames, %v", len(got), err)
	}
	files[2].Close()
	if _, err := ask(p, context.Background(), "read", files...); err == nil {
		t.Fatal("a closed file was passed on")
	}
}

func TestSpool(t *testing.T) {
	for _, bare := range []bool{true, false} {
		p := newTestPool(t, func(c *Config) { c.NoLockdown = bare; c.Limits.Spool = 1 << 20 })
		for range 3 {
			if got, err := ask(p, context.Background(), "spool 4096"); err != nil || got[0] != "0" {
				t.Fatalf("got %q, %v", got, err)
			}
		}
		_, err := ask(p, context.Background(), "spool 1048577")
		if p.Report().Complete() {
			var failed *HandlerError
			if !errors.As(err, &failed) || !strings.Contains(failed.Text, "file too large") {
				t.Fatalf("spool over its limit: %v", err)
			}
		}
		if got, err := ask(p, context.Background(), "spool 1"); err != nil || got[0] != "0" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
}

func TestEnvironmentIsScrubbed(t *testing.T) {
	t.Setenv("WEIR_TEST_SECRET", "secret")
	p := newTestPool(t, func(c *Config) { c.Env = []string{"GOMAXPROCS=1"} })
	got, err := ask(p, context.Background(), "getenv")
	if err != nil || len(got) != 1 || strings.Contains(got[0], "SECRET") || !strings.HasPrefix(got[0], "GOMAXPROCS=1\n") {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestCrashes(t *testing.T) {
	cases := []struct {
		name, req string
		want      Reason
		detail    string
		locked    bool // only so in a locked-down worker
	}{
		{"panic", "panic on purpose", ReasonPanic, "on purpose (worker_test.go:", false},
		{"panic of another goroutine", "gopanic elsewhere", ReasonPanic, "panic: elsewhere", false},
		{"index", "index 7", ReasonPanic, "index out of range [7]", false},
		{"exit", "exit 9", ReasonExit, "", false},
		{"exit zero", "exit 0", ReasonExit, "", false},
		{"length beyond the bound", "lie 4000000000", ReasonProtocol, "", false},
		{"length never filled", "lie 1000", ReasonExit, "", false},
		{"no frame", "raw \x00\x00\x00\x00\x00", ReasonProtocol, "", false},
		{"text", "raw garbage garbage", ReasonProtocol, "", false},
		{"second hello", "hello", ReasonProtocol, "", false},
		{"forged end", "ends", ReasonProtocol, "", false},
		{"hangup", "hangup", ReasonSignal, "", false},
		{"flood", "flood", ReasonFlood, "", false},
	}
	for _, bare := range []bool{true, false} {
		p := newTestPool(t, func(c *Config) { c.NoLockdown = bare; c.MaxReply = 4 << 20 })
		for _, c := range cases {
			t.Run(fmt.Sprintf("%s/bare=%v", c.name, bare), func(t *testing.T) {
				got, err := ask(p, context.Background(), c.req)
				var crash *Crash
				if !errors.As(err, &crash) {
					t.Fatalf("got %v, want a crash", err)
				}
				if crash.Reason != c.want || !strings.Contains(crash.Detail, c.detail) {
					t.Errorf("got %q (%s), want %q with %q", crash.Reason, crash, c.want, c.detail)
				}
				if len(got) == 0 || got[0] != "before" {
					t.Errorf("frames before the crash are lost: %q", got)
				}
				if got, err := ask(p, context.Background(), "echo alive"); err != nil || got[0] != "alive" {
					t.Errorf("afterwards: %q, %v", got, err)
				}
			})
		}
	}
}

func TestSignals(t *testing.T) {
	p := newTestPool(t, func(c *Config) { c.NoLockdown = true })
	for sig, name := range map[syscall.Signal]string{syscall.SIGKILL: "SIGKILL", syscall.SIGTERM: "SIGTERM"} {
		_, err := ask(p, context.Background(), fmt.Sprintf("die %d", sig))
		var crash *Crash
		if !errors.As(err, &crash) || crash.Reason != ReasonSignal || crash.Signal != name {
			t.Errorf("got %v, want %s", err, name)
		}
	}
}

// patiently calls f with ever more time until it says that the time was enough, so that a busy machine fails no test.
func patiently(t *testing.T, f func(time.Duration) bool) {
	t.Helper()
	for d := 20 * time.Millisecond; d < 30*time.Second; d *= 2 {
		if f(d) {
			return
		}
	}
	t.Fatal("no time was enough")
}

func TestTimeout(t *testing.T) {
	p := newTestPool(t, nil)
	for _, verb := range []string{"loop", "sleep"} {
		patiently(t, func(d time.Duration) bool {
			ctx, cancel := context.WithTimeout(context.Background(), d)
			defer cancel()
			got, err := ask(p, ctx, verb)
			var crash *Crash
			if !errors.As(err, &crash) || crash.Reason != ReasonTimeout || !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("%s: got %v", verb, err)
			}
			return len(got) == 1 // what came before the end is kept
		})
	}
	// A worker that stops by itself is not replaced.
	p.cfg.Grace = time.Minute
	before, err := ask(p, context.Background(), "pid")
	if err != nil {
		t.Fatal(err)
	}
	patiently(t, func(d time.Duration) bool {
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		got, err := ask(p, ctx, "wait")
		var crash *Crash
		if !errors.As(err, &crash) || crash.Reason != ReasonTimeout {
			t.Fatalf("got %q, %v", got, err)
		}
		return len(got) == 1 && got[0] == "saw the end"
	})
	if after, err := ask(p, context.Background(), "pid"); err != nil || after[0] != before[0] {
		t.Fatalf("a worker that kept its deadline was replaced: %q, %v", after, err)
	}
}

func TestTimeOfThePool(t *testing.T) {
	p := newTestPool(t, func(c *Config) { c.Grace = time.Millisecond })
	for range 3 {
		patiently(t, func(d time.Duration) bool {
			p.cfg.Time = d
			got, err := ask(p, context.Background(), "loop")
			var crash *Crash
			if !errors.As(err, &crash) || crash.Reason != ReasonTimeout || !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("got %q, %v", got, err)
			}
			return len(got) == 1
		})
	}
}

// TestWatch: one timer watches request after request, must end none that is in time, and rests when there is none.
func TestWatch(t *testing.T) {
	p := newTestPool(t, nil)
	w := p.idle[0]
	w.begin(time.Now().Add(time.Hour), Config{Time: time.Hour})
	if w.watch(); !w.armed || w.cause != nil {
		t.Fatalf("in time: armed %v, killed for %v", w.armed, w.cause)
	}
	if cause := w.end(); cause != nil {
		t.Fatalf("killed for %v", cause)
	}
	if w.watch(); w.armed || w.cause != nil {
		t.Fatalf("idle: armed %v, killed for %v", w.armed, w.cause)
	}
	job := w.begin(time.Now().Add(time.Hour), Config{Time: time.Hour})
	w.killJob(job-1, context.Canceled)
	if w.cause != nil {
		t.Fatal("the kill of an earlier request hit this one")
	}
	w.deadline = time.Now().Add(-time.Hour) // its timer is an hour away, so nobody else looks
	if w.watch(); w.armed || w.end() != context.DeadlineExceeded {
		t.Fatalf("over time: armed %v, killed for %v", w.armed, w.cause)
	}
}

func TestDeadlineContext(t *testing.T) {
	c := &deadlineContext{Context: context.Background(), at: time.Now().Add(time.Hour)}
	child, cancel := context.WithCancel(c)
	defer cancel()
	if c.Err() != nil || child.Err() != nil {
		t.Fatalf("ended early: %v, %v", c.Err(), child.Err())
	}
	c.release()
	<-c.Done()
	<-child.Done()
	if c.Err() != context.Canceled || child.Err() != context.Canceled {
		t.Fatalf("after release: %v, %v", c.Err(), child.Err())
	}
	c = &deadlineContext{Context: context.Background(), at: time.Now().Add(time.Millisecond)}
	<-c.Done()
	if c.Err() != context.DeadlineExceeded {
		t.Fatalf("after the deadline: %v", c.Err())
	}
	c = &deadlineContext{Context: context.Background(), at: time.Now().Add(time.Hour)}
	c.release()
	<-c.Done() // asked for only then
}

func TestCancel(t *testing.T) {
	p := newTestPool(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	err := p.Do(ctx, []byte("loop"), nil, func([]byte) error { cancel(); return nil })
	var crash *Crash
	if !errors.As(err, &crash) || crash.Reason != ReasonCanceled || !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if _, err := ask(p, ctx, "nothing"); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if _, err := ask(p, context.Background(), "nothing"); err != nil {
		t.Fatal(err)
	}
}

func TestErrorOfEach(t *testing.T) {
	p := newTestPool(t, nil)
	want := errors.New("enough")
	n := 0
	err := p.Do(context.Background(), []byte("flood"), nil, func([]byte) error {
		if n++; n == 3 {
			return want
		}
		return nil
	})
	if err != want || n != 3 {
		t.Fatalf("got %v after %d", err, n)
	}
	if _, err := ask(p, context.Background(), "nothing"); err != nil {
		t.Fatal(err)
	}
}

func TestIdleDeathIsNobodysCrash(t *testing.T) {
	p := newTestPool(t, nil)
	w := p.idle[0]
	w.kill()
	for syscall.Kill(w.proc.Pid, 0) == nil { // until the socket is closed for sure
		if _, err := w.in.src.Read(make([]byte, 1)); err != nil {
			break
		}
	}
	if got, err := ask(p, context.Background(), "echo alive"); err != nil || got[0] != "alive" {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestRecycle(t *testing.T) {
	p := newTestPool(t, func(c *Config) { c.Recycle = 2 })
	pids := map[string]int{}
	for range 6 {
		got, err := ask(p, context.Background(), "pid")
		if err != nil {
			t.Fatal(err)
		}
		pids[got[0]]++
	}
	if len(pids) != 3 {
		t.Fatalf("got %v, want three workers with two requests each", pids)
	}
}

func TestConcurrent(t *testing.T) {
	p := newTestPool(t, func(c *Config) { c.Workers = 3 })
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 125 {
				switch {
				case i%50 == 20+g:
					var crash *Crash
					if _, err := ask(p, context.Background(), "panic x"); !errors.As(err, &crash) {
						t.Errorf("got %v", err)
					}
				default:
					want := fmt.Sprint(g, "-", i)
					if got, err := ask(p, context.Background(), "echo "+want); err != nil || len(got) != 1 || got[0] != want {
						t.Errorf("got %q, %v, want %q", got, err, want)
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	p := newTestPool(t, func(c *Config) { c.Workers = 2 })
	started := make(chan struct{})
	result := make(chan error)
	go func() {
		result <- p.Do(context.Background(), []byte("loop"), nil, func([]byte) error { close(started); return nil })
	}()
	<-started
	p.Close()
	var crash *Crash
	if err := <-result; !errors.As(err, &crash) {
		t.Fatalf("got %v", err)
	}
	if _, err := ask(p, context.Background(), "nothing"); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v", err)
	}
	p.Close()
}

func TestStartFails(t *testing.T) {
	cases := map[string]Config{
		"no such binary": {Path: "/nonexistent/weir", Argv: []string{"x"}},
		"not a worker":   {Argv: []string{"worker", "-test.run=^$"}},
		"no command":     {},
	}
	for name, cfg := range cases {
		p, err := NewPool(cfg)
		if err == nil {
			p.Close()
			t.Errorf("%s: a pool", name)
		}
	}
}

func TestServeOutsideAPool(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(exe, workerArg).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(string(out), errNotWorker.Error()) {
		t.Fatalf("got %q, %v", out, err)
	}
}

// openDescriptors counts this process's descriptors.
func openDescriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

func TestNoDescriptorLeaks(t *testing.T) {
	round := func() {
		cfg := testConfig()
		cfg.Workers = 2
		p, err := NewPool(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for range 5 {
			_, _ = ask(p, context.Background(), "panic x", f)
			_, _ = ask(p, context.Background(), "read", f)
			_, _ = ask(p, context.Background(), "fail x", f)
		}
	}
	round()
	before := openDescriptors(t)
	for range 3 {
		round()
	}
	if after := openDescriptors(t); after > before {
		t.Fatalf("%d descriptors before, %d after", before, after)
	}
}

func TestWorkerLeaksNoDescriptors(t *testing.T) {
	p := newTestPool(t, nil)
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 1000 { // far more than the worker may hold
		if got, err := ask(p, context.Background(), "read", f, f); err != nil || len(got) != 2 {
			t.Fatalf("got %q, %v", got, err)
		}
	}
}
