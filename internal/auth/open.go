package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how principals are proven and bounded. The zero value gives local accounts by password, token and session with the default limits.
type Options struct {
	// Policies are Cedar files of the user's own, beside the ready roles: permits add, forbids win.
	Policies []PolicyFile
	Limits   Limits
	// Session is how long a browser stays logged in; 0: 12 hours.
	Session time.Duration
	// Base is the path below which the login pages lie; empty: "/-/weir/".
	Base string
	// Secure says that browsers reach this server by https although TLS ends before it.
	Secure bool
	// Forwarders are the addresses of proxies before this server, whose X-Forwarded-For is believed: without it all who come through one would
	// share its limits and locks.
	Forwarders []netip.Prefix
	// Watch is told of every login by a browser, for the audit log; may be nil.
	Watch func(Event)
	// Proxy, Certificates and Providers are the other ways of proof; all are off unless they are set.
	Proxy        *Proxy
	Certificates *Certificates
	Providers    []Provider
	// Now is the clock; nil: the system's. It is guarded against jumps backwards.
	Now func() time.Time
}

// Proxy is trusted-header mode: another proxy has proven who asks and says so in a header.
type Proxy struct {
	// Allow lists the addresses of that proxy. The header is believed from these alone; from any other address it is refused, not ignored.
	Allow []netip.Prefix `yaml:"allow"`
	// User names the header with the account's name, Groups that with its groups, separated by commas; empty: none.
	User   string `yaml:"user"`
	Groups string `yaml:"groups"`
}

// Event is one login of a browser, or what came of it.
type Event struct {
	Name   string // as claimed
	Method string // password or oidc
	Err    *Denied
	// Request is the browser's; Watch is called before it is answered.
	Request *http.Request
}

// Auth is who may do what, kept in a Storage. It is safe for concurrent use.
type Auth struct {
	storage Storage
	live    atomic.Pointer[settings]
	now     func() time.Time
	key     [32]byte // of the digests of passwords in memory; new at every start
	guard   *guard
	hashing chan struct{} // bounds how many passwords are hashed at once: each takes 19 MiB

	proven  proven      // passwords that were right
	under   comparisons // passwords that are being hashed
	view    atomic.Pointer[view]
	refresh sync.Mutex
	used    usage
}

// settings are what the configuration says, ready for use. [Auth.Reload] puts others in their place as a whole.
type settings struct {
	Options
	policy    *policies
	providers []*provider
	tokens    tokenCache // what was proven under these settings
	pages     http.Handler
}

func (a *Auth) opt() *settings { return a.live.Load() }

// Open makes an Auth over a storage. It reads the policies and refuses those that do not compile.
func Open(storage Storage, o Options) (*Auth, error) {
	if storage == nil {
		return nil, errors.New("auth: no storage was given")
	}
	wall, started := o.Now, time.Now()
	if wall == nil {
		wall = func() time.Time { return time.Now().Round(0) }
	}
	a := &Auth{storage: storage, now: steady(wall, func() time.Duration { return time.Since(started) }), hashing: make(chan struct{}, hashers)}
	if _, err := rand.Read(a.key[:]); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	s, err := a.prepare(o)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	a.live.Store(s)
	a.guard = newGuard(o.Limits)
	if _, err := a.current(context.Background()); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return a, nil
}

// Reload takes other settings in the place of those that are in use, all or, with an error, none: policies, limits, providers and the rest, but for Base,
// Watch and Now. Locks, rates, sessions and what was proven by password go on; what a provider has signed is looked at again.
func (a *Auth) Reload(o Options) error {
	old := a.opt()
	o.Base, o.Watch, o.Now = old.Base, old.Watch, old.Now
	s, err := a.prepare(o)
	if err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	for i, p := range s.providers { // one that is as it was keeps what it was told: its addresses and keys
		if j := slices.IndexFunc(old.providers, p.same); j >= 0 {
			s.providers[i] = old.providers[j]
		}
	}
	s.pages = a.loginPages(s)
	a.live.Store(s)
	a.guard.bounds.Store(o.Limits.filled())
	return nil
}

// prepare makes settings of options, or says what is wrong with them.
func (a *Auth) prepare(o Options) (*settings, error) {
	if o.Base == "" {
		o.Base = "/-/weir/"
	}
	if o.Session == 0 {
		o.Session = 12 * time.Hour
	}
	s := &settings{Options: o}
	var err error
	if s.policy, err = compile(o.Policies); err != nil {
		return nil, err
	}
	if err := o.Proxy.check(); err != nil {
		return nil, err
	}
	if err := o.Limits.check(); err != nil {
		return nil, err
	}
	for _, p := range o.Providers {
		made, err := newProvider(p)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(s.providers, func(q *provider) bool { return q.Name == made.Name || q.Issuer == made.Issuer }) {
			return nil, fmt.Errorf("provider %q: its name or issuer is there already", p.Name)
		}
		s.providers = append(s.providers, made)
	}
	s.pages = a.loginPages(s)
	return s, nil
}

// steady gives a clock that follows the system's forwards and never runs back under a running process: a clock that is set back must not bring
// expired tokens to life. What was wrongly set forwards and is set right again is followed. wall is the system's clock, ran how long the process
// has run by a clock that nobody sets.
func steady(wall func() time.Time, ran func() time.Duration) func() time.Time {
	start := wall()
	return func() time.Time {
		now, least := wall(), start.Add(ran())
		if now.Before(least) {
			return least
		}
		return now
	}
}

// view is what was read from the storage at one generation. Its maps fill as they are asked.
type view struct {
	generation int64
	grants     map[subject][]Grant

	mu       sync.RWMutex
	checked  time.Time // by the monotonic clock
	accounts map[string]*Account
	tokens   map[string]*Token
	sessions map[string]*Session
	external map[string]*Account
}

type subject struct {
	name  string
	group bool
}

// stale is for how long what other processes change may go unseen; changes of this process count at once.
const stale = 250 * time.Millisecond

// remembered bounds each map of a view.
const remembered = 20000

// current gives a view that is not stale.
func (a *Auth) current(ctx context.Context) (*view, error) {
	v := a.view.Load()
	if v != nil && time.Since(v.age()) < stale {
		return v, nil
	}
	a.refresh.Lock()
	defer a.refresh.Unlock()
	if w := a.view.Load(); w != nil && w != v && time.Since(w.age()) < stale {
		return w, nil // somebody else has looked meanwhile
	}
	asked := time.Now()
	n, err := a.storage.Generation(ctx)
	if err != nil {
		return nil, err
	}
	if v = a.view.Load(); v != nil && v.generation == n {
		v.mu.Lock()
		v.checked = asked
		v.mu.Unlock()
		return v, nil
	}
	all, err := a.storage.Grants(ctx)
	if err != nil {
		return nil, err
	}
	w := &view{generation: n, grants: map[subject][]Grant{}, checked: asked,
		accounts: map[string]*Account{}, tokens: map[string]*Token{}, sessions: map[string]*Session{}, external: map[string]*Account{}}
	for _, g := range all {
		s := subject{g.To, g.Group}
		w.grants[s] = append(w.grants[s], g.Grant)
	}
	a.view.Store(w)
	return w, nil
}

func (v *view) age() time.Time {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.checked
}

// changed drops what was read: this process has changed something.
func (a *Auth) changed() {
	a.refresh.Lock()
	a.view.Store(nil)
	a.refresh.Unlock()
}

// recall reads from a map of the view, or from the storage and keeps it. What is not there is not kept: strangers must not fill the memory.
func recall[T any](ctx context.Context, v *view, kept map[string]*T, key string, read func(context.Context, string) (T, error)) (*T, error) {
	v.mu.RLock()
	have := kept[key]
	v.mu.RUnlock()
	if have != nil {
		return have, nil
	}
	got, err := read(ctx, key)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(kept) >= remembered {
		clear(kept)
	}
	kept[key] = &got
	return &got, nil
}

func (a *Auth) account(ctx context.Context, v *view, name string) (*Account, error) {
	return recall(ctx, v, v.accounts, name, a.storage.Account)
}
