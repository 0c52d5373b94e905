package resolve

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weir"
)

// shelf is a package index on a loopback port: wheels by file name, served as JSON or HTML, with metadata beside them or in them alone.
type shelf struct {
	*httptest.Server
	wheels map[string][]byte // by file name
	html   bool
	core   bool // metadata beside the wheels (PEP 658)
	ranges bool
	yanked map[string]bool
	python map[string]string // requires-python by file name
	mu     sync.Mutex
	asked  []string
}

func newShelf(t *testing.T) *shelf {
	s := &shelf{wheels: map[string][]byte{}, yanked: map[string]bool{}, python: map[string]string{}, core: true, ranges: true}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

// add puts a release on the shelf.
func (s *shelf) add(name, version string, requires ...string) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	info := fmt.Sprintf("%s-%s.dist-info/", name, version)
	meta := fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, version)
	var extras []string
	for _, r := range requires {
		meta += "Requires-Dist: " + r + "\n"
		if _, x, ok := strings.Cut(r, `extra == "`); ok {
			extras = append(extras, "Provides-Extra: "+x[:strings.IndexByte(x, '"')]+"\n")
		}
	}
	meta += strings.Join(extras, "") + "\nRequires-Dist: in-the-text-below\n"
	for _, m := range []struct{ name, text string }{
		{info + "METADATA", meta}, {info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}, {info + "RECORD", ""},
	} {
		w, _ := z.Create(m.name)
		w.Write([]byte(m.text))
	}
	z.Close()
	file := fmt.Sprintf("%s-%s-py3-none-any.whl", name, version)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wheels[file] = b.Bytes()
	s.wheels[file+".metadata"] = []byte(meta)
	return file
}

func (s *shelf) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock() // pip is another process: nothing else orders what it asks after what was put here
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.URL.Path)
	if name, ok := strings.CutPrefix(r.URL.Path, "/files/"); ok {
		b, ok := s.wheels[name]
		switch {
		case !ok:
			http.NotFound(w, r)
		case s.ranges:
			http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
		default:
			w.Write(b)
		}
		return
	}
	name := strings.Trim(strings.TrimPrefix(r.URL.Path, "/simple/"), "/")
	type listed struct {
		Filename string `json:"filename"`
		URL      string `json:"url"`
		Requires string `json:"requires-python,omitempty"`
		Yanked   bool   `json:"yanked"`
		Core     bool   `json:"core-metadata"`
		Hashes   struct {
		} `json:"hashes"`
	}
	var files []listed
	for f := range s.wheels {
		if strings.HasPrefix(f, name+"-") && !strings.HasSuffix(f, ".metadata") {
			files = append(files, listed{Filename: f, URL: "../../files/" + f, Requires: s.python[f], Yanked: s.yanked[f], Core: s.core})
		}
	}
	if len(files) == 0 {
		http.NotFound(w, r)
		return
	}
	if !s.html {
		w.Header().Set("Content-Type", "application/vnd.pypi.simple.v1+json")
		json.NewEncoder(w).Encode(map[string]any{"meta": map[string]string{"api-version": "1.0"}, "name": name, "files": files})
		return
	}
	w.Header().Set("Content-Type", "text/html")
	fmt.Fprint(w, "<!DOCTYPE html><html><body>")
	for _, f := range files {
		attr := ""
		if f.Yanked {
			attr += ` data-yanked="broken"`
		}
		if f.Requires != "" {
			attr += fmt.Sprintf(` data-requires-python="%s"`, strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(f.Requires))
		}
		fmt.Fprintf(w, `<a href="%s#sha256=00"%s>%s</a>`, f.URL, attr, f.Filename)
	}
	fmt.Fprint(w, "</body></html>")
}

// requirement reads the plain forms that these tests write: name, extras, constraint, marker.
func requirement(s string) weir.Requirement {
	q := weir.Requirement{Ecosystem: "pypi", Text: s, State: weir.PinRange, Origin: weir.OriginManifest}
	if rest, bound := strings.CutPrefix(s, "-c "); bound {
		s, q.Origin = rest, weir.OriginConstraint
	}
	body, marker, _ := strings.Cut(s, ";")
	q.Marker, body = strings.TrimSpace(marker), strings.TrimSpace(body)
	end := strings.IndexAny(body+" ", " <>=!~[")
	q.Name, body = body[:end], strings.TrimSpace(body[end:])
	if strings.HasPrefix(body, "[") {
		list, rest, _ := strings.Cut(body[1:], "]")
		q.Extras, body = strings.Split(list, ","), strings.TrimSpace(rest)
	}
	switch v, exact := strings.CutPrefix(body, "=="); {
	case body == "":
		q.State = weir.PinAny
	case exact && !strings.ContainsAny(v, ",*"):
		q.State, q.Version = weir.PinExact, v
	default:
		q.Range = body
	}
	return q
}

func resolver(t *testing.T, s *shelf, python string) *Resolver {
	t.Helper()
	r, err := New(Config{Index: s.URL + "/simple", Python: python, Parse: requirement})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func resolved(t *testing.T, s *shelf, python string, direct ...string) (texts []string, all []weir.Requirement, err error) {
	t.Helper()
	var list []weir.Requirement
	for _, d := range direct {
		list = append(list, requirement(d))
	}
	all, err = resolver(t, s, python).Resolve(context.Background(), list)
	for _, q := range all {
		texts = append(texts, strings.TrimSpace(q.Text+" "+strings.Join(q.Chain, ">")))
	}
	return texts, all, err
}

// TestResolve tries what makes resolving more than a walk: conflicts that need going back, extras, markers, yanked and pre-releases, the
// Python that a release wants, and the three ways in which an index can tell what a wheel needs.
func TestResolve(t *testing.T) {
	fill := func(s *shelf) {
		s.add("app", "2.0", "lib>=2", "old<2", `win ; sys_platform == "win32"`, `more ; extra == "x"`)
		s.add("app", "1.0", "lib>=1", "old<2")
		s.add("lib", "2.0", "old>=2")
		s.add("lib", "1.5", "old>=1")
		s.add("lib", "3.0rc1")
		s.add("old", "1.0")
		s.add("old", "2.0")
		s.add("more", "1.0", "app")
		s.yanked[s.add("more", "2.0")] = true
		s.python[s.add("more", "3.0")] = ">=3.14"
		s.add("only", "1.0a1")
		s.add("win", "1.0")
	}
	for _, way := range []string{"metadata", "ranges", "whole wheels", "html"} {
		t.Run(way, func(t *testing.T) {
			s := newShelf(t)
			fill(s)
			s.core, s.ranges, s.html = way == "metadata", way != "whole wheels", way == "html"
			for _, tt := range []struct {
				direct string
				want   string
				err    string
			}{
				{direct: "app", want: "app==1.0, lib==1.5 app, old==1.0 app"},
				{direct: "app[x]==1.0", want: "app==1.0, lib==1.5 app, old==1.0 app"},
				{direct: "more", want: "more==1.0, app==1.0 more, lib==1.5 more>app, old==1.0 more>app"},
				{direct: "more==2.0", want: "more==2.0"},
				{direct: "only", want: "only==1.0a1"},
				{direct: "lib==3.0rc1|win ; python_version < '3'", want: "lib==3.0rc1"},
				{direct: "app>=1|-c lib<1.9", want: "app==1.0, lib==1.5 app, old==1.0 app"},
				{direct: "lib|-c lib<1", err: "lib"},
				{direct: "app>=2", err: "old"},
				{direct: "nowhere", err: "nowhere"},
			} {
				got, _, err := resolved(t, s, "3.12", strings.Split(tt.direct, "|")...)
				if tt.err != "" {
					if !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), tt.err) {
						t.Errorf("%s: got %v, %v", tt.direct, got, err)
					}
					continue
				}
				if err != nil || strings.Join(got, ", ") != tt.want {
					t.Errorf("%s: got %q, %v, want %q", tt.direct, got, err, tt.want)
				}
			}
		})
	}
}

// TestUntold: where only building would tell what a release needs, that is said and the rest is resolved.
func TestUntold(t *testing.T) {
	s := newShelf(t)
	s.add("app", "1.0", "sdist", "web @ https://example.org/web-1.0.whl")
	s.wheels["sdist-1.0.tar.gz"] = []byte("x")
	got, all, err := resolved(t, s, "3.12", "app")
	if err != nil || len(got) != 4 {
		t.Fatalf("got %q, %v", got, err)
	}
	reasons := 0
	for _, q := range all {
		if q.State == weir.PinUnresolved {
			reasons++
			if q.Reason == "" {
				t.Errorf("%q is unresolved without a reason", q.Text)
			}
		}
	}
	if reasons != 2 {
		t.Errorf("%d reasons in %+v, want 2", reasons, all)
	}
	for _, path := range s.asked {
		if strings.HasSuffix(path, ".tar.gz") {
			t.Errorf("a source archive was fetched: %s", path)
		}
	}
}

// TestHostile: an index may lie; every answer ends in an error or a reason, and its credentials go nowhere else.
func TestHostile(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the credentials of the index went to another host")
		}
		fmt.Fprint(w, "Requires-Dist: x\n")
	}))
	defer other.Close()
	for name, answer := range map[string]string{
		"no json":       `{"files": [`,
		"foreign host":  `{"files": [{"filename": "a-1.0-py3-none-any.whl", "url": "` + other.URL + `/a-1.0-py3-none-any.whl", "core-metadata": true}]}`,
		"file scheme":   `{"files": [{"filename": "a-1.0-py3-none-any.whl", "url": "file:///etc/passwd"}]}`,
		"empty answers": ``,
	} {
		auth := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, _, ok := r.BasicAuth(); ok {
				auth++
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, answer)
		}))
		r, err := New(Config{Index: strings.Replace(s.URL, "http://", "http://ann:secret@", 1), Python: "3.12", Parse: requirement})
		if err != nil {
			t.Fatal(err)
		}
		out, err := r.Resolve(context.Background(), []weir.Requirement{requirement("a")})
		if (err == nil) != (name == "foreign host") {
			t.Errorf("%s: %+v, %v", name, out, err)
		} else if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the password is shown: %v", name, err)
		}
		if auth == 0 {
			t.Errorf("%s: the index did not get its credentials", name)
		}
		s.Close()
	}
	for _, cfg := range []Config{{Index: "file:///x", Python: "3.12"}, {Index: "https://index.example.org", Python: "three"}, {Python: "3.12"}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}

// TestLikePip compares with pip itself on indexes made up at random: the same closure, or no answer from both.
func TestLikePip(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "-c", "import platform; print(platform.python_version())").Output()
	if err != nil {
		t.Fatal(err)
	}
	full := strings.TrimSpace(string(out))
	both, none := 0, 0
	for seed := range uint64(6) {
		s := newShelf(t)
		direct := randomIndex(s, rand.New(rand.NewPCG(seed, 1)))
		want, failed := pip(t, python, s.URL, direct)
		got, _, err := resolved(t, s, full, direct...)
		for i := range got {
			got[i], _, _ = strings.Cut(got[i], " ")
		}
		slices.Sort(got)
		switch {
		case failed && err != nil:
			none++
		case failed != (err != nil):
			t.Errorf("seed %d: %q: weir says %q, %v, pip %q, failed %v", seed, direct, got, err, want, failed)
		case !slices.Equal(got, want):
			t.Errorf("seed %d: %q: weir says %q, pip %q", seed, direct, got, want)
		default:
			both++
		}
	}
	if both < 2 {
		t.Errorf("only %d closures were compared, %d had none", both, none)
	}
}

// randomIndex makes a dozen packages with a few releases each, which need each other in random ranges.
func randomIndex(s *shelf, r *rand.Rand) (direct []string) {
	const packages = 12
	name := func(i int) string { return fmt.Sprintf("p%c", 'a'+i) }
	need := func(i int) string {
		switch v := r.IntN(3) + 1; r.IntN(5) {
		case 0:
			return fmt.Sprintf("%s>=%d", name(i), v)
		case 1:
			return fmt.Sprintf("%s<%d", name(i), v+1)
		case 2:
			return fmt.Sprintf("%s!=%d.0", name(i), v)
		case 3:
			return fmt.Sprintf("%s[x]", name(i))
		}
		return name(i)
	}
	for i := range packages {
		for v := range 1 + r.IntN(4) {
			var needs []string
			for range r.IntN(3) {
				if j := r.IntN(packages); j != i {
					needs = append(needs, need(j))
				}
			}
			needs = append(needs, need((i+1)%packages)+` ; extra == "x"`, name((i+2)%packages)+` ; python_version < "3"`)
			s.add(name(i), fmt.Sprintf("%d.0", v+1), needs...)
		}
	}
	for range 2 + r.IntN(2) {
		direct = append(direct, need(r.IntN(packages)))
	}
	return direct
}

// pip resolves without installing, and says whether it found no answer.
func pip(t *testing.T, python, index string, direct []string) (names []string, failed bool) {
	t.Helper()
	report := filepath.Join(t.TempDir(), "report.json")
	args := append([]string{
		"-m", "pip", "--isolated", "--disable-pip-version-check", "--no-cache-dir", "-q", "install", "--dry-run", "--ignore-installed", "--report", report,
		"--index-url", index + "/simple",
	}, direct...)
	cmd := exec.Command(python, args...)
	cmd.Env = append(os.Environ(), "PIP_FIND_LINKS=", "PIP_NO_INDEX=", "no_proxy=127.0.0.1")
	said, err := cmd.CombinedOutput()
	if err != nil {
		if !bytes.Contains(said, []byte("ResolutionImpossible")) && !bytes.Contains(said, []byte("No matching distribution")) {
			t.Fatalf("pip: %v\n%s", err, said)
		}
		return nil, true
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Install []struct {
			Metadata struct{ Name, Version string }
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	for _, i := range doc.Install {
		names = append(names, i.Metadata.Name+"=="+i.Metadata.Version)
	}
	slices.Sort(names)
	return names, false
}

func FuzzMarker(f *testing.F) {
	for _, s := range []string{
		`python_version < "3.9"`, `extra == 'x' and (os_name != "nt" or sys_platform in "linux darwin")`, `not in`, `"3" <= python_full_version`, `((((`, `extra==""`,
	} {
		f.Add(s)
	}
	e := newEnvironment("3.12")
	f.Fuzz(func(t *testing.T, s string) {
		holds, err := e.holds(s, []string{"x"})
		if holds && err != nil {
			t.Errorf("%q holds, and cannot be read: %v", s, err)
		}
	})
}
