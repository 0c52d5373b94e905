// Package source opens what the user named (path, stdin, URL, object store, OCI, Hugging Face, MLflow) and yields its files, bounded.
//
// Start with [Walk]. Paths, folders and standard input are what it opens today.
package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/bmatcuk/doublestar/v4"

	"weir"
)

// File is one file to examine. It is opened late, so that a long list costs no descriptors.
type File struct {
	Path string // as the user would name it: relative to the working directory where it lies below it; always valid UTF-8
	Size int64  // bytes, when it was found
	// Skipped is set for folders and files that were left out on purpose (.git, node_modules, virtual environments, --exclude); they count.
	Skipped bool
	Dir     *Dir // the folder in which the walk met it; nil for a target that was named itself
	open    func() (*os.File, error)
}

// Dir is a folder of the walk. Files of one folder share one Dir, and all files below it come without others between them.
type Dir struct {
	Path  string   // as File.Path
	Names []string // of its entries, files and folders, sorted; left-out ones too
	Up    *Dir     // the folder that holds it; nil for a target
}

// Open opens the file for reading. The caller closes it.
func (f File) Open() (*os.File, error) { return f.open() }

// Options say what to leave out and where lists and standard input come from.
type Options struct {
	Exclude []string  // doublestar patterns, matched against the path below its target and against the base name
	Stdin   io.Reader // for the target "-"
	MaxIn   int64     // most bytes taken from Stdin; 0: 16 GiB
	// Named is how many of the targets, from the first, a person has named: one of them that is not there is ErrMissing. The others come
	// from a list that a program made, and what has gone since is only a file that could not be looked at.
	Named int
}

// ErrMissing is what the error for a target is that a person has named and that is not there. Its text is the system's.
var ErrMissing = errors.New("target is missing")

type missingError struct{ error }

func (missingError) Is(target error) bool { return target == ErrMissing }

func (e missingError) Unwrap() error { return e.error }

// ErrNotRegular is wrapped by the error for pipes, sockets and devices.
var ErrNotRegular = errors.New("not a regular file")

// CheckPattern reports whether an exclude pattern is well formed.
func CheckPattern(p string) error {
	if !doublestar.ValidatePattern(p) {
		return fmt.Errorf("pattern %q: %w", p, doublestar.ErrBadPattern)
	}
	return nil
}

// Walk yields the files of the targets in a fixed order: targets as given, folders sorted by name. An error beside a file says that
// something at its Path could not be looked at; the walk goes on. No target means the working directory.
func Walk(ctx context.Context, targets []string, opts Options) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		if len(targets) == 0 {
			targets = []string{"."}
		}
		cwd, _ := os.Getwd()
		w := &walk{ctx: ctx, opts: opts, yield: yield, cwd: cwd, seen: map[identity]bool{}}
		for i, t := range targets {
			if !w.target(t, i < opts.Named) {
				return
			}
		}
	}
}

type walk struct {
	ctx   context.Context
	opts  Options
	yield func(File, error) bool
	cwd   string
	root  string // of the current target, resolved
	in    *Dir   // the folder whose entries are yielded now; nil at the top
	seen  map[identity]bool
}

func (w *walk) target(t string, named bool) bool {
	if t == "-" {
		return w.stdin()
	}
	shown := w.show(t)
	info, err := os.Stat(t)
	switch {
	case err != nil && named && isMissing(err):
		return w.yield(File{Path: shown}, missingError{plain(err)})
	case err != nil:
		return w.yield(File{Path: shown}, plain(err))
	case info.IsDir():
		if w.root, err = filepath.EvalSymlinks(t); err != nil {
			return w.yield(File{Path: shown}, plain(err))
		}
		if w.root, err = filepath.Abs(w.root); err != nil {
			return w.yield(File{Path: shown}, plain(err))
		}
		w.once(info)
		return w.dir(t, "", 0)
	case info.Mode().IsRegular():
		return w.file(t, info)
	}
	return w.yield(File{Path: shown}, notRegular(info.Mode()))
}

// isMissing reports whether an error says that nothing has that name, a name that no file can have included.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG)
}

// maxDirDepth bounds the depth of folders; real trees are far from it.
const maxDirDepth = 256

// dir walks a folder. name is the folder as it is opened, rel its path below the target.
func (w *walk) dir(name, rel string, depth int) bool {
	if w.ctx.Err() != nil {
		return false
	}
	if depth > maxDirDepth {
		return w.yield(File{Path: w.show(name)}, fmt.Errorf("more than %d folders deep", maxDirDepth))
	}
	entries, err := os.ReadDir(name)
	if err != nil && !w.yield(File{Path: w.show(name)}, plain(err)) {
		return false
	}
	if depth > 0 && isEnvironment(entries) {
		return w.yield(File{Path: w.show(name), Skipped: true}, nil)
	}
	here := &Dir{Path: w.show(name), Names: make([]string, len(entries)), Up: w.in}
	for i, e := range entries {
		here.Names[i] = e.Name()
	}
	w.in = here
	defer func() { w.in = here.Up }()
	for _, e := range entries {
		p, r := filepath.Join(name, e.Name()), filepath.Join(rel, e.Name())
		if w.excluded(r, e.Name()) {
			if !w.yield(File{Path: w.show(p), Skipped: true}, nil) {
				return false
			}
			continue
		}
		if !w.entry(p, r, e, depth) {
			return false
		}
	}
	return true
}

func (w *walk) entry(p, rel string, e fs.DirEntry, depth int) bool {
	info, err := e.Info()
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return w.link(p, rel, depth)
	}
	if err != nil {
		return w.yield(File{Path: w.show(p)}, plain(err))
	}
	return w.thing(p, rel, info, depth, false)
}

// thing handles what is at p; linked says that a symbolic link led there: files then count once, however many links lead to them.
func (w *walk) thing(p, rel string, info fs.FileInfo, depth int, linked bool) bool {
	switch {
	case info.IsDir():
		if skippedDir(info.Name()) {
			return w.yield(File{Path: w.show(p), Skipped: true}, nil)
		}
		if !w.once(info) {
			return true
		}
		return w.dir(p, rel, depth+1)
	case info.Mode().IsRegular():
		if !w.once(info) && linked {
			return true
		}
		return w.file(p, info)
	}
	return w.yield(File{Path: w.show(p)}, notRegular(info.Mode()))
}

// link follows a symbolic link that stays inside the target. What lies outside is not silently left out.
func (w *walk) link(p, rel string, depth int) bool {
	real, err := filepath.EvalSymlinks(p)
	if err == nil {
		real, err = filepath.Abs(real)
	} else if _, statErr := os.Stat(p); statErr != nil {
		err = statErr // the system says what is wrong in better words
	}
	if err != nil {
		return w.yield(File{Path: w.show(p)}, fmt.Errorf("symbolic link: %w", plain(err)))
	}
	if real != w.root && !strings.HasPrefix(real, strings.TrimSuffix(w.root, string(filepath.Separator))+string(filepath.Separator)) {
		return w.yield(File{Path: w.show(p)}, errors.New("symbolic link leaves the folder that is scanned: name its target to scan it"))
	}
	info, err := os.Stat(p)
	if err != nil {
		return w.yield(File{Path: w.show(p)}, plain(err))
	}
	return w.thing(p, rel, info, depth, true)
}

func (w *walk) file(p string, info fs.FileInfo) bool {
	if w.ctx.Err() != nil {
		return false
	}
	return w.yield(File{Path: w.show(p), Size: info.Size(), Dir: w.in, open: func() (*os.File, error) { return open(p) }}, nil)
}

// open opens a file without blocking on what may have taken its place since it was found.
func open(p string) (*os.File, error) {
	f, err := openFile(p)
	if err != nil {
		return nil, plain(err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notRegular(info.Mode())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// once reports whether a file or folder is met for the first time, and remembers it. Only what has several names can be met twice.
func (w *walk) once(info fs.FileInfo) bool {
	id, ok := identify(info)
	if !ok {
		return true
	}
	if w.seen[id] {
		return false
	}
	w.seen[id] = true
	return true
}

func (w *walk) excluded(rel, base string) bool {
	rel = filepath.ToSlash(rel)
	return slices.ContainsFunc(w.opts.Exclude, func(p string) bool {
		p = strings.TrimSuffix(p, "/")
		return doublestar.MatchUnvalidated(p, rel) || !strings.Contains(p, "/") && doublestar.MatchUnvalidated(p, base)
	})
}

// skippedDir names folders that hold no models and are many files; they are examined when they are named as targets.
func skippedDir(name string) bool { return name == ".git" || name == "node_modules" }

// isEnvironment recognises a Python virtual environment by its marker (PEP 405).
func isEnvironment(entries []fs.DirEntry) bool {
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == "pyvenv.cfg" })
}

// defaultMaxIn bounds what is taken from standard input.
const defaultMaxIn = 16 << 30

// stdin copies standard input to an unlinked file, because formats are read from both ends. Like every other file it is handed on open for
// reading only: workers refuse what they could write to.
func (w *walk) stdin() bool {
	limit := w.opts.MaxIn
	if limit == 0 {
		limit = defaultMaxIn
	}
	tmp, err := os.CreateTemp("", "weir-stdin-")
	if err != nil {
		return w.yield(File{Path: "-"}, noRoom(err))
	}
	defer tmp.Close()
	f, err := os.Open(tmp.Name())
	os.Remove(tmp.Name()) // before anything is in it, so that nothing stays behind however this process ends
	if err != nil {
		return w.yield(File{Path: "-"}, plain(err))
	}
	n, err := io.Copy(tmp, io.LimitReader(w.opts.Stdin, limit+1))
	if errors.Is(err, syscall.ENOSPC) {
		err = noRoom(err)
	}
	if err == nil && n > limit {
		err = fmt.Errorf("standard input holds more than %d bytes", limit)
	}
	if err == nil && n == 0 {
		err = errors.New("standard input is empty: what should have written to it most likely failed")
	}
	if err != nil {
		f.Close()
		return w.yield(File{Path: "-"}, plain(err))
	}
	return w.yield(File{Path: "-", Size: n, open: func() (*os.File, error) { return f, nil }}, nil)
}

func noRoom(err error) error {
	return fmt.Errorf("no room for standard input in the folder for temporary files (TMPDIR names another): %w", plain(err))
}

// show gives the name to report: relative to the working directory where it lies below it, with bytes that are not UTF-8 escaped.
func (w *walk) show(p string) string {
	p = filepath.Clean(p)
	if filepath.IsAbs(p) && w.cwd != "" {
		if rel, err := filepath.Rel(w.cwd, p); err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			p = rel
		}
	}
	return weir.UTF8(filepath.ToSlash(p))
}

func notRegular(m fs.FileMode) error {
	kind := "special file"
	switch {
	case m&fs.ModeNamedPipe != 0:
		kind = "named pipe"
	case m&fs.ModeSocket != 0:
		kind = "socket"
	case m&fs.ModeDevice != 0:
		kind = "device"
	}
	return fmt.Errorf("%w: it is a %s", ErrNotRegular, kind)
}

// plain drops the operation and path of a file error: the report names the path already.
func plain(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
