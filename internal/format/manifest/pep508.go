package manifest

import (
	"fmt"
	"path"
	"strings"

	"weir"
)

// The grammar is that of dependency specifiers (packaging.python.org/specifications/dependency-specifiers, once PEP 508) as packaging 24 to 26
// reads it, versions are those of PEP 440. Versions from before PEP 440 (1.0-final-2, 2004d) are let through after == as old pips do.

// Versions: epoch, release, pre, post, dev, and the local part, which only == and != take.
var (
	isVersion    = weir.Pattern(`(?i)^v?(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*(?:[-_.]?(?:alpha|beta|preview|pre|a|b|c|rc)[-_.]?[0-9]*)?(?:-[0-9]+|[-_.]?(?:post|rev|r)[-_.]?[0-9]*)?(?:[-_.]?dev[-_.]?[0-9]*)?$`)
	isLocal      = weir.Pattern(`(?i)^v?(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*(?:[-_.]?(?:alpha|beta|preview|pre|a|b|c|rc)[-_.]?[0-9]*)?(?:-[0-9]+|[-_.]?(?:post|rev|r)[-_.]?[0-9]*)?(?:[-_.]?dev[-_.]?[0-9]*)?(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?$`)
	isWildcard   = weir.Pattern(`(?i)^v?(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*\.\*$`)
	isCompatible = weir.Pattern(`(?i)^v?(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)+(?:[-_.]?(?:alpha|beta|preview|pre|a|b|c|rc)[-_.]?[0-9]*)?(?:-[0-9]+|[-_.]?(?:post|rev|r)[-_.]?[0-9]*)?(?:[-_.]?dev[-_.]?[0-9]*)?$`)
	isLegacy     = weir.Pattern(`(?i)^v?[0-9][a-z0-9._!-]*$`)
	identifier   = weir.Pattern(`^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?`)
)

// canonical is a name as PEP 503 compares them.
func canonical(name string) string {
	var b strings.Builder
	dash := false
	for _, c := range []byte(name) {
		switch {
		case c == '-' || c == '_' || c == '.':
			dash = true
			continue
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		}
		if dash {
			b.WriteByte('-')
			dash = false
		}
		b.WriteByte(c)
	}
	if dash {
		b.WriteByte('-')
	}
	return b.String()
}

// specifier reads one dependency specifier: s is its text, with all its bytes from at in the manifest on (-1: they are elsewhere).
type specifier struct {
	s string
	i int
	r weir.Requirement
}

// pep508 reads a dependency specifier. What is none becomes an unresolved requirement that says why, with the name where it has one.
func pep508(t *text, s string, at, line int) weir.Requirement {
	p := &specifier{s: s, r: weir.Requirement{
		Ecosystem: "pypi", State: weir.PinAny, Origin: weir.OriginManifest, Text: cut(strings.TrimSpace(s), maxStatement), Line: line, Direct: true,
	}}
	from, to, reason := p.read()
	if p.r.URL != "" && reason == "" {
		located(&p.r)
	}
	if reason != "" {
		p.r.State, p.r.Reason, p.r.Version, p.r.Range, p.r.URL = weir.PinUnresolved, reason, "", "", ""
		return p.r
	}
	if at >= 0 && to > from {
		p.r.Spec, p.r.Form = t.span(at+from, to-from), weir.SpecPEP440
		if p.r.Spec.Size == 0 || string(t.b[at+from:at+to]) != s[from:to] {
			p.r.Spec, p.r.Form = weir.Span{}, ""
		}
	}
	return p.r
}

func (p *specifier) blank() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\t') {
		p.i++
	}
}

func (p *specifier) next() byte {
	if p.blank(); p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

// read gives the range of the version clauses in s, and the reason why s is no dependency specifier.
func (p *specifier) read() (from, to int, reason string) {
	p.blank()
	name := identifier().FindString(p.s[p.i:])
	if name == "" {
		if hasVariable(p.s) {
			return 0, 0, "its name is that of a variable"
		}
		return 0, 0, "it does not begin with the name of a package"
	}
	p.r.Name = canonical(name)
	p.i += len(name)
	if p.i < len(p.s) && strings.IndexByte(".-", p.s[p.i]) >= 0 {
		return 0, 0, "a package's name does not end in a dot or dash"
	}
	if reason = p.extras(); reason != "" {
		return 0, 0, reason
	}
	if p.next() == '@' {
		return 0, 0, p.address()
	}
	if from, to, reason = p.clauses(); reason != "" {
		return 0, 0, reason
	}
	return from, to, p.condition()
}

func (p *specifier) extras() string {
	if p.next() != '[' {
		return ""
	}
	p.i++
	for more := false; ; more = true {
		if c := p.next(); c == ']' && !more {
			break
		}
		name := identifier().FindString(p.s[p.i:])
		if name == "" {
			return "an extra has no name"
		}
		p.r.Extras = append(p.r.Extras, canonical(name))
		p.i += len(name)
		if c := p.next(); c == ']' {
			break
		} else if c != ',' {
			return "the list of extras does not end"
		}
		p.i++
	}
	p.i++
	return ""
}

// address reads what follows @.
func (p *specifier) address() string {
	p.i++
	p.blank()
	end := len(p.s)
	if i := strings.IndexAny(p.s[p.i:], " \t"); i >= 0 {
		end = p.i + i
	}
	if p.r.URL = p.s[p.i:end]; p.r.URL == "" {
		return "no address follows the @"
	}
	p.i = end
	return p.condition()
}

// clauses reads version clauses, in parentheses or not, into State, Version and Range.
func (p *specifier) clauses() (from, to int, reason string) {
	open := p.next() == '('
	if open {
		p.i++
		p.blank()
	}
	from = p.i
	var all []string
	for {
		op := operator(p.s[p.i:])
		if op == "" {
			break
		}
		p.i += len(op)
		p.blank()
		end := p.i
		stop := " \t,;()"
		if op == "===" {
			stop = " \t;)" // arbitrary equality takes commas too; what follows them are clauses all the same
		}
		for end < len(p.s) && strings.IndexByte(stop, p.s[end]) < 0 {
			end++
		}
		for i, version := range strings.Split(p.s[p.i:end], ",") {
			if i > 0 {
				if version == "" {
					continue
				}
				op = operator(version)
				version = version[len(op):]
			}
			if reason = p.clause(op, version); reason != "" {
				return 0, 0, reason
			}
			all = append(all, op+version)
		}
		p.i, to = end, end
		if p.next() != ',' {
			break
		}
		p.i++
		p.blank()
	}
	if open {
		if p.next() != ')' {
			return 0, 0, "the parenthesis of its versions does not end"
		}
		p.i++
	}
	if p.r.State == weir.PinAny && len(all) > 0 {
		p.r.State, p.r.Range = weir.PinRange, strings.Join(all, ",")
	}
	return from, to, ""
}

// operator gives the operator of PEP 440 at the beginning of s.
func operator(s string) string {
	for _, op := range []string{"===", "==", "~=", "!=", "<=", ">=", "<", ">"} {
		if strings.HasPrefix(s, op) {
			return op
		}
	}
	return ""
}

// clause judges one clause; an exact one decides the version whatever else is asked.
func (p *specifier) clause(op, version string) string {
	good := isVersion()
	switch op {
	case "":
		return "a comma is followed by no operator"
	case "===":
		p.r.State, p.r.Version = weir.PinExact, version
		if version == "" {
			return "no version follows the ==="
		}
		return variable(version)
	case "~=":
		good = isCompatible()
	case "==":
		if good = isLocal(); good.MatchString(version) || isLegacy().MatchString(version) && !strings.Contains(version, "*") {
			p.r.State, p.r.Version = weir.PinExact, version
			return ""
		}
		good = isWildcard()
	case "!=":
		if good = isLocal(); isWildcard().MatchString(version) {
			return ""
		}
	}
	if good.MatchString(version) {
		return ""
	}
	if reason := variable(version); reason != "" {
		return reason
	}
	return fmt.Sprintf("%q is no version of PEP 440 that can follow %s", cut(version, 100), op)
}

// hasVariable reports whether text names a value that is put in elsewhere: a shell's, make's, jinja's.
func hasVariable(s string) bool {
	return strings.Contains(s, "$") || strings.Contains(s, "{{") || strings.Contains(s, "%(") || strings.Contains(s, "<%")
}

func variable(s string) string {
	if hasVariable(s) || strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") {
		return fmt.Sprintf("its version is the value of %s, which is not known here", cut(s, 100))
	}
	return ""
}

// condition reads the end of a specifier: nothing, or a marker.
func (p *specifier) condition() string {
	switch c := p.next(); c {
	case 0:
		return ""
	case ';':
		p.i++
		p.blank()
		m := marker{s: p.s[p.i:]}
		if !m.whole() {
			return "the condition after the semicolon is none of PEP 508"
		}
		p.r.Marker = strings.TrimSpace(p.s[p.i:])
		return ""
	case '=':
		if p.r.State == weir.PinAny {
			return "= is no operator of PEP 440; == is"
		}
	}
	return fmt.Sprintf("%q stands where the specifier should end", cut(p.s[p.i:], 60))
}

// marker reads the conditions of dependency specifiers.
type marker struct {
	s     string
	depth int
}

var (
	markerVariable = weir.Pattern(`^(?:python_version|python_full_version|os[._]name|sys[._]platform|platform_release|platform_system|platform[._]version|platform[._]machine|platform[._]python_implementation|python_implementation|implementation_name|implementation_version|extras?|dependency_groups)\b|^(?:'[^']*'|"[^"]*")`)
	markerOperator = weir.Pattern(`^(?:===|==|~=|!=|<=|>=|<|>|in\b|not[ \t]+in\b)`)
	markerJoin     = weir.Pattern(`^(?:and|or)\b`)
)

// whole reports whether all of s is one condition.
func (m *marker) whole() bool {
	return m.expression() && strings.Trim(m.s, " \t") == ""
}

func (m *marker) take(what func(string) string) bool {
	m.s = strings.TrimLeft(m.s, " \t")
	got := what(m.s)
	m.s = m.s[len(got):]
	return got != ""
}

func (m *marker) expression() bool {
	for {
		if !m.atom() {
			return false
		}
		if !m.take(markerJoin().FindString) {
			return true
		}
	}
}

func (m *marker) atom() bool {
	if m.s = strings.TrimLeft(m.s, " \t"); !strings.HasPrefix(m.s, "(") {
		return m.take(markerVariable().FindString) && m.take(markerOperator().FindString) && m.take(markerVariable().FindString)
	}
	if m.depth++; m.depth > maxDepth {
		return false
	}
	m.s = m.s[1:]
	if !m.expression() {
		return false
	}
	m.depth--
	m.s = strings.TrimLeft(m.s, " \t")
	rest, ok := strings.CutPrefix(m.s, ")")
	m.s = rest
	return ok
}

// unescape undoes the percent-encoding of addresses (RFC 3986).
func unescape(s string) string {
	const digits = "0123456789abcdef"
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			lower := strings.ToLower(s[i+1 : i+3])
			if hi, lo := strings.IndexByte(digits, lower[0]), strings.IndexByte(digits, lower[1]); hi >= 0 && lo >= 0 {
				b.WriteByte(byte(hi<<4 | lo))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return strings.ToValidUTF8(b.String(), "?")
}

// archives are the endings of what pip takes for an archive (pip/_internal/utils/filetypes.py).
var archives = []string{".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tlz", ".tar.lz", ".tar.lzma", ".egg", ".conda"}

// archiveOf gives the file name of an address or path without its ending, and the ending; empty where it is no archive.
func archiveOf(address string) (name, ending string) {
	address, _, _ = strings.Cut(address, "#")
	address, _, _ = strings.Cut(address, "?")
	base := path.Base(strings.ReplaceAll(address, "\\", "/"))
	base = unescape(base)
	for _, e := range archives {
		if n := len(base) - len(e); n > 0 && strings.EqualFold(base[n:], e) && (e != ".tar" || n > 0) {
			return base[:n], e
		}
	}
	return "", ""
}

// named gives the package and version that the name of an archive says: of wheels by their specification, of source archives by the last dash
// before a digit.
func named(address string) (name, version string) {
	base, ending := archiveOf(address)
	if ending == ".whl" || ending == ".egg" {
		parts := strings.Split(base, "-")
		if len(parts) < 2 || ending == ".whl" && len(parts) < 5 || !isLocal().MatchString(strings.ReplaceAll(parts[1], "_", "-")) {
			return "", ""
		}
		return canonical(parts[0]), strings.ReplaceAll(parts[1], "_", "-")
	}
	for i := len(base) - 2; i > 0; i-- {
		if base[i] == '-' && base[i+1] >= '0' && base[i+1] <= '9' && isLocal().MatchString(base[i+1:]) && identifier().FindString(base[:i]) == base[:i] {
			name, version = canonical(base[:i]), base[i+1:]
		}
	}
	return name, version
}

// isCommit tells a whole commit from a branch, a tag or an abbreviation.
var isCommit = weir.Pattern(`^[0-9a-f]{40}$|^[0-9a-f]{64}$`)

// versionControl are the schemes with which pip clones.
var versionControl = weir.Pattern(`(?i)^(?:git|hg|svn|bzr)\+|^git://|^(?:git|hg|svn|bzr):`)

// egg is the name that a fragment gives to what an address holds.
var egg = weir.Pattern(`[#&]egg=([A-Za-z0-9][A-Za-z0-9._-]*)`)

// located judges a requirement that is an address or a path: what its name, its commit and its fragment say of package and version.
func located(r *weir.Requirement) {
	bare, fragment, _ := strings.Cut(r.URL, "#")
	if m := egg().FindStringSubmatch("#" + fragment); m != nil && r.Name == "" {
		r.Name = canonical(m[1])
	}
	for _, f := range strings.Split(fragment, "&") {
		if alg, digest, ok := strings.Cut(f, "="); ok && (strings.HasPrefix(alg, "sha") || alg == "md5") && digest != "" {
			r.Hashes++
		}
	}
	if versionControl().MatchString(r.URL) {
		r.State, r.Reason = weir.PinUnresolved, "its version is that of a repository, which is not known here"
		if i := strings.LastIndexByte(bare, '@'); i > strings.Index(bare, "://")+3 && isCommit().MatchString(bare[i+1:]) {
			r.Commit = bare[i+1:]
		}
		return
	}
	name, version := named(bare)
	switch {
	case version != "" && (r.Name == "" || r.Name == name):
		r.Name, r.State, r.Version = name, weir.PinExact, version
	case hasVariable(r.URL):
		r.State, r.Reason = weir.PinUnresolved, "its address holds a variable, which is not known here"
	case version != "":
		r.State, r.Reason = weir.PinUnresolved, fmt.Sprintf("its archive is named like another package, %s", cut(name, 100))
	default:
		r.State, r.Reason = weir.PinUnresolved, "its address says no version"
	}
}
