package intake

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// later writes verdicts and places to the store in groups, so that an upload does not wait for the disk. What a killed process did not write
// is only found out again: the next download is held and scanned.
type later struct {
	store Store
	mu    sync.Mutex
	keys  map[Key]Report
	at    map[[2]string]Place
	// those that are being written: they are looked up, too
	oldKeys map[Key]Report
	oldAt   map[[2]string]Place
	wake    chan struct{}
	stop    chan struct{}
	stopped chan struct{}
	failed  error // of the last attempt to write
}

// Bounds of what waits: how long, and how much still waits on after it could not be written. What is dropped is only found out again.
const (
	laterTime = 100 * time.Millisecond
	laterMost = 10_000
)

func newLater(s Store) *later {
	l := &later{store: s, keys: map[Key]Report{}, at: map[[2]string]Place{}, wake: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{})}
	go l.run()
	return l
}

func (l *later) run() {
	defer close(l.stopped)
	for {
		select {
		case <-l.wake:
		case <-l.stop:
			l.write()
			return
		}
		select {
		case <-time.After(laterTime):
		case <-l.stop:
		}
		l.write()
	}
}

// write writes what waits. What could not be written waits on, as far as there is room for it.
func (l *later) write() {
	l.mu.Lock()
	keys, at := l.keys, l.at
	if len(keys) == 0 && len(at) == 0 {
		l.mu.Unlock()
		return
	}
	l.oldKeys, l.oldAt = keys, at
	l.keys, l.at = map[Key]Report{}, map[[2]string]Place{}
	l.mu.Unlock()
	places := make([]Place, 0, len(at))
	for _, p := range at {
		places = append(places, p)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err := l.store.Remember(ctx, keys, places)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.oldKeys, l.oldAt, l.failed = nil, nil, err
	if err == nil || len(l.keys)+len(l.at) > laterMost {
		return
	}
	for k, r := range keys {
		if _, newer := l.keys[k]; !newer {
			l.keys[k] = r
		}
	}
	for k, p := range at {
		if _, newer := l.at[k]; !newer {
			l.at[k] = p
		}
	}
}

func (l *later) ring() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *later) verdict(k Key, r Report) {
	l.mu.Lock()
	l.keys[k] = r
	l.mu.Unlock()
	l.ring()
}

func (l *later) place(p Place) {
	if p.Time.IsZero() {
		p.Time = time.Now().UTC()
	}
	l.mu.Lock()
	l.at[[2]string{p.Server, p.Path}] = p
	l.mu.Unlock()
	l.ring()
}

// verdicts gives those of a digest that are not written yet.
func (l *later) verdicts(digest, rules string) []Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []Report
	for _, m := range []map[Key]Report{l.keys, l.oldKeys} {
		for k, r := range m {
			if k.Digest == digest && k.Rules == rules {
				all = append(all, r)
			}
		}
	}
	return all
}

func (l *later) placed(server, path string) (Place, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, ok := l.at[[2]string{server, path}]
	if !ok {
		p, ok = l.oldAt[[2]string{server, path}]
	}
	return p, ok
}

// forget drops what waits for a path and all below it, once what is being written is written.
func (l *later) forget(server, path string) {
	for {
		l.mu.Lock()
		if l.oldAt == nil {
			break
		}
		l.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	defer l.mu.Unlock()
	for k := range l.at {
		if k[0] == server && (k[1] == path || strings.HasPrefix(k[1], path+"/")) {
			delete(l.at, k)
		}
	}
}

func (l *later) close() error {
	select {
	case <-l.stop:
		return nil
	default:
	}
	close(l.stop)
	<-l.stopped
	if l.failed != nil {
		return errors.Join(errors.New("verdicts could not be written"), l.failed)
	}
	return nil
}
