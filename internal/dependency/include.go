package dependency

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"weir"
)

// Kinds of weir.Include that lead from one file to another here; Maven's are dealt with by maven.
const (
	includeRequirement = "requirement"
	includeConstraint  = "constraint"
)

// edge is one file naming another.
type edge struct {
	to         int
	constraint bool
}

// includes follows -r and -c: who is reached by whom, and what constraints then hold.
func (p *project) includes() {
	edges := make([][]edge, len(p.files))
	asked, bounds := map[int]bool{}, map[int]bool{}
	for i := range p.files {
		var missing []weir.Fact
		for _, fact := range p.files[i].Facts {
			inc, ok := fact.(weir.Include)
			if !ok || inc.Kind != includeRequirement && inc.Kind != includeConstraint {
				continue
			}
			to, reason := p.find(p.names[i], inc.Path)
			if to < 0 {
				missing = append(missing, weir.Requirement{State: weir.PinUnresolved, Origin: weir.OriginManifest, Text: inc.Text, Line: inc.Line, Reason: reason, Direct: true})
				continue
			}
			if to == i {
				continue
			}
			constraint := inc.Kind == includeConstraint
			edges[i] = append(edges[i], edge{to, constraint})
			if constraint {
				bounds[to] = true
			} else {
				asked[to] = true
			}
		}
		p.files[i].Facts = append(p.files[i].Facts, missing...)
	}
	for i := range bounds {
		if !asked[i] {
			p.files[i].each(func(r *weir.Requirement) { r.Origin, r.Direct = weir.OriginConstraint, false })
		}
	}
	roots := p.reach(edges, asked, bounds)
	for _, root := range roots {
		p.constrain(root, edges)
	}
}

// find gives the file that another one names, or why there is none. Commands name files as they will lie where the command runs, so beside the
// file itself the project's own folder and the bare name are tried.
func (p *project) find(from, target string) (int, string) {
	switch {
	case strings.Contains(target, "://"):
		return -1, fmt.Sprintf("it includes %q, which is an address: fetch the file and scan it", target)
	case strings.ContainsRune(target, '$'):
		return -1, fmt.Sprintf("it includes %q, whose name is computed", target)
	}
	clean := strings.ReplaceAll(target, `\`, "/")
	archive, _ := split(from)
	tries := []string{beside(from, clean)}
	if archive == "" {
		tries = append(tries, path.Join(p.top, clean))
	} else {
		tries = append(tries, archive+strings.TrimPrefix(path.Clean("/"+clean), "/"))
	}
	for d, ok := up(dir(from)); ok && len(tries) < maxChain; d, ok = up(d) {
		if len(d) < len(p.top) {
			break
		}
		tries = append(tries, beside(d+"/x", clean))
	}
	tries = append(tries, beside(from, path.Base(clean)))
	for _, name := range tries {
		if i, ok := p.index[name]; ok && name != "" {
			return i, ""
		}
	}
	return -1, fmt.Sprintf("it includes %q, which is not among the files that were scanned, or is no list of requirements", target)
}

// reach sets Via breadth first from the files that nobody includes, so that the shortest way counts, and gives those files. Files that only
// include each other have no beginning: the first of them is taken for it.
func (p *project) reach(edges [][]edge, asked, bounds map[int]bool) []int {
	var roots []int
	via := make([][]string, len(p.files))
	seen := make([]bool, len(p.files))
	walk := func(root int) {
		roots = append(roots, root)
		seen[root] = true
		for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
			i := queue[0]
			for _, e := range edges[i] {
				if !seen[e.to] && len(via[i]) < maxChain {
					seen[e.to] = true
					via[e.to] = append(slices.Clone(via[i]), p.names[i])
					queue = append(queue, e.to)
				}
			}
		}
	}
	for i := range p.files {
		if len(edges[i]) > 0 && !asked[i] && !bounds[i] {
			walk(i)
		}
	}
	for i := range p.files {
		if len(edges[i]) > 0 && !seen[i] {
			walk(i)
		}
	}
	for i, v := range via {
		if len(v) > 0 {
			p.files[i].each(func(r *weir.Requirement) { r.Via = v })
		}
	}
	return roots
}

// constrain applies every constraint that an installation from root reads to everything that it installs: pip makes no difference by file.
func (p *project) constrain(root int, edges [][]edge) {
	bound := map[string]weir.Requirement{}
	where := map[string]string{}
	var lists []int
	seen := map[edge]bool{}
	for queue := []edge{{root, false}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if seen[at] {
			continue
		}
		seen[at] = true
		if at.constraint {
			for _, r := range p.files[at.to].requirements() {
				if _, ok := bound[key(r)]; !ok && r.Name != "" && r.Marker == "" && (r.State == weir.PinExact || r.State == weir.PinRange) {
					bound[key(r)], where[key(r)] = r, p.names[at.to]
				}
			}
		} else {
			lists = append(lists, at.to)
		}
		for _, e := range edges[at.to] {
			queue = append(queue, edge{e.to, e.constraint || at.constraint})
		}
	}
	if len(bound) == 0 {
		return
	}
	for _, i := range lists {
		p.files[i].each(func(r *weir.Requirement) {
			if c, ok := bound[key(*r)]; ok && (r.State == weir.PinAny || r.State == weir.PinRange) && r.Origin != weir.OriginConstraint && r.URL == "" {
				hold(r, c, where[key(*r)])
			}
		})
	}
}

// hold narrows a requirement to what a constraint allows. Its own text stays what it was, and its place is no place to edit any more.
func hold(r *weir.Requirement, c weir.Requirement, where string) {
	if c.State == weir.PinExact {
		r.State, r.Version, r.Range = weir.PinExact, c.Version, ""
	} else if r.State == weir.PinAny {
		r.State, r.Range = weir.PinRange, c.Range
	} else if !strings.Contains(","+r.Range+",", ","+c.Range+",") && len(r.Range)+len(c.Range) < maxValue {
		r.Range += "," + c.Range
	}
	r.Spec = weir.Span{}
	r.Via = append(slices.Clone(r.Via), where)
}
