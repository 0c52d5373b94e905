// Package intake takes in what clients upload and servers hand out: it spools and hashes a transfer while it arrives, has it scanned, remembers
// the verdict by digest, and locks what may not pass into quarantine.
//
// Start with [Open]; [Intake.Receive] is the one way in. Nothing here knows HTTP: the flows of each kind of server decide what becomes of an [Item].
package intake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"weir"
	"weir/internal/store"
)

// Subject is one file to scan. Its bytes are complete and do not change.
type Subject struct {
	Name string // as [Scanner.Hint] reduced it, or the path within the folder that is judged as a whole, with slashes
	File string // where the bytes lie
	Size int64
}

// Scanner is what looks into files. It is given by whoever opens the intake: this room parses nothing.
type Scanner struct {
	// Rules names everything that a verdict depends on apart from the bytes: another value makes verdicts anew.
	Rules string
	// Scan judges one file, or all files of one folder together when there are several or folder is set. An error says that the scan itself
	// could not work; what cannot be read in a file is a problem in the report.
	Scan func(ctx context.Context, folder bool, files []Subject) (Report, error)
	// Hint reduces a name to what recognition may rest on: a verdict is kept for a digest and such a hint, and the scan sees no more of the
	// name. head is the first 512 bytes or all.
	Hint func(name string, head []byte) string
}

// The words of the intake that the store shares.
type (
	// Report is what is known of some bytes.
	Report = store.Report
	// Key is what a verdict is remembered by.
	Key = store.VerdictKey
	// Place is what the gate knows of something that lies behind it.
	Place = store.Place
	// Held is one item in quarantine.
	Held = store.Held
	// Store is the memory of the intake.
	Store = store.Verdicts
)

// MaxNotes bounds the findings and the problems that are kept of one report.
const MaxNotes = 20

// Policy says whether content with this report may pass.
type Policy func(*Report) bool

// DefaultPolicy lets pass what is clean or unverified, text and pictures in which nothing was found, and files that are no models whose
// findings are milder than high; and what was released. Malicious, suspicious and incomplete never pass.
func DefaultPolicy(r *Report) bool {
	if r.Waived != "" {
		return true
	}
	switch r.Verdict {
	case weir.VerdictNone, weir.VerdictClean, weir.VerdictUnverified:
		return true
	case weir.VerdictVulnerable:
		return r.Worst() < weir.SeverityHigh
	}
	return false
}

// Config says how to open an intake.
type Config struct {
	Dir     string // of its own, made with mode 0700; it holds the spool, unfinished uploads, the quarantine and its key
	Store   Store
	Scanner Scanner
	Policy  Policy // nil: DefaultPolicy
	Max     int64  // bytes of one file; 0: 64 GiB
	Spool   int64  // bytes of all that is spooled at once; 0: what the disk has
}

// Intake receives content. It is safe for use by several goroutines.
type Intake struct {
	cfg     Config
	lock    *os.File
	vault   *Vault
	join    joiner
	known   memory
	later   *later
	shelf   shelf
	tickets tickets

	mu      sync.Mutex
	spooled int64
	parts   map[string]*Upload
	swept   time.Time                            // when uploads that were left alone were last looked for
	create  func(name string) (spoolFile, error) // os.OpenFile but in tests
}

const defaultMax = 64 << 30

// ErrInUse says that another process serves the same folder.
var ErrInUse = errors.New("another gate uses this folder")

// Open opens the folder of an intake, makes it if need be, and clears away what a killed process left half done: spooled transfers nobody
// waits for any more. Quarantined items and unfinished multipart uploads are kept.
func Open(cfg Config) (*Intake, error) {
	if cfg.Policy == nil {
		cfg.Policy = DefaultPolicy
	}
	if cfg.Max == 0 {
		cfg.Max = defaultMax
	}
	if cfg.Store == nil || cfg.Scanner.Scan == nil || cfg.Scanner.Hint == nil {
		return nil, errors.New("an intake needs a store and a scanner")
	}
	for _, sub := range []string{"", "spool", "uploads"} {
		if err := os.MkdirAll(filepath.Join(cfg.Dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("folder of the intake: %w", err)
		}
	}
	lock, err := lockFile(filepath.Join(cfg.Dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("folder %q: %w", cfg.Dir, err)
	}
	n := &Intake{cfg: cfg, lock: lock, parts: map[string]*Upload{}, create: createFile, later: newLater(cfg.Store)}
	if n.vault, err = OpenVault(cfg.Dir, cfg.Store); err == nil {
		err = n.recover()
	}
	if err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// recover brings the folder of a process that was killed into order.
func (n *Intake) recover() error {
	left, err := os.ReadDir(filepath.Join(n.cfg.Dir, "spool"))
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	for _, e := range left {
		if err := os.RemoveAll(filepath.Join(n.cfg.Dir, "spool", e.Name())); err != nil {
			return fmt.Errorf("spool: %w", err)
		}
	}
	if err := n.vault.recover(context.Background()); err != nil {
		return err
	}
	return n.recoverUploads()
}

// Close writes down what is still to be and gives the folder free. Items that are still in use keep their files until they are discarded.
func (n *Intake) Close() error { return errors.Join(n.later.close(), n.lock.Close()) }

// Vault gives the quarantine.
func (n *Intake) Vault() *Vault { return n.vault }

// Verdict gives what is known of some bytes under the present rules: the worst of what was found under any name, and found is false when they
// were never scanned.
func (n *Intake) Verdict(ctx context.Context, digest string) (r Report, found bool, err error) {
	all, err := n.cfg.Store.VerdictsOf(ctx, digest, n.cfg.Scanner.Rules)
	all = append(all, n.later.verdicts(digest, n.cfg.Scanner.Rules)...)
	if err != nil || len(all) == 0 {
		return Report{}, false, err
	}
	r = all[0]
	for _, o := range all[1:] {
		if o.Verdict > r.Verdict {
			r = o
		}
	}
	r.Waived, err = n.waived(ctx, digest)
	return r, err == nil, err
}

func (n *Intake) waived(ctx context.Context, digest string) (string, error) {
	why, found, err := n.cfg.Store.Waived(ctx, digest)
	if err != nil || !found {
		return "", err
	}
	return why, nil
}

// Passes applies the policy.
func (n *Intake) Passes(r *Report) bool { return n.cfg.Policy(r) }
