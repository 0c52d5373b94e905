package resolve

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"

	"weir"
	"weir/internal/version"
)

// Bounds of what an index may make a resolver read.
const (
	maxList     = 64 << 20 // bytes of one package's list of files
	maxMetadata = 8 << 20  // bytes of one METADATA file
	maxWheel    = 4 << 30  // bytes of a wheel whose directory is read by ranges
	maxRanges   = 64       // requests for one wheel
	maxFiles    = 200_000  // files of one package
)

// Config says which index is asked and for which Python.
type Config struct {
	// Index is the base of a simple repository API (PEP 503), read as JSON (PEP 691) or HTML. User and password may stand in it.
	Index  string
	Python string                        // "3.12"
	Client *http.Client                  // nil: one that honours the proxy variables and gives up on an answer after 60 s
	Parse  func(string) weir.Requirement // reads a requirement (PEP 508)
}

// New checks cfg.
func New(cfg Config) (*Resolver, error) {
	u, err := url.Parse(cfg.Index)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("package index %q is no http or https address", cfg.Index)
	}
	if u.Path == "" || u.Path[len(u.Path)-1] != '/' {
		u.Path += "/"
	}
	if !version.PEP440.Valid(cfg.Python) || strings.Count(cfg.Python, ".") < 1 {
		return nil, fmt.Errorf("python version %q is not like 3.12", cfg.Python)
	}
	client := cfg.Client
	if client == nil {
		client = &http.Client{Timeout: time.Minute}
	}
	return &Resolver{
		index: &index{base: u, client: client, lists: map[string][]release{}, meta: map[string]dependencies{}},
		env:   newEnvironment(cfg.Python), parse: cfg.Parse,
	}, nil
}

// release is one version of a package with the file whose metadata tells what it needs.
type release struct {
	name, version string
	requires      string // of Python
	wheel         string // address; empty: there are only source archives, whose needs only running them would tell
	metadata      string // address of the wheel's METADATA (PEP 658); empty: it must be taken out of the wheel
	yanked        bool
}

type dependencies struct {
	requires []string
	reason   string
}

type index struct {
	base   *url.URL
	client *http.Client
	lists  map[string][]release
	meta   map[string]dependencies
}

// file is one file of a package as the index lists it.
type file struct {
	Filename string          `json:"filename"`
	URL      string          `json:"url"`
	Requires string          `json:"requires-python"`
	Yanked   json.RawMessage `json:"yanked"`
	Core     json.RawMessage `json:"core-metadata"`
	Dist     json.RawMessage `json:"dist-info-metadata"`
}

// releases gives a package's releases, the newest first. A package that the index does not have has none.
func (x *index) releases(ctx context.Context, name string) ([]release, error) {
	if list, ok := x.lists[name]; ok {
		return list, nil
	}
	at := x.base.JoinPath(url.PathEscape(name) + "/")
	body, kind, err := x.get(ctx, at.String(), "application/vnd.pypi.simple.v1+json, text/html;q=0.1", maxList)
	var files []file
	switch {
	case errors.Is(err, errAbsent):
	case err != nil:
		return nil, err
	case strings.Contains(kind, "json"):
		var page struct {
			Files []file `json:"files"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, fmt.Errorf("%s: the index's answer is no JSON: %w", at.Redacted(), err)
		}
		files = page.Files
	default:
		files = anchors(body)
	}
	if len(files) > maxFiles {
		return nil, fmt.Errorf("%s: more than %d files", at.Redacted(), maxFiles)
	}
	list := gather(name, files, at)
	x.lists[name] = list
	return list, nil
}

// gather makes releases of files: of each version the wheel that says most surely what it needs, one for any machine before others.
func gather(name string, files []file, at *url.URL) []release {
	byVersion := map[string]*release{}
	var order []*release
	for _, f := range files {
		v, wheel := versionOf(name, f.Filename)
		if !version.PEP440.Valid(v) {
			continue
		}
		u, err := at.Parse(f.URL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" {
			continue
		}
		u.Fragment = ""
		key, _ := version.PEP440.Key(v)
		r := byVersion[string(key)]
		if r == nil {
			r = &release{name: name, version: v, yanked: true, requires: f.Requires}
			byVersion[string(key)] = r
			order = append(order, r)
		}
		r.yanked = r.yanked && len(f.Yanked) > 0 && string(f.Yanked) != "false" && string(f.Yanked) != "null"
		if wheel && (r.wheel == "" || strings.HasSuffix(f.Filename, "-any.whl")) {
			r.wheel, r.metadata, r.requires = u.String(), "", f.Requires
			if present(f.Core) || present(f.Dist) {
				m := *u
				m.Path += ".metadata"
				m.RawPath = ""
				r.metadata = m.String()
			}
		}
	}
	slices.SortFunc(order, func(a, b *release) int { return version.PEP440.Compare(b.version, a.version) })
	out := make([]release, len(order))
	for i, r := range order {
		out[i] = *r
	}
	return out
}

func present(v json.RawMessage) bool {
	return len(v) > 0 && string(v) != "false" && string(v) != "null"
}

// versionOf reads the version out of the name of a wheel (PEP 427) or source archive (PEP 625, and older forms with hyphens in the name).
func versionOf(name, filename string) (v string, wheel bool) {
	if base, ok := strings.CutSuffix(filename, ".whl"); ok {
		if parts := strings.Split(base, "-"); len(parts) == 5 || len(parts) == 6 {
			return parts[1], true
		}
		return "", false
	}
	for _, ext := range []string{".tar.gz", ".zip", ".tar.bz2"} {
		if base, ok := strings.CutSuffix(filename, ext); ok && len(base) > len(name)+1 {
			return base[len(name)+1:], false
		}
	}
	return "", false
}

// anchors reads the HTML form (PEP 503): one link a file.
func anchors(page []byte) []file {
	var out []file
	z := html.NewTokenizer(bytes.NewReader(page))
	for len(out) <= maxFiles {
		switch z.Next() {
		case html.ErrorToken:
			return out
		case html.StartTagToken:
			t := z.Token()
			if t.Data != "a" {
				continue
			}
			var f file
			for _, a := range t.Attr {
				switch a.Key {
				case "href":
					f.URL = a.Val
				case "data-requires-python":
					f.Requires = a.Val
				case "data-yanked":
					f.Yanked = json.RawMessage("true")
				case "data-core-metadata", "data-dist-info-metadata":
					f.Core = json.RawMessage("true")
				}
			}
			if u, err := url.Parse(f.URL); err == nil {
				f.Filename = path.Base(u.Path)
				out = append(out, f)
			}
		}
	}
	return out
}

// dependencies gives the Requires-Dist lines of a release, or the reason why they cannot be told.
func (x *index) dependencies(ctx context.Context, r release) (requires []string, reason string, err error) {
	key := r.name + "==" + r.version
	if d, ok := x.meta[key]; ok {
		return d.requires, d.reason, nil
	}
	var text []byte
	var d dependencies
	switch {
	case r.wheel == "":
		d.reason = "only source archives are published, and what they need only building them would tell"
	case r.metadata != "":
		text, _, err = x.get(ctx, r.metadata, "*/*", maxMetadata)
	default:
		text, err = x.fromWheel(ctx, r.wheel)
	}
	switch {
	case ctx.Err() != nil:
		return nil, "", ctx.Err()
	case err != nil:
		d.reason = "its metadata cannot be read: " + err.Error()
	default:
		d.requires = requiresDist(string(text))
	}
	x.meta[key] = d
	return d.requires, d.reason, nil
}

// requiresDist reads the header of core metadata (PEP 566): an e-mail header, of which only these fields are wanted.
func requiresDist(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		if key, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(key, "Requires-Dist") {
			out = append(out, strings.TrimSpace(value))
		}
	}
	return out
}

var errAbsent = errors.New("the index does not have it")

// get fetches an address that answers with at most limit bytes.
func (x *index) get(ctx context.Context, address, accept string, limit int64) (body []byte, kind string, err error) {
	resp, err := x.ask(ctx, address, http.Header{"Accept": {accept}})
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone:
		return nil, "", errAbsent
	case resp.StatusCode != http.StatusOK:
		return nil, "", fmt.Errorf("%s: the index answers %s", redacted(address), resp.Status)
	}
	body, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(len(body)) > limit {
		err = fmt.Errorf("longer than %d bytes", limit)
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", redacted(address), err)
	}
	return body, resp.Header.Get("Content-Type"), nil
}

// ask sends one request. The index's credentials go to the index's own host alone.
func (x *index) ask(ctx context.Context, address string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header = header
	req.Header.Set("User-Agent", "weir")
	if u := x.base.User; u != nil && req.URL.Host == x.base.Host && req.URL.Scheme == x.base.Scheme {
		password, _ := u.Password()
		req.SetBasicAuth(u.Username(), password)
	}
	req.URL.User = nil
	resp, err := x.client.Do(req)
	if err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), address, redacted(address)))
	}
	return resp, nil
}

func redacted(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Redacted()
	}
	return "an address"
}

// fromWheel reads METADATA out of a wheel by a few range requests: a wheel is a zip with its directory at the end.
func (x *index) fromWheel(ctx context.Context, address string) ([]byte, error) {
	w := &remote{x: x, ctx: ctx, address: address}
	if err := w.open(); err != nil {
		return nil, err
	}
	z, err := zip.NewReader(w, w.size)
	if err != nil {
		return nil, err
	}
	for _, f := range z.File {
		dir, name, _ := strings.Cut(f.Name, "/")
		if name != "METADATA" || !strings.HasSuffix(dir, ".dist-info") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return io.ReadAll(io.LimitReader(r, maxMetadata))
	}
	return nil, errors.New("the wheel has no METADATA")
}

// remote reads a file on a server by ranges of at least 64 KiB, and the whole of it where the server does not give ranges.
type remote struct {
	x       *index
	ctx     context.Context
	address string
	size    int64
	asked   int
	at      int64 // of held in the file
	held    []byte
}

const stretch = 64 << 10

func (r *remote) open() error {
	resp, err := r.x.ask(r.ctx, r.address, http.Header{"Range": {fmt.Sprintf("bytes=-%d", stretch)}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusPartialContent:
		var from, to int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%d", &from, &to, &r.size); err != nil || from < 0 || to < from || r.size <= to || r.size > maxWheel {
			return fmt.Errorf("%s: range %q of the answer cannot be used", redacted(r.address), resp.Header.Get("Content-Range"))
		}
		r.at = from
		r.held, err = io.ReadAll(io.LimitReader(resp.Body, to-from+1))
		return err
	case http.StatusOK:
		r.held, err = io.ReadAll(io.LimitReader(resp.Body, maxList+1))
		if r.size = int64(len(r.held)); err == nil && r.size > maxList {
			err = fmt.Errorf("%s: the server gives no ranges, and the wheel is longer than %d bytes", redacted(r.address), maxList)
		}
		return err
	}
	return fmt.Errorf("%s: the server answers %s", redacted(r.address), resp.Status)
}

// ReadAt implements io.ReaderAt.
func (r *remote) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		at := off + int64(n)
		if at >= r.size {
			return n, io.EOF
		}
		if at < r.at || at >= r.at+int64(len(r.held)) {
			if err := r.fetch(at, int64(len(p)-n)); err != nil {
				return n, err
			}
		}
		n += copy(p[n:], r.held[at-r.at:])
	}
	return n, nil
}

func (r *remote) fetch(at, want int64) error {
	if r.asked++; r.asked > maxRanges {
		return fmt.Errorf("%s: more than %d requests for one wheel", redacted(r.address), maxRanges)
	}
	end := min(at+max(want, stretch), r.size) - 1
	resp, err := r.x.ask(r.ctx, r.address, http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", at, end)}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if want := fmt.Sprintf("bytes %d-%d/%d", at, end, r.size); resp.StatusCode != http.StatusPartialContent || resp.Header.Get("Content-Range") != want {
		return fmt.Errorf("%s: asked for %s, the server answers %s %s", redacted(r.address), want, resp.Status, resp.Header.Get("Content-Range"))
	}
	held, err := io.ReadAll(io.LimitReader(resp.Body, end-at+1))
	if err == nil && int64(len(held)) != end-at+1 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	r.at, r.held = at, held
	return nil
}
