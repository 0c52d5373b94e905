package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// mostGroups bounds the groups of one account.
const mostGroups = 500

// Admin is the account that the first start makes.
const Admin = "admin"

// The errors of managing accounts, beside ErrNotFound and ErrExists.
var (
	ErrName     = errors.New("a name has 1 to 128 letters, digits and . _ @ + -, and begins with a letter or digit")
	ErrPassword = fmt.Errorf("a password has %d to %d bytes and is not the account's name", ShortestPassword, LongestPassword)
	ErrLast     = errors.New("this is the last admin")
)

// validName keeps names printable and free of what separates them elsewhere (":" in Basic, "," in headers, "/" in paths).
func validName(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("._@+-", rune(c))) {
			return false
		}
	}
	return true
}

// validGroup lets groups be what identity providers call them: printable, not long.
func validGroup(s string) bool {
	return s != "" && len(s) <= 256 && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f || r == 0xfffd })
}

// First makes the account admin when nobody holds the role admin and the name is free, with the password given or, when that is empty, a random one.
// It returns the password when it made one up, to be shown once: only its hash is kept.
func (a *Auth) First(ctx context.Context, password string) (made bool, shown string, err error) {
	held, err := a.storage.Grants(ctx)
	if err != nil || slices.ContainsFunc(held, func(g Granted) bool { return g.Role == RoleAdmin && g.Scope.everything() }) {
		return false, "", err
	}
	if _, err := a.storage.Account(ctx, Admin); !errors.Is(err, ErrNotFound) {
		return false, "", err
	}
	if password == "" {
		if password, err = newSecret(); err != nil {
			return false, "", err
		}
		password = password[:26] // 130 bits are enough, and can be typed
		shown = password
	}
	err = a.AddAccount(ctx, Account{Name: Admin, Kind: User, Note: "made at the first start"}, password)
	if errors.Is(err, ErrExists) {
		return false, "", nil // another process was faster
	}
	if err != nil {
		return false, "", err
	}
	_, err = a.Grant(ctx, Granted{To: Admin, Grant: Grant{Role: RoleAdmin}, By: "first start"})
	return true, shown, err
}

// AddAccount makes an account; an empty password means that it cannot log in with one.
func (a *Auth) AddAccount(ctx context.Context, acc Account, password string) error {
	if !validName(acc.Name) {
		return fmt.Errorf("name %q: %w", acc.Name, ErrName)
	}
	if acc.Kind != User && acc.Kind != Service {
		return fmt.Errorf("account %q: kind %q is neither user nor service", acc.Name, acc.Kind)
	}
	var err error
	if acc.Groups, err = groups(acc.Groups); err != nil {
		return fmt.Errorf("account %q: %w", acc.Name, err)
	}
	all, err := a.storage.Accounts(ctx)
	if err != nil {
		return err
	}
	for _, other := range all {
		if strings.EqualFold(other.Name, acc.Name) {
			return fmt.Errorf("account %q: %q %w", acc.Name, other.Name, ErrExists)
		}
	}
	if password != "" {
		if acc.Password, err = a.newPassword(ctx, acc.Name, password); err != nil {
			return err
		}
	}
	acc.Created = a.now()
	acc.Changed = acc.Created
	defer a.changed()
	return a.storage.AddAccount(ctx, acc)
}

func (a *Auth) newPassword(ctx context.Context, name, password string) (stored string, err error) {
	if len(password) < ShortestPassword || len(password) > LongestPassword || strings.EqualFold(password, name) {
		return "", fmt.Errorf("account %q: %w", name, ErrPassword)
	}
	if _, _, ok := parseBasic(basic(name, password)); !ok {
		return "", fmt.Errorf("account %q: a password has no control characters", name)
	}
	if herr := a.hash(ctx, func() { stored, err = hashPassword(password) }); herr != nil {
		return "", herr
	}
	return stored, err
}

func groups(in []string) ([]string, error) {
	out := slices.Compact(slices.Sorted(slices.Values(in)))
	for _, g := range out {
		if !validGroup(g) {
			return nil, fmt.Errorf("group %q: a name has 1 to 256 printable characters", g)
		}
	}
	if len(out) > mostGroups {
		return nil, fmt.Errorf("%d groups are more than %d", len(out), mostGroups)
	}
	return out, nil
}

// Accounts gives all, by name.
func (a *Auth) Accounts(ctx context.Context) ([]Account, error) { return a.storage.Accounts(ctx) }

// SetPassword replaces the password, ends the account's sessions and unlocks it. Tokens live on.
func (a *Auth) SetPassword(ctx context.Context, name, password string) error {
	acc, err := a.storage.Account(ctx, name)
	if err != nil {
		return fmt.Errorf("account %q: %w", name, err)
	}
	if acc.Password, err = a.newPassword(ctx, name, password); err != nil {
		return err
	}
	return a.set(ctx, acc)
}

// SetGroups replaces the groups of an account.
func (a *Auth) SetGroups(ctx context.Context, name string, in []string) error {
	acc, err := a.storage.Account(ctx, name)
	if err != nil {
		return fmt.Errorf("account %q: %w", name, err)
	}
	if acc.Groups, err = groups(in); err != nil {
		return fmt.Errorf("account %q: %w", name, err)
	}
	if err := a.notLast(ctx, fmt.Sprintf("account %q", name), func(other *Account) bool {
		if other.Name == name {
			other.Groups = acc.Groups
		}
		return true
	}, nil); err != nil {
		return err
	}
	return a.set(ctx, acc)
}

// Disable takes an account everything by which it could be proven: sessions end, tokens are refused, the password does not count. Its name stays
// taken, so that nobody inherits what the audit log says about it. Enable gives it back, but for the sessions.
func (a *Auth) Disable(ctx context.Context, name string) error { return a.disable(ctx, name, true) }

// Enable undoes Disable.
func (a *Auth) Enable(ctx context.Context, name string) error { return a.disable(ctx, name, false) }

func (a *Auth) disable(ctx context.Context, name string, off bool) error {
	acc, err := a.storage.Account(ctx, name)
	if err != nil {
		return fmt.Errorf("account %q: %w", name, err)
	}
	if off {
		if err := a.notLast(ctx, fmt.Sprintf("account %q", name), func(acc *Account) bool { return acc.Name != name }, nil); err != nil {
			return err
		}
	}
	acc.Disabled = off
	return a.set(ctx, acc)
}

// set writes an account; its sessions end, so that what was proven under the old state counts no more.
func (a *Auth) set(ctx context.Context, acc Account) error {
	acc.Changed = a.now()
	defer a.changed()
	if err := a.storage.SetAccount(ctx, acc); err != nil {
		return fmt.Errorf("account %q: %w", acc.Name, err)
	}
	return a.storage.DeleteSessions(ctx, acc.Name)
}

// Delete removes an account with its tokens, sessions and grants.
func (a *Auth) Delete(ctx context.Context, name string) error {
	if err := a.notLast(ctx, fmt.Sprintf("account %q", name), func(acc *Account) bool { return acc.Name != name }, nil); err != nil {
		return err
	}
	defer a.changed()
	if err := a.storage.DeleteAccount(ctx, name); err != nil {
		return fmt.Errorf("account %q: %w", name, err)
	}
	return nil
}

// notLast refuses to take away the last way in for an admin: among the enabled accounts that stay (as stays changes them), one must hold the role admin
// everywhere by a grant that is kept. Nil functions change nothing.
func (a *Auth) notLast(ctx context.Context, what string, stays func(*Account) bool, kept func(Granted) bool) error {
	grants, err := a.storage.Grants(ctx)
	if err != nil {
		return err
	}
	accounts, err := a.storage.Accounts(ctx)
	if err != nil {
		return err
	}
	before := admins(accounts, grants)
	if stays != nil {
		left := accounts[:0]
		for i := range accounts {
			if stays(&accounts[i]) {
				left = append(left, accounts[i])
			}
		}
		accounts = left
	}
	if kept != nil {
		grants = slices.DeleteFunc(grants, func(g Granted) bool { return !kept(g) })
	}
	if before && !admins(accounts, grants) {
		return fmt.Errorf("%s: %w", what, ErrLast)
	}
	return nil
}

// admins says whether an enabled account holds the role admin everywhere.
func admins(accounts []Account, grants []Granted) bool {
	return slices.ContainsFunc(accounts, func(acc Account) bool {
		return !acc.Disabled && slices.ContainsFunc(grants, func(g Granted) bool {
			return g.Role == RoleAdmin && g.Scope.everything() && (g.Group && slices.Contains(acc.Groups, g.To) || !g.Group && g.To == acc.Name)
		})
	})
}

// NewToken makes a token for an account and gives it: this is the only time that it can be read. life is how long it lives, 0 for ever.
func (a *Auth) NewToken(ctx context.Context, account, note string, life time.Duration, scopes []Scope) (shown string, t Token, err error) {
	acc, err := a.storage.Account(ctx, account)
	if err != nil {
		return "", t, fmt.Errorf("account %q: %w", account, err)
	}
	if acc.Disabled {
		return "", t, fmt.Errorf("account %q is disabled", account)
	}
	for _, s := range scopes {
		if err := s.check(); err != nil {
			return "", t, err
		}
	}
	shown, id, hash, err := newToken()
	if err != nil {
		return "", t, err
	}
	t = Token{ID: id, Account: account, Hash: hash, Scopes: scopes, Note: note, Created: a.now()}
	if life > 0 {
		t.Expires = t.Created.Add(life)
	}
	if err := a.storage.AddToken(ctx, t); err != nil {
		return "", t, fmt.Errorf("token of %q: %w", account, err)
	}
	a.changed()
	return shown, t, nil
}

// Tokens gives the tokens of an account, or of all when the name is empty.
func (a *Auth) Tokens(ctx context.Context, account string) ([]Token, error) {
	return a.storage.Tokens(ctx, account)
}

// RevokeToken ends a token, named by its identifier or by itself.
func (a *Auth) RevokeToken(ctx context.Context, id string) error {
	id = strings.TrimPrefix(id, tokenPrefix)
	id, _, _ = strings.Cut(id, "_")
	defer a.changed()
	if err := a.storage.RevokeToken(ctx, id, a.now()); err != nil {
		return fmt.Errorf("token %q: %w", id, err)
	}
	return nil
}

// Grant gives a role to an account or a group. The role has to exist: ready or in a policy of the user's own.
func (a *Auth) Grant(ctx context.Context, g Granted) (int64, error) {
	if !a.opt().policy.hasRole(g.Role) {
		return 0, fmt.Errorf("role %q: %w among %s", g.Role, ErrNotFound, strings.Join(a.opt().policy.roles, ", "))
	}
	if err := g.Scope.check(); err != nil {
		return 0, err
	}
	if g.Group && !validGroup(g.To) {
		return 0, fmt.Errorf("group %q: a name has 1 to 256 printable characters", g.To)
	}
	if !g.Group {
		if _, err := a.storage.Account(ctx, g.To); err != nil {
			return 0, fmt.Errorf("account %q: %w", g.To, err)
		}
	}
	g.Created = a.now()
	defer a.changed()
	return a.storage.AddGrant(ctx, g)
}

// Grants gives all.
func (a *Auth) Grants(ctx context.Context) ([]Granted, error) { return a.storage.Grants(ctx) }

// Revoke takes a grant back.
func (a *Auth) Revoke(ctx context.Context, id int64) error {
	all, err := a.storage.Grants(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(g Granted) bool { return g.ID == id })
	if i < 0 {
		return fmt.Errorf("grant %d: %w", id, ErrNotFound)
	}
	if err := a.notLast(ctx, fmt.Sprintf("grant %d", id), nil, func(g Granted) bool { return g.ID != id }); err != nil {
		return err
	}
	defer a.changed()
	return a.storage.DeleteGrant(ctx, id)
}

// Named gives the principal of an account as it would be by password, to explain decisions.
func (a *Auth) Named(ctx context.Context, name string) (Principal, error) {
	v, err := a.current(ctx)
	if err != nil {
		return Principal{}, err
	}
	acc, err := a.account(ctx, v, name)
	if err != nil {
		return Principal{}, fmt.Errorf("account %q: %w", name, err)
	}
	return v.principal(acc, "", nil), nil
}

// outside finds the account of somebody whom a provider has proven, and makes it when it is seen first, without any role. external is the
// provider's word for who it is and decides: people are renamed. An account of that name that belongs to somebody else is never given.
func (a *Auth) outside(ctx context.Context, v *view, name, external, email string) (*Account, error) {
	acc, err := recall(ctx, v, v.external, external, a.storage.External)
	if errors.Is(err, ErrNotFound) {
		err = a.AddAccount(ctx, Account{Name: name, Kind: User, External: external, Email: email}, "")
		if errors.Is(err, ErrExists) || errors.Is(err, ErrName) {
			return nil, wrong(name, err.Error())
		}
		if err == nil {
			var got Account
			got, err = a.storage.External(ctx, external)
			acc = &got
		}
	}
	if err != nil {
		return nil, err
	}
	if acc.Disabled {
		return nil, wrong(acc.Name, "the account is disabled")
	}
	return acc, nil
}
