package wire

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// Patient bounds how long the body of a request that came over HTTP/2 may stall, how slowly it may come, and how long its answer may wait for the client
// to take more of it: what the guard does for connections of HTTP/1.1. It changes r.Body, and gives the writer to answer with.
func Patient(w http.ResponseWriter, r *http.Request, o Options) http.ResponseWriter {
	if r.ProtoMajor != 2 {
		return w
	}
	o = o.withDefaults()
	control := http.NewResponseController(w)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &patientBody{ReadCloser: r.Body, control: control, o: o}
	}
	return &patientWriter{ResponseWriter: w, control: control, stall: o.Stall}
}

type patientBody struct {
	io.ReadCloser
	control *http.ResponseController
	o       Options
	pace    pace
}

// Read reads; its error is a *Refusal when the client is too slow.
func (b *patientBody) Read(p []byte) (int, error) {
	start := time.Now()
	if err := b.control.SetReadDeadline(start.Add(b.o.Stall)); err != nil {
		return 0, err
	}
	n, err := b.ReadCloser.Read(p)
	if b.pace.slow(&b.o, n, time.Since(start)) || errors.Is(err, os.ErrDeadlineExceeded) {
		return n, errSlow
	}
	return n, err
}

type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
}

// Write writes; it fails when the client takes nothing for too long.
func (w *patientWriter) Write(p []byte) (int, error) {
	if err := w.control.SetWriteDeadline(time.Now().Add(w.stall)); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *patientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// errSlow is the end of a body that does not come.
var errSlow = Refuse(http.StatusRequestTimeout, "BAD_REQUEST", "wire/slow", "the body arrives too slowly")

// pace is how fast a body comes.
type pace struct {
	waited time.Duration
	got    int64
}

// slow adds what came, and says whether all of it is slower than it may be.
func (p *pace) slow(o *Options, n int, waited time.Duration) bool {
	p.waited += waited
	p.got += int64(n)
	return p.waited > o.Patience && p.got < int64(p.waited/time.Second)*o.MinRate
}
