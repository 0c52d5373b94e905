package manifest

import (
	"path"
	"strings"

	"weir"
)

// others gives what commands of the ecosystems beside Python install: npm and its kin, go, cargo, Spark's packages, and archives fetched by
// their address from a repository of Maven's layout.
func (sc *script) others(words []word) []weir.Fact {
	if words = program(words); len(words) < 2 {
		return nil
	}
	args := words[1:]
	switch name := path.Base(words[0].text); name {
	case "npm", "pnpm", "yarn", "npx", "bunx":
		return npmCommand(name, args)
	case "go":
		if args[0].text == "install" || args[0].text == "get" || args[0].text == "run" {
			return each(args[1:], goPackage)
		}
	case "cargo":
		if args[0].text == "install" || args[0].text == "add" {
			return cargoCommand(args[1:])
		}
	case "wget", "curl", "aria2c":
		return each(args, fetched)
	case "spark-submit", "spark-shell", "pyspark", "spark-sql":
		return sparkCommand(args)
	}
	return nil
}

// leads reports whether a word is an assignment before a command.
func leads(s string) bool {
	_, _, ok := assignment(s)
	return ok
}

// each reads every word that is no option.
func each(words []word, read func(word) (weir.Requirement, bool)) []weir.Fact {
	var facts []weir.Fact
	for _, w := range words {
		if strings.HasPrefix(w.text, "-") {
			continue
		}
		if r, ok := read(w); ok {
			facts = append(facts, r)
		}
	}
	return facts
}

// asked is a requirement that a command states; a word that is not known as a whole is unresolved.
func asked(ecosystem string, w word) weir.Requirement {
	r := weir.Requirement{
		Ecosystem: ecosystem, State: weir.PinAny, Origin: weir.OriginCommand, Direct: true, Text: cut(w.text, maxStatement), Line: w.line,
	}
	if w.open {
		r.State, r.Reason = weir.PinUnresolved, "part of it is only known when the command runs"
	}
	return r
}

// npmCommand reads npm install, yarn add and the like; npm ci installs what a lock file says.
func npmCommand(name string, args []word) []weir.Fact {
	if !strings.HasSuffix(name, "x") {
		for len(args) > 0 && (strings.HasPrefix(args[0].text, "-") || args[0].text == "global") {
			args = args[1:]
		}
		if len(args) == 0 {
			return nil
		}
		verb := args[0]
		args = args[1:]
		switch verb.text {
		case "ci":
			return []weir.Fact{weir.Include{Path: "package-lock.json", Kind: "lock", Text: name + " ci", Line: verb.line}}
		case "install", "i", "add", "in":
		default:
			return nil
		}
	}
	var facts []weir.Fact
	for _, w := range args {
		if strings.HasPrefix(w.text, "-") {
			continue
		}
		if strings.HasSuffix(name, "x") && len(facts) > 0 {
			break // what follows the package are its own arguments
		}
		facts = append(facts, npmPackage(w))
	}
	return facts
}

// npmPackage reads name, name@version, @scope/name@range, an address or a path (npm help package-spec).
func npmPackage(w word) weir.Requirement {
	r := asked("npm", w)
	at := strings.LastIndexByte(w.text, '@')
	name, spec := w.text, ""
	if at > 0 {
		name, spec = w.text[:at], w.text[at+1:]
	}
	switch {
	case r.State == weir.PinUnresolved:
		return r
	case strings.Contains(w.text, "://") || strings.HasPrefix(w.text, ".") || strings.HasPrefix(w.text, "/") || strings.HasPrefix(w.text, "git"):
		r.State, r.URL, r.Reason = weir.PinUnresolved, w.text, "it comes from an address or a path, not from an index"
		return r
	}
	r.Name = name
	npmConstraint(&r, spec)
	if spec != "" && w.at >= 0 && r.State != weir.PinUnresolved {
		r.Form, r.Spec = weir.SpecNPM, weir.Span{At: int64(w.at + at + 1), Size: int64(len(spec))}
	}
	return r
}

// goPackage reads path@version. The module is the path up to where repositories end, as no index can be asked here.
func goPackage(w word) (weir.Requirement, bool) {
	name, version, ok := strings.Cut(w.text, "@")
	if !strings.Contains(name, ".") || strings.HasPrefix(name, ".") {
		return weir.Requirement{}, false // the main module's own, or the standard library's
	}
	r := asked("golang", w)
	if r.State == weir.PinUnresolved {
		return r, true
	}
	r.Name = goModuleOf(name)
	if ok && isGoVersion(version) {
		r.State, r.Version = weir.PinExact, version
		if w.at >= 0 {
			r.Form, r.Spec = weir.SpecVersion, weir.Span{At: int64(w.at + len(name) + 1), Size: int64(len(version))}
		}
	}
	return r, true
}

// goModuleOf guesses the module of a package's path: three elements on the well-known hosts, a major version behind them, else up to /cmd/.
func goModuleOf(p string) string {
	parts := strings.Split(p, "/")
	switch parts[0] {
	case "github.com", "gitlab.com", "bitbucket.org":
		n := min(3, len(parts))
		if n < len(parts) && isMajor(parts[n]) {
			n++
		}
		return strings.Join(parts[:n], "/")
	}
	p, _, _ = strings.Cut(p, "/cmd/")
	return strings.TrimSuffix(p, "/...")
}

func isMajor(s string) bool {
	return len(s) > 1 && s[0] == 'v' && strings.Trim(s[1:], "0123456789") == ""
}

// isGoVersion reports whether s names one version: latest, a branch and a prefix (v1.2) do not.
func isGoVersion(s string) bool {
	return strings.HasPrefix(s, "v") && strings.Count(s, ".") >= 2
}

// cargoCommand reads cargo install and cargo add: name, name@version, and --version for what stands before or behind it.
func cargoCommand(args []word) []weir.Fact {
	var facts []weir.Fact
	var version *word
	for i := 0; i < len(args); i++ {
		w := args[i]
		switch {
		case w.text == "--version" || w.text == "--vers":
			if i+1 < len(args) {
				i++
				version = &args[i]
			}
		case w.text == "--git" || w.text == "--path" || w.text == "--registry" || w.text == "--root" || w.text == "--features" || w.text == "-F":
			i++
		case !strings.HasPrefix(w.text, "-"):
			r := asked("cargo", w)
			name, spec, _ := strings.Cut(w.text, "@")
			if r.State != weir.PinUnresolved {
				r.Name = name
				cargoConstraint(&r, spec, r.Origin)
				if spec != "" && w.at >= 0 {
					r.Form, r.Spec = weir.SpecVersion, weir.Span{At: int64(w.at + len(name) + 1), Size: int64(len(spec))}
				}
			}
			facts = append(facts, r)
		}
	}
	if version != nil && len(facts) == 1 {
		r := facts[0].(weir.Requirement)
		if cargoConstraint(&r, version.text, r.Origin); version.at >= 0 {
			r.Form, r.Spec = weir.SpecVersion, weir.Span{At: int64(version.at), Size: int64(len(version.text))}
		}
		facts[0] = r
	}
	return facts
}

// sparkCommand reads --packages group:artifact:version,… of spark-submit and its kin, and the property that says the same.
func sparkCommand(args []word) []weir.Fact {
	var facts []weir.Fact
	for i, w := range args {
		value, at := "", -1
		switch {
		case w.text == "--packages" && i+1 < len(args):
			w = args[i+1]
			value, at = w.text, w.at
		case strings.HasPrefix(w.text, "--packages="), strings.HasPrefix(w.text, "spark.jars.packages="):
			_, value, _ = strings.Cut(w.text, "=")
			if w.at >= 0 {
				at = w.at + len(w.text) - len(value)
			}
		}
		for part := range strings.SplitSeq(value, ",") {
			if part != "" {
				facts = append(facts, coordinate(word{text: part, at: at, line: w.line, open: w.open}))
			}
			if at >= 0 {
				at += len(part) + 1
			}
		}
	}
	return facts
}

// coordinate reads group:artifact:version, with whatever stands before the version (a classifier, a type).
func coordinate(w word) weir.Requirement {
	r := asked("maven", w)
	parts := strings.Split(w.text, ":")
	if len(parts) < 2 || parts[0] == "" || parts[1] == "" {
		r.State, r.Reason = weir.PinUnresolved, "not of the form group:artifact:version"
		return r
	}
	if !strings.Contains(parts[0]+parts[1], "$") {
		r.Name = parts[0] + ":" + parts[1]
	}
	if len(parts) == 2 || r.State == weir.PinUnresolved {
		return r
	}
	version := parts[2] // gradle: group:artifact:version[:classifier][@type]
	if at := strings.IndexByte(version, '@'); at >= 0 {
		version = version[:at]
	}
	mavenConstraint(&r, version)
	if w.at >= 0 && r.State != weir.PinUnresolved {
		r.Form, r.Spec = weir.SpecVersion, weir.Span{At: int64(w.at + len(parts[0]) + len(parts[1]) + 2), Size: int64(len(version))}
	}
	return r
}

// fetched reads the address of a jar or a wheel, which tells package and version by its path.
func fetched(w word) (weir.Requirement, bool) {
	_, p, ok := strings.Cut(w.text, "://")
	p, _, _ = strings.Cut(p, "?")
	if !ok || w.open && !strings.HasSuffix(p, ".jar") {
		return weir.Requirement{}, false
	}
	parts := strings.Split(p, "/")
	base := parts[len(parts)-1]
	r := asked("maven", w)
	r.URL = cut(w.text, maxStatement)
	switch {
	case strings.HasSuffix(base, ".jar") && len(parts) > 4 && strings.HasPrefix(base, parts[len(parts)-3]+"-"+parts[len(parts)-2]):
		group := parts[1 : len(parts)-3]
		for i, g := range group { // what stands before the group is the repository's own path
			if g == "maven2" || g == "maven" || g == "repository" || g == "public" || g == "releases" {
				group = group[i+1:]
				break
			}
		}
		if r.State != weir.PinUnresolved {
			r.Name, r.State, r.Version = strings.Join(group, ".")+":"+parts[len(parts)-3], weir.PinExact, parts[len(parts)-2]
		}
		return r, true
	case strings.HasPrefix(base, "h2o-3.") && (strings.HasSuffix(base, ".zip") || strings.HasSuffix(base, ".jar")): // H2O's own releases
		r.Name, r.State, r.Version = "ai.h2o:h2o-core", weir.PinExact, strings.TrimSuffix(base[len("h2o-"):], path.Ext(base))
		return r, true
	case strings.HasSuffix(base, ".whl") && strings.Count(base, "-") >= 4: // name-version-tags (PEP 427)
		name, rest, _ := strings.Cut(base, "-")
		version, _, _ := strings.Cut(rest, "-")
		r.Ecosystem, r.Name, r.State = "pypi", canonical(name), weir.PinExact
		r.Version = strings.ReplaceAll(version, "%2B", "+")
		return r, true
	case strings.HasSuffix(base, ".jar"):
		r.State, r.Reason = weir.PinUnresolved, "an archive fetched by its address, which does not tell its version"
		return r, true
	}
	return weir.Requirement{}, false
}
