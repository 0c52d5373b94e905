package telemetry

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir/internal/audit"
)

// Options of an exporter.
type Options struct {
	Endpoint string            // "http://127.0.0.1:4318"; /v1/traces and /v1/metrics are added, as OTEL_EXPORTER_OTLP_ENDPOINT is read
	Headers  map[string]string // sent with each request: the collector's credential
	Service  string            // service.name; empty: "weir-gate"
	Version  string            // service.version
	Every    time.Duration     // between metrics; 0: a minute
	Client   *http.Client      // nil: one with a time limit of 10 s that follows no redirect
}

const (
	maxSpans   = 4096 // that wait for the collector; more are lost and counted
	spanBatch  = 512
	spanPeriod = 2 * time.Second
)

// Exporter sends spans and metrics to a collector over OTLP/HTTP with JSON bodies (OpenTelemetry protocol 1.x, "JSON Protobuf Encoding"). It never
// holds up a request: what the collector does not take is lost.
type Exporter struct {
	meter  *Meter
	opts   Options
	base   string
	mu     sync.Mutex
	spans  []span
	failed bool
	wake   chan struct{}
	stop   context.CancelFunc
	done   chan struct{}
}

type span struct {
	record audit.Record
	trace  Trace
}

// Trace is where a request stands in a trace (W3C Trace Context). The span's own id is the request's id.
type Trace struct {
	ID      string // 32 hex digits
	Parent  string // 16 hex digits; empty: the trace begins here
	Sampled bool
}

// ParseTrace reads a traceparent header. One that is not well-formed begins a new trace, as the specification demands.
func ParseTrace(header string) Trace {
	if len(header) == 55 && header[:3] == "00-" && header[35] == '-' && header[52] == '-' {
		id, parent, flags := header[3:35], header[36:52], header[53:]
		n, err := strconv.ParseUint(flags, 16, 8)
		if lowerHex(id) && lowerHex(parent) && lowerHex(flags) && err == nil && strings.Trim(id, "0") != "" && strings.Trim(parent, "0") != "" {
			return Trace{ID: id, Parent: parent, Sampled: n&1 == 1}
		}
	}
	var b [16]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return Trace{ID: hex.EncodeToString(b[:]), Sampled: true}
}

// Header is the traceparent for the server behind the gate; request is the request's id.
func (t Trace) Header(request string) string {
	flags := "00"
	if t.Sampled {
		flags = "01"
	}
	return "00-" + t.ID + "-" + request + "-" + flags
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Export begins to send what m counts, and spans. Close ends it.
func Export(m *Meter, o Options) (*Exporter, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("OTLP endpoint %q: write it as http://host:4318", o.Endpoint)
	}
	if o.Service == "" {
		o.Service = "weir-gate"
	}
	if o.Every == 0 {
		o.Every = time.Minute
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	ctx, stop := context.WithCancel(context.Background())
	e := &Exporter{meter: m, opts: o, base: strings.TrimSuffix(o.Endpoint, "/"), wake: make(chan struct{}, 1), stop: stop, done: make(chan struct{})}
	go e.run(ctx)
	return e, nil
}

// Span notes a request down for the collector.
func (e *Exporter) Span(r *audit.Record, t Trace) {
	if !t.Sampled {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.spans) >= maxSpans {
		e.meter.lost.Add(1)
		return
	}
	e.spans = append(e.spans, span{*r, t})
	if len(e.spans) == spanBatch {
		select {
		case e.wake <- struct{}{}:
		default:
		}
	}
}

// Close sends what waits, for at most ten seconds.
func (e *Exporter) Close() {
	e.stop()
	<-e.done
}

func (e *Exporter) run(ctx context.Context) {
	defer close(e.done)
	spans, metrics := time.NewTicker(spanPeriod), time.NewTicker(e.opts.Every)
	defer spans.Stop()
	defer metrics.Stop()
	for {
		select {
		case <-e.wake:
			e.sendSpans(ctx)
		case <-spans.C:
			e.sendSpans(ctx)
		case <-metrics.C:
			e.report(ctx, e.post(ctx, "/v1/metrics", e.metrics()))
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			e.sendSpans(last)
			e.report(last, e.post(last, "/v1/metrics", e.metrics()))
			cancel()
			return
		}
	}
}

func (e *Exporter) sendSpans(ctx context.Context) {
	for {
		e.mu.Lock()
		n := min(len(e.spans), spanBatch)
		batch := append([]span(nil), e.spans[:n]...)
		e.mu.Unlock()
		if n == 0 {
			return
		}
		err := e.post(ctx, "/v1/traces", e.traces(batch))
		e.report(ctx, err)
		if errors.Is(err, errAgain) {
			return // they wait; what does not fit meanwhile is lost
		}
		if err != nil {
			e.meter.lost.Add(uint64(n))
		}
		e.mu.Lock()
		e.spans = append(e.spans[:0], e.spans[n:]...)
		e.mu.Unlock()
	}
}

// errAgain is an answer that asks to try later (OTLP specification, "Retryable Response Codes"), or no answer.
var errAgain = errors.New("the collector does not take it now")

func (e *Exporter) post(ctx context.Context, path string, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(data); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.base+path, &packed)
	if err != nil {
		return err
	}
	for k, v := range e.opts.Headers {
		req.Header.Set(k, v)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Content-Encoding", "gzip")
	res, err := e.opts.Client.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", errAgain, err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
	switch res.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return fmt.Errorf("%w: %s", errAgain, res.Status)
	}
	return fmt.Errorf("the collector answered %s", res.Status)
}

// report says once that the collector fails, and once that it works again.
func (e *Exporter) report(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil: // the gate ends: what was under way is sent again
		return
	case err != nil && !e.failed:
		slog.Warn("telemetry is not delivered", "endpoint", audit.Mask(e.opts.Endpoint), "error", err)
	case err == nil && e.failed:
		slog.Info("telemetry is delivered again", "endpoint", audit.Mask(e.opts.Endpoint))
	}
	e.failed = err != nil
}
