package gateway

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// answerHeaders are what the gate hands back of an upstream's answer. Cookies, CORS permissions and server names are not among them.
var answerHeaders = map[string]bool{
	"Accept-Ranges": true, "Allow": true, "Cache-Control": true, "Content-Disposition": true, "Content-Encoding": true, "Content-Language": true,
	"Content-Length": true, "Content-Range": true, "Content-Security-Policy": true, "Content-Type": true, "Date": true, "Etag": true, "Expires": true,
	"Last-Modified": true, "Location": true, "Retry-After": true, "Vary": true, "X-Content-Type-Options": true, "X-Frame-Options": true,
	"Sse": true, "X-Accel-Buffering": true,
}

// guardHeaders sets what every answer of the gate carries.
func guardHeaders(h http.Header) {
	set := func(name, value string) {
		if len(h[name]) == 0 {
			h[name] = []string{value}
		}
	}
	set("X-Content-Type-Options", "nosniff")
	set("X-Frame-Options", "SAMEORIGIN")
	set("Referrer-Policy", "same-origin")
}

// AnswerHead copies what may go back of an upstream's answer into the client's. Flows that change the body remove Content-Length after it.
func (x *Exchange) AnswerHead(res *http.Response) {
	h := x.W.Header()
	for name, values := range res.Header {
		if answerHeaders[name] || x.Upstream.Kind.Headers[name] {
			h[name] = values
		}
	}
	if to := h.Get("Location"); to != "" {
		if back, ok := x.location(to); ok {
			h.Set("Location", back)
		} else {
			h.Del("Location")
		}
	}
}

// location rewrites a redirect of the upstream so that it stays behind the gate; one that leads elsewhere is dropped.
func (x *Exchange) location(to string) (string, bool) {
	u, err := url.Parse(to)
	if err != nil || u.Opaque != "" || u.User != nil || strings.Contains(to, `\`) {
		return "", false
	}
	if u.Host != "" && (u.Host != x.Upstream.To.Host || u.Scheme != "" && u.Scheme != x.Upstream.To.Scheme) {
		return "", false
	}
	if u.Scheme != "" && u.Host == "" {
		return "", false
	}
	u.Scheme, u.Host = "", ""
	if strings.HasPrefix(u.Path, "/") {
		base := strings.TrimSuffix(x.Upstream.To.Path, "/")
		if base != "" && !strings.HasPrefix(u.Path, base+"/") {
			return "", false
		}
		u.Path, u.RawPath = x.Upstream.at()+strings.TrimPrefix(u.Path, base), ""
	}
	if strings.HasPrefix(u.Path, "//") {
		return "", false
	}
	return u.String(), true
}

// at is the path below which the upstream is reached at the gate, without a final '/'.
func (u *Upstream) at() string {
	if len(u.prefix) == 0 {
		return ""
	}
	return "/" + strings.Join(u.prefix, "/")
}

// Relay streams an upstream's answer back and closes it.
func (x *Exchange) Relay(res *http.Response) error {
	defer res.Body.Close()
	if res.StatusCode == http.StatusSwitchingProtocols {
		return &upstreamError{x.Upstream.Name, errSwitch}
	}
	x.AnswerHead(res)
	x.begin(res.StatusCode)
	if x.Method == "HEAD" {
		return nil
	}
	var flush *http.ResponseController
	if kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err == nil && kind == "text/event-stream" {
		flush = http.NewResponseController(x.W)
	}
	return x.copy(res.Body, flush)
}

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// copy streams; when the upstream breaks off the client's connection is cut too, so that half an answer cannot pass for a whole one.
func (x *Exchange) copy(from io.Reader, flush *http.ResponseController) error {
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	for {
		n, err := from.Read(*buf)
		if n > 0 {
			w, werr := x.W.Write((*buf)[:n])
			x.Record.Out += int64(w)
			if werr != nil {
				return written(werr)
			}
			if flush != nil {
				if err := flush.Flush(); err != nil {
					return errClientGone
				}
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &upstreamError{x.Upstream.Name, err}
		}
	}
}
