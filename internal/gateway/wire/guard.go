package wire

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Options bounds what one connection may cost. The zero value gives the defaults.
type Options struct {
	TLS       func() *tls.Config // asked at each handshake, so that certificates can change; nil: plain TCP
	MaxHead   int                // bytes of a request's head; default 32 KiB
	MaxFields int                // header lines of a request; default 100
	MaxConns  int                // connections at once, more are closed at once; default 16,384
	Head      time.Duration      // for a head to arrive once its first byte is there, and for a TLS handshake; default 10 s
	Stall     time.Duration      // for the next bytes of a body, and for the peer to take more of an answer; default 60 s
	Patience  time.Duration      // how long a slow body is waited for before MinRate counts; default 30 s
	MinRate   int64              // bytes per second that a body must bring on average after that; default 256
	MaxIdle   int                // connections that may wait for their next request as long as the server allows; more wait Brief; default 2,048
	Brief     time.Duration      // default 2 s
}

func (o Options) withDefaults() Options {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.MaxHead, 32<<10)
	def(&o.MaxFields, 100)
	def(&o.MaxConns, 16<<10)
	def(&o.MaxIdle, 2048)
	wait := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	wait(&o.Head, 10*time.Second)
	wait(&o.Stall, time.Minute)
	wait(&o.Patience, 30*time.Second)
	wait(&o.Brief, 2*time.Second)
	if o.MinRate == 0 {
		o.MinRate = 256
	}
	return o
}

// where a connection stands.
type where int

const (
	inHead where = iota
	inFixed
	inChunks
	refused // a stand-in for the refused request was handed on; whatever else comes is dropped
)

// refusedMethod is the method of the stand-in that the server reads in the place of a refused request: it keeps the order of answers when
// requests are pipelined, and the refusal is answered and written down like any other. No client can send it: the guard knows its methods.
const refusedMethod = "REFUSED"

// conn checks the bytes of an HTTP/1.1 connection on their way to net/http: a head is held back until it is complete and checked, a body
// passes through.
type conn struct {
	net.Conn
	o       *Options
	idle    *atomic.Int64 // connections of this listener that wait for a request
	release func()
	once    sync.Once

	buf   []byte // received; the first ready bytes are checked and wait for the reader
	ready int
	line  int // of an incomplete head in buf: where its last line starts
	seen  int // and up to where there is no end of that line

	state   where
	left    int64 // of a fixed body
	chunks  chunks
	last    bool     // the connection ends with this request
	refusal *Refusal // what ended it
	err     error

	pace pace // of the current body

	mu    sync.Mutex // guards the two deadlines: the server sets its own from other goroutines
	asked time.Time
	own   time.Time
}

// Read gives checked bytes only. A head that breaks the rules is replaced by a stand-in that [Read] turns into the refusal; a body that breaks
// them ends with a *Refusal as its error.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if c.ready > 0 {
			return c.hand(p), nil
		}
		if c.err != nil {
			return 0, c.err
		}
		if c.refusal != nil && c.state != refused {
			c.standIn()
			continue
		}
		if c.state == refused {
			if _, err := c.Conn.Read(p); err != nil {
				return 0, err
			}
			continue
		}
		if len(c.buf) > 0 {
			if c.ready = c.check(c.buf); c.ready > 0 || c.refusal != nil || c.err != nil {
				continue
			}
			if err := c.more(); err != nil {
				return 0, err
			}
			continue
		}
		n, err := c.receive(p)
		ok := c.check(p[:n])
		if ok < n {
			c.buf = append(c.buf, p[ok:n]...)
		}
		if ok > 0 {
			return ok, nil
		}
		if err != nil && c.err == nil {
			return 0, err
		}
	}
}

// hand gives the reader what is checked.
func (c *conn) hand(p []byte) int {
	n := copy(p, c.buf[:c.ready])
	c.ready -= n
	if n == len(c.buf) {
		c.buf = nil // an idle connection holds no memory
	} else {
		c.buf = c.buf[n:]
	}
	return n
}

// more appends to an incomplete head.
func (c *conn) more() error {
	c.setOwn(c.o.Head, true)
	if cap(c.buf)-len(c.buf) < 1024 {
		c.buf = append(make([]byte, 0, 2*len(c.buf)+2048), c.buf...)
	}
	n, err := c.Conn.Read(c.buf[len(c.buf):cap(c.buf)])
	c.buf = c.buf[:len(c.buf)+n]
	if n > 0 {
		return nil
	}
	return err
}

// receive reads from the peer, with a bound on how long a body may stall.
func (c *conn) receive(p []byte) (int, error) {
	if c.state == inHead {
		return c.wait(p)
	}
	start := time.Now()
	c.setOwnAt(start.Add(c.o.Stall))
	n, err := c.Conn.Read(p)
	if c.pace.slow(c.o, n, time.Since(start)) || errors.Is(err, os.ErrDeadlineExceeded) && c.overdue() {
		c.err = errSlow
	}
	return n, err
}

// wait reads the first bytes of a request. Each connection that waits costs about 16 KiB, so where very many do, the latest ones wait only briefly.
// A buffer of one byte is net/http's look-out for the client's end while a handler runs: that is not idle.
func (c *conn) wait(p []byte) (int, error) {
	if len(p) == 1 {
		return c.Conn.Read(p)
	}
	brief := c.idle.Add(1) > int64(c.o.MaxIdle)
	if brief {
		c.setOwnAt(time.Now().Add(c.o.Brief))
	}
	n, err := c.Conn.Read(p)
	c.idle.Add(-1)
	if brief {
		c.setOwnAt(time.Time{})
	}
	return n, err
}

// overdue says that the guard's own deadline has passed, not one of the server's.
func (c *conn) overdue() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.own.IsZero() && !time.Now().Before(c.own)
}

// check advances over b and says how many bytes may be handed on. It sets refusal for a bad head, err for a bad body.
func (c *conn) check(b []byte) (ok int) {
	for ok < len(b) && c.refusal == nil && c.err == nil {
		rest := b[ok:]
		switch c.state {
		case inHead:
			if c.last {
				c.refusal = Refuse(400, "BAD_REQUEST", "wire/after-close", "bytes after a request that closes the connection")
				return ok
			}
			end := c.headEnd(rest)
			if end == 0 {
				return ok
			}
			c.begin(rest[:end])
			if c.refusal != nil {
				return ok
			}
			ok += end
		case inFixed:
			n := min(int64(len(rest)), c.left)
			c.left -= n
			ok += int(n)
			if c.left == 0 {
				c.end()
			}
		case inChunks:
			n, done, err := c.chunks.step(rest)
			ok += n
			if err != nil {
				c.err = err
			}
			if done {
				c.end()
			}
		default:
			return ok
		}
	}
	return ok
}

// headEnd finds the end of the head at the start of b; 0: it is not there yet. It refuses as early as it can what cannot become a head.
func (c *conn) headEnd(b []byte) int {
	if b[0] < 'A' || b[0] > 'Z' {
		c.refusal = bad("wire/request-line", "a request must start with a method in capital letters")
		return 0
	}
	for i := c.seen; i < len(b); i++ {
		if b[i] != '\n' {
			continue
		}
		if i == 0 || b[i-1] != '\r' {
			c.refusal = bad("wire/line-end", "a line of the head ends in LF without CR")
			return 0
		}
		if i-1 == c.line {
			c.line, c.seen = 0, 0
			return i + 1
		}
		c.line = i + 1
	}
	c.seen = len(b)
	if len(b) > c.o.MaxHead {
		c.refusal = Refuse(431, "BAD_REQUEST", "wire/head-size", "the request's head is too large")
	}
	return 0
}

// begin checks a whole head and takes up its framing.
func (c *conn) begin(b []byte) {
	if len(b) > c.o.MaxHead {
		c.refusal = Refuse(431, "BAD_REQUEST", "wire/head-size", "the request's head is too large")
		return
	}
	h, r := parseHead(b, c.o.MaxFields)
	if r != nil {
		c.refusal = r
		return
	}
	c.last, c.pace = h.close, pace{}
	switch {
	case h.chunked:
		c.state, c.chunks = inChunks, chunks{}
	case h.length > 0:
		c.state, c.left = inFixed, h.length
	}
	c.setOwnAt(time.Time{})
}

// end is the end of a body.
func (c *conn) end() {
	c.state = inHead
	c.setOwnAt(time.Time{})
}

// standIn puts a harmless request in the place of the refused one.
func (c *conn) standIn() {
	r := c.refusal
	c.buf = []byte(refusedMethod + " / HTTP/1.1\r\nHost: refused.invalid\r\nConnection: close\r\nStatus: " + strconv.Itoa(r.Status) +
		"\r\nRule: " + r.Rule + "\r\nReason: " + r.Reason + "\r\n\r\n")
	c.ready = len(c.buf)
	c.state = refused
	c.setOwnAt(time.Time{})
}

// setOwn sets the guard's own deadline to d from now; keep leaves one that is set.
func (c *conn) setOwn(d time.Duration, keep bool) {
	c.mu.Lock()
	set := !c.own.IsZero()
	c.mu.Unlock()
	if keep && set {
		return
	}
	c.setOwnAt(time.Now().Add(d))
}

func (c *conn) setOwnAt(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.own.Equal(t) {
		return
	}
	c.own = t
	c.apply()
}

// SetReadDeadline keeps the server's deadline beside the guard's own; the earlier one holds.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = t
	return c.apply()
}

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.Conn.SetWriteDeadline(t)
}

func (c *conn) apply() error {
	t := c.asked
	if t.IsZero() || !c.own.IsZero() && c.own.Before(t) {
		t = c.own
	}
	return c.Conn.SetReadDeadline(t)
}

// Close ends the connection and gives its place back.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.release)
	return err
}

// CloseWrite lets net/http end its side first, so that an answer reaches a client that still sends.
func (c *conn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// Write writes; it fails when the peer takes nothing for too long, so that nobody holds an answer, and the server behind it, by not reading.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(c.o.Stall)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// spliced is how many bytes are handed to the system at once: it must take so many within the time that Write has.
const spliced = 256 << 10

// ReadFrom lets net/http splice files and sockets where the system can.
func (c *conn) ReadFrom(r io.Reader) (n int64, err error) {
	f, ok := c.Conn.(io.ReaderFrom)
	if !ok {
		return io.Copy(struct{ io.Writer }{c}, r)
	}
	for {
		if err := c.Conn.SetWriteDeadline(time.Now().Add(c.o.Stall)); err != nil {
			return n, err
		}
		part, err := f.ReadFrom(io.LimitReader(r, spliced))
		if n += part; err != nil || part < spliced {
			return n, err
		}
	}
}

// secured is a conn below which TLS lies; net/http asks it for the state and puts that into Request.TLS.
type secured struct{ *conn }

// ConnectionState gives the state of the TLS connection below.
func (s secured) ConnectionState() tls.ConnectionState {
	return s.conn.Conn.(*tls.Conn).ConnectionState()
}

func bad(rule, reason string) *Refusal { return Refuse(400, "BAD_REQUEST", rule, reason) }
