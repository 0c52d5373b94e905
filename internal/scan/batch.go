package scan

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"weir/internal/source"
)

// Small files go to a worker several at a time and as bytes, not as descriptors: what one of them costs would otherwise be mostly the way
// there and back. A batch that a worker does not finish is no answer to the files of it that are not done: each is then examined alone, as
// any other file is, so that the one that brought the worker down is known and says what it had to say before.

// Bounds of a batch.
const (
	batchFile  = wholeUpTo // larger files go alone
	batchFiles = 64
	batchBytes = 512 << 10
	batchTime  = 2 * time.Second // what takes longer is examined file by file
)

// Batch runs several small analyses in another process and hands their records on, file by file: a DoneRecord ends each. An error says that
// the process did not come to the end; files that were done before stand.
type Batch func(ctx context.Context, jobs []Job, content [][]byte, out func(Record) error) error

// slot is one file on its way through Run; at the end of its way it has a result.
type slot struct {
	file   source.File
	err    error // of the walk
	inside bool  // it lies below a folder that a format claims by its names
}

func (s slot) small() bool { return s.err == nil && !s.file.Skipped && s.file.Size <= batchFile }

// several examines files, in order.
func several(ctx context.Context, slots []slot, cfg *Config) []*result {
	all := make([]*result, len(slots))
	if cfg.Batch != nil && cfg.Trace == nil && len(slots) > 1 {
		batch(ctx, slots, all, cfg)
	}
	for i, s := range slots {
		switch {
		case all[i] != nil:
		case s.err != nil || s.file.Skipped:
			all[i] = &result{file: s.file, err: s.err}
		default:
			all[i] = one(ctx, s, cfg)
		}
	}
	return all
}

// batch examines what it can of the files in one request and leaves the others without a result.
func batch(ctx context.Context, slots []slot, all []*result, cfg *Config) {
	var jobs []Job
	var content [][]byte
	var opened []int
	total := 0
	for i, s := range slots {
		if !s.small() {
			continue
		}
		b, ok := whole(s.file)
		if !ok || total+len(b) > 2*batchBytes { // it grew since the walk
			continue
		}
		total += len(b)
		jobs, content, opened = append(jobs, cfg.job(s, int64(len(b)))), append(content, b), append(opened, i)
	}
	if len(jobs) < 2 {
		return
	}
	at := 0
	r := &result{}
	ctx, cancel := context.WithTimeout(ctx, batchTime)
	defer cancel()
	_ = cfg.Batch(ctx, jobs, content, func(rec Record) error {
		if at >= len(jobs) {
			return errors.New("more answers than files")
		}
		if err := r.add(rec); err != nil {
			return err
		}
		if r.done {
			r.file = slots[opened[at]].file
			r.file.Size = jobs[at].Size
			all[opened[at]] = r
			r, at = &result{}, at+1
		}
		return nil
	})
}

// whole reads a file of at most batchFile bytes; not ok when it is not one, or changes meanwhile, and then one tells what it is.
func whole(f source.File) ([]byte, bool) {
	h, err := f.Open()
	if err != nil {
		return nil, false
	}
	defer h.Close()
	before, err := h.Stat()
	if err != nil || before.Size() > batchFile {
		return nil, false
	}
	b := make([]byte, before.Size()+1)
	n, err := io.ReadFull(h, b)
	if n != len(b)-1 || err != io.ErrUnexpectedEOF && err != io.EOF {
		return nil, false
	}
	after, err := h.Stat()
	return b[:n], err == nil && after.ModTime().Equal(before.ModTime())
}

// batchMark begins a request for a batch; one for a single file begins with a brace.
const batchMark = 'B'

// batchHead is the request for a batch but for the content, which follows in the order of the files.
type batchHead struct {
	Job   // what all have in common
	Names []string
	Sizes []int64
}

func encodeBatch(jobs []Job, content [][]byte) ([]byte, error) {
	h := batchHead{Job: jobs[0]}
	for _, j := range jobs {
		h.Names, h.Sizes = append(h.Names, j.Name), append(h.Sizes, j.Size)
	}
	head, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	b := binary.AppendUvarint([]byte{batchMark}, uint64(len(head)))
	b = append(b, head...)
	for _, c := range content {
		b = append(b, c...)
	}
	return b, nil
}

var errBatch = errors.New("request for several files is malformed")

func decodeBatch(b []byte) (jobs []Job, content [][]byte, err error) {
	n, w := binary.Uvarint(b[1:])
	if w <= 0 || n > uint64(len(b)-1-w) {
		return nil, nil, errBatch
	}
	b = b[1+w:]
	var h batchHead
	if err := json.Unmarshal(b[:n], &h); err != nil {
		return nil, nil, fmt.Errorf("request: %w", err)
	}
	b = b[n:]
	if len(h.Names) != len(h.Sizes) {
		return nil, nil, errBatch
	}
	for i, size := range h.Sizes {
		if size < 0 || size > int64(len(b)) {
			return nil, nil, errBatch
		}
		j := h.Job
		j.Name, j.Size = h.Names[i], size
		jobs, content, b = append(jobs, j), append(content, b[:size:size]), b[size:]
	}
	return jobs, content, nil
}

// job is what the analysis of a file is told.
func (cfg *Config) job(s slot, size int64) Job {
	return Job{
		Name: s.file.Path, Size: size, Limits: cfg.Limits, Budget: cfg.Limits.Time, Deep: cfg.Deep, Trace: cfg.Trace != nil, Digest: cfg.Digest,
		Inspect: cfg.Inspect, Inside: s.inside,
	}
}
