package pyname

import "sync"

// memo remembers what names led to: a folder of models names the same few hundred objects over and over. It is emptied when it is full, so
// that names made up by a file cannot make it grow.
type memo struct {
	mu   sync.RWMutex
	seen map[spelling]Object
}

// spelling is how a stream names an object. Only whether the protocol is below 3 matters; a path has no module marked off.
type spelling struct {
	module, name string
	old, path    bool
}

// Bounds of a memo: entries, and bytes of a name that is worth remembering.
const (
	memoEntries = 4096
	memoName    = 200
)

func (m *memo) get(s spelling, resolve func() Object) Object {
	if m == nil || len(s.module)+len(s.name) > memoName {
		return resolve()
	}
	m.mu.RLock()
	o, ok := m.seen[s]
	m.mu.RUnlock()
	if ok {
		return o
	}
	o = resolve()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen == nil || len(m.seen) >= memoEntries {
		m.seen = make(map[spelling]Object, 256)
	}
	m.seen[s] = o
	return o
}
