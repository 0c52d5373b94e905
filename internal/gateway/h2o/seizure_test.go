package h2o_test

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// bare sends a request straight to the server, as somebody did before there was a gate; it must succeed.
func (h *house) bare(t *testing.T, method, path, body string) string {
	t.Helper()
	r, err := http.NewRequest(method, h.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(path, "/3/PostFile") && body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	b.ReadFrom(res.Body)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("straight at the server, %s %s is answered with %d %.500s", method, path, res.StatusCode, b.String())
	}
	return b.String()
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

const small = "a,b\n1,x\n2,y\n3,x\n4,y\n5,x\n6,y\n"

func parseForm(from, to string) string {
	return "destination_frame=" + to + "&source_frames=[\"" + from + "\"]&parse_type=CSV&separator=44&number_columns=2&check_header=1&" +
		"column_names=[\"a\",\"b\"]&column_types=[\"Numeric\",\"Enum\"]&delete_on_done=true&blocking=true"
}

// TestNothingIsSeized: what was there before and belongs to nobody does not become the caller's by requests that only read it.
func TestNothingIsSeized(t *testing.T) {
	h := newHouse(t, real[0])
	if out, err := h.Run("role", "add", "ann", "reader", "--name", "open-*"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	h.bare(t, "POST", "/3/PostFile?destination_frame=open-raw", small)
	h.bare(t, "POST", "/3/Parse", parseForm("open-raw", "open-frame"))
	status, body := h.form(t, "/3/Frames/open-frame/export", "path", filepath.Join(h.out, "open.csv"))
	if status != http.StatusOK {
		t.Fatalf("the export of a frame that one may read is answered with %d %.300s", status, body)
	}
	job := jobOf(body)
	eventually(t, "the export does not end", func() bool {
		status, body = h.ask(t, "GET", "/3/Jobs/"+url.PathEscape(job), nil, "")
		return status != http.StatusOK || strings.Contains(body, `"status":"DONE"`)
	})
	if status != http.StatusOK {
		t.Errorf("the job of one's own export is answered with %d %.300s", status, body)
	}
	if status, body := h.ask(t, "DELETE", "/3/Frames/open-frame", nil, ""); status != http.StatusForbidden {
		t.Errorf("who exported a frame may delete it: %d %.300s", status, body)
	}
	// A grid that was there before.
	answer := h.bare(t, "POST", "/99/Grid/glm", "grid_id=open-grid&training_frame=open-frame&response_column=a&hyper_parameters={\"lambda\":[0]}")
	eventually(t, "the grid is not made", func() bool {
		return strings.Contains(h.bare(t, "GET", "/3/Jobs/"+url.PathEscape(jobOf(answer)), ""), `"status":"DONE"`)
	})
	if status, body := h.ask(t, "POST", "/3/PostFile?destination_frame=own-raw", []byte(small), ""); status != http.StatusOK {
		t.Fatalf("%d %.300s", status, body)
	}
	if status, body := h.ask(t, "POST", "/3/Parse", []byte(parseForm("own-raw", "own-frame")), "application/x-www-form-urlencoded"); status != http.StatusOK {
		t.Fatalf("%d %.300s", status, body)
	}
	status, body = h.form(t, "/99/Grid/glm", "grid_id", "open-grid", "training_frame", "own-frame", "response_column", "a", "hyper_parameters", `{"lambda":[0]}`)
	if status != http.StatusForbidden {
		t.Errorf("a grid of nobody's goes on for somebody: %d %.300s", status, body)
	}
	if status, body := h.form(t, "/99/Grid/glm", "grid_id", "own-grid", "training_frame", "own-frame", "response_column", "a", "hyper_parameters", `{"lambda":[0]}`); status != http.StatusOK {
		t.Errorf("a grid of one's own is answered with %d %.300s", status, body)
	}
}

func jobOf(body string) string {
	i := strings.Index(body, `"name":"$`)
	if i < 0 {
		return ""
	}
	s := body[i+8:]
	return s[:strings.IndexByte(s, '"')]
}

// TestScannedBytesStay: what was scanned under a key cannot be exchanged for other bytes before a model is made of it.
func TestScannedBytesStay(t *testing.T) {
	h := newHouse(t, real[0])
	good, err := os.ReadFile(samples(t, "benign/h2o/mojo", "glm.mojo.zip")[0])
	if err != nil {
		t.Fatal(err)
	}
	other := []byte("no model at all")
	for _, up := range []struct {
		key  string
		body []byte
	}{{"good", good}, {"other", other}} {
		if status, body := h.ask(t, "POST", "/3/PostFile?destination_frame="+up.key, up.body, ""); status != http.StatusOK {
			t.Fatalf("%d %.300s", status, body)
		}
	}
	for _, ast := range []string{`(ifelse 1 (rename "other" "good") 0)`, `(cbind (rename "other" "good") (sum "x"))`, `(rename "other" "good")`, `(assign good (sum 1))`} {
		if status, body := h.form(t, "/99/Rapids", "ast", ast); status != http.StatusBadRequest {
			t.Errorf("%s is answered with %d %.300s", ast, status, body)
		}
	}
	if status, body := h.form(t, "/3/CreateFrame", "dest", "good", "rows", "3", "cols", "1"); status != http.StatusBadRequest {
		t.Errorf("a frame in the place of an upload is answered with %d %.300s", status, body)
	}
	if status, body := h.form(t, "/3/ModelBuilders/generic", "model_key", "good"); status != http.StatusOK {
		t.Errorf("a model of scanned bytes is answered with %d %.300s", status, body)
	}
	// From now on the server reads "good" whenever it likes.
	for _, step := range []struct {
		method string
		body   []byte
		want   int
	}{{"POST", other, http.StatusConflict}, {"POST", good, http.StatusOK}, {"DELETE", nil, http.StatusOK}, {"POST", other, http.StatusConflict}, {"POST", good, http.StatusOK}} {
		path := "/3/PostFile?destination_frame=good"
		if step.method == "DELETE" {
			path = "/3/Frames/good"
		}
		if status, body := h.ask(t, step.method, path, step.body, ""); status != step.want {
			t.Errorf("%s of %d bytes is answered with %d, want %d: %.300s", step.method, len(step.body), status, step.want, body)
		}
	}
	// Bytes of which nothing was made may be exchanged, and then count for what they are.
	if status, body := h.ask(t, "POST", "/3/PostFile?destination_frame=third", good, ""); status != http.StatusOK {
		t.Errorf("%d %.300s", status, body)
	}
	if status, body := h.ask(t, "POST", "/3/PostFile?destination_frame=third", other, ""); status != http.StatusOK {
		t.Errorf("%d %.300s", status, body)
	}
	if status, body := h.form(t, "/3/ModelBuilders/generic", "model_key", "third"); status != http.StatusUnprocessableEntity {
		t.Errorf("a model of bytes that are none is answered with %d %.300s", status, body)
	}
}

// TestCheckpointsOverwriteNothing: H2O writes a model over a file of its name, and below the folder of another name.
func TestCheckpointsOverwriteNothing(t *testing.T) {
	h := newHouse(t, real[0])
	if status, body := h.ask(t, "POST", "/3/PostFile?destination_frame=own-raw", []byte(small), ""); status != http.StatusOK {
		t.Fatalf("%d %.300s", status, body)
	}
	if status, body := h.ask(t, "POST", "/3/Parse", []byte(parseForm("own-raw", "own-frame")), "application/x-www-form-urlencoded"); status != http.StatusOK {
		t.Fatalf("%d %.300s", status, body)
	}
	prey, outside := filepath.Join(h.out, "prey"), t.TempDir()
	if err := os.WriteFile(prey, []byte("prey"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(h.out, "link")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		id, dir string
		want    int
	}{{"fresh", h.out, http.StatusOK}, {"prey", h.out, http.StatusForbidden}, {"fresh2", filepath.Join(h.out, "link"), http.StatusForbidden}, {"../escaped", h.out, http.StatusBadRequest}} {
		status, body := h.form(t, "/3/ModelBuilders/glm", "model_id", c.id, "training_frame", "own-frame", "response_column", "a", "family", "gaussian", "export_checkpoints_dir", c.dir)
		if status != c.want {
			t.Errorf("checkpoints of %q in %q are answered with %d, want %d: %.300s", c.id, c.dir, status, c.want, body)
		}
	}
	eventually(t, "no checkpoint is written", func() bool { _, err := os.Stat(filepath.Join(h.out, "fresh")); return err == nil })
	// H2O takes force for true where nothing is said of it.
	for _, c := range [][2]string{{"GET", "/99/Models.bin/fresh?dir=" + prey}, {"GET", "/99/Models/fresh/json?dir=" + prey}, {"GET", "/99/Models.bin/fresh?force=&dir=" + prey}} {
		if status, body := h.ask(t, c[0], c[1], nil, ""); status < 400 {
			t.Errorf("%s over a file is answered with %d %.300s", c[1], status, body)
		}
	}
	if b, err := os.ReadFile(prey); string(b) != "prey" {
		t.Errorf("the file was overwritten: %v %.40q", err, b)
	}
	// What the gate refuses is what the server does when it is asked directly.
	if h.bare(t, "GET", "/99/Models/fresh/json?dir="+prey, ""); func() bool { b, _ := os.ReadFile(prey); return string(b) == "prey" }() {
		t.Error("the server itself does not write over a file")
	}
	if err := os.WriteFile(prey, []byte("prey"), 0o644); err != nil {
		t.Fatal(err)
	}
	h.bare(t, "POST", "/3/ModelBuilders/glm", "model_id=prey&training_frame=own-frame&response_column=a&family=gaussian&export_checkpoints_dir="+h.out)
	eventually(t, "the server does not write over the file", func() bool { b, _ := os.ReadFile(prey); return string(b) != "prey" })
}

// TestFolderWithLinks: a folder is imported as a whole only when no link below it leads out of the roots.
func TestFolderWithLinks(t *testing.T) {
	h := newHouse(t, real[0])
	for _, dir := range []string{"a/b", "other"} {
		if err := os.MkdirAll(filepath.Join(h.in, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	outside := filepath.Join(t.TempDir(), "secret.csv")
	for _, f := range []string{outside, filepath.Join(h.in, "a", "b", "x.csv"), filepath.Join(h.in, "other", "y.csv")} {
		if err := os.WriteFile(f, []byte(small), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, at string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(h.in, at)); err != nil {
			t.Fatal(err)
		}
	}
	imported := func(path string) (int, string) { return h.form(t, "/3/ImportFiles", "path", filepath.Join(h.in, path)) }
	link(filepath.Join(h.in, "other"), "a/inside") // stays within the roots
	link(filepath.Join(h.in, "a"), "a/b/loop")
	if status, body := imported("other"); status != http.StatusOK || !strings.Contains(body, "y.csv") {
		t.Errorf("a folder is answered with %d %.300s", status, body)
	}
	if err := os.Remove(filepath.Join(h.in, "a/b/loop")); err != nil { // H2O itself would walk it without end
		t.Fatal(err)
	}
	if status, body := imported("a"); status != http.StatusOK || !strings.Contains(body, "x.csv") || !strings.Contains(body, "y.csv") {
		t.Errorf("a folder with a link that stays inside is answered with %d %.300s", status, body)
	}
	link(outside, "other/secret.csv") // behind the link that stays inside
	if !strings.Contains(h.bare(t, "POST", "/3/ImportFiles", "path="+filepath.Join(h.in, "a")), "secret.csv") {
		t.Error("the server itself does not follow the link")
	}
	if status, body := imported("a"); status != http.StatusForbidden {
		t.Errorf("a folder with a link that leads out is answered with %d %.300s", status, body)
	}
	if status, body := h.form(t, "/3/ImportFilesMulti", "paths", `["`+filepath.Join(h.in, "a")+`"]`); status != http.StatusForbidden {
		t.Errorf("among several: %d %.300s", status, body)
	}
}
