package flow_test

import (
	"bytes"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/internal/gateway/gatetest"
)

// large is an upload that is worth sending ahead; evil is one that is refused.
func large(t *testing.T) (good, evil []byte) {
	t.Helper()
	bad, err := os.ReadFile(filepath.Join(gatetest.Root(), "testdata", "malicious", "stdlib", "os-popen.pkl"))
	if err != nil {
		t.Fatal(err)
	}
	good = bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	return good, append(bytes.Clone(bad), good...)
}

// sending is an upload of which the gate has the first half only.
type sending struct {
	rest   chan struct{}
	status chan int
}

func (d *door) begin(t *testing.T, path string, content []byte) *sending {
	t.Helper()
	s := &sending{make(chan struct{}), make(chan int, 1)}
	go func() {
		status, err := d.put(path, content, s.rest)
		if err != nil {
			t.Error(err)
		}
		s.status <- status
	}()
	d.arrives(t, int64(len(content)/2)&^(1<<17-1)) // it is written in blocks
	return s
}

// finish sends the second half.
func (s *sending) finish() int {
	close(s.rest)
	return <-s.status
}

// ahead begins uploads to path until one is seen at the server before its end: the first ones go the usual way, while the gate finds out how the
// server takes transfers that break off.
func (d *door) ahead(t *testing.T, path string, content []byte, seen func() bool) *sending {
	t.Helper()
	for range 60 {
		s := d.begin(t, path, content)
		for range 40 {
			if seen() {
				return s
			}
			time.Sleep(50 * time.Millisecond)
		}
		s.finish()
	}
	t.Fatal("no upload was sent ahead")
	return nil
}

// staged reports whether a large file lies where the server keeps what has not come to its end: new releases beside where it will lie, old ones in
// their folder for temporary files, which TestAhead puts below the server's.
func staged(t *testing.T, server *gatetest.Server) bool {
	t.Helper()
	found, all := false, 0
	filepath.WalkDir(server.Dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // it may have gone meanwhile
		}
		all++
		info, err := d.Info()
		unfinished := strings.HasPrefix(d.Name(), ".artifact.uploading.") || strings.HasPrefix(name, filepath.Join(server.Dir, "tmp"))
		found = found || err == nil && info.Size() > 4<<20 && unfinished
		return nil
	})
	if all == 0 {
		t.Fatalf("there is nothing in the server's folder %q", server.Dir)
	}
	return found
}

// litter gives what a probe left in the server's store, in which something must lie.
func litter(t *testing.T, server *gatetest.Server) (left []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(server.Dir, "artifacts"))
	if err != nil || len(entries) == 0 {
		t.Fatalf("nothing lies in the store: %v", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "weir-probe-") {
			left = append(left, e.Name())
		}
	}
	return left
}

// TestAhead: a large upload is on its way to the real server while it arrives, with each of the servers that MLflow runs on. Nobody sees it before
// its end, and what is refused at the end leaves nothing behind, not even among the server's temporary files.
func TestAhead(t *testing.T) {
	good, evil := large(t)
	for name, start := range map[string]func(t *testing.T) *gatetest.Server{
		"uvicorn": func(t *testing.T) *gatetest.Server { return gatetest.Shared(t, "mlflow", "new") },
		"gunicorn": func(t *testing.T) *gatetest.Server {
			dir := t.TempDir()
			tmp := filepath.Join(dir, "tmp")
			if err := os.Mkdir(tmp, 0o700); err != nil {
				t.Fatal(err)
			}
			return gatetest.MLflow(t, "2.9.2", gatetest.Env("TMPDIR="+tmp), gatetest.Dir(dir))
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t)
			d := &door{Gate: gatetest.NewGate(t, gatetest.Plan{}, server.Of("mlflow")), server: server}
			at := func(p string) string { return filepath.Join(server.Dir, "artifacts", filepath.FromSlash(p)) }
			const bad = "7/x/artifacts/bad.pkl"
			// Those that go the usual way are refused too, so that whatever is large at the server is there before its time.
			s := d.ahead(t, bad, evil, func() bool { return staged(t, server) })
			if _, err := os.Stat(at(bad)); err == nil {
				t.Error("it is visible before its end")
			}
			if status := s.finish(); status != http.StatusUnprocessableEntity {
				t.Errorf("a malicious upload: %d", status)
			}
			gone := false
			for range 200 {
				if gone = !staged(t, server); gone {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
			if _, err := os.Stat(at(bad)); err == nil || !gone {
				t.Errorf("something is left at the server: visible %v, among its temporary files %v", err == nil, !gone)
			}
			const fine = "7/x/artifacts/good.txt"
			s = d.ahead(t, fine, good, func() bool { return staged(t, server) })
			if status := s.finish(); status != http.StatusOK {
				t.Errorf("a benign upload: %d", status)
			}
			if got, err := os.ReadFile(at(fine)); err != nil || !bytes.Equal(got, good) {
				t.Errorf("%d bytes arrived, %v", len(got), err)
			}
			if name == "gunicorn" { // it is this test's own
				s = d.ahead(t, "7/x/artifacts/lost.txt", good, func() bool { return staged(t, server) })
				server.Kill()
				if status := s.finish(); status != http.StatusBadGateway {
					t.Errorf("the server died: the client hears %d", status)
				}
				if n := d.spooled(); n != 0 {
					t.Errorf("%d bytes are left in the spool", n)
				}
			}
			if left := litter(t, server); len(left) > 0 {
				t.Errorf("the probe left %q", left)
			}
		})
	}
}

// between is a proxy before a real server that can be careless: it then takes what it got of an upload for the whole.
type between struct {
	*httptest.Server
	careless atomic.Bool
	mu       sync.Mutex
	seen     map[string]int // requests by method, space, last segment
}

func newBetween(t *testing.T, server *gatetest.Server) *between {
	t.Helper()
	to, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	b := &between{seen: map[string]int{}}
	through := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.seen[r.Method+" "+r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]]++
		b.mu.Unlock()
		if r.Method == http.MethodPut && b.careless.Load() {
			content, _ := io.ReadAll(r.Body)
			again, err := http.NewRequest(http.MethodPut, server.URL+r.URL.Path, bytes.NewReader(content))
			if err != nil {
				t.Error(err)
				return
			}
			res, err := http.DefaultClient.Do(again)
			if err != nil {
				t.Error(err)
				return
			}
			res.Body.Close()
			w.WriteHeader(res.StatusCode)
			return
		}
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(b.Close)
	return b
}

// count gives how many requests of a method had a last segment that begins so.
func (b *between) count(method, name string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for k, v := range b.seen {
		if strings.HasPrefix(k, method+" "+name) {
			n += v
		}
	}
	return n
}

// until waits for something that must happen.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for range 1200 {
		if f() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal(what)
}

// TestCareless: before what takes half a transfer for the whole, nothing is sent before it is judged; and when a server becomes such a one after it
// was tried, that is noticed at the first transfer that is cut.
func TestCareless(t *testing.T) {
	server := gatetest.Shared(t, "mlflow", "new")
	good, evil := large(t)
	// held begins an upload and says whether the server was sent some of it before its end.
	held := func(d *door, b *between, name string) bool {
		s := d.begin(t, "8/x/artifacts/"+name, good)
		time.Sleep(time.Second)
		early := b.count(http.MethodPut, name) > 0
		if status := s.finish(); status != http.StatusOK {
			t.Errorf("%s: %d", name, status)
		}
		return early
	}
	t.Run("always", func(t *testing.T) {
		b := newBetween(t, server)
		b.careless.Store(true)
		d := &door{Gate: gatetest.NewGate(t, gatetest.Plan{}, gatetest.Upstream{Name: "mlflow", Kind: "mlflow", URL: b.URL}), server: server}
		held(d, b, "first.txt")
		until(t, "the gate does not try the server", func() bool { return b.count(http.MethodDelete, "weir-probe-") == 2 })
		if held(d, b, "second.txt") {
			t.Error("an upload was sent ahead")
		}
		if left := litter(t, server); len(left) > 0 {
			t.Errorf("the probe left %q", left)
		}
	})
	t.Run("later", func(t *testing.T) {
		b := newBetween(t, server)
		d := &door{Gate: gatetest.NewGate(t, gatetest.Plan{}, gatetest.Upstream{Name: "mlflow", Kind: "mlflow", URL: b.URL}), server: server}
		s := d.ahead(t, "8/x/artifacts/fine.txt", good, func() bool { return b.count(http.MethodPut, "fine.txt") > 0 })
		if status := s.finish(); status != http.StatusOK {
			t.Fatalf("%d", status)
		}
		b.careless.Store(true)
		s = d.ahead(t, "8/x/artifacts/bad.pkl", evil, func() bool { return b.count(http.MethodPut, "bad.pkl") > 0 })
		if status := s.finish(); status != http.StatusUnprocessableEntity {
			t.Errorf("a malicious upload: %d", status)
		}
		until(t, "the gate does not look what became of it", func() bool { return strings.Contains(d.Tail(10_000), "kept a part of an upload") })
		if held(d, b, "third.txt") {
			t.Error("an upload was sent ahead")
		}
		// What was kept goes to nobody.
		req, err := http.NewRequest(http.MethodGet, d.URL+"/api/2.0/mlflow-artifacts/artifacts/8/x/artifacts/bad.pkl", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", d.Accounts["maintainer"].Bearer())
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("the part that the server kept: %d", res.StatusCode)
		}
	})
}
