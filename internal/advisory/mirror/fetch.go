// Package mirror brings advisory databases over a network and hands them out: downloads that resume, OSV's public export, and signed
// repositories that refuse what is old.
//
// Start with [Update]. It takes a signed repository that [Publish] made (a folder served by any static web server), a mirror of OSV's export, or
// files. Nothing that was there is touched until the new database is whole and checked.
package mirror

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Client downloads. The zero Client is ready; proxies come from the environment (HTTPS_PROXY and its kin).
type Client struct {
	HTTP     *http.Client
	Stall    time.Duration                      // without a byte for so long, or below MinRate after it, a transfer is given up; 0: 30 s
	Attempts int                                // without progress; 0: 4
	Progress func(name string, done, all int64) // may be nil; all is 0 where the server does not say
	Pause    func(context.Context, int) error   // before the n-th further attempt; nil: 1, 2, 4 … seconds
}

// minRate is the slowest transfer, in bytes a second, that is not taken for an attempt to keep an update from ending.
const minRate = 512

// errMissing is a server's 404 or 410.
var errMissing = errors.New("is not there")

// errFinal wraps what another attempt would not change.
type errFinal struct{ error }

func (e errFinal) Unwrap() error { return e.error }

func (c *Client) client() *http.Client {
	if c.HTTP != nil {
		return c.HTTP
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	return &http.Client{Transport: t, CheckRedirect: redirects}
}

// redirects lets a server send the client on, a few times, but never from TLS to plain text.
func redirects(req *http.Request, via []*http.Request) error {
	if len(via) > 5 {
		return errors.New("redirected more than 5 times")
	}
	if via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return fmt.Errorf("redirected from https to %s", req.URL.Scheme)
	}
	return nil
}

func (c *Client) stall() time.Duration {
	if c.Stall > 0 {
		return c.Stall
	}
	return 30 * time.Second
}

// again runs one attempt after the other until one ends well, fails for good, or too many brought nothing. attempt says how many bytes are there.
func (c *Client) again(ctx context.Context, attempt func(context.Context) (int64, error)) error {
	most := c.Attempts
	if most == 0 {
		most = 4
	}
	pause := c.Pause
	if pause == nil {
		pause = func(ctx context.Context, n int) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second << min(n, 5)):
				return nil
			}
		}
	}
	var last int64
	for n := 0; ; {
		have, err := attempt(ctx)
		var final errFinal
		if err == nil || errors.As(err, &final) || errors.Is(err, errMissing) || ctx.Err() != nil {
			return err
		}
		if have > last {
			last, n = have, 0
		} else if n++; n >= most {
			return err
		}
		if err := pause(ctx, n); err != nil {
			return err
		}
	}
}

// get reads a small file of at most max bytes.
func (c *Client) get(ctx context.Context, url string, max int64) ([]byte, error) {
	var out []byte
	err := c.again(ctx, func(ctx context.Context) (int64, error) {
		res, body, done, err := c.open(ctx, url, 0, "", "")
		if err != nil {
			return 0, err
		}
		defer done()
		if res.StatusCode != http.StatusOK {
			return 0, status(res)
		}
		out, err = io.ReadAll(io.LimitReader(body, max+1))
		if err == nil && int64(len(out)) > max {
			err = errFinal{fmt.Errorf("more than %d bytes", max)}
		}
		return 0, err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	return out, nil
}

// open sends a request; done must be called.
func (c *Client) open(ctx context.Context, url string, from int64, tag, known string) (*http.Response, io.Reader, func(), error) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(c.stall(), func() { cancel(fmt.Errorf("no byte within %v", c.stall())) })
	done := func() { timer.Stop(); cancel(nil) }
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		done()
		return nil, nil, nil, errFinal{err}
	}
	req.Header.Set("Accept-Encoding", "identity") // lengths and ranges are those of the file
	if from > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(from, 10)+"-")
		req.Header.Set("If-Range", tag)
	} else if known != "" {
		req.Header.Set("If-None-Match", known)
	}
	res, err := c.client().Do(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		done()
		return nil, nil, nil, err
	}
	w := &watched{r: res.Body, ctx: ctx, timer: timer, stall: c.stall(), began: time.Now()}
	return res, w, func() { res.Body.Close(); done() }, nil
}

// watched is a body that gives up when too little comes.
type watched struct {
	r     io.Reader
	ctx   context.Context
	timer *time.Timer
	stall time.Duration
	began time.Time
	n     int64
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	w.n += int64(n)
	if n > 0 {
		w.timer.Reset(w.stall)
	}
	if d := time.Since(w.began); err == nil && d > w.stall && float64(w.n) < minRate*d.Seconds() {
		return n, fmt.Errorf("%d bytes in %v are too slow", w.n, d.Round(time.Second))
	}
	if err != nil && err != io.EOF {
		if cause := context.Cause(w.ctx); cause != nil {
			err = cause
		}
	}
	return n, err
}

// status is the error of an answer that is no success: what may pass is tried again.
func status(res *http.Response) error {
	err := fmt.Errorf("the server answers %s", res.Status)
	switch {
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		return errMissing
	case res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusRequestTimeout:
		return err
	}
	return errFinal{err}
}

// download brings a file of at most max bytes to dest. What was interrupted goes on where it stopped, also in a later run, as long as the server
// still has the same file (by its entity tag). fresh is false where the file that is there is still the server's.
func (c *Client) download(ctx context.Context, name, url, dest string, max int64) (fresh bool, err error) {
	part := dest + ".part"
	tag, known := readTag(part), ""
	if _, err := os.Stat(dest); err == nil {
		known = readTag(dest)
	}
	err = c.again(ctx, func(ctx context.Context) (int64, error) {
		var have int64
		if info, err := os.Stat(part); err == nil && tag != "" {
			have = info.Size()
		}
		res, body, done, err := c.open(ctx, url, have, tag, known)
		if err != nil {
			return have, err
		}
		defer done()
		flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
		switch {
		case res.StatusCode == http.StatusNotModified && known != "":
			return have, nil
		case res.StatusCode == http.StatusPartialContent && have > 0 && strings.HasPrefix(res.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)):
			flags = os.O_WRONLY | os.O_APPEND
		case res.StatusCode == http.StatusOK:
			have, tag = 0, strongTag(res)
		case res.StatusCode == http.StatusPartialContent || res.StatusCode == http.StatusRequestedRangeNotSatisfiable:
			os.Remove(part)
			return 0, fmt.Errorf("the server answers %s to a range it was not asked for", res.Status)
		default:
			return have, status(res)
		}
		fresh = true
		all := int64(0)
		if res.ContentLength > 0 {
			all = have + res.ContentLength
		}
		if all > max {
			return have, errFinal{fmt.Errorf("%d bytes are more than the %d that are taken", all, max)}
		}
		if err := writeTag(part, tag); err != nil {
			return have, errFinal{err}
		}
		f, err := os.OpenFile(part, flags, 0o644)
		if err != nil {
			return have, errFinal{err}
		}
		n, err := c.copy(f, body, name, have, all, max)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		return have + n, err
	})
	if err != nil {
		return false, fmt.Errorf("%s: %w", url, err)
	}
	if !fresh {
		return false, nil
	}
	if err := os.Rename(part, dest); err != nil {
		return false, err
	}
	os.Remove(part + ".tag")
	return true, writeTag(dest, tag)
}

func (c *Client) copy(w io.Writer, r io.Reader, name string, have, all, max int64) (int64, error) {
	buf := make([]byte, 128<<10)
	var n int64
	for {
		k, err := r.Read(buf)
		if k > 0 {
			if have+n+int64(k) > max {
				return n, errFinal{fmt.Errorf("more than the %d bytes that are taken", max)}
			}
			if _, err := w.Write(buf[:k]); err != nil {
				return n, errFinal{err}
			}
			n += int64(k)
			if c.Progress != nil {
				c.Progress(name, have+n, all)
			}
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// strongTag is the entity tag by which a transfer may go on; weak ones do not promise the same bytes.
func strongTag(res *http.Response) string {
	if t := res.Header.Get("ETag"); strings.HasPrefix(t, `"`) {
		return t
	}
	return ""
}

func readTag(name string) string {
	b, err := os.ReadFile(name + ".tag")
	if err != nil || len(b) > 512 {
		return ""
	}
	return string(b)
}

func writeTag(name, tag string) error {
	if tag == "" {
		os.Remove(name + ".tag")
		return nil
	}
	return os.WriteFile(name+".tag", []byte(tag), 0o644)
}
