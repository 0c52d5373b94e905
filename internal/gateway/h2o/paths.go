package h2o

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"weir/internal/gateway"
)

// below takes an absolute path that cannot be read in two ways and lies below one of the roots, or is one.
func below(roots []string, list, name, v string) error {
	if err := plainPath(name, v); err != nil {
		return err
	}
	for _, root := range roots {
		root = path.Clean(root)
		if v == root || strings.HasPrefix(v, strings.TrimSuffix(root, "/")+"/") {
			return nil
		}
	}
	no := denied("path", "%s: %q lies below none of the %s", name, v, list)
	no.Hint = fmt.Sprintf("%s: [%q]", list, path.Dir(v))
	return no
}

// plainPath refuses what a file system, Java, H2O or Hadoop could read otherwise: relative paths, dot segments, globs, schemes, escapes.
func plainPath(name, v string) error {
	switch {
	case !strings.HasPrefix(v, "/") || strings.HasPrefix(v, "//"):
		return bad("path", "%s: %.200q is no absolute path", name, v)
	case strings.ContainsAny(v, "*?[]{}\\%:;\"'`<>|$~#&") || strings.ContainsFunc(v, func(r rune) bool { return r < 32 || r == 127 }):
		return bad("path", "%s: %.200q can be read in more than one way", name, v)
	case path.Clean(v) != strings.TrimSuffix(v, "/") && v != "/":
		return bad("path", "%s: %.200q is not in its simplest form", name, v)
	case len(v) > 4096:
		return bad("path", "%s: the path is too long", name)
	}
	return nil
}

// importable takes a path below the roots or a URL that is listed, whole.
func importable(u *gateway.Upstream, name, v string) error {
	if strings.Contains(v, ":") {
		if slices.Contains(u.Allow["import-urls"], v) {
			return nil
		}
		no := denied("url", "%s: the server would fetch %.200q itself, and it is not listed", name, v)
		no.Hint = fmt.Sprintf("import-urls: [%q]", v)
		return no
	}
	if err := below(u.Allow["import-roots"], "import-roots", name, v); err != nil {
		return err
	}
	return inside(u.Allow["import-roots"], "import-roots", name, v)
}

// inside refuses a link that leads out of the roots, where the gate sees the same files as the server: of a path that is not there yet, its
// folder counts. Where the gate does not see them, whoever can make links below a root decides what is read and written.
func inside(roots []string, list, name, v string) error {
	to, err := filepath.EvalSymlinks(v)
	if err != nil {
		if to, err = filepath.EvalSymlinks(filepath.Dir(v)); err != nil {
			return nil // it is not there, for the gate
		}
	}
	if within(roots, to) {
		return nil
	}
	return denied("path", "%s: %q is a link that leads out of the %s", name, v, list)
}

// within says whether a path without links lies below one of the roots or is one.
func within(roots []string, to string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		r, err := filepath.EvalSymlinks(root)
		return err == nil && (to == r || strings.HasPrefix(to, strings.TrimSuffix(r, "/")+"/"))
	})
}

// mostEntries bounds the folders that are imported as a whole: how many files and folders the gate looks at for links.
const mostEntries = 200_000

// linksInside looks through a folder that H2O will import as a whole, with all that lies below it (FileIntegrityChecker.addFolder), and refuses
// it when a link in it leads out of the roots.
func linksInside(roots []string, name, folder string) error {
	seen, left := map[string]bool{}, mostEntries
	var look func(dir string) error
	look = func(dir string) error {
		return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if left--; left < 0 {
				return bad("path", "%s: below %q lie more than %d files: import its folders one by one", name, folder, mostEntries)
			}
			if err != nil || d.Type()&fs.ModeSymlink == 0 {
				return nil // what the gate cannot read it cannot follow either
			}
			if err := inside(roots, "import-roots", name, p); err != nil {
				return err
			}
			to, err := filepath.EvalSymlinks(p)
			if err != nil || seen[to] {
				return nil
			}
			seen[to] = true
			return look(to)
		})
	}
	return look(folder)
}

// exportable takes a path below the export roots that no link leads out of.
func exportable(u *gateway.Upstream, name, v string) error {
	roots := u.Allow["export-roots"]
	return orError(below(roots, "export-roots", name, v), inside(roots, "export-roots", name, v))
}

// overwrites refuses names of models and grids that would be written over a file: H2O writes checkpoints below a folder under the model's name,
// whatever lies there (ModelBuilder.saveModelIfConfigured), and has no parameter that forbids it.
func overwrites(ps []param) error {
	var folders, names []string
	for _, p := range ps {
		switch p.role {
		case exportPath:
			if p.name != "path" && p.name != "dir" { // these are whole paths, and have the flag force
				folders = append(folders, p.values...)
			}
		case newModel, gridKey:
			names = append(names, p.values...)
		}
	}
	for _, folder := range folders {
		for _, n := range names {
			if _, err := os.Lstat(path.Join(folder, n)); err == nil {
				return denied("force", "%q lies there: the gate never overwrites files", path.Join(folder, n))
			}
		}
	}
	return nil
}

// simplePattern takes a regular expression that needs no more than polynomial time on a file name (CVE-2024-7768): no groups, no nesting.
func simplePattern(name, v string) error {
	if len(v) > 128 || strings.ContainsAny(v, "(){}|") || strings.Count(v, "*")+strings.Count(v, "+") > 3 {
		return bad("pattern", "%s: the gate takes patterns without groups and with three repetitions at most", name)
	}
	return nil
}
