package h2o

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// Made says who made a key and what it is.
type Made struct {
	Type string `json:"t"` // frame, model, grid, leaderboard, job, session or upload
	Who  string `json:"w"` // the principal's name
	// Shares says that a frame's columns may be those of frames of others: H2O copies on write, but not for the functions that change in
	// place and not when a frame is deleted by its key.
	Shares bool   `json:"s,omitempty"`
	Digest string `json:"d,omitempty"` // of an upload: "sha256:<hex>" of the bytes that were scanned
	Holds  string `json:"h,omitempty"` // of an upload that is a binary model: the model's name in it
	Used   bool   `json:"u,omitempty"` // of an upload: a generic model was made of it, and the server goes on reading these bytes under this key
	Before bool   `json:"b,omitempty"` // of a job: what it names as its result was there before it
}

// upload is the type of a key that bytes were posted to and that nothing was made of yet.
const upload = "upload"

// most bounds what is held in memory beside the gate's store: about 200 bytes a key.
const most = 1 << 18

// owners remembers who made what: in memory, and through the gate's store beyond its life. H2O itself knows no users. A server's keys die with its
// process, the memory does not: before a remembered owner stands in the way of a new key, the server is asked whether the old one still exists.
type owners struct {
	mu      sync.RWMutex
	made    map[[2]string]Made
	claimed map[[2]string]bool
}

func newOwners() *owners {
	return &owners{made: map[[2]string]Made{}, claimed: map[[2]string]bool{}}
}

// claim takes a key for one request that puts bytes there or makes a model of them, so that what is used is what was scanned. Another one at the
// same time is refused with 409.
func (o *owners) claim(x *gateway.Exchange, key string) (release func(), err error) {
	k := [2]string{x.Upstream.Name, key}
	if key == "" { // the server chooses a name
		return func() {}, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.claimed[k] {
		return nil, wire.Refuse(http.StatusConflict, "RESOURCE_CONFLICT", "busy", fmt.Sprintf("another request is working on %q: try again", key))
	}
	o.claimed[k] = true
	return func() {
		o.mu.Lock()
		delete(o.claimed, k)
		o.mu.Unlock()
	}, nil
}

// forget drops a record when its key is deleted. That of bytes that a model was made of stays: see [Made.Used].
func (o *owners) forget(x *gateway.Exchange, key string) error {
	m, _, err := o.get(x, key)
	if err != nil || m.Used {
		return err
	}
	return o.set(x, key, Made{})
}

// get gives what is remembered of a key itself.
func (o *owners) get(x *gateway.Exchange, key string) (Made, bool, error) {
	o.mu.RLock()
	m, ok := o.made[[2]string{x.Upstream.Name, key}]
	o.mu.RUnlock()
	if ok || key == "" {
		return m, m != Made{}, nil
	}
	text, err := x.Kept(memoKey(key))
	if err != nil {
		return m, false, err
	}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			return m, false, fmt.Errorf("what was remembered of %q: %w", key, err)
		}
	}
	o.keep(x, key, m)
	return m, m != Made{}, nil
}

// set replaces what is remembered; the zero Made forgets it.
func (o *owners) set(x *gateway.Exchange, key string, m Made) error {
	if key == "" {
		return nil
	}
	text := ""
	if m != (Made{}) {
		b, err := json.Marshal(m)
		if err != nil {
			return err
		}
		text = string(b)
	}
	o.keep(x, key, m)
	return x.Keep(memoKey(key), text)
}

func memoKey(key string) string { return "h2o/made/" + key }

// keep holds a record in memory, also that there is none. When the memory is full an arbitrary one goes, and is read from the store again.
func (o *owners) keep(x *gateway.Exchange, key string, m Made) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for k := range o.made {
		if len(o.made) < most {
			break
		}
		delete(o.made, k)
	}
	o.made[[2]string{x.Upstream.Name, key}] = m
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
