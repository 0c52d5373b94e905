package attack

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"time"
)

// Listener is a loopback server of the attacker: it remembers what it is asked.
type Listener struct {
	Addr string // host:port

	server *http.Server
	lock   sync.Mutex
	heard  bytes.Buffer
	wake   chan struct{}
	answer map[string]Reply
}

// Listen starts a listener on a free loopback port; the caller closes it.
func Listen() (*Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("a loopback listener: %w", err)
	}
	s := &Listener{Addr: l.Addr().String(), wake: make(chan struct{}, 1)}
	// Who says nothing is let go soon: a client of FTP waits for a greeting, and an old server has one worker.
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 2 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go s.server.Serve(counted{l, s})
	return s, nil
}

// counted remembers every connection, also of those who speak another protocol.
type counted struct {
	net.Listener
	l *Listener
}

func (c counted) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.l.hear([]byte("connection\n"))
	}
	return conn, err
}

func (l *Listener) hear(text ...[]byte) {
	l.lock.Lock()
	for _, t := range text {
		if l.heard.Len() < 1<<20 {
			l.heard.Write(t)
		}
	}
	l.lock.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Close ends it.
func (l *Listener) Close() error { return l.server.Close() }

// reset sets what is answered from now on; what was heard is forgotten.
func (l *Listener) reset(answer map[string]Reply) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.answer = answer
	l.heard.Reset()
}

// ServeHTTP remembers and answers.
func (l *Listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	dump, _ := httputil.DumpRequest(r, false)
	body, _ := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	l.hear(dump, body, []byte("\n"))
	l.lock.Lock()
	reply, ok := l.answer[r.URL.Path]
	if !ok {
		if reply, ok = l.answer["*"]; !ok {
			reply.Body = "ok"
		}
	}
	l.lock.Unlock()
	for k, v := range reply.Header {
		w.Header().Set(k, v)
	}
	if reply.Type != "" {
		w.Header().Set("Content-Type", reply.Type)
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if reply.Status != 0 {
		w.WriteHeader(reply.Status)
	}
	io.WriteString(w, reply.Body)
}

// has tells whether the listener was asked for something that holds a text.
func (l *Listener) has(text string) bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	return strings.Contains(l.heard.String(), text)
}

// wait waits until it has heard a text, for a time at most.
func (l *Listener) wait(text string, most time.Duration) bool {
	end := time.After(most)
	for !l.has(text) {
		select {
		case <-l.wake:
		case <-end:
			return l.has(text)
		}
	}
	return true
}
