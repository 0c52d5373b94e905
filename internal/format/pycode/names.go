package pycode

import (
	"fmt"
	"slices"
	"strings"
)

// Names lists the dotted names that a code object and all code objects among its constants import, load and call, resolved as far as
// constants allow: os.system, subprocess.Popen, eval. A name without a module is a builtin or a global of whoever runs the code.
func Names(c *Code) []string {
	var out []string
	all := readings(c)
	for _, r := range all {
		for _, name := range r.names {
			if len(out) < maxNames && !slices.Contains(out, name) {
				out = append(out, plain(name))
			}
		}
	}
	if slices.ContainsFunc(all, func(r *reading) bool { return r.early }) { // nothing fits: then any of its names may be used anyhow
		for _, name := range c.Names {
			if len(out) < maxNames && !slices.Contains(out, plain(name)) {
				out = append(out, plain(name))
			}
		}
	}
	return out
}

// readings gives the ways in which the bytecode may be read: one, when its version is known.
//
// Code that a compiler wrote is right under its own version and uses every name that it carries; under another it breaks down quickly. So
// a reading like that settles the matter, together with others that are as good. If there is none, all count that get as far as a branch:
// what is wrong with them may lie where they never get.
func readings(c *Code) []*reading {
	var all, right, possible []*reading
	settled := false
	for _, v := range c.versionsToTry() {
		r := read(c, v)
		all = append(all, r)
		if r.broken == 0 && r.odd == 0 && compiled(c.Bytecode, r.version) {
			right = append(right, r)
			settled = settled || r.unused == 0
		}
		if !r.early {
			possible = append(possible, r)
		}
	}
	switch {
	case settled:
		return right
	case len(possible) > 0:
		return possible
	}
	return all
}

// compiled reports whether code begins as compilers begin it: from 3.11 on with RESUME, before which only cells and the frame are prepared.
func compiled(code string, v Version) bool {
	for pos := 0; v >= 311; {
		in := tables()[v].decode(code, pos)
		switch in.op {
		case "RESUME":
			return !in.bad
		case "COPY_FREE_VARS", "MAKE_CELL", "RETURN_GENERATOR", "POP_TOP":
			pos = in.next
		default:
			return false
		}
	}
	return true
}

// Listing shows a code object to a person: what it imports and calls, line by line, of the likeliest version. It is bounded.
func Listing(c *Code) string {
	all := readings(c)
	if len(all) == 0 {
		return ""
	}
	best := all[0]
	for _, r := range all {
		if r.broken < best.broken || r.broken == best.broken && r.odd < best.odd {
			best = r
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "code %s", plain(c.Title()))
	if c.Filename != "" {
		fmt.Fprintf(&b, " of %s, line %d", quote(c.Filename, maxConstant, ""), c.FirstLine)
	}
	if c.Version != 0 {
		fmt.Fprintf(&b, ", Python %s", c.Version)
	}
	for _, l := range best.lines {
		if b.Len() > maxListed {
			b.WriteString("\n  …")
			break
		}
		if l.at < 0 {
			b.WriteString("\n code " + l.text)
		} else {
			b.WriteString("\n  " + l.text)
		}
	}
	return b.String()
}
