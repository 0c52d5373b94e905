package audit

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Read gives the entries of a log (a folder, or single parts in order) without verifying them: use [Verify] for that. Checkpoints are left out.
// A last line that is not complete is not given. An error of fn ends it and is returned.
func Read(paths []string, fn func(*Entry) error) error {
	files, err := expand(paths)
	if err != nil {
		return err
	}
	for _, name := range files {
		err := readLines(name, func(number int, line []byte, whole bool) error {
			if !whole {
				return nil
			}
			e := &Entry{}
			if err := json.Unmarshal(line, e); err != nil {
				return &Broken{File: name, Line: number, Why: "it is no line of an audit log"}
			}
			if e.Checkpoint != "" {
				return nil
			}
			return fn(e)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// expand turns folders into the parts in them.
func expand(paths []string) ([]string, error) {
	var files []string
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, p)
			continue
		}
		parts, err := listParts(p)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(parts[len(parts)-1]); errors.Is(err, fs.ErrNotExist) { // a crash between two parts
			parts = parts[:len(parts)-1]
		}
		if len(parts) == 0 {
			return nil, fmt.Errorf("folder %q holds no audit log", p)
		}
		files = append(files, parts...)
	}
	return files, nil
}

// readLines gives the lines of a file without their ends; whole is false for a last one that has none. line is valid during the call.
func readLines(name string, fn func(number int, line []byte, whole bool) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 64<<10)
	var long []byte // of a line that is longer than the buffer
	for number := 1; ; number++ {
		line, err := r.ReadSlice('\n')
		for long = long[:0]; errors.Is(err, bufio.ErrBufferFull); line, err = r.ReadSlice('\n') {
			if long = append(long, line...); len(long) > maxLine {
				return &Broken{File: name, Line: number, Why: fmt.Sprintf("it is longer than %d bytes", maxLine)}
			}
		}
		if len(long) > 0 {
			long = append(long, line...)
			line = long
		}
		switch {
		case err == nil:
			if err := fn(number, line[:len(line)-1], true); err != nil {
				return err
			}
		case !errors.Is(err, io.EOF):
			return err
		case len(line) == 0:
			return nil
		default:
			return fn(number, line, false)
		}
	}
}

// tail is what stands at the end of a part.
type tail struct {
	entry Entry
	hash  [sha256.Size]byte // of the last complete line
	end   int64             // offset behind it
	torn  []byte            // what follows without a line end, at most maxLine bytes of it
	extra int64             // how many bytes that are
}

// lastLine reads the end of a part. An empty part gives an entry with number 0.
func lastLine(name string) (*tail, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	end, err := lastIndex(f, info.Size()) // behind the last line end
	if err != nil {
		return nil, err
	}
	t := &tail{end: end, extra: info.Size() - end}
	t.torn = make([]byte, min(t.extra, maxLine))
	if _, err := f.ReadAt(t.torn, end); err != nil && len(t.torn) > 0 {
		return nil, err
	}
	if end == 0 {
		return t, nil
	}
	start, err := lastIndex(f, end-1)
	if err != nil {
		return nil, err
	}
	if end-start > maxLine {
		return nil, fmt.Errorf("%q: its last line is longer than %d bytes", name, maxLine)
	}
	line := make([]byte, end-1-start)
	if _, err := f.ReadAt(line, start); err != nil && len(line) > 0 {
		return nil, err
	}
	t.hash = sha256.Sum256(line)
	if err := json.Unmarshal(line, &t.entry); err != nil || t.entry.Seq == 0 {
		return nil, fmt.Errorf("%q: its last line is no line of an audit log", name)
	}
	return t, nil
}

// lastIndex gives the offset behind the last line end before end, or 0.
func lastIndex(f io.ReaderAt, end int64) (int64, error) {
	buf := make([]byte, 16<<10)
	for end > 0 {
		n := min(end, int64(len(buf)))
		if _, err := f.ReadAt(buf[:n], end-n); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return end - n + int64(i) + 1, nil
		}
		end -= n
	}
	return 0, nil
}

// firstSeq gives the number of a part's first line; 0 when it cannot be read.
func firstSeq(name string) uint64 {
	var seq uint64
	stop := errors.New("enough")
	_ = readLines(name, func(_ int, line []byte, whole bool) error { // whoever needs the rest reads it and sees the error
		e := Entry{}
		if whole && json.Unmarshal(line, &e) == nil {
			seq = e.Seq
		}
		return stop
	})
	return seq
}

// end is where an existing log is continued.
type end struct {
	seq  uint64
	hash [sha256.Size]byte
	note map[string]any // to be written down first; nil: nothing happened
}

// recoverEnd finds the end of the log in a folder and brings it in order after a crash.
func recoverEnd(dir string, key ed25519.PublicKey) (*end, error) {
	parts, err := listParts(dir)
	if err != nil {
		return nil, err
	}
	e := &end{hash: genesis(key)}
	for i := len(parts) - 1; i >= 0 && e.seq == 0; i-- {
		t, err := lastLine(parts[i])
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if t.extra > 0 {
			if err := e.cut(parts[i], t); err != nil {
				return nil, err
			}
		}
		if t.entry.Seq > 0 {
			e.seq, e.hash = t.entry.Seq, t.hash
		}
	}
	return e, e.compare(dir, key)
}

// cut removes a line that was not written to its end.
func (e *end) cut(name string, t *tail) error {
	digest := sha256.Sum256(t.torn)
	e.note = map[string]any{"audit": "recovered", "torn-bytes": t.extra, "torn-sha256": hex.EncodeToString(digest[:]), "torn": string(t.torn[:min(len(t.torn), 1024)])}
	return os.Truncate(name, t.end)
}

// compare holds the end against audit.head.
func (e *end) compare(dir string, key ed25519.PublicKey) error {
	name := filepath.Join(dir, headName)
	h, err := loadHead(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && e.seq <= 1: // the first start, or a crash during it
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("audit log %q has lines but no %s: it was tampered with; keep the folder as evidence and begin a new one", dir, headName)
	case err != nil:
		return err
	case !checkSignature(key, h.Sig, "head", h.Seq, h.Hash, h.Time, h.Closed):
		return fmt.Errorf("%q was not signed by the key of this log: keep the folder as evidence and begin a new one", name)
	case h.Seq > e.seq || h.Closed && h.Seq != e.seq || h.Seq == e.seq && h.Hash != hex.EncodeToString(e.hash[:]):
		return fmt.Errorf("audit log %q does not end as %s says (line %d): it was tampered with; keep the folder as evidence and begin a new one", dir, headName, h.Seq)
	}
	if !h.Closed && e.note == nil {
		e.note = map[string]any{"audit": "opened", "after": "a crash"}
	}
	if h.Seq < e.seq {
		if _, err := Verify([]string{dir}, ""); err != nil {
			return err
		}
	}
	return nil
}
