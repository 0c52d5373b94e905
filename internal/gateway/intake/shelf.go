package intake

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"weir/internal/gateway/wire"
)

// shelf keeps what is being taken out of a server, or was a moment ago: those who ask for the same thing at the same time share one transfer
// and one scan, whoever is sent away with "try again later" finds it done, and ranges of one file come from one copy that was judged.
type shelf struct {
	mu    sync.Mutex
	items map[string]*shelved
}

type shelved struct {
	done  chan struct{}
	item  *Item
	err   error
	users int
	stay  bool // keep it for a while
	gone  bool // no longer on the shelf: the last user discards it
	timer *time.Timer
}

// Bounds of the shelf.
const (
	shelfTime = time.Minute
	fillTime  = 2 * time.Hour // what takes longer is given up
)

// Share gives the item of a key, made by one call of fill however many ask. fill goes on when those who wait have gone; its context ends after two
// hours. An error that wraps context.DeadlineExceeded says that ctx ended first: answer [Later]. The caller calls release when it is done with
// the item, and says with stay whether others will soon ask for it again.
func (n *Intake) Share(ctx context.Context, key string, fill func(context.Context) (*Item, error)) (it *Item, release func(stay bool), err error) {
	s := &n.shelf
	s.mu.Lock()
	if s.items == nil {
		s.items = map[string]*shelved{}
	}
	e := s.items[key]
	if e == nil {
		e = &shelved{done: make(chan struct{})}
		s.items[key] = e
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), fillTime)
		go func() {
			defer cancel()
			item, err := contained(own, fill)
			s.mu.Lock()
			e.item, e.err = item, err
			if err != nil {
				s.remove(key, e)
			} else if e.users == 0 {
				s.idle(key, e) // everybody was sent away and will come again
			}
			s.mu.Unlock()
			close(e.done)
		}()
	}
	e.users++
	if e.timer != nil {
		e.timer.Stop()
	}
	s.mu.Unlock()
	release = func(stay bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		e.stay = e.stay || stay
		if e.users--; e.users > 0 {
			return
		}
		select {
		case <-e.done:
			s.idle(key, e)
		default:
		}
	}
	select {
	case <-e.done:
		if e.err != nil {
			return nil, func(bool) {}, e.err
		}
		return e.item, release, nil
	case <-ctx.Done():
		release(true)
		return nil, func(bool) {}, ctx.Err()
	}
}

// idle is called with the lock when nobody uses an entry.
func (s *shelf) idle(key string, e *shelved) {
	if e.item == nil {
		return
	}
	if e.gone || !e.stay {
		s.remove(key, e)
		e.item.Discard()
		return
	}
	e.timer = time.AfterFunc(shelfTime, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if e.users == 0 {
			s.remove(key, e)
			e.item.Discard()
		}
	})
}

func (s *shelf) remove(key string, e *shelved) {
	e.gone = true
	if s.items[key] == e {
		delete(s.items, key)
	}
}

// Unshelve forgets what is kept of a key: what lies there has changed. Those who read it now come to their end.
func (n *Intake) Unshelve(key string) {
	s := &n.shelf
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.items[key]
	if e == nil {
		return
	}
	s.remove(key, e)
	if e.users == 0 && e.item != nil {
		if e.timer != nil {
			e.timer.Stop()
		}
		e.item.Discard()
	}
}

// Later is the answer to a client for which a verdict takes too long.
func Later() error {
	return &wire.Refusal{
		Status: http.StatusServiceUnavailable, Code: "TEMPORARILY_UNAVAILABLE", Rule: "intake/pending", Reason: "weir is still scanning this: try again in half a minute",
		Header: http.Header{"Retry-After": {"30"}},
	}
}

// IsLater reports whether an error of [Intake.Share] says that the caller's time was over, not that anything went wrong.
func IsLater(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

// tickets are capabilities that a client was given to come back with, without an account's credential.
type tickets struct {
	mu  sync.Mutex
	all map[string]ticket
}

type ticket struct {
	until time.Time
	data  any
}

const maxTickets = 100_000

// Ticket keeps data for a client and gives the secret under which [Intake.Redeem] finds it until ttl is over.
func (n *Intake) Ticket(data any, ttl time.Duration) (string, error) {
	t := &n.tickets
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.all == nil {
		t.all = map[string]ticket{}
	}
	if len(t.all) >= maxTickets {
		for k, v := range t.all {
			if now.After(v.until) {
				delete(t.all, k)
			}
		}
	}
	if len(t.all) >= maxTickets {
		return "", &wire.Refusal{Status: http.StatusServiceUnavailable, Code: "TEMPORARILY_UNAVAILABLE", Rule: RuleRoom, Reason: "too many transfers are announced: try again later"}
	}
	id := random()
	t.all[id] = ticket{now.Add(ttl), data}
	return id, nil
}

// Redeem gives what was kept under a secret; it can be redeemed again until its time is over.
func (n *Intake) Redeem(id string) (any, bool) {
	t := &n.tickets
	t.mu.Lock()
	defer t.mu.Unlock()
	v, ok := t.all[id]
	if ok && time.Now().After(v.until) {
		delete(t.all, id)
		ok = false
	}
	return v.data, ok
}
