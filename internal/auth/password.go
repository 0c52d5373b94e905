package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/crypto/argon2"
)

// The cost of argon2id as the OWASP Password Storage Cheat Sheet has it (m = 19 MiB, t = 2, p = 1): the gate promises to stay within 128 MiB.
const (
	argonMemory = 19 << 10 // KiB
	argonTime   = 2
	argonLanes  = 1
	argonSalt   = 16
	argonKey    = 32
	hashers     = 2
)

const argonPrefix = "$argon2id$"

// Bounds of a password in bytes. The longest bounds what a stranger can make the gate hash.
const (
	ShortestPassword = 12
	LongestPassword  = 1024
)

// errForm is a stored hash that cannot be read.
var errForm = errors.New("stored password has no form that is known")

// hashPassword gives the argon2id hash of a password in PHC form.
func hashPassword(password string) (string, error) {
	salt := make([]byte, argonSalt)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	sum := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, argonKey)
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes, b.EncodeToString(salt), b.EncodeToString(sum)), nil
}

// matches compares a password with a stored hash, in constant time where it matters.
func matches(stored, password string) (bool, error) {
	if strings.HasPrefix(stored, argonPrefix) {
		return matchesArgon(stored, password)
	}
	return matchesForeign(stored, password)
}

func matchesArgon(stored, password string) (bool, error) {
	h, err := parseArgon(stored)
	if err != nil {
		return false, err
	}
	got := argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.lanes, uint32(len(h.sum)))
	return subtle.ConstantTimeCompare(got, h.sum) == 1, nil
}

// argonHash is a hash in PHC form: $argon2id$v=19$m=…,t=…,p=…$salt$sum.
type argonHash struct {
	memory, time uint32
	lanes        uint8
	salt, sum    []byte
}

// parseArgon bounds the cost: what somebody has written into the store must not stop the gate.
func parseArgon(stored string) (h argonHash, err error) {
	parts := strings.Split(stored, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return h, errForm
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.lanes); err != nil ||
		h.memory == 0 || h.memory > 1<<18 || h.time == 0 || h.time > 16 || h.lanes == 0 || parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", h.memory, h.time, h.lanes) {
		return h, errForm
	}
	b := base64.RawStdEncoding.Strict()
	if h.salt, err = b.DecodeString(parts[4]); err != nil || len(h.salt) < 8 || len(h.salt) > 64 {
		return h, errForm
	}
	if h.sum, err = b.DecodeString(parts[5]); err != nil || len(h.sum) < 16 || len(h.sum) > 64 {
		return h, errForm
	}
	return h, nil
}

// decoy is verified in the place of an account that does not exist, so that its answer takes as long as that of one that does.
var decoy = sync.OnceValue(func() string {
	h, err := hashPassword("nobody has this password: it is random-free on purpose and opens nothing")
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return h
})

// hash runs f when one of the few places for hashing is free: passwords are what strangers can make the gate work and use memory for.
func (a *Auth) hash(ctx context.Context, f func()) error {
	select {
	case a.hashing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-a.hashing }()
	f()
	return nil
}

// comparison is one password on its way to be hashed: many requests at once that show the same one from the same address are one.
type comparison struct {
	digest [sha256.Size]byte
	addr   netip.Addr
}

// compared is what came of it; done is closed when it has.
type compared struct {
	done  chan struct{}
	right bool
	err   error
}

// comparisons are those under way.
type comparisons struct {
	mu    sync.Mutex
	under map[comparison]*compared
}

// compare hashes a password and says whether it is right. An address that is wrong all the time gets 429 and no hash, which costs the gate more than
// the stranger; its try is counted before the work and given back when it was right, so that many at once gain nothing. What was proven before
// needs no hashing, and neither do tokens: neighbours behind the same address go on.
func (a *Auth) compare(ctx context.Context, stored, password string, k comparison) (bool, error) {
	a.under.mu.Lock()
	c := a.under.under[k]
	first := c == nil
	if first {
		c = &compared{done: make(chan struct{})}
		if a.under.under == nil {
			a.under.under = map[comparison]*compared{}
		}
		a.under.under[k] = c
	}
	a.under.mu.Unlock()
	if !first {
		select {
		case <-c.done:
			return c.right, c.err
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	defer func() {
		a.under.mu.Lock()
		delete(a.under.under, k)
		a.under.mu.Unlock()
		close(c.done)
	}()
	try := bucketKey{kind: 'w', addr: k.addr}
	if wait := a.guard.take(try, a.guard.limits().Wrong); wait > 0 {
		c.err = &Denied{Status: 429, Why: Limited, Reason: "too many wrong passwords from this address", RetryAfter: wait}
		return false, c.err
	}
	var err error
	// Others wait for this one: it does not end with the request that began it.
	c.err = a.hash(context.WithoutCancel(ctx), func() { c.right, err = matches(stored, password) })
	if c.err == nil {
		c.err = err
	}
	if c.right && c.err == nil {
		a.guard.giveBack(try, a.guard.limits().Wrong)
	}
	return c.right, c.err
}

// proven remembers, by account, a keyed digest of the password that was right and of the hash that it was right for: the next request
// costs a microsecond instead of 20 ms, and a changed password makes it useless by itself.
type proven struct {
	mu  sync.RWMutex
	has map[string][sha256.Size]byte
}

// digest is keyed by a secret that lives as long as the process: what lies in memory cannot be searched for passwords later.
func (a *Auth) digest(stored, password string) (d [sha256.Size]byte) {
	h := hmac.New(sha256.New, a.key[:])
	h.Write([]byte(stored))
	h.Write([]byte{0})
	h.Write([]byte(password))
	h.Sum(d[:0])
	return d
}

func (p *proven) holds(name string, d [sha256.Size]byte) bool {
	p.mu.RLock()
	have, ok := p.has[name]
	p.mu.RUnlock()
	return subtle.ConstantTimeCompare(have[:], d[:]) == 1 && ok
}

func (p *proven) keep(name string, d [sha256.Size]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.has == nil || len(p.has) >= remembered {
		p.has = map[string][sha256.Size]byte{}
	}
	p.has[name] = d
}

func basic(name, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(name + ":" + password))
}
