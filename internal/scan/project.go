package scan

import (
	"strconv"

	"weir"
	"weir/internal/dependency"
	"weir/internal/rule"
)

// maxProjectFacts bounds what is held of the manifests outside of models until the walk is over. A tree with 5,000 lock files has a fifth
// of it; what is beyond is judged in parts, and that is a problem.
const maxProjectFacts = 2_000_000

// project gathers files that state dependencies until they can be judged together: what one asks for another one pins.
type project struct {
	cfg   *Config
	path  string
	files []dependency.File
	from  []place // the unit from which each file comes
	facts int
}

// place is a unit of a file.
type place struct {
	r    *result
	unit int
}

// manifest reports whether a unit states dependencies.
func (c *Catalog) manifest(u *rule.Unit) bool {
	for _, name := range u.Formats {
		if f := c.format(name); f != nil && f.Manifest {
			return true
		}
	}
	return false
}

// carries reports whether a unit that is no manifest holds packages all the same: a jar, a copy of a project.
func carries(u *rule.Unit) bool {
	for _, f := range u.Facts {
		if r, ok := f.(weir.Requirement); ok && r.Origin == weir.OriginBundled {
			return true
		}
	}
	return false
}

// states reports whether a file is a manifest itself; an archive that holds some is a project of its own.
func (r *result) states(cfg *Config) bool {
	return !r.joined && len(r.units) > 0 && cfg.Catalog.manifest(&r.units[0])
}

// add takes the units of r that state dependencies.
func (p *project) add(r *result) {
	r.joined = true
	for i := range r.units {
		u := &r.units[i]
		if !p.cfg.Catalog.manifest(u) && !carries(u) {
			continue
		}
		p.files = append(p.files, dependency.File{Path: r.file.Path, Member: u.Member, Facts: u.Facts})
		p.from = append(p.from, place{r, i})
		p.facts += len(u.Facts)
	}
}

// judge joins what was gathered, applies the rules of project scope, and gives findings and packages to the files that they are about.
func (p *project) judge() {
	if len(p.files) == 0 {
		return
	}
	advise := remembered(p.cfg.Advise)
	units := make([]rule.Unit, 0, len(p.files))
	places := map[string]place{}
	joined := dependency.Join(p.files)
	p.resolve(joined)
	for i, f := range joined {
		from := p.from[i]
		name := f.Path
		if f.Member != "" {
			name = join(f.Path, f.Member)
		}
		u := from.r.units[from.unit]
		u.Member, u.Facts, u.Model = name, f.Facts, p.cfg.Catalog.anyModel(u.Formats)
		units, places[name] = append(units, u), from
		from.r.list(f, advise)
	}
	rule.Apply(p.cfg.Rules, rule.ScopeProject, rule.Pass{
		File: weir.Artifact{Path: p.path}, Units: units, Names: p.cfg.Names, Trust: p.cfg.Trust, Advise: advise,
		Report: func(v weir.Finding) {
			at, ok := places[v.Member]
			if !ok {
				at = p.from[0]
			}
			v.Path, v.Member = at.r.file.Path, at.r.units[at.unit].Member
			at.r.tree = append(at.r.tree, v)
		},
	})
	p.files, p.from, p.facts = nil, nil, 0
}

// resolve asks the package index about the manifests of which no file says what they come to. What it cannot answer is a problem of the manifest.
func (p *project) resolve(joined []dependency.File) {
	if p.cfg.Resolve == nil {
		return
	}
	for _, a := range dependency.Asks(joined) {
		closure, index, err := p.cfg.Resolve(p.cfg.ctx, a.Requirements)
		if err != nil {
			from := p.from[a.Files[0]]
			from.r.problems = append(from.r.problems, ProblemRecord{Member: joined[a.Files[0]].Member, Stage: "resolve", Reason: err.Error()})
			continue
		}
		dependency.Learn(joined, a, closure, index)
	}
}

// list keeps the packages that a manifest names, for the list of them in the report.
func (r *result) list(f dependency.File, advise func(weir.Requirement) weir.Advice) {
	for _, fact := range f.Facts {
		q, ok := fact.(weir.Requirement)
		if !ok || q.PURL() == "" {
			continue
		}
		k := weir.Package{
			PURL: q.PURL(), Path: f.Path, Member: f.Member, Line: q.Line, Direct: q.Direct, Chain: append([]string{}, q.Chain...),
			State: q.State, Range: q.Range,
		}
		if advise != nil {
			a := advise(q)
			k.Newest = a.Newest
			for _, v := range a.Advisories {
				k.Flaws = append(k.Flaws, v.ID)
			}
			if len(k.Flaws) > 0 {
				k.Safe = a.Safe
			}
		}
		r.packages = append(r.packages, k)
	}
}

// remembered asks once for each package and version: a tree names the same ones again and again.
func remembered(ask func(weir.Requirement) weir.Advice) func(weir.Requirement) weir.Advice {
	if ask == nil {
		return nil
	}
	known := map[string]weir.Advice{}
	return func(q weir.Requirement) weir.Advice {
		key := ""
		for _, s := range []string{q.Ecosystem, q.Name, string(q.State), q.Version, q.Range} {
			key += strconv.Itoa(len(s)) + ":" + s
		}
		a, ok := known[key]
		if !ok {
			a = ask(q)
			known[key] = a
		}
		return a
	}
}
