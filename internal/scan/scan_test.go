package scan

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weir"
	"weir/internal/format"
	"weir/internal/rule"
	"weir/internal/source"
)

// The formats of these tests: "N:rest" nests rest, "Z:" inflates what follows with gzip, "B:text" emits a fact, "P:" panics, "E:" fails,
// "S:" reads for ever.
func testFormats() []format.Format {
	prefix := func(p string) func(format.Head) bool {
		return func(h format.Head) bool { return bytes.HasPrefix(h.First, []byte(p)) }
	}
	return []format.Format{
		{Name: "nest", Model: true, Parsed: true, Match: prefix("N:"), Parse: func(in *format.Input) error {
			_, err := in.Nested("in", io.NewSectionReader(in, 2, in.Size-2), in.Size-2)
			return err
		}},
		{Name: "inflate", Parsed: true, Match: prefix("Z:"), Parse: func(in *format.Input) error {
			z, err := gzip.NewReader(io.NewSectionReader(in, 2, in.Size-2))
			if err != nil {
				return err
			}
			_, err = in.Expand("out", z, in.Size-2)
			return err
		}},
		{Name: "bad", Model: true, Parsed: true, Match: prefix("B:"), Parse: func(in *format.Input) error {
			in.Emit(weir.Note{Key: "bad", Value: "yes"})
			return nil
		}},
		{Name: "panics", Model: true, Parsed: true, Match: prefix("P:"), Parse: func(in *format.Input) error {
			in.Emit(weir.Note{Key: "bad", Value: "before"})
			panic("boom")
		}},
		{Name: "fails", Model: true, Parsed: true, Match: prefix("E:"), Parse: func(*format.Input) error { return errors.New("no sense in it") }},
		{Name: "spins", Model: true, Parsed: true, Match: prefix("S:"), Parse: func(in *format.Input) error {
			b := make([]byte, 1)
			for {
				if _, err := in.ReadAt(b, 0); err != nil {
					return err
				}
			}
		}},
		{Name: "known", Match: prefix("K:")},
	}
}

func testConfig() Config {
	return Config{
		Catalog: Catalog{Formats: testFormats()}, Limits: weir.DefaultLimits(), Jobs: 2, Facts: true,
		Rules: []rule.Rule{{ID: "test/bad", Severity: weir.SeverityHigh, Check: func(p *rule.Pass) {
			for _, f := range p.Units[0].Facts {
				if n, ok := f.(weir.Note); ok {
					p.Report(weir.Finding{Member: p.Units[0].Member, Message: n.Value})
				}
			}
		}}},
	}
}

func gz(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

// run scans content in memory order and gives back one line an event.
func run(t *testing.T, cfg Config, files ...string) []string {
	t.Helper()
	dir := t.TempDir()
	for i, c := range files {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d", i)), []byte(c), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	var out []string
	err := Run(context.Background(), source.Walk(context.Background(), nil, source.Options{}), cfg, func(e weir.Event) error {
		switch {
		case e.Finding != nil:
			out = append(out, fmt.Sprintf("finding %s %s %s", e.Finding.Path, e.Finding.Member, e.Finding.Message))
		case e.Problem != nil:
			out = append(out, fmt.Sprintf("problem %s %s %s: %s", e.Problem.Path, e.Problem.Member, e.Problem.Stage, e.Problem.Reason))
		case e.Artifact != nil:
			out = append(out, fmt.Sprintf("artifact %s %s %s", e.Artifact.Path, e.Artifact.Format, e.Artifact.Coverage))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAnalysis(t *testing.T) {
	small := weir.DefaultLimits()
	small.Depth, small.Members, small.Facts = 4, 6, 1
	short := weir.DefaultLimits()
	short.Time = 50 * time.Millisecond
	for _, c := range []struct {
		name    string
		content string
		limits  weir.Limits
		want    string // what must be among the lines
	}{
		{"plain", "B:", weir.DefaultLimits(), "finding 000  yes"},
		{"nested", "N:N:B:", weir.DefaultLimits(), "finding 000 in!/in yes"},
		{"inflated", "Z:" + gz("B:"), weir.DefaultLimits(), "finding 000 out yes"},
		{"inflated to the spool", "Z:" + gz("N:B:"+strings.Repeat(fmt.Sprint(time.Now()), 60_000)), weir.DefaultLimits(), "finding 000 out!/in yes"},
		{"panic keeps what came before", "P:", weir.DefaultLimits(), "finding 000  before"},
		{"panic is a problem", "N:P:", weir.DefaultLimits(), "problem 000 in crash: parser panics panicked: boom"},
		{"error is a problem", "E:", weir.DefaultLimits(), "problem 000  parse: no sense in it"},
		{"a problem makes coverage partial", "E:", weir.DefaultLimits(), "artifact 000 fails partial"},
		{"recognised only", "K:", weir.DefaultLimits(), "artifact 000 known recognised"},
		{"depth", "N:N:N:N:N:B:", small, "problem 000 in!/in!/in!/in!/in limit: more than 4 containers within each other"},
		{"bomb", "Z:" + gz(strings.Repeat("\x00", 40<<20)), weir.DefaultLimits(), "problem 000 out limit: inflates to more than 200 times its size: limit reached"},
		{"time", "S:", short, "problem 000  limit: time for this file is over: limit reached"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := testConfig()
			cfg.Limits = c.limits
			lines := run(t, cfg, c.content)
			if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, c.want) }) {
				t.Errorf("no line begins with %q:\n%s", c.want, strings.Join(lines, "\n"))
			}
		})
	}
}

// fullDisk is a spool on a disk without space.
type fullDisk struct{ io.ReaderAt }

func (fullDisk) WriteAt([]byte, int64) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "/somewhere/spool", Err: errors.New("no space left")}
}

// TestFullDisk holds that a machine without room is a problem and no bomb, with and without a spool.
func TestFullDisk(t *testing.T) {
	content := "Z:" + gz(strings.Repeat(fmt.Sprint(time.Now()), 60_000))
	for name, spool := range map[string]Spool{"full": fullDisk{}, "none": nil} {
		problems := 0
		job := Job{Name: "x", Size: int64(len(content)), Limits: weir.DefaultLimits()}
		err := Analyze(context.Background(), job, strings.NewReader(content), spool, Catalog{Formats: testFormats()}, func(r Record) error {
			switch {
			case r.Problem != nil:
				problems++
				if r.Problem.Stage != "limit" || !strings.Contains(r.Problem.Reason, "no room") || strings.Contains(r.Problem.Reason, "/somewhere") {
					t.Errorf("%s: problem %+v", name, r.Problem)
				}
			case r.Fact != nil:
				t.Errorf("%s: fact %+v", name, r.Fact.Fact)
			}
			return nil
		})
		if err != nil || problems == 0 {
			t.Errorf("%s: %d problems, error %v", name, problems, err)
		}
	}
}

// TestOrder scans many files with several jobs: events come in the order of the files, each file's together.
func TestOrder(t *testing.T) {
	var files []string
	for i := range 200 {
		files = append(files, strings.Repeat("N:", i%7)+"B:")
	}
	cfg := testConfig()
	cfg.Jobs = 1
	one := run(t, cfg, files...)
	cfg.Jobs = 4
	if many := run(t, cfg, files...); !slices.Equal(one, many) {
		t.Error("the order of events depends on the number of jobs")
	}
	if len(one) != 400 {
		t.Errorf("%d lines, want 400", len(one))
	}
}

// loop is a pool that runs the worker's side in this process and cuts its answers off after some frames.
type loop struct {
	serve func(context.Context, []byte, []*os.File, *os.File, func([]byte) error) error
	cut   int
}

func (l *loop) Do(ctx context.Context, req []byte, files []*os.File, each func([]byte) error) error {
	n := 0
	crash := errors.New("worker killed by SIGKILL")
	err := l.serve(ctx, req, files, nil, func(frame []byte) error {
		if n++; l.cut > 0 && n >= l.cut {
			return crash
		}
		return each(frame)
	})
	return err
}

func TestIsolatedSaysTheSame(t *testing.T) {
	files := []string{"B:", "N:N:B:", "P:", "E:", "K:", "text", ""}
	cfg := testConfig()
	want := run(t, cfg, files...)
	cfg.Isolate = Isolated(&loop{serve: Serve(cfg.Catalog)})
	if got := run(t, cfg, files...); !slices.Equal(got, want) {
		t.Errorf("isolated\n%s\nin process\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWorkerDies(t *testing.T) {
	cfg := testConfig()
	cfg.Isolate = Isolated(&loop{serve: Serve(cfg.Catalog), cut: 1})
	lines := run(t, cfg, "B:", "B:")
	want := "problem 001  crash: worker killed by SIGKILL"
	if !slices.Contains(lines, want) {
		t.Errorf("no line %q:\n%s", want, strings.Join(lines, "\n"))
	}
}

// TestWorkerLies feeds records that no honest worker sends.
func TestWorkerLies(t *testing.T) {
	for _, rec := range []Record{
		{Fact: &FactRecord{Unit: 3, Fact: weir.Note{}}},
		{Fact: &FactRecord{Unit: -1, Fact: weir.Note{}}},
	} {
		r := &result{}
		if err := r.add(rec); err == nil {
			t.Errorf("%+v was taken", rec)
		}
	}
}

func TestChangedWhileRead(t *testing.T) {
	cfg := testConfig()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("m", []byte("B:"), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg.Isolate = func(ctx context.Context, job Job, f *os.File, out func(Record) error) error {
		if err := os.WriteFile("m", []byte("B: and more"), 0o644); err != nil {
			t.Error(err)
		}
		return inProcess(ctx, job, f, cfg.Catalog, out)
	}
	said := false
	err := Run(context.Background(), source.Walk(context.Background(), []string{"m"}, source.Options{}), cfg, func(e weir.Event) error {
		said = said || e.Problem != nil && strings.Contains(e.Problem.Reason, "changed while")
		return nil
	})
	if err != nil || !said {
		t.Errorf("err %v, said %v", err, said)
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	t.Chdir(t.TempDir())
	for i := range 50 {
		if err := os.WriteFile(fmt.Sprint(i), []byte("B:"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	err := Run(ctx, source.Walk(ctx, nil, source.Options{}), testConfig(), func(e weir.Event) error {
		if e.Artifact != nil {
			if n++; n == 3 {
				cancel()
			}
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want canceled", err)
	}
	if n < 3 || n == 50 {
		t.Errorf("%d files were sent", n)
	}
}

// What a parser has said leaves the worker while the parser goes on: a crash later must not take it along.
func TestFindingsLeaveBeforeTheEnd(t *testing.T) {
	sent := make(chan struct{})
	cat := Catalog{Formats: []format.Format{{
		Name: "slow", Match: func(format.Head) bool { return true },
		Parse: func(in *format.Input) error {
			in.Emit(weir.Note{Key: "k", Value: "v"})
			select {
			case <-sent:
			case <-time.After(time.Minute):
				t.Error("nothing was sent while the parser was at work")
			}
			return nil
		},
	}}}
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	l := &loop{serve: Serve(cat)}
	err = Isolated(l)(t.Context(), Job{Name: "x", Size: 1, Limits: testConfig().Limits}, f, func(r Record) error {
		if r.Fact != nil {
			once.Do(func() { close(sent) })
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
