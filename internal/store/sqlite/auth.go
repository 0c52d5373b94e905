package sqlite

import (
	"context"
	"database/sql"
	"time"

	"weir/internal/auth"
	"weir/internal/store"
)

var authSchema = []string{`
CREATE TABLE auth_generation (only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL) STRICT;
INSERT INTO auth_generation VALUES (1, 1);
CREATE TABLE account (
	name TEXT PRIMARY KEY, kind TEXT NOT NULL, password TEXT NOT NULL, groups TEXT NOT NULL, email TEXT NOT NULL, external TEXT NOT NULL,
	disabled INTEGER NOT NULL, created INTEGER NOT NULL, changed INTEGER NOT NULL, note TEXT NOT NULL) STRICT;
CREATE UNIQUE INDEX account_external ON account (external) WHERE external <> '';
CREATE TABLE token (
	id TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE, hash BLOB NOT NULL, scopes TEXT NOT NULL, note TEXT NOT NULL,
	created INTEGER NOT NULL, expires INTEGER NOT NULL, used INTEGER NOT NULL, revoked INTEGER NOT NULL) STRICT;
CREATE INDEX token_account ON token (account);
CREATE TABLE granted (
	id INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL, is_group INTEGER NOT NULL, role TEXT NOT NULL, scope TEXT NOT NULL,
	by TEXT NOT NULL, created INTEGER NOT NULL) STRICT;
CREATE INDEX granted_subject ON granted (subject, is_group);
CREATE TABLE session (
	hash TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE, method TEXT NOT NULL, groups TEXT NOT NULL,
	created INTEGER NOT NULL, expires INTEGER NOT NULL, origin TEXT NOT NULL) STRICT;
CREATE INDEX session_account ON session (account);
`}

// change runs f in a transaction that moves the generation on.
func (d *DB) change(ctx context.Context, f func(*sql.Tx) error) error {
	return d.tx(ctx, func(t *sql.Tx) error {
		if err := f(t); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, `UPDATE auth_generation SET number = number + 1`)
		return err
	})
}

// some runs a statement and answers store.ErrNotFound when it changed nothing.
func some(ctx context.Context, t *sql.Tx, query string, args ...any) error {
	res, err := t.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return either(err, store.ErrNotFound)
	}
	return nil
}

func either(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// Generation counts the changes.
func (d *DB) Generation(ctx context.Context) (int64, error) {
	return row(ctx, d, func(s scanner) (n int64, err error) { return n, s.Scan(&n) }, `SELECT number FROM auth_generation`)
}

const accountColumns = `name, kind, password, groups, email, external, disabled, created, changed, note`

func scanAccount(s scanner) (a auth.Account, err error) {
	var groups string
	var created, changed int64
	if err = s.Scan(&a.Name, &a.Kind, &a.Password, &groups, &a.Email, &a.External, &a.Disabled, &created, &changed, &a.Note); err != nil {
		return a, err
	}
	a.Created, a.Changed = moment(created), moment(changed)
	return a, parse(groups, &a.Groups)
}

// Account reads one.
func (d *DB) Account(ctx context.Context, name string) (auth.Account, error) {
	return row(ctx, d, scanAccount, `SELECT `+accountColumns+` FROM account WHERE name = ?`, name)
}

// External reads one by what a provider calls it.
func (d *DB) External(ctx context.Context, external string) (auth.Account, error) {
	if external == "" {
		return auth.Account{}, store.ErrNotFound
	}
	return row(ctx, d, scanAccount, `SELECT `+accountColumns+` FROM account WHERE external = ?`, external)
}

// Accounts reads all.
func (d *DB) Accounts(ctx context.Context) ([]auth.Account, error) {
	return rows(ctx, d, scanAccount, `SELECT `+accountColumns+` FROM account ORDER BY name`)
}

// AddAccount makes one.
func (d *DB) AddAccount(ctx context.Context, a auth.Account) error {
	err := d.change(ctx, func(t *sql.Tx) error {
		_, err := t.ExecContext(ctx, `INSERT INTO account (`+accountColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			a.Name, a.Kind, a.Password, text(a.Groups), a.Email, a.External, a.Disabled, millis(a.Created), millis(a.Changed), a.Note)
		return err
	})
	if conflict(err) {
		return store.ErrExists
	}
	return err
}

// SetAccount replaces one.
func (d *DB) SetAccount(ctx context.Context, a auth.Account) error {
	err := d.change(ctx, func(t *sql.Tx) error {
		return some(ctx, t, `UPDATE account SET kind = ?, password = ?, groups = ?, email = ?, external = ?, disabled = ?, created = ?, changed = ?, note = ?
			WHERE name = ?`, a.Kind, a.Password, text(a.Groups), a.Email, a.External, a.Disabled, millis(a.Created), millis(a.Changed), a.Note, a.Name)
	})
	if conflict(err) {
		return store.ErrExists
	}
	return err
}

// DeleteAccount removes one with all that hangs on it.
func (d *DB) DeleteAccount(ctx context.Context, name string) error {
	return d.change(ctx, func(t *sql.Tx) error {
		if _, err := t.ExecContext(ctx, `DELETE FROM granted WHERE subject = ? AND is_group = 0`, name); err != nil {
			return err
		}
		return some(ctx, t, `DELETE FROM account WHERE name = ?`, name)
	})
}

const tokenColumns = `id, account, hash, scopes, note, created, expires, used, revoked`

func scanToken(s scanner) (t auth.Token, err error) {
	var scopes string
	var created, expires, used, revoked int64
	if err = s.Scan(&t.ID, &t.Account, &t.Hash, &scopes, &t.Note, &created, &expires, &used, &revoked); err != nil {
		return t, err
	}
	t.Created, t.Expires, t.Used, t.Revoked = moment(created), moment(expires), moment(used), moment(revoked)
	return t, parse(scopes, &t.Scopes)
}

// Token reads one.
func (d *DB) Token(ctx context.Context, id string) (auth.Token, error) {
	return row(ctx, d, scanToken, `SELECT `+tokenColumns+` FROM token WHERE id = ?`, id)
}

// Tokens reads those of an account, or all.
func (d *DB) Tokens(ctx context.Context, account string) ([]auth.Token, error) {
	return rows(ctx, d, scanToken, `SELECT `+tokenColumns+` FROM token WHERE ? IN ('', account) ORDER BY created, id`, account)
}

// AddToken makes one.
func (d *DB) AddToken(ctx context.Context, k auth.Token) error {
	err := d.change(ctx, func(t *sql.Tx) error {
		_, err := t.ExecContext(ctx, `INSERT INTO token (`+tokenColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			k.ID, k.Account, k.Hash, text(k.Scopes), k.Note, millis(k.Created), millis(k.Expires), millis(k.Used), millis(k.Revoked))
		return err
	})
	switch {
	case conflict(err):
		return store.ErrExists
	case orphan(err):
		return store.ErrNotFound
	}
	return err
}

// RevokeToken ends one.
func (d *DB) RevokeToken(ctx context.Context, id string, at time.Time) error {
	return d.change(ctx, func(t *sql.Tx) error {
		return some(ctx, t, `UPDATE token SET revoked = CASE revoked WHEN 0 THEN ? ELSE revoked END WHERE id = ?`, millis(at), id)
	})
}

// TouchTokens notes use.
func (d *DB) TouchTokens(ctx context.Context, used map[string]time.Time) error {
	if len(used) == 0 {
		return nil
	}
	return d.tx(ctx, func(t *sql.Tx) error {
		st, err := t.PrepareContext(ctx, `UPDATE token SET used = max(used, ?) WHERE id = ?`)
		if err != nil {
			return err
		}
		defer st.Close()
		for id, at := range used {
			if _, err := st.ExecContext(ctx, millis(at), id); err != nil {
				return err
			}
		}
		return nil
	})
}

// Grants reads all.
func (d *DB) Grants(ctx context.Context) ([]auth.Granted, error) {
	return rows(ctx, d, func(s scanner) (g auth.Granted, err error) {
		var scope string
		var created int64
		if err = s.Scan(&g.ID, &g.To, &g.Group, &g.Role, &scope, &g.By, &created); err != nil {
			return g, err
		}
		g.Created = moment(created)
		return g, parse(scope, &g.Scope)
	}, `SELECT id, subject, is_group, role, scope, by, created FROM granted ORDER BY id`)
}

// AddGrant remembers one.
func (d *DB) AddGrant(ctx context.Context, g auth.Granted) (id int64, err error) {
	err = d.change(ctx, func(t *sql.Tx) error {
		res, err := t.ExecContext(ctx, `INSERT INTO granted (subject, is_group, role, scope, by, created) VALUES (?, ?, ?, ?, ?, ?)`,
			g.To, g.Group, g.Role, text(g.Scope), g.By, millis(g.Created))
		if err != nil {
			return err
		}
		id, err = res.LastInsertId()
		return err
	})
	return id, err
}

// DeleteGrant takes one back.
func (d *DB) DeleteGrant(ctx context.Context, id int64) error {
	return d.change(ctx, func(t *sql.Tx) error { return some(ctx, t, `DELETE FROM granted WHERE id = ?`, id) })
}

// Session reads one.
func (d *DB) Session(ctx context.Context, hash string) (auth.Session, error) {
	return row(ctx, d, func(s scanner) (v auth.Session, err error) {
		var groups string
		var created, expires int64
		if err = s.Scan(&v.Hash, &v.Account, &v.Method, &groups, &created, &expires, &v.From); err != nil {
			return v, err
		}
		v.Created, v.Expires = moment(created), moment(expires)
		return v, parse(groups, &v.Groups)
	}, `SELECT hash, account, method, groups, created, expires, origin FROM session WHERE hash = ?`, hash)
}

// AddSession remembers one.
func (d *DB) AddSession(ctx context.Context, s auth.Session, now time.Time) error {
	err := d.change(ctx, func(t *sql.Tx) error {
		if _, err := t.ExecContext(ctx, `DELETE FROM session WHERE expires < ?`, millis(now)); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, `INSERT INTO session (hash, account, method, groups, created, expires, origin) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			s.Hash, s.Account, s.Method, text(s.Groups), millis(s.Created), millis(s.Expires), s.From)
		return err
	})
	switch {
	case conflict(err):
		return store.ErrExists
	case orphan(err):
		return store.ErrNotFound
	}
	return err
}

// DeleteSession forgets one.
func (d *DB) DeleteSession(ctx context.Context, hash string) error {
	return d.change(ctx, func(t *sql.Tx) error {
		_, err := t.ExecContext(ctx, `DELETE FROM session WHERE hash = ?`, hash)
		return err
	})
}

// DeleteSessions forgets all of an account.
func (d *DB) DeleteSessions(ctx context.Context, account string) error {
	return d.change(ctx, func(t *sql.Tx) error {
		_, err := t.ExecContext(ctx, `DELETE FROM session WHERE account = ?`, account)
		return err
	})
}
