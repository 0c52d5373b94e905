package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"weir/internal/store"
)

var verdictSchema = []string{`
CREATE TABLE verdict (
	digest TEXT NOT NULL, hint TEXT NOT NULL, rules TEXT NOT NULL, report TEXT NOT NULL,
	PRIMARY KEY (digest, rules, hint)) STRICT, WITHOUT ROWID;
CREATE TABLE place (
	server TEXT NOT NULL, path TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL, at INTEGER NOT NULL,
	PRIMARY KEY (server, path)) STRICT, WITHOUT ROWID;
CREATE TABLE held (
	id TEXT PRIMARY KEY, at INTEGER NOT NULL, digest TEXT NOT NULL, server TEXT NOT NULL, target TEXT NOT NULL, record TEXT NOT NULL) STRICT;
CREATE INDEX held_bytes ON held (digest, server, target);
CREATE TABLE waived (digest TEXT PRIMARY KEY, why TEXT NOT NULL) STRICT;
`, `
ALTER TABLE held ADD COLUMN unlogged INTEGER NOT NULL DEFAULT 0;
CREATE INDEX held_unlogged ON held (id) WHERE unlogged = 1;
`}

// found turns the error for what is not there into an answer.
func found[T any](v T, err error) (T, bool, error) {
	if errors.Is(err, store.ErrNotFound) {
		var none T
		return none, false, nil
	}
	return v, err == nil, err
}

func scanJSON[T any](s scanner) (v T, err error) {
	var b string
	if err = s.Scan(&b); err == nil {
		err = json.Unmarshal([]byte(b), &v)
	}
	return v, err
}

// Verdict reads one.
func (d *DB) Verdict(ctx context.Context, k store.VerdictKey) (store.Report, bool, error) {
	return found(row(ctx, d, scanJSON[store.Report], `SELECT report FROM verdict WHERE digest = ? AND rules = ? AND hint = ?`, k.Digest, k.Rules, k.Hint))
}

// VerdictsOf reads those of a digest.
func (d *DB) VerdictsOf(ctx context.Context, digest, rules string) ([]store.Report, error) {
	return rows(ctx, d, scanJSON[store.Report], `SELECT report FROM verdict WHERE digest = ? AND rules = ?`, digest, rules)
}

// Remember keeps verdicts and places.
func (d *DB) Remember(ctx context.Context, verdicts map[store.VerdictKey]store.Report, places []store.Place) error {
	return d.tx(ctx, func(t *sql.Tx) error {
		for k, r := range verdicts {
			b, err := json.Marshal(r)
			if err != nil {
				return err
			}
			if _, err := t.ExecContext(ctx, `INSERT OR REPLACE INTO verdict (digest, hint, rules, report) VALUES (?, ?, ?, ?)`, k.Digest, k.Hint, k.Rules, string(b)); err != nil {
				return err
			}
		}
		for _, p := range places {
			if _, err := t.ExecContext(ctx, `INSERT OR REPLACE INTO place (server, path, digest, size, at) VALUES (?, ?, ?, ?, ?)`,
				p.Server, p.Path, p.Digest, p.Size, millis(p.Time)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Place reads one.
func (d *DB) Place(ctx context.Context, server, path string) (store.Place, bool, error) {
	return found(row(ctx, d, func(s scanner) (p store.Place, err error) {
		var at int64
		err = s.Scan(&p.Server, &p.Path, &p.Digest, &p.Size, &at)
		p.Time = moment(at)
		return p, err
	}, `SELECT server, path, digest, size, at FROM place WHERE server = ? AND path = ?`, server, path))
}

// ForgetPlaces forgets a path and all below it. '0' follows '/' in ASCII, so the range holds what begins with "path/".
func (d *DB) ForgetPlaces(ctx context.Context, server, path string) error {
	_, err := d.exec(ctx, `DELETE FROM place WHERE server = ? AND (path = ? OR path >= ? AND path < ?)`, server, path, path+"/", path+"0")
	return err
}

// Hold records an item.
func (d *DB) Hold(ctx context.Context, h store.Held) error {
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	_, err = d.exec(ctx, `INSERT OR REPLACE INTO held (id, at, digest, server, target, record, unlogged) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		h.ID, millis(h.Time), h.Digest, h.Server, h.To, string(b), h.Unlogged)
	return err
}

// AllHeld reads the quarantine, newest first.
func (d *DB) AllHeld(ctx context.Context) ([]store.Held, error) {
	return rows(ctx, d, scanJSON[store.Held], `SELECT record FROM held ORDER BY at DESC, id`)
}

// Unlogged reads the items whose decision is still to be written down.
func (d *DB) Unlogged(ctx context.Context) ([]store.Held, error) {
	return rows(ctx, d, scanJSON[store.Held], `SELECT record FROM held WHERE unlogged = 1 ORDER BY id`)
}

// Held reads one item.
func (d *DB) Held(ctx context.Context, id string) (store.Held, bool, error) {
	return found(row(ctx, d, scanJSON[store.Held], `SELECT record FROM held WHERE id = ?`, id))
}

// HeldBytes finds what is held of some bytes on their way to one place.
func (d *DB) HeldBytes(ctx context.Context, digest, server, to string) (store.Held, bool, error) {
	return found(row(ctx, d, scanJSON[store.Held], `SELECT record FROM held WHERE digest = ? AND server = ? AND target = ? ORDER BY at DESC LIMIT 1`, digest, server, to))
}

// Waive remembers why bytes may pass.
func (d *DB) Waive(ctx context.Context, digest, why string) error {
	if why == "" {
		_, err := d.exec(ctx, `DELETE FROM waived WHERE digest = ?`, digest)
		return err
	}
	_, err := d.exec(ctx, `INSERT OR REPLACE INTO waived (digest, why) VALUES (?, ?)`, digest, why)
	return err
}

// Waived reads why bytes may pass.
func (d *DB) Waived(ctx context.Context, digest string) (string, bool, error) {
	return found(row(ctx, d, func(s scanner) (why string, err error) { return why, s.Scan(&why) }, `SELECT why FROM waived WHERE digest = ?`, digest))
}
