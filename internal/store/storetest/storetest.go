// Package storetest holds every driver of the store to the same behaviour.
//
// A driver's test calls [Run] with a function that opens an empty store.
package storetest

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"weir/internal/auth"
	"weir/internal/store"
)

// Opener opens the store of one test: the same name again gives the same content, as another process would see it.
type Opener func(t *testing.T, name string) store.Store

// Run runs the whole suite.
func Run(t *testing.T, open Opener) {
	cases := []struct {
		name string
		test func(*testing.T, store.Store)
	}{
		{"accounts", accounts}, {"tokens", tokens}, {"grants", grants}, {"sessions", sessions}, {"generation", generation}, {"concurrent", concurrent},
		{"cancelled", cancelled}, {"memos", memos}, {"verdicts", verdicts}, {"places", places}, {"quarantine", quarantine},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t, c.name)) })
	}
	t.Run("two at once", func(t *testing.T) { twoAtOnce(t, open(t, "two"), open(t, "two")) })
}

// at is a moment with the precision that a store keeps.
func at(s int64) time.Time { return time.UnixMilli(1_790_000_000_000 + 1000*s).UTC() }

func account(name string) auth.Account {
	return auth.Account{Name: name, Kind: auth.Service, Password: "$argon2id$…", Groups: []string{"a", "b c"}, Email: "x@example.org",
		External: "https://issuer.example " + name, Created: at(1), Changed: at(2), Note: "näme"}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("error %v, want %v", got, want)
	}
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

func accounts(t *testing.T, s store.Store) {
	ctx := context.Background()
	_, err := s.Account(ctx, "eve")
	wants(t, err, store.ErrNotFound)
	wants(t, s.SetAccount(ctx, account("eve")), store.ErrNotFound)
	wants(t, s.DeleteAccount(ctx, "eve"), store.ErrNotFound)
	must(t, s.AddAccount(ctx, account("zoe")))
	must(t, s.AddAccount(ctx, account("ann")))
	wants(t, s.AddAccount(ctx, account("ann")), store.ErrExists)
	twin := account("other")
	twin.External = account("ann").External
	wants(t, s.AddAccount(ctx, twin), store.ErrExists)
	got, err := s.Account(ctx, "ann")
	must(t, err)
	same(t, got, account("ann"))
	byProvider, err := s.External(ctx, account("ann").External)
	must(t, err)
	same(t, byProvider, account("ann"))
	local := account("local")
	local.External = ""
	must(t, s.AddAccount(ctx, local))
	_, err = s.External(ctx, "")
	wants(t, err, store.ErrNotFound)
	must(t, s.DeleteAccount(ctx, "local"))
	got.Disabled, got.Groups, got.Password = true, nil, ""
	must(t, s.SetAccount(ctx, got))
	again, err := s.Account(ctx, "ann")
	must(t, err)
	same(t, again, got)
	all, err := s.Accounts(ctx)
	must(t, err)
	same(t, all, []auth.Account{got, account("zoe")})
	must(t, s.AddToken(ctx, token("t1", "zoe")))
	must(t, s.AddSession(ctx, session("s1", "zoe"), at(0)))
	_, err = s.AddGrant(ctx, auth.Granted{To: "zoe", Grant: auth.Grant{Role: "viewer"}})
	must(t, err)
	_, err = s.AddGrant(ctx, auth.Granted{To: "zoe", Group: true, Grant: auth.Grant{Role: "viewer"}})
	must(t, err)
	must(t, s.DeleteAccount(ctx, "zoe"))
	_, err = s.Token(ctx, "t1")
	wants(t, err, store.ErrNotFound)
	_, err = s.Session(ctx, "s1")
	wants(t, err, store.ErrNotFound)
	left, err := s.Grants(ctx)
	must(t, err)
	if len(left) != 1 || !left[0].Group {
		t.Fatalf("after deleting the account zoe the grant of the group zoe should be left alone, got %+v", left)
	}
}

func token(id, account string) auth.Token {
	return auth.Token{ID: id, Account: account, Hash: []byte{1, 2, 0, 255}, Note: "for ci", Created: at(3), Expires: at(100),
		Scopes: []auth.Scope{{Server: "m", Type: "experiment", ID: "7", Name: "fraud-*", Tags: map[string]string{"team": "x"}, Actions: []auth.Action{auth.Read}}}}
}

func tokens(t *testing.T, s store.Store) {
	ctx := context.Background()
	must(t, s.AddAccount(ctx, account("ann")))
	must(t, s.AddAccount(ctx, account("bob")))
	wants(t, s.AddToken(ctx, token("t", "nobody")), store.ErrNotFound)
	must(t, s.AddToken(ctx, token("t1", "ann")))
	wants(t, s.AddToken(ctx, token("t1", "bob")), store.ErrExists)
	plain := auth.Token{ID: "t2", Account: "bob", Hash: []byte{9}, Created: at(4)}
	must(t, s.AddToken(ctx, plain))
	got, err := s.Token(ctx, "t1")
	must(t, err)
	same(t, got, token("t1", "ann"))
	_, err = s.Token(ctx, "t3")
	wants(t, err, store.ErrNotFound)
	all, err := s.Tokens(ctx, "")
	must(t, err)
	same(t, all, []auth.Token{token("t1", "ann"), plain})
	some, err := s.Tokens(ctx, "bob")
	must(t, err)
	same(t, some, []auth.Token{plain})
	must(t, s.TouchTokens(ctx, map[string]time.Time{"t2": at(50), "unknown": at(1)}))
	must(t, s.TouchTokens(ctx, map[string]time.Time{"t2": at(40)})) // an older note that comes late
	must(t, s.TouchTokens(ctx, nil))
	wants(t, s.RevokeToken(ctx, "t3", at(60)), store.ErrNotFound)
	must(t, s.RevokeToken(ctx, "t2", at(60)))
	must(t, s.RevokeToken(ctx, "t2", at(70)))
	plain.Used, plain.Revoked = at(50), at(60)
	got, err = s.Token(ctx, "t2")
	must(t, err)
	same(t, got, plain)
}

func grants(t *testing.T, s store.Store) {
	ctx := context.Background()
	g := auth.Granted{To: "team", Group: true, Grant: auth.Grant{Role: "scientist", Scope: auth.Scope{Name: "x", Tags: map[string]string{"a": "b"}}}, By: "admin", Created: at(5)}
	one, err := s.AddGrant(ctx, g)
	must(t, err)
	two, err := s.AddGrant(ctx, auth.Granted{To: "ann", Grant: auth.Grant{Role: "viewer"}, Created: at(6)})
	must(t, err)
	if one == two || one == 0 || two == 0 {
		t.Fatalf("numbers %d and %d", one, two)
	}
	all, err := s.Grants(ctx)
	must(t, err)
	g.ID = one
	same(t, all, []auth.Granted{g, {ID: two, To: "ann", Grant: auth.Grant{Role: "viewer"}, Created: at(6)}})
	must(t, s.DeleteGrant(ctx, two))
	wants(t, s.DeleteGrant(ctx, two), store.ErrNotFound)
	three, err := s.AddGrant(ctx, g)
	must(t, err)
	if three <= two {
		t.Fatalf("number %d was given again: an audit log that names grants would lie", three)
	}
}

func session(hash, account string) auth.Session {
	return auth.Session{Hash: hash, Account: account, Method: "oidc", Groups: []string{"g"}, Created: at(7), Expires: at(20), From: "127.0.0.1"}
}

func sessions(t *testing.T, s store.Store) {
	ctx := context.Background()
	must(t, s.AddAccount(ctx, account("ann")))
	wants(t, s.AddSession(ctx, session("x", "nobody"), at(0)), store.ErrNotFound)
	must(t, s.AddSession(ctx, session("h1", "ann"), at(8)))
	wants(t, s.AddSession(ctx, session("h1", "ann"), at(8)), store.ErrExists)
	got, err := s.Session(ctx, "h1")
	must(t, err)
	same(t, got, session("h1", "ann"))
	later := session("h2", "ann")
	later.Expires = at(90)
	must(t, s.AddSession(ctx, later, at(21))) // h1 is over
	_, err = s.Session(ctx, "h1")
	wants(t, err, store.ErrNotFound)
	must(t, s.DeleteSession(ctx, "h2"))
	must(t, s.DeleteSession(ctx, "h2"))
	_, err = s.Session(ctx, "h2")
	wants(t, err, store.ErrNotFound)
	must(t, s.AddSession(ctx, later, at(22)))
	must(t, s.DeleteSessions(ctx, "ann"))
	_, err = s.Session(ctx, "h2")
	wants(t, err, store.ErrNotFound)
}

// generation makes sure that every change shows: a change that does not leaves a running gate with what it knew.
func generation(t *testing.T, s store.Store) {
	ctx := context.Background()
	id := int64(0)
	steps := []struct {
		name string
		do   func() error
		same bool
	}{
		{"add account", func() error { return s.AddAccount(ctx, account("ann")) }, false},
		{"set account", func() error { return s.SetAccount(ctx, account("ann")) }, false},
		{"add token", func() error { return s.AddToken(ctx, token("t", "ann")) }, false},
		{"touch token", func() error { return s.TouchTokens(ctx, map[string]time.Time{"t": at(1)}) }, true},
		{"revoke token", func() error { return s.RevokeToken(ctx, "t", at(1)) }, false},
		{"grant", func() (err error) {
			id, err = s.AddGrant(ctx, auth.Granted{To: "ann", Grant: auth.Grant{Role: "viewer"}})
			return err
		}, false},
		{"take back", func() error { return s.DeleteGrant(ctx, id) }, false},
		{"add session", func() error { return s.AddSession(ctx, session("h", "ann"), at(0)) }, false},
		{"end session", func() error { return s.DeleteSession(ctx, "h") }, false},
		{"end sessions", func() error { return s.DeleteSessions(ctx, "ann") }, false},
		{"delete account", func() error { return s.DeleteAccount(ctx, "ann") }, false},
	}
	before, err := s.Generation(ctx)
	must(t, err)
	for _, step := range steps {
		must(t, step.do())
		after, err := s.Generation(ctx)
		must(t, err)
		if step.same && after != before || !step.same && after <= before {
			t.Errorf("%s: generation went from %d to %d", step.name, before, after)
		}
		before = after
	}
}

func concurrent(t *testing.T, s store.Store) {
	ctx := context.Background()
	const writers, each = 8, 10
	var wg sync.WaitGroup
	errs := make(chan error, writers*each*2)
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				_, err := s.AddGrant(ctx, auth.Granted{To: "ann", Grant: auth.Grant{Role: "viewer"}, Created: at(int64(w*each + i))})
				errs <- err
				_, err = s.Grants(ctx)
				errs <- err
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		must(t, err)
	}
	all, err := s.Grants(ctx)
	must(t, err)
	if len(all) != writers*each {
		t.Fatalf("%d grants of %d are there", len(all), writers*each)
	}
}

func cancelled(t *testing.T, s store.Store) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.AddAccount(ctx, account("ann")); err == nil {
		t.Fatal("a write after the end of its context went through")
	}
	_, err := s.Account(context.Background(), "ann")
	wants(t, err, store.ErrNotFound)
}

// twoAtOnce is a gate that runs while a command changes what it reads.
func twoAtOnce(t *testing.T, gate, command store.Store) {
	ctx := context.Background()
	before, err := gate.Generation(ctx)
	must(t, err)
	must(t, command.AddAccount(ctx, account("ann")))
	after, err := gate.Generation(ctx)
	must(t, err)
	if after <= before {
		t.Fatal("the change of another process does not show")
	}
	_, err = gate.Account(ctx, "ann")
	must(t, err)
	var wg sync.WaitGroup
	errs := make(chan error, 80)
	for _, s := range []store.Store{gate, command} {
		for range 2 {
			wg.Go(func() {
				for range 20 {
					_, err := s.AddGrant(ctx, auth.Granted{To: "ann", Grant: auth.Grant{Role: "viewer"}})
					errs <- err
				}
			})
		}
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		must(t, err)
	}
	all, err := command.Grants(ctx)
	must(t, err)
	if len(all) != 80 {
		t.Fatalf("%d grants of 80 are there", len(all))
	}
}
