// Package quota counts what each principal downloads, and stops whoever carries too much away.
//
// Start with [Ledger]: [Ledger.Begin] is asked before a download and gives the function that is told of every byte. Three things are counted within a
// sliding window: files (requests), bytes, and different things (runs, models, frames). Too many files are refused until the window has moved on; too
// many things or bytes are a bulk export: that is told to Options.Alert, and the account downloads nothing more until the hold ends or somebody
// releases it. A pipeline that reads one model a thousand times is no bulk export; somebody who reads every model once is.
//
// # Time
//
// While the gate runs, time is monotonic: setting the system's clock changes nothing. What was counted is kept in the store, once a second and at every
// hold; a gate that starts with a clock that was set back goes on from the newest time that it wrote. A clock that was set forward while the gate stood
// still cannot be told from time that passed.
package quota

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"weir/internal/auth"
	"weir/internal/gateway/wire"
)

// Limits of one account. A zero count is no limit.
type Limits struct {
	Window time.Duration `yaml:"window"` // default an hour
	Files  int64         `yaml:"files"`  // requests in a window
	Bytes  int64         `yaml:"bytes"`  // of answers in a window
	Things int           `yaml:"things"` // different things in a window, at most 100,000
	Hold   time.Duration `yaml:"hold"`   // how long a bulk export stops the account; default 24 hours
}

// Default lets through what people and pipelines do, and stops who copies a whole store.
var Default = Limits{Window: time.Hour, Files: 50_000, Bytes: 1 << 40, Things: 500, Hold: 24 * time.Hour}

// Memo is where counts are kept; store.Memos is one.
type Memo interface {
	Memo(ctx context.Context, server, key string) (value string, ok bool, err error)
	KeepMemo(ctx context.Context, server, key, value string) error
	DropMemo(ctx context.Context, server, key string) error
}

// Options of a ledger.
type Options struct {
	Limits   Limits            // of everybody; the zero value is Default
	Accounts map[string]Limits // of some, in place of Limits
	Memo     Memo              // nil: counts end with the process
	Alert    func(kind, who, text string)
	now      func() time.Time // for tests: wall clock with a monotonic reading
}

const (
	slots     = 60 // parts of a window
	maxThings = 100_000
	prefix    = "quota:"
	releases  = "quota-release:"
)

// Ledger counts. Its methods may be called at the same time.
type Ledger struct {
	opts  Options
	start time.Time // of the process; has a monotonic reading
	mu    sync.Mutex
	base  time.Time // what start counts as: never before anything that was written
	all   map[string]*account
	err   error // why counts cannot be kept
	stop  chan struct{}
	done  chan struct{}
}

// account is one principal's counts; its exported fields are what is kept.
type account struct {
	At     int64            `json:"at"`     // milliseconds: when this was written
	Slot   [slots]int64     `json:"slot"`   // number of the slot that the counts are of
	Files  [slots]int64     `json:"files"`  //
	Bytes  [slots]int64     `json:"bytes"`  //
	Things map[string]int64 `json:"things"` // newest slot in which it was read
	Held   int64            `json:"held"`   // until when, in milliseconds; 0: not
	Since  int64            `json:"since"`  // when the hold began

	limits Limits
	dirty  bool
	warned int64 // slot in which Files was last told
}

// Open makes a ledger and begins to keep it. Close ends it.
func Open(o Options) *Ledger {
	if o.Limits == (Limits{}) {
		o.Limits = Default
	}
	if o.Alert == nil {
		o.Alert = func(string, string, string) {}
	}
	if o.now == nil {
		o.now = time.Now
	}
	now := o.now()
	l := &Ledger{opts: o, start: now, base: now.Round(0), all: map[string]*account{}, stop: make(chan struct{}), done: make(chan struct{})}
	go l.keep()
	return l
}

// Close writes what was counted.
func (l *Ledger) Close() error {
	close(l.stop)
	<-l.done
	return l.flush()
}

func (l *Ledger) keep() {
	defer close(l.done)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
			if err := l.flush(); err != nil {
				slog.Error("download quotas cannot be kept: downloads are refused until they can", "error", err)
			}
		}
	}
}

// flush writes the accounts that changed.
func (l *Ledger) flush() error {
	if l.opts.Memo == nil {
		return nil
	}
	l.mu.Lock()
	write := map[string]string{}
	for name, a := range l.all {
		if a.dirty {
			a.At, a.dirty = l.clock().UnixMilli(), false
			write[name] = a.text()
		}
	}
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var errs []error
	for name, text := range write {
		if err := l.opts.Memo.KeepMemo(ctx, "", prefix+name, text); err != nil {
			errs = append(errs, err)
			l.mu.Lock()
			l.all[name].dirty = true
			l.mu.Unlock()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = errors.Join(errs...)
	return l.err
}

func (a *account) text() string {
	b, err := json.Marshal(a)
	if err != nil {
		return "" // numbers and strings cannot fail
	}
	return string(b)
}

// clock is now: the base and what passed since the start. The caller holds mu.
func (l *Ledger) clock() time.Time { return l.base.Add(l.opts.now().Sub(l.start)) }

// account gives a principal's counts, read from the store when they are not here. The store is asked without the lock, which everybody's
// downloads need.
func (l *Ledger) account(ctx context.Context, name string) (*account, error) {
	l.mu.Lock()
	a := l.all[name]
	l.mu.Unlock()
	if a != nil {
		return a, nil
	}
	a = &account{Things: map[string]int64{}, limits: l.opts.Limits}
	if own, ok := l.opts.Accounts[name]; ok {
		a.limits = own
	}
	a.limits = a.limits.whole()
	if l.opts.Memo != nil {
		text, ok, err := l.opts.Memo.Memo(ctx, "", prefix+name)
		if err != nil {
			return nil, err
		}
		if ok {
			if err := json.Unmarshal([]byte(text), a); err != nil {
				return nil, fmt.Errorf("download quota of %q in the store: %w", name, err)
			}
			if a.Things == nil {
				a.Things = map[string]int64{}
			}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if first := l.all[name]; first != nil { // another request was faster
		return first, nil
	}
	if wrote := time.UnixMilli(a.At); wrote.After(l.clock()) { // the clock was set back while the gate stood still
		l.base = l.base.Add(wrote.Sub(l.clock()))
	}
	l.all[name] = a
	return a, nil
}

func (m Limits) whole() Limits {
	if m.Window < time.Second {
		m.Window = time.Hour
	}
	if m.Hold <= 0 {
		m.Hold = 24 * time.Hour
	}
	if m.Things > maxThings {
		m.Things = maxThings
	}
	return m
}

// slot is the number of the part of a window in which a time lies.
func (a *account) slot(at time.Time) int64 {
	return at.UnixMilli() / (a.limits.Window.Milliseconds() / slots)
}

// add counts in the slot of now.
func (a *account) add(now time.Time, files, bytes int64) {
	n := a.slot(now)
	i := n % slots
	if a.Slot[i] != n {
		a.Slot[i], a.Files[i], a.Bytes[i] = n, 0, 0
	}
	a.Files[i] += files
	a.Bytes[i] += bytes
	a.dirty = true
}

// sum counts the window that ends now.
func (a *account) sum(now time.Time) (files, bytes int64) {
	n := a.slot(now)
	for i := range a.Slot {
		if a.Slot[i] > n-slots && a.Slot[i] <= n {
			files += a.Files[i]
			bytes += a.Bytes[i]
		}
	}
	return files, bytes
}

// thing counts a thing, and gives how many there are in the window.
func (a *account) thing(now time.Time, key string) int {
	n := a.slot(now)
	a.Things[key] = n
	if a.limits.Things > 0 && len(a.Things) <= a.limits.Things { // old ones may stand among them, but there are few enough
		return len(a.Things)
	}
	for k, at := range a.Things {
		if at <= n-slots {
			delete(a.Things, k)
		}
	}
	return len(a.Things)
}

// Begin is asked before who downloads resources. Its error is a *wire.Refusal with 429, or why counts cannot be kept. spend is told of the bytes
// as they go; its error means that the download must end there.
func (l *Ledger) Begin(ctx context.Context, who auth.Principal, resources []auth.Resource) (spend func(n int64) error, err error) {
	a, err := l.account(ctx, who.Name)
	if err != nil {
		return nil, err
	}
	if err := l.held(ctx, who.Name, a); err != nil {
		return nil, err
	}
	if err := l.begin(who.Name, a, resources); err != nil {
		return nil, l.told(who.Name, a, err)
	}
	return func(n int64) error { return l.told(who.Name, a, l.spend(a, n)) }, nil
}

// bulk is why an account is stopped from now on.
type bulk string

// Error implements error.
func (b bulk) Error() string { return string(b) }

// begin counts a download; a bulk error stops the account.
func (l *Ledger) begin(name string, a *account, resources []auth.Resource) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return fmt.Errorf("download quotas cannot be kept: %w", l.err)
	}
	now := l.clock()
	if a.Held > now.UnixMilli() { // by another request, a moment ago
		return stopped(a, now)
	}
	// What is refused does not count: a client that goes on asking is let in again when the window has moved on.
	if files, _ := a.sum(now); a.limits.Files > 0 && files >= a.limits.Files {
		if n := a.slot(now); n-a.warned >= slots {
			a.warned = n
			l.opts.Alert("quota", name, fmt.Sprintf("%d files within %s", files, a.limits.Window))
		}
		return refuse("quota", fmt.Sprintf("this account has downloaded %d files within %s, which is all it may", a.limits.Files, a.limits.Window), a.limits.Window/slots)
	}
	a.add(now, 1, 0)
	if a.limits.Things > 0 {
		for i := range resources {
			r := &resources[i]
			if n := a.thing(now, r.Server+" "+r.Type+":"+r.ID); n > a.limits.Things {
				return a.hold(now, fmt.Sprintf("%d different things within %s", n, a.limits.Window))
			}
		}
	}
	return nil
}

func (l *Ledger) spend(a *account, n int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	a.add(now, 0, n)
	if a.limits.Bytes <= 0 {
		return nil
	}
	if a.Held > now.UnixMilli() {
		return stopped(a, now)
	}
	if _, bytes := a.sum(now); bytes > a.limits.Bytes {
		return a.hold(now, fmt.Sprintf("%d bytes within %s", bytes, a.limits.Window))
	}
	return nil
}

func stopped(a *account, now time.Time) error {
	return refuse("bulk-export", "downloads of this account are stopped since it read too much; an administrator can release it", time.UnixMilli(a.Held).Sub(now))
}

// hold stops an account. The caller holds the ledger's lock, and has the error told.
func (a *account) hold(now time.Time, what string) error {
	a.Since, a.Held, a.At, a.dirty = now.UnixMilli(), now.Add(a.limits.Hold).UnixMilli(), now.UnixMilli(), true
	return bulk(what)
}

// told turns a bulk error into the answer for the client, after it was told to whoever looks after the gate and kept at once: a restart must not
// end a hold. Other errors are handed through.
func (l *Ledger) told(name string, a *account, err error) error {
	var what bulk
	if !errors.As(err, &what) {
		return err
	}
	l.opts.Alert("bulk-export", name, string(what))
	l.mu.Lock()
	text, hold := a.text(), a.limits.Hold
	l.mu.Unlock()
	if l.opts.Memo != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := l.opts.Memo.KeepMemo(ctx, "", prefix+name, text); err != nil {
			l.mu.Lock()
			l.err = err
			l.mu.Unlock()
		}
	}
	return refuse("bulk-export", fmt.Sprintf("downloads of this account are stopped: %s. An administrator can look at it and release it", what), hold)
}

// held refuses while an account is stopped, unless somebody released it since. The store is asked without the lock.
func (l *Ledger) held(ctx context.Context, name string, a *account) error {
	l.mu.Lock()
	now, until, since := l.clock(), a.Held, a.Since
	l.mu.Unlock()
	if until == 0 {
		return nil
	}
	released := now.UnixMilli() >= until
	if !released && l.opts.Memo != nil {
		text, ok, err := l.opts.Memo.Memo(ctx, "", releases+name)
		if err != nil {
			return err
		}
		released = ok && text == strconv.FormatInt(since, 10)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !released:
		return stopped(a, now)
	case a.Held == until: // else another request was faster
		*a = account{Things: map[string]int64{}, limits: a.limits, dirty: true}
	}
	return nil
}

// Release lets an account that is stopped go on, also from another process than the gate's. It says whether it was stopped.
func Release(ctx context.Context, m Memo, name string) (bool, error) {
	text, ok, err := m.Memo(ctx, "", prefix+name)
	if err != nil || !ok {
		return false, err
	}
	var a account
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return false, err
	}
	if a.Held == 0 {
		return false, nil
	}
	return true, m.KeepMemo(ctx, "", releases+name, strconv.FormatInt(a.Since, 10))
}

// Usage is what an account did within the window until At.
type Usage struct {
	Files, Bytes int64
	Things       []string  // sorted, at most 1,000
	Held         time.Time // until when it is stopped; zero: not
	At           time.Time // when the gate wrote this; zero: never
}

// Used reads an account's counts from the store.
func Used(ctx context.Context, m Memo, name string, limits Limits) (Usage, error) {
	text, ok, err := m.Memo(ctx, "", prefix+name)
	if err != nil || !ok {
		return Usage{}, err
	}
	a := account{limits: limits.whole()}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return Usage{}, err
	}
	u := Usage{At: time.UnixMilli(a.At)}
	u.Files, u.Bytes = a.sum(u.At)
	for k := range a.Things {
		u.Things = append(u.Things, k)
	}
	slices.Sort(u.Things)
	u.Things = u.Things[:min(len(u.Things), 1000)]
	if a.Held > 0 {
		u.Held = time.UnixMilli(a.Held)
	}
	return u, nil
}

func refuse(rule, reason string, after time.Duration) error {
	no := wire.Refuse(http.StatusTooManyRequests, "REQUEST_LIMIT_EXCEEDED", rule, "weir gate: "+reason)
	no.Header = http.Header{"Retry-After": {strconv.FormatInt(int64(max(after, time.Second)/time.Second), 10)}}
	return no
}
