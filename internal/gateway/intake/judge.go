package intake

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"weir/internal/gateway/wire"
)

// Judge gives an item its report: what is remembered of these bytes under such a name, or a scan. Transfers of the same bytes at the same time
// share one scan. An error is a *wire.Refusal (503) and means that nothing is known.
func (n *Intake) Judge(ctx context.Context, it *Item) error {
	k := Key{Digest: it.Digest, Hint: n.cfg.Scanner.Hint(it.Name, it.head), Rules: n.cfg.Scanner.Rules}
	r, err := n.judge(ctx, k, func(ctx context.Context) (Report, error) {
		return n.cfg.Scanner.Scan(ctx, false, []Subject{{Name: k.Hint, File: it.file, Size: it.Size}})
	})
	if err != nil {
		return err
	}
	it.Report = r
	return nil
}

// judge gives the report for a key, from memory, from the store, or by a scan.
func (n *Intake) judge(ctx context.Context, k Key, scan func(context.Context) (Report, error)) (Report, error) {
	why, err := n.waived(ctx, k.Digest)
	if err != nil {
		return Report{}, broken("the gate's store does not answer", err)
	}
	r, known := n.known.get(k)
	if !known {
		r, err = n.join.do(ctx, k, func(ctx context.Context) (Report, error) { return n.fresh(ctx, k, scan) })
	}
	r.Waived = why
	return r, err
}

// fresh asks the store and scans what it does not know.
func (n *Intake) fresh(ctx context.Context, k Key, scan func(context.Context) (Report, error)) (Report, error) {
	if r, found, err := n.cfg.Store.Verdict(ctx, k); err != nil || found {
		if err != nil {
			return Report{}, broken("the gate's store does not answer", err)
		}
		n.known.put(k, r)
		return r, nil
	}
	r, err := scan(ctx)
	if err != nil {
		return Report{}, broken("the scanner could not work", err)
	}
	r.Findings, r.Problems = r.Findings[:min(len(r.Findings), MaxNotes)], r.Problems[:min(len(r.Problems), MaxNotes)]
	n.known.put(k, r)
	n.later.verdict(k, r)
	return r, nil
}

// brokenError keeps the cause for the gate's own log; the client hears the reason only.
type brokenError struct {
	wire.Refusal
	cause error
}

func (e *brokenError) Error() string { return e.Reason + ": " + e.cause.Error() }

// Unwrap gives the refusal for the client and the cause.
func (e *brokenError) Unwrap() []error { return []error{&e.Refusal, e.cause} }

func broken(reason string, cause error) error {
	return &brokenError{wire.Refusal{Status: http.StatusServiceUnavailable, Code: "TEMPORARILY_UNAVAILABLE", Rule: RuleScanner, Reason: reason + ": nothing passes unscanned"}, cause}
}

// joiner lets those who ask for the same thing at the same time share one answer.
type joiner struct {
	mu  sync.Mutex
	now map[Key]*joint
}

type joint struct {
	done    chan struct{}
	waiting int
	cancel  context.CancelFunc
	r       Report
	err     error
}

// do runs work once for all that ask meanwhile. The work ends early only when all of them have gone.
func (j *joiner) do(ctx context.Context, k Key, work func(context.Context) (Report, error)) (Report, error) {
	j.mu.Lock()
	if j.now == nil {
		j.now = map[Key]*joint{}
	}
	w := j.now[k]
	if w == nil {
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		w = &joint{done: make(chan struct{}), cancel: cancel}
		j.now[k] = w
		go func() {
			w.r, w.err = contained(own, work)
			j.mu.Lock()
			if j.now[k] == w {
				delete(j.now, k)
			}
			j.mu.Unlock()
			close(w.done)
			cancel()
		}()
	}
	w.waiting++
	j.mu.Unlock()
	select {
	case <-w.done:
		return w.r, w.err
	case <-ctx.Done():
	}
	j.mu.Lock()
	if w.waiting--; w.waiting == 0 {
		w.cancel()
		if j.now[k] == w {
			delete(j.now, k) // whoever comes next begins anew
		}
	}
	j.mu.Unlock()
	return Report{}, ctx.Err()
}

// contained makes an error of a panic: nobody above a goroutine of its own would, and the gate would end.
func contained[T any](ctx context.Context, work func(context.Context) (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = broken("the scanner failed", fmt.Errorf("panic: %v", p))
		}
	}()
	return work(ctx)
}

// memory keeps the reports of the last keys, so that small artifacts that are uploaded again and again cost no query.
type memory struct {
	mu       sync.Mutex
	now, old map[Key]Report // two generations: when the new one is full it becomes the old one
}

const generation = 2048

func (m *memory) get(k Key) (Report, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.now[k]
	if !ok {
		if r, ok = m.old[k]; ok {
			m.add(k, r)
		}
	}
	return r, ok
}

func (m *memory) put(k Key, r Report) {
	m.mu.Lock()
	m.add(k, r)
	m.mu.Unlock()
}

func (m *memory) add(k Key, r Report) {
	if m.now == nil || len(m.now) >= generation {
		m.old, m.now = m.now, make(map[Key]Report)
	}
	m.now[k] = r
}

// Part is one file of a folder.
type Part struct {
	Name   string // its path in the folder, with slashes
	Digest string
	Item   *Item // its bytes; nil where only the digest is known
}

// FolderDigest names a folder by the names and the digests of its files.
func FolderDigest(parts []Part) string {
	parts = slices.Clone(parts)
	slices.SortFunc(parts, func(a, b Part) int { return cmp.Compare(a.Name, b.Name) })
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s%s", len(p.Name), p.Name, p.Digest)
	}
	return "folder:sha256:" + hex.EncodeToString(h.Sum(nil))
}

// KnownFolder gives the report of a folder that was judged before with exactly these files.
func (n *Intake) KnownFolder(ctx context.Context, parts []Part) (r Report, found bool, err error) {
	return n.Verdict(ctx, FolderDigest(parts))
}

// Folder judges files that are one model together: what is dangerous only in several files at once, or only beside a model. A folder whose
// files are the same is not scanned again. Files that were released are taken for harmless.
func (n *Intake) Folder(ctx context.Context, parts []Part) (r Report, err error) {
	k := Key{Digest: FolderDigest(parts), Rules: n.cfg.Scanner.Rules}
	subjects := make([]Subject, 0, len(parts))
	for _, p := range parts {
		why, err := n.waived(ctx, p.Digest)
		if err != nil {
			return r, broken("the gate's store does not answer", err)
		}
		if why != "" {
			k.Hint += p.Digest + " " // with other releases it is judged anew
			continue
		}
		subjects = append(subjects, Subject{Name: p.Name, File: p.Item.file, Size: p.Item.Size})
	}
	return n.judge(ctx, k, func(ctx context.Context) (Report, error) {
		if len(subjects) == 0 {
			return Report{}, nil
		}
		return n.cfg.Scanner.Scan(ctx, true, subjects)
	})
}

// Note records in the quarantine's list what was refused as a whole, a folder, so that someone can release it; its bytes stay where they are.
func (n *Intake) Note(ctx context.Context, h Held) (id string, err error) {
	return n.vault.Put(context.WithoutCancel(ctx), nil, h)
}

// Quarantine locks an item's bytes up and gives the number under which they are listed.
func (n *Intake) Quarantine(ctx context.Context, it *Item) (id string, err error) {
	f, err := it.Open()
	if err != nil {
		return "", err
	}
	defer f.Close()
	return n.vault.Put(ctx, f, Held{
		Digest: it.Digest, Size: it.Size, Server: it.Server, Name: it.Name, To: it.To, Who: it.Who, Report: it.Report,
	})
}

// Turn is the usual end of an item that may not pass: it is locked up, and the refusal for the client comes back; nil when it passes. That it
// could not be locked up does not let it pass.
func (n *Intake) Turn(ctx context.Context, it *Item) error {
	if it.Passes() {
		return nil
	}
	id, err := n.Quarantine(context.WithoutCancel(ctx), it)
	if err != nil {
		return fmt.Errorf("%w (and it could not be kept: %w)", it.Refusal(""), err)
	}
	return it.Refusal(id)
}

// SetPlace remembers what lies where, so that a later download can be checked while it passes.
func (n *Intake) SetPlace(p Place) {
	n.Unshelve(p.Server + " " + p.Path)
	n.later.place(p)
}

// Learn remembers what was found to lie where: nothing has changed.
func (n *Intake) Learn(p Place) { n.later.place(p) }

// ForgetPlaces forgets a path and all below it.
func (n *Intake) ForgetPlaces(ctx context.Context, server, path string) error {
	n.later.forget(server, path)
	if err := n.cfg.Store.ForgetPlaces(ctx, server, path); err != nil {
		return broken("the gate's store does not answer", err)
	}
	return nil
}

// PlaceOf gives what is known to lie at a place, judged or not.
func (n *Intake) PlaceOf(ctx context.Context, server, path string) (p Place, found bool, err error) {
	if p, found = n.later.placed(server, path); found {
		return p, true, nil
	}
	if p, found, err = n.cfg.Store.Place(ctx, server, path); err != nil {
		err = broken("the gate's store does not answer", err)
	}
	return p, found, err
}

// Known gives the report of what lies at a place, if its bytes were judged under the present rules.
func (n *Intake) Known(ctx context.Context, server, path string) (p Place, r Report, found bool, err error) {
	if p, found, err = n.PlaceOf(ctx, server, path); err != nil || !found {
		return p, r, false, err
	}
	if r, found, err = n.Verdict(ctx, p.Digest); err != nil {
		err = broken("the gate's store does not answer", err)
	}
	return p, r, found, err
}
