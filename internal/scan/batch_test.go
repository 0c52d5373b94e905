package scan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"weir"
)

// fragile is a pool whose workers die of any file that holds the word "deadly".
type fragile struct {
	serve   func(context.Context, []byte, []*os.File, *os.File, func([]byte) error) error
	batches int
	alone   int
}

var errDied = errors.New("worker killed by SIGSEGV")

func (p *fragile) Do(ctx context.Context, req []byte, files []*os.File, each func([]byte) error) error {
	if len(files) == 0 {
		p.batches++
		jobs, content, err := decodeBatch(req)
		if err != nil {
			return err
		}
		for i, c := range content {
			if !strings.Contains(string(c), "deadly") {
				continue
			}
			// Everything before it is done; of the deadly one only a part comes through.
			if req, err = encodeBatch(jobs[:i+1], content[:i+1]); err != nil {
				return err
			}
			var records []Record
			if err := p.serve(ctx, req, nil, nil, func(frame []byte) error {
				return decodeFrame(frame, func(r Record) error { records = append(records, r); return nil })
			}); err != nil {
				return err
			}
			frame, err := encodeFrame(nil, records[:len(records)-1]) // not its last word
			if err != nil {
				return err
			}
			return errors.Join(each(frame), errDied)
		}
		return p.serve(ctx, req, nil, nil, each)
	}
	p.alone++
	b := make([]byte, 64)
	n, _ := files[0].ReadAt(b, 0)
	err := p.serve(ctx, req, files, nil, each)
	if strings.Contains(string(b[:n]), "deadly") {
		return errDied
	}
	return err
}

func TestBatchSaysTheSame(t *testing.T) {
	var files []string
	for i := range 3 * batchFiles {
		files = append(files, []string{"B:", "N:N:B:", "P:", "E:", "K:", "text", "", strings.Repeat("x", batchFile+1)}[i%8])
	}
	cfg := testConfig()
	want := run(t, cfg, files...)
	p := &fragile{serve: Serve(cfg.Catalog)}
	cfg.Isolate, cfg.Batch, cfg.Jobs = Isolated(p), Batched(p), 1
	if got := run(t, cfg, files...); !slices.Equal(got, want) {
		t.Errorf("in batches\n%s\nin process\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if p.batches == 0 || p.alone > len(files)/4 {
		t.Errorf("%d batches, %d files alone", p.batches, p.alone)
	}
}

// TestBatchDies: the file that brings a worker down gets the problem, with what was said of it before; the others are examined all the same.
func TestBatchDies(t *testing.T) {
	files := []string{"B:", "B: one", "B: deadly", "B: three", "N:B:"}
	cfg := testConfig()
	p := &fragile{serve: Serve(cfg.Catalog)}
	cfg.Isolate, cfg.Batch, cfg.Jobs = Isolated(p), Batched(p), 1
	got := run(t, cfg, files...)
	text := strings.Join(got, "\n")
	died := 0
	for _, l := range got {
		if strings.Contains(l, errDied.Error()) {
			died++
			if !strings.HasPrefix(l, "problem 002") {
				t.Errorf("the wrong file is blamed: %s", l)
			}
		}
	}
	findings := 0
	for _, l := range got {
		if strings.HasPrefix(l, "finding ") {
			findings++
		}
	}
	if died != 1 || findings != len(files) {
		t.Errorf("%d deaths and %d findings, want 1 and %d:\n%s", died, findings, len(files), text)
	}
}

func TestDecodeBatchRefuses(t *testing.T) {
	good, err := encodeBatch([]Job{{Name: "a", Size: 1, Limits: weir.DefaultLimits()}, {Name: "b", Size: 2}}, [][]byte{{1}, {2, 3}})
	if err != nil {
		t.Fatal(err)
	}
	jobs, content, err := decodeBatch(good)
	if err != nil || len(jobs) != 2 || jobs[1].Name != "b" || jobs[1].Limits != weir.DefaultLimits() || fmt.Sprint(content) != "[[1] [2 3]]" {
		t.Errorf("got %+v, %v, %v", jobs, content, err)
	}
	for n := range good {
		if _, _, err := decodeBatch(good[:max(n, 1)]); err == nil {
			t.Errorf("a request that is cut off at %d was taken", n)
		}
	}
}
