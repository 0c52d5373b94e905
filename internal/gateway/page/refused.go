package page

import (
	"fmt"
	"net/http"
	"strings"

	"weir/internal/audit"
	"weir/internal/auth"
)

// refusal is one or more requests that were refused in the same way.
type refusal struct {
	audit.Record // the newest of them
	Count        int
	Line         string // what would allow it
	Where        string // where that line belongs
}

func (p *Pages) refusals(v *visit) error {
	all := p.manages(v)
	var list []*refusal
	seen := map[string]*refusal{}
	for _, r := range p.Refusals() {
		if !all && (r.Who == "" || r.Who != v.who.Name) || r.Decision == "allow" && r.Observed == "" {
			continue
		}
		what := r.Route
		if what == "" {
			what = r.Method + " " + r.Path
		}
		key := strings.Join([]string{r.Who, r.Server, what, r.Policy, r.Reason, r.Hint, r.Observed, r.Decision}, "\x00")
		if old := seen[key]; old != nil {
			old.Count++
			continue
		}
		one := &refusal{Record: r, Count: 1}
		one.Line, one.Where = allowing(&r)
		seen[key] = one
		list = append(list, one)
	}
	return p.show(v, http.StatusOK, "refusals", "Refusals", list)
}

// allowing gives the line that would allow a request, where there is one, and where it belongs. For what a person may not do it is a role: the
// smallest ready one that holds the action.
func allowing(r *audit.Record) (line, where string) {
	if r.Hint != "" {
		return r.Hint, "gate.yaml"
	}
	if r.Decision == "quarantine" {
		return "", ""
	}
	role, ok := smallest[auth.Action(r.Action)]
	if !ok || r.Who == "" || r.Status != http.StatusForbidden || len(r.Resource) == 0 {
		return "", ""
	}
	line = fmt.Sprintf("weir gate role add %s %s", word(r.Who), role)
	if r.Server != "" {
		line += " --server " + word(r.Server)
	}
	if kind, id, ok := strings.Cut(r.Resource[0], ":"); ok && id != "" {
		line += " --type " + word(kind) + " --id " + word(id)
	}
	return line, "command line"
}

// smallest is the least ready role that may do something.
var smallest = map[auth.Action]string{
	auth.Read: "viewer", auth.Download: "reader", auth.Predict: "reader", auth.Write: "scientist", auth.Deploy: "deployer", auth.Delete: "maintainer", auth.Manage: "admin",
}

// word quotes for a shell what is no plain word: names come from whoever asked.
func word(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-@", r))
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
