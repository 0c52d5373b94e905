package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"weir"
	"weir/internal/report"
)

// widest is the line length that people read well, however wide the terminal is.
const widest = 120

// terminal gives the width of the terminal behind w; 0: there is none.
func terminal(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		return 80
	}
	return min(width, widest)
}

// colors reports whether text for w is coloured: on a terminal that can, unless NO_COLOR (any value) says otherwise.
func (a *app) colors(w io.Writer) bool {
	return terminal(w) > 0 && a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb"
}

// progress shows on a terminal's standard error how far a scan has come, in one line that is written over and over.
type progress struct {
	w     io.Writer
	mu    sync.Mutex
	began time.Time
	files int
	bytes int64
	found int
	shown bool
	stop  chan struct{}
	done  sync.WaitGroup
}

const progressEvery = 200 * time.Millisecond

// startProgress returns nil where nobody watches.
func startProgress(w io.Writer, quiet bool) *progress {
	if quiet || terminal(w) == 0 {
		return nil
	}
	p := &progress{w: w, began: time.Now(), stop: make(chan struct{})}
	p.done.Go(func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-tick.C:
				p.draw()
			}
		}
	})
	return p
}

// count takes an event into account.
func (p *progress) count(e weir.Event) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case e.Artifact != nil && e.Artifact.Member == "":
		p.files++
		p.bytes += e.Artifact.Size
	case e.Finding != nil && e.Finding.Severity >= weir.SeverityHigh:
		p.found++
	}
}

func (p *progress) draw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.began) < 2*progressEvery {
		return // a quick scan shows nothing
	}
	s := fmt.Sprintf("weir: %d files, %s, %d s", p.files, report.Bytes(p.bytes), int(time.Since(p.began).Seconds()))
	if p.found > 0 {
		s += fmt.Sprintf(", %d high or critical", p.found)
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", s)
	p.shown = true
}

// clear takes the line away.
func (p *progress) clear() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

// end takes the line away for good.
func (p *progress) end() {
	if p == nil {
		return
	}
	close(p.stop)
	p.done.Wait()
	p.clear()
}

// above writes to w once the progress line is out of the way.
func (p *progress) above(w io.Writer) io.Writer {
	if p == nil {
		return w
	}
	return writerFunc(func(b []byte) (int, error) {
		p.clear()
		return w.Write(b)
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
