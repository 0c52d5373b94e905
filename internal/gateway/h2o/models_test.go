package h2o_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/internal/gateway/gatetest"
)

// ask sends a request through the gate as ann.
func (h *house) ask(t *testing.T, method, path string, body []byte, kind string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, h.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("Authorization", h.Accounts["ann"].Bearer())
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func (h *house) form(t *testing.T, path string, pairs ...string) (int, string) {
	t.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return h.ask(t, "POST", path, []byte(v.Encode()), "application/x-www-form-urlencoded")
}

// models lists what the server has, past the gate.
func (h *house) models(t *testing.T) []string {
	t.Helper()
	res, err := http.Get(h.server.URL + "/3/Models")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var list struct {
		Models []struct {
			ModelID struct{ Name string } `json:"model_id"`
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range list.Models {
		names = append(names, m.ModelID.Name)
	}
	return names
}

// samples gives the files below a folder of testdata with these endings.
func samples(t *testing.T, folder string, endings ...string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(filepath.Join(gatetest.Root(), "testdata", folder), func(p string, d os.DirEntry, err error) error {
		for _, e := range endings {
			if err == nil && d.Type().IsRegular() && strings.HasSuffix(p, e) {
				files = append(files, p)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("there is nothing in testdata/%s", folder)
	}
	return files
}

// TestMaliciousModels: no malicious model of the corpus becomes a model, by whatever way it comes: upload_model, upload_mojo, load_model, import_mojo.
func TestMaliciousModels(t *testing.T) {
	h := newHouse(t, real[0])
	held := 0
	for i, f := range samples(t, "malicious/h2o", ".bin", ".zip", ".java") {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.Map(func(r rune) rune {
			if strings.ContainsRune("-+ ", r) {
				return '_'
			}
			return r
		}, filepath.Base(f))
		status, body := h.ask(t, "POST", "/3/PostFile?destination_frame=shared-"+name, content, "")
		if status == http.StatusUnprocessableEntity {
			held++
		} else if status != http.StatusOK {
			t.Errorf("%s: the upload is answered with %d: %.300s", f, status, body)
		}
		if err := os.WriteFile(filepath.Join(h.in, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
		tries := [][]string{{"/99/Models.upload.bin/", "dir", "shared-" + name}, {"/3/ModelBuilders/generic", "model_key", "shared-" + name}}
		if i%6 == 0 || os.Getenv("WEIR_GATE_ALL") != "" { // the same bytes are judged in the same way, so a few are enough here
			tries = append(tries, []string{"/99/Models.bin/", "dir", filepath.Join(h.in, name)}, []string{"/3/ModelBuilders/generic", "path", filepath.Join(h.in, name)})
		}
		for _, try := range tries {
			if status, body := h.form(t, try[0], try[1:]...); status < 400 {
				t.Errorf("%s: %s %s is answered with %d: %.300s", f, try[0], try[2], status, body)
			}
		}
		if i%20 == 0 {
			if got := h.models(t); len(got) > 0 {
				t.Fatalf("after %s the server has the models %q", f, got)
			}
		}
	}
	if got := h.models(t); len(got) > 0 {
		t.Errorf("the server has the models %q", got)
	}
	if left, _ := filepath.Glob(filepath.Join(h.server.Dir, "*canary*")); len(left) > 0 {
		t.Errorf("a payload wrote %q", left)
	}
	out, err := h.Run("quarantine", "list")
	if err != nil || strings.Count(out, "\n") < held/2 {
		t.Errorf("%d uploads were held back, but the quarantine says: %v\n%s", held, err, out)
	}
	t.Logf("%d uploads were held back", held)
}

// TestBenignModels: real models come in, by upload and from a path.
func TestBenignModels(t *testing.T) {
	h := newHouse(t, real[0])
	want := 0
	for _, f := range samples(t, "benign/h2o/"+real[0], "gbm-regression.bin", "glm.bin", "kmeans.bin", "drf.bin", "naivebayes.bin", "pca.bin") {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(f)
		if status, body := h.ask(t, "POST", "/3/PostFile?destination_frame=up_"+name, content, ""); status != http.StatusOK {
			t.Errorf("%s: %d %.300s", name, status, body)
			continue
		}
		if status, body := h.form(t, "/99/Models.upload.bin/", "dir", "up_"+name); status != http.StatusOK {
			t.Errorf("%s: upload_model is answered with %d %.300s", name, status, body)
			continue
		}
		want++
		if err := os.WriteFile(filepath.Join(h.in, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
		if status, body := h.form(t, "/99/Models.bin/", "dir", filepath.Join(h.in, name)); status != http.StatusOK {
			t.Errorf("%s: load_model is answered with %d %.300s", name, status, body)
		}
	}
	for _, f := range samples(t, "benign/h2o/mojo", "glm.mojo.zip", "gbm.mojo.zip", "drf.mojo.zip", "isolationforest.mojo.zip") {
		name := filepath.Base(f)
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if status, body := h.ask(t, "POST", "/3/PostFile?destination_frame=up_"+name, content, ""); status != http.StatusOK {
			t.Errorf("%s: %d %.300s", name, status, body)
			continue
		}
		if status, body := h.form(t, "/3/ModelBuilders/generic", "model_key", "up_"+name, "model_id", "m_"+name); status != http.StatusOK {
			t.Errorf("%s: upload_mojo is answered with %d %.300s", name, status, body)
			continue
		}
		want++
	}
	end := time.Now().Add(time.Minute)
	for len(h.models(t)) < want && time.Now().Before(end) {
		time.Sleep(200 * time.Millisecond)
	}
	if got := h.models(t); len(got) != want || want < 8 {
		t.Errorf("the server has %d models, want %d: %q", len(got), want, got)
	}
}

// TestUploadedFileChanges: what is restored are the bytes that were scanned, whatever lies at the path afterwards; a link out of the root is not
// followed; and a model does not take the place of another's.
func TestUploadedFileChanges(t *testing.T) {
	h := newHouse(t, real[0])
	content, err := os.ReadFile(samples(t, "benign/h2o/"+real[0], "gbm-regression.bin")[0])
	if err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "model.bin")
	if err := os.WriteFile(outside, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(h.in, "link.bin")); err != nil {
		t.Fatal(err)
	}
	if status, body := h.form(t, "/99/Models.bin/", "dir", filepath.Join(h.in, "link.bin")); status != http.StatusForbidden {
		t.Errorf("a link out of the root is answered with %d %.300s", status, body)
	}
	if status, body := h.form(t, "/3/ImportFiles", "path", filepath.Join(h.in, "link.bin")); status != http.StatusForbidden {
		t.Errorf("importing a link out of the root is answered with %d %.300s", status, body)
	}
	// Somebody else restores the model first, straight at the server: it is not ann's to overwrite.
	for _, step := range [][2]string{{"/3/PostFile?destination_frame=theirs", ""}, {"/99/Models.upload.bin/any", "dir=theirs"}} {
		body, kind := content, ""
		if step[1] != "" {
			body, kind = []byte(step[1]), "application/x-www-form-urlencoded"
		}
		r, err := http.NewRequest("POST", h.server.URL+step[0], bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("straight at the server, %s is answered with %d", step[0], res.StatusCode)
		}
	}
	if status, body := h.ask(t, "POST", "/3/PostFile?destination_frame=mine.bin", content, ""); status != http.StatusForbidden || !strings.Contains(body, "overwritten") {
		t.Errorf("a file with the model of somebody else is answered with %d %.300s", status, body)
	}
}
