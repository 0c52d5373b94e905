package dependency

import (
	"slices"
	"strings"

	"weir"
)

// closure is a statement of everything that is installed: one lock file or SBOM, or all packages of one environment.
type closure struct {
	name  string // kind:place
	dir   string
	kind  weir.Origin
	files []int
	nodes map[string]*node
}

// node is one package of a closure.
type node struct {
	direct   bool
	requires []string
	needed   bool // by another
	from     string
	seen     bool
	depth    int
}

// chained are the ecosystems whose manifests name direct dependencies alone. A go.mod lists the indirect ones too; images have none.
var chained = map[string]bool{"pypi": true, "conda": true, "maven": true, "npm": true, "cargo": true}

// buildTools are in every environment; a file that names nothing else asks for nothing.
var buildTools = map[string]bool{"pip": true, "setuptools": true, "wheel": true, "python": true, "virtualenv": true}

// closures finds where everything is listed, which manifests that covers, and the chains in it.
func (p *project) closures() {
	all := p.gather()
	byDir := map[string][]*closure{}
	var environments []*closure
	for _, c := range all {
		if len(byDir[c.dir]) < maxClosures {
			byDir[c.dir] = append(byDir[c.dir], c)
		}
		if c.kind == weir.OriginInstalled && len(environments) < maxClosures {
			environments = append(environments, c)
		}
	}
	for i := range p.files {
		f := &p.files[i]
		asks := direct(f)
		if len(asks) == 0 || f.note("closure") != "" {
			continue
		}
		value := "unknown"
		if c := covering(dir(p.names[i]), asks, byDir, environments); c != nil {
			value = c.name
			for _, r := range asks {
				if n := c.nodes[key(r)]; n != nil { // what it asks for may be an address or go by another ecosystem
					n.direct = true
				}
			}
		} else if hashed(f) {
			value = "hashes"
		}
		f.Facts = append(f.Facts, weir.Note{Key: "closure", Value: value})
	}
	for _, c := range all {
		c.chains()
		for _, i := range c.files {
			f := &p.files[i]
			f.each(c.mark)
			f.Facts = append(f.Facts, weir.Note{Key: "closure", Value: c.name})
		}
	}
}

// gather collects the closures that the files are or belong to.
func (p *project) gather() []*closure {
	var all []*closure
	byName := map[string]*closure{}
	for i := range p.files {
		kind, n := weir.Origin(""), 0
		reqs := p.files[i].requirements()
		for _, r := range reqs {
			if r.Origin == weir.OriginLock || r.Origin == weir.OriginInstalled || r.Origin == weir.OriginSBOM {
				kind = r.Origin
				n++
			}
		}
		if n == 0 {
			continue
		}
		place, folder := p.names[i], dir(p.names[i])
		label := string(kind)
		if kind == weir.OriginInstalled { // lib/site-packages/x.dist-info/METADATA, env/conda-meta/x.json
			label = "environment"
			if above, ok := up(folder); ok {
				folder = above
			}
			place = folder
		}
		name := label + ":" + place
		c := byName[name]
		if c == nil {
			c = &closure{name: name, dir: folder, kind: kind, nodes: map[string]*node{}}
			byName[name] = c
			all = append(all, c)
		}
		c.files = append(c.files, i)
		for _, r := range reqs {
			c.add(r)
		}
	}
	return all
}

func (c *closure) add(r weir.Requirement) {
	if r.Name == "" || r.Origin != c.kind {
		return
	}
	n := c.nodes[key(r)]
	if n == nil {
		n = &node{}
		c.nodes[key(r)] = n
	}
	// What an environment holds says of itself that it is there, not who asked for it.
	n.direct = n.direct || r.Direct && c.kind != weir.OriginInstalled
	for _, q := range r.Requires {
		n.requires = append(n.requires, r.Ecosystem+" "+q)
	}
}

// direct are the statements of a file that ask for packages.
func direct(f *File) []weir.Requirement {
	var out []weir.Requirement
	for _, r := range f.requirements() {
		if (r.Origin == weir.OriginManifest || r.Origin == weir.OriginCommand) && r.Name != "" && chained[r.Ecosystem] && !buildTools[r.Name] {
			out = append(out, r)
		}
	}
	return out
}

// covering finds the nearest closure that has all that a manifest asks for without a condition: in its own folder, an environment below it, or
// what a folder above it has for all of its parts.
func covering(folder string, asks []weir.Requirement, byDir map[string][]*closure, environments []*closure) *closure {
	if c := covers(byDir[folder], asks); c != nil {
		return c
	}
	for d, ok := up(folder); ok; d, ok = up(d) {
		if c := covers(byDir[d], asks); c != nil {
			return c
		}
	}
	for _, c := range environments {
		if folder == "." || strings.HasPrefix(c.dir, folder+"/") {
			if c := covers([]*closure{c}, asks); c != nil {
				return c
			}
		}
	}
	return nil
}

func covers(list []*closure, asks []weir.Requirement) *closure {
next:
	for _, c := range list {
		found := 0
		for _, r := range asks {
			if c.nodes[key(r)] != nil {
				found++
			} else if r.Marker == "" && r.Group == "" && r.URL == "" {
				continue next
			}
		}
		if found > 0 {
			return c
		}
	}
	return nil
}

// hashed reports whether every package of a requirements file has a hash: pip then refuses whatever the file does not list.
func hashed(f *File) bool {
	n := 0
	for _, r := range f.requirements() {
		if r.Origin != weir.OriginManifest || r.Ecosystem != "pypi" || r.Hashes == 0 {
			return false
		}
		n++
	}
	return n > 0
}

// chains walks from what was asked for to all that it needs, the shortest way first. Where nobody says what was asked for, it is what nothing
// else needs.
func (c *closure) chains() {
	names := make([]string, 0, len(c.nodes))
	any := false
	for name, n := range c.nodes {
		names = append(names, name)
		any = any || n.direct
		for _, q := range n.requires {
			if m := c.nodes[q]; m != nil && m != n {
				m.needed = true
			}
		}
	}
	slices.Sort(names)
	var queue []string
	for _, name := range names {
		if n := c.nodes[name]; n.direct || !any && !n.needed {
			n.direct, n.seen = true, true
			queue = append(queue, name)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		n := c.nodes[queue[0]]
		requires := slices.Clone(n.requires)
		slices.Sort(requires)
		for _, q := range requires {
			if m := c.nodes[q]; m != nil && !m.seen && n.depth < maxChain {
				m.seen, m.from, m.depth = true, queue[0], n.depth+1
				queue = append(queue, q)
			}
		}
	}
}

// mark writes what was found on a requirement.
func (c *closure) mark(r *weir.Requirement) {
	n := c.nodes[key(*r)]
	if n == nil || r.Origin != c.kind {
		return
	}
	r.Direct = n.direct
	if n.direct {
		return
	}
	var chain []string
	for at := n.from; at != ""; at = c.nodes[at].from {
		_, name, _ := strings.Cut(at, " ")
		chain = append(chain, name)
	}
	slices.Reverse(chain)
	r.Chain = chain
}
