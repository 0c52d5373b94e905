package source

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// tree writes files (a name that ends in / is a folder, "a -> b" a link) below a new folder, which becomes the working directory.
func tree(t *testing.T, names ...string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, n := range names {
		if from, to, ok := strings.Cut(n, " -> "); ok {
			if err := os.Symlink(to, from); err != nil {
				t.Fatal(err)
			}
			continue
		}
		dir := n
		if !strings.HasSuffix(n, "/") {
			dir = filepath.Dir(n)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(n, "/") {
			if err := os.WriteFile(n, []byte(n), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// walked lists what a walk yields: paths, with "skip " or "error " in front.
func walked(opts Options, targets ...string) []string {
	var out []string
	for f, err := range Walk(context.Background(), targets, opts) {
		switch {
		case errors.Is(err, ErrMissing):
			out = append(out, "missing "+f.Path)
		case err != nil:
			out = append(out, "error "+f.Path)
		case f.Skipped:
			out = append(out, "skip "+f.Path)
		default:
			out = append(out, f.Path)
		}
	}
	return out
}

func TestWalk(t *testing.T) {
	for _, c := range []struct {
		name    string
		tree    []string
		opts    Options
		targets []string
		want    []string
	}{
		{"no target is the working directory", []string{"b", "a"}, Options{}, nil, []string{"a", "b"}},
		{"sorted, deep", []string{"m/z", "m/a/x", "m/b"}, Options{}, []string{"m"}, []string{"m/a/x", "m/b", "m/z"}},
		{"targets as given", []string{"a", "b"}, Options{}, []string{"b", "a"}, []string{"b", "a"}},
		{"missing in a list", nil, Options{}, []string{"gone"}, []string{"error gone"}},
		{"missing and named", []string{"a"}, Options{Named: 3}, []string{"gone", "a/b", "a", "off"}, []string{"missing gone", "missing a/b", "a", "error off"}},
		{"named link to nothing", []string{"l -> nowhere"}, Options{Named: 1}, []string{"l"}, []string{"missing l"}},
		{"left out", []string{".git/config", "node_modules/x", "venv/pyvenv.cfg", "venv/lib/x", "m"}, Options{}, nil, []string{"skip .git", "m", "skip node_modules", "skip venv"}},
		{"left out unless named", []string{"node_modules/x"}, Options{}, []string{"node_modules"}, []string{"node_modules/x"}},
		{"exclude by name and by path", []string{"a/x.bin", "a/y", "old/z"}, Options{Exclude: []string{"*.bin", "old/**"}}, nil, []string{"skip a/x.bin", "a/y", "skip old"}},
		{"link inside counts once", []string{"blobs/1", "s/", "s/m -> ../blobs/1", "s/n -> ../blobs/1"}, Options{}, nil, []string{"blobs/1"}},
		{"link outside is said", []string{"in/a", "out", "in/l -> ../out"}, Options{}, []string{"in"}, []string{"in/a", "error in/l"}},
		{"broken link is said", []string{"l -> nowhere"}, Options{}, nil, []string{"error l"}},
		{"loop of folders", []string{"d/a", "d/up -> .."}, Options{}, nil, []string{"d/a"}},
		{"named link is followed", []string{"x", "l -> x"}, Options{}, []string{"l"}, []string{"l"}},
		{"not UTF-8", []string{"a\xff"}, Options{}, nil, []string{`a\xff`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree(t, c.tree...)
			if got := walked(c.opts, c.targets...); !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestDir holds what the engine relies on: files of one folder share its Dir, and it names all entries.
func TestDir(t *testing.T) {
	tree(t, "m/a/x", "m/a/y", "m/b", "m/node_modules/z")
	dirs := map[string]*Dir{}
	for f, err := range Walk(context.Background(), []string{"m", "m/b"}, Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		dirs[f.Path] = f.Dir // the second m/b, a target of its own, replaces the first
		if f.Path == "m/a/y" && (f.Dir != dirs["m/a/x"] || f.Dir.Path != "m/a" || f.Dir.Up.Path != "m" || f.Dir.Up.Up != nil) {
			t.Errorf("%s lies in %+v", f.Path, f.Dir)
		}
	}
	if d := dirs["m/a/x"]; !slices.Equal(d.Names, []string{"x", "y"}) || !slices.Equal(d.Up.Names, []string{"a", "b", "node_modules"}) {
		t.Errorf("names %q and %q", d.Names, d.Up.Names)
	}
	if d, ok := dirs["m/b"]; !ok || d != nil {
		t.Errorf("a target that was named lies in %+v", d)
	}
}

func TestAbsoluteBelowWorkingDirectory(t *testing.T) {
	tree(t, "m/a")
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if got := walked(Options{}, filepath.Join(wd, "m")); !slices.Equal(got, []string{"m/a"}) {
		t.Errorf("got %q, want a path relative to the working directory", got)
	}
}

func TestPipe(t *testing.T) {
	tree(t, "a")
	if err := syscall.Mkfifo("p", 0o644); err != nil {
		t.Fatal(err)
	}
	if got := walked(Options{}); !slices.Equal(got, []string{"a", "error p"}) {
		t.Errorf("got %q", got)
	}
	// A pipe that takes a file's place after it was found must not block.
	for f, err := range Walk(context.Background(), []string{"a"}, Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Remove("a"), syscall.Mkfifo("a", 0o644)); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Open(); !errors.Is(err, ErrNotRegular) {
			t.Errorf("Open = %v, want ErrNotRegular", err)
		}
	}
}

func TestStdin(t *testing.T) {
	for f, err := range Walk(context.Background(), []string{"-"}, Options{Stdin: strings.NewReader("abc")}) {
		if err != nil || f.Path != "-" || f.Size != 3 {
			t.Fatalf("%+v, %v", f, err)
		}
		h, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 3)
		if _, err := h.ReadAt(b, 0); err != nil || string(b) != "abc" {
			t.Errorf("read %q, %v", b, err)
		}
		if _, err := h.WriteAt(b, 0); err == nil {
			t.Error("standard input was handed on open for writing")
		}
		h.Close()
	}
	if got := walked(Options{Stdin: strings.NewReader("")}, "-"); !slices.Equal(got, []string{"error -"}) {
		t.Errorf("no input: %q", got)
	}
	if got := walked(Options{Stdin: strings.NewReader("abcd"), MaxIn: 3}, "-"); !slices.Equal(got, []string{"error -"}) {
		t.Errorf("too much input: %q", got)
	}
}
