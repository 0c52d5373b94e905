package scan

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"weir/internal/format"
)

// Frames are sent when they are this full, and at the end of a file.
const (
	frameRecords = 512
	firstRecords = 32 // a first small frame, so that little is lost when a worker dies early
)

// flushEvery is how long a record may wait to be sent. Files are mostly read in less.
const flushEvery = 20 * time.Millisecond

// Doer is a pool of worker processes: sandbox.Pool is one. Do sends a request with descriptors to a worker and hands on the frames that
// come back.
type Doer interface {
	Do(ctx context.Context, req []byte, files []*os.File, each func(frame []byte) error) error
}

// Isolated makes an Isolate of a pool of workers that run [Serve].
func Isolated(pool Doer) Isolate {
	return func(ctx context.Context, job Job, f *os.File, out func(Record) error) error {
		req, err := json.Marshal(job)
		if err != nil {
			return err
		}
		if job.Budget > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, job.Budget+grace)
			defer cancel()
		}
		return pool.Do(ctx, req, []*os.File{f}, func(frame []byte) error {
			return decodeFrame(frame, out)
		})
	}
}

// Batched makes a Batch of the same pool.
func Batched(pool Doer) Batch {
	return func(ctx context.Context, jobs []Job, content [][]byte, out func(Record) error) error {
		req, err := encodeBatch(jobs, content)
		if err != nil {
			return err
		}
		return pool.Do(ctx, req, nil, func(frame []byte) error { return decodeFrame(frame, out) })
	}
}

// serveBatch answers a request for several small files. What was said of a file after the request's time is over is not sent: it would
// speak of a limit that is not the file's.
func serveBatch(ctx context.Context, cat Catalog, req []byte, spool Spool, send func([]byte) error) error {
	jobs, content, err := decodeBatch(req)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx) // one that costs little to derive from, for each file
	defer cancel()
	var frame []byte
	for i, job := range jobs {
		kept := len(frame)
		job.Budget = 0 // the request's time is shorter
		err := Analyze(ctx, job, bytes.NewReader(content[i]), spool, cat, func(r Record) (err error) {
			if frame, err = appendRecord(frame, &r); err == nil && len(frame) > kept+mostOfOne {
				err = errTalkative
			}
			return err
		})
		if err = cmp.Or(err, ctx.Err()); err != nil {
			return cmp.Or(send(frame[:kept]), err)
		}
		if len(frame) > batchFrame {
			if err := send(frame); err != nil {
				return err
			}
			frame = frame[:0]
		}
	}
	return send(frame)
}

// Bounds of the answer to a batch.
const (
	batchFrame = 64 << 10 // it is sent from this size on
	mostOfOne  = 1 << 20  // a file of which more is to be said is examined alone
)

var errTalkative = errors.New("too much to say of one file in a batch")

// Serve answers one request in a worker: the other end of [Isolated]. Its signature is sandbox.Handler's.
func Serve(cat Catalog) func(ctx context.Context, req []byte, files []*os.File, spool *os.File, send func(frame []byte) error) error {
	return func(ctx context.Context, req []byte, files []*os.File, spool *os.File, send func([]byte) error) error {
		var sp Spool
		if spool != nil {
			sp = spool
		}
		if len(req) > 0 && req[0] == batchMark {
			return serveBatch(ctx, cat, req, sp, send)
		}
		var job Job
		if err := json.Unmarshal(req, &job); err != nil {
			return fmt.Errorf("request: %w", err)
		}
		if len(files) != 1 {
			return fmt.Errorf("request with %d files: %w", len(files), format.ErrLimit)
		}
		var mu sync.Mutex // over all of these
		var batch []Record
		var frame []byte
		var sendErr error
		full := firstRecords
		flush := func() error {
			if len(batch) == 0 {
				return nil
			}
			var err error
			if frame, err = encodeFrame(frame[:0], batch); err != nil {
				return err
			}
			clear(batch)
			batch = batch[:0]
			full = frameRecords
			return send(frame)
		}
		// What is known goes out while the analysis goes on: a file that brings the worker down later must not take its findings with it.
		tick := time.NewTicker(flushEvery)
		ended, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-ended:
					return
				case <-tick.C:
					mu.Lock()
					sendErr = cmp.Or(sendErr, flush())
					mu.Unlock()
				}
			}
		}()
		err := Analyze(ctx, job, files[0], sp, cat, func(r Record) error {
			mu.Lock()
			defer mu.Unlock()
			if batch = append(batch, r); len(batch) >= full {
				sendErr = cmp.Or(sendErr, flush())
			}
			return sendErr
		})
		tick.Stop()
		close(ended)
		<-stopped
		if err != nil {
			return err
		}
		return cmp.Or(sendErr, flush())
	}
}
