package dependency

import (
	"strings"

	"weir"
)

// poms are the Maven projects among the files, by coordinates.
type poms struct {
	p        *project
	byName   map[string]int // group:artifact:version
	settings map[int]map[string]string
	managed  map[int]managed
}

// managed is the dependencyManagement of one pom.
type managed struct {
	versions map[string]weir.Requirement
	bills    []weir.Requirement
}

// propertyPrefix marks the settings that hold a pom's properties.
const propertyPrefix = "maven.property."

// maven gives requirements of poms the versions that their parents, and the bills of materials that they import, hold for them, as far as
// those are among the files (Maven's documentation, "Introduction to the Dependency Mechanism").
func (p *project) maven() {
	m := &poms{p, map[string]int{}, map[int]map[string]string{}, map[int]managed{}}
	for i := range p.files {
		name := p.files[i].note("maven.project")
		group, rest, _ := strings.Cut(name, ":")
		artifact, version, ok := strings.Cut(rest, ":")
		if !ok {
			continue
		}
		m.byName[name] = i
		own := map[string]string{"project.version": version, "project.groupId": group, "project.artifactId": artifact, "pom.version": version, "version": version}
		for _, fact := range p.files[i].Facts {
			if s, ok := fact.(weir.Setting); ok {
				if key, ok := strings.CutPrefix(s.Key, propertyPrefix); ok {
					own[key] = s.Value
				}
			}
		}
		if _, version, ok := cutLast(p.files[i].note("maven.parent")); ok {
			own["project.parent.version"] = version
		}
		m.settings[i] = own
	}
	for i := range p.files {
		if m.settings[i] != nil {
			m.complete(i)
		}
	}
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// line gives a pom and its ancestors, nearest first.
func (m *poms) line(i int) []int {
	line := []int{i}
	for len(line) < maxChain {
		next := m.parent(line[len(line)-1])
		if next < 0 {
			break
		}
		for _, seen := range line {
			if seen == next {
				return line
			}
		}
		line = append(line, next)
	}
	return line
}

// parent finds the file of a pom's parent: at the path that it names if that is the one, or wherever it is among the files.
func (m *poms) parent(i int) int {
	f := &m.p.files[i]
	want := f.note("maven.parent")
	pair, _, ok := cutLast(want)
	if !ok {
		return -1
	}
	for _, fact := range f.Facts {
		if inc, ok := fact.(weir.Include); ok && inc.Kind == "parent" {
			if at, ok := m.p.index[beside(m.p.names[i], inc.Path)]; ok && at != i && strings.HasPrefix(m.p.files[at].note("maven.project"), pair+":") {
				return at
			}
		}
	}
	if at, ok := m.byName[want]; ok && at != i {
		return at
	}
	return -1
}

// fill puts properties in; the nearest pom wins. What stays a ${…} is unknown.
func (m *poms) fill(s string, line []int) string {
	for range maxExpand {
		start := strings.Index(s, "${")
		if start < 0 || len(s) > maxValue {
			break
		}
		name, rest, ok := strings.Cut(s[start+2:], "}")
		if !ok {
			break
		}
		value, found := "", false
		for _, at := range line {
			if value, found = m.settings[at][name]; found {
				break
			}
		}
		if !found {
			break
		}
		s = s[:start] + value + rest
	}
	return s
}

// complete resolves the requirements of one pom.
func (m *poms) complete(i int) {
	line := m.line(i)
	f := &m.p.files[i]
	f.each(func(r *weir.Requirement) {
		if r.State != weir.PinUnresolved || r.Ecosystem != "maven" {
			return
		}
		if r.Name == "" {
			parts := strings.Split(m.fill(r.Text, line), ":")
			if len(parts) < 2 || strings.Contains(parts[0]+parts[1], "${") {
				return
			}
			r.Name = parts[0] + ":" + parts[1]
			if len(parts) > 2 {
				r.Range = parts[2]
			}
		}
		if r.Range != "" {
			settle(r, m.fill(r.Range, line))
			return
		}
		if c, ok := m.lookup(r.Name, line, map[int]bool{}); ok {
			settle(r, c.Version+c.Range)
		}
	})
}

// own lists what one pom itself holds versions of, as written, and the bills that it imports.
func (m *poms) own(at int) managed {
	if known, ok := m.managed[at]; ok {
		return known
	}
	out := managed{versions: map[string]weir.Requirement{}}
	for _, r := range m.p.files[at].requirements() {
		switch _, again := out.versions[r.Name]; {
		case r.Origin != weir.OriginConstraint || r.Ecosystem != "maven" || r.Name == "" || again:
		case r.Group == "import":
			out.bills = append(out.bills, r)
		default:
			out.versions[r.Name] = r
		}
	}
	m.managed[at] = out
	return out
}

// lookup finds the version that a pom's line of ancestors holds for a package, or a bill that one of them imports; each pom is asked once.
func (m *poms) lookup(name string, line []int, asked map[int]bool) (weir.Requirement, bool) {
	for _, at := range line {
		if r, ok := m.own(at).versions[name]; ok {
			if r.Range != "" {
				settle(&r, m.fill(r.Range, line))
			}
			return r, r.State != weir.PinUnresolved
		}
	}
	for _, at := range line {
		if asked[at] {
			continue
		}
		asked[at] = true
		for _, bill := range m.own(at).bills {
			if bill.Range != "" {
				settle(&bill, m.fill(bill.Range, line))
			}
			to, ok := m.byName[bill.Name+":"+bill.Version]
			if !ok || asked[to] || len(asked) > maxChain {
				continue
			}
			if r, ok := m.lookup(name, m.line(to), asked); ok {
				return r, true
			}
		}
	}
	return weir.Requirement{}, false
}

// settle gives a requirement its version or range, now that it is known.
func settle(r *weir.Requirement, v string) {
	switch {
	case v == "" || strings.Contains(v, "${") || v == "LATEST" || v == "RELEASE":
	case strings.ContainsAny(v, "[](),"):
		r.State, r.Range, r.Version, r.Reason = weir.PinRange, v, "", ""
		if inner, ok := strings.CutPrefix(strings.TrimSuffix(v, "]"), "["); ok && !strings.ContainsAny(inner, "[](),") {
			r.State, r.Range, r.Version = weir.PinExact, "", inner
		}
	default:
		r.State, r.Version, r.Range, r.Reason = weir.PinExact, v, "", ""
	}
}
