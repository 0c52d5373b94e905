package gateway

import (
	"context"
	"net/http"

	"weir/internal/audit"
)

// own serves the gate's own pages. They identify whoever asks themselves: the page to log in is one of them.
func (g *Gate) own(x *Exchange, r *http.Request, h http.Handler) error {
	x.Record.Route = "own"
	counter := &statusWriter{ResponseWriter: x.W, x: x}
	h.ServeHTTP(counter, r.WithContext(context.WithValue(r.Context(), recordKey{}, x.Record)))
	if x.Record.Status == 0 {
		x.Record.Status = http.StatusOK
	}
	return nil
}

type recordKey struct{}

// RecordOf gives the line of the audit log about a request to the gate's own pages, which they complete: who it was, and why not. Nil for others.
func RecordOf(r *http.Request) *audit.Record {
	record, _ := r.Context().Value(recordKey{}).(*audit.Record)
	return record
}

type statusWriter struct {
	http.ResponseWriter
	x *Exchange
}

func (s *statusWriter) WriteHeader(status int) {
	if s.x.Record.Status == 0 {
		s.x.Record.Status = status
		s.x.answered = true
		guardHeaders(s.Header())
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusWriter) Write(p []byte) (int, error) {
	if s.x.Record.Status == 0 {
		s.WriteHeader(http.StatusOK)
	}
	n, err := s.ResponseWriter.Write(p)
	s.x.Record.Out += int64(n)
	return n, err
}
