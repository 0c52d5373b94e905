package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
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
	// Now is the clock; nil: the system's, guarded against jumps backwards.
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
	From   string // address and port
	Err    *Denied
}

// Auth is who may do what, kept in a Storage. It is safe for concurrent use.
type Auth struct {
	storage Storage
	opt     Options
	now     func() time.Time
	key     [32]byte // of the digests of passwords in memory; new at every start
	policy  *policies
	guard   *guard
	hashing chan struct{} // bounds how many passwords are hashed at once: each takes 19 MiB

	proven  proven      // passwords that were right
	under   comparisons // passwords that are being hashed
	view    atomic.Pointer[view]
	refresh sync.Mutex
	used    usage
	logins  logins
}

// Open makes an Auth over a storage. It reads the policies and refuses those that do not compile.
func Open(storage Storage, o Options) (*Auth, error) {
	if storage == nil {
		return nil, errors.New("auth: no storage was given")
	}
	if o.Base == "" {
		o.Base = "/-/weir/"
	}
	if o.Session == 0 {
		o.Session = 12 * time.Hour
	}
	a := &Auth{storage: storage, opt: o, now: o.Now, hashing: make(chan struct{}, hashers)}
	if a.now == nil {
		a.now = systemClock()
	}
	if _, err := rand.Read(a.key[:]); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	var err error
	if a.policy, err = compile(o.Policies); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if err := o.Proxy.check(); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	for _, p := range o.Providers {
		made, err := newProvider(p)
		if err != nil {
			return nil, fmt.Errorf("auth: %w", err)
		}
		if slices.ContainsFunc(a.logins.providers, func(q *provider) bool { return q.Name == made.Name || q.Issuer == made.Issuer }) {
			return nil, fmt.Errorf("auth: provider %q: its name or issuer is there already", p.Name)
		}
		a.logins.providers = append(a.logins.providers, made)
	}
	a.guard = newGuard(o.Limits)
	if _, err := a.current(context.Background()); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return a, nil
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

// systemClock is steady over the system.
func systemClock() func() time.Time {
	start := time.Now()
	return steady(func() time.Time { return time.Now().Round(0) }, func() time.Duration { return time.Since(start) })
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
