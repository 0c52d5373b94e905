package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir"
	"weir/internal/policy"
	"weir/internal/remedy"
	"weir/internal/report"
)

// maxFixed bounds a manifest that is edited; honest ones have a few KiB.
const maxFixed = 32 << 20

func newFix(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "fix [TARGET...]",
		Short:   "Move vulnerable dependencies to the smallest versions without known flaws",
		GroupID: "work",
		Long: `Fix looks for dependencies as weir scan does, in every manifest, and rewrites the pins and ranges of those with known
flaws: to the smallest version at or above the stated one of which no flaw is known. Comments, order, markers,
extras and everything else stay as they are. Without --write nothing is touched: the change is shown as a unified
diff, which git apply takes. What cannot be edited (a lock file, an installed environment, a member of an archive,
a line that names no version) is listed with the reason and what to do. Files that cannot be parsed are never
touched.

Hashes beside a rewritten pin are those of the old version, so pip refuses it until the file is locked again; fix
says so.

Exit codes: 0 nothing to change, or --write changed it; 1 a change is proposed; 2 wrong use or configuration; 3 not
everything could be examined, and no change is proposed; 4 internal error.`,
		Example: `  weir fix                        show what would change below this folder
  weir fix model/requirements.txt
  weir fix . > fix.patch          the diff alone; what stays is told on standard error
  weir fix --write .              change the files, each at once or not at all`,
	}
	f := cmd.Flags()
	f.Bool("write", false, "change the files")
	f.Bool("dry-run", false, "show the change as a diff and touch nothing; this is the default")
	addOptions(f, "db", "exclude", "jobs", "isolate", "quiet", "limits.time", "limits.memory", "limits.depth", "limits.members", "limits.expanded", "limits.ratio")
	cmd.RunE = func(_ *cobra.Command, args []string) error { return a.fix(cmd, args) }
	return cmd
}

// fixFacts are the statements of one file that could be edited.
type fixFacts struct {
	path string
	reqs []weir.Requirement
}

// fixing gathers, while the engine runs, what the plan needs.
type fixing struct {
	order    []*fixFacts
	byPath   map[string]*fixFacts
	packages []weir.Package
	problems int
}

func (x *fixing) take(e weir.Event) error {
	switch {
	case e.Problem != nil:
		x.problems++
	case e.Package != nil && len(e.Package.Flaws) > 0:
		x.packages = append(x.packages, *e.Package)
	case e.Fact != nil && e.Fact.Member == "":
		r, ok := e.Fact.Fact.(weir.Requirement)
		if !ok || r.Name == "" {
			break
		}
		f := x.byPath[e.Fact.Path]
		if f == nil {
			f = &fixFacts{path: e.Fact.Path}
			x.byPath[f.path] = f
			x.order = append(x.order, f)
		}
		f.reqs = append(f.reqs, r)
	}
	return nil
}

func (a *app) fix(cmd *cobra.Command, targets []string) error {
	write, _ := cmd.Flags().GetBool("write")
	if dry, _ := cmd.Flags().GetBool("dry-run"); dry && write {
		return usage("Without --write nothing is changed.", "--write and --dry-run contradict each other")
	}
	if slices.Contains(targets, "-") {
		return usage("Name files or folders.", "standard input cannot be edited")
	}
	s, err := loadSettings(a, cmd)
	if err != nil {
		return err
	}
	cfg, err := a.engineConfig(cmd, s, targets)
	if err != nil {
		return err
	}
	db, err := a.openAdvisories(s)
	if err != nil {
		return err
	}
	defer db.Close()
	cfg.facts, cfg.advise = true, a.advise(s, db)
	p := startProgress(a.stderr, s.flag("quiet"))
	defer p.end()
	found := &fixing{byPath: map[string]*fixFacts{}}
	judge, err := policy.New(policy.Config{FailOn: weir.SeverityNone, Show: weir.SeverityCritical, Today: policy.Date(a.today().Format(time.DateOnly)), Model: modelFormats(), Inert: true}, found.take)
	if err != nil {
		return internal(err)
	}
	if err := a.stream(cfg, judge, p); err != nil {
		return err
	}
	p.clear()
	if err := db.Err(); err != nil {
		return &failure{code: exitInternal, what: "the advisories are damaged", err: err}
	}
	out := &fixReport{diff: bufio.NewWriter(&pipeWriter{w: a.stdout}), notes: a.stderr, write: write, quiet: s.flag("quiet"), done: map[string]bool{}}
	for _, f := range found.order {
		if err := out.file(f, db.Advise); err != nil {
			return err
		}
	}
	out.rest(found.packages)
	if err := out.diff.Flush(); err != nil {
		return outputError(err)
	}
	return out.end(judge.Summary().ExitCode, found.problems)
}

// fixReport shows or makes the changes, and tells what stays.
type fixReport struct {
	diff           *bufio.Writer
	notes          io.Writer
	write, quiet   bool
	files, changes int
	stays          int
	done           map[string]bool // path, line and package of what was told
}

func told(path string, line int, name string) string {
	return fmt.Sprintf("%d %s %s", line, path, name)
}

func (o *fixReport) note(format string, args ...any) {
	if !o.quiet {
		fmt.Fprintln(o.notes, report.Printable(fmt.Sprintf(format, args...)))
	}
}

// file plans one file's changes, and shows or makes them.
func (o *fixReport) file(f *fixFacts, advise func(weir.Requirement) weir.Advice) error {
	if !slices.ContainsFunc(f.reqs, func(r weir.Requirement) bool { return len(advise(r).Advisories) > 0 }) {
		return nil
	}
	content, err := readWhole(f.path)
	if err != nil {
		o.note("weir: %s: %v", f.path, bare(err))
		return nil
	}
	changes, left := remedy.Plan(content, f.reqs, advise)
	for _, l := range left {
		o.stay(f.path, l.Line, l.Name, l.Version, l.Flaws, l.Why)
	}
	if len(changes) == 0 {
		return nil
	}
	for _, c := range changes {
		notes := ""
		if len(c.Notes) > 0 {
			notes = " (" + strings.Join(c.Notes, "; ") + ")"
		}
		if len(c.Stays) > 0 {
			o.stays++
			notes += "; no release fixes " + shortList(c.Stays)
		}
		for name := range strings.SplitSeq(c.Name, ", ") {
			o.done[told(f.path, c.Line, name)] = true
		}
		o.note("%s:%d: %s %s → %s: %s%s", f.path, c.Line, c.Name, c.From, c.To, shortList(c.Flaws), notes)
	}
	o.files++
	o.changes += len(changes)
	if !o.write {
		_, err := o.diff.WriteString(remedy.Diff(filepath.ToSlash(filepath.Clean(f.path)), content, changes))
		return err
	}
	if err := replace(f.path, remedy.Apply(content, changes)); err != nil {
		return cannotWrite(f.path, err)
	}
	return nil
}

// rest tells of vulnerable packages that no file of its own states: members of archives, versions that another file gives.
func (o *fixReport) rest(packages []weir.Package) {
	for _, k := range packages {
		name, version := nameOfPURL(k.PURL)
		where := k.Path
		why := "its version stands in another file, or its place cannot be edited"
		if k.Member != "" {
			where, why = k.Path+"!/"+k.Member, "it lies in an archive: change it where that is made"
		}
		if k.Safe != "" {
			why += "; the version to take is " + k.Safe
		}
		o.stay(where, k.Line, name, version, k.Flaws, why)
	}
}

func (o *fixReport) stay(path string, line int, name, version string, flaws []string, why string) {
	key := told(path, line, name)
	if o.done[key] {
		return
	}
	o.done[key] = true
	o.stays++
	o.note("%s:%d: %s stays: %s: %s", path, line, strings.TrimSpace(name+" "+version), shortList(flaws), why)
}

// nameOfPURL gives the package's name as requirements spell it, and its version.
func nameOfPURL(purl string) (name, version string) {
	kind, rest, _ := strings.Cut(strings.TrimPrefix(purl, "pkg:"), "/")
	name, version, _ = strings.Cut(rest, "@")
	if kind == "maven" {
		name = strings.Replace(name, "/", ":", 1)
	}
	return name, version
}

func shortList(ids []string) string {
	if len(ids) > 3 {
		return fmt.Sprintf("%s and %d more flaws", strings.Join(ids[:3], ", "), len(ids)-3)
	}
	return strings.Join(ids, ", ")
}

// end tells the sum and gives the exit code.
func (o *fixReport) end(code, problems int) error {
	verb := "would change"
	if o.write {
		verb = "changed"
	}
	o.note("weir: %s %d pins in %d files; %d vulnerable dependencies stay", verb, o.changes, o.files, o.stays)
	switch {
	case o.changes > 0 && !o.write:
		return exit(1)
	case code == exitUsage:
		return exit(exitUsage)
	case problems > 0:
		return exit(policy.ExitIncomplete)
	}
	return nil
}

// readWhole reads a file of bounded size.
func readWhole(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFixed+1))
	if err == nil && len(b) > maxFixed {
		err = fmt.Errorf("larger than the %d MiB that fix edits", maxFixed>>20)
	}
	return b, err
}

// replace puts new content into a file's place at once: who reads it sees the old or the new one. Links are followed, so that they stay links.
func replace(name string, content []byte) error {
	name, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".weir-fix-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Chmod(info.Mode().Perm()); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
