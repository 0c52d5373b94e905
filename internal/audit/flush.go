package audit

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// part is the file that is being written. Only the flusher touches it.
type part struct {
	file  *os.File
	name  string
	size  int64
	first uint64 // sequence number of its first line
	dirty bool   // written since the last fsync
	rest  []byte // of a batch that could only be written in part
	upTo  uint64 // newest line in rest

	retired  []string // files to remove once the line that says so is on the disk
	retireAt uint64   // that line
}

func (p *part) open(name string, first uint64) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	p.file, p.name, p.size, p.first = f, name, info.Size(), first
	if p.size > 0 { // the first line tells, whatever was counted
		p.first = firstSeq(name)
	}
	return nil
}

// write writes what is left; after an error the rest is kept and tried again.
func (p *part) write() error {
	if len(p.rest) == 0 {
		return nil
	}
	n, err := p.file.Write(p.rest)
	p.rest = p.rest[n:]
	p.size += int64(n)
	p.dirty = p.dirty || n > 0
	return err
}

func (p *part) sync() error {
	if p.file == nil || !p.dirty {
		return nil
	}
	if err := p.file.Sync(); err != nil {
		return err
	}
	p.dirty = false
	return nil
}

func (p *part) close() {
	if p.file != nil {
		p.file.Close()
		p.file = nil
	}
}

// flusher writes batches until the log is closed.
func (l *Log) flusher() {
	defer close(l.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	var second time.Time
	var batch []byte
	var at uint64 // newest line under audit.head
	for {
		select {
		case <-l.wake:
		case <-tick.C:
		}
		l.mu.Lock()
		closing := l.closed
		if closing && l.seq > l.signed && l.err == nil {
			l.checkpoint()
		}
		batch = l.take(batch)
		last := closing && len(l.buf) == 0 // else an unwritten batch goes first
		l.mu.Unlock()

		due := closing || time.Since(second) >= time.Second // monotonic: a clock that jumps changes nothing
		err := l.flush(batch, due, last, &at)
		if due {
			second = time.Now()
		}
		l.mu.Lock()
		l.err = err
		if err == nil {
			l.flushed = l.part.upTo
		}
		l.written.Broadcast()
		l.mu.Unlock()
		if last || closing && err != nil {
			return
		}
		if closing {
			l.nudge()
		}
	}
}

// take swaps the waiting lines for an empty buffer, unless a batch is still unwritten: then they wait where they are. When the part is full,
// the batch ends with a checkpoint.
func (l *Log) take(spare []byte) []byte {
	if len(l.part.rest) > 0 || len(l.buf) == 0 {
		return spare[:0]
	}
	if l.dir != "" && l.part.size+int64(len(l.buf)) >= l.opts.MaxBytes && l.signed != l.seq {
		l.checkpoint()
	}
	batch := l.buf
	l.buf = spare[:0]
	l.part.upTo = l.seq
	return batch
}

func (l *Log) flush(batch []byte, due, closing bool, at *uint64) error {
	var errs []error
	for _, s := range l.sinks {
		if err := s.send(batch); err != nil && l.opts.Strict {
			errs = append(errs, err)
		}
		if n := s.takeLost(); n > 0 {
			l.own(map[string]any{"audit": "copy lost lines", "to": s.name, "lines": n})
		}
	}
	if l.dir == "" {
		return errors.Join(errs...)
	}
	if len(batch) > 0 {
		l.part.rest = batch
	}
	if err := l.part.write(); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	if l.opts.Sync == SyncAlways || l.opts.Sync == SyncSecond && due {
		if err := l.part.sync(); err != nil {
			return fmt.Errorf("audit log: %w", err)
		}
	}
	if err := l.part.removeRetired(); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	if l.part.size >= l.opts.MaxBytes && !closing {
		if err := l.rotate(); err != nil {
			return fmt.Errorf("audit log: %w", err)
		}
	}
	if due && (*at != l.part.upTo || closing) {
		if err := l.writeHead(closing); err != nil {
			return fmt.Errorf("audit log: %w", err)
		}
		*at = l.part.upTo
	}
	return errors.Join(errs...)
}

// writeHead replaces audit.head. Nothing was appended to the file since the batch, but the chain may have gone on: the hash is taken from the
// file's own last line.
func (l *Log) writeHead(closing bool) error {
	if l.opts.Sync != SyncNever || closing {
		if err := l.part.sync(); err != nil {
			return err
		}
	}
	name := l.part.name
	if l.part.size == 0 {
		parts, err := listParts(l.dir)
		if err != nil || len(parts) < 2 {
			return err
		}
		name = parts[len(parts)-2]
	}
	last, err := lastLine(name)
	if err != nil {
		return err
	}
	h := head{Seq: last.entry.Seq, Hash: hex.EncodeToString(last.hash[:]), Time: l.opts.now().UTC(), Closed: closing}
	h.Sig = sign(l.key, "head", h.Seq, h.Hash, h.Time, h.Closed)
	data, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(l.dir, headName), append(data, '\n'), 0o644)
}

// rotate closes the part and begins the next. The chain goes on over the border.
func (l *Log) rotate() error {
	if err := l.part.sync(); err != nil {
		return err
	}
	next := l.part.upTo + 1
	old := filepath.Join(l.dir, fmt.Sprintf("audit-%020d.jsonl", l.part.first))
	if err := os.Rename(l.part.name, old); err != nil {
		return err
	}
	l.part.close()
	if err := l.part.open(filepath.Join(l.dir, liveName), next); err != nil {
		return err
	}
	return l.retire()
}

// retire writes down that the oldest parts go, and up to which line; they are removed once that is on the disk.
func (l *Log) retire() error {
	parts, err := listParts(l.dir)
	if err != nil || l.opts.Keep == 0 || len(parts)-1 <= l.opts.Keep {
		return err
	}
	stay := len(parts) - 1 - l.opts.Keep
	seq := l.own(map[string]any{"audit": "retired", "through": firstSeq(parts[stay]) - 1})
	l.part.retired, l.part.retireAt = parts[:stay], seq
	return nil
}

// own adds a line about the log itself and gives its number.
func (l *Log) own(more map[string]any) uint64 {
	r := Record{Time: l.opts.now(), Decision: "allow", More: more}
	l.mu.Lock()
	defer l.mu.Unlock()
	start := len(l.buf)
	l.buf = appendLine(l.buf, l.seq+1, &l.prev, &r)
	l.chain(start)
	return l.seq
}

func (p *part) removeRetired() error {
	if len(p.retired) == 0 || p.upTo < p.retireAt {
		return nil
	}
	if err := p.sync(); err != nil {
		return err
	}
	for _, name := range p.retired {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	p.retired = nil
	return nil
}

// listParts gives the files of a log in the order of their lines; the one being written is last and always there in the list.
func listParts(dir string) ([]string, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range list {
		if n := e.Name(); strings.HasPrefix(n, "audit-") && strings.HasSuffix(n, ".jsonl") && len(n) == len("audit-.jsonl")+20 {
			out = append(out, filepath.Join(dir, n))
		}
	}
	slices.Sort(out)
	return append(out, filepath.Join(dir, liveName)), nil
}
