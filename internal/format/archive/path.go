package archive

import (
	"path"
	"strings"

	"weir"
)

// checkName reports what is wrong with an entry's name: everything that makes some extractor write outside its folder.
func checkName(odd *oddities, name string, at int64) {
	if i := strings.IndexByte(name, 0); i >= 0 {
		odd.add(weir.OddPath, at, 0, "name %s holds a NUL: some readers see %s", quote(name), quote(name[:i]))
	}
	slashed := strings.ReplaceAll(name, `\`, "/")
	if slashed != name {
		odd.add(weir.OddPath, at, 0, "name %s holds a backslash, which some systems take for a separator", quote(name))
	}
	switch {
	case strings.HasPrefix(slashed, "/"):
		odd.add(weir.OddPath, at, 0, "name %s is absolute", quote(name))
	case hasDrive(slashed):
		odd.add(weir.OddPath, at, 0, "name %s begins with a drive letter", quote(name))
	}
	if weir.Climbs(slashed) {
		odd.add(weir.OddPath, at, 0, "name %s leaves its folder", quote(name))
	} else if hasDotDot(slashed) {
		odd.add(weir.OddPath, at, 0, "name %s holds a .. component", quote(name))
	}
}

// checkLink reports a link target that leaves the folder in which the archive is unpacked. Symbolic links are relative to the folder
// of the entry, hard links to the root of the archive.
func checkLink(odd *oddities, name, target string, hard bool, at int64) {
	slashed := strings.ReplaceAll(target, `\`, "/")
	full := slashed
	if !hard {
		full = path.Dir(strings.ReplaceAll(name, `\`, "/")) + "/" + slashed
	}
	switch {
	case strings.IndexByte(target, 0) >= 0:
		odd.add(weir.OddLink, at, 0, "link %s has a target with a NUL: %s", quote(name), quote(target))
	case strings.HasPrefix(slashed, "/") || hasDrive(slashed):
		odd.add(weir.OddLink, at, 0, "link %s has the absolute target %s", quote(name), quote(target))
	case weir.Climbs(full):
		odd.add(weir.OddLink, at, 0, "link %s leaves its folder: %s", quote(name), quote(target))
	}
}

func hasDrive(s string) bool {
	return len(s) >= 2 && s[1] == ':' && (s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z')
}

func hasDotDot(s string) bool {
	for rest := s; rest != ""; {
		part, after, _ := strings.Cut(rest, "/")
		if part == ".." {
			return true
		}
		rest = after
	}
	return false
}

// links remembers the symbolic links of an archive: an entry below one of them is written wherever the link points.
type links map[string]bool

// maxLinks bounds what links remembers.
const maxLinks = 10_000

func (l links) add(name string) {
	if len(l) < maxLinks && len(name) <= maxLink {
		l[cleanName(name)] = true
	}
}

// through gives the symbolic link that an entry's name passes through, if any.
func (l links) through(name string) (string, bool) {
	if len(l) == 0 {
		return "", false
	}
	name = cleanName(name)
	for i := range min(len(name), maxLink+1) {
		if name[i] == '/' && l[name[:i]] {
			return name[:i], true
		}
	}
	return "", false
}

func cleanName(name string) string {
	return strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
}

// maxName bounds names in facts and in what goes to the engine; no file system takes longer ones.
const maxName = 4096

// short cuts a name that no file system would take.
func short(name string) string {
	if len(name) <= maxName {
		return name
	}
	return name[:maxName] + "…"
}

// maxQuoted bounds names in messages.
const maxQuoted = 200

// quote renders a name for a message, bounded.
func quote(s string) string {
	if len(s) > maxQuoted {
		return weir.Value{Kind: weir.ValueStr, Text: s[:maxQuoted], Len: int64(len(s))}.String()
	}
	return weir.Value{Kind: weir.ValueStr, Text: s, Len: int64(len(s))}.String()
}
