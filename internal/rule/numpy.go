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

// Joblib lists the rules about joblib's dumps, which are pickles with raw arrays between their opcodes.
func Joblib() []Rule {
	return []Rule{
		{
			ID: "joblib/array-record", Title: "Array in a joblib dump is not what joblib writes", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution, weir.ImpactDenial}, CWE: []int{1286, 436},
			Fix: "do not load this file; dump the model again with joblib", Check: arrayRecord,
		},
		{
			ID: "joblib/external-array", Title: "Joblib dump loads an array from outside its folder", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactRead, weir.ImpactExecution}, CWE: []int{22, 73},
			Fix: "do not load this file; dump the model again with joblib 0.10 or newer, which keeps arrays inside", Check: externalArray,
		},
	}
}

func arrayRecord(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		if hasFormat(u, "joblib") {
			p.reportOddities(u, oddities(u, weir.OddShape, weir.OddMismatch), "joblib writes no such array record", weir.SeverityHigh, weir.ConfidenceCertain)
		}
	}
}

// externalArray reports file names in dumps of joblib before 0.10 that lead elsewhere; joblib opens them with pickles allowed.
func externalArray(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		if hasFormat(u, "joblib") && !isArchive(u) {
			p.reportOddities(u, oddities(u, weir.OddPath), "joblib opens a file elsewhere, and unpickles what it finds", weir.SeverityHigh, weir.ConfidenceCertain)
		}
	}
}
