package dependency

import (
	"slices"

	"weir"
)

// Ask is what a package index has to be asked because no file of the project tells it: what a manifest, with the files that it includes, comes to.
type Ask struct {
	Requirements []weir.Requirement // of the manifest and of what it includes, constraints among them
	Files        []int              // where they stand: the manifest first
}

// Asks lists the manifests of joined files whose closure is unknown and of which an index for Python can be asked.
func Asks(files []File) []Ask {
	var out []Ask
	for i := range files {
		f := &files[i]
		if f.note("closure") != "unknown" || f.included("") {
			continue
		}
		a := Ask{Files: []int{i}, Requirements: f.requirements()}
		for j := range files {
			if j != i && files[j].included(f.name()) {
				a.Files = append(a.Files, j)
				a.Requirements = append(a.Requirements, files[j].requirements()...)
			}
		}
		if slices.ContainsFunc(a.Requirements, func(r weir.Requirement) bool { return r.Ecosystem == "pypi" && r.Origin != weir.OriginConstraint }) {
			out = append(out, a)
		}
	}
	return out
}

// included reports whether a file was reached from the named one; "" stands for any.
func (f *File) included(from string) bool {
	return slices.ContainsFunc(f.requirements(), func(r weir.Requirement) bool {
		return len(r.Via) > 0 && (from == "" || r.Via[0] == from)
	})
}

// Learn adds to the files of an ask what the index said: every package that is not required there itself goes to the line of the requirement
// that its chain begins with. source names the index in the note "closure".
func Learn(files []File, a Ask, closure []weir.Requirement, source string) {
	type place struct{ file, line int }
	stated := map[string]place{}
	for _, i := range a.Files {
		for _, r := range files[i].requirements() {
			if _, ok := stated[r.Name]; !ok && r.Ecosystem == "pypi" && r.Origin != weir.OriginConstraint {
				stated[r.Name] = place{i, r.Line}
			}
		}
		for k, fact := range files[i].Facts {
			if n, ok := fact.(weir.Note); ok && n.Key == "closure" {
				files[i].Facts[k] = weir.Note{Key: "closure", Value: source}
			}
		}
	}
	for _, r := range closure {
		at := place{a.Files[0], 0}
		if len(r.Chain) > 0 {
			if p, ok := stated[r.Chain[0]]; ok {
				at = p
			}
		} else if p, ok := stated[r.Name]; ok {
			at = p
			if r.State == weir.PinExact && exact(files[p.file], r.Name) {
				continue // the manifest says the same
			}
		}
		r.Line = at.line
		files[at.file].Facts = append(files[at.file].Facts, r)
	}
}

// exact reports whether a file pins a package itself.
func exact(f File, name string) bool {
	return slices.ContainsFunc(f.requirements(), func(r weir.Requirement) bool {
		return r.Ecosystem == "pypi" && r.Name == name && r.State == weir.PinExact
	})
}
