package mlflow

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

// FuzzPath: whatever passes stays below its folder, however often a server decodes it, joins it or cuts something off.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"model/x", "../x", "%2e%2e/x", "a/%252e%252e%252fb", "a#b", "file:///x", "..;/x", ` ..\x`, "a/./b", "%00", "x/.. /y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if testPath("path", p) != nil {
			return
		}
		for range 6 {
			for _, read := range []string{p, strings.ReplaceAll(p, `\`, "/"), strings.SplitN(p, "?", 2)[0], strings.SplitN(p, "#", 2)[0], strings.SplitN(p, ";", 2)[0], strings.TrimSpace(p)} {
				if at := path.Join("/runs/1/artifacts", read); at != "/runs/1/artifacts" && !strings.HasPrefix(at, "/runs/1/artifacts/") || strings.HasPrefix(read, "/") {
					t.Fatalf("%q leads to %q", p, at)
				}
			}
			again, err := url.PathUnescape(p)
			if err != nil || again == p {
				return
			}
			p = again
		}
	})
}

// FuzzExport: reading spans never fails otherwise than with an error, and the ids are ids.
func FuzzExport(f *testing.F) {
	span := []byte{0x0a, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	f.Add(append([]byte{0x0a, 22, 0x12, 20, 0x12, 18}, span...))
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{0x08, 1, 0x15, 0, 0, 0, 0, 0x19, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		ids, err := tracesOf(b)
		for id := range ids {
			if len(id) != 32 || !isID("tr-"+id) {
				t.Fatalf("the id %q of %x (%v)", id, b, err)
			}
		}
	})
}

// FuzzURI: whatever lies within a root does so for every way to read it that MLflow has had.
func FuzzURI(f *testing.F) {
	for _, s := range []string{"s3://b/t/x", "mlflow-artifacts:/0/r/artifacts/m", "file:///srv/x", "/srv/x", "s3://b/t/../x", "http:///?/../x", "s3://b/t#/../../x", "s3:/b/t/x", "S3://B/t", "//b/t"} {
		f.Add(s, "s3://b/t")
	}
	f.Fuzz(func(t *testing.T, v, r string) {
		root, err := parseURI("root", r)
		if err != nil {
			return
		}
		u, err := parseURI("source", v)
		if err != nil || !u.within(root) {
			return
		}
		a, err := url.Parse(v)
		b, err2 := url.Parse(r)
		if err != nil || err2 != nil {
			return // no reader takes it
		}
		below := path.Clean("/" + a.Path)
		under := strings.TrimSuffix(path.Clean("/"+b.Path), "/")
		if !strings.EqualFold(a.Scheme, b.Scheme) || !strings.EqualFold(a.Host, b.Host) || a.Opaque == "" && below != under && !strings.HasPrefix(below, under+"/") {
			t.Fatalf("%q counts as below %q, but is read as %q and %q", v, r, below, under)
		}
	})
}
