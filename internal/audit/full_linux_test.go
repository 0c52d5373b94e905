package audit

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
)

// TestDiskFull fills the disk in a process of its own: a limit on file sizes stands in for it, as both end in a write that does less than asked.
func TestDiskFull(t *testing.T) {
	const env = "WEIR_AUDIT_FULL"
	if os.Getenv(env) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestDiskFull$", "-test.v")
		cmd.Env = append(os.Environ(), env+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	dir := t.TempDir()
	l := open(t, dir, Options{})
	limit := func(n uint64) {
		var r syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &r); err != nil {
			t.Fatal(err)
		}
		r.Cur = n
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &r); err != nil {
			t.Fatal(err)
		}
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limit(10_000) // ends within a line
	appended := 0
	eventually(t, func() bool {
		if l.Append(record(appended)) != nil {
			return true
		}
		appended++
		return false
	})
	if l.Ready() == nil || l.Flush() == nil {
		t.Error("a log that cannot be written is ready")
	}
	limit(before.Cur)
	eventually(t, func() bool { return l.Ready() == nil })
	if err := l.Append(record(appended)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := Read([]string{dir}, func(e *Entry) error {
		if e.Request != "" {
			n++
		}
		return nil
	}); err != nil || n != appended+1 {
		t.Errorf("%d records of %d are there, %v", n, appended+1, err)
	}
	if _, err := Verify([]string{dir}, ""); err != nil {
		t.Error(err)
	}
}
