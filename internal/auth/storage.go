package auth

import (
	"context"
	"errors"
	"time"
)

// ErrNotFound is what a Storage answers for an account, token, grant or session that it does not hold.
var ErrNotFound = errors.New("not found")

// ErrExists is what a Storage answers to the making of something whose name is taken.
var ErrExists = errors.New("exists already")

// Storage is what auth needs remembered. Implementations are safe for concurrent use and for several processes at once (the commands change
// what a running gate reads). Times have millisecond precision and come back in UTC; the zero time means none.
type Storage interface {
	// Generation is a number that grows with every change of accounts, grants, tokens and sessions by whichever process, but for the time of
	// last use. It is asked often and must be cheap.
	Generation(ctx context.Context) (int64, error)

	// Account gives the account of that name, or ErrNotFound.
	Account(ctx context.Context, name string) (Account, error)
	// External gives the account with that Account.External, or ErrNotFound.
	External(ctx context.Context, external string) (Account, error)
	// Accounts gives all, by name.
	Accounts(ctx context.Context) ([]Account, error)
	// AddAccount makes an account; ErrExists when the name is taken.
	AddAccount(ctx context.Context, a Account) error
	// SetAccount replaces what is known about an account, or ErrNotFound.
	SetAccount(ctx context.Context, a Account) error
	// DeleteAccount removes an account with its tokens, sessions and grants, or ErrNotFound.
	DeleteAccount(ctx context.Context, name string) error

	// Token gives a token by its identifier, or ErrNotFound.
	Token(ctx context.Context, id string) (Token, error)
	// Tokens gives the tokens of an account, or of all when the name is empty, oldest first.
	Tokens(ctx context.Context, account string) ([]Token, error)
	// AddToken makes a token; ErrNotFound when there is no such account, ErrExists when the identifier is taken.
	AddToken(ctx context.Context, t Token) error
	// RevokeToken ends a token at a time; ErrNotFound when there is none. A revoked token keeps its first time of revocation.
	RevokeToken(ctx context.Context, id string, at time.Time) error
	// TouchTokens writes down when tokens were last used; unknown ones are ignored. It leaves the generation as it is.
	TouchTokens(ctx context.Context, used map[string]time.Time) error

	// Grants gives all that was granted, in the order in which that happened.
	Grants(ctx context.Context) ([]Granted, error)
	// AddGrant remembers a grant and gives it its number.
	AddGrant(ctx context.Context, g Granted) (int64, error)
	// DeleteGrant takes a grant back, or ErrNotFound.
	DeleteGrant(ctx context.Context, id int64) error

	// Session gives a session by the hash of its secret, or ErrNotFound.
	Session(ctx context.Context, hash string) (Session, error)
	// AddSession remembers a session, and forgets those that ended before now.
	AddSession(ctx context.Context, s Session, now time.Time) error
	// DeleteSession forgets one; no error when there is none.
	DeleteSession(ctx context.Context, hash string) error
	// DeleteSessions forgets all of an account.
	DeleteSessions(ctx context.Context, account string) error
}

// Account is a user or a service.
type Account struct {
	Name     string
	Kind     Kind
	Password string   // argon2id in PHC form, or a foreign hash that is replaced at the next login; empty: no login by password
	Groups   []string // sorted
	Email    string
	// External is the issuer and subject at an identity provider, joined by a space; empty for local accounts. An external account is only ever
	// proven by that provider.
	External string
	Disabled bool
	Created  time.Time
	Changed  time.Time // the last change of password, groups or state
	Note     string
}

// Token is what is remembered about an API token: never its secret.
type Token struct {
	ID      string // visible: the token reads weir_ID_SECRET
	Account string
	Hash    []byte // SHA-256 of the whole token: the secret has 256 random bits, so nothing slow is needed
	Scopes  []Scope
	Note    string
	Created time.Time
	Expires time.Time // zero: never
	Used    time.Time // about when it was last shown
	Revoked time.Time // zero: not
}

// Granted is a Grant to somebody.
type Granted struct {
	ID    int64
	To    string // a name
	Group bool   // To is a group, not an account
	Grant
	By      string // who granted it
	Created time.Time
}

// Session is a login of a browser.
type Session struct {
	Hash    string // SHA-256 of the cookie's value in hexadecimal
	Account string
	Method  string   // password or oidc
	Groups  []string // as the provider said at login; local groups are added
	Created time.Time
	Expires time.Time
	From    string // the address of the login
}
