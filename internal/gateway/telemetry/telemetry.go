// Package telemetry counts and times what passes the gate, and tells it to Prometheus and to OpenTelemetry collectors.
//
// Start with [Meter]: it is given every audit record. [Meter.ServeHTTP] is the page that Prometheus reads; [Export] sends the same numbers and a
// span for each request over OTLP/HTTP. Both are written by hand from one set of numbers: the official libraries add 4.4 MB (client_golang 1.25) and
// 12.3 MB (OTel SDK 1.47 with its OTLP exporter) to a binary of 18 MB, and would keep two sets.
//
// # Metrics
//
//	weir_gate_requests_total{server,route,decision,status}    route is the table's line, or unlisted: the number of series is bounded
//	weir_gate_refusals_total{server,rule}                     what refused: a check, a policy; also what would have, while observing
//	weir_gate_request_seconds{server}                         histogram
//	weir_gate_body_bytes_total{server,direction}              in, out
//	weir_gate_upstream_errors_total{server}                   the server behind the gate did not answer, or broke off
//	weir_gate_scans_total{verdict}, weir_gate_scan_bytes_total, weir_gate_scan_seconds
//	weir_gate_alerts_total{kind}                              bulk-export and the like
//	weir_gate_quarantined_items, weir_gate_audit_ready, weir_gate_telemetry_lost_total, weir_gate_start_time_seconds, go_*
package telemetry

import (
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"weir/internal/audit"
)

// maxSeries bounds the label sets of one metric; what comes after is counted under "other".
const maxSeries = 5000

// bounds of the histograms, in seconds.
var bounds = []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600}

// labels are the values of a metric's labels, in the order of its family's names.
type labels [4]string

// family is one metric with all its label sets.
type family struct {
	name, help, unit string
	names            []string
	counters         sync.Map // labels → *atomic.Uint64
	histograms       sync.Map // labels → *histogram
	histogram        bool
	size             atomic.Int64
}

type histogram struct {
	counts [17]atomic.Uint64 // one for each bound, and one above all
	nanos  atomic.Int64      // sum
}

// Gauges are numbers that are asked for when somebody reads them. Nil functions are left out.
type Gauges struct {
	Quarantined func() float64 // items
	AuditReady  func() error   // audit.Log.Ready
}

// Meter counts. Its methods may be called at the same time; the zero Meter does not work: use [New].
type Meter struct {
	gauges                                                                          Gauges
	start                                                                           time.Time
	requests, refusals, seconds, bytes, upstream, scans, scanBytes, scanTime, alert *family
	all                                                                             []*family
	lost                                                                            atomic.Uint64
}

// New makes a meter.
func New(g Gauges) *Meter {
	m := &Meter{gauges: g, start: time.Now()}
	add := func(f *family) *family { m.all = append(m.all, f); return f }
	m.requests = add(&family{name: "weir_gate_requests", help: "Requests by route, decision and status.", names: []string{"server", "route", "decision", "status"}})
	m.refusals = add(&family{name: "weir_gate_refusals", help: "Requests that a rule or policy refused, or would have while observing.", names: []string{"server", "rule"}})
	m.seconds = add(&family{name: "weir_gate_request_seconds", help: "Time from the first byte of a request to the end of its answer.", unit: "s", names: []string{"server"}, histogram: true})
	m.bytes = add(&family{name: "weir_gate_body_bytes", help: "Bytes of bodies from and to clients.", unit: "By", names: []string{"server", "direction"}})
	m.upstream = add(&family{name: "weir_gate_upstream_errors", help: "Requests that failed because the server behind the gate did not answer.", names: []string{"server"}})
	m.scans = add(&family{name: "weir_gate_scans", help: "Scans by verdict.", names: []string{"verdict"}})
	m.scanBytes = add(&family{name: "weir_gate_scan_bytes", help: "Bytes that were scanned.", unit: "By"})
	m.scanTime = add(&family{name: "weir_gate_scan_seconds", help: "Time that scans took.", unit: "s", histogram: true})
	m.alert = add(&family{name: "weir_gate_alerts", help: "Alarms by kind.", names: []string{"kind"}})
	return m
}

// Request counts one request.
func (m *Meter) Request(r *audit.Record) {
	route := r.Route
	if r.Observed != "" && strings.HasPrefix(r.Hint, "routes:") { // what an observing gate passes on is in no table: any path of a client's choice
		route = "unlisted"
	}
	m.requests.add(labels{r.Server, route, r.Decision, status(r.Status)}, 1)
	if r.Decision != "allow" || r.Observed != "" {
		rule := r.Policy
		if rule == "" {
			rule = r.Decision
		}
		m.refusals.add(labels{r.Server, rule}, 1)
	}
	if r.Decision == "error" && r.Policy == "upstream" {
		m.upstream.add(labels{r.Server}, 1)
	}
	m.seconds.observe(labels{r.Server}, time.Duration(r.Micros)*time.Microsecond)
	m.bytes.add(labels{r.Server, "in"}, r.In)
	m.bytes.add(labels{r.Server, "out"}, r.Out)
}

// Scan counts a scan: its verdict, how much was read, how long it took.
func (m *Meter) Scan(verdict string, bytes int64, took time.Duration) {
	m.scans.add(labels{verdict}, 1)
	m.scanBytes.add(labels{}, bytes)
	m.scanTime.observe(labels{}, took)
}

// Alert counts an alarm that somebody should be woken for: "bulk-export", "quarantine", …
func (m *Meter) Alert(kind string) { m.alert.add(labels{kind}, 1) }

// status gives the text of a status without allocation for those that are common.
func status(n int) string {
	if n >= 100 && n < 600 {
		return statusText[n-100]
	}
	return "0"
}

var statusText = func() (t [500]string) {
	const digits = "0123456789"
	for i := range t {
		n := i + 100
		t[i] = string([]byte{digits[n/100], digits[n/10%10], digits[n%10]})
	}
	return t
}()

func (f *family) add(l labels, n int64) {
	if n < 0 {
		return
	}
	c, ok := f.counters.Load(l)
	if !ok {
		c, _ = f.counters.LoadOrStore(f.bounded(l), new(atomic.Uint64))
	}
	c.(*atomic.Uint64).Add(uint64(n))
}

func (f *family) observe(l labels, d time.Duration) {
	h, ok := f.histograms.Load(l)
	if !ok {
		h, _ = f.histograms.LoadOrStore(f.bounded(l), new(histogram))
	}
	i, _ := slices.BinarySearch(bounds, d.Seconds())
	h.(*histogram).counts[i].Add(1)
	h.(*histogram).nanos.Add(int64(d))
}

// bounded gives l, or the label set that stands for all that are too many. Values are cut to 256 bytes.
func (f *family) bounded(l labels) labels {
	if f.size.Add(1) > maxSeries {
		for i := range f.names {
			l[i] = "other"
		}
		return l
	}
	for i := range l {
		if len(l[i]) > 256 {
			l[i] = l[i][:256]
		}
	}
	return l
}

// ServeHTTP writes all metrics in the text form of Prometheus (version 0.0.4).
func (m *Meter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "GET only", http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(m.text()) // a reader that went away wants nothing more
}

// values is a family's counters, sorted.
func (f *family) values(each func(labels, uint64)) {
	all := map[labels]uint64{}
	var keys []labels
	f.counters.Range(func(k, v any) bool {
		keys = append(keys, k.(labels))
		all[k.(labels)] = v.(*atomic.Uint64).Load()
		return true
	})
	slices.SortFunc(keys, compare)
	for _, k := range keys {
		each(k, all[k])
	}
}

// spread is a histogram at one moment: counts is per bucket, not cumulative.
type spread struct {
	counts []uint64
	total  uint64
	sum    float64
}

func (f *family) spreads(each func(labels, spread)) {
	all := map[labels]*histogram{}
	var keys []labels
	f.histograms.Range(func(k, v any) bool {
		keys = append(keys, k.(labels))
		all[k.(labels)] = v.(*histogram)
		return true
	})
	slices.SortFunc(keys, compare)
	for _, k := range keys {
		s := spread{sum: time.Duration(all[k].nanos.Load()).Seconds()}
		for i := range all[k].counts {
			n := all[k].counts[i].Load()
			s.counts, s.total = append(s.counts, n), s.total+n
		}
		each(k, s)
	}
}

func compare(a, b labels) int {
	for i := range a {
		if c := strings.Compare(a[i], b[i]); c != 0 {
			return c
		}
	}
	return 0
}

// gauge is a number with its name and what it says.
type gauge struct {
	name, help string
	value      float64
}

func (m *Meter) read() []gauge {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	out := []gauge{
		{"weir_gate_start_time_seconds", "When the gate was started, in seconds since 1970.", float64(m.start.UnixMilli()) / 1000},
		{"go_goroutines", "Goroutines.", float64(runtime.NumGoroutine())},
		{"go_memstats_heap_inuse_bytes", "Bytes of the heap in use.", float64(mem.HeapInuse)},
		{"go_memstats_sys_bytes", "Bytes taken from the system.", float64(mem.Sys)},
	}
	if m.gauges.Quarantined != nil {
		out = append(out, gauge{"weir_gate_quarantined_items", "Items in quarantine.", m.gauges.Quarantined()})
	}
	if m.gauges.AuditReady != nil {
		ready := 1.0
		if m.gauges.AuditReady() != nil {
			ready = 0
		}
		out = append(out, gauge{"weir_gate_audit_ready", "1 while the audit log can be written.", ready})
	}
	return out
}
