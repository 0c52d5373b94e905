package audit

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"
)

// sink is a receiver of copies. It has a goroutine and a bounded buffer of its own, so that a slow one does not hold up the file.
type sink struct {
	name  string
	write func(lines []byte) (int, error) // writes whole lines, says how many bytes are done

	mu     sync.Mutex
	buf    []byte
	err    error
	lost   int // lines that did not fit
	closed bool
	wake   chan struct{}
	done   chan struct{}
	end    func() error
}

func newSink(name string, write func([]byte) (int, error), end func() error) *sink {
	s := &sink{name: name, write: write, end: end, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go s.run()
	return s
}

func (l *Log) openSinks() error {
	if w := l.opts.Stdout; w != nil {
		l.sinks = append(l.sinks, newSink("stdout", w.Write, func() error { return nil }))
	}
	if l.opts.Syslog == "" {
		return nil
	}
	s, err := newSyslog(l.opts.Syslog)
	if err != nil {
		return err
	}
	l.sinks = append(l.sinks, newSink("syslog", s.write, s.close))
	return nil
}

// send hands a batch over. Its error is why earlier ones could not be delivered.
func (s *sink) send(batch []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(batch) == 0:
	case len(s.buf)+len(batch) > maxPending:
		s.lost += bytes.Count(batch, []byte{'\n'})
		s.err = fmt.Errorf("audit log to %s: %w (%d lines are not there)", s.name, ErrFull, s.lost)
	default:
		s.buf = append(s.buf, batch...)
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return s.err
}

// takeLost says how many lines were lost since it was asked last.
func (s *sink) takeLost() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0
	}
	n := s.lost
	s.lost = 0
	return n
}

func (s *sink) run() {
	defer close(s.done)
	wait := time.Second
	for {
		s.mu.Lock()
		batch, closed := bytes.Clone(s.buf), s.closed
		s.mu.Unlock()
		if len(batch) == 0 {
			if closed {
				return
			}
			<-s.wake
			continue
		}
		n, err := s.write(batch)
		s.mu.Lock()
		s.buf = append(s.buf[:0], s.buf[min(n, len(s.buf)):]...)
		if s.err = nil; err != nil {
			s.err = fmt.Errorf("audit log to %s: %w", s.name, err)
		}
		closed = s.closed
		s.mu.Unlock()
		switch {
		case err == nil:
			wait = time.Second
		case closed:
			return
		default:
			select {
			case <-time.After(wait):
			case <-s.wake:
				time.Sleep(100 * time.Millisecond)
			}
			wait = min(2*wait, 30*time.Second)
		}
	}
}

// close gives what waits two seconds.
func (s *sink) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	select {
	case <-s.done:
	case <-time.After(2 * time.Second):
	}
	_ = s.end() // nothing can be done about it any more
}

// syslog sends each line as a message of RFC 5424: over datagrams one each (RFC 5426), over streams with its length before it (RFC 6587, 3.4.1).
type syslog struct {
	network, address string
	host, pid        string
	mu               sync.Mutex
	conn             net.Conn
}

func newSyslog(to string) (*syslog, error) {
	u, err := url.Parse(to)
	if err != nil {
		return nil, fmt.Errorf("syslog address %q: %w", to, err)
	}
	s := &syslog{network: u.Scheme, address: u.Host, pid: strconv.Itoa(os.Getpid()), host: "-"}
	switch u.Scheme {
	case "unix":
		s.address = u.Path
	case "udp", "tcp":
		if _, _, err := net.SplitHostPort(u.Host); err != nil {
			return nil, fmt.Errorf("syslog address %q: %w", to, err)
		}
	default:
		return nil, fmt.Errorf("syslog address %q: write unix:///dev/log, udp://host:514 or tcp://host:601", to)
	}
	if h, err := os.Hostname(); err == nil && len(h) <= 255 {
		s.host = h
	}
	return s, nil
}

func (s *syslog) dial() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		return s.conn, nil
	}
	d := net.Dialer{Timeout: 5 * time.Second}
	network := s.network
	if network == "unix" { // most listen for datagrams there
		network = "unixgram"
	}
	conn, err := d.Dial(network, s.address)
	if err != nil && s.network == "unix" {
		conn, err = d.Dial("unix", s.address)
	}
	s.conn = conn
	return conn, err
}

// The facility is 13, log audit (RFC 5424, table 1).
const facility = 13

func (s *syslog) write(lines []byte) (int, error) {
	conn, err := s.dial()
	if err != nil {
		return 0, err
	}
	stream := conn.LocalAddr().Network() == "tcp" || conn.LocalAddr().Network() == "unix"
	done := 0
	for line := range bytes.Lines(lines) {
		msg := s.message(bytes.TrimSuffix(line, []byte{'\n'}))
		if stream {
			msg = append(fmt.Appendf(nil, "%d ", len(msg)), msg...)
		}
		_ = conn.SetWriteDeadline(time.Now().Add(5 * time.Second)) // where that is not possible, the write fails by itself
		if _, err := conn.Write(msg); err != nil {
			_ = s.close() // the next write dials again
			return done, err
		}
		done += len(line)
	}
	return done, nil
}

func (s *syslog) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return err
}

// message frames a line: severity notice when something was allowed, warning when not.
func (s *syslog) message(line []byte) []byte {
	severity := 4
	if bytes.Contains(line, []byte(`,"decision":"allow"`)) || bytes.Contains(line, []byte(`,"checkpoint":"`)) {
		severity = 5
	}
	at := time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
	head := fmt.Appendf(nil, "<%d>1 %s %s weir %s audit - ", facility*8+severity, at, s.host, s.pid)
	return append(head, line...)
}
