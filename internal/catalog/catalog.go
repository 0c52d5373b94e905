// Package catalog is the one explicit list of formats and rules: nothing registers itself, so what weir can do is what stands here. Its
// tests run the cards, the architecture test and the corpora.
package catalog

import (
	"weir/internal/format"
	"weir/internal/rule"
)

// Formats lists every file format that weir knows, in the order in which they are asked.
func Formats() []format.Format {
	return nil
}

// Rules lists every rule, family by family, in the order in which their findings are reported.
func Rules() []rule.Rule {
	var all []rule.Rule
	for _, family := range [][]rule.Rule{rule.Pickle(), rule.Torch(), rule.Numpy(), rule.Joblib(), rule.Archive()} {
		all = append(all, family...)
	}
	return all
}
