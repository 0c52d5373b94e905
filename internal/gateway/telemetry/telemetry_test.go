package telemetry

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/internal/audit"
)

func record(i int) *audit.Record {
	r := &audit.Record{
		Time: time.Unix(1_800_000_000, 0), Request: fmt.Sprintf("%016x", i+1), Who: "anna", Server: "mlflow", Method: "GET", Path: "/x", Route: "GET /api/2.0/mlflow/runs/get",
		Action: "read", Decision: "allow", Status: 200, In: 10, Out: 100, Micros: 1500,
	}
	if i%2 == 1 {
		r.Decision, r.Policy, r.Status = "deny", `role "x"`, 403
	}
	return r
}

// sampleLine is what the exposition format allows for a sample.
var sampleLine = regexp.MustCompile(`^[a-z_]+(\{[a-z]+="([^"\\\n]|\\["\\n])*"(,[a-z]+="([^"\\\n]|\\["\\n])*")*\})? [-+0-9.e]+$`)

func TestPrometheus(t *testing.T) {
	m := New(Gauges{Quarantined: func() float64 { return 3 }, AuditReady: func() error { return errors.New("full") }})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 10 {
				m.Request(record(i))
			}
		})
	}
	wg.Wait()
	broken := record(0)
	broken.Decision, broken.Policy, broken.Status = "error", "upstream", 502
	m.Request(broken)
	observed := record(0)
	observed.Server, observed.Route, observed.Observed, observed.Hint, observed.Policy = "u", "GET /made/up", "not in the table", `routes: ["GET /made/up read"]`, "unknown-route"
	m.Request(observed)
	m.Scan("malicious", 1000, 30*time.Millisecond)
	m.Alert("bulk-export")
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text := w.Body.String()
	for _, want := range []string{
		`weir_gate_requests_total{server="mlflow",route="GET /api/2.0/mlflow/runs/get",decision="allow",status="200"} 20`,
		`weir_gate_requests_total{server="mlflow",route="GET /api/2.0/mlflow/runs/get",decision="deny",status="403"} 20`,
		`weir_gate_refusals_total{server="mlflow",rule="role \"x\""} 20`,
		`weir_gate_requests_total{server="u",route="unlisted",decision="allow",status="200"} 1`, `weir_gate_refusals_total{server="u",rule="unknown-route"} 1`,
		`weir_gate_upstream_errors_total{server="mlflow"} 1`,
		`weir_gate_request_seconds_bucket{server="mlflow",le="0.001"} 0`,
		`weir_gate_request_seconds_bucket{server="mlflow",le="0.0025"} 41`,
		`weir_gate_request_seconds_bucket{server="mlflow",le="+Inf"} 41`,
		`weir_gate_request_seconds_count{server="mlflow"} 41`,
		`weir_gate_body_bytes_total{server="mlflow",direction="out"} 4100`,
		`weir_gate_scans_total{verdict="malicious"} 1`, `weir_gate_scan_bytes_total 1000`, `weir_gate_scan_seconds_bucket{le="0.05"} 1`,
		`weir_gate_alerts_total{kind="bulk-export"} 1`, `weir_gate_quarantined_items 3`, `weir_gate_audit_ready 0`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("there is no line %s", want)
		}
	}
	n := 0
	for line := range strings.Lines(text) {
		if line = strings.TrimSuffix(line, "\n"); strings.HasPrefix(line, "# ") {
			continue
		}
		if n++; !sampleLine.MatchString(line) {
			t.Errorf("not a sample: %q", line)
		}
	}
	if n < 40 {
		t.Errorf("%d samples in\n%s", n, text)
	}
	w = httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest("POST", "/metrics", nil))
	if w.Code != 405 {
		t.Errorf("POST: %d", w.Code)
	}
}

// Whoever makes up label values must not fill the memory.
func TestSeriesAreBounded(t *testing.T) {
	m := New(Gauges{})
	for i := range maxSeries + 1000 {
		r := record(1)
		r.Policy = fmt.Sprint(i)
		m.Request(r)
	}
	n := 0
	other := uint64(0)
	m.refusals.values(func(l labels, v uint64) {
		if n++; l[1] == "other" {
			other = v
		}
	})
	if n != maxSeries+1 || other != 1000 {
		t.Errorf("%d series, %d others", n, other)
	}
}

func TestHealth(t *testing.T) {
	var broken error
	h := Health(map[string]func() error{"audit": func() error { return broken }, "store": func() error { return nil }})
	get := func() (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/healthz", nil))
		return w.Code, w.Body.String()
	}
	if code, body := get(); code != 200 || body != "{\"status\":\"ok\"}\n" {
		t.Errorf("%d %s", code, body)
	}
	broken = errors.New("disk full at /secret/place")
	if code, body := get(); code != 503 || body != "{\"status\":\"broken\",\"broken\":[\"audit\"]}\n" {
		t.Errorf("%d %s", code, body)
	}
}

func TestParseTrace(t *testing.T) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" // the example of the specification
	if got := ParseTrace(good); got != (Trace{"0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", true}) || got.Header("00f067aa0ba902b7") != "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01" {
		t.Errorf("%+v", got)
	}
	for _, bad := range []string{"", "00", strings.ToUpper(good), good + "-x", "ff" + good[2:], "00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", good[:54] + "g"} {
		if got := ParseTrace(bad); got.Parent != "" || len(got.ID) != 32 || !got.Sampled {
			t.Errorf("%q gives %+v", bad, got)
		}
	}
}

// collector is a receiver of OTLP over HTTP.
type collector struct {
	mu     sync.Mutex
	bodies map[string][]map[string]any
	status int
	bad    string
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	z, err := gzip.NewReader(r.Body)
	if err != nil || r.Method != "POST" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("X-Key") != "k" {
		c.bad = fmt.Sprint(r.Method, r.Header, err)
		return
	}
	data, err := io.ReadAll(z)
	var body map[string]any
	if err := errors.Join(err, json.Unmarshal(data, &body)); err != nil {
		c.bad = err.Error()
	}
	if c.status != 0 {
		w.WriteHeader(c.status)
		return
	}
	c.bodies[r.URL.Path] = append(c.bodies[r.URL.Path], body)
	_, _ = w.Write([]byte("{}"))
}

// at walks into decoded JSON.
func at(t *testing.T, v any, path ...any) any {
	t.Helper()
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				t.Fatalf("nothing at %v in %v", path, v)
			}
			v = l[p]
		}
	}
	return v
}

func TestExport(t *testing.T) {
	c := &collector{bodies: map[string][]map[string]any{}}
	server := httptest.NewServer(c)
	defer server.Close()
	m := New(Gauges{})
	e, err := Export(m, Options{Endpoint: server.URL + "/", Headers: map[string]string{"X-Key": "k"}, Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 700 {
		m.Request(record(i))
		e.Span(record(i), ParseTrace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
	}
	e.Span(record(0), Trace{ID: "1", Sampled: false}) // whoever began the trace does not want it
	e.Close()
	if c.bad != "" {
		t.Fatal(c.bad)
	}
	spans := 0
	for _, b := range c.bodies["/v1/traces"] {
		list := at(t, b, "resourceSpans", 0, "scopeSpans", 0, "spans").([]any)
		spans += len(list)
	}
	if spans != 700 {
		t.Errorf("%d spans", spans)
	}
	first := at(t, c.bodies["/v1/traces"][0], "resourceSpans", 0, "scopeSpans", 0, "spans", 0)
	for key, want := range map[string]any{"traceId": "0af7651916cd43dd8448eb211c80319c", "parentSpanId": "b7ad6b7169203331", "spanId": "0000000000000001", "kind": 2.0, "startTimeUnixNano": "1800000000000000000", "endTimeUnixNano": "1800000000001500000"} {
		if got := at(t, first, key); got != want {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
	metrics := c.bodies["/v1/metrics"]
	if len(metrics) == 0 {
		t.Fatal("no metrics")
	}
	list := at(t, metrics[len(metrics)-1], "resourceMetrics", 0, "scopeMetrics", 0, "metrics").([]any)
	if got := at(t, list, 0, "sum", "dataPoints", 0, "asInt"); got != "350" || at(t, list, 0, "name") != "weir_gate_requests" {
		t.Errorf("%v", list[0])
	}
	if got := at(t, list, 2, "histogram", "dataPoints", 0, "bucketCounts", 2); got != "700" {
		t.Errorf("%v", list[2])
	}
}

// A collector that is gone costs spans, never memory or time of requests.
func TestCollectorFails(t *testing.T) {
	c := &collector{bodies: map[string][]map[string]any{}, status: 503}
	server := httptest.NewServer(c)
	defer server.Close()
	m := New(Gauges{})
	e, err := Export(m, Options{Endpoint: server.URL, Headers: map[string]string{"X-Key": "k"}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxSpans + 100 {
		e.Span(record(i), ParseTrace(""))
	}
	e.mu.Lock()
	if m.lost.Load() != 100 || len(e.spans) != maxSpans {
		t.Errorf("%d lost, %d wait", m.lost.Load(), len(e.spans))
	}
	e.mu.Unlock()
	c.mu.Lock()
	c.status = 0
	c.mu.Unlock()
	e.Close()
	if n := len(c.bodies["/v1/traces"]); n != maxSpans/spanBatch {
		t.Errorf("%d batches", n)
	}
	for _, bad := range []string{"", "127.0.0.1:4318", "grpc://x", "http://"} {
		if _, err := Export(m, Options{Endpoint: bad}); err == nil {
			t.Errorf("endpoint %q was taken", bad)
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	m := New(Gauges{})
	r := record(0)
	b.ReportAllocs()
	for b.Loop() {
		m.Request(r)
	}
}
