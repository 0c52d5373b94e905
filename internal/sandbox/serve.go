//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The descriptors that a worker starts with, beside the standard three.
const (
	socketFD = 3
	spoolFD  = 4
)

var errNotWorker = errors.New("not started as a worker of a pool")

// Serve is the whole life of a worker process: it locks itself down as the pool asks, then answers requests with handler until the
// parent closes the connection or dies. It returns an error when it was not started by a [Pool]; the process must exit afterwards.
func Serve(handler Handler) error {
	if kind, err := syscall.GetsockoptInt(socketFD, syscall.SOL_SOCKET, syscall.SO_TYPE); err != nil || kind != syscall.SOCK_STREAM {
		return errNotWorker
	}
	s := &server{handler: handler, in: receiver{fd: socketFD, oob: make([]byte, syscall.CmsgSpace(4*maxFiles))}}
	first, _, _, err := s.in.next()
	if err != nil {
		return fmt.Errorf("%w: %w", errNotWorker, err)
	}
	set, err := decodeSetup(first)
	if err != nil {
		return err
	}
	syscall.CloseOnExec(socketFD)
	syscall.CloseOnExec(spoolFD)
	s.spool = os.NewFile(spoolFD, "spool")
	var report Report
	if set.lockdown {
		if report, err = Lockdown(set.limits); err != nil {
			report.add("lockdown", err, "")
		}
	}
	outliveNobody()
	if err := s.frame(kindHello, encodeReport(report)); err != nil {
		return err
	}
	for {
		err := s.one()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// server is the worker's side of one connection.
type server struct {
	handler Handler
	in      receiver
	spool   *os.File
	files   []*os.File

	mu  sync.Mutex
	out []byte
	job uint64 // the request being answered; send fails once it is another
}

var errAnswered = errors.New("request is already answered")

// one answers one request. An error ends the worker.
func (s *server) one() error {
	req, fds, left, err := s.in.next()
	if err != nil {
		return err
	}
	s.files = s.files[:0]
	for _, fd := range fds {
		s.files = append(s.files, os.NewFile(uintptr(fd), "input"))
	}
	ctx := context.Background()
	if left > 0 {
		limited := &deadlineContext{Context: ctx, at: time.Now().Add(time.Duration(left))}
		defer limited.release()
		ctx = limited
	}
	crash, failed := s.call(ctx, req)
	for _, f := range s.files {
		f.Close()
	}
	s.mu.Lock()
	s.job++
	s.mu.Unlock()
	if crash != "" {
		_ = s.frame(kindPanic, []byte(crash))
		return errors.New("handler panicked: " + crash)
	}
	if err := s.empty(); err != nil {
		return err
	}
	if failed != nil {
		return s.frame(kindError, []byte(truncate(failed.Error(), 4<<10)))
	}
	return s.frame(kindEnd, nil)
}

// call runs the handler. A panic is told and then ends the worker, as nobody knows what state it left.
func (s *server) call(ctx context.Context, req []byte) (crash string, err error) {
	defer func() {
		if v := recover(); v != nil {
			crash = printable(fmt.Sprint(v), 250) + where()
		}
	}()
	job := s.job
	return "", s.handler(ctx, req, s.files, s.spool, func(frame []byte) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.job != job {
			return errAnswered
		}
		return s.write(kindData, frame)
	})
}

func (s *server) frame(k kind, payload []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(k, payload)
}

func (s *server) write(k kind, payload []byte) error {
	s.out = appendFrame(s.out[:0], k, payload)
	err := conn{socketFD}.write(s.out)
	if cap(s.out) > 16*readSize {
		s.out = nil
	}
	return err
}

// empty makes the spool ready for the next request. When it was not used, one call both tells so and rewinds it.
func (s *server) empty() error {
	at, err := syscall.Seek(spoolFD, 0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	if at == 0 {
		return nil
	}
	if err := syscall.Ftruncate(spoolFD, 0); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	if _, err := syscall.Seek(spoolFD, 0, io.SeekStart); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

// where names the place of a panic, for the person who will fix it.
func where() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		if f.File != "" && !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf(" (%s:%d)", f.File[strings.LastIndexByte(f.File, '/')+1:], f.Line)
		}
		if !more {
			return ""
		}
	}
}

// deadlineContext ends at a time. Most handlers only ask Err now and then, so there is no timer until someone asks for Done: setting one
// wakes a second thread, which costs more than a small request.
type deadlineContext struct {
	context.Context
	at time.Time

	mu     sync.Mutex
	over   bool // the request is answered
	timed  context.Context
	cancel context.CancelFunc
}

// Deadline gives the time at which the context ends.
func (c *deadlineContext) Deadline() (time.Time, bool) { return c.at, true }

// Err tells whether that time has come.
func (c *deadlineContext) Err() error {
	if !time.Now().Before(c.at) {
		return context.DeadlineExceeded
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return context.Canceled
	}
	return nil
}

// Done is closed at that time.
func (c *deadlineContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timed == nil {
		c.timed, c.cancel = context.WithDeadline(c.Context, c.at)
		if c.over {
			c.cancel()
		}
	}
	return c.timed.Done()
}

// release ends the context with its request.
func (c *deadlineContext) release() {
	c.mu.Lock()
	c.over = true
	cancel := c.cancel
	c.mu.Unlock()
	if cancel != nil {
		cancel() // unlocked, because whoever wakes asks Err
	}
}

func truncate(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
