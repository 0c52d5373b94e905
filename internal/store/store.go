// Package store remembers what gateway and server share: principals, verdicts by digest, quarantine, quotas; small drivers below it speak to
// databases, and one conformance suite holds them to the same behaviour.
//
// Start with [Store]. How to add a kind of thing to remember (this is the recipe for every room that wants tables of its own):
//
//  1. Say what you need as a small interface, in a file of this package named after the thing (verdict.go: type Verdicts interface …) with its
//     record types, or in your own room when only you use it (auth.Storage is that). Embed it in Store.
//
//  2. In internal/store/sqlite add one file of the same name. It holds the schema as a list of statements and the methods on *DB:
//
//     var verdictSchema = []string{`CREATE TABLE verdict (digest TEXT PRIMARY KEY, …) STRICT`}
//
//     and one line in the list of series in migrate.go: {"verdict", verdictSchema}. Each entry of the list is one version and runs once, in a
//     transaction; never edit an entry that was released, append another. Each series counts for itself, so rooms do not collide.
//
//  3. Write the methods with the helpers of sqlite.go: d.exec(ctx, query, args…) (rows affected), d.tx(ctx, func(*sql.Tx) error) (immediate,
//     retried while another process writes), rows(ctx, d, scan, query, args…) and row(ctx, d, scan, query, args…) (ErrNotFound when there is
//     none). Times are stored by millis and read by moment; lists and maps by text and parse (JSON).
//
//  4. Add its cases to internal/store/storetest, which every driver runs.
package store

import (
	"weir/internal/auth"
)

// The errors that a Store answers with; they are the same values as auth's.
var (
	ErrNotFound = auth.ErrNotFound
	ErrExists   = auth.ErrExists
)

// Store is everything that is remembered. It is safe for concurrent use, also by several processes on one machine.
type Store interface {
	auth.Storage
	Memos
	Verdicts
	// Close ends it; what was written before is kept.
	Close() error
}
