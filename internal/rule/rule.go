// Package rule holds every rule: pure functions from facts to findings, a file per family, and beside them one card per rule that is at
// once its test, its documentation and its help text.
//
// Start with [Rule], then [Apply]; internal/catalog lists them all and [CardOf] gives a rule's card.
package rule

import (
	"weir"
	"weir/internal/pyname"
)

// Scope says over which facts a rule looks.
type Scope uint8

// The scopes.
const (
	ScopeFile      Scope = iota // the facts of one member
	ScopeContainer              // the facts of all members of one physical file
	ScopeTree                   // the facts of all files of one model that is a folder, in the file system or in an archive
	// ScopeProject: the joined manifests (internal/dependency) of one model folder, of one archive, or of everything else that the scan saw.
	// Units are the files that state dependencies, named by the path from the project's root, with "!/" and the member behind it.
	ScopeProject
)

// Rule is a rule as data.
type Rule struct {
	ID       string        // family/what-is-wrong
	Title    string        // a sentence without a full stop
	Since    string        // version of weir that first had it
	Severity weir.Severity // of a finding that sets none itself: the usual one
	Scope    Scope
	Impact   []weir.Impact // of a finding that sets none itself
	Fix      string        // one sentence: what to do about a finding
	CWE      []int
	// Aliases and References go on every finding: ids of the flaw itself, places to read more (ATLAS:AML.T0011, URLs).
	Aliases    []string
	References []string
	Check      func(*Pass)
}

// Unit is one member of a file with what its parsers saw.
type Unit struct {
	// Member is "" for the file itself, else nested members joined by "!/". For ScopeTree it is the file's path below the model's folder,
	// with "!/" and the member behind it: the same whether the folder was walked or lies in an archive.
	Member  string
	Formats []string // what it was recognised as
	Model   bool     // one of the formats is a model's
	Facts   []weir.Fact
}

// Pass is what a rule works on. For ScopeFile, Units holds one unit.
type Pass struct {
	Rule  *Rule
	File  weir.Artifact // for ScopeTree the folder: its format is the one that claims it
	Units []Unit
	// Names judges Python names; never nil.
	Names *pyname.Index
	// Trust reports whether this organisation allows an import (weir.yaml, exact name or package.*); never nil.
	Trust func(module, name string) bool
	// Advise asks the advisory database; never nil, and without a database it answers that nothing is known.
	Advise func(weir.Requirement) weir.Advice
	Report func(weir.Finding) // fills in rule, path, severity and CWE where they are zero: see Complete
	memo   *memo
	all    []Unit // every unit of the file, whatever the scope
}
