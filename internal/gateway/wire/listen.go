package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Listen puts the guard below an http.Server: each HTTP/1.1 connection that Accept gives checks its bytes. With TLS, the handshake is done here;
// connections that agree on HTTP/2 are handed on as they are, since net/http's own HTTP/2 reads them strictly, and [Read] checks the rest.
// The server must not have a TLSConfig of its own; use Serve, not ServeTLS.
func Listen(l net.Listener, o Options) net.Listener {
	o = o.withDefaults()
	g := &listener{Listener: l, o: o}
	if o.TLS != nil {
		g.ready, g.done = make(chan net.Conn), make(chan struct{})
		go g.shakeHands()
	}
	return g
}

type listener struct {
	net.Listener
	o     Options
	open  atomic.Int64
	idle  atomic.Int64
	ready chan net.Conn // connections after their handshake
	done  chan struct{}
	once  sync.Once
	err   error // why accepting ended; written before done is closed
}

// Accept gives the next connection whose bytes are guarded.
func (l *listener) Accept() (net.Conn, error) {
	if l.o.TLS == nil {
		c, err := l.accept()
		if err != nil {
			return nil, err
		}
		return l.guard(c), nil
	}
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.done:
		return nil, l.err
	}
}

// accept takes the next connection for which there is room.
func (l *listener) accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= int64(l.o.MaxConns) {
			return c, nil
		}
		l.open.Add(-1)
		c.Close()
	}
}

func (l *listener) guard(c net.Conn) *conn {
	return &conn{Conn: c, o: &l.o, idle: &l.idle, release: func() { l.open.Add(-1) }}
}

// shakeHands accepts and does each handshake beside the others.
func (l *listener) shakeHands() {
	for {
		c, err := l.accept()
		if err != nil {
			var temporary interface{ Temporary() bool }
			if errors.As(err, &temporary) && temporary.Temporary() && !errors.Is(err, net.ErrClosed) {
				time.Sleep(20 * time.Millisecond) // out of descriptors
				continue
			}
			l.end(err)
			return
		}
		go l.shakeHand(c)
	}
}

func (l *listener) shakeHand(raw net.Conn) {
	held := &counted{Conn: raw, release: func() { l.open.Add(-1) }}
	t := tls.Server(held, l.o.TLS())
	ctx, cancel := context.WithTimeout(context.Background(), l.o.Head)
	err := t.HandshakeContext(ctx)
	cancel()
	if err != nil {
		held.Close()
		return
	}
	var c net.Conn = t
	if t.ConnectionState().NegotiatedProtocol != "h2" {
		c = secured{&conn{Conn: t, o: &l.o, idle: &l.idle, release: func() {}}}
	}
	select {
	case l.ready <- c:
	case <-l.done:
		c.Close()
	}
}

// Close ends accepting; connections stay.
func (l *listener) Close() error {
	err := l.Listener.Close()
	if l.done != nil {
		l.end(net.ErrClosed)
	}
	return err
}

func (l *listener) end(err error) {
	l.once.Do(func() {
		l.err = err
		close(l.done)
	})
}

// counted gives a connection's place back when it is closed.
type counted struct {
	net.Conn
	release func()
	once    sync.Once
}

// Close closes.
func (c *counted) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.release)
	return err
}
