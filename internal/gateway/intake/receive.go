package intake

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"weir"
	"weir/internal/gateway/wire"
)

// Meta says what a transfer is.
type Meta struct {
	Server string // the upstream's name
	Name   string // of the file, as the server will call it: its last two path segments are enough
	To     string // where it is going or lies, for people: "run 3f… model/model.pkl"
	Who    string // the principal's name
	Length int64  // bytes that were announced; -1: not known
	Max    int64  // bytes that this transfer may have; 0: the intake's own bound
	Tail   *Tail  `json:"-"` // is told of what arrives; nil: nobody reads along
}

// Refusals say what did not work in the words of [wire.Refusal]; their Rule names one of these.
const (
	RuleVerdict = "intake/verdict"
	RuleSize    = "intake/size"
	RuleRoom    = "intake/room"
	RuleScanner = "intake/scanner"
	RuleLength  = "intake/length"
)

// spoolFile is what a transfer is written to.
type spoolFile interface {
	io.Writer
	io.Closer
}

func createFile(name string) (spoolFile, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// Receive takes a transfer in: it spools it to disk, computes its digest on the way, and has it judged. The item that comes back is judged, for
// better or worse: ask [Item.Refusal]. The caller ends it with [Item.Discard]. Errors that the client should see are *wire.Refusal:
// 413 too large, 507 or 503 no room, 503 the scan could not work; others are r's.
func (n *Intake) Receive(ctx context.Context, r io.Reader, m Meta) (*Item, error) {
	it, err := n.Spool(ctx, r, m)
	if err != nil {
		return nil, err
	}
	if err := n.Judge(ctx, it); err != nil {
		it.Discard()
		return nil, err
	}
	return it, nil
}

// Spool is the first half of Receive: the item is on disk and has its digest, and nothing is known of it.
func (n *Intake) Spool(ctx context.Context, r io.Reader, m Meta) (*Item, error) {
	most := n.cfg.Max
	if m.Max > 0 {
		most = min(most, m.Max)
	}
	if m.Length > most {
		return nil, tooLarge(most)
	}
	if err := n.fits(max(m.Length, 0)); err != nil {
		return nil, err
	}
	name := filepath.Join(n.cfg.Dir, "spool", random())
	f, err := n.create(name)
	if err != nil {
		return nil, n.trouble(err)
	}
	it := &Item{Meta: m, n: n, file: name}
	if m.Tail != nil {
		m.Tail.opened(name)
	}
	err = it.fill(ctx, f, r, most)
	if cerr := f.Close(); err == nil && cerr != nil {
		err = n.trouble(cerr)
	}
	if err == nil && m.Length >= 0 && it.Size != m.Length {
		err = fmt.Errorf("%d bytes were announced and %d came: %w", m.Length, it.Size, io.ErrUnexpectedEOF)
	}
	if err != nil {
		it.Discard()
		return nil, err
	}
	return it, nil
}

// fits refuses what certainly has no room.
func (n *Intake) fits(more int64) error {
	if n.cfg.Spool > 0 {
		n.mu.Lock()
		over := n.spooled+more > n.cfg.Spool
		n.mu.Unlock()
		if over {
			return &wire.Refusal{Status: http.StatusServiceUnavailable, Code: "TEMPORARILY_UNAVAILABLE", Rule: RuleRoom, Reason: "the gate is taking in as much as it may: try again later"}
		}
	}
	if free, ok := room(n.cfg.Dir); ok && more > free {
		return noRoom()
	}
	return nil
}

func noRoom() error {
	return &wire.Refusal{Status: http.StatusInsufficientStorage, Code: "RESOURCE_LIMIT_EXCEEDED", Rule: RuleRoom, Reason: "the gate has no room on its disk for this transfer"}
}

func tooLarge(most int64) error {
	return &wire.Refusal{Status: http.StatusRequestEntityTooLarge, Code: "INVALID_PARAMETER_VALUE", Rule: RuleSize, Reason: fmt.Sprintf("larger than the %d bytes that the gate takes", most)}
}

// trouble makes a refusal of an error of the spool.
func (n *Intake) trouble(err error) error {
	if full(err) {
		return noRoom()
	}
	return &wire.Refusal{Status: http.StatusServiceUnavailable, Code: "TEMPORARILY_UNAVAILABLE", Rule: RuleRoom, Reason: "the gate cannot spool this transfer"}
}

const bufferSize = 128 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, bufferSize); return &b }}

// fill copies r to f and computes the digest. The first buffer's worth is hashed here; from then on another goroutine hashes what this one
// writes, so that network, disk and processor work at once. At most three buffers are in use.
func (it *Item) fill(ctx context.Context, f io.Writer, r io.Reader, most int64) error {
	sum := newHasher()
	defer sum.stop()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := buffers.Get().(*[]byte)
		k, err := readFull(r, *b)
		if k > 0 {
			if it.Size == 0 {
				it.head = append([]byte(nil), (*b)[:min(k, headSize)]...)
			}
			it.Size += int64(k)
			if it.Size > most {
				buffers.Put(b)
				return tooLarge(most)
			}
			if werr := it.n.take(int64(k)); werr != nil {
				buffers.Put(b)
				return werr
			}
			it.taken += int64(k)
			if _, werr := f.Write((*b)[:k]); werr != nil {
				buffers.Put(b)
				return it.n.trouble(werr)
			}
			if it.Tail != nil {
				it.Tail.grew(it.Size)
			}
			sum.write(b, k, errors.Is(err, io.EOF))
		} else {
			buffers.Put(b)
		}
		if errors.Is(err, io.EOF) {
			it.Digest = sum.digest()
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// take counts spooled bytes.
func (n *Intake) take(k int64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cfg.Spool > 0 && n.spooled+k > n.cfg.Spool {
		return &wire.Refusal{Status: http.StatusServiceUnavailable, Code: "TEMPORARILY_UNAVAILABLE", Rule: RuleRoom, Reason: "the gate is taking in as much as it may: try again later"}
	}
	n.spooled += k
	return nil
}

func (n *Intake) give(k int64) {
	n.mu.Lock()
	n.spooled -= k
	n.mu.Unlock()
}

// readFull reads until b is full or r ends; the error is io.EOF at the end, also beside bytes.
func readFull(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var k int
		k, err = r.Read(b[n:])
		n += k
	}
	return n, err
}

// hasher computes SHA-256 beside the goroutine that feeds it. What comes in one piece is hashed at once.
type hasher struct {
	h    hash.Hash
	todo chan piece
	done chan struct{}
}

type piece struct {
	b *[]byte
	n int
}

func newHasher() *hasher { return &hasher{h: sha256.New()} }

// write hands a buffer over; it goes back to the pool when it is hashed.
func (s *hasher) write(b *[]byte, n int, last bool) {
	if s.todo == nil && last {
		s.h.Write((*b)[:n])
		buffers.Put(b)
		return
	}
	if s.todo == nil {
		s.todo, s.done = make(chan piece, 1), make(chan struct{})
		go func() {
			defer close(s.done)
			for p := range s.todo {
				s.h.Write((*p.b)[:p.n])
				buffers.Put(p.b)
			}
		}()
	}
	s.todo <- piece{b, n}
}

func (s *hasher) stop() {
	if s.todo != nil {
		close(s.todo)
		<-s.done
		s.todo = nil
	}
}

func (s *hasher) digest() string {
	s.stop()
	return "sha256:" + hex.EncodeToString(s.h.Sum(nil))
}

// random gives a name that nobody can guess: 128 bits.
func random() string {
	var b [16]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// Item is one transfer that was taken in.
type Item struct {
	Meta
	Digest string // "sha256:<hex>"
	Size   int64
	Report
	Header http.Header // what came with it, for the flow that took it in; not used here

	n     *Intake
	file  string
	head  []byte
	taken int64
}

// headSize is how much of a file's beginning its hint may rest on.
const headSize = 512

// Open opens the content for reading. The caller closes it.
func (it *Item) Open() (*os.File, error) {
	f, err := os.Open(it.file)
	if err != nil {
		return nil, fmt.Errorf("spooled transfer: %w", err)
	}
	return f, nil
}

// Passes reports whether the policy lets it pass.
func (it *Item) Passes() bool { return it.n.cfg.Policy(&it.Report) }

// Discard ends the item and frees its room. It may be called again.
func (it *Item) Discard() {
	if it.file != "" {
		os.Remove(it.file)
		it.n.give(it.taken)
		it.file = ""
	}
}

// Refusal is the answer to a client whose transfer does not pass; nil when it does. held is the quarantine's number for it, if it lies there.
func (it *Item) Refusal(held string) *wire.Refusal {
	if it.Passes() {
		return nil
	}
	return Refuse(&it.Report, it.To, held)
}

// Refuse words what is held back for a client: 422 with the verdict and the worst finding.
func Refuse(r *Report, what, held string) *wire.Refusal {
	text := fmt.Sprintf("weir holds %s back: %s", what, r.Verdict)
	if len(r.Findings) > 0 {
		f := &r.Findings[0]
		text += fmt.Sprintf(": %s: %s", f.Rule, f.Message)
		if f.Member != "" {
			text += " (in " + f.Member + ")"
		}
		if more := len(r.Findings) - 1; more > 0 {
			text += fmt.Sprintf(", and %d more findings", more)
		}
	} else if len(r.Problems) > 0 {
		text += fmt.Sprintf(": not everything could be examined: %s", r.Problems[0].Reason)
	}
	if held != "" {
		text += "; it lies in quarantine as " + held
	}
	rule := RuleVerdict
	if len(r.Findings) > 0 {
		rule = r.Findings[0].Rule
	}
	return &wire.Refusal{Status: http.StatusUnprocessableEntity, Code: "INVALID_PARAMETER_VALUE", Rule: rule, Reason: weir.UTF8(clip(text, 600))}
}

func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
