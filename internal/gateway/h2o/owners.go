package h2o

import (
	"context"
	"strings"
	"sync"
)

// Made says who made a key and what it is.
type Made struct {
	Type string // frame, model, grid, leaderboard, job or session
	Who  string // the principal's name
	// Shares says that a frame's columns may be those of frames of others: H2O copies on write, but not for the functions that change in
	// place and not when a frame is deleted by its key.
	Shares bool
}

// Owners remembers who made what behind one gate. H2O itself knows no users. A server's keys die with its process, the memory need not: before a
// remembered owner stands in the way of a new key of that name, the gate asks the server whether the old one still exists.
type Owners interface {
	Made(ctx context.Context, server, key string) (m Made, found bool, err error)
	// SetMade replaces what was known; the zero Made forgets it.
	SetMade(ctx context.Context, server, key string, m Made) error
}

// ownersInMemory bounds what the memory of one process holds: about 200 bytes a key.
const ownersInMemory = 1 << 20

// Memory gives Owners that last as long as the process. When it is full an arbitrary key loses its owner: only those who may use everybody's
// keys can use it from then on.
func Memory() Owners { return &memory{made: map[[2]string]Made{}} }

type memory struct {
	mu   sync.RWMutex
	made map[[2]string]Made
}

func (m *memory) Made(_ context.Context, server, key string) (Made, bool, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	v, ok := m.made[[2]string{server, key}]
	return v, ok, nil
}

func (m *memory) SetMade(_ context.Context, server, key string, v Made) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v == (Made{}) {
		delete(m.made, [2]string{server, key})
		return nil
	}
	for k := range m.made {
		if len(m.made) < ownersInMemory {
			break
		}
		delete(m.made, k)
	}
	m.made[[2]string{server, key}] = v
	return nil
}

// origins gives the keys whose owner a key without a record has, the likeliest first: names that the server or its clients make from another.
// They are spelled out, since a loose rule would give whoever names a key "a" all keys that begin with it.
func origins(key string) []string {
	var from []string
	if i := strings.LastIndex(key, "_sid_"); i >= 0 { // py_3_sid_8bd3, RTMP_sid_afec_27
		from = append(from, key[i:i+5+hexLength(key[i+5:])])
	}
	if i := strings.LastIndexByte(key, '~'); i >= 0 { // x~_sid_8bd3
		from = append(from, key[i+1:])
	}
	for _, mark := range []string{"_cv_", "_model_"} { // GBM_1_cv_2 of a model, Grid_1_model_3 of a grid
		if i := strings.LastIndex(key, mark); i > 0 && digits(key[i+len(mark):]) {
			from = append(from, key[:i])
		}
	}
	for _, end := range []string{"permutationVarImp", "_cv_valid", "_cv_train"} {
		if base, ok := strings.CutSuffix(key, end); ok && base != "" {
			from = append(from, base)
		}
	}
	return from
}

func hexLength(s string) int {
	n := 0
	for n < len(s) && n < 8 && strings.IndexByte("0123456789abcdef", s[n]) >= 0 {
		n++
	}
	return n
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
