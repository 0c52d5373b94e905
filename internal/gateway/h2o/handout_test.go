package h2o_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestModelsGoOutJudged: a model that lay in the server before there was a gate goes out only when a scan finds nothing, and what is refused is
// not written to a folder either. Honest models go out by every route.
func TestModelsGoOutJudged(t *testing.T) {
	h := newHouse(t, real[1]) // the newer one sells MOJOs apart
	if out, err := h.Run("role", "add", "ann", "reader", "--name", "old-*"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	good, err := os.ReadFile(samples(t, "benign/h2o/mojo", "gbm.mojo.zip")[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []struct {
		key     string
		content []byte
	}{{"old-good", good}, {"old-bad", withMember(t, good, "extra.pkl", "cos\nsystem\n(S'echo canary'\ntR.")}} {
		h.bare(t, "POST", "/3/PostFile?destination_frame=raw_"+m.key, string(m.content))
		job := jobOf(h.bare(t, "POST", "/3/ModelBuilders/generic", "model_id="+m.key+"&model_key=raw_"+m.key))
		eventually(t, m.key+" becomes no model", func() bool {
			return strings.Contains(h.bare(t, "GET", "/3/Jobs/"+url.PathEscape(job), ""), `"status":"DONE"`)
		})
	}
	for _, c := range []struct {
		path string
		want int
	}{
		{"/3/Models/old-bad/mojo", http.StatusUnprocessableEntity}, {"/3/Models/old-good/mojo", http.StatusOK},
		{"/99/Models.mojo/old-bad?dir=" + filepath.Join(h.out, "bad.zip"), http.StatusUnprocessableEntity},
		{"/99/Models.mojo/old-good?dir=" + filepath.Join(h.out, "good.zip"), http.StatusOK},
	} {
		bare := h.bare(t, "GET", strings.ReplaceAll(c.path, ".zip", ".bare.zip"), "")
		if status, body := h.ask(t, "GET", c.path, nil, ""); status != c.want || status == http.StatusOK && strings.HasSuffix(c.path, "/mojo") && len(body) != len(bare) {
			t.Errorf("%s is answered with %d and %d bytes, want %d and %d: %.300q", c.path, status, len(body), c.want, len(bare), body)
		}
	}
	if _, err := os.Stat(filepath.Join(h.out, "bad.zip")); err == nil {
		t.Error("what may not go out was written to a folder")
	}
	if _, err := os.Stat(filepath.Join(h.out, "good.zip")); err != nil {
		t.Error(err)
	}
}

// withMember is a zip archive with one more member.
func withMember(t *testing.T, archive []byte, name, text string) []byte {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range r.File {
		if err := z.Copy(f); err != nil {
			t.Fatal(err)
		}
	}
	w, err := z.Create(name)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
