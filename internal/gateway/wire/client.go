package wire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Client sends requests to one protected server and is an [http.RoundTripper] for it. What http.Transport does with two goroutines for each connection, it
// does in the caller's own: one write, then reads, which makes a short request cheaper. Requests whose body streams, and servers behind TLS, go through Slow, which can read an answer that comes before the body has ended.
//
// It writes the request itself, in the plainest form: what is in the Request's URL, Host, Header and body, nothing more.
type Client struct {
	Addr string          // host:port
	Slow *http.Transport // for what it cannot do itself; its ResponseHeaderTimeout, IdleConnTimeout, MaxIdleConnsPerHost and dialer count here too

	mu   sync.Mutex
	idle []*upstreamConn // the last used one at the end
}

// upstreamConn is one connection to the server, used by one exchange at a time.
type upstreamConn struct {
	net.Conn
	in    bounds
	r     *bufio.Reader // of in
	w     []byte
	since time.Time // idle since
}

// maxWhole is the largest body in bytes that is written before the answer is read: a server that refuses early still gets all of it.
const maxWhole = 256 << 10

// bounds gives at most left bytes of a head; below zero it does not count.
type bounds struct {
	net.Conn
	left int64
}

// Read reads.
func (b *bounds) Read(p []byte) (int, error) {
	if b.left < 0 {
		return b.Conn.Read(p)
	}
	if b.left == 0 {
		return 0, errors.New("the head of the answer is too large")
	}
	n, err := b.Conn.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// RoundTrip sends r and gives the answer, whose body the caller closes. A body must come with GetBody, as those of http.NewRequest do, or goes through
// Slow. A request is sent again only if the connection had been idle and the server closed it without a byte of answer, and then only if it is a
// read, or nothing of it can have been taken in.
func (c *Client) RoundTrip(r *http.Request) (*http.Response, error) {
	body, ok, err := wholeBody(r)
	if err != nil {
		return nil, err
	}
	if !ok || r.URL.Scheme != "http" {
		return c.Slow.RoundTrip(r)
	}
	for {
		u := c.take()
		reused := u != nil
		if u == nil {
			if u, err = c.dial(r.Context()); err != nil {
				return nil, err
			}
		}
		res, answered, err := c.exchange(u, r, body)
		if err == nil {
			return res, nil
		}
		u.Close()
		if cause := r.Context().Err(); cause != nil {
			return nil, cause
		}
		again := reused && !answered && (r.Method == "GET" || r.Method == "HEAD" || r.Method == "OPTIONS")
		if !again {
			return nil, err
		}
	}
}

// wholeBody gives the bytes of a body that is held in memory.
func wholeBody(r *http.Request) (b []byte, ok bool, err error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, true, nil
	}
	if r.GetBody == nil || r.ContentLength < 0 || r.ContentLength > maxWhole {
		return nil, false, nil
	}
	defer r.Body.Close()
	b = make([]byte, r.ContentLength)
	_, err = io.ReadFull(r.Body, b)
	return b, true, err
}

func (c *Client) dial(ctx context.Context) (*upstreamConn, error) {
	conn, err := c.Slow.DialContext(ctx, "tcp", c.Addr)
	if err != nil {
		return nil, err
	}
	u := &upstreamConn{Conn: conn, in: bounds{Conn: conn}}
	u.r = bufio.NewReaderSize(&u.in, 4<<10)
	return u, nil
}

// take gives the connection that was used last and is still good.
func (c *Client) take() *upstreamConn {
	for {
		c.mu.Lock()
		n := len(c.idle)
		if n == 0 {
			c.mu.Unlock()
			return nil
		}
		u := c.idle[n-1]
		c.idle[n-1] = nil
		c.idle = c.idle[:n-1]
		stale := time.Since(u.since)
		c.mu.Unlock()
		if (stale >= 0 && stale < c.Slow.IdleConnTimeout) && quiet(u.Conn) {
			return u
		}
		u.Close()
	}
}

// give keeps a connection for the next request, and closes those that have been idle for too long.
func (c *Client) give(u *upstreamConn) {
	u.since = time.Now()
	c.mu.Lock()
	old := 0
	for old < len(c.idle) && u.since.Sub(c.idle[old].since) >= c.Slow.IdleConnTimeout {
		old++
	}
	drop := slices.Clone(c.idle[:old])
	c.idle = slices.Delete(c.idle, 0, old)
	if len(c.idle) < c.Slow.MaxIdleConnsPerHost {
		c.idle = append(c.idle, u)
		u = nil
	}
	c.mu.Unlock()
	for _, d := range drop {
		d.Close()
	}
	if u != nil {
		u.Close()
	}
}

// CloseIdleConnections closes what is not in use.
func (c *Client) CloseIdleConnections() {
	c.mu.Lock()
	idle := c.idle
	c.idle = nil
	c.mu.Unlock()
	for _, u := range idle {
		u.Close()
	}
	c.Slow.CloseIdleConnections()
}

// exchange writes the request and reads the head of the answer; answered says that something came.
func (c *Client) exchange(u *upstreamConn, r *http.Request, body []byte) (res *http.Response, answered bool, err error) {
	stop := context.AfterFunc(r.Context(), func() { u.SetDeadline(time.Unix(1, 0)) })
	done := false
	defer func() {
		if !done {
			stop()
		}
	}()
	if u.w, err = appendRequest(u.w[:0], r, body); err != nil {
		return nil, false, err
	}
	if err := u.SetDeadline(time.Now().Add(c.Slow.ResponseHeaderTimeout)); err != nil {
		return nil, false, err
	}
	if r.Context().Err() != nil { // its deadline may just have been overwritten
		return nil, false, r.Context().Err()
	}
	if _, err := u.Write(u.w); err != nil {
		return nil, false, err
	}
	if cap(u.w) > 64<<10 {
		u.w = nil
	}
	if res, answered, err = u.head(r, c.Slow.MaxResponseHeaderBytes); err != nil {
		return nil, answered, err
	}
	if err := u.SetDeadline(time.Time{}); err != nil { // a long answer takes as long as it takes
		return nil, true, err
	}
	if r.Context().Err() != nil {
		return nil, true, r.Context().Err()
	}
	done = true
	b := &answerBody{ReadCloser: res.Body, c: c, u: u, stop: stop, keep: !res.Close && res.StatusCode >= 200}
	if res.Body == http.NoBody {
		b.end(true)
		return res, true, nil
	}
	res.Body = b
	return res, true, nil
}

// head reads until the final answer's head; informational ones are dropped.
func (u *upstreamConn) head(r *http.Request, most int64) (res *http.Response, answered bool, err error) {
	u.in.left = most
	for range 5 {
		if _, err := u.r.Peek(1); err != nil {
			return nil, answered, fmt.Errorf("the server answered nothing: %w", err)
		}
		answered = true
		if res, err = http.ReadResponse(u.r, r); err != nil {
			return nil, true, err
		}
		if res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols {
			u.in.left = -1
			return res, true, nil
		}
	}
	return nil, true, errors.New("the server answers with informational heads only")
}

// appendRequest writes a request in the plainest form.
func appendRequest(b []byte, r *http.Request, body []byte) ([]byte, error) {
	b = append(append(append(b, r.Method...), ' '), r.URL.RequestURI()...)
	b = append(append(append(b, " HTTP/1.1\r\nHost: "...), r.Host...), "\r\n"...)
	for name, values := range r.Header {
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Trailer":
			continue
		}
		for _, v := range values {
			if !plainField(name, v) {
				return nil, fmt.Errorf("the header %q cannot be written", name)
			}
			b = append(append(append(append(b, name...), ": "...), v...), "\r\n"...)
		}
	}
	if len(body) > 0 || r.Method == "POST" || r.Method == "PUT" || r.Method == "PATCH" {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(len(body)), 10), "\r\n"...)
	}
	b = append(b, "\r\n"...)
	return append(b, body...), nil
}

func plainField(name, value string) bool {
	for i := 0; i < len(name); i++ {
		if class[name[i]]&isToken == 0 {
			return false
		}
	}
	for i := 0; i < len(value); i++ {
		if class[value[i]]&isValue == 0 {
			return false
		}
	}
	return name != ""
}

// answerBody gives the connection back at the end of the answer; one that is closed before ends the connection.
type answerBody struct {
	io.ReadCloser
	c     *Client
	u     *upstreamConn
	stop  func() bool // of what interrupts the connection when the caller gives up
	keep  bool
	ended bool
}

// Read reads.
func (b *answerBody) Read(p []byte) (int, error) {
	if b.ended {
		return 0, io.EOF
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end(err == io.EOF)
	}
	return n, err
}

// Close ends the exchange.
func (b *answerBody) Close() error {
	b.end(false)
	return nil
}

func (b *answerBody) end(whole bool) {
	if b.ended {
		return
	}
	b.ended = true
	if b.stop() && whole && b.keep && b.u.r.Buffered() == 0 {
		b.c.give(b.u)
		return
	}
	b.u.Close()
}
