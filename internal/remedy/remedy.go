// Package remedy edits files into their safe form from findings: version pins to the smallest versions without a known flaw, as a diff first.
// It touches nothing but the bytes that a parser gave as the place of a constraint, and only where it can read what stands there.
//
// Start with [Plan], then [Apply] and [Diff]. It reads and writes no file.
package remedy

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"weir"
	"weir/internal/version"
)

// maxTries bounds how often a proposed version is asked about again.
const maxTries = 8

// Change is one version constraint that is rewritten.
type Change struct {
	Line     int
	Name     string // of the package
	From, To string // as they stand in the file, operators included
	Version  string // the one without known flaws that To names
	Flaws    []string
	Stays    []string // flaws that no release fixes
	Notes    []string // what else the change means: stale hashes, a new major version
	span     weir.Span
}

// Left is a known flaw that stays, with the reason.
type Left struct {
	Line    int
	Name    string
	Version string // or range, as stated
	Flaws   []string
	Why     string
}

// Plan decides what to rewrite in one file, in the order of its bytes, and says what stays and why. advise answers for the advisory database.
// Where two statements share one place (a property of a pom), the higher version is taken.
func Plan(content []byte, reqs []weir.Requirement, advise func(weir.Requirement) weir.Advice) ([]Change, []Left) {
	var changes []Change
	var left []Left
	for _, r := range reqs {
		a := advise(r)
		if r.Name == "" || len(a.Advisories) == 0 || a.Affected != weir.AffectedAll && a.Affected != weir.AffectedSome {
			continue
		}
		c, why := change(content, r, a, advise)
		if why != "" {
			left = append(left, Left{r.Line, r.Name, cmp.Or(r.Version, r.Range), ids(a), why})
			continue
		}
		changes = append(changes, c)
	}
	slices.SortStableFunc(changes, func(x, y Change) int { return cmp.Compare(x.span.At, y.span.At) })
	out := changes[:0]
	for _, c := range changes {
		if n := len(out); n > 0 && c.span.At < out[n-1].span.At+out[n-1].span.Size {
			last := &out[n-1]
			if c.span == last.span {
				join(last, c)
				continue
			}
			left = append(left, Left{c.Line, c.Name, c.From, c.Flaws, "its place overlaps that of another change"})
			continue
		}
		out = append(out, c)
	}
	return out, left
}

// join merges a change into another one of the same place.
func join(into *Change, c Change) {
	if c.Name != into.Name {
		into.Name += ", " + c.Name
	}
	if version.Maven.Compare(c.Version, into.Version) > 0 {
		into.Version, into.To = c.Version, c.To
	}
	into.Flaws = slices.Compact(slices.Sorted(slices.Values(append(into.Flaws, c.Flaws...))))
}

func ids(a weir.Advice) []string {
	var out []string
	for _, v := range a.Advisories {
		out = append(out, v.ID)
	}
	return out
}

// change rewrites one statement, or says why it cannot be done.
func change(content []byte, r weir.Requirement, a weir.Advice, advise func(weir.Requirement) weir.Advice) (Change, string) {
	none := func(why string) (Change, string) { return Change{}, why }
	if slices.ContainsFunc(a.Advisories, func(v weir.Advisory) bool { return v.Malicious }) {
		return none("it is malware: take it out by hand, no version of it is to be trusted")
	}
	switch r.Origin {
	case weir.OriginLock:
		return none("a lock file is written by its tool: " + relock(r))
	case weir.OriginInstalled:
		return none("it is installed: upgrade it there")
	case weir.OriginSBOM, weir.OriginBundled, weir.OriginImage:
		return none("it is only described or carried here: build again with a version that is fixed")
	}
	safe, stays := safest(r, a, advise)
	switch {
	case safe == "":
		return none("no release is known that mends any of it")
	case r.State == weir.PinAny:
		return none("it names no version; pin " + r.Name + " to " + safe + " or later")
	case r.Spec.Size <= 0 || r.Spec.At < 0 || r.Spec.At+r.Spec.Size > int64(len(content)):
		return none("its place in the file cannot be edited; the version to take is " + safe)
	}
	old := string(content[r.Spec.At : r.Spec.At+r.Spec.Size])
	if !holds(old, r) {
		return none("the file has changed since it was read")
	}
	fresh, ok := respell(old, r, safe)
	if !ok || fresh == old {
		return none(fmt.Sprintf("%q cannot be rewritten here; the version to take is %s", old, safe))
	}
	c := Change{Line: r.Line, Name: r.Name, From: old, To: fresh, Version: safe, Flaws: ids(a), Stays: stays, span: r.Spec}
	if r.Hashes > 0 {
		c.Notes = append(c.Notes, "its hashes are those of the old version: lock again")
	}
	if major(r.Version) != major(safe) && r.State == weir.PinExact {
		c.Notes = append(c.Notes, "a new major version: test before you deploy")
	}
	if _, local, ok := strings.Cut(r.Version, "+"); ok {
		c.Notes = append(c.Notes, "the build +"+local+" is not kept: choose the one of the new version from its index")
	}
	return c, ""
}

// relock is the command that moves one package of a lock file.
func relock(r weir.Requirement) string {
	switch r.Ecosystem {
	case "pypi":
		return "uv lock --upgrade-package " + r.Name + ", poetry update " + r.Name + " or pdm update " + r.Name
	case "npm":
		return "npm update " + r.Name
	case "cargo":
		return "cargo update -p " + r.Name
	}
	return "let it resolve again"
}

// safest is the smallest version at or above the stated one of which nothing is known. Where there is none it is the one that mends what can be
// mended, and stays are the flaws that no release fixes.
func safest(r weir.Requirement, a weir.Advice, advise func(weir.Requirement) weir.Advice) (safe string, stays []string) {
	known, next := len(a.Advisories), cmp.Or(a.Safe, mended(r, a))
	for range maxTries {
		if next == "" {
			return "", nil
		}
		r.State, r.Version, r.Range = weir.PinExact, next, ""
		a = advise(r)
		if len(a.Advisories) == 0 {
			return next, nil
		}
		if next = cmp.Or(a.Safe, mended(r, a)); next == "" && len(a.Advisories) < known {
			return r.Version, ids(a)
		}
	}
	return "", nil
}

// mended is the smallest version that has all fixes that were released for what is known of a requirement.
func mended(r weir.Requirement, a weir.Advice) string {
	scheme, out := version.For(r.Ecosystem), ""
	for _, v := range a.Advisories {
		for _, f := range v.Fixed {
			if r.Version == "" || scheme.Compare(f, r.Version) > 0 {
				if out == "" || scheme.Compare(f, out) > 0 {
					out = f
				}
				break
			}
		}
	}
	return out
}

// holds reports whether what stands at the place is what the parser read there.
func holds(old string, r weir.Requirement) bool {
	squeeze := func(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), "")) }
	if r.State == weir.PinExact {
		return strings.Contains(squeeze(old), squeeze(r.Version))
	}
	for clause := range strings.SplitSeq(r.Range, ",") {
		if !strings.Contains(squeeze(old), squeeze(strings.TrimLeft(clause, "=<>~!^ "))) {
			return false
		}
	}
	return true
}

func major(v string) string {
	major, _, _ := strings.Cut(v, ".")
	return major
}

// Apply makes the changes that Plan gave for the same content.
func Apply(content []byte, changes []Change) []byte {
	var b bytes.Buffer
	at := int64(0)
	for _, c := range changes {
		b.Write(content[at:c.span.At])
		b.WriteString(c.To)
		at = c.span.At + c.span.Size
	}
	b.Write(content[at:])
	return b.Bytes()
}
