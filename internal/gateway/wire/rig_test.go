package wire_test

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// withCase carries a case's name.
type withCase struct {
	context.Context
	id string
}

func (c withCase) Value(key any) any {
	if key == (caseKey{}) {
		return c.id
	}
	return c.Context.Value(key)
}

// memory is a listener of connections in memory: a million real ones would need more ports than there are.
type memory struct {
	door chan net.Conn
	end  chan struct{}
}

func (m memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.door:
		return c, nil
	case <-m.end:
		return nil, net.ErrClosed
	}
}
func (m memory) Close() error   { close(m.end); return nil }
func (m memory) Addr() net.Addr { return name("gate.example:80") }

type name string

func (n name) Network() string { return "tcp" }
func (n name) String() string  { return string(n) }

// stream is one direction of a connection in memory.
type stream struct {
	mu       sync.Mutex
	cond     *sync.Cond
	b        []byte
	closed   bool
	deadline time.Time
}

func (s *stream) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, io.ErrClosedPipe
	}
	s.b = append(s.b, p...)
	s.cond.Broadcast()
	return len(p), nil
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case !s.deadline.IsZero() && !s.deadline.After(time.Now()):
			return 0, os.ErrDeadlineExceeded
		case len(s.b) > 0:
			n := copy(p, s.b)
			s.b = s.b[n:]
			return n, nil
		case s.closed:
			return 0, io.EOF
		}
		s.cond.Wait()
	}
}

func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.cond.Broadcast()
}

// until sets a deadline. Only those in the past wake a reader: net/http interrupts its own reads so; real time-outs are not tested here.
func (s *stream) until(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	s.cond.Broadcast()
}

type end struct {
	in, out *stream
	remote  name
}

// pipe gives the two ends of a connection; remote is the address that the server sees.
func pipe(remote string) (client, server *end) {
	a, b := &stream{}, &stream{}
	a.cond, b.cond = sync.NewCond(&a.mu), sync.NewCond(&b.mu)
	return &end{in: b, out: a}, &end{in: a, out: b, remote: name(remote)}
}

func (e *end) Read(p []byte) (int, error)         { return e.in.read(p) }
func (e *end) Write(p []byte) (int, error)        { return e.out.write(p) }
func (e *end) CloseWrite() error                  { e.out.close(); return nil }
func (e *end) Close() error                       { e.out.close(); e.in.close(); return nil }
func (e *end) LocalAddr() net.Addr                { return name("127.0.0.1:80") }
func (e *end) RemoteAddr() net.Addr               { return e.remote }
func (e *end) SetDeadline(t time.Time) error      { return e.SetReadDeadline(t) }
func (e *end) SetReadDeadline(t time.Time) error  { e.in.until(t); return nil }
func (e *end) SetWriteDeadline(t time.Time) error { return nil }
