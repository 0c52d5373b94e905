package auth

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// clocked is a guard whose time the test moves.
func clocked(l Limits) (*guard, *time.Duration) {
	now := new(time.Duration)
	g := newGuard(l)
	g.since = func() time.Duration { return *now }
	return g, now
}

func addr(s string) netip.Addr { return Place(netip.MustParseAddr(s)) }

func TestBucket(t *testing.T) {
	g, now := clocked(Limits{})
	k, r := bucketKey{kind: 'a', addr: addr("192.0.2.1")}, Rate{10, 50}
	for i := range 50 {
		if wait := g.take(k, r); wait != 0 {
			t.Fatalf("request %d of the burst has to wait %v", i+1, wait)
		}
	}
	if wait := g.take(k, r); wait != time.Second {
		t.Errorf("after the burst the wait is %v, want 1s (whole seconds for Retry-After)", wait)
	}
	*now += 100 * time.Millisecond
	if g.take(k, r) != 0 || g.take(k, r) == 0 {
		t.Error("a tenth of a second is one request")
	}
	*now += time.Hour
	for range 50 {
		if g.take(k, r) != 0 {
			t.Fatal("the burst does not come back")
		}
	}
	if g.take(k, r) == 0 {
		t.Error("an hour of silence saves more than the burst")
	}
	if g.take(k, Rate{-1, 1}) != 0 {
		t.Error("a negative rate is a limit")
	}
}

// TestRealClients: what MLflow's client does when it logs 500 metrics one by one and a model passes; so do 8 workers at once.
func TestRealClients(t *testing.T) {
	a := &Auth{guard: newGuard(Limits{})}
	for i := range 8 * 500 {
		if err := a.Limit(Principal{Name: "ann"}, "write"); err != nil {
			t.Fatalf("request %d: %v", i+1, err)
		}
	}
}

func TestClassOfRoutes(t *testing.T) {
	a := &Auth{guard: newGuard(Limits{Class: map[string]Rate{"upload": {0.001, 3}}})}
	ann, bob := Principal{Name: "ann"}, Principal{Name: "bob"}
	for range 3 {
		if err := a.Limit(ann, "upload"); err != nil {
			t.Fatal(err)
		}
	}
	var d *Denied
	if err := a.Limit(ann, "upload"); !errors.As(err, &d) || d.Status != 429 || d.Why != Limited || d.RetryAfter <= 0 {
		t.Errorf("the fourth upload: %v", err)
	}
	if a.Limit(ann, "") != nil || a.Limit(ann, "read") != nil || a.Limit(bob, "upload") != nil {
		t.Error("the limit of one account and class is felt elsewhere")
	}
}

func TestAddressesOfOneHost(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true}, {"192.0.2.1", "192.0.2.2", false}, {"::ffff:192.0.2.1", "192.0.2.1", true},
		{"2001:db8:1:2:3::4", "2001:db8:1:2:ffff::1", true}, {"2001:db8:1:2::", "2001:db8:1:3::", false}, {"fe80::1%eth0", "fe80::2%eth1", true},
	} {
		if got := addr(c.a) == addr(c.b); got != c.same {
			t.Errorf("%s and %s: same %t, want %t", c.a, c.b, got, c.same)
		}
	}
}

func TestLock(t *testing.T) {
	g, now := clocked(Limits{Tries: 3, Lock: 10 * time.Second})
	here, there := addr("192.0.2.1"), addr("198.51.100.1")
	fail := func(n int, from netip.Addr) {
		for range n {
			g.failed("ann", from)
		}
	}
	fail(2, here)
	if g.locked("ann", here) != 0 {
		t.Error("locked after two of three")
	}
	fail(1, here)
	if g.locked("ann", here) != 10*time.Second {
		t.Errorf("after three the lock is %v", g.locked("ann", here))
	}
	if g.locked("ann", there) != 0 || g.locked("bob", here) != 0 {
		t.Error("the lock is felt elsewhere: a stranger could lock ann out")
	}
	*now += 10 * time.Second
	if g.locked("ann", here) != 0 {
		t.Error("the lock does not end")
	}
	fail(3, here)
	if g.locked("ann", here) != 20*time.Second {
		t.Errorf("the second lock is %v, want twice the first", g.locked("ann", here))
	}
	for range 20 {
		*now += longestLock
		fail(3, here)
	}
	if got := g.locked("ann", here); got != longestLock {
		t.Errorf("the longest lock is %v", got)
	}
	*now += longestLock
	g.passed("ann", here)
	fail(3, here)
	if g.locked("ann", here) != 10*time.Second {
		t.Errorf("after a right password the lock begins at %v", g.locked("ann", here))
	}
}

// TestManyAddresses: guesses from everywhere lock the account for strangers, and not for where it is used from.
func TestManyAddresses(t *testing.T) {
	g, _ := clocked(Limits{Tries: 3, Lock: 10 * time.Second})
	home := addr("192.0.2.1")
	g.passed("ann", home)
	for i := range 30 {
		g.failed("ann", addr(fmt.Sprintf("203.0.113.%d", i)))
	}
	if g.locked("ann", addr("198.51.100.77")) == 0 {
		t.Error("a botnet with an address for each guess is never locked")
	}
	if g.locked("ann", home) != 0 {
		t.Error("a botnet has locked ann out of where she works")
	}
}

// TestFloodOfAddresses: the guard's memory is bounded, and a flood does not open a lock that is asked about meanwhile.
func TestFloodOfAddresses(t *testing.T) {
	g, _ := clocked(Limits{Tries: 1, Lock: time.Hour})
	home := addr("192.0.2.1")
	g.failed("ann", home)
	for i := range 3 * kept {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		g.take(bucketKey{kind: 'a', addr: a}, Rate{1, 1})
		g.failed(fmt.Sprintf("n%d", i%1000), a)
		if i%1000 == 0 && g.locked("ann", home) == 0 {
			t.Fatalf("after %d other failures the lock is open", i)
		}
	}
	if n := len(g.buckets.young) + len(g.buckets.old); n > 2*kept {
		t.Errorf("%d buckets are kept", n)
	}
	if n := len(g.locks.young) + len(g.locks.old); n > 2*kept {
		t.Errorf("%d locks are kept", n)
	}
}
