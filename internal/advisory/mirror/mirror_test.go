package mirror

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/internal/advisory"
)

var day = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// recordOf is an OSV record.
func recordOf(id, eco, name, fixed, modified string) string {
	return fmt.Sprintf(`{"id":%q,"modified":%q,"affected":[{"package":{"ecosystem":%q,"name":%q},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":%q}]}]}]}`,
		id, modified, eco, name, fixed)
}

func zipOf(t *testing.T, records ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i, r := range records {
		w, err := z.Create(fmt.Sprintf("%d.json", i))
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(r))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// database builds a file.
func database(t *testing.T, records ...string) string {
	t.Helper()
	b := advisory.NewBuilder()
	for _, r := range records {
		if err := b.Add([]byte(r)); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(t.TempDir(), "built.db")
	if _, err := b.WriteFile(name); err != nil {
		t.Fatal(err)
	}
	return name
}

// options are those of a client with an empty disk and no patience.
func options(t *testing.T, from string) Options {
	dir := t.TempDir()
	return Options{From: from, To: filepath.Join(dir, "advisories.db"), Trust: filepath.Join(dir, "trust"), Cache: filepath.Join(dir, "cache"), Now: day,
		Ecosystems: []string{"pypi"}, Client: Client{Stall: 300 * time.Millisecond, Attempts: 3, Pause: func(context.Context, int) error { return nil }}}
}

func serve(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// export serves one zip as OSV's export does; how answers the n-th request for it.
func export(t *testing.T, body []byte, how func(n int, w http.ResponseWriter, r *http.Request) bool) (string, *atomic.Int64) {
	var n atomic.Int64
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/PyPI/all.zip" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", `"v1"`)
		if how == nil || !how(int(n.Add(1)), w, r) {
			http.ServeContent(w, r, "all.zip", time.Time{}, bytes.NewReader(body))
		}
	}), &n
}

func TestExport(t *testing.T) {
	big := make([]string, 200)
	for i := range big {
		big[i] = recordOf(fmt.Sprintf("PYSEC-2026-%d", i), "PyPI", fmt.Sprintf("package-%d", i), "1.0", "2026-11-01T00:00:00Z")
	}
	body := zipOf(t, big...)
	cut := func(w http.ResponseWriter, r *http.Request, from, to int) {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)-from))
		if from > 0 {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(body)-1, len(body)))
			w.WriteHeader(http.StatusPartialContent)
		}
		w.Write(body[from:to])
		panic(http.ErrAbortHandler)
	}
	for _, c := range []struct {
		name string
		how  func(n int, w http.ResponseWriter, r *http.Request) bool
		err  string
	}{
		{name: "plain"},
		{name: "cut off, then goes on where it stopped", how: func(n int, w http.ResponseWriter, r *http.Request) bool {
			switch n {
			case 1:
				cut(w, r, 0, len(body)/3)
			case 2:
				if r.Header.Get("Range") != fmt.Sprintf("bytes=%d-", len(body)/3) || r.Header.Get("If-Range") != `"v1"` {
					t.Errorf("second request has range %q", r.Header.Get("Range"))
				}
				cut(w, r, len(body)/3, len(body)/2)
			}
			return false
		}},
		{name: "cut off at the same place for ever", err: "EOF", how: func(_ int, w http.ResponseWriter, r *http.Request) bool {
			w.Header().Del("ETag")
			cut(w, r, 0, 100)
			return true
		}},
		{name: "500 twice", how: func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n < 3 {
				http.Error(w, "no", http.StatusInternalServerError)
			}
			return n < 3
		}},
		{name: "500 for ever", err: "500", how: func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "no", http.StatusInternalServerError)
			return true
		}},
		{name: "403", err: "403", how: func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "no", http.StatusForbidden)
			return true
		}},
		{name: "slow", err: "no byte within", how: func(_ int, w http.ResponseWriter, r *http.Request) bool {
			w.Write(body[:10])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return true
		}},
		{name: "redirected in a circle", err: "redirected more than", how: func(_ int, w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
			return true
		}},
		{name: "a page instead of a zip", err: "zip", how: func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			fmt.Fprint(w, "<html>log in</html>")
			return true
		}},
		{name: "shorter than a zip", err: "zip", how: func(_ int, w http.ResponseWriter, _ *http.Request) bool { w.Write(body[:len(body)/2]); return true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			url, _ := export(t, body, c.how)
			o := options(t, url)
			before := []byte("what was there")
			if c.err != "" {
				if err := os.WriteFile(o.To, before, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			info, err := Update(t.Context(), o)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want one with %q", err, c.err)
				}
				if now, _ := os.ReadFile(o.To); !bytes.Equal(now, before) {
					t.Error("a failed update changed what was there")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if info.Records != len(big) || info.Ecosystems["pypi"] != len(big) {
				t.Errorf("database has %d records, want %d", info.Records, len(big))
			}
		})
	}
}

// TestExportAgain asks for a file that has not changed, and for one ecosystem that is missing.
func TestExportAgain(t *testing.T) {
	body := zipOf(t, recordOf("PYSEC-2026-1", "PyPI", "a", "1.0", "2026-11-01T00:00:00Z"))
	bodies := 0
	url, n := export(t, body, func(_ int, _ http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("If-None-Match") == "" {
			bodies++
		}
		return false
	})
	o := options(t, url)
	o.Ecosystems = []string{"pypi", "npm"}
	var notes []string
	o.Note = func(s string) { notes = append(notes, s) }
	for range 2 {
		if _, err := Update(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if n.Load() != 2 || bodies != 1 {
		t.Errorf("%d requests, %d of them for the whole file; want 2 and 1", n.Load(), bodies)
	}
	if s := strings.Join(notes, "\n"); !strings.Contains(s, "npm: no advisories") || !strings.Contains(s, "neither signed nor encrypted") {
		t.Errorf("notes are %q", s)
	}
}

func TestMaliciousZips(t *testing.T) {
	var bomb bytes.Buffer
	z := zip.NewWriter(&bomb)
	w, _ := z.Create("a.json")
	zeros := make([]byte, 1<<20)
	for range 64 {
		w.Write(zeros)
	}
	z.Close()
	for name, body := range map[string][]byte{
		"bomb":       bomb.Bytes(),
		"no records": zipOf(t, `{"a":1}`, "x"),
		"empty":      zipOf(t),
	} {
		url, _ := export(t, body, nil)
		o := options(t, url)
		if _, err := Update(t.Context(), o); err == nil {
			t.Errorf("%s: taken", name)
		}
		if _, err := os.Stat(o.To); err == nil {
			t.Errorf("%s: left a database", name)
		}
	}
}

func TestRedirectToPlainText(t *testing.T) {
	plain := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "x") })
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, plain, http.StatusFound) }))
	defer s.Close()
	h := s.Client()
	h.CheckRedirect = redirects
	c := Client{HTTP: h, Attempts: 1}
	if _, err := c.get(t.Context(), s.URL, 10); err == nil || !strings.Contains(err.Error(), "https to http") {
		t.Errorf("error %v", err)
	}
}

// TestRepository publishes, updates, and plays a server that cheats.
func TestRepository(t *testing.T) {
	repo, keys := t.TempDir(), filepath.Join(t.TempDir(), "keys")
	publish := func(now time.Time, db string) {
		t.Helper()
		if err := Publish(Publication{Folder: repo, Keys: keys, Database: db, Now: now}); err != nil {
			t.Fatal(err)
		}
	}
	one := database(t, recordOf("PYSEC-2026-1", "PyPI", "a", "1.0", "2026-11-01T00:00:00Z"))
	two := database(t, recordOf("PYSEC-2026-1", "PyPI", "a", "1.0", "2026-11-01T00:00:00Z"), recordOf("PYSEC-2026-2", "PyPI", "b", "1.0", "2026-11-02T00:00:00Z"))
	publish(day, one)
	first := map[string][]byte{}
	for _, n := range []string{"timestamp.json", "1.targets.json"} {
		first[n], _ = os.ReadFile(filepath.Join(repo, n))
	}
	swap := map[string][]byte{}
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if b, ok := swap[strings.TrimPrefix(r.URL.Path, "/")]; ok {
			w.Write(b)
			return
		}
		http.FileServer(http.Dir(repo)).ServeHTTP(w, r)
	})
	o := options(t, url)
	if _, err := Update(t.Context(), o); err == nil || !strings.Contains(err.Error(), "--root") {
		t.Fatalf("without a root: %v", err)
	}
	o.Root = filepath.Join(repo, "1.root.json")
	update := func(records int, want error) {
		t.Helper()
		info, err := Update(t.Context(), o)
		if want != nil {
			if !errors.Is(err, want) {
				t.Errorf("error %v, want %v", err, want)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if info.Records != records {
			t.Errorf("database has %d records, want %d", info.Records, records)
		}
	}
	update(1, nil)
	o.Root = ""
	publish(day.Add(time.Hour), two)
	o.Now = day.Add(2 * time.Hour)
	update(2, nil)
	update(2, nil) // nothing new

	swap["timestamp.json"] = first["timestamp.json"]
	update(0, ErrRollback)
	delete(swap, "timestamp.json")
	o.Now = day.Add(8 * 24 * time.Hour)
	update(0, ErrExpired) // frozen
	publish(o.Now, "")
	update(2, nil) // signed anew

	// another publisher's files in the same place
	foreign := t.TempDir()
	if err := Publish(Publication{Folder: foreign, Keys: filepath.Join(foreign, "keys"), Database: one, Now: o.Now}); err != nil {
		t.Fatal(err)
	}
	swap["timestamp.json"], _ = os.ReadFile(filepath.Join(foreign, "timestamp.json"))
	update(0, ErrSignature)
	delete(swap, "timestamp.json")
	swap["2.root.json"], _ = os.ReadFile(filepath.Join(foreign, "1.root.json"))
	update(0, ErrSignature)
	delete(swap, "2.root.json")

	// the timestamp's key is replaced: a new root, signed by the old root's key
	if err := os.Remove(filepath.Join(keys, "timestamp.pem")); err != nil {
		t.Fatal(err)
	}
	publish(o.Now, two)
	if _, err := os.Stat(filepath.Join(repo, "2.root.json")); err != nil {
		t.Fatal("no new root was made")
	}
	update(2, nil)

	// bytes that are not what was signed; the old database stays
	three := database(t, recordOf("PYSEC-2026-3", "PyPI", "c", "1.0", "2026-11-03T00:00:00Z"))
	publish(o.Now, three)
	files, _ := filepath.Glob(filepath.Join(repo, "targets", "*.db"))
	if len(files) < 3 {
		t.Fatalf("%d databases are published", len(files))
	}
	whole := map[string][]byte{}
	for _, f := range files {
		whole[f], _ = os.ReadFile(f)
		bad := bytes.Clone(whole[f])
		bad[len(bad)-1] ^= 1
		os.WriteFile(f, bad, 0o644)
	}
	if _, err := Update(t.Context(), o); err == nil || !strings.Contains(err.Error(), "not the one that was signed") {
		t.Errorf("changed bytes: %v", err)
	}
	for f, b := range whole {
		os.WriteFile(f, append(b, 'x'), 0o644)
	}
	if _, err := Update(t.Context(), o); err == nil || !strings.Contains(err.Error(), "are taken") {
		t.Errorf("longer than signed: %v", err)
	}
	if info, err := advisory.Describe(o.To); err != nil || info.Records != 2 {
		t.Errorf("the old database did not stay: %v", err)
	}
	for f, b := range whole {
		os.WriteFile(f, b, 0o644)
	}
	update(1, nil)
	// leaving out the signatures is no way around them
	os.Remove(filepath.Join(repo, "timestamp.json"))
	if _, err := Update(t.Context(), o); err == nil {
		t.Error("a repository without its timestamp was taken")
	}
}

func TestFolders(t *testing.T) {
	dir := t.TempDir()
	os.MkdirAll(filepath.Join(dir, "PyPI"), 0o755)
	os.WriteFile(filepath.Join(dir, "PyPI", "all.zip"), zipOf(t, recordOf("PYSEC-2026-1", "PyPI", "a", "1.0", "2026-11-01T00:00:00Z")), 0o644)
	for _, from := range []string{dir, "file://" + dir, filepath.Join(dir, "PyPI", "all.zip"), database(t, recordOf("PYSEC-2026-1", "PyPI", "a", "1.0", "2026-11-01T00:00:00Z"))} {
		o := options(t, from)
		if info, err := Update(t.Context(), o); err != nil || info.Records != 1 {
			t.Errorf("%s: %v", from, err)
		}
	}
	for _, from := range []string{"ftp://example.org/x", "http://", filepath.Join(dir, "absent"), "http://example.org/?a"} {
		if _, err := Update(t.Context(), options(t, from)); err == nil {
			t.Errorf("%s: taken", from)
		}
	}
}
