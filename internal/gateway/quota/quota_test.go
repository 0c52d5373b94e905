package quota

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/internal/auth"
	"weir/internal/gateway/wire"
)

// memory is a store that can fail.
type memory struct {
	mu   sync.Mutex
	m    map[string]string
	fail error
	ask  chan string // told of each question before it waits for mu; nil: nobody is
}

func (s *memory) Memo(_ context.Context, server, key string) (string, bool, error) {
	if s.ask != nil {
		s.ask <- key
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.m[server+key]
	return v, ok, s.fail
}

func (s *memory) KeepMemo(_ context.Context, server, key, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail == nil {
		s.m[server+key] = value
	}
	return s.fail
}

func (s *memory) DropMemo(_ context.Context, server, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, server+key)
	return s.fail
}

// clock is set by the test; like the real one's monotonic reading it knows how much time passed whatever the wall clock says.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *clock) pass(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.at = c.at.Add(d) }

type alerts struct {
	mu   sync.Mutex
	list []string
}

func (a *alerts) add(kind, who, text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, kind+" "+who+" "+text)
}

func run(i int) []auth.Resource {
	return []auth.Resource{{Server: "m", Type: "run", ID: fmt.Sprint(i)}}
}

var ann, bob = auth.Principal{Name: "ann"}, auth.Principal{Name: "bob"}

func rule(err error) string {
	var no *wire.Refusal
	switch {
	case err == nil:
		return ""
	case errors.As(err, &no):
		return no.Rule
	}
	return "error"
}

func opened(t *testing.T, o Options) (*Ledger, *alerts, *clock) {
	t.Helper()
	a, c := &alerts{}, &clock{at: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	o.Alert = a.add
	if o.now == nil {
		o.now = c.now
	}
	l := Open(o)
	t.Cleanup(func() { l.Close() })
	return l, a, c
}

func (l *Ledger) try(who auth.Principal, i int, bytes int64) string {
	spend, err := l.Begin(context.Background(), who, run(i))
	if err == nil {
		err = spend(bytes)
	}
	return rule(err)
}

func TestFiles(t *testing.T) {
	l, a, c := opened(t, Options{Limits: Limits{Files: 10}})
	for i := range 10 {
		if got := l.try(ann, 1, 100); got != "" {
			t.Fatalf("file %d: %s", i, got)
		}
	}
	if got := l.try(ann, 1, 100); got != "quota" {
		t.Errorf("file 11: %q", got)
	}
	if got := l.try(bob, 1, 100); got != "" {
		t.Errorf("somebody else: %q", got)
	}
	if len(a.list) != 1 || !strings.HasPrefix(a.list[0], "quota ann") {
		t.Errorf("alerts %q", a.list)
	}
	for range 61 { // a client that goes on asking all the time
		c.pass(time.Minute)
		if got := l.try(ann, 1, 100); got == "" {
			return
		}
	}
	t.Error("it is not let in again")
}

// TestStoreHangs: what one account waits for in the store does not stop the downloads of others.
func TestStoreHangs(t *testing.T) {
	store := &memory{m: map[string]string{}}
	l, _, _ := opened(t, Options{Limits: Limits{Things: 1}, Memo: store})
	for i := range 2 {
		l.try(ann, i, 1)
	}
	if got := l.try(bob, 1, 1); got != "" {
		t.Fatal(got)
	}
	store.mu.Lock()
	store.ask = make(chan string, 1)
	stopped := make(chan string, 1)
	go func() { stopped <- l.try(ann, 1, 1) }()
	if key := <-store.ask; !strings.HasPrefix(key, releases) { // it waits for the store's answer from here on
		t.Errorf("the store was asked for %q", key)
	}
	got := l.try(bob, 1, 1)
	store.mu.Unlock()
	if got != "" {
		t.Errorf("somebody else: %q", got)
	}
	if got := <-stopped; got != "bulk-export" {
		t.Errorf("who is stopped: %q", got)
	}
}

func TestBulkExport(t *testing.T) {
	store := &memory{m: map[string]string{}}
	l, a, c := opened(t, Options{Limits: Limits{Things: 5}, Memo: store})
	for range 100 { // the same ones again and again are none
		for i := range 5 {
			if got := l.try(ann, i, 1); got != "" {
				t.Fatalf("run %d: %s", i, got)
			}
		}
	}
	if got := l.try(ann, 5, 1); got != "bulk-export" {
		t.Errorf("the sixth run: %q", got)
	}
	if got := l.try(ann, 0, 1); got != "bulk-export" {
		t.Errorf("a known run after that: %q", got)
	}
	if len(a.list) != 1 || a.list[0] != "bulk-export ann 6 different things within 1h0m0s" {
		t.Errorf("alerts %q", a.list)
	}
	c.pass(2 * time.Hour)
	if got := l.try(ann, 0, 1); got != "bulk-export" {
		t.Errorf("the hold ended with the window: %q", got)
	}
	if was, err := Release(context.Background(), store, "ann"); !was || err != nil {
		t.Fatal(was, err)
	}
	if got := l.try(ann, 0, 1); got != "" {
		t.Errorf("after release: %q", got)
	}
	for i := range 6 { // an old release does not help
		l.try(ann, 100+i, 1)
	}
	if got := l.try(ann, 0, 1); got != "bulk-export" {
		t.Errorf("stopped a second time: %q", got)
	}
	c.pass(25 * time.Hour)
	if got := l.try(ann, 0, 1); got != "" {
		t.Errorf("after the hold: %q", got)
	}
	if was, err := Release(context.Background(), store, "nobody"); was || err != nil {
		t.Errorf("nobody: %v, %v", was, err)
	}
}

// One long download is stopped in its midst.
func TestBytes(t *testing.T) {
	l, _, _ := opened(t, Options{Limits: Limits{Bytes: 1000}})
	spend, err := l.Begin(context.Background(), ann, run(1))
	if err != nil {
		t.Fatal(err)
	}
	other, err := l.Begin(context.Background(), ann, run(2))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if err := spend(100); err != nil {
			t.Fatal(i, err)
		}
	}
	if got := rule(spend(1)); got != "bulk-export" {
		t.Errorf("byte 1001: %q", got)
	}
	if got := rule(other(1)); got != "bulk-export" {
		t.Errorf("another download under way: %q", got)
	}
}

func TestOwnLimits(t *testing.T) {
	l, _, _ := opened(t, Options{Limits: Limits{Things: 1}, Accounts: map[string]Limits{"bob": {}}})
	for i := range 50 {
		if got := l.try(bob, i, 1<<40); got != "" {
			t.Fatalf("bob has no limit: %q", got)
		}
	}
	l.try(ann, 1, 1)
	if got := l.try(ann, 2, 1); got != "bulk-export" {
		t.Errorf("ann: %q", got)
	}
}

// Counts and holds outlive the process, also when the clock was set back meanwhile.
func TestRestart(t *testing.T) {
	for _, back := range []time.Duration{0, 48 * time.Hour} {
		store := &memory{m: map[string]string{}}
		l, _, c := opened(t, Options{Limits: Limits{Things: 2, Files: 100}, Memo: store})
		for i := range 3 {
			l.try(ann, i, 1)
			l.try(bob, 1, 1)
		}
		if err := l.flush(); err != nil {
			t.Fatal(err)
		}
		c2 := &clock{at: c.now().Add(-back)}
		l2, a, _ := opened(t, Options{Limits: Limits{Things: 2, Files: 100}, Memo: store, now: c2.now})
		if got := l2.try(ann, 0, 1); got != "bulk-export" || len(a.list) != 0 {
			t.Errorf("clock back by %s: ann %q, %q", back, got, a.list)
		}
		l2.try(bob, 2, 1)
		if got := l2.try(bob, 3, 1); got != "bulk-export" {
			t.Errorf("clock back by %s: bob's counts are gone: %q", back, got)
		}
		if u, err := Used(context.Background(), store, "bob", Limits{}); err != nil || u.Files < 3 || len(u.Things) < 1 {
			t.Errorf("used %+v, %v", u, err)
		}
		c2.pass(25 * time.Hour)
		if got := l2.try(ann, 0, 1); got != "" {
			t.Errorf("clock back by %s: the hold does not end: %q", back, got)
		}
	}
}

func TestStoreFails(t *testing.T) {
	store := &memory{m: map[string]string{}}
	l, _, _ := opened(t, Options{Memo: store})
	if got := l.try(ann, 1, 1); got != "" {
		t.Fatal(got)
	}
	store.mu.Lock()
	store.fail = errors.New("disk full")
	store.mu.Unlock()
	if l.flush() == nil {
		t.Fatal("no error")
	}
	if got := l.try(ann, 1, 1); got != "error" {
		t.Errorf("downloads go on uncounted: %q", got)
	}
	store.mu.Lock()
	store.fail = nil
	store.mu.Unlock()
	if err := l.flush(); err != nil {
		t.Fatal(err)
	}
	if got := l.try(ann, 1, 1); got != "" {
		t.Errorf("after that: %q", got)
	}
}

func TestConcurrent(t *testing.T) {
	l, _, _ := opened(t, Options{Limits: Limits{Files: 1000, Bytes: 1 << 30}, Memo: &memory{m: map[string]string{}}})
	var wg sync.WaitGroup
	var mu sync.Mutex
	passed := 0
	for range 8 {
		wg.Go(func() {
			for i := range 200 {
				if l.try(ann, i, 10) == "" {
					mu.Lock()
					passed++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if passed != 1000 {
		t.Errorf("%d files passed, want 1000", passed)
	}
}

func BenchmarkSpend(b *testing.B) {
	l := Open(Options{})
	defer l.Close()
	spend, err := l.Begin(context.Background(), ann, run(1))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		_ = spend(64 << 10)
	}
}
