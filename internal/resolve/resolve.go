// Package resolve asks a package index which versions a project's requirements come to, as pip would choose them: it reads the index's lists and
// the metadata of wheels, and neither installs nor runs anything.
//
// Start with [New] and [Resolver.Resolve]. The order of choices is pip's (resolvelib): the newest version that all known requirements allow, one
// package after another, going back to the last choice that a conflict rests on.
package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"weir"
	"weir/internal/version"
)

// Bounds of one resolution. A server with every ML framework on it has some 400 packages; pip itself stops after 200,000 rounds.
const (
	maxPackages = 5_000
	maxRounds   = 20_000
)

// ErrConflict says that no choice of versions meets all requirements.
var ErrConflict = errors.New("the requirements cannot be met together")

// Resolver resolves requirements through one index. It remembers what the index said: use one for a whole scan. It is not safe for use by several
// goroutines.
type Resolver struct {
	index *index
	env   environment
	parse func(string) weir.Requirement
}

// need is one requirement of one package on another, or of the project (parent "").
type need struct {
	req    weir.Requirement
	set    version.Set
	parent string
}

// choice is a package with the version that was taken for it.
type choice struct {
	name    string
	release release
	extras  []string
}

// Resolve gives the closure of requirements: every package that they come to, as exact requirements of origin resolved, the direct ones first,
// each with its chain. What cannot be told is an unresolved requirement with its reason among them, and the rest is given all the same; an error says
// that the index could not be asked or that the requirements contradict each other.
func (r *Resolver) Resolve(ctx context.Context, direct []weir.Requirement) ([]weir.Requirement, error) {
	s := &solver{r: r, ctx: ctx, needs: map[string][]need{}, chosen: map[string]choice{}, bounds: map[string][]need{}}
	for _, q := range direct {
		if q.Ecosystem != "pypi" || q.Name == "" || q.State == weir.PinUnresolved || q.URL != "" {
			continue
		}
		if q.Marker != "" {
			if holds, err := r.env.holds(q.Marker, nil); err == nil && !holds {
				continue
			}
		}
		if q.Origin == weir.OriginConstraint {
			set, err := constraint(q)
			if err != nil {
				return nil, err
			}
			s.bounds[q.Name] = append(s.bounds[q.Name], need{q, set, ""})
			continue
		}
		if err := s.require(q, ""); err != nil {
			return nil, err
		}
	}
	if err := s.solve(); err != nil {
		return nil, err
	}
	return s.closure(), nil
}

// solver is the state of one resolution. Every choice keeps a copy of what was known before it, to go back to.
type solver struct {
	r       *Resolver
	ctx     context.Context
	needs   map[string][]need
	bounds  map[string][]need // by constraints, should the package be needed
	chosen  map[string]choice
	order   []string // of the names, as they came up
	trail   []point
	unknown []weir.Requirement // whose dependencies cannot be told
	blamed  map[string]bool    // the choices on which the present conflict rests
	clash   error              // the last contradiction, for the error
	rounds  int
}

// point is where a choice was made: what was known before it, and what else could be taken.
type point struct {
	name   string
	others []release
	needs  map[string][]need
	chosen map[string]choice
	order  int
	gaps   int
}

func (s *solver) require(q weir.Requirement, parent string) error {
	set, err := constraint(q)
	if err != nil {
		return err
	}
	if _, known := s.needs[q.Name]; !known {
		if len(s.order) >= maxPackages {
			return fmt.Errorf("more than %d packages are required", maxPackages)
		}
		s.order = append(s.order, q.Name)
	}
	s.needs[q.Name] = append(slices.Clip(s.needs[q.Name]), need{q, set, parent})
	return nil
}

// constraint is the set of versions that a requirement allows.
func constraint(q weir.Requirement) (version.Set, error) {
	text := q.Range
	if q.State == weir.PinExact {
		text = "==" + q.Version
	}
	if text == "" {
		return version.PEP440.Any(), nil
	}
	set, err := version.PEP440.Parse(text)
	if err != nil {
		return set, fmt.Errorf("requirement %q: %w", q.Text, err)
	}
	return set, nil
}

// next gives the package to decide on: one with a pin before others, then in the order in which they came up.
func (s *solver) next() string {
	best, rank := "", 0
	for _, name := range s.order {
		if _, done := s.chosen[name]; done {
			continue
		}
		r := 1
		for _, n := range s.needs[name] {
			if n.req.State == weir.PinExact {
				r = 3
			} else if n.req.Range != "" {
				r = max(r, 2)
			}
		}
		if r > rank {
			best, rank = name, r
		}
	}
	return best
}

func (s *solver) solve() error {
	for name := s.next(); name != ""; name = s.next() {
		if s.rounds++; s.rounds > maxRounds {
			return fmt.Errorf("no answer after %d choices", maxRounds)
		}
		if err := s.ctx.Err(); err != nil {
			return err
		}
		candidates, err := s.candidates(name)
		if err != nil {
			return err
		}
		if err := s.take(name, candidates); err != nil {
			return err
		}
	}
	return nil
}

// candidates are the releases that every need allows, best first.
func (s *solver) candidates(name string) ([]release, error) {
	all, err := s.r.index.releases(s.ctx, name)
	if err != nil {
		return nil, err
	}
	needs := slices.Concat(s.needs[name], s.bounds[name])
	pre, pinned := false, false
	for _, n := range needs {
		pre = pre || n.set.Prereleases()
		pinned = pinned || n.req.State == weir.PinExact
	}
	allowed := func(r *release, pre bool) bool {
		if r.yanked && !pinned || !pre && version.PEP440.Prerelease(r.version) || !s.r.env.python(r.requires) {
			return false
		}
		return !slices.ContainsFunc(needs, func(n need) bool { return !n.set.Admits(r.version) })
	}
	var out []release
	for i := range all {
		if allowed(&all[i], pre) {
			out = append(out, all[i])
		}
	}
	if len(out) == 0 && !pre { // pip takes pre-releases where there is nothing else
		for i := range all {
			if allowed(&all[i], true) {
				out = append(out, all[i])
			}
		}
	}
	return out, nil
}

// take decides on the first candidate whose own needs agree with what is chosen, and goes back where there is none.
func (s *solver) take(name string, candidates []release) error {
	s.blamed = map[string]bool{}
	if len(candidates) == 0 {
		s.clash = s.conflict(name)
	}
	for {
		for i, c := range candidates {
			p := point{name, candidates[i+1:], maps.Clone(s.needs), maps.Clone(s.chosen), len(s.order), len(s.unknown)}
			s.trail = append(s.trail, p)
			ok, err := s.adopt(name, c)
			if err != nil {
				return err
			}
			if ok {
				return nil
			}
			s.undo()
			if s.rounds++; s.rounds > maxRounds {
				return fmt.Errorf("no answer after %d choices", maxRounds)
			}
		}
		// Back to the last choice on which the conflict rests; those after it have no part in it.
		s.blame(name)
		for len(s.trail) > 0 && !s.blamed[s.trail[len(s.trail)-1].name] {
			s.undo()
		}
		if len(s.trail) == 0 {
			return cmp.Or(s.clash, s.conflict(name))
		}
		p := s.undo()
		delete(s.blamed, p.name)
		name, candidates = p.name, p.others
	}
}

func (s *solver) undo() point {
	p := s.trail[len(s.trail)-1]
	s.trail = s.trail[:len(s.trail)-1]
	s.needs, s.chosen, s.order, s.unknown = p.needs, p.chosen, s.order[:p.order], s.unknown[:p.gaps]
	return p
}

// blame adds the packages whose needs narrow name.
func (s *solver) blame(name string) {
	for _, n := range s.needs[name] {
		if n.parent != "" {
			s.blamed[n.parent] = true
		}
	}
}

func (s *solver) conflict(name string) error {
	var asked []string
	for _, n := range slices.Concat(s.needs[name], s.bounds[name]) {
		asked = append(asked, fmt.Sprintf("%s (by %s)", cmp.Or(n.req.Range, n.req.Version, "any version"), cmp.Or(n.parent, "the project")))
	}
	return fmt.Errorf("%w: %s: no release for this Python is %s", ErrConflict, name, strings.Join(asked, " and "))
}

// adopt chooses a release and adds what it needs; false: that contradicts an earlier choice.
func (s *solver) adopt(name string, c release) (bool, error) {
	extras := s.extras(name)
	s.chosen[name] = choice{name, c, extras}
	deps, reason, err := s.r.index.dependencies(s.ctx, c)
	if err != nil {
		return false, err
	}
	if reason != "" {
		s.unknown = append(s.unknown, weir.Requirement{
			Ecosystem: "pypi", Name: name, State: weir.PinUnresolved, Origin: weir.OriginResolved, Text: name + "==" + c.version, Reason: reason,
		})
	}
	return s.needsOf(name, deps, extras)
}

// extras are those that any need of a package asks for.
func (s *solver) extras(name string) []string {
	var out []string
	for _, n := range s.needs[name] {
		out = append(out, n.req.Extras...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (s *solver) needsOf(parent string, deps, extras []string) (bool, error) {
	for _, d := range deps {
		q := s.r.parse(d)
		if q.Marker != "" {
			holds, err := s.r.env.holds(q.Marker, extras)
			if err != nil || !holds {
				continue // a condition that cannot be read is about another world: pip refuses such metadata
			}
		}
		if q.State == weir.PinUnresolved || q.URL != "" {
			s.unknown = append(s.unknown, weir.Requirement{
				Ecosystem: "pypi", Name: q.Name, State: weir.PinUnresolved, Origin: weir.OriginResolved, Text: q.Text,
				Reason: cmp.Or(q.Reason, "comes from an address and not from the index"),
			})
			continue
		}
		if err := s.require(q, parent); err != nil {
			s.unknown = append(s.unknown, weir.Requirement{
				Ecosystem: "pypi", Name: q.Name, State: weir.PinUnresolved, Origin: weir.OriginResolved, Text: q.Text, Reason: err.Error(),
			})
			continue
		}
		c, done := s.chosen[q.Name]
		if !done {
			continue
		}
		last := s.needs[q.Name][len(s.needs[q.Name])-1]
		if !last.set.Admits(c.release.version) {
			s.blamed[q.Name] = true
			s.blame(q.Name)
			s.clash = s.conflict(q.Name)
			return false, nil
		}
		if more := s.extras(q.Name); !slices.Equal(more, c.extras) && q.Name != parent {
			s.chosen[q.Name] = choice{q.Name, c.release, more}
			all, _, err := s.r.index.dependencies(s.ctx, c.release)
			if err != nil {
				return false, err
			}
			if ok, err := s.needsOf(q.Name, all, more); !ok || err != nil {
				return ok, err
			}
		}
	}
	return true, nil
}

// closure walks from the direct requirements to all that they come to, breadth first, so that every chain is a shortest one.
func (s *solver) closure() []weir.Requirement {
	children := map[string][]string{}
	var queue []string
	chains := map[string][]string{}
	for _, name := range s.order {
		for _, n := range s.needs[name] {
			if n.parent != "" {
				children[n.parent] = append(children[n.parent], name)
			} else if _, seen := chains[name]; !seen {
				chains[name] = nil
				queue = append(queue, name)
			}
		}
	}
	direct := len(queue)
	var out []weir.Requirement
	for i := 0; i < len(queue); i++ {
		name := queue[i]
		c, ok := s.chosen[name]
		if !ok {
			continue
		}
		below := slices.Compact(slices.Sorted(slices.Values(children[name])))
		out = append(out, weir.Requirement{
			Ecosystem: "pypi", Name: name, State: weir.PinExact, Version: c.release.version, Origin: weir.OriginResolved,
			Text: name + "==" + c.release.version, Direct: i < direct, Extras: c.extras, Requires: below, Chain: chains[name], Yanked: c.release.yanked,
		})
		for _, child := range below {
			if _, seen := chains[child]; !seen {
				chains[child] = append(slices.Clone(chains[name]), name)
				queue = append(queue, child)
			}
		}
	}
	for _, q := range s.unknown {
		q.Chain = chains[q.Name]
		out = append(out, q)
	}
	return out
}
