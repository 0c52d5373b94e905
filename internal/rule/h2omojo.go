package rule

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"weir"
)

const fixMOJO = "do not unpack or load this MOJO; take it again from its author, or export it again from the model"

// H2OMOJO lists the rules about H2O's MOJO files.
func H2OMOJO() []Rule {
	return []Rule{
		{
			ID: "h2o/mojo-path", Title: "MOJO names files outside its own folder", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactRead}, CWE: []int{22, 73}, Fix: fixMOJO, Check: mojoOddities("model.ini names a file that is not the model's own", weir.OddPath),
		},
		{
			ID: "h2o/mojo-code", Title: "MOJO carries code", Since: "0.2.0", Severity: weir.SeverityHigh, Scope: ScopeContainer,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{829, 94}, Fix: "a MOJO is data alone: delete it, and take the model again from its author", Check: mojoCode,
		},
		{
			ID: "h2o/mojo-size", Title: "MOJO asks for more memory or time than its model needs", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactDenial}, CWE: []int{789, 674}, Fix: fixMOJO,
			Check: mojoOddities("model.ini does not fit the model", weir.OddShape, weir.OddMismatch),
		},
		{
			ID: "h2o/mojo-reader", Title: "MOJO needs a reader that H2O does not have", Since: "0.2.0", Severity: weir.SeverityMedium,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{829},
			Fix: "find out whose algorithm it is, and put the jar that reads it on the class path only when you know its maker", Check: mojoReader,
		},
		{
			ID: "h2o/mojo-script", Title: "MOJO carries script for the browser that shows it", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{79}, Fix: "do not show the model's details or its names in a browser; take the model again from its author", Check: mojoScript,
		},
	}
}

func mojoOddities(what string, kinds ...weir.OddityKind) func(*Pass) {
	return func(p *Pass) {
		for i := range p.Units {
			if u := &p.Units[i]; hasFormat(u, "h2o-mojo-info") {
				p.reportOddities(u, oddities(u, kinds...), what, p.Rule.Severity, weir.ConfidenceCertain)
			}
		}
	}
}

// mojoAlgorithms are the values of algorithm that ModelMojoFactory knows, up to 3.46.0.12, and those of the readers in h2o-genmodel's own
// extensions. For any other it asks ServiceLoader, which takes whatever jar offers it.
var mojoAlgorithms = []string{
	"Distributed Random Forest", "Gradient Boosting Method", "Gradient Boosting Machine", "Generalized Low Rank Modeling", "Generalized Low Rank Model",
	"Generalized Linear Modeling", "Generalized Linear Model", "Generalized Additive Model", "Word2Vec", "TargetEncoder", "Isolation Forest",
	"Extended Isolation Forest", "K-means", "Deep Learning", "deep learning", "Support Vector Machine (*Spark*)", "StackedEnsemble", "Stacked Ensemble",
	"k-LIME", "MOJO Pipeline", "Principal Components Analysis", "Cox Proportional Hazards", "RuleFit", "Isotonic Regression", "XGBoost", "Uplift Distributed Random Forest",
}

func mojoReader(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		if !hasFormat(u, "h2o-mojo-info") {
			continue
		}
		for _, n := range facts[weir.Note](u) {
			if n.Key == "h2o.algorithm" && !slices.Contains(mojoAlgorithms, n.Value) {
				p.Report(p.finding(u, 0, fmt.Sprintf("the algorithm %q is none of H2O's: the reader takes it from any jar on the class path that offers it", n.Value), ""))
			}
		}
	}
}

// mojoCode looks for code among the members of an archive that lie with or below a model.ini.
func mojoCode(p *Pass) {
	folders := mojoFolders(p)
	for i := range p.Units {
		u := &p.Units[i]
		for _, m := range facts[weir.Member](u) {
			full := m.Name
			if u.Member != "" {
				full = u.Member + "!/" + m.Name
			}
			what := codeMember(m.Name)
			if what == "" || !slices.ContainsFunc(folders, func(f string) bool { return strings.HasPrefix(full, f) }) {
				continue
			}
			f := p.finding(u, m.At, fmt.Sprintf("a MOJO is data, and this one holds %s (%s)", what, m.Name), m.Name)
			p.Report(f)
		}
	}
	for i := range p.Units {
		u := &p.Units[i]
		for _, c := range facts[weir.Code](u) {
			if c.Language == "native" && slices.ContainsFunc(folders, func(f string) bool { return strings.HasPrefix(u.Member, f) }) {
				p.Report(p.finding(u, c.At, fmt.Sprintf("a MOJO is data, and this one holds native code (%s)", c.Name), c.Name))
			}
		}
	}
}

// mojoFolders gives the folders of the outermost MOJOs in a container, by the members that are their model.ini.
func mojoFolders(p *Pass) []string {
	var out []string
	for i := range p.Units {
		u := &p.Units[i]
		if hasFormat(u, "h2o-mojo-info") && u.Member != "" {
			out = append(out, strings.TrimSuffix(u.Member, path.Base(u.Member)))
		}
	}
	return out
}

// codeMember says what kind of code a member's name announces.
func codeMember(name string) string {
	lower := strings.ToLower(name)
	if strings.HasPrefix(lower, "meta-inf/services/") || strings.Contains(lower, "/meta-inf/services/") {
		return "a list of services that Java loads from a jar"
	}
	switch path.Ext(lower) {
	case ".class", ".jar", ".war":
		return "compiled Java"
	case ".java", ".groovy", ".scala", ".kt", ".jsp", ".py", ".r", ".js", ".sh", ".bat", ".cmd", ".ps1":
		return "source code"
	case ".so", ".dll", ".dylib", ".jnilib", ".exe":
		return "native code"
	case ".ser":
		return "a Java object stream"
	}
	return ""
}

func mojoScript(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		if !hasFormat(u, "h2o-mojo-details") {
			continue
		}
		for _, c := range facts[weir.Code](u) {
			if c.Language == "html" {
				p.Report(p.finding(u, c.At, "the description of the model holds HTML that runs script in a browser", c.Text))
				break
			}
		}
	}
}
