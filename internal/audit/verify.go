package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Broken names the first line of a log that is not as it was written. It is an error.
type Broken struct {
	File string
	Line int    // counted from 1 in that file; 0: the file as a whole
	Seq  uint64 // what the line calls itself; 0: not known
	Why  string
}

// Error says where and what.
func (b *Broken) Error() string {
	if b.Line == 0 {
		return fmt.Sprintf("audit log %q: %s", b.File, b.Why)
	}
	return fmt.Sprintf("audit log %q, line %d: %s", b.File, b.Line, b.Why)
}

// Report says what was verified.
type Report struct {
	Lines       uint64 // requests and notes, checkpoints included
	Checkpoints uint64 // signatures that were checked
	First, Last uint64 // sequence numbers
	From, To    time.Time
	Key         string   // fingerprint of the key; empty: none was there
	Notes       []string // what is no flaw but should be known: a crash, a missing beginning that was retired
}

// Fingerprint names a public key: "sha256:" and 16 hex digits, as the first line of a log does.
func Fingerprint(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return "sha256:" + hex.EncodeToString(sum[:8])
}

// Verify reads a whole log (folders, or parts in their order) and returns a *[Broken] for the first line that was edited, removed, inserted or
// moved, or for a missing end. keyFile pins the public key (a copy of audit.pub from a safe place); empty: the one in the log's folder, which
// whoever could write there may have replaced. The Report is never nil; with an error it covers what was read before.
func Verify(paths []string, keyFile string) (*Report, error) {
	v := &verifier{report: &Report{}}
	files, err := expand(paths)
	if err != nil {
		return v.report, err
	}
	info, err := os.Stat(paths[0])
	if err != nil {
		return v.report, err
	}
	v.folder = info.IsDir() && len(paths) == 1
	v.dir = filepath.Dir(files[0])
	if err := v.loadKey(keyFile); err != nil {
		return v.report, err
	}
	if err := v.loadHead(); err != nil {
		return v.report, err
	}
	for _, name := range files {
		v.torn = ""
		if err := readLines(name, func(number int, line []byte, whole bool) error { return v.line(name, number, line, whole) }); err != nil {
			return v.report, err
		}
	}
	return v.report, v.finish()
}

type verifier struct {
	report *Report
	dir    string
	folder bool // a whole log: it must have a beginning and an end
	key    ed25519.PublicKey
	head   *head

	last    place             // the line before
	hash    [sha256.Size]byte // of it
	pending *Broken           // prev of the line before does not fit: who is to blame shows at the next line
	suspect [sha256.Size]byte // hash of the line at which that was seen
	start   *Broken           // the beginning is missing, unless a line says that it was retired
	torn    string            // file whose last line has no end
	seen    bool              // the line of audit.head was passed
}

type place struct {
	file string
	line int
	seq  uint64
}

func (p place) broken(format string, args ...any) *Broken {
	return &Broken{File: p.file, Line: p.line, Seq: p.seq, Why: fmt.Sprintf(format, args...)}
}

func (v *verifier) loadKey(file string) error {
	pinned := file != ""
	if !pinned {
		file = filepath.Join(v.dir, pubName)
	}
	key, err := loadPublic(file)
	if errors.Is(err, fs.ErrNotExist) && !pinned && !v.folder {
		v.note("no public key: signatures were not checked")
		return nil
	}
	if err != nil {
		return err
	}
	v.key, v.report.Key = key, Fingerprint(key)
	return nil
}

func (v *verifier) loadHead() error {
	if !v.folder {
		v.note("single files: whether lines are missing before the first or after the last cannot be said")
		return nil
	}
	h, err := loadHead(v.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return &Broken{File: filepath.Join(v.dir, headName), Why: "it is missing: whether the end was cut cannot be said"}
	}
	if err != nil {
		return err
	}
	if !checkSignature(v.key, h.Sig, "head", h.Seq, h.Hash, h.Time, h.Closed) {
		return &Broken{File: filepath.Join(v.dir, headName), Why: "its signature is not that of the key"}
	}
	v.head = h
	return nil
}

func (v *verifier) note(format string, args ...any) {
	if len(v.report.Notes) < 100 {
		v.report.Notes = append(v.report.Notes, fmt.Sprintf(format, args...))
	}
}

func (v *verifier) line(name string, number int, line []byte, whole bool) error {
	at := place{name, number, 0}
	if v.torn != "" {
		return at.broken("it follows a line without an end in %q", v.torn)
	}
	if !whole {
		v.torn = name
		return v.tornLine(at)
	}
	e := &Entry{}
	if err := json.Unmarshal(line, e); err != nil {
		return v.blame(at.broken("it is no line of an audit log"))
	}
	at.seq = e.Seq
	hash := sha256.Sum256(line)
	if err := v.follow(at, e, hash); err != nil {
		return err
	}
	if v.pending == nil {
		if err := v.content(at, e, hash); err != nil {
			return err
		}
	}
	v.last, v.hash = at, hash
	return nil
}

// follow checks number and chain.
func (v *verifier) follow(at place, e *Entry, hash [sha256.Size]byte) error {
	if v.last.seq == 0 {
		return v.first(at, e)
	}
	if e.Seq != v.last.seq+1 {
		return v.blame(at.broken("it is number %d where %d must stand: lines were removed, added or moved", e.Seq, v.last.seq+1))
	}
	fits := e.Prev == hex.EncodeToString(v.hash[:])
	switch {
	case v.pending != nil && fits: // the line that did not fit is itself confirmed by this one: the line before it was edited
		return v.pending
	case v.pending != nil:
		return v.last.broken("it was edited")
	case !fits: // the line before was edited, or this one: the next tells
		v.pending = v.last.broken("it was edited")
		v.suspect = hash
	}
	return nil
}

// blame prefers what was seen before.
func (v *verifier) blame(b *Broken) error {
	if v.pending != nil {
		return v.pending
	}
	return b
}

func (v *verifier) first(at place, e *Entry) error {
	v.report.First, v.report.From = e.Seq, e.Time
	switch {
	case e.Seq == 0:
		return at.broken("it has no number")
	case e.Seq == 1 && v.key != nil:
		if g := genesis(v.key); e.Prev != hex.EncodeToString(g[:]) {
			return at.broken("the log was begun with another key")
		}
	case e.Seq > 1 && v.folder:
		v.start = at.broken("lines 1 to %d are missing, and no line says that they were retired", e.Seq-1)
	}
	return nil
}

// content checks signatures and keeps what the report tells.
func (v *verifier) content(at place, e *Entry, hash [sha256.Size]byte) error {
	v.report.Lines++
	v.report.Last, v.report.To = e.Seq, e.Time
	if e.Checkpoint != "" && v.key != nil {
		if !checkSignature(v.key, e.Checkpoint, "checkpoint", e.Seq, e.Prev, e.Time, false) {
			return at.broken("its signature is not that of the key: the lines up to here were written anew")
		}
		v.report.Checkpoints++
	}
	if v.head != nil && e.Seq == v.head.Seq {
		v.seen = true
		if v.head.Hash != hex.EncodeToString(hash[:]) {
			return at.broken("it is not the line that %s signed: it was edited", headName)
		}
	}
	if what, ok := e.More["audit"].(string); ok && e.Method == "" {
		v.own(at, e, what)
	}
	return nil
}

// own reads what the log says about itself.
func (v *verifier) own(at place, e *Entry, what string) {
	switch through, _ := e.More["through"].(float64); {
	case what == "retired" && v.start != nil && uint64(through)+1 >= v.report.First:
		v.start = nil
		v.note("lines 1 to %d were retired", v.report.First-1)
	case what == "recovered":
		v.note("line %d: a crash cut the line before short; %v bytes were removed", at.seq, e.More["torn-bytes"])
	case what == "opened" && e.More["after"] != nil:
		v.note("line %d: the log was opened after a crash", at.seq)
	}
}

func (v *verifier) tornLine(at place) error {
	if v.head != nil && v.head.Closed {
		return v.blame(at.broken("it follows the signed end"))
	}
	v.note("%q ends in a line without an end: it is being written, or a crash cut it", at.file)
	return nil
}

func (v *verifier) finish() error {
	switch {
	case v.pending != nil && v.head != nil && v.head.Seq == v.last.seq && v.head.Hash != hex.EncodeToString(v.suspect[:]):
		return v.last.broken("it was edited")
	case v.pending != nil:
		return v.pending
	case v.start != nil:
		return v.start
	case v.last.seq == 0:
		return &Broken{File: v.dir, Why: "it is empty"}
	case v.head == nil:
		return nil
	case !v.seen:
		return v.last.broken("the log ends here, and %s signed line %d: the end was cut", headName, v.head.Seq)
	case v.head.Closed && v.head.Seq != v.last.seq:
		return v.last.broken("it follows the signed end, line %d", v.head.Seq)
	}
	return nil
}
