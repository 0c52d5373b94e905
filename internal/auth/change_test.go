package auth_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/internal/auth"
	"weir/internal/store"
	"weir/internal/store/sqlite"
)

// TestPasswordChange: neither the old password from memory nor the new one before its time.
func TestPasswordChange(t *testing.T) {
	h := newHouse(t, auth.Options{})
	h.user(t, "ann")
	old, young := from(here, "Authorization", basic("ann", password)), from(here, "Authorization", basic("ann", "another long password"))
	if got := h.why(t, old); got != "" {
		t.Fatal(got)
	}
	if err := h.SetPassword(context.Background(), "ann", "another long password"); err != nil {
		t.Fatal(err)
	}
	if got := h.why(t, old); got != auth.Wrong {
		t.Errorf("the old password: %q", got)
	}
	if got := h.why(t, young); got != "" {
		t.Errorf("the new password: %q", got)
	}
}

// TestOtherProcess: what a command changes counts in a running gate within moments.
func TestOtherProcess(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t, auth.Options{})
	h.user(t, "ann", auth.Grant{Role: auth.RoleViewer})
	shown, token := h.token(t, "ann", 0)
	s, err := sqlite.Open(h.path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	command, err := auth.Open(s, auth.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cred := from(here, "Authorization", "Bearer "+shown)
	p, err := h.Identify(ctx, cred)
	if err != nil || len(p.Roles) != 1 {
		t.Fatalf("principal %+v, error %v", p, err)
	}
	if _, err := command.Grant(ctx, auth.Granted{To: "ann", Grant: auth.Grant{Role: auth.RoleAdmin}}); err != nil {
		t.Fatal(err)
	}
	within(t, "a new role", func() bool { p, err := h.Identify(ctx, cred); return err == nil && len(p.Roles) == 2 })
	if err := command.RevokeToken(ctx, token.ID); err != nil {
		t.Fatal(err)
	}
	within(t, "a revoked token", func() bool { return h.why(t, cred) == auth.Expired })
}

// within waits for what has to happen in the end; how fast is no test's business.
func within(t *testing.T, what string, f func() bool) {
	t.Helper()
	for range 600 {
		if f() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%s does not show", what)
}

func TestRevokedToken(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t, auth.Options{})
	h.user(t, "ann")
	shown, token := h.token(t, "ann", 0)
	cred := from(here, "Authorization", "Bearer "+shown)
	if got := h.why(t, cred); got != "" {
		t.Fatal(got)
	}
	for _, id := range []string{token.ID, "weir_" + token.ID, shown} {
		if err := h.RevokeToken(ctx, id); err != nil {
			t.Errorf("revoking %.20q: %v", id, err)
		}
	}
	if got := h.why(t, cred); got != auth.Expired {
		t.Errorf("a revoked token: %q", got)
	}
	if err := h.RevokeToken(ctx, "nosuchtoken1"); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("error %v", err)
	}
}

// TestDisabledAccount: a disabled account is shut out whatever proves it.
func TestDisabledAccount(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t, auth.Options{})
	h.user(t, "ann")
	shown, _ := h.token(t, "ann", 0)
	creds := []auth.Credentials{from(here, "Authorization", "Bearer "+shown), from(here, "Authorization", basic("ann", password)), from(here, "Authorization", basic("ann", shown))}
	for _, off := range []bool{false, true, false} {
		want := auth.Why("")
		if off {
			want = auth.Wrong
			if err := h.Disable(ctx, "ann"); err != nil {
				t.Fatal(err)
			}
		} else if err := h.Enable(ctx, "ann"); err != nil {
			t.Fatal(err)
		}
		for i, c := range creds {
			if got := h.why(t, c); got != want {
				t.Errorf("disabled %t, proof %d: %q", off, i, got)
			}
		}
	}
	if _, _, err := h.NewToken(ctx, "nobody", "", 0, nil); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("a token for nobody: %v", err)
	}
}

func TestFirstStart(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t, auth.Options{})
	h.user(t, "early") // an account that was made before the first start
	made, shown, err := h.First(ctx, "")
	if err != nil || !made || len(shown) < 20 {
		t.Fatalf("made %t, password of %d letters, error %v", made, len(shown), err)
	}
	p, err := h.Identify(ctx, from(here, "Authorization", basic("admin", shown)))
	if err != nil || !h.Decide(p, auth.Manage, auth.Resource{Type: "user"}).Allow {
		t.Errorf("principal %+v, error %v", p, err)
	}
	if made, shown, err := h.First(ctx, ""); err != nil || made || shown != "" {
		t.Errorf("the second start: %t %q %v", made, shown, err)
	}
	for _, guess := range []string{"admin", "password", "password1234", "changeme"} {
		if got := h.why(t, from(here, "Authorization", basic("admin", guess))); got != auth.Wrong {
			t.Errorf("password %q: %q", guess, got)
		}
	}
	other := newHouse(t, auth.Options{})
	if made, shown, err := other.First(ctx, "of the administrator"); err != nil || !made || shown != "" {
		t.Errorf("with a password: %t %q %v", made, shown, err)
	}
	if _, _, err := newHouse(t, auth.Options{}).First(ctx, "short"); !errors.Is(err, auth.ErrPassword) {
		t.Errorf("a short password: %v", err)
	}
}

func TestLastAdminStays(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t, auth.Options{})
	if _, _, err := h.First(ctx, "of the administrator"); err != nil {
		t.Fatal(err)
	}
	grants, err := h.Grants(ctx)
	if err != nil || len(grants) != 1 {
		t.Fatalf("grants %+v, error %v", grants, err)
	}
	for name, err := range map[string]error{"disable": h.Disable(ctx, "admin"), "delete": h.Delete(ctx, "admin"), "revoke": h.Revoke(ctx, grants[0].ID)} {
		if !errors.Is(err, auth.ErrLast) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.user(t, "limited", auth.Grant{Role: auth.RoleAdmin, Scope: auth.Scope{Server: "m"}})
	if err := h.Delete(ctx, "admin"); !errors.Is(err, auth.ErrLast) {
		t.Errorf("an admin of one server is none of all: %v", err)
	}
	h.user(t, "second", auth.Grant{Role: auth.RoleAdmin})
	if err := h.Disable(ctx, "second"); err != nil {
		t.Fatal(err)
	}
	if err := h.Revoke(ctx, grants[0].ID); !errors.Is(err, auth.ErrLast) {
		t.Errorf("an admin who is shut out is none: %v", err)
	}
	if err := h.Enable(ctx, "second"); err != nil {
		t.Fatal(err)
	}
	if err := h.Delete(ctx, "admin"); err != nil {
		t.Errorf("with a second admin: %v", err)
	}
	h.user(t, "third")
	if err := h.SetGroups(ctx, "third", []string{"admins"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Grant(ctx, auth.Granted{To: "admins", Group: true, Grant: auth.Grant{Role: auth.RoleAdmin}}); err != nil {
		t.Fatal(err)
	}
	if err := h.Delete(ctx, "second"); err != nil {
		t.Errorf("with an admin by group: %v", err)
	}
	for _, groups := range [][]string{nil, {"others"}} {
		if err := h.SetGroups(ctx, "third", groups); !errors.Is(err, auth.ErrLast) {
			t.Errorf("the last admin leaves the group for %v: %v", groups, err)
		}
	}
	if err := h.SetGroups(ctx, "third", []string{"admins", "others"}); err != nil {
		t.Errorf("the last admin joins another group: %v", err)
	}
}

// TestNoEnumeration: whatever is wrong, the answer is the same to the letter.
func TestNoEnumeration(t *testing.T) {
	h := newHouse(t, auth.Options{})
	h.user(t, "ann")
	h.user(t, "gone")
	if err := h.Disable(context.Background(), "gone"); err != nil {
		t.Fatal(err)
	}
	if err := h.AddAccount(context.Background(), auth.Account{Name: "robot", Kind: auth.Service}, ""); err != nil {
		t.Fatal(err)
	}
	want := ""
	for _, c := range []string{basic("ann", "wrong horse battery"), basic("nobody", password), basic("gone", password), basic("robot", password), basic("robot", ""), basic("no/name", password)} {
		_, err := h.Identify(context.Background(), from(here, "Authorization", c))
		var d *auth.Denied
		if !errors.As(err, &d) {
			t.Fatal(err)
		}
		got := fmt.Sprint(d.Status, d.Why, d.Reason, d.RetryAfter, d.Challenge)
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("answer %q, another was %q", got, want)
		}
	}
}

// TestLockOut: ten wrong passwords lock the account to the address, for a name that exists as for one that does not; tokens go on.
func TestLockOut(t *testing.T) {
	h := newHouse(t, auth.Options{Limits: auth.Limits{Tries: 3}})
	h.user(t, "ann")
	shown, _ := h.token(t, "ann", 0)
	if got := h.why(t, from(here, "Authorization", basic("ann", password))); got != "" {
		t.Fatal(got)
	}
	for _, name := range []string{"ann", "nobody"} {
		for range 3 {
			if got := h.why(t, from(here, "Authorization", basic(name, "wrong horse battery"))); got != auth.Wrong {
				t.Fatalf("%s: %q", name, got)
			}
		}
		_, err := h.Identify(context.Background(), from(here, "Authorization", basic(name, password)))
		var d *auth.Denied
		if !errors.As(err, &d) || d.Why != auth.Locked || d.Status != 429 || d.RetryAfter <= 0 {
			t.Errorf("%s after three wrong ones: %v", name, err)
		}
	}
	if got := h.why(t, from("198.51.100.9", "Authorization", basic("ann", password))); got != "" {
		t.Errorf("from elsewhere: %q", got)
	}
	if got := h.why(t, from(here, "Authorization", "Bearer "+shown)); got != "" {
		t.Errorf("by token: %q", got)
	}
}

// TestGuessesAgainstMemory: an address that may not try any more gets no free guesses at a password that lies in memory.
func TestGuessesAgainstMemory(t *testing.T) {
	h := newHouse(t, auth.Options{Limits: auth.Limits{Wrong: auth.Rate{PerSecond: 0.0001, Burst: 2}, Tries: 5}})
	h.user(t, "ann")
	if got := h.why(t, from(here, "Authorization", basic("ann", password))); got != "" {
		t.Fatal(got)
	}
	seen := map[auth.Why]int{}
	for range 20 {
		seen[h.why(t, from(here, "Authorization", basic("ann", "wrong horse battery")))]++
	}
	if seen[auth.Wrong] != 2 || seen[auth.Limited] != 3 || seen[auth.Locked] != 15 {
		t.Errorf("20 guesses: %v", seen)
	}
	if got := h.why(t, from(here, "Authorization", basic("ann", password))); got != auth.Locked {
		t.Errorf("the right password after that: %q", got)
	}
}

// TestManyAtOnce: a client whose first requests come all at once is neither refused nor hashed for each of them.
func TestManyAtOnce(t *testing.T) {
	h := newHouse(t, auth.Options{})
	h.user(t, "ann")
	var wg sync.WaitGroup
	why := make(chan auth.Why, 500)
	for range 500 {
		wg.Go(func() { why <- h.why(t, from(here, "Authorization", basic("ann", password))) })
	}
	wg.Wait()
	close(why)
	for w := range why {
		if w != "" {
			t.Fatalf("one of 500 requests at once: %q", w)
		}
	}
}

// broken is a storage that does not answer.
type broken struct {
	store.Store
	off bool
}

func (b *broken) Generation(ctx context.Context) (int64, error) {
	if b.off {
		return 0, errors.New("disk I/O error")
	}
	return b.Store.Generation(ctx)
}

func TestStorageFails(t *testing.T) {
	h := newHouse(t, auth.Options{})
	h.user(t, "ann")
	b := &broken{Store: h.store}
	a, err := auth.Open(b, auth.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cred := from(here, "Authorization", basic("ann", password))
	if _, err := a.Identify(context.Background(), cred); err != nil {
		t.Fatal(err)
	}
	b.off = true
	within(t, "a storage that fails", func() bool {
		_, err := a.Identify(context.Background(), cred)
		var d *auth.Denied
		return errors.As(err, &d) && d.Status == 503 && !strings.Contains(d.Reason, "disk")
	})
}

// TestTokenScopes: a token narrows what its account may do, and widens nothing.
func TestTokenScopes(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t, auth.Options{})
	h.user(t, "ann", auth.Grant{Role: auth.RoleScientist, Scope: auth.Scope{Name: "fraud-*"}})
	shown, _ := h.token(t, "ann", 0, auth.Scope{Name: "fraud-a", Actions: []auth.Action{auth.Read, auth.Deploy}}, auth.Scope{Name: "churn"})
	p, err := h.Identify(ctx, from(here, "Authorization", "Bearer "+shown))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		action auth.Action
		name   string
		want   string
	}{
		{auth.Read, "fraud-a", "scientist"}, {auth.Write, "fraud-a", "token-scope"}, {auth.Deploy, "fraud-a", "default-deny"},
		{auth.Read, "fraud-b", "token-scope"}, {auth.Read, "churn", "default-deny"},
	} {
		if d := h.Decide(p, c.action, auth.Resource{Type: "experiment", Name: c.name}); d.Policy != c.want || d.Allow != (c.want == "scientist") {
			t.Errorf("%s %s: %+v", c.action, c.name, d)
		}
	}
}

// TestPasswordsOfMLflow: the password that MLflow's basic_auth.ini gives the first admin opens no gate, in whichever way werkzeug 3.1 has hashed it.
func TestPasswordsOfMLflow(t *testing.T) {
	ctx := context.Background()
	h := newHouse(t, auth.Options{})
	hashes := map[string]string{
		"password":     "scrypt:32768:8:1$QY1m4aOqj7v2HIef$21ca2b873820273cf0d9c882faa06cdda8a504528f03647288e5850bc1a8a7d8c0fb2dc81a82b08ac6f927106d01a5276d873f3fc065588021c24d1b84702c8a",
		"password1234": "pbkdf2:sha256:600000$guTJCgw1V0DyJc1p$ab7e3c1d88c067e492df32f4ddbed238400f7b8992e85c75cb87f5a9e130ee75",
	}
	var users []auth.MLflowAccount
	for p, hash := range hashes {
		users = append(users, auth.MLflowAccount{Name: "admin-" + p, Hash: hash, Admin: true}, auth.MLflowAccount{Name: "user-" + p, Hash: hash})
	}
	out, err := h.ImportMLflow(ctx, users, "", "READ")
	if err != nil || len(out.Accounts) != 4 || len(out.Skipped) != 2 {
		t.Fatalf("imported %+v, error %v", out, err)
	}
	for p := range hashes {
		if got := h.why(t, from(here, "Authorization", basic("admin-"+p, p))); got != auth.Wrong {
			t.Errorf("an admin with the password %q: %q", p, got)
		}
		if got := h.why(t, from(here, "Authorization", basic("user-"+p, p))); got != "" { // the hashes are what they are said to be
			t.Errorf("a user with the password %q: %q", p, got)
		}
	}
}
