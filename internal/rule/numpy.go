package rule

import "weir"

// Numpy lists the rules about numpy's array files. The pickle inside an object array is a pickle like any other and judged as one.
func Numpy() []Rule {
	return []Rule{
		{
			ID: "numpy/header-shape", Title: "Array header is not what numpy writes", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactDenial}, CWE: []int{1286, 20},
			Fix: "do not load this file; write the array again with numpy.save", Check: headerShape,
		},
	}
}

// headerShape reports .npy headers that numpy does not write: the header is evaluated as a Python literal, by older versions without a bound.
func headerShape(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		if hasFormat(u, "npy", "numpy") {
			p.reportOddities(u, oddities(u, weir.OddShape, weir.OddDivergent), "the array header is not one that numpy writes", weir.SeverityHigh, weir.ConfidenceCertain)
		}
	}
}
