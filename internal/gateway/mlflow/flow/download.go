package flow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"weir/internal/gateway"
	"weir/internal/gateway/intake"
	"weir/internal/gateway/wire"
)

// How artifacts get out. What was judged before goes through while its digest is checked; its last bytes are kept back until that is right.
// What was not is fetched whole, judged, and answered from the copy that was judged.

// Bounds of downloads.
const (
	holdTime   = 60 * time.Second // a client waits so long for a verdict, then it is asked to come back; MLflow's clients wait 120 s
	streamFrom = 1 << 20          // smaller files are always answered from a copy: a wrong digest is then no broken answer
	window     = 64 << 10         // bytes that are kept back until the digest is right
	errorLimit = 64 << 10         // bytes of an upstream's answer that is no file
)

// GetArtifact hands out what GET …/mlflow-artifacts/artifacts/PATH names.
func GetArtifact(x *gateway.Exchange) error { return serve(x, proxied(""), x.Vars[pathVar], false) }

// GetRunArtifact hands out a run's file: GET /get-artifact. The interface shows what comes this way.
func GetRunArtifact(x *gateway.Exchange) error {
	id, ok := x.Param("run_id")
	if !ok {
		id, _ = x.Param("run_uuid")
	}
	r, err := runRoot(x, id)
	return serveAsked(x, r, "path", err)
}

// GetVersionArtifact hands out a file of a model's version: GET /model-versions/get-artifact.
func GetVersionArtifact(x *gateway.Exchange) error {
	name, _ := x.Param("name")
	version, _ := x.Param("version")
	uri, run, err := versionSource(x, name, version)
	if err != nil {
		return err
	}
	r, dir, err := locate(x, uri, run, 0)
	if err != nil {
		return err
	}
	p, _ := x.Param("path")
	r.get = asAsked
	return serve(x, r, path.Join(dir, p), true)
}

// GetLoggedArtifact hands out a file of a logged model.
func GetLoggedArtifact(x *gateway.Exchange) error {
	r, err := loggedRoot(x, x.Vars["model_id"])
	return serveAsked(x, r, "artifact_file_path", err)
}

// GetTraceArtifact hands out a trace's data or one of its attachments.
func GetTraceArtifact(x *gateway.Exchange) error {
	id, _ := x.Param("request_id")
	return serveAsked(x, root{at: scoped(x, "trace:"+id), fleeting: true, alone: true}, "path", nil)
}

// serveAsked hands out a file that the request itself names to the server.
func serveAsked(x *gateway.Exchange, r root, query string, err error) error {
	if err != nil {
		return err
	}
	p, _ := x.Param(query)
	r.get = asAsked
	return serve(x, r, p, true)
}

// asAsked fetches a file by the very request that the client made, without what only the client's cache knows.
func asAsked(x *gateway.Exchange, _ string) (*http.Response, error) {
	return x.Send(http.MethodGet, x.Segments, x.Query, nil, nil, 0)
}

// serve hands out root/p. shown says that the interface may display it.
func serve(x *gateway.Exchange, r root, p string, shown bool) error {
	if x.Method == http.MethodHead {
		return x.Forward()
	}
	n, err := x.Intake()
	if err != nil {
		return err
	}
	at := join(r.at, p)
	known, report, found, err := n.Known(x.Ctx, x.Upstream.Name, at)
	if err != nil {
		return err
	}
	if found && !n.Passes(&report) && !x.Observing() {
		return holdBack(x, &report, known.Digest, "artifact "+at)
	}
	if !r.alone {
		if err := folderOf(x, r, p); err != nil {
			return err
		}
	}
	_, ranged := x.Header["Range"]
	if found && !r.fleeting && !ranged && known.Size >= streamFrom {
		return through(x, r, p, known)
	}
	return fromCopy(x, r, p, ranged, shown)
}

// holdBack refuses what lies behind the gate and may not go out.
func holdBack(x *gateway.Exchange, report *intake.Report, digest, what string) error {
	x.Record.Digest = digest
	for i := range report.Findings {
		x.Record.Findings = append(x.Record.Findings, report.Findings[i].Rule)
	}
	return intake.Refuse(report, what, "")
}

// through passes on what was judged before, while its digest is checked.
func through(x *gateway.Exchange, r root, p string, known intake.Place) error {
	res, err := r.get(x, p)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return x.Relay(res)
	}
	at := join(r.at, p)
	res.Body = &checked{body: res.Body, want: known.Digest, wrong: func() {
		if n, err := x.Intake(); err == nil {
			n.Learn(intake.Place{Server: x.Upstream.Name, Path: at, Digest: unfinished})
		}
	}}
	safeHead(res.Header, p)
	x.Record.Digest = known.Digest
	return x.Relay(res)
}

// errChanged says that a file is no longer what was judged; the next request for it has it judged again.
var errChanged = errors.New("the file has changed since it was judged")

// checked reads a body and keeps its last bytes back until the digest of all is right.
type checked struct {
	body  io.ReadCloser
	sum   intake.Digester
	want  string
	wrong func()
	held  []byte // read and hashed, not handed on
	end   bool
}

// Read implements io.Reader.
func (c *checked) Read(p []byte) (int, error) {
	for !c.end && len(c.held) <= window {
		at := len(c.held)
		c.held = append(c.held, make([]byte, window)...)
		n, err := c.body.Read(c.held[at:])
		c.held = c.held[:at+n]
		c.sum.Write(c.held[at:])
		if err == io.EOF {
			c.end = true
			if c.sum.Digest() != c.want {
				c.wrong()
				c.held = nil
				return 0, errChanged
			}
		} else if err != nil {
			return 0, err
		}
	}
	free := len(c.held)
	if !c.end {
		free -= window
	}
	if free <= 0 {
		return 0, io.EOF
	}
	n := copy(p, c.held[:free])
	c.held = c.held[:copy(c.held, c.held[n:])]
	return n, nil
}

// Close implements io.Closer.
func (c *checked) Close() error { return c.body.Close() }

// noFile is an upstream's answer that hands out nothing: it goes to the client as it is.
type noFile struct {
	status int
	header http.Header
	body   []byte
}

func (e *noFile) Error() string { return fmt.Sprintf("the server answered %d", e.status) }

// fromCopy fetches a file whole, has it judged, and answers from the copy.
func fromCopy(x *gateway.Exchange, r root, p string, ranged, shown bool) error {
	n, err := x.Intake()
	if err != nil {
		return err
	}
	at := join(r.at, p)
	key := x.Upstream.Name + " " + at
	ctx, cancel := context.WithTimeout(x.Ctx, holdTime)
	defer cancel()
	it, release, err := n.Share(ctx, key, func(ctx context.Context) (*intake.Item, error) { return fetch(apart(x, ctx), n, r, p, true) })
	var no *noFile
	switch {
	case errors.As(err, &no):
		return x.Relay(&http.Response{StatusCode: no.status, Header: no.header, Body: io.NopCloser(bytes.NewReader(no.body))})
	case err != nil && intake.IsLater(err) && x.Ctx.Err() == nil:
		return intake.Later()
	case err != nil:
		return err
	}
	defer release(ranged)
	x.Judged(it)
	if !it.Passes() {
		if !x.Observing() {
			return intake.Refuse(&it.Report, "artifact "+at, "")
		}
		x.Record.Observed = intake.Refuse(&it.Report, "artifact "+at, "").Reason
	}
	return answerCopy(x, it, p, shown)
}

// fetch takes a file out of the server and into the spool, and has it judged when judge is set. Where it lies is learned only when nobody wrote
// there meanwhile.
func fetch(x *gateway.Exchange, n *intake.Intake, r root, p string, judge bool) (*intake.Item, error) {
	at := join(r.at, p)
	before, _, err := n.PlaceOf(x.Ctx, x.Upstream.Name, at)
	if err != nil {
		return nil, err
	}
	res, err := r.get(x, p)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b, err := io.ReadAll(io.LimitReader(res.Body, errorLimit))
		if err != nil {
			return nil, err
		}
		h := res.Header.Clone()
		h.Del("Content-Length")
		return nil, &noFile{res.StatusCode, h, b}
	}
	it, err := n.Spool(x.Ctx, res.Body, intake.Meta{Server: x.Upstream.Name, Name: p, To: "artifact " + at, Length: res.ContentLength})
	if err != nil {
		return nil, err
	}
	it.Header = res.Header
	if judge {
		if err := n.Judge(x.Ctx, it); err != nil {
			it.Discard()
			return nil, err
		}
	}
	if after, _, err := n.PlaceOf(x.Ctx, x.Upstream.Name, at); !r.fleeting && err == nil && after.Digest == before.Digest {
		n.Learn(intake.Place{Server: x.Upstream.Name, Path: at, Digest: it.Digest, Size: it.Size})
	}
	return it, nil
}

// answerCopy answers with an item, or with the range of it that was asked for.
func answerCopy(x *gateway.Exchange, it *intake.Item, p string, shown bool) error {
	f, err := it.Open()
	if err != nil {
		return err
	}
	h := it.Header.Clone()
	for _, name := range []string{"Content-Length", "Content-Range", "Content-Encoding", "Etag", "Accept-Ranges", "Transfer-Encoding"} {
		h.Del(name)
	}
	safeHead(h, p)
	res := &http.Response{StatusCode: http.StatusOK, Header: h, Body: f}
	if shown && it.Size <= displayLimit && x.Specific("CVE-2024-27132", "CVE-2024-27133") {
		if clean, err := display(f, p); err != nil || clean != nil {
			f.Close()
			if err != nil {
				return err
			}
			h.Set("Content-Length", strconv.Itoa(len(clean)))
			res.Body = io.NopCloser(bytes.NewReader(clean))
			return x.Relay(res)
		}
	}
	h.Set("Accept-Ranges", "bytes")
	from, size := int64(0), it.Size
	if v := x.Header.Get("Range"); v != "" {
		start, length, ok := byteRange(v, it.Size)
		if !ok {
			f.Close()
			no := wire.Refuse(http.StatusRequestedRangeNotSatisfiable, "INVALID_PARAMETER_VALUE", "range", "this is no range of the file")
			no.Header = http.Header{"Content-Range": {fmt.Sprintf("bytes */%d", it.Size)}}
			return no
		}
		from, size = start, length
		res.StatusCode = http.StatusPartialContent
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, from+size-1, it.Size))
	}
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, from, size), f}
	return x.Relay(res)
}

// byteRange reads a Range header with one range (RFC 9110, 14.1.2).
func byteRange(v string, size int64) (from, length int64, ok bool) {
	spec, ok := strings.CutPrefix(v, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return 0, 0, false
	}
	if first == "" {
		n, err := strconv.ParseUint(last, 10, 62)
		if err != nil || n == 0 || size == 0 {
			return 0, 0, false
		}
		n = min(n, uint64(size))
		return size - int64(n), int64(n), true
	}
	a, err := strconv.ParseUint(first, 10, 62)
	if err != nil || int64(a) >= size {
		return 0, 0, false
	}
	b := uint64(size - 1)
	if last != "" {
		if b, err = strconv.ParseUint(last, 10, 62); err != nil || b < a {
			return 0, 0, false
		}
		b = min(b, uint64(size-1))
	}
	return int64(a), int64(b - a + 1), true
}

// inert are the types that no browser runs.
func inert(kind string) bool {
	kind, _, err := mime.ParseMediaType(kind)
	if err != nil {
		return false
	}
	switch kind {
	case "application/json", "text/plain", "text/csv", "application/octet-stream", "application/zip", "application/yaml", "text/yaml", "application/x-yaml":
		return true
	}
	major, minor, _ := strings.Cut(kind, "/")
	return (major == "image" || major == "audio" || major == "video") && !strings.Contains(minor, "xml")
}

// safeHead makes sure that a browser runs nothing of a file: it is a download, its type is not guessed, and if it is opened nevertheless it has
// neither an origin nor script.
func safeHead(h http.Header, p string) {
	h.Set("X-Content-Type-Options", "nosniff")
	if inert(h.Get("Content-Type")) {
		return
	}
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:")
	if kind, _, err := mime.ParseMediaType(h.Get("Content-Disposition")); err != nil || kind != "attachment" {
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(p)}))
	}
}
