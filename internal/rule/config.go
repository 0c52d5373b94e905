package rule

import (
	"path"
	"strings"

	"weir"
)

// Config lists the rules about the configuration of tools, weir's own included.
func Config() []Rule {
	return []Rule{{
		ID: "config/foreign-policy", Title: "What is scanned brings a policy of its own", Since: "0.1.0", Severity: weir.SeverityLow,
		Impact: []weir.Impact{weir.ImpactSupply}, CWE: []int{15},
		Fix: "nothing if it is your own; otherwise read what it asks for, and do not run weir with that folder as the working directory", Check: foreignPolicy,
	}}
}

// policyFile is the name under which weir looks for its configuration, from the working directory upwards.
const policyFile = "weir.yaml"

// foreignPolicy reports policies that are data here. Those of the working directory and of the folders above it are in force or could be: they
// are the user's own.
func foreignPolicy(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		own := u.Member == "" && strings.ReplaceAll(p.File.Path, "../", "") == policyFile
		if name := path.Base(orElse(u.Member, p.File.Path)); name == policyFile && !own {
			p.Report(p.finding(u, 0, "a weir.yaml lies in what is scanned; unless --config names it weir does not obey it, but would with this folder as the working directory", ""))
		}
	}
}
