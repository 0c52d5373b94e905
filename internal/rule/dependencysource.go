package rule

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"weir"
)

// index is a place from which packages are taken, as a setting names it.
type index struct {
	kind  string // primary, extra, find-links, trusted-host, channel, repository
	value string
	s     weir.Setting
}

// indexOptions are pip's options that name a place (pip's own documentation of `pip install`; uv and pip-compile share the names).
var indexOptions = map[string]string{
	"-i": "primary", "--index-url": "primary", "--default-index": "primary", "--index": "extra", "--extra-index-url": "extra", "-f": "find-links",
	"--find-links": "find-links", "--trusted-host": "trusted-host", "--allow-insecure-host": "trusted-host", "-c": "channel", "--channel": "channel",
}

// indexes gives the places that a unit's settings name. In an MLflow model those of its environment are mlflow/environment's.
func indexes(p *Pass, u *Unit) []index {
	if judgedByMLflow(p, u) {
		return nil
	}
	var out []index
	for _, s := range facts[weir.Setting](u) {
		kind, value := "", strings.TrimSpace(s.Value)
		switch {
		case s.Key == "pip.option":
			name, rest := optionValue(value)
			kind, value = indexOptions[name], rest
			if name == "-c" { // constraints, for pip
				kind = ""
			}
		case s.Key == "conda.channel":
			kind = "channel"
		default:
			kind, _ = strings.CutPrefix(s.Key, "index.")
			if kind == s.Key {
				kind = ""
			}
		}
		if kind != "" && value != "" {
			out = append(out, index{kind, value, s})
		}
	}
	return out
}

// optionValue splits "--name value", "--name=value" and "-nvalue".
func optionValue(line string) (name, value string) {
	name, value, _ = strings.Cut(line, " ")
	if n, v, ok := strings.Cut(name, "="); ok && strings.HasPrefix(name, "--") {
		name, value = n, v
	} else if len(name) > 2 && name[0] == '-' && name[1] != '-' {
		name, value = name[:2], name[2:]
	}
	return name, strings.Trim(strings.TrimSpace(value), `"'`)
}

// publicIndexes are the hosts from which pip, conda, Maven, npm, Go and Cargo install by themselves, and index.example.org, which examples name: asking one of
// them adds nobody. They are kept as the first 16 hex digits of their SHA-256, because no file of this project names a registry.
var publicIndexes = set(`5fbe7dd886f70c57 a4aa2ac280bb8d1a c899567ee9068517 d6d7019ca9fcbf07 4db460c55b85212e 15bdb44dafa6843b 317d2d52829b7812 43c04ed1dabe979b
	0dc11026ac75c015 70bb4000cd2fab03 00a7dc5a0cc38858 eb7e11c7f9ecbcf4 3d01f3609be82d98 789e46d79514e280`)

func publicIndex(host string) bool {
	sum := sha256.Sum256([]byte(host))
	return publicIndexes[hex.EncodeToString(sum[:8])]
}

func extraIndex(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		for _, x := range indexes(p, u) {
			scheme, host := hostOf(x.value)
			if x.kind != "extra" && x.kind != "find-links" || scheme == "" || scheme == "file" || publicIndex(host) {
				continue
			}
			message := fmt.Sprintf("packages are also looked for at %s: whoever registers the same name on one of the indexes, with a higher version, is installed", host)
			if x.kind == "find-links" {
				message = fmt.Sprintf("packages are also taken from links on a page of %s, whichever version is higher", host)
			}
			f := p.settingFinding(u, x.s, message)
			f.Evidence = x.s.Value
			if officialIndexes[host] {
				f.Severity = weir.SeverityInfo
				f.Evidence += "\ninfo: the framework's own index; a name that it lacks is still taken from the public one"
			}
			p.Report(f)
		}
	}
}

func plainHTTP(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		for _, x := range indexes(p, u) {
			if x.kind == "trusted-host" || !plain(x.value) {
				continue
			}
			_, host := hostOf(x.value)
			f := p.settingFinding(u, x.s, fmt.Sprintf("packages are taken from %s over plain http", host))
			f.Evidence = x.s.Value
			p.Report(f)
		}
		for _, r := range facts[weir.Requirement](u) {
			if !plain(r.URL) || r.Hashes > 0 || judgedByMLflow(p, u) {
				continue
			}
			_, host := hostOf(r.URL)
			p.Report(p.requirementFinding(u, r, fmt.Sprintf("%s is fetched from %s over plain http, without a hash", orElse(r.Name, "a package"), host)))
		}
	}
}

// plain reports whether an address is fetched without encryption from another machine.
func plain(address string) bool {
	scheme, _ := hostOf(address)
	scheme = scheme[strings.LastIndexByte(scheme, '+')+1:]
	return (scheme == "http" || scheme == "git" || scheme == "ftp") && !isLocal(address)
}

func trustedHost(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		for _, x := range indexes(p, u) {
			if x.kind != "trusted-host" {
				continue
			}
			for host := range strings.FieldsSeq(x.value) {
				if isLocal(host) {
					continue
				}
				f := p.settingFinding(u, x.s, fmt.Sprintf("%s is trusted without a valid certificate: anybody on the way can answer in its place", host))
				f.Evidence = x.s.Value
				p.Report(f)
			}
		}
	}
}

// directURL reports what comes from an address and is not held to one content: a repository without a commit, an archive without a hash.
func directURL(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		if judgedByMLflow(p, u) {
			continue
		}
		for _, r := range facts[weir.Requirement](u) {
			scheme, host := hostOf(r.URL)
			if scheme == "" || scheme == "file" || host == "" || r.Commit != "" || r.Hashes > 0 || r.Origin == weir.OriginImage || publicIndex(host) {
				continue
			}
			name := orElse(r.Name, "a package")
			vcs := strings.Contains(scheme, "+") || scheme == "git" || scheme == "ssh"
			f := p.requirementFinding(u, r, fmt.Sprintf("%s is an archive at %s without a hash: what lies there can change", name, host))
			switch {
			case vcs:
				f.Message = fmt.Sprintf("%s comes from a repository at %s without a commit: whoever can push to it chooses what is installed", name, host)
				f.Severity = weir.SeverityMedium
			case officialIndexes[host]:
				f.Severity = weir.SeverityInfo
			}
			p.Report(f)
		}
	}
}
