package gateway

import (
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"weir/internal/audit"
	"weir/internal/auth"
)

// The bounds of what those who show no account, or ask too often, can write into the audit log. Without them whoever reaches the gate could fill
// its disk, and a gate that cannot write passes nothing.
const (
	floodLines  = 200 // lines of one address at once
	floodRate   = 5   // and a second for long
	floodAll    = 20000
	floodAllFor = 200
	floodPlaces = 4096 // addresses that are told apart; the others count as one
	floodEvery  = 10 * time.Second
)

// flood counts such requests. What is not written down one by one is written as a number, for each address, every few seconds.
type flood struct {
	write func(audit.Record) error

	mu    sync.Mutex
	all   allowance
	of    map[netip.Addr]*crowd
	timer *time.Timer // of the next summary; nil: nothing waits to be written
}

// allowance is a bucket of lines that fills by the monotonic clock.
type allowance struct {
	used float64
	at   time.Time
}

// take takes one line, if there is one.
func (a *allowance) take(now time.Time, most, rate float64) bool {
	a.used = max(0, a.used-now.Sub(a.at).Seconds()*rate)
	a.at = now
	if a.used+1 > most {
		return false
	}
	a.used++
	return true
}

type crowd struct {
	allowance
	unwritten int
}

// record writes a record, or counts it.
func (f *flood) record(r *audit.Record, from netip.Addr) error {
	if r.Who != "" && r.Status != 429 || f.lines(auth.Place(from), time.Now()) {
		return f.write(*r)
	}
	return nil
}

// lines says whether one more line may be written about an address; if not, it is counted.
func (f *flood) lines(from netip.Addr, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.of[from]
	if c == nil {
		if f.of == nil || len(f.of) >= floodPlaces {
			f.forget(now)
		}
		if len(f.of) >= floodPlaces {
			from = netip.Addr{}
		}
		if c = f.of[from]; c == nil {
			c = &crowd{allowance: allowance{at: now}}
			f.of[from] = c
		}
	}
	if c.take(now, floodLines, floodRate) && f.all.take(now, floodAll, floodAllFor) {
		return true
	}
	c.unwritten++
	if f.timer == nil {
		f.timer = time.AfterFunc(floodEvery, f.summary)
	}
	return false
}

// forget drops addresses that have been quiet, so that there is room for others.
func (f *flood) forget(now time.Time) {
	if f.of == nil {
		f.of = map[netip.Addr]*crowd{}
	}
	for a, c := range f.of {
		if c.unwritten == 0 && now.Sub(c.at).Seconds()*floodRate >= c.used {
			delete(f.of, a)
		}
	}
}

// summary writes down what was only counted.
func (f *flood) summary() {
	f.mu.Lock()
	if f.timer != nil {
		f.timer.Stop()
		f.timer = nil
	}
	var list []audit.Record
	for a, c := range f.of {
		if c.unwritten == 0 {
			continue
		}
		from := "elsewhere"
		if a.IsValid() {
			from = a.String()
		}
		list = append(list, audit.Record{Time: time.Now().UTC(), From: from, Decision: "refuse", Policy: "flood",
			Reason: "so many requests by nobody known, or by accounts that ask too often, that they were not written down one by one", More: map[string]any{"requests": c.unwritten}})
		c.unwritten = 0
	}
	f.mu.Unlock()
	slices.SortFunc(list, func(a, b audit.Record) int { return b.More["requests"].(int) - a.More["requests"].(int) })
	for i := range list {
		if err := f.write(list[i]); err != nil {
			slog.Error("the audit log cannot be written", "error", err)
			return
		}
	}
}
