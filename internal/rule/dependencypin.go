package rule

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"weir"
)

// buildTools come with every environment; models name them as ranges, and what runs a model does not import them.
var buildTools = set(`pip setuptools wheel virtualenv python`)

func unpinned(p *Pass) {
	if !deployable(p) {
		return
	}
	for i := range p.Units {
		u := &p.Units[i]
		for _, r := range facts[weir.Requirement](u) {
			if r.State != weir.PinAny && r.State != weir.PinRange || r.Name == "" || buildTools[r.Name] || closed(r) || !installs(r) || r.URL != "" || hasLock(u) {
				continue
			}
			message := fmt.Sprintf("the model is deployed with whatever version of %s is the newest that day", r.Name)
			if r.State == weir.PinRange {
				message = fmt.Sprintf("the model is deployed with whatever version of %s fits %s that day", r.Name, r.Range)
			}
			p.Report(p.requirementFinding(u, r, message))
		}
	}
}

// installs tells statements about the packages of a model's own environment from constraints, optional groups, images and what an archive carries.
func installs(r weir.Requirement) bool {
	return (r.Origin == weir.OriginManifest || r.Origin == weir.OriginCommand) && r.Group == "" && (r.Ecosystem == "pypi" || r.Ecosystem == "conda")
}

func hasLock(u *Unit) bool {
	c := note(u, "closure")
	return c != "" && c != "unknown"
}

// unhashed reports a file once, not each of its lines: one command mends them all.
func unhashed(p *Pass) {
	if !deployable(p) {
		return
	}
	for i := range p.Units {
		u := &p.Units[i]
		if hasFormat(u, "conda-env") {
			continue // conda hands its pip list on without them
		}
		var bare []string
		var first weir.Requirement
		for _, r := range facts[weir.Requirement](u) {
			// Only pip's own files can hold hashes.
			if r.Ecosystem == "pypi" && r.State == weir.PinExact && r.Hashes == 0 && (installs(r) || r.Origin == weir.OriginLock) && r.Origin != weir.OriginCommand && r.URL == "" && !buildTools[r.Name] && r.Form != weir.SpecVersion {
				if len(bare) == 0 {
					first = r
				}
				bare = append(bare, r.Name)
			}
		}
		if len(bare) > 0 && !hasLock(u) {
			p.Report(p.requirementFinding(u, first, fmt.Sprintf("no hashes hold what the index hands out for %d of the model's pins: %s", len(bare), some(bare, 5))))
		}
	}
}

func unresolvedDependency(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		for _, r := range facts[weir.Requirement](u) {
			if r.State == weir.PinUnresolved {
				p.Report(p.requirementFinding(u, r, "the dependency cannot be told: "+orElse(r.Reason, "neither its package nor its version can be read")))
			}
		}
	}
}

// closureUnknown reports once for a project, at the first manifest of which nothing says what its packages need in turn.
func closureUnknown(p *Pass) {
	var names []string
	var first *Unit
	for i := range p.Units {
		u := &p.Units[i]
		if note(u, "closure") != "unknown" {
			continue
		}
		if first == nil {
			first = u
		}
		names = append(names, orElse(u.Member, path.Base(p.File.Path)))
	}
	if first == nil {
		return
	}
	message := "only direct dependencies are known: no lock file, environment or SBOM says what they need in turn"
	if len(names) > 1 {
		message = fmt.Sprintf("of %d manifests only the direct dependencies are known: no lock file, environment or SBOM says what they need in turn", len(names))
	}
	p.Report(p.finding(first, 0, message, some(names, 8)))
}

// unadvised are kinds of packages of which no advisory database of this form exists.
var unadvised = set(`oci docker generic github`)

// unknownEcosystem reports each kind of package once.
func unknownEcosystem(p *Pass) {
	count, first := map[string]int{}, map[string]func() weir.Finding{}
	var order []string
	for i := range p.Units {
		u := &p.Units[i]
		for _, r := range facts[weir.Requirement](u) {
			if r.Ecosystem == "" || r.Name == "" || unadvised[r.Ecosystem] {
				continue
			}
			if count[r.Ecosystem] == 0 {
				if p.Advise(r).Known {
					continue
				}
				order = append(order, r.Ecosystem)
				first[r.Ecosystem] = func() weir.Finding { return p.requirementFinding(u, r, "") }
			}
			count[r.Ecosystem]++
		}
	}
	for _, e := range order {
		f := first[e]()
		f.Message = fmt.Sprintf("the advisory database has nothing about the ecosystem %q: vulnerabilities of %d statements of it are not known", e, count[e])
		p.Report(f)
	}
}

func yanked(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		for _, r := range facts[weir.Requirement](u) {
			if r.Yanked {
				p.Report(p.requirementFinding(u, r, fmt.Sprintf("%s was withdrawn by its authors after it was released", packageName(r))))
			}
		}
	}
}

// pythonEnds are the days after which a version of Python gets no security fixes (the status page of the Python developer's guide). Versions
// that are maintained longer than this weir will be are not listed.
var pythonEnds = map[string]string{
	"2.6": "2013-10-29", "2.7": "2020-01-01", "3.0": "2009-06-27", "3.1": "2012-04-09", "3.2": "2016-02-20", "3.3": "2017-09-29", "3.4": "2019-03-18",
	"3.5": "2020-09-30", "3.6": "2021-12-23", "3.7": "2023-06-27", "3.8": "2024-10-07", "3.9": "2025-10-31", "3.10": "2026-10-31",
}

func pythonEndOfLife(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		told := map[string]bool{} // conda.yaml and MLmodel say it twice
		report := func(version string, f weir.Finding) {
			minor := minorOf(version)
			if end := pythonEnds[minor]; end != "" && !told[minor] {
				told[minor] = true
				f.Message = fmt.Sprintf("Python %s gets no security fixes since %s", minor, end)
				p.Report(f)
			}
		}
		for _, s := range facts[weir.Setting](u) {
			if s.Key == "python.version" {
				f := p.settingFinding(u, s, "")
				f.Evidence = "python " + s.Value
				report(s.Value, f)
			}
		}
		for _, r := range facts[weir.Requirement](u) {
			switch {
			case r.Name != "python" && r.Name != "library/python" && !strings.HasSuffix(r.Name, "docker.io/library/python"):
			case r.State == weir.PinExact:
				report(r.Version, p.requirementFinding(u, r, ""))
			case r.Ecosystem == "conda" && r.State == weir.PinRange: // python=3.7 is 3.7.*
				if v := strings.TrimRight(strings.TrimLeft(r.Range, "= "), ".*"); strings.Trim(v, "0123456789.") == "" {
					report(v, p.requirementFinding(u, r, ""))
				}
			}
		}
	}
}

// minorOf gives 3.7 of 3.7.16 and of 3.7-slim; empty where there are no two numbers.
func minorOf(version string) string {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return ""
	}
	minor := parts[1]
	if i := strings.IndexFunc(minor, func(c rune) bool { return c < '0' || c > '9' }); i >= 0 {
		minor = minor[:i]
	}
	if _, err := strconv.Atoi(parts[0]); err != nil || minor == "" {
		return ""
	}
	return parts[0] + "." + minor
}

// lockMismatch compares what a model says that it was made with to the lock file that stands for its environment.
func lockMismatch(p *Pass) {
	if !deployable(p) {
		return
	}
	locked := lockedIn(p)
	if len(locked) == 0 {
		return
	}
	for i := range p.Units {
		u := &p.Units[i]
		for _, r := range facts[weir.Requirement](u) {
			if r.State != weir.PinExact || closed(r) || r.Marker != "" {
				continue
			}
			if e, ok := nearest(locked, u, r); ok && !sameRelease(e.version, r.Version) {
				p.Report(p.requirementFinding(u, r, fmt.Sprintf("%s is what the model names, and %s locks %s", packageName(r), e.where, e.version)))
			}
		}
	}
}

// lockedVersion is what a lock file says of a package.
type lockedVersion struct{ version, where string }

// lockedIn gives the locked versions by the folder of the lock file.
func lockedIn(p *Pass) map[string]map[string]lockedVersion {
	out := map[string]map[string]lockedVersion{}
	for i := range p.Units {
		u := &p.Units[i]
		for _, r := range facts[weir.Requirement](u) {
			if r.Origin != weir.OriginLock || r.State != weir.PinExact {
				continue
			}
			dir := path.Dir(u.Member)
			if out[dir] == nil {
				out[dir] = map[string]lockedVersion{}
			}
			out[dir][r.Ecosystem+" "+r.Name] = lockedVersion{r.Version, u.Member}
		}
	}
	return out
}

// nearest looks a package up in the folder of a unit and in those above it.
func nearest(locked map[string]map[string]lockedVersion, u *Unit, r weir.Requirement) (lockedVersion, bool) {
	const most = 64 // folders above each other
	dir := u.Member
	for range most {
		dir = path.Dir(dir)
		if e, ok := locked[dir][r.Ecosystem+" "+r.Name]; ok && e.where != u.Member {
			return e, true
		}
		if dir == "." || dir == "/" {
			break
		}
	}
	return lockedVersion{}, false
}

// sameRelease compares versions without what a build adds: 2.6.0+cu124 is 2.6.0, and 1.0 is 1.0.0.
func sameRelease(a, b string) bool {
	return slices.Equal(release(a), release(b))
}

func release(v string) []string {
	v, _, _ = strings.Cut(strings.ToLower(strings.TrimPrefix(v, "v")), "+")
	parts := strings.Split(v, ".")
	for len(parts) > 1 && parts[len(parts)-1] == "0" {
		parts = parts[:len(parts)-1]
	}
	return parts
}
