package source

import (
	"os"
	"path"
	"slices"
	"strings"

	"weir"
)

// Given is a file that does not lie where the walk would find it: the caller says how it is called, in which folder it is to be seen (nil: in
// none) and how it is opened, for reading only.
func Given(name string, size int64, dir *Dir, open func() (*os.File, error)) File {
	return File{Path: weir.UTF8(name), Size: size, Dir: dir, open: open}
}

// Tree is the folders of files that are given by name.
type Tree struct {
	names []string
	dirs  map[string]*Dir
}

// NewTree makes the folders of these names, which have slashes and are relative.
func NewTree(names []string) *Tree {
	t := &Tree{names: names, dirs: map[string]*Dir{".": {Path: "."}}}
	for _, n := range names {
		d := t.Dir(n)
		d.Names = append(d.Names, path.Base(n))
	}
	for _, d := range t.dirs {
		slices.Sort(d.Names)
		d.Names = slices.Compact(d.Names)
	}
	return t
}

// Dir gives the folder in which one of the names lies; that of a nil Tree is nil.
func (t *Tree) Dir(name string) *Dir {
	if t == nil {
		return nil
	}
	return t.folder(path.Dir(path.Clean(name)))
}

func (t *Tree) folder(name string) *Dir {
	if d := t.dirs[name]; d != nil {
		return d
	}
	up := t.folder(path.Dir(name))
	up.Names = append(up.Names, path.Base(name))
	d := &Dir{Path: weir.UTF8(name), Up: up}
	t.dirs[name] = d
	return d
}

// Order gives the indexes of the names in the order of a walk: all that lies below a folder comes without others between.
func (t *Tree) Order() []int {
	order := make([]int, len(t.names))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return slices.Compare(strings.Split(t.names[a], "/"), strings.Split(t.names[b], "/"))
	})
	return order
}
