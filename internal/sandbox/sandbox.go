// Package sandbox runs one command with nothing but what it was given, and says what it tried; also the jail of the scanner's own workers
// and of `weir run --model`.
//
// Start with [Pool] for the scanner's own workers: the parent calls [NewPool] and [Pool.Do], the worker process (the same binary with a
// hidden argument) calls [Serve], which first takes from itself whatever it does not need ([Lockdown]). DESIGN.md says what each layer
// gives and what it costs.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// ErrUnsupported says that this system cannot do what was asked; wrapped by every error that means so.
var ErrUnsupported = errors.New("not supported on this system")

// ErrClosed is returned by [Pool.Do] after [Pool.Close].
var ErrClosed = errors.New("worker pool is closed")

// Limits bound one worker process. Zero means the default of [DefaultLimits], except for Memory, where it means no bound.
type Limits struct {
	Memory int64 // bytes of private memory beyond what the runtime holds at start; the kernel refuses more
	Spool  int64 // bytes in the spool file
	Files  int   // descriptors open at once
}

// DefaultLimits are enough for every real model that we know.
func DefaultLimits() Limits { return Limits{Memory: 256 << 20, Spool: 16 << 30, Files: 64} }

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	if l.Spool <= 0 {
		l.Spool = d.Spool
	}
	if l.Files <= 0 {
		l.Files = d.Files
	}
	return l
}

// Layer is one thing that [Lockdown] took away, or tried to.
type Layer struct {
	Name   string
	Held   bool
	Detail string // what holds exactly, or why it does not
}

// Report says which layers hold.
type Report struct{ Layers []Layer }

// Complete reports whether every layer holds.
func (r Report) Complete() bool {
	for _, l := range r.Layers {
		if !l.Held {
			return false
		}
	}
	return len(r.Layers) > 0
}

// String names the layers that do not hold, with the reason, for the one line that a person sees; "complete" when all do.
func (r Report) String() string {
	if len(r.Layers) == 0 {
		return "no layer holds"
	}
	var missing []string
	for _, l := range r.Layers {
		if !l.Held {
			missing = append(missing, fmt.Sprintf("%s (%s)", l.Name, l.Detail))
		}
	}
	if len(missing) == 0 {
		return "complete"
	}
	return "without " + strings.Join(missing, ", ")
}

func (r *Report) add(name string, err error, detail string) {
	l := Layer{Name: name, Held: err == nil, Detail: detail}
	if err != nil {
		l.Detail = err.Error()
	}
	r.Layers = append(r.Layers, l)
}

// Reason names why a worker did not answer a request to its end. A closed set that reports may rely on.
type Reason string

// The reasons.
const (
	ReasonStart    Reason = "start"    // no worker could be started
	ReasonTimeout  Reason = "timeout"  // the context's deadline or Config.Time passed
	ReasonCanceled Reason = "canceled" // the context was cancelled or the pool closed
	ReasonSeccomp  Reason = "seccomp"  // it made a system call that no parser makes (SIGSYS): take it for an attack
	ReasonMemory   Reason = "memory"   // it ran out of memory or stack
	ReasonPanic    Reason = "panic"    // the handler panicked
	ReasonSignal   Reason = "signal"   // another signal ended it
	ReasonExit     Reason = "exit"     // it exited
	ReasonProtocol Reason = "protocol" // it sent what no worker sends
	ReasonFlood    Reason = "flood"    // it sent more than Config.MaxReply
)

// Crash is the error of a request that a worker did not answer to its end. Frames that came before it were handed on. The worker has been
// replaced, so the pool goes on.
type Crash struct {
	Reason Reason
	Signal string // of the signal that ended the worker, as "SIGKILL"; empty when none did
	Exit   int    // its exit code; -1 when a signal ended it
	Detail string // what it said last: one line, printable, and as little to be trusted as the worker
	Err    error  // the context's error or the system's, when there is one
}

// Error says the reason in one line.
func (c *Crash) Error() string {
	var b strings.Builder
	switch c.Reason {
	case ReasonStart:
		b.WriteString("worker did not start")
	case ReasonTimeout:
		b.WriteString("worker ran out of time")
	case ReasonCanceled:
		b.WriteString("worker stopped: canceled")
	case ReasonSeccomp:
		b.WriteString("worker killed for a forbidden system call")
	case ReasonMemory:
		b.WriteString("worker ran out of memory")
	case ReasonPanic:
		b.WriteString("worker panicked")
	case ReasonSignal:
		fmt.Fprintf(&b, "worker killed by %s", c.Signal)
	case ReasonExit:
		fmt.Fprintf(&b, "worker exited with code %d", c.Exit)
	case ReasonProtocol:
		b.WriteString("worker broke the protocol")
	case ReasonFlood:
		b.WriteString("worker sent too much")
	default:
		fmt.Fprintf(&b, "worker failed (%s)", string(c.Reason))
	}
	if c.Detail != "" {
		b.WriteString(": " + c.Detail)
	} else if c.Err != nil {
		b.WriteString(": " + c.Err.Error())
	}
	return b.String()
}

// Unwrap gives the cause, so that errors.Is(err, context.DeadlineExceeded) holds for a time-out.
func (c *Crash) Unwrap() error { return c.Err }

// HandlerError is the text of an error that the worker's handler returned: the request was answered, and the worker lives.
type HandlerError struct{ Text string }

// Error gives the handler's text.
func (e *HandlerError) Error() string { return e.Text }

// Handler answers one request in the worker. The context carries the caller's deadline. The files are those of the request, in its order;
// they share their offset with the parent's, so read them with ReadAt; they are closed when the handler returns. The spool is empty at the
// start of each request and nil when there is none. send copies the frame and hands it to the system before it returns: what was sent
// survives a crash. It may be called from several goroutines; its error means that the parent is gone. The request is only valid until
// the handler returns.
type Handler func(ctx context.Context, req []byte, files []*os.File, spool *os.File, send func(frame []byte) error) error

// Config says what workers a [Pool] runs.
type Config struct {
	// Path is the worker's binary and Argv its arguments, Argv[0] included. An empty Path means this very binary.
	Path string
	Argv []string
	// Env is all of the worker's environment, beside what Go's runtime needs there.
	Env []string
	// Workers is how many run at once; they are started when first needed. Zero means one.
	Workers int
	// NoLockdown leaves the workers all their rights: they then only contain crashes.
	NoLockdown bool
	// Require makes it an error when a layer does not hold.
	Require bool
	Limits  Limits
	// MaxFrame bounds one frame, MaxReply all frames of one request, headers included. Zero means 16 MiB and 256 MiB.
	MaxFrame int
	MaxReply int64
	// Time bounds each request, from when a worker takes it. Zero means that the context alone does. It costs nothing per request,
	// while a context with its own deadline costs a timer.
	Time time.Duration
	// Grace is how long after its deadline a worker may still end by itself before it is killed. Zero means 100 ms.
	Grace time.Duration
	// Recycle replaces a worker after so many requests, which bounds how long one that was taken over can lie. Zero means never.
	Recycle int
}

func (c Config) withDefaults() Config {
	c.Limits = c.Limits.withDefaults()
	if c.Workers <= 0 {
		c.Workers = 1
	}
	if c.MaxFrame <= 0 {
		c.MaxFrame = 16 << 20
	}
	if c.MaxReply <= 0 {
		c.MaxReply = 256 << 20
	}
	if c.Grace <= 0 {
		c.Grace = 100 * time.Millisecond
	}
	return c
}
