package sqlite

import (
	"context"
	"errors"

	"weir/internal/store"
)

var memoSchema = []string{`CREATE TABLE memo (server TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (server, key)) STRICT, WITHOUT ROWID`}

// Memo implements store.Memos.
func (d *DB) Memo(ctx context.Context, server, key string) (string, bool, error) {
	v, err := row(ctx, d, func(s scanner) (v string, err error) { return v, s.Scan(&v) }, `SELECT value FROM memo WHERE server = ? AND key = ?`, server, key)
	if errors.Is(err, store.ErrNotFound) {
		return "", false, nil
	}
	return v, err == nil, err
}

// KeepMemo implements store.Memos.
func (d *DB) KeepMemo(ctx context.Context, server, key, value string) error {
	_, err := d.exec(ctx, `INSERT INTO memo (server, key, value) VALUES (?, ?, ?) ON CONFLICT (server, key) DO UPDATE SET value = excluded.value`, server, key, value)
	return err
}

// DropMemo implements store.Memos.
func (d *DB) DropMemo(ctx context.Context, server, key string) error {
	_, err := d.exec(ctx, `DELETE FROM memo WHERE server = ? AND key = ?`, server, key)
	return err
}
