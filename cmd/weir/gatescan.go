package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"weir"
	"weir/internal/advisory"
	"weir/internal/catalog"
	"weir/internal/gateway/intake"
	"weir/internal/policy"
	"weir/internal/sandbox"
	"weir/internal/scan"
	"weir/internal/source"
)

// gateScanner looks into what passes the gate, in a few worker processes that live as long as the gate: a small artifact costs a message
// there and back.
type gateScanner struct {
	cfg   scan.Config
	model func(string) bool
	pool  *sandbox.Pool
	rules string
}

// newGateScanner starts the workers. isolate is as for scan: auto, require, off.
func newGateScanner(isolate string, trust func(module, name string) bool) (*gateScanner, error) {
	limits := weir.DefaultLimits()
	s := &gateScanner{model: modelFormats()}
	if trust == nil {
		trust = func(string, string) bool { return false }
	}
	var err error
	if s.rules, err = ownDigest(); err != nil {
		return nil, err
	}
	db, err := advisory.Embedded()
	if err != nil {
		return nil, err
	}
	jobs := max(2, runtime.GOMAXPROCS(0))
	s.cfg = scan.Config{
		Catalog: engineCatalog(), Rules: catalog.Rules(), Trust: trust, Limits: limits, Jobs: jobs, Framework: frameworks(),
		Advise: malware(db),
	}
	if isolate == "off" {
		return s, nil
	}
	pool, err := sandbox.NewPool(sandbox.Config{
		Argv: []string{"weir", workerArg}, Env: workerHeap, Workers: jobs, Require: isolate == "require",
		Limits: sandbox.Limits{Memory: limits.Memory, Spool: limits.Expanded},
	})
	switch {
	case err == nil:
		s.pool, s.cfg.Isolate, s.cfg.Batch = pool, scan.Isolated(pool), scan.Batched(pool)
	case isolate == "require" || !errors.Is(err, sandbox.ErrUnsupported):
		return nil, fmt.Errorf("the scanner's workers cannot start: %w", err)
	}
	return s, nil
}

// ownDigest names this build: a verdict of another one is made anew.
func ownDigest() (string, error) {
	name, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return versionText() + "+" + hex.EncodeToString(h.Sum(nil))[:16], nil
}

func (s *gateScanner) close() {
	if s.pool != nil {
		s.pool.Close()
	}
}

func (s *gateScanner) scanner() intake.Scanner {
	return intake.Scanner{Rules: s.rules, Scan: s.scan, Hint: scanHint}
}

// scanHint reduces a name to what the formats look at: text is recognised by its name and its folder's, content with a magic number by its
// extension at most, and a compressed stream hands its own name on to what it holds.
func scanHint(name string, head []byte) string {
	name = strings.ToValidUTF8(strings.ReplaceAll(name, `\`, "/"), "\ufffd")
	dir, base := path.Split(name)
	if slices.Contains(head, 0) && !compressed(head) {
		hint := "content" + path.Ext(base)
		if strings.HasPrefix(base, "part-") {
			hint = "part-" + hint
		}
		return hint
	}
	if dir = path.Base(strings.TrimSuffix(dir, "/")); dir != "." && dir != "/" && dir != "" {
		return dir + "/" + base
	}
	return base
}

// compressed knows streams of one file: gzip, bzip2, xz, lzma, zstd, lz4, zlib. Zip and tar name what they hold themselves.
func compressed(head []byte) bool {
	for _, magic := range []string{"\x1f\x8b", "BZh", "\xfd7zXZ", "\x5d\x00\x00", "\x28\xb5\x2f\xfd", "\x04\x22\x4d\x18", "\x02\x21\x4c\x18", "\x78"} {
		if strings.HasPrefix(string(head), magic) {
			return true
		}
	}
	return false
}

// bytesPerSecond is what the scanner reads at the least, for the time that a large file is given.
const bytesPerSecond = 100 << 20

// scan judges one file, or the files of a folder together.
func (s *gateScanner) scan(ctx context.Context, folder bool, files []intake.Subject) (intake.Report, error) {
	cfg := s.cfg
	var most int64
	for _, f := range files {
		most = max(most, f.Size)
	}
	cfg.Limits.Time += time.Duration(most/bytesPerSecond) * time.Second
	var r intake.Report
	judge, err := policy.New(policy.Config{Model: s.model, Today: policy.Date(time.Now().Format(time.DateOnly)), Inert: true}, func(e weir.Event) error {
		note(&r, e)
		return nil
	})
	if err != nil {
		return r, err
	}
	sink := func(e weir.Event) error {
		if e.Finding != nil && e.Finding.Outside() {
			return nil // an old pin in a model's requirements is no reason to hold the model back
		}
		return judge.Sink(e)
	}
	if err := scan.Run(ctx, subjects(files, folder), cfg, sink); err != nil {
		return r, err
	}
	slices.SortStableFunc(r.Findings, func(a, b weir.Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	r.Findings = r.Findings[:min(len(r.Findings), intake.MaxNotes)]
	return r, nil
}

// mostHeld bounds the findings that are kept until the worst are known.
const mostHeld = 10_000

// note adds one event to a report.
func note(r *intake.Report, e weir.Event) {
	switch {
	case e.Finding != nil && len(r.Findings) < mostHeld:
		r.Findings = append(r.Findings, *e.Finding)
	case e.Problem != nil && len(r.Problems) < intake.MaxNotes:
		r.Problems = append(r.Problems, *e.Problem)
	case e.Artifact != nil && e.Artifact.Member == "":
		a := e.Artifact
		// A folder that is a model has an artifact of its own, which comes last and stands for all.
		if r.Format == "" || a.Holds != nil {
			r.Format, r.Framework = a.Format, a.Framework
		}
		r.Verdict = max(r.Verdict, a.Verdict)
	}
	if e.Problem != nil {
		r.Verdict = max(r.Verdict, weir.VerdictIncomplete)
	}
}

// subjects gives the engine the files under the names that the intake chose.
func subjects(files []intake.Subject, folder bool) iter.Seq2[source.File, error] {
	return func(yield func(source.File, error) bool) {
		var tree *source.Tree
		if folder {
			names := make([]string, len(files))
			for i, f := range files {
				names[i] = f.Name
			}
			tree = source.NewTree(names)
			order := tree.Order()
			sorted := make([]intake.Subject, len(files))
			for i, at := range order {
				sorted[i] = files[at]
			}
			files = sorted
		}
		for _, f := range files {
			if !yield(source.Given(f.Name, f.Size, tree.Dir(f.Name), func() (*os.File, error) { return os.Open(f.File) }), nil) {
				return
			}
		}
	}
}
