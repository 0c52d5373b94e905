package serving

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// limits bound the requests to one model.
type limits struct {
	body     int64 // bytes
	rows     int
	elements int     // values in a body
	rate     float64 // requests per second and account; 0: no bound
	burst    float64
}

var defaultLimits = limits{body: 8 << 20, rows: 100_000, elements: 500_000}

// limitsOf reads the line of the configuration that is about a model. A line that cannot be read is an error, and the request fails closed.
func limitsOf(x *gateway.Exchange, name string) (limits, error) {
	l := defaultLimits
	var lines []string
	for _, line := range x.Upstream.Allow["limits"] {
		if f := strings.Fields(line); len(f) > 0 && (f[0] == name || f[0] == "*" && lines == nil) {
			lines = f[1:]
			if f[0] == name {
				break
			}
		}
	}
	for _, f := range lines {
		if err := l.set(f); err != nil {
			return l, fmt.Errorf("limits of model %q: %q: %w", name, f, err)
		}
	}
	return l, nil
}

func (l *limits) set(field string) error {
	key, value, _ := strings.Cut(field, "=")
	if key == "rate" {
		return l.setRate(value)
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n <= 0 {
		return fmt.Errorf("not a positive number")
	}
	switch key {
	case "body":
		l.body = min(n, 1<<30)
	case "rows":
		l.rows = int(min(n, 1<<30))
	case "elements":
		l.elements = int(min(n, 1<<30))
	default:
		return fmt.Errorf("none of body, rows, elements, rate")
	}
	return nil
}

func (l *limits) setRate(value string) error {
	count, per, _ := strings.Cut(value, "/")
	n, err := strconv.ParseFloat(count, 64)
	unit := map[string]float64{"s": 1, "m": 60, "h": 3600}[per]
	if err != nil || n <= 0 || unit == 0 {
		return fmt.Errorf("write it as 600/m")
	}
	l.rate, l.burst = n/unit, max(1, n/10)
	return nil
}

// maxBuckets bounds the memory of rates; the fullest are forgotten first, since they would let pass anyway.
const maxBuckets = 20_000

// rates are token buckets by server, model and account.
type rates struct {
	mu  sync.Mutex
	all map[[3]string]*bucket
	now func() time.Time
}

type bucket struct {
	left float64
	at   time.Time
}

func newRates() *rates { return &rates{all: map[[3]string]*bucket{}, now: time.Now} }

// take takes one request out, or says how long to wait.
func (r *rates) take(server, model, who string, l limits) (wait time.Duration) {
	if l.rate == 0 {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now() // monotonic: a clock that jumps changes nothing
	key := [3]string{server, model, who}
	b := r.all[key]
	if b == nil {
		if len(r.all) >= maxBuckets {
			r.drop(now, l)
		}
		b = &bucket{left: l.burst, at: now}
		r.all[key] = b
	}
	b.left = min(l.burst, b.left+now.Sub(b.at).Seconds()*l.rate)
	b.at = now
	if b.left < 1 {
		return time.Duration((1 - b.left) / l.rate * float64(time.Second))
	}
	b.left--
	return 0
}

func (r *rates) drop(now time.Time, l limits) {
	for k, b := range r.all {
		if b.left+now.Sub(b.at).Seconds()*l.rate >= l.burst {
			delete(r.all, k)
		}
	}
	for k := range r.all { // all are in use: some must go
		if len(r.all) < maxBuckets {
			return
		}
		delete(r.all, k)
	}
}

// admit bounds rate and size, and reads the body.
func (r *rates) admit(x *gateway.Exchange, name string) (limits, error) {
	l, err := limitsOf(x, name)
	if err != nil {
		return l, err
	}
	if wait := r.take(x.Upstream.Name, name, x.Who.Name, l); wait > 0 {
		no := wire.Refuse(http.StatusTooManyRequests, "REQUEST_LIMIT_EXCEEDED", "model-rate", fmt.Sprintf("weir gate: too many requests to model %q", name))
		no.Header = http.Header{"Retry-After": {strconv.Itoa(int(wait/time.Second) + 1)}}
		return l, no
	}
	if x.Encoding != "" {
		return l, wire.Refuse(http.StatusUnsupportedMediaType, "BAD_REQUEST", "content-encoding", "weir gate: bodies of predictions must not be compressed")
	}
	if err := x.ReadBytes(l.body); err != nil {
		return l, err
	}
	x.Record.In = int64(len(x.Raw))
	if x.Raw == nil {
		x.Raw = []byte{}
	}
	return l, nil
}
