package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Sync says when lines are brought to the disk.
type Sync int

// The policies.
const (
	SyncSecond Sync = iota // written within 50 ms, fsync once a second; a crash of weir loses at most those 50 ms, one of the machine a second
	SyncAlways             // Append returns when its line is on the disk; lines that come together share one fsync
	SyncNever              // written within 50 ms; the system decides when they reach the disk
)

// Options of a log. The zero value is sensible.
type Options struct {
	MaxBytes int64     // size at which a part is closed and the next begun; 0: 100 MiB
	Keep     int       // how many closed parts stay; 0: all. What is removed is written down
	Sync     Sync      //
	Key      string    // file of the signing key; empty: audit.key in the folder
	Stdout   io.Writer // every line goes here too
	Syslog   string    // and here, as RFC 5424: unix:///dev/log, udp://127.0.0.1:514, tcp://127.0.0.1:601
	Strict   bool      // an error of Stdout or Syslog is one of the log too; always so when there is no folder
	Recent   int       // how many records that are no plain allow are kept in memory for [Log.Recent]; 0: 256
	now      func() time.Time
}

const (
	flushEvery     = 50 * time.Millisecond
	flushBytes     = 64 << 10
	maxPending     = 8 << 20 // bytes that wait for a slow disk before Append refuses
	checkpointEach = 4096    // lines between signatures within a part
)

// ErrFull is what Append returns while so much waits to be written that more would only fill the memory.
var ErrFull = errors.New("audit log: the disk or the receiver does not keep up")

// Log is an open log; its methods may be called at the same time.
type Log struct {
	dir  string // empty: only copies
	opts Options
	key  ed25519.PrivateKey

	mu      sync.Mutex
	written *sync.Cond // flushed or err changed
	buf     []byte     // lines that wait for the flusher
	seq     uint64     // of the newest line
	prev    [sha256.Size]byte
	signed  uint64 // newest line under a checkpoint
	flushed uint64 // newest line that is where SyncAlways wants it
	err     error  // why lines cannot be written at this time
	closed  bool
	recent  []Record // ring
	next    int

	wake chan struct{}
	done chan struct{}

	part  part    // the flusher's own
	sinks []*sink // also
	lock  *os.File
}

// Open opens the log in a folder, made with mode 0700 when it is not there, and begins or continues its chain. An empty dir keeps no file: then
// Stdout or Syslog must be given, and each start begins a new chain under a key of its own.
//
// A last line that a crash cut short is removed and written down as such. A log whose end is older than audit.head says is refused: it was cut.
func Open(dir string, o Options) (*Log, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = 100 << 20
	}
	if o.Recent == 0 {
		o.Recent = 256
	}
	if o.now == nil {
		o.now = time.Now
	}
	l := &Log{dir: dir, opts: o, wake: make(chan struct{}, 1), done: make(chan struct{})}
	l.written = sync.NewCond(&l.mu)
	var note map[string]any
	if err := l.openSinks(); err != nil {
		return nil, err
	}
	if dir != "" {
		var err error
		if note, err = l.openDir(); err != nil {
			l.closeFiles()
			return nil, err
		}
	} else if err := l.openBare(); err != nil {
		return nil, err
	}
	go l.flusher()
	if note == nil {
		note = map[string]any{"audit": "opened"}
	}
	note["key"] = Fingerprint(l.key.Public().(ed25519.PublicKey))
	if err := l.Append(Record{Decision: "allow", More: note}); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, l.Flush()
}

// openBare prepares a log that is kept by its receivers only.
func (l *Log) openBare() error {
	if len(l.sinks) == 0 {
		return errors.New("audit log: neither a folder nor stdout nor syslog is given")
	}
	l.opts.Strict = true
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	l.key, l.prev = key, genesis(pub)
	return nil
}

func (l *Log) openDir() (note map[string]any, err error) {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return nil, err
	}
	if l.lock, err = lock(filepath.Join(l.dir, lockName)); err != nil {
		return nil, err
	}
	file := l.opts.Key
	if file == "" {
		file = filepath.Join(l.dir, keyName)
	}
	if l.key, err = loadKey(file); err != nil {
		return nil, err
	}
	pub := l.key.Public().(ed25519.PublicKey)
	if err := replaceFile(filepath.Join(l.dir, pubName), []byte(hex.EncodeToString(pub)+"\n"), 0o644); err != nil {
		return nil, err
	}
	end, err := recoverEnd(l.dir, pub)
	if err != nil {
		return nil, err
	}
	l.seq, l.prev, l.signed, l.flushed = end.seq, end.hash, end.seq, end.seq
	return end.note, l.part.open(filepath.Join(l.dir, liveName), end.seq+1)
}

// Append writes a record down. It takes a few microseconds and does not wait for the disk unless Options.Sync is SyncAlways. While lines cannot
// be written (disk full, receiver gone) it returns the reason, and whoever asks must be refused; what waits is tried again, and once it is
// written Append works again.
func (l *Log) Append(r Record) error {
	if r.Time.IsZero() {
		r.Time = l.opts.now()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ready(); err != nil {
		return err
	}
	l.remember(&r)
	start := len(l.buf)
	l.buf = appendLine(l.buf, l.seq+1, &l.prev, &r)
	l.chain(start)
	if l.seq-l.signed >= checkpointEach {
		l.checkpoint()
	}
	if len(l.buf) >= flushBytes || l.opts.Sync == SyncAlways {
		l.nudge()
	}
	if l.opts.Sync != SyncAlways {
		return nil
	}
	for mine := l.seq; l.flushed < mine && l.err == nil; {
		l.written.Wait()
	}
	return l.err
}

// Ready says why nothing could be written down now, without writing anything: to be asked before something is done that must be written down.
func (l *Log) Ready() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ready()
}

func (l *Log) ready() error {
	switch {
	case l.closed:
		return errors.New("audit log: it is closed")
	case l.err != nil:
		return l.err
	case len(l.buf) > maxPending:
		return ErrFull
	}
	return nil
}

// chain ends the line that begins at start of the buffer: it is the newest now.
func (l *Log) chain(start int) {
	l.prev = sha256.Sum256(l.buf[start:])
	l.buf = append(l.buf, '\n')
	l.seq++
}

// checkpoint adds a line that signs the chain up to it.
func (l *Log) checkpoint() {
	now := l.opts.now().UTC()
	start := len(l.buf)
	sig := sign(l.key, "checkpoint", l.seq+1, hex.EncodeToString(l.prev[:]), now, false)
	l.buf = appendStart(l.buf, l.seq+1, &l.prev, now)
	l.buf = append(field(l.buf, "checkpoint", sig, maxName), '}')
	l.chain(start)
	l.signed = l.seq
}

func (l *Log) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// remember keeps the newest records that somebody may want to look at.
func (l *Log) remember(r *Record) {
	if r.Decision == "allow" && r.Observed == "" {
		return
	}
	kept := *r
	kept.Path, kept.Reason, kept.Hint, kept.Observed = Mask(r.Path), Mask(r.Reason), Mask(r.Hint), Mask(r.Observed)
	kept.Resource = nil
	for _, s := range r.Resource {
		kept.Resource = append(kept.Resource, Mask(s))
	}
	if len(l.recent) < l.opts.Recent {
		l.recent = append(l.recent, kept)
		return
	}
	l.recent[l.next] = kept
	l.next = (l.next + 1) % len(l.recent)
}

// Recent gives the newest records since the start whose decision is not allow, newest first.
func (l *Log) Recent() []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Record, 0, len(l.recent))
	for i := range l.recent {
		out = append(out, l.recent[(l.next+len(l.recent)-1-i)%len(l.recent)])
	}
	return out
}

// Flush waits until everything that was appended is written (and, unless Sync is SyncNever, on the disk).
func (l *Log) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for mine := l.seq; l.flushed < mine && l.err == nil; {
		l.nudge()
		l.written.Wait()
	}
	return l.err
}

// Close writes what waits, signs the end and closes the log.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	l.nudge()
	<-l.done
	l.closeFiles()
	if l.err != nil {
		return fmt.Errorf("audit log: closed with lines unwritten: %w", l.err)
	}
	return nil
}

func (l *Log) closeFiles() {
	l.part.close()
	for _, s := range l.sinks {
		s.close()
	}
	if l.lock != nil {
		l.lock.Close()
	}
}
