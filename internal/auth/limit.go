package auth

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Rate is a token bucket: so many requests a second for long, Burst at once. The zero value means the default, a negative PerSecond no limit.
type Rate struct {
	PerSecond float64 `yaml:"per-second"`
	Burst     int     `yaml:"burst"`
}

// Limits bound how often somebody may ask and be wrong. The defaults let real clients through: an MLflow client that logs 500 metrics one by one
// and then a model sends more than 500 requests as fast as it can.
type Limits struct {
	Account Rate            `yaml:"account"` // requests of one account; default 200/s, burst 4000
	Address Rate            `yaml:"address"` // requests from one address (IPv6: one /64); default 400/s, burst 8000
	Class   map[string]Rate `yaml:"class"`   // requests of one account for one action ("read", "download", …) or ClassUpload; ClassLogin: of one address; default: none but ClassLogin, 2/s, burst 60
	Wrong   Rate            `yaml:"wrong"`   // wrong passwords from one address; default 1/s, burst 30
	// Tries is how many wrong passwords in a row an account takes from one address before it is locked to that address, for Lock at first and twice
	// as long each time after, at most an hour; from all addresses together ten times as many lock it to every address that it has not been
	// used from. Defaults: 10 tries, 30 s.
	Tries int           `yaml:"tries"`
	Lock  time.Duration `yaml:"lock"`
}

// The classes of requests that limits may be given for, beside the actions.
const (
	ClassUpload = "upload" // writes that bring in content; they do not count as "write" too
	ClassLogin  = "login"  // logins by a browser
)

// check refuses limits for what is no class: nothing would ever be counted there.
func (l Limits) check() error {
	for name := range l.Class {
		if name != ClassLogin && name != ClassUpload && !slices.Contains(Actions(), Action(name)) {
			return fmt.Errorf("limits: class %q is none of %v, %s, %s", name, Actions(), ClassUpload, ClassLogin)
		}
	}
	return nil
}

func (l Limits) filled() *Limits {
	fill := func(r *Rate, d Rate) {
		if r.PerSecond == 0 {
			*r = d
		}
		r.Burst = max(r.Burst, 1)
	}
	fill(&l.Account, Rate{200, 4000})
	fill(&l.Address, Rate{400, 8000})
	fill(&l.Wrong, Rate{1, 30})
	class := map[string]Rate{ClassLogin: {2, 60}}
	for name, r := range l.Class {
		class[name] = Rate{r.PerSecond, max(r.Burst, 1)}
	}
	l.Class = class
	if l.Tries == 0 {
		l.Tries = 10
	}
	if l.Lock == 0 {
		l.Lock = 30 * time.Second
	}
	return &l
}

const longestLock = time.Hour

// guard counts. It lives in memory and by the monotonic clock: setting the system's clock neither ends nor prolongs a lock.
type guard struct {
	bounds  atomic.Pointer[Limits]
	since   func() time.Duration // time that the process has run
	mu      sync.Mutex
	buckets recent[bucketKey, bucket]
	locks   recent[lockKey, lock]
}

// recent is a map that forgets what was not used for long when it is full: a flood of addresses costs memory for 2 × kept entries and no time.
// To make it forget a lock takes as many other failures, which the limits on each address make slow.
type recent[K comparable, V any] struct{ young, old map[K]*V }

func (m *recent[K, V]) get(k K) *V {
	if v := m.young[k]; v != nil {
		return v
	}
	v := m.old[k]
	if v != nil {
		m.put(k, v)
	}
	return v
}

func (m *recent[K, V]) put(k K, v *V) {
	if m.young == nil || len(m.young) >= kept {
		m.old, m.young = m.young, make(map[K]*V)
	}
	m.young[k] = v
}

type bucketKey struct {
	kind byte // a: address, n: account, c: class, w: wrong passwords of an address
	addr netip.Addr
	name string
}

type bucket struct {
	tokens float64
	at     time.Duration
}

// lockKey is an account at an address; the zero address means from anywhere.
type lockKey struct {
	name string
	addr netip.Addr
}

type lock struct {
	wrong int
	times int           // how often it was locked
	until time.Duration // 0: not locked
	last  time.Duration
	good  bool // the account was used from there
}

// kept bounds the memory of the guard: an entry takes about 150 bytes.
const kept = 50000

func newGuard(l Limits) *guard {
	start := time.Now()
	g := &guard{since: func() time.Duration { return time.Since(start) }}
	g.bounds.Store(l.filled())
	return g
}

func (g *guard) limits() *Limits { return g.bounds.Load() }

// Place is what counts as one address: an IPv6 host commands a /64.
func Place(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// take takes a token from a bucket, and says how long to wait when there is none.
func (g *guard) take(k bucketKey, r Rate) time.Duration {
	if r.PerSecond < 0 {
		return 0
	}
	now := g.since()
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.buckets.get(k)
	if b == nil {
		b = &bucket{tokens: float64(r.Burst), at: now}
		g.buckets.put(k, b)
	}
	b.tokens = min(float64(r.Burst), b.tokens+(now-b.at).Seconds()*r.PerSecond)
	b.at = now
	if b.tokens < 1 {
		return time.Duration(math.Ceil((1-b.tokens)/r.PerSecond)) * time.Second
	}
	b.tokens--
	return 0
}

// giveBack undoes one take.
func (g *guard) giveBack(k bucketKey, r Rate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if b := g.buckets.get(k); b != nil {
		b.tokens = min(float64(r.Burst), b.tokens+1)
	}
}

// locked says for how long the account is locked to the address.
func (g *guard) locked(name string, addr netip.Addr) time.Duration {
	now := g.since()
	g.mu.Lock()
	defer g.mu.Unlock()
	here := g.locks.get(lockKey{name, addr})
	if here != nil && here.until > now {
		return here.until - now
	}
	if all := g.locks.get(lockKey{name: name}); all != nil && all.until > now && (here == nil || !here.good) {
		return all.until - now
	}
	return 0
}

// failed counts a wrong password.
func (g *guard) failed(name string, addr netip.Addr) {
	now := g.since()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fail(lockKey{name, addr}, g.limits().Tries, now)
	g.fail(lockKey{name: name}, 10*g.limits().Tries, now)
}

func (g *guard) fail(k lockKey, tries int, now time.Duration) {
	l := g.locks.get(k)
	if l == nil {
		l = &lock{}
		g.locks.put(k, l)
	}
	if now-l.last > 2*longestLock {
		l.wrong, l.times = 0, 0
	}
	l.wrong++
	l.last = now
	if l.wrong < tries {
		return
	}
	d := g.limits().Lock << min(l.times, 16)
	if d > longestLock || d <= 0 {
		d = longestLock
	}
	l.wrong, l.until = 0, now+d
	l.times++
}

// passed forgets what went wrong from there: the account was proven. What went wrong from elsewhere stays.
func (g *guard) passed(name string, addr netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := lockKey{name, addr}
	l := g.locks.get(k)
	if l == nil {
		l = &lock{}
		g.locks.put(k, l)
	}
	*l = lock{good: true, last: g.since()}
}

// Stranger counts one request from an address, whoever asks, and answers a *Denied of status 429 when that is one too many. [Auth.Identify] does so itself.
func (a *Auth) Stranger(from netip.Addr) error {
	if wait := a.guard.take(bucketKey{kind: 'a', addr: Place(from)}, a.guard.limits().Address); wait > 0 {
		return &Denied{Status: 429, Why: Limited, Reason: "too many requests from this address", RetryAfter: wait}
	}
	return nil
}

// Limit counts one request of a principal of a class and answers a *Denied of status 429 when that is one too
// many. The address was counted when the principal was identified.
func (a *Auth) Limit(p Principal, class string) error {
	wait := a.guard.take(bucketKey{kind: 'n', name: p.Name}, a.guard.limits().Account)
	what := fmt.Sprintf("account %q", p.Name)
	if r, ok := a.guard.limits().Class[class]; ok && wait == 0 {
		wait = a.guard.take(bucketKey{kind: 'c', name: class + "\x00" + p.Name}, r)
		what = fmt.Sprintf("account %q for %s", p.Name, class)
	}
	if wait > 0 {
		return &Denied{Status: 429, Why: Limited, Reason: "too many requests of " + what, RetryAfter: wait}
	}
	return nil
}
