package gateway

import (
	"context"
	"time"
)

// Memo is what a gate remembers about resources beyond its own life: which experiment a run belongs to, who made a frame. Keys are a route
// table's own; values are short.
type Memo interface {
	// Memo gives what was kept, and whether there was something.
	Memo(ctx context.Context, server, key string) (value string, ok bool, err error)
	// KeepMemo keeps a value, in the place of an older one.
	KeepMemo(ctx context.Context, server, key, value string) error
	// DropMemo forgets a key; that there was none is no error.
	DropMemo(ctx context.Context, server, key string) error
}

// lasting is how long a kept value is believed without another look into the store.
const lasting = time.Hour

// Lasting gives what is kept under key, and asks fill once when nothing is: for what does not change while its key exists. An empty value
// is not kept.
func (x *Exchange) Lasting(key string, fill func() (string, error)) (string, error) {
	v, err := x.Upstream.cache.get("memo\x00"+key, lasting, func() (any, error) {
		if m := x.gate.config.Memo; m != nil {
			if v, ok, err := m.Memo(x.Ctx, x.Upstream.Name, key); err != nil || ok {
				return v, err
			}
		}
		v, err := fill()
		if err != nil || v == "" {
			return v, err
		}
		x.gate.keepLater(x.Upstream.Name, key, v)
		return v, nil
	})
	if err != nil {
		return "", err
	}
	if v == "" {
		x.Upstream.cache.forget("memo\x00" + key)
	}
	return v.(string), nil
}

// keepLater writes what could be asked for again: the request does not wait for the disk, and when the disk is slow it is not kept.
func (g *Gate) keepLater(server, key, value string) {
	if g.config.Memo == nil {
		return
	}
	select {
	case g.keeping <- struct{}{}:
		go func() {
			defer func() { <-g.keeping }()
			g.config.Memo.KeepMemo(context.Background(), server, key, value)
		}()
	default:
	}
}

// Kept gives what is kept under key; empty: nothing.
func (x *Exchange) Kept(key string) (string, error) {
	return x.Lasting(key, func() (string, error) { return "", nil })
}

// Keep keeps a value under key, in the place of an older one; an empty one drops it.
func (x *Exchange) Keep(key, value string) error {
	defer x.Upstream.cache.forget("memo\x00" + key)
	m := x.gate.config.Memo
	switch {
	case m == nil:
		return nil
	case value == "":
		return m.DropMemo(x.Ctx, x.Upstream.Name, key)
	}
	return m.KeepMemo(x.Ctx, x.Upstream.Name, key, value)
}
