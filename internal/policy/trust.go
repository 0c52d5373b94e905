package policy

import (
	"fmt"
	"strings"
)

// Trust is the list of imports that an organisation allows.
type Trust struct {
	exact    map[string]struct{}
	packages []string // each with its final dot
}

// NewTrust reads a list of exact names (module.name) and packages (package.*).
func NewTrust(names []string) (Trust, error) {
	t := Trust{exact: map[string]struct{}{}}
	for _, n := range names {
		pkg, all := strings.CutSuffix(n, ".*")
		for part := range strings.SplitSeq(pkg, ".") {
			if part == "" || strings.ContainsAny(part, "*?[]{} \t/\\") {
				return Trust{}, fmt.Errorf("trust %q is neither a name like %q nor a package like %q", n, "package.module.name", "package.*")
			}
		}
		switch {
		case all:
			t.packages = append(t.packages, pkg+".")
		case !strings.Contains(n, "."):
			return Trust{}, fmt.Errorf("trust %q lacks its module; a whole package is written %q", n, n+".*")
		default:
			t.exact[n] = struct{}{}
		}
	}
	return t, nil
}

// Allows reports whether the list has module.name, or a package that holds it.
func (t Trust) Allows(module, name string) bool {
	full := module + "." + name
	if _, ok := t.exact[full]; ok {
		return true
	}
	if strings.Contains(name, ".") {
		return false // an attribute path may leave the package (package.module + os.system); such names are allowed one by one only
	}
	for _, p := range t.packages {
		if strings.HasPrefix(module+".", p) {
			return true
		}
	}
	return false
}
