package scan_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"weir"
	"weir/internal/catalog"
	"weir/internal/scan"
	"weir/internal/source"
)

// smallFiles reads the small benign fixtures: what a folder of ordinary models holds.
func smallFiles(b *testing.B) [][]byte {
	b.Helper()
	var all [][]byte
	for _, family := range []string{"sklearn", "numpy", "std", "pandas", "torch"} {
		err := filepath.WalkDir(filepath.Join("../../testdata/benign", family), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			all = append(all, data)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if len(all) < 50 {
		b.Fatalf("only %d fixtures", len(all))
	}
	return all
}

func catalogue() scan.Catalog {
	return scan.Catalog{Formats: catalog.Formats(), Opaque: catalog.Opaque()}
}

// BenchmarkAnalyze is the worker's share of a small file.
func BenchmarkAnalyze(b *testing.B) {
	files, cat, limits := smallFiles(b), catalogue(), weir.DefaultLimits()
	records := 0
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		f := files[i%len(files)]
		job := scan.Job{Name: "model", Size: int64(len(f)), Limits: limits, Budget: limits.Time}
		err := scan.Analyze(context.Background(), job, bytes.NewReader(f), nil, cat, func(scan.Record) error { records++; return nil })
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(records)/float64(b.N), "records/op")
}

// loopback is a pool whose worker is this process: the same bytes cross, no process does.
type loopback struct {
	serve func(ctx context.Context, req []byte, files []*os.File, spool *os.File, send func(frame []byte) error) error
	bytes int
}

func (l *loopback) Do(ctx context.Context, req []byte, files []*os.File, each func(frame []byte) error) error {
	return l.serve(ctx, req, files, nil, func(frame []byte) error { l.bytes += len(frame); return each(frame) })
}

// BenchmarkRun is a whole scan of a folder, per file: walk, analysis, the pipe's encoding both ways, rules, events.
func BenchmarkRun(b *testing.B) {
	l := &loopback{serve: scan.Serve(catalogue())}
	cfg := scan.Config{Catalog: catalogue(), Rules: catalog.Rules(), Limits: weir.DefaultLimits(), Jobs: 1, Isolate: scan.Isolated(l)}
	done := 0
	b.ReportAllocs()
	for done < b.N {
		files := source.Walk(context.Background(), []string{"../../testdata/benign/sklearn", "../../testdata/benign/std"}, source.Options{})
		err := scan.Run(context.Background(), files, cfg, func(e weir.Event) error {
			if e.Artifact != nil {
				done++
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		if done == 0 {
			b.Fatal("no fixtures")
		}
	}
	b.ReportMetric(float64(l.bytes)/float64(done), "frame-B/op")
}
