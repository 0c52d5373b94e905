//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Supported reports whether [Pool] works on this system. Whether a worker can also be locked down is in [Pool.Report].
func Supported() bool { return true }

// maxFiles bounds the descriptors of one request; Linux refuses more than 253 in one message.
const maxFiles = 250

// startTime bounds how long a worker may take until it has said hello.
const startTime = 10 * time.Second

var errSlowStart = fmt.Errorf("no hello within %v", startTime)

// Pool runs workers and hands requests to them. It is safe for use by several goroutines.
type Pool struct {
	cfg   Config
	null  *os.File
	slots chan struct{} // one token per worker in use
	done  chan struct{}
	spawn chan spawnRequest

	mu     sync.Mutex
	closed bool
	idle   []*worker // the one used last is at the end, and its caches are warm
	all    map[*worker]struct{}
	report Report
}

// NewPool starts the first worker, so that what the lockdown reached is known, and gives a pool that starts the others when they are needed.
// Close ends them all.
func NewPool(cfg Config) (*Pool, error) {
	cfg = cfg.withDefaults()
	if len(cfg.Argv) == 0 {
		return nil, errors.New("worker pool without a command")
	}
	if cfg.Path == "" {
		exe, err := self()
		if err != nil {
			return nil, fmt.Errorf("own binary: %w", err)
		}
		cfg.Path = exe
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	p := &Pool{
		cfg: cfg, null: null, slots: make(chan struct{}, cfg.Workers), done: make(chan struct{}),
		spawn: make(chan spawnRequest), all: map[*worker]struct{}{},
	}
	go p.spawnLoop()
	w, err := p.start()
	if err != nil {
		p.Close()
		return nil, err
	}
	p.put(w)
	return p, nil
}

// Report says which layers hold in the workers, in the weakest of them; empty with Config.NoLockdown.
func (p *Pool) Report() Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.report
}

// Close kills the workers, also those that are at work, and waits until all are gone. Requests that were under way end in a [Crash].
// It waits for their each functions too, so none of those may call it.
func (p *Pool) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	idle := p.idle
	p.idle = nil
	for w := range p.all {
		w.mu.Lock()
		w.slay(ErrClosed)
		w.mu.Unlock()
	}
	p.mu.Unlock()
	close(p.done)
	for _, w := range idle {
		p.bury(w)
	}
	for range p.cfg.Workers {
		p.slots <- struct{}{}
	}
	close(p.spawn)
	p.null.Close()
}

// Do hands one request to a worker and its frames, in order, to each; a frame is only valid during the call. The files are passed as they
// are and must be open for reading only. An error of each ends the request and is returned. A nil error means that the handler returned
// nil; [HandlerError] that it returned an error; [Crash] that it did not return.
func (p *Pool) Do(ctx context.Context, req []byte, files []*os.File, each func(frame []byte) error) error {
	if err := p.check(req, files); err != nil {
		return err
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return contextCrash(ctx)
	case <-p.done:
		return ErrClosed
	}
	defer func() { <-p.slots }()
	// A worker that died while it was idle has not seen the request, so another may answer it. One that dies twice so is no accident.
	const tries = 3
	for try := 1; ; try++ {
		if ctx.Err() != nil {
			return contextCrash(ctx)
		}
		w, err := p.get()
		if err != nil {
			return err
		}
		err = p.run(ctx, w, req, files, each)
		if errors.Is(err, errUnsent) && try < tries {
			continue
		}
		return err
	}
}

func (p *Pool) check(req []byte, files []*os.File) error {
	if len(req) > maxRequest {
		return fmt.Errorf("request of %d bytes: more than %d", len(req), maxRequest)
	}
	if len(files) > min(maxFiles, p.cfg.Limits.Files) {
		return fmt.Errorf("request with %d files: more than %d", len(files), min(maxFiles, p.cfg.Limits.Files))
	}
	for _, f := range files {
		if err := readOnly(f); err != nil {
			return err
		}
	}
	return nil
}

// readOnly makes sure that a descriptor gives a worker nothing to write to.
func readOnly(f *os.File) error {
	mode, _, errno := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), syscall.F_GETFL, 0)
	runtime.KeepAlive(f)
	if errno != 0 {
		return fmt.Errorf("descriptor of %q: %w", f.Name(), errno)
	}
	if mode&syscall.O_ACCMODE != syscall.O_RDONLY {
		return fmt.Errorf("descriptor of %q is not open for reading only", f.Name())
	}
	return nil
}

// errUnsent is wrapped by the error of a request that no worker can have seen.
var errUnsent = errors.New("request not sent")

// run gives the request to w and ends with w either back among the idle or buried.
func (p *Pool) run(ctx context.Context, w *worker, req []byte, files []*os.File, each func([]byte) error) error {
	deadline := p.deadline(ctx)
	job := w.begin(deadline, p.cfg)
	stop := func() bool { return true }
	if ctx.Done() != nil {
		stop = context.AfterFunc(ctx, func() {
			if contextReason(ctx.Err()) == ReasonTimeout {
				time.Sleep(p.cfg.Grace)
			}
			w.killJob(job, ctx.Err())
		})
	}
	var left int64
	if !deadline.IsZero() {
		left = max(1, int64(time.Until(deadline)))
	}
	w.out = appendRequest(w.out[:0], len(files), left, req)
	sent, err := conn{w.fd}.send(w.out, files)
	runtime.KeepAlive(files)
	if err == nil {
		err = w.answers(p.cfg.MaxReply, each)
	}
	stop()
	if cap(w.out) > 16*readSize {
		w.out = nil
	}
	killed := w.end()
	var failed *HandlerError
	if killed == nil && (err == nil || errors.As(err, &failed)) {
		w.jobs++
		if p.cfg.Recycle > 0 && w.jobs >= p.cfg.Recycle {
			p.bury(w)
		} else {
			p.put(w)
		}
		return p.late(ctx, deadline, failed)
	}
	state := p.bury(w)
	if err == nil {
		return nil // the answer was whole when the kill came
	}
	return w.explain(err, killed, sent, state)
}

// deadline is the earlier one of the context's and Config.Time's; zero when there is none.
func (p *Pool) deadline(ctx context.Context) time.Time {
	at, ok := ctx.Deadline()
	if p.cfg.Time <= 0 {
		return at
	}
	if own := time.Now().Add(p.cfg.Time); !ok || own.Before(at) {
		return own
	}
	return at
}

// late gives the handler's error, or the time-out's if the handler gave up because its time was over.
func (p *Pool) late(ctx context.Context, deadline time.Time, failed *HandlerError) error {
	if failed == nil {
		return nil
	}
	c := &Crash{Detail: printable(failed.Text, 300), Err: ctx.Err(), Exit: -1}
	if c.Err == nil && !deadline.IsZero() && !time.Now().Before(deadline) {
		c.Err = context.DeadlineExceeded
	}
	if c.Err == nil {
		return failed
	}
	c.Reason = contextReason(c.Err)
	return c
}

// get gives an idle worker or a new one.
func (p *Pool) get() (*worker, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if n := len(p.idle); n > 0 {
		w := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return w, nil
	}
	p.mu.Unlock()
	return p.start()
}

func (p *Pool) put(w *worker) {
	p.mu.Lock()
	if !p.closed {
		p.idle = append(p.idle, w)
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	p.bury(w)
}

// bury makes sure that w is dead, reaps it and gives back what it held.
func (p *Pool) bury(w *worker) *os.ProcessState {
	p.mu.Lock()
	delete(p.all, w)
	p.mu.Unlock()
	w.kill()
	state := w.reap()
	w.mu.Lock()
	if w.timer != nil {
		w.timer.Stop()
	}
	w.mu.Unlock()
	syscall.Close(w.fd)
	w.last = lastWords(w.stderr)
	w.stderr.Close()
	return state
}

// reapTime bounds the wait for a killed process. One without lockdown can make itself one that its parent cannot reap (ptrace(2)); it is
// left to init then.
const reapTime = 10 * time.Second

func (w *worker) reap() *os.ProcessState {
	done := make(chan *os.ProcessState, 1)
	go func() {
		state, _ := w.proc.Wait()
		done <- state
	}()
	late := time.NewTimer(reapTime)
	defer late.Stop()
	select {
	case state := <-done:
		return state
	case <-late.C:
		return nil
	}
}

// start runs one more worker and waits for its hello.
func (p *Pool) start() (*worker, error) {
	w, err := p.launch()
	if err != nil {
		return nil, &Crash{Reason: ReasonStart, Err: err, Exit: -1}
	}
	p.mu.Lock()
	closed := p.closed
	p.all[w] = struct{}{}
	p.mu.Unlock()
	if closed {
		p.bury(w)
		return nil, ErrClosed
	}
	job := w.begin(time.Time{}, Config{})
	timer := time.AfterFunc(startTime, func() { w.killJob(job, errSlowStart) })
	report, err := w.hello(setup{!p.cfg.NoLockdown, p.cfg.Limits})
	timer.Stop()
	if killed := w.end(); killed != nil {
		err = killed
	}
	if err == nil && p.cfg.Require && !p.cfg.NoLockdown && !report.Complete() {
		err = fmt.Errorf("%w: isolation %s", ErrUnsupported, report)
	}
	if err == nil {
		p.mu.Lock()
		if len(p.report.Layers) == 0 || !report.Complete() {
			p.report = report
		}
		p.mu.Unlock()
		return w, nil
	}
	state := p.bury(w)
	c := &Crash{Reason: ReasonStart, Err: err}
	c.Signal, c.Exit = ending(state)
	if w.last != "" {
		c.Detail = w.last
	}
	return nil, c
}

func (p *Pool) launch() (*worker, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("socket pair: %w", err)
	}
	sock := os.NewFile(uintptr(theirs), "worker socket")
	defer sock.Close()
	w := &worker{fd: ours, in: frameReader{src: conn{ours}, max: p.cfg.MaxFrame}}
	spool, err := unlinkedFile()
	if err == nil {
		defer spool.Close()
		w.stderr, err = stderrFile()
	}
	if err == nil {
		w.proc, err = p.process(&os.ProcAttr{
			Dir: "/", Env: p.environment(), Sys: sysProcAttr(),
			Files: []*os.File{p.null, p.null, w.stderr, sock, spool},
		})
	}
	if err != nil {
		syscall.Close(ours)
		if w.stderr != nil {
			w.stderr.Close()
		}
		return nil, err
	}
	return w, nil
}

// environment is Config.Env, which wins, and what makes a Go runtime a frugal one that says little when it dies.
func (p *Pool) environment() []string {
	return append(slices.Clone(p.cfg.Env), "GOMAXPROCS=2", "GOTRACEBACK=single")
}

type spawnRequest struct {
	attr  *os.ProcAttr
	reply chan<- spawnReply
}

type spawnReply struct {
	proc *os.Process
	err  error
}

func (p *Pool) process(attr *os.ProcAttr) (*os.Process, error) {
	reply := make(chan spawnReply, 1)
	select {
	case p.spawn <- spawnRequest{attr, reply}:
	case <-p.done:
		return nil, ErrClosed
	}
	r := <-reply
	return r.proc, r.err
}

// spawnLoop starts all processes from one thread that lives as long as the pool, because Linux sends the parent-death signal when the
// thread that forked ends, not the process.
func (p *Pool) spawnLoop() {
	runtime.LockOSThread()
	for r := range p.spawn {
		proc, err := os.StartProcess(p.cfg.Path, p.cfg.Argv, r.attr)
		r.reply <- spawnReply{proc, err}
	}
}

// contextCrash is the error of a request whose context ended before a worker had it.
func contextCrash(ctx context.Context) *Crash {
	return &Crash{Reason: contextReason(ctx.Err()), Err: ctx.Err(), Exit: -1}
}

func contextReason(err error) Reason {
	if errors.Is(err, context.DeadlineExceeded) {
		return ReasonTimeout
	}
	return ReasonCanceled
}

// worker is one process, owned by one request at a time.
type worker struct {
	proc   *os.Process
	fd     int
	stderr *os.File
	in     frameReader
	out    []byte
	jobs   int
	last   string // what it said last, once it is buried

	mu       sync.Mutex
	job      uint64 // counts begin and end, so that a late kill hits nobody else's request
	busy     bool
	deadline time.Time   // of Config.Time, with Config.Grace
	timer    *time.Timer // watches deadline; it stays set between requests, because setting one is dear
	armed    bool
	cause    error // why it was killed
}

func (w *worker) begin(deadline time.Time, cfg Config) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.job++
	w.busy = true
	if cfg.Time > 0 {
		w.deadline = deadline.Add(cfg.Grace)
		if !w.armed {
			w.armed = true
			w.timer = time.AfterFunc(time.Until(w.deadline), w.watch)
		}
	}
	return w.job
}

// watch is called when some request's time may be over; that request may be long gone.
func (w *worker) watch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = false
	if !w.busy {
		return
	}
	if left := time.Until(w.deadline); left > 0 {
		w.armed = true
		w.timer.Reset(left)
		return
	}
	w.slay(context.DeadlineExceeded)
}

// end gives the cause for which the worker was killed meanwhile; nil when it may be used again.
func (w *worker) end() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.job++
	w.busy = false
	return w.cause
}

func (w *worker) killJob(job uint64, cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.job == job {
		w.slay(cause)
	}
}

// slay kills the process for a cause; the first one counts. The caller holds mu.
func (w *worker) slay(cause error) {
	if w.cause == nil {
		w.cause = cause
	}
	w.kill()
}

// kill ends the process by its handle, which a recycled process id cannot mislead.
func (w *worker) kill() { _ = w.proc.Kill() }

func (w *worker) hello(s setup) (Report, error) {
	w.out = appendRequest(w.out[:0], 0, 0, s.encode())
	if _, err := (conn{w.fd}).send(w.out, nil); err != nil {
		return Report{}, err
	}
	k, payload, err := w.in.next()
	if err != nil {
		return Report{}, err
	}
	if k != kindHello || w.in.buffered() > 0 {
		return Report{}, errFrameKind
	}
	return decodeReport(payload)
}

// eachError carries the caller's own error through.
type eachError struct{ error }

// panicError carries what a handler panicked with.
type panicError string

func (p panicError) Error() string { return string(p) }

// answers reads one reply to its end.
func (w *worker) answers(most int64, each func([]byte) error) error {
	defer w.in.trim()
	for {
		k, payload, err := w.in.next()
		if err != nil {
			return err
		}
		if most -= frameHeader + int64(len(payload)); most < 0 {
			return errReplyFlood
		}
		switch k {
		case kindData:
			if each == nil {
				continue
			}
			if err := each(payload); err != nil {
				return eachError{err}
			}
			continue
		case kindPanic:
			return panicError(printable(string(payload), 300))
		case kindHello:
			return errFrameKind
		}
		if w.in.buffered() > 0 {
			return errFrameKind
		}
		if k == kindError {
			return &HandlerError{string(payload)}
		}
		return nil
	}
}

// explain turns the error of a buried worker into what the caller is told.
func (w *worker) explain(err, killed error, sent bool, state *os.ProcessState) error {
	var own eachError
	if errors.As(err, &own) {
		return own.error
	}
	c := &Crash{Detail: w.last, Err: err}
	c.Signal, c.Exit = ending(state)
	var pan panicError
	switch {
	case killed != nil:
		c.Reason, c.Err, c.Detail = contextReason(killed), killed, ""
	case errors.As(err, &pan):
		c.Reason, c.Detail = ReasonPanic, string(pan)
	case errors.Is(err, errReplyFlood):
		c.Reason, c.Detail = ReasonFlood, ""
	case errors.Is(err, errFrameKind), errors.Is(err, errFrameSize):
		c.Reason, c.Detail = ReasonProtocol, ""
	case !sent:
		return fmt.Errorf("%w: %w", errUnsent, c.classify(state))
	default:
		return c.classify(state)
	}
	return c
}

// classify names the reason of a death that nobody here caused.
func (c *Crash) classify(state *os.ProcessState) *Crash {
	switch {
	case c.Signal == "SIGSYS":
		c.Reason = ReasonSeccomp
	case saysMemory(c.Detail):
		c.Reason = ReasonMemory
	case c.Signal != "":
		c.Reason = ReasonSignal
	case saysPanic(c.Detail):
		c.Reason = ReasonPanic
	case state == nil:
		c.Reason = ReasonProtocol
	default:
		c.Reason = ReasonExit
	}
	if errors.Is(c.Err, io.EOF) || errors.Is(c.Err, io.ErrUnexpectedEOF) {
		c.Err = nil
	}
	return c
}
