package intake

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// Tail reads a transfer while it is still being spooled, for a flow that sends it on before its verdict is there. Give it to [Intake.Spool] in
// [Meta]. One goroutine waits with Worthwhile and then reads; the one that spools and judges ends it with Pass or Cut. The last bytes come only
// after Pass, so that what it is sent to has never got the whole before.
type Tail struct {
	wake chan struct{} // holds one token when something has changed since the reader looked

	mu      sync.Mutex
	length  int64
	f       *os.File
	began   time.Time
	written int64
	at      int64 // the reader's place
	waited  time.Duration
	state   tailState
}

type tailState int

const (
	tailArriving tailState = iota
	tailPassed
	tailCut
)

// Bounds of reading ahead. Whoever is sent to waits for the client with us, which a slow or halting client must not be able to draw out: the
// reader starts when the rest is to be expected soon, and gives up when that was wrong.
const (
	tailHold = 64 << 10         // bytes that are kept back until Pass
	tailFrom = 1 << 20          // bytes that tell a client's pace
	tailSoon = 5 * time.Second  // the rest must be expected within this time
	tailWait = 10 * time.Second // how long the reader waits in all, for the client and for the verdict
)

// ErrCut ends a Tail that was cut, or waited for too long: the transfer goes no further this way.
var ErrCut = errors.New("the transfer was cut before its end")

// NewTail makes a Tail for a transfer of so many bytes; length must be what [Meta] announces.
func NewTail(length int64) *Tail {
	return &Tail{length: length, wake: make(chan struct{}, 1)}
}

// opened is called by the spool when the file is there.
func (t *Tail) opened(name string) {
	f, err := os.Open(name)
	t.mu.Lock()
	t.f, t.began = f, time.Now()
	if err != nil {
		t.f, t.state = nil, tailCut
	}
	t.mu.Unlock()
	t.ring()
}

// grew is called by the spool when so many bytes are written.
func (t *Tail) grew(written int64) {
	t.mu.Lock()
	t.written = written
	t.mu.Unlock()
	t.ring()
}

// Pass lets the rest through: the transfer is whole, and its verdict lets it pass.
func (t *Tail) Pass() { t.end(tailPassed) }

// Cut ends the reading with ErrCut, unless Pass was called.
func (t *Tail) Cut() { t.end(tailCut) }

func (t *Tail) end(s tailState) {
	t.mu.Lock()
	if t.state == tailArriving {
		t.state = s
	}
	t.mu.Unlock()
	t.ring()
}

func (t *Tail) ring() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Worthwhile waits until reading ahead is worth it, which is when the rest is to be expected soon; false when that never came.
func (t *Tail) Worthwhile() bool {
	for {
		t.mu.Lock()
		state, some := t.state, t.written >= min(tailFrom, t.length)
		soon := some && float64(t.length-t.written)*float64(time.Since(t.began)) <= float64(t.written)*float64(tailSoon)
		t.mu.Unlock()
		if state != tailArriving {
			return false
		}
		if soon {
			return true
		}
		<-t.wake
	}
}

// Read implements io.Reader. Its error is ErrCut when the transfer may not go on, or it waited for too long.
func (t *Tail) Read(p []byte) (int, error) {
	for {
		t.mu.Lock()
		state, at, most, left := t.state, t.at, t.written, tailWait-t.waited
		t.mu.Unlock()
		if state == tailArriving {
			most = min(most, t.length-tailHold)
		}
		switch {
		case state == tailCut:
			return 0, ErrCut
		case at < most:
			n, err := t.f.ReadAt(p[:min(int64(len(p)), most-at)], at)
			if n > 0 {
				t.mu.Lock()
				t.at += int64(n)
				t.mu.Unlock()
				return n, nil
			}
			return 0, errors.Join(ErrCut, err) // never io.EOF: that would end a chunked body as if it were whole
		case state == tailPassed:
			return 0, io.EOF
		case left <= 0:
			t.Cut()
			return 0, ErrCut
		}
		began, limit := time.Now(), time.NewTimer(left)
		select {
		case <-t.wake:
		case <-limit.C:
		}
		limit.Stop()
		t.mu.Lock()
		t.waited += time.Since(began)
		t.mu.Unlock()
	}
}

// Begins reads anew what was read: the bytes that may have gone out before a cut.
func (t *Tail) Begins() io.Reader {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.f == nil {
		return strings.NewReader("")
	}
	return io.NewSectionReader(t.f, 0, t.at)
}

// Close gives the file free.
func (t *Tail) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.f == nil {
		return nil
	}
	return t.f.Close()
}
