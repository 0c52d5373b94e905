package intake

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir"
	"weir/internal/gateway/wire"
)

// Upload is a transfer that arrives in parts, in any order and over any number of connections. It outlives the process: whoever uploads can go
// on after a restart with the parts that are missing.
type Upload struct {
	ID    string
	Meta  Meta
	Parts int       // how many are to come, numbered from 1
	About []byte    // what the flow wants to know when it ends
	Began time.Time // UTC

	n    *Intake
	mu   sync.Mutex
	done bool // it was finished or given up
}

// Bounds of uploads in parts. S3 has 10,000 parts at most; whoever leaves an upload alone for a day has forgotten it.
const (
	MaxParts   = 10_000
	maxUploads = 10_000
	uploadAge  = 24 * time.Hour

	maxOwnUploads = 2_000 // of one account
)

// ErrNoUpload says that there is no such upload: it was finished, given up, or forgotten.
var ErrNoUpload error = &wire.Refusal{Status: http.StatusNotFound, Code: "RESOURCE_DOES_NOT_EXIST", Rule: "intake/upload", Reason: "there is no such upload: it was completed, aborted, or left alone for too long"}

// Begin opens an upload of so many parts.
func (n *Intake) Begin(m Meta, parts int, about []byte) (*Upload, error) {
	if parts < 1 || parts > MaxParts {
		return nil, wire.Refuse(http.StatusBadRequest, "INVALID_PARAMETER_VALUE", "intake/parts", fmt.Sprintf("an upload has 1 to %d parts, not %d", MaxParts, parts))
	}
	n.sweep(time.Now())
	u := &Upload{ID: random(), Meta: m, Parts: parts, About: about, Began: time.Now().UTC(), n: n}
	if n.crowded(m.Who) {
		return nil, &wire.Refusal{Status: http.StatusServiceUnavailable, Code: "TEMPORARILY_UNAVAILABLE", Rule: RuleRoom, Reason: "too many unfinished uploads: try again later"}
	}
	text, err := json.Marshal(u)
	if err == nil {
		err = os.Mkdir(u.dir(), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(u.dir(), "upload.json"), text, 0o600)
	}
	if err != nil {
		os.RemoveAll(u.dir())
		return nil, n.trouble(err)
	}
	n.mu.Lock()
	n.parts[u.ID] = u
	n.mu.Unlock()
	return u, nil
}

// crowded says that there are as many unfinished uploads as there may be, of all or of one account: nobody takes the room of everybody.
func (n *Intake) crowded(who string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	own := 0
	for _, u := range n.parts {
		if u.Meta.Who == who {
			own++
		}
	}
	return len(n.parts) >= maxUploads || own >= maxOwnUploads
}

func (u *Upload) dir() string { return filepath.Join(u.n.cfg.Dir, "uploads", u.ID) }

// Upload finds an upload; the error is ErrNoUpload when there is none.
func (n *Intake) Upload(id string) (*Upload, error) {
	n.mu.Lock()
	u := n.parts[id]
	n.mu.Unlock()
	if u == nil {
		return nil, ErrNoUpload
	}
	return u, nil
}

// sweep forgets at most once in a minute: it looks at every unfinished upload.
func (n *Intake) sweep(now time.Time) {
	n.mu.Lock()
	due := now.Sub(n.swept) >= time.Minute
	if due {
		n.swept = now
	}
	n.mu.Unlock()
	if due {
		n.forget(now)
	}
}

// forget gives up uploads that were left alone.
func (n *Intake) forget(now time.Time) {
	n.mu.Lock()
	all := slices.Collect(maps.Values(n.parts))
	n.mu.Unlock()
	for _, u := range all { // the disk is asked without the lock, which every transfer needs
		if info, err := os.Stat(u.dir()); err != nil || now.Sub(info.ModTime()) > uploadAge {
			u.Abort()
		}
	}
}

// Put takes one part in and gives its tag, which stands for its content. A part that is sent again replaces the former one.
func (u *Upload) Put(ctx context.Context, number int, r io.Reader, length int64) (tag string, err error) {
	if number < 1 || number > u.Parts {
		return "", wire.Refuse(http.StatusBadRequest, "INVALID_PARAMETER_VALUE", "intake/parts", fmt.Sprintf("part %d of an upload of %d parts", number, u.Parts))
	}
	it, err := u.n.Spool(ctx, r, Meta{Server: u.Meta.Server, Length: length, Max: u.Meta.Max})
	if err != nil {
		return "", err
	}
	defer it.Discard()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.done {
		return "", ErrNoUpload
	}
	tag = strings.TrimPrefix(it.Digest, "sha256:")[:32]
	u.drop(number)
	if err := os.Rename(it.file, filepath.Join(u.dir(), partName(number, tag))); err != nil {
		return "", u.n.trouble(err)
	}
	it.taken = 0 // the upload's from now on
	return tag, nil
}

var partFile = weir.Pattern(`^(\d{5})-([0-9a-f]{32})$`)

func partName(number int, tag string) string { return fmt.Sprintf("%05d-%s", number, tag) }

// drop removes a part that was there before.
func (u *Upload) drop(number int) {
	for _, p := range u.list() {
		if p.number == number {
			os.Remove(p.file)
			u.n.give(p.size)
		}
	}
}

type part struct {
	number int
	tag    string
	file   string
	size   int64
}

// list gives the parts that are there, in order.
func (u *Upload) list() []part {
	entries, err := os.ReadDir(u.dir())
	if err != nil {
		return nil
	}
	var all []part
	for _, e := range entries {
		m := partFile().FindStringSubmatch(e.Name())
		if m == nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue
		}
		n, _ := strconv.Atoi(m[1])
		all = append(all, part{n, m[2], filepath.Join(u.dir(), e.Name()), info.Size()})
	}
	return all
}

// Join puts the parts together to an item that was not judged yet. tags gives each part's tag in order, as the client was told them; nil takes
// those that are there. The upload stays until Abort, so that whatever goes wrong after this can be tried again.
func (u *Upload) Join(ctx context.Context, tags []string) (*Item, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.done {
		return nil, ErrNoUpload
	}
	parts := u.list()
	if len(parts) != u.Parts {
		return nil, wire.Refuse(http.StatusBadRequest, "INVALID_PARAMETER_VALUE", "intake/parts", fmt.Sprintf("%d of %d parts have arrived", len(parts), u.Parts))
	}
	m := u.Meta
	m.Length = 0
	for i, p := range parts {
		if tags != nil && (i >= len(tags) || tags[i] != p.tag) {
			return nil, wire.Refuse(http.StatusBadRequest, "INVALID_PARAMETER_VALUE", "intake/parts", fmt.Sprintf("part %d is not the one that arrived: its tag differs", p.number))
		}
		m.Length += p.size
	}
	r := &chain{parts: parts}
	defer r.close()
	return u.n.Spool(ctx, r, m)
}

// Abort gives the upload up and frees its room.
func (u *Upload) Abort() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.done {
		return
	}
	u.done = true
	for _, p := range u.list() {
		u.n.give(p.size)
	}
	os.RemoveAll(u.dir())
	u.n.mu.Lock()
	delete(u.n.parts, u.ID)
	u.n.mu.Unlock()
}

// chain reads files one after the other.
type chain struct {
	parts []part
	f     *os.File
}

// Read implements io.Reader.
func (c *chain) Read(p []byte) (int, error) {
	for {
		if c.f == nil {
			if len(c.parts) == 0 {
				return 0, io.EOF
			}
			f, err := os.Open(c.parts[0].file)
			if err != nil {
				return 0, err
			}
			c.f, c.parts = f, c.parts[1:]
		}
		n, err := c.f.Read(p)
		if errors.Is(err, io.EOF) {
			c.close()
			err = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (c *chain) close() {
	if c.f != nil {
		c.f.Close()
		c.f = nil
	}
}

// recoverUploads finds the unfinished uploads of a former process.
func (n *Intake) recoverUploads() error {
	entries, err := os.ReadDir(filepath.Join(n.cfg.Dir, "uploads"))
	if err != nil {
		return fmt.Errorf("uploads: %w", err)
	}
	for _, e := range entries {
		u := &Upload{}
		dir := filepath.Join(n.cfg.Dir, "uploads", e.Name())
		text, err := os.ReadFile(filepath.Join(dir, "upload.json"))
		if err == nil {
			err = json.Unmarshal(text, u)
		}
		if _, hexErr := hex.DecodeString(e.Name()); err != nil || hexErr != nil || u.ID != e.Name() || u.Parts < 1 || u.Parts > MaxParts {
			if err != nil && !errors.Is(err, fs.ErrNotExist) && text == nil {
				return fmt.Errorf("uploads: %w", err)
			}
			if err := os.RemoveAll(dir); err != nil { // the process ended while it was made
				return fmt.Errorf("uploads: %w", err)
			}
			continue
		}
		u.n = n
		n.parts[u.ID] = u
		for _, p := range u.list() {
			n.spooled += p.size
		}
	}
	n.forget(time.Now())
	return nil
}
