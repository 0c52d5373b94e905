package gatetest

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

var (
	sharedLock sync.Mutex
	shared     = map[string]*Server{}
	atEnd      []func()
)

// Main runs a package's tests and then ends what [Shared] started: func TestMain(m *testing.M) { os.Exit(gatetest.Main(m)) }.
func Main(m *testing.M) int {
	code := m.Run()
	sharedLock.Lock()
	defer sharedLock.Unlock()
	for _, s := range shared {
		s.Stop()
	}
	for _, f := range atEnd {
		f()
	}
	return code
}

// Shared gives the one server of this kind ("mlflow" or "h2o") and version that the whole package uses, started when it is first asked for, with
// more arguments for its command line. The package must run its tests through [Main].
func Shared(t testing.TB, kind, version string, args ...string) *Server {
	t.Helper()
	sharedLock.Lock()
	defer sharedLock.Unlock()
	key := fmt.Sprintf("%s %s %s", kind, version, strings.Join(args, " "))
	if s := shared[key]; s != nil {
		select {
		case <-s.Done(): // an attack may have ended it: start another
		default:
			return s
		}
	}
	var s *Server
	var err error
	switch kind {
	case "mlflow":
		s, err = StartMLflow(version, Args(args...))
	case "h2o":
		s, err = StartH2O(version, Args(args...))
	default:
		err = fmt.Errorf("gatetest: there is no kind %q", kind)
	}
	if err != nil {
		t.Fatal(err)
	}
	shared[key] = s
	return s
}

// end remembers what Main does at the end; without Main the folder stays for the system to clean.
func end(f func()) {
	sharedLock.Lock()
	defer sharedLock.Unlock()
	atEnd = append(atEnd, f)
}

// removeAtEnd gives a temporary folder that lives as long as the test binary.
func removeAtEnd() (string, error) {
	dir, err := os.MkdirTemp("", "gatetest-")
	if err == nil {
		end(func() { os.RemoveAll(dir) })
	}
	return dir, err
}
