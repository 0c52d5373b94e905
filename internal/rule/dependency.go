package rule

import (
	"fmt"
	"path"
	"strings"

	"weir"
)

// Dependency lists the rules about packages that manifests name, hold or were resolved to. They look at the joined manifests of a project.
func Dependency() []Rule {
	supply := []weir.Impact{weir.ImpactSupply}
	return []Rule{
		{
			ID: "dependency/malicious-package", Title: "Dependency is malware", Since: "0.3.0", Severity: weir.SeverityCritical, Scope: ScopeProject,
			Impact: []weir.Impact{weir.ImpactExecution, weir.ImpactSupply}, CWE: []int{506},
			Fix: "take the package out, and treat every machine that installed it as taken over", Check: maliciousPackage,
		},
		{
			ID: "dependency/known-vulnerability", Title: "Dependency has a known vulnerability", Since: "0.3.0", Severity: weir.SeverityMedium, Scope: ScopeProject,
			Impact: supply, CWE: []int{1395},
			Fix: "upgrade the package: weir fix proposes the smallest version without a known flaw", Check: knownVulnerability,
		},
		{
			ID: "dependency/torch-weights-only", Title: "torch.load relies on weights_only in a version that does not hold it", Since: "0.3.0", Severity: weir.SeverityHigh, Scope: ScopeProject,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{502}, Aliases: []string{weightsOnlyFlaw},
			Fix: "upgrade torch to 2.6.0 or later, or load safetensors", Check: torchWeightsOnly,
		},
		{
			ID: "dependency/typo-squat", Title: "Dependency's name is nearly that of a well-known package", Since: "0.3.0", Severity: weir.SeverityMedium, Scope: ScopeProject,
			Impact: []weir.Impact{weir.ImpactExecution, weir.ImpactSupply}, CWE: []int{506, 1357},
			Fix: "check the name against the project's own documentation; waive the finding if it is meant", Check: typoSquat,
		},
		{
			ID: "dependency/extra-index", Title: "Packages come from a second index", Since: "0.3.0", Severity: weir.SeverityMedium, Scope: ScopeProject,
			Impact: supply, CWE: []int{427, 1357},
			Fix: "serve everything from one index of your own that proxies the public one, or bind names to indexes (uv: explicit = true, poetry: priority = \"explicit\"), and pin by hash", Check: extraIndex,
		},
		{
			ID: "dependency/plain-http", Title: "Packages come over a connection that anybody on the way can change", Since: "0.3.0", Severity: weir.SeverityMedium, Scope: ScopeProject,
			Impact: supply, CWE: []int{319, 494},
			Fix: "use https", Check: plainHTTP,
		},
		{
			ID: "dependency/trusted-host", Title: "Index is trusted without checking who it is", Since: "0.3.0", Severity: weir.SeverityMedium, Scope: ScopeProject,
			Impact: supply, CWE: []int{295},
			Fix: "give the index a certificate, and name its authority with --cert or SSL_CERT_FILE", Check: trustedHost,
		},
		{
			ID: "dependency/direct-url", Title: "Dependency comes from an address instead of an index", Since: "0.3.0", Severity: weir.SeverityLow, Scope: ScopeProject,
			Impact: supply, CWE: []int{494, 1357},
			Fix: "take the released package, or pin the address: a full commit for a repository, a #sha256= for an archive", Check: directURL,
		},
		{
			ID: "dependency/python-end-of-life", Title: "Python version gets no security fixes any more", Since: "0.3.0", Severity: weir.SeverityLow, Scope: ScopeProject,
			Impact: supply, CWE: []int{1104},
			Fix: "move to a Python version that is maintained, and save the model again with it", Check: pythonEndOfLife,
		},
		{
			ID: "dependency/lock-mismatch", Title: "Model and lock file name different versions of a package", Since: "0.3.0", Severity: weir.SeverityLow, Scope: ScopeProject,
			Impact: supply, CWE: []int{1357},
			Fix: "lock again, or save the model again with the locked version", Check: lockMismatch,
		},
		{
			ID: "dependency/yanked", Title: "Release was withdrawn from the index", Since: "0.3.0", Severity: weir.SeverityLow, Scope: ScopeProject,
			Impact: supply, CWE: []int{1104},
			Fix: "choose another release, and lock again", Check: yanked,
		},
		{
			ID: "dependency/unpinned", Title: "Deployable model names a package without its version", Since: "0.3.0", Severity: weir.SeverityLow, Scope: ScopeProject,
			Impact: supply, CWE: []int{1357},
			Fix: "pin it with == to the version with which the model was tested", Check: unpinned,
		},
		{
			ID: "dependency/unhashed", Title: "Pins of a deployable model have no hashes", Since: "0.3.0", Severity: weir.SeverityLow, Scope: ScopeProject,
			Impact: supply, CWE: []int{353, 494},
			Fix: "lock with hashes: pip-compile --generate-hashes, uv pip compile --generate-hashes, or a lock file beside the model", Check: unhashed,
		},
		{
			ID: "dependency/vulnerable-code", Title: "Copied function has a known flaw", Since: "0.3.0", Severity: weir.SeverityHigh, Scope: ScopeFile,
			Impact: supply, CWE: []int{1395},
			Fix: "take the function from a release that mends the flaw, or depend on the package instead of a copy of it", Check: vulnerableCode,
		},
		{
			ID: "dependency/unresolved", Title: "Dependency cannot be told", Since: "0.3.0", Severity: weir.SeverityInfo, Scope: ScopeProject,
			Impact: supply, CWE: []int{1357},
			Fix: "write the package and its version where they can be read, or scan what this was resolved to: a lock file or the installed environment", Check: unresolvedDependency,
		},
		{
			ID: "dependency/closure-unknown", Title: "Only direct dependencies were seen", Since: "0.3.0", Severity: weir.SeverityInfo, Scope: ScopeProject,
			Impact: supply, CWE: []int{1357},
			Fix: "keep a lock file beside it (uv lock, poetry lock, pip-compile), scan the installed environment, or scan with --resolve", Check: closureUnknown,
		},
		{
			ID: "dependency/unknown-ecosystem", Title: "No advisories about packages of this kind", Since: "0.3.0", Severity: weir.SeverityInfo, Scope: ScopeProject,
			Impact: supply, CWE: []int{1357},
			Fix: "build or update the advisory database with this ecosystem: weir db update", Check: unknownEcosystem,
		},
	}
}

// requirementFinding starts a finding about a requirement: its line as evidence, then the chain by which it is needed, then what else is known.
func (p *Pass) requirementFinding(u *Unit, r weir.Requirement, message string, more ...string) weir.Finding {
	lines := []string{strings.TrimSpace(r.Text)}
	if lines[0] == "" {
		lines[0] = packageName(r)
	}
	if len(r.Chain) > 0 {
		lines = append(lines, "chain: "+strings.Join(append(append([]string{}, r.Chain...), r.Name), " → "))
	}
	if len(r.Via) > 0 {
		lines = append(lines, "reached by: "+strings.Join(r.Via, " → "))
	}
	for _, m := range more {
		if m != "" {
			lines = append(lines, m)
		}
	}
	f := p.finding(u, 0, message, strings.Join(lines, "\n"))
	f.Line = r.Line
	return f
}

// packageName gives a requirement's package with its version or range, for a person.
func packageName(r weir.Requirement) string {
	switch {
	case r.State == weir.PinExact && r.Version != "":
		return r.Name + " " + r.Version
	case r.Range != "":
		return r.Name + " " + r.Range
	}
	return r.Name
}

// deployable reports whether the project is a model that a server could start from, so that what it names is installed as it stands.
func deployable(p *Pass) bool {
	if p.File.Framework != "" {
		return true
	}
	for i := range p.Units {
		if p.Units[i].Model {
			return true
		}
	}
	return false
}

// judgedByMLflow reports whether mlflow/environment looks at what a unit says of indexes and sources: the environment files beside an MLmodel.
func judgedByMLflow(p *Pass, u *Unit) bool {
	if !hasFormat(u, "conda-env", "python-env", "pip-requirements") {
		return false
	}
	if p.memo == nil {
		return mlflowFolders(p)[path.Dir(u.Member)]
	}
	if p.memo.mlflow == nil {
		p.memo.mlflow = mlflowFolders(p)
	}
	return p.memo.mlflow[path.Dir(u.Member)]
}

func mlflowFolders(p *Pass) map[string]bool {
	folders := map[string]bool{}
	for _, m := range mlUnits(p, "mlflow") {
		if path.Base(m.Member) == "MLmodel" {
			folders[path.Dir(m.Member)] = true
		}
	}
	return folders
}

// note gives the value of a unit's note, empty where it has none.
func note(u *Unit, key string) string {
	for _, f := range u.Facts {
		if n, ok := f.(weir.Note); ok && n.Key == key {
			return n.Value
		}
	}
	return ""
}

// some writes a bounded list: "a, b, c and 12 more".
func some(list []string, most int) string {
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}
