package store

import "context"

// Memos keep what a gate knows of resources beyond its own life: which experiment a run belongs to, who made a frame. Keys are up to the
// route table that uses them; values are short.
type Memos interface {
	// Memo gives what was kept of a server under key, and whether there was something.
	Memo(ctx context.Context, server, key string) (value string, ok bool, err error)
	// KeepMemo keeps a value, in the place of an older one.
	KeepMemo(ctx context.Context, server, key, value string) error
	// DropMemo forgets a key; that there was none is no error.
	DropMemo(ctx context.Context, server, key string) error
}
