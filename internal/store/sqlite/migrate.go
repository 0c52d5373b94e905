package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// series is the schema of one room: its versions in order, each one text of statements.
type series struct {
	name     string
	versions []string
}

// all lists every room's schema. A line here and a file beside it is all that a new one needs.
func all() []series {
	return []series{
		{"auth", authSchema},
		{"memo", memoSchema},
		{"verdict", verdictSchema},
	}
}

// migrate brings every series to its last version, each version in the transaction that also notes it.
func (d *DB) migrate(ctx context.Context) error {
	if _, err := d.exec(ctx, `CREATE TABLE IF NOT EXISTS schema_version (series TEXT PRIMARY KEY, version INTEGER NOT NULL, at INTEGER NOT NULL) STRICT`); err != nil {
		return fmt.Errorf("this is not a store of weir: %w", err)
	}
	for _, s := range all() {
		if err := d.tx(ctx, func(t *sql.Tx) error { return s.apply(ctx, t) }); err != nil {
			return fmt.Errorf("schema of %s: %w", s.name, err)
		}
	}
	return nil
}

func (s series) apply(ctx context.Context, t *sql.Tx) error {
	have := 0
	err := t.QueryRowContext(ctx, `SELECT version FROM schema_version WHERE series = ?`, s.name).Scan(&have)
	if err != nil && err != sql.ErrNoRows {
		return err
	}
	if have > len(s.versions) {
		return fmt.Errorf("version %d was written by a newer weir, this one knows %d: use the newer one", have, len(s.versions))
	}
	for i := have; i < len(s.versions); i++ {
		if _, err := t.ExecContext(ctx, s.versions[i]); err != nil {
			return fmt.Errorf("version %d: %w", i+1, err)
		}
	}
	_, err = t.ExecContext(ctx, `INSERT INTO schema_version (series, version, at) VALUES (?, ?, ?)
		ON CONFLICT (series) DO UPDATE SET version = excluded.version, at = excluded.at WHERE version <> excluded.version`,
		s.name, len(s.versions), time.Now().UnixMilli())
	return err
}
