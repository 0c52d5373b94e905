package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"weir"
	"weir/internal/report"
)

// outputs are the reports that one command writes: at most one to standard output, any number to files.
type outputs struct {
	stdout *report.Format // nil: nothing goes there
	files  []*outputFile
}

// outputFile is a report on its way to a file. It is written beside the scan, out of the way of what is scanned, and put into its place
// when it is whole.
type outputFile struct {
	path   string
	format report.Format
	spool  *spool
}

// spool holds a report until it is whole: in a file without a name, or in memory where the system's folder for such files cannot be written.
type spool struct {
	file *os.File
	mem  bytes.Buffer
}

func newSpool() *spool {
	f, err := os.CreateTemp("", "weir-report-*")
	if err != nil {
		return &spool{}
	}
	os.Remove(f.Name()) // where the system allows it the name goes at once; otherwise with close
	return &spool{file: f}
}

func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil {
		return s.mem.Write(p)
	}
	n, err := s.file.Write(p)
	if err != nil {
		err = fmt.Errorf("no room in the folder for temporary files (TMPDIR names another): %w", bare(err))
	}
	return n, err
}

func (s *spool) copyTo(w io.Writer) error {
	if s.file == nil {
		_, err := w.Write(s.mem.Bytes())
		return err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(w, s.file)
	return err
}

func (s *spool) close() {
	if s != nil && s.file != nil {
		s.file.Close()
		os.Remove(s.file.Name())
	}
}

// parseOutputs reads --format and --output: FILE is where the report goes instead of standard output, FORMAT=FILE a further one.
func parseOutputs(format string, list []string) (*outputs, error) {
	main, err := report.Find(format)
	if err != nil {
		return nil, usage(didYouMean(format, report.Names()), "%s", err)
	}
	o := &outputs{stdout: &main}
	var stdout, seen []string
	for _, spec := range list {
		f, path := main, spec
		if name, rest, ok := strings.Cut(spec, "="); ok && isWord(name) {
			if f, err = report.Find(name); err != nil {
				return nil, usage(didYouMean(name, report.Names()), "--output %q: %s", spec, err)
			}
			path = rest
		} else if spec != "-" {
			o.stdout = nil
		}
		switch {
		case path == "":
			return nil, usage("", "--output %q names no file", spec)
		case path == "-":
			stdout = append(stdout, spec)
			o.stdout = &f
			continue
		case slices.Contains(seen, filepath.Clean(path)):
			return nil, usage("", "--output %q: two reports cannot go to one file", spec)
		}
		seen = append(seen, filepath.Clean(path))
		o.files = append(o.files, &outputFile{path: path, format: f})
	}
	if len(stdout) > 1 {
		return nil, usage("", "--output %q: two reports cannot go to standard output", stdout[1])
	}
	return o, nil
}

func isWord(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r < 'a' || r > 'z' }) < 0
}

// open makes sure that every file can be written, as far as that can be known before there is something to write.
func (o *outputs) open() error {
	for _, f := range o.files {
		if err := f.open(); err != nil {
			o.discard()
			return cannotWrite(f.path, err)
		}
	}
	return nil
}

func (f *outputFile) open() error {
	if info, err := os.Stat(f.path); err == nil && !info.Mode().IsRegular() {
		if info.IsDir() {
			return errors.New("it is a folder")
		}
		f.spool = newSpool() // a device or pipe
		return nil
	}
	probe, err := f.temp()
	if err != nil {
		return err
	}
	probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		return err
	}
	f.spool = newSpool()
	return nil
}

// temp makes a new file beside the one to be written, where it can be renamed into its place.
func (f *outputFile) temp() (*os.File, error) {
	return os.CreateTemp(filepath.Dir(f.target()), ".weir-output-*")
}

// target is the file itself where the path is a symbolic link to one.
func (f *outputFile) target() string {
	if real, err := filepath.EvalSymlinks(f.path); err == nil {
		return real
	}
	return f.path
}

// sink writes every report.
func (o *outputs) sink(stdout io.Writer, opts, fileOpts report.Options) weir.Sink {
	var sinks []weir.Sink
	if o.stdout != nil {
		sinks = append(sinks, o.stdout.New(stdout, opts))
	}
	for _, f := range o.files {
		sinks = append(sinks, f.format.New(f.spool, fileOpts))
	}
	return report.Tee(sinks...)
}

// commit puts the files into their places: all that can be, and the first error of the others.
func (o *outputs) commit() error {
	var first error
	for _, f := range o.files {
		if err := f.commit(); err != nil && first == nil {
			first = cannotWrite(f.path, err)
		}
	}
	return first
}

func (f *outputFile) commit() error {
	if info, err := os.Stat(f.path); err == nil && !info.Mode().IsRegular() {
		dst, err := os.OpenFile(f.path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(f.spool.copyTo(dst), dst.Close())
	}
	mode := os.FileMode(0o644)
	target := f.target()
	if info, err := os.Stat(target); err == nil {
		mode = info.Mode().Perm()
	}
	tmp, err := f.temp()
	if err != nil {
		return err
	}
	if err = errors.Join(f.spool.copyTo(tmp), tmp.Chmod(mode), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), target)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return err
}

// discard frees what is left of the files' contents.
func (o *outputs) discard() {
	for _, f := range o.files {
		f.spool.close()
	}
}

// pipeWriter writes to standard output until its reader has gone; then the rest is dropped, so that the scan still ends with its own exit code.
type pipeWriter struct {
	w      io.Writer
	closed bool
	late   bool  // an error (a full disk) waits in err: the other reports of the scan are still wanted
	err    error // of writing
}

func (p *pipeWriter) Write(b []byte) (int, error) {
	if p.closed {
		return len(b), nil
	}
	n, err := p.w.Write(b)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		p.closed = true
		return len(b), nil
	}
	if err != nil {
		err = cannotWrite("standard output", err)
	}
	if err != nil && p.late {
		p.closed, p.err = true, err
		return len(b), nil
	}
	return n, err
}

// helpWriter takes what the command library writes by itself (help, versions, completions) and keeps the error, which that would print in its
// own way or drop.
type helpWriter struct {
	w   io.Writer
	err error
}

func (h *helpWriter) Write(b []byte) (int, error) {
	if h.err == nil {
		_, h.err = h.w.Write(b)
	}
	return len(b), nil
}

// outputHelp lists the formats for help texts.
func outputHelp() string {
	var b strings.Builder
	for _, f := range report.All() {
		fmt.Fprintf(&b, "  %-9s %s\n", f.Name, f.Doc)
	}
	return strings.TrimRight(b.String(), "\n")
}
