// Package dependency joins what the files of one project say of its dependencies: which file includes which, which constraints hold, where the
// whole closure is known, and by which chain each package is needed. It reads nothing: its input are the facts of files that were scanned.
package dependency

import (
	"path"
	"slices"
	"strings"

	"weir"
)

// File is one file, or one member of an archive, that states dependencies.
type File struct {
	Path   string // of the physical file, with forward slashes
	Member string // nested members, outermost first, joined by "!/"
	Facts  []weir.Fact
}

// name is how a file is called within its project, and in chains of files.
func (f File) name() string {
	if f.Member == "" {
		return f.Path
	}
	return f.Path + "!/" + f.Member
}

// beside gives the name of what a file calls target: relative to its own folder, in the archive where it lies in one. An address, an absolute
// path and a path that leaves the archive are no file of the project: they give nothing.
func beside(name, target string) string {
	target = strings.ReplaceAll(strings.TrimPrefix(target, "file:"), `\`, "/")
	if target == "" || strings.Contains(target, "://") || strings.HasPrefix(target, "/") || strings.ContainsRune(target, '$') {
		return ""
	}
	archive, inner := "", name
	if i := strings.LastIndex(name, "!/"); i >= 0 {
		archive, inner = name[:i+2], name[i+2:]
	}
	p := path.Join(path.Dir(inner), target)
	if archive != "" && (p == ".." || strings.HasPrefix(p, "../")) {
		return ""
	}
	return archive + p
}

// Join gives the same files in the same order, with what each says completed by what the others say. It changes no fact of its input.
func Join(files []File) []File {
	out := slices.Clone(files)
	for i := range out {
		out[i].Facts = slices.Clone(out[i].Facts)
	}
	return out
}
