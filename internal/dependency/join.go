// Package dependency joins what the files of one project say of its dependencies: which file includes which, which constraints hold, where the
// whole closure is known, and by which chain each package is needed. It reads nothing: its input are the facts of files that were scanned.
//
// Start with [Join].
package dependency

import (
	"path"
	"slices"
	"strings"

	"weir"
)

// Bounds against projects that are made to cost: chains of packages or files that are longer are cut, and so is the search for a lock file.
const (
	maxChain    = 32 // packages or files
	maxClosures = 16 // lock files of one folder that are tried
	maxValue    = 400
	maxExpand   = 16 // properties within properties
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
	archive, inner := split(name)
	p := path.Join(path.Dir(inner), target)
	if archive != "" && (p == ".." || strings.HasPrefix(p, "../")) {
		return ""
	}
	return archive + p
}

// split separates the archive that a file lies in ("a.zip!/", or nothing) from its path there.
func split(name string) (archive, inner string) {
	if i := strings.LastIndex(name, "!/"); i >= 0 {
		return name[:i+2], name[i+2:]
	}
	return "", name
}

// dir is the folder of a file, with the archive that it lies in.
func dir(name string) string {
	archive, inner := split(name)
	return archive + path.Dir(inner)
}

// up gives the folder above one, and false at the top.
func up(folder string) (string, bool) {
	archive, inner := split(folder)
	if strings.HasSuffix(folder, "!/") || inner == "." || inner == "/" || inner == ".." || strings.HasSuffix(inner, "/..") {
		return "", false
	}
	return archive + path.Dir(inner), true
}

// project is the state of one joining: the files, by name and in order.
type project struct {
	files []File
	names []string
	index map[string]int
	top   string // the folder that all files lie below
}

// Join gives the same files in the same order, with what each says completed by what the others say. It changes no fact of its input.
//
// A requirement gets Via, where its file was included by others, Chain, where a lock, an environment or an SBOM says what needs it, the version
// to which a constraint holds it, and for Maven the version that properties, parents and BOMs give. A file that only bounds versions (pip's -c)
// has its statements marked as constraints. An included file that is not there becomes an unresolved requirement. A file gets the note "closure"
// with "unknown" or the place where everything is listed that it needs in the end: "lock:poetry.lock", "environment:lib/site-packages",
// "sbom:bom.json", "hashes" where pip itself insists that the file lists everything.
func Join(files []File) []File {
	p := &project{files: slices.Clone(files), index: map[string]int{}}
	for i := range p.files {
		p.files[i].Facts = slices.Clone(p.files[i].Facts)
		name := p.files[i].name()
		p.names = append(p.names, name)
		if _, ok := p.index[name]; !ok {
			p.index[name] = i
		}
	}
	p.top = common(p.names)
	p.maven()
	p.includes()
	p.closures()
	return p.files
}

// common is the deepest folder that holds all files.
func common(names []string) string {
	if len(names) == 0 {
		return "."
	}
	top := dir(names[0])
	for _, n := range names[1:] {
		for d := dir(n); top != "." && d != top && !strings.HasPrefix(d, top+"/"); {
			above, ok := up(top)
			if !ok {
				return "."
			}
			top = above
		}
	}
	return top
}

// each calls do for every requirement of a file and keeps what it makes of it.
func (f *File) each(do func(*weir.Requirement)) {
	for i, fact := range f.Facts {
		if r, ok := fact.(weir.Requirement); ok {
			do(&r)
			f.Facts[i] = r
		}
	}
}

// requirements lists those of a file.
func (f *File) requirements() []weir.Requirement {
	var out []weir.Requirement
	for _, fact := range f.Facts {
		if r, ok := fact.(weir.Requirement); ok {
			out = append(out, r)
		}
	}
	return out
}

func (f *File) note(key string) string {
	for _, fact := range f.Facts {
		if n, ok := fact.(weir.Note); ok && n.Key == key {
			return n.Value
		}
	}
	return ""
}

// key names a package across the files of a project.
func key(r weir.Requirement) string { return r.Ecosystem + " " + r.Name }
