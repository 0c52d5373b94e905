package gateway

import (
	"context"
	"errors"
	"sync"
	"time"
)

// cacheEntries bounds what one upstream's cache holds: about 200 bytes an entry.
const cacheEntries = 1 << 16

// cache remembers what the upstream said about resources: which experiment a run belongs to does not change, names and tags do, so each
// entry has a time to live and can be forgotten. When it is full an arbitrary entry goes.
type cache struct {
	mu      sync.Mutex
	max     int
	entries map[string]*entry
}

type entry struct {
	value any
	err   error
	until time.Time
	done  chan struct{} // closed when value and err are there
}

// errUnfilled is what those get who waited for a fill that panicked: nothing is known, which is an error and no empty value.
var errUnfilled = errors.New("what was asked for did not come")

func newCache(n int) *cache { return &cache{max: n, entries: map[string]*entry{}} }

// get gives the value of key, made by one caller of make while others wait for it. Errors are not kept.
func (c *cache) get(key string, ttl time.Duration, fill func() (any, error)) (any, error) {
	c.mu.Lock()
	if e := c.entries[key]; e != nil {
		select {
		case <-e.done:
			if time.Now().Before(e.until) { // monotonic: a jump of the clock neither empties nor freezes it
				c.mu.Unlock()
				return e.value, e.err
			}
		default:
			c.mu.Unlock()
			<-e.done
			if errors.Is(e.err, context.Canceled) {
				return c.get(key, ttl, fill) // whoever asked first has gone; that is not our end
			}
			return e.value, e.err
		}
	}
	for k := range c.entries {
		if len(c.entries) < c.max {
			break
		}
		delete(c.entries, k)
	}
	e := &entry{done: make(chan struct{}), err: errUnfilled}
	c.entries[key] = e
	c.mu.Unlock()

	defer func() {
		c.mu.Lock()
		if e.err != nil && c.entries[key] == e {
			delete(c.entries, key)
		}
		c.mu.Unlock()
		close(e.done)
	}()
	e.value, e.err = fill()
	e.until = time.Now().Add(ttl)
	return e.value, e.err
}

func (c *cache) forget(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, key)
}
