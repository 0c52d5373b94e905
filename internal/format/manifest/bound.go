package manifest

import (
	"fmt"

	"weir"
	"weir/internal/format"
)

// Bounds in bytes of what one fact holds, so that no statement, however long, breaks the frame that carries facts from worker to engine.
const (
	maxName  = 300  // of a name, a version, an extra, a group; indexes and registries allow far less
	maxValue = 2048 // of a constraint, a condition, an address, a path
	maxNames = 8192 // of all names in a list
)

// bounding is the input of a parser with every fact bounded.
func bounding(in *format.Input) *format.Input {
	b := *in
	b.Emit = func(f weir.Fact) { in.Emit(bounded(f)) }
	return &b
}

// bounded cuts what only informs, and makes a requirement whose name, version or address is too long unresolved: a part of one means another.
func bounded(f weir.Fact) weir.Fact {
	switch f := f.(type) {
	case weir.Requirement:
		return boundedRequirement(f)
	case weir.Include:
		f.Path, f.Text = cut(f.Path, maxValue), cut(f.Text, maxValue)
		return f
	case weir.Setting:
		f.Key, f.Value = cut(f.Key, maxName), cut(f.Value, maxValue)
		return f
	case weir.Note:
		f.Key, f.Value = cut(f.Key, maxName), cut(f.Value, maxValue)
		return f
	}
	return f
}

func boundedRequirement(r weir.Requirement) weir.Requirement {
	for _, part := range []struct {
		what string
		s    *string
		most int
	}{
		{"name", &r.Name, maxName}, {"version", &r.Version, maxName}, {"constraint", &r.Range, maxValue}, {"address", &r.URL, maxValue},
		{"condition", &r.Marker, maxValue},
	} {
		if len(*part.s) <= part.most {
			continue
		}
		*part.s = ""
		r.State, r.Version, r.Range, r.Spec, r.Form = weir.PinUnresolved, "", "", weir.Span{}, ""
		r.Reason = fmt.Sprintf("its %s is longer than %d bytes", part.what, part.most)
	}
	r.Text, r.Reason, r.Commit, r.Group = cut(r.Text, maxStatement), cut(r.Reason, maxName), cut(r.Commit, maxName), cut(r.Group, maxName)
	r.Extras, r.Requires = boundedNames(r.Extras), boundedNames(r.Requires)
	return r
}

// boundedNames keeps as many names of a list as there is room for.
func boundedNames(names []string) []string {
	size := 0
	for i, n := range names {
		if size += len(n); size > maxNames || len(n) > maxName {
			return names[:i:i]
		}
	}
	return names
}
