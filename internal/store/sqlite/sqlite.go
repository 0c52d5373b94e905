// Package sqlite is the store in one SQLite file, in pure Go: what a single gate or server needs, without a database to run.
//
// Start with [Open].
package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"weir/internal/store"
)

// DB is an open store.
type DB struct {
	sql  *sql.DB
	path string
}

var _ store.Store = (*DB)(nil)

// connections bounds how many statements run at once. SQLite has one writer; readers go on beside it in WAL mode.
const connections = 4

// Open opens the store at path, makes it when it is not there (readable by its owner alone, mode 0600), and brings its schema up to date.
// A store that a newer weir has written is refused.
func Open(path string) (store.Store, error) {
	return open(context.Background(), path)
}

func open(ctx context.Context, path string) (*DB, error) {
	if strings.ContainsRune(path, 0) || path == "" || strings.HasPrefix(path, ":") {
		return nil, fmt.Errorf("store %q: this is not a file's name", path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("store %q: %w", path, err)
	}
	// SQLite would make the file with the umask's rights; its journals take over those of the file.
	f, err := os.OpenFile(abs, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	pragmas := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "trusted_schema(OFF)", "cache_size(-4096)",
	}}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(abs), RawQuery: pragmas.Encode()}
	pool, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, fmt.Errorf("store %q: %w", path, err)
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	d := &DB{sql: pool, path: path}
	if err := d.migrate(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("store %q: %w", path, err)
	}
	return d, nil
}

// Close ends the store.
func (d *DB) Close() error { return d.sql.Close() }

// attempts bounds how often a transaction is tried again when another process holds the file for longer than the busy time.
const attempts = 3

// tx runs f in a transaction that has the write lock from its start, so that what f reads is what it changes. f may run more than once.
func (d *DB) tx(ctx context.Context, f func(*sql.Tx) error) error {
	var err error
	for range attempts {
		if err = d.once(ctx, f); !busy(err) {
			return err
		}
	}
	return err
}

func (d *DB) once(ctx context.Context, f func(*sql.Tx) error) error {
	t, err := d.sql.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer t.Rollback() // does nothing after a commit
	if err := f(t); err != nil {
		return err
	}
	return t.Commit()
}

func busy(err error) bool {
	var e *driver.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_BUSY || e.Code()&0xff == sqlite3.SQLITE_LOCKED)
}

// conflict reports whether a statement broke a UNIQUE or PRIMARY KEY constraint; orphan whether it named a parent that is not there.
func conflict(err error) bool {
	var e *driver.Error
	return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

func orphan(err error) bool {
	var e *driver.Error
	return errors.As(err, &e) && e.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
}

// exec runs one statement and gives the number of rows that it changed.
func (d *DB) exec(ctx context.Context, query string, args ...any) (int64, error) {
	var n int64
	err := d.tx(ctx, func(t *sql.Tx) error {
		res, err := t.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}

// scanner is a row: *sql.Row and *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// rows reads all rows of a query.
func rows[T any](ctx context.Context, d *DB, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	r, err := d.sql.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out []T
	for r.Next() {
		v, err := scan(r)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, r.Err()
}

// row reads one row; store.ErrNotFound when there is none.
func row[T any](ctx context.Context, d *DB, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	v, err := scan(d.sql.QueryRowContext(ctx, query, args...))
	if errors.Is(err, sql.ErrNoRows) {
		err = store.ErrNotFound
	}
	return v, err
}

// millis is how times are stored: milliseconds since 1970, 0 for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// text is how lists and maps are stored.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null" // lists and maps of strings cannot fail
	}
	return string(b)
}

func parse(s string, v any) error {
	if s == "" || s == "null" {
		return nil
	}
	return json.Unmarshal([]byte(s), v)
}
