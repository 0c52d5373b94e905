package rule

import (
	"fmt"
	"slices"
	"strings"

	"weir"
)

// Fixes that several rules share.
const (
	fixDangerous = "do not load this file; get the model from a source you trust, in a format without code such as safetensors or skops"
	fixUnknown   = "find out what the name is and where it comes from; if your organisation allows it, list it under trust in weir.yaml"
	fixBroken    = "do not load this file; save the model again with the framework that made it"
)

var cweDeserialization = []int{502}

// Pickle lists the rules about pickle streams, whatever container holds them.
func Pickle() []Rule {
	return []Rule{
		{
			ID: "pickle/code-execution", Title: "Pickle runs code when it is loaded", Since: "0.1.0", Severity: weir.SeverityCritical,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{502, 94}, Fix: fixDangerous,
			References: []string{"ATLAS:AML.T0011", "https://docs.python.org/3/library/pickle.html"}, Check: importRule,
		},
		{
			ID: "pickle/native-code", Title: "Pickle loads native code or touches memory", Since: "0.1.0", Severity: weir.SeverityCritical,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{502, 114}, Fix: fixDangerous,
			References: []string{"ATLAS:AML.T0011"}, Check: importRule,
		},
		{
			ID: "pickle/nested-deserialization", Title: "Pickle starts another deserialiser on bytes of its own", Since: "0.1.0", Severity: weir.SeverityCritical,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: cweDeserialization, Fix: fixDangerous,
			References: []string{"ATLAS:AML.T0011"}, Check: importRule,
		},
		{
			ID: "pickle/import-resolution", Title: "Pickle imports modules or fetches attributes by name", Since: "0.1.0", Severity: weir.SeverityCritical,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{502, 470}, Fix: fixDangerous,
			References: []string{"ATLAS:AML.T0011"}, Check: importRule,
		},
		{
			ID: "pickle/file-access", Title: "Pickle reads or writes files when it is loaded", Since: "0.1.0", Severity: weir.SeverityCritical,
			Impact: []weir.Impact{weir.ImpactWrite, weir.ImpactRead}, CWE: []int{502, 73}, Fix: fixDangerous,
			References: []string{"ATLAS:AML.T0011"}, Check: importRule,
		},
		{
			ID: "pickle/network-access", Title: "Pickle opens network connections when it is loaded", Since: "0.1.0", Severity: weir.SeverityCritical,
			Impact: []weir.Impact{weir.ImpactNetwork, weir.ImpactExposure}, CWE: []int{502, 918}, Fix: fixDangerous,
			References: []string{"ATLAS:AML.T0011", "ATLAS:AML.T0025"}, Check: importRule,
		},
		{
			ID: "pickle/environment-tampering", Title: "Pickle changes the interpreter or process that loads it", Since: "0.1.0", Severity: weir.SeverityCritical,
			Impact: []weir.Impact{weir.ImpactPrivilege}, CWE: []int{502, 915}, Fix: fixDangerous,
			References: []string{"ATLAS:AML.T0011"}, Check: importRule,
		},
		{
			ID: "pickle/gadget", Title: "Pickle uses a function that calls what it is given", Since: "0.1.0", Severity: weir.SeverityCritical,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: cweDeserialization, Fix: fixDangerous,
			References: []string{"ATLAS:AML.T0011"}, Check: importRule,
		},
		{
			ID: "pickle/denial-of-service", Title: "Pickle ends or exhausts the process that loads it", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactDenial}, CWE: []int{502, 400}, Fix: fixDangerous, Check: denialOfService,
		},
		{
			ID: "pickle/computed-name", Title: "Pickle computes what it calls", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{502, 470}, Fix: fixDangerous,
			References: []string{"ATLAS:AML.T0011"}, Check: importRule,
		},
		{
			ID: "pickle/unknown-call", Title: "Pickle calls a function that weir does not know", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: cweDeserialization, Fix: fixUnknown, Check: importRule,
		},
		{
			ID: "pickle/unknown-import", Title: "Pickle imports a name that weir does not know", Since: "0.1.0", Severity: weir.SeverityMedium,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: cweDeserialization, Fix: fixUnknown, Check: importRule,
		},
		{
			ID: "pickle/unvetted-call", Title: "Pickle calls something known that nobody has reviewed", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: cweDeserialization, Fix: fixUnknown, Check: importRule,
		},
		{
			ID: "pickle/unexpected-arguments", Title: "Pickle calls a known function with arguments no real writer uses", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{502, 88}, Fix: fixDangerous, Check: importRule,
		},
		{
			ID: "pickle/custom-code", Title: "Model carries code of its own by nature", Since: "0.1.0", Severity: weir.SeverityMedium,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: cweDeserialization,
			Fix: "read the code that the file carries, and load it only if you would run that code; save the parameters alone where you can", Check: customCode,
		},
		{
			ID: "pickle/code-object", Title: "Code carried in a pickle reaches the system", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{502, 94}, Fix: fixDangerous, References: []string{"ATLAS:AML.T0011"}, Check: codeObject,
		},
		{
			ID: "pickle/compiled-module", Title: "Compiled Python lies here and reaches the system", Since: "0.1.0", Severity: weir.SeverityMedium,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{506, 829},
			Fix: "ask for the source and delete the compiled file; Python makes it again", References: []string{"ATLAS:AML.T0011"}, Check: compiledModule,
		},
		{
			ID: "pickle/parser-divergence", Title: "Pickle readers disagree about this stream", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{436}, Fix: fixBroken,
			References: []string{"https://github.com/python/cpython/issues/154848"}, Check: parserDivergence,
		},
		{
			ID: "pickle/broken-stream", Title: "Pickle breaks off after it has begun to act", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{502, 1286}, Fix: fixBroken, Check: brokenStream,
		},
		{
			ID: "pickle/hidden-stream", Title: "A pickle is hidden beside the one that scanners read", Since: "0.1.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{502, 506}, Fix: fixBroken, Check: hiddenStream,
		},
	}
}

// maxPerRule bounds the findings of one rule in one unit: a file can name thousands of unknown things, and nobody reads on.
const maxPerRule = 200

// importRule reports the judgements of imports that belong to its rule; judge.go decides which those are.
func importRule(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		var mine []judgement
		for _, j := range p.judgements(u) {
			if j.rule == p.Rule.ID {
				mine = append(mine, j)
			}
		}
		for n, j := range mine[:min(len(mine), maxPerRule)] {
			message := j.message
			switch {
			case j.uses == 1:
				message += " (and once more)"
			case j.uses > 1:
				message += fmt.Sprintf(" (and %d times more)", j.uses)
			}
			if n == maxPerRule-1 && len(mine) > maxPerRule {
				message += fmt.Sprintf("; %d more names are used in the same way", len(mine)-maxPerRule)
			}
			f := p.finding(u, j.imp.At, message, textOf(j.imp))
			f.Severity, f.Confidence, f.Impact = j.severity, j.conf, j.impact
			p.Report(f)
		}
	}
}

// denialOfService reports imports that end the process and streams that exhaust it.
func denialOfService(p *Pass) {
	importRule(p)
	for i := range p.Units {
		u := &p.Units[i]
		if isStream(u) {
			p.reportOddities(u, oddities(u, weir.OddBomb), "loading the stream exhausts memory or time", weir.SeverityHigh, weir.ConfidenceCertain)
		}
	}
}

// maxListed bounds the names in one message.
const maxListed = 5

// customCode makes one finding of all that says that a file carries code of its own: the functions that restore it, the names of the
// program that wrote it, the code objects.
func customCode(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		var names, lines []string
		at := int64(-1)
		for _, j := range p.judgements(u) {
			if j.rule != p.Rule.ID {
				continue
			}
			if at < 0 {
				at = j.imp.At
				lines = append(lines, textOf(j.imp))
			}
			names = append(names, j.spelled)
		}
		code := 0
		for _, c := range facts[weir.Code](u) {
			if !isBytecode(c) || !p.inModel(u) {
				continue
			}
			if at < 0 {
				at = c.At
			}
			if code++; code <= maxListed && len(c.Calls) > 0 {
				lines = append(lines, fmt.Sprintf("# code object %q calls %s", c.Name, strings.Join(c.Calls[:min(len(c.Calls), 12)], ", ")))
			}
		}
		if at < 0 {
			continue
		}
		message := "the file carries code of whoever wrote it"
		if code > 0 {
			message += fmt.Sprintf(" (%d code objects)", code)
		}
		if len(names) > 0 {
			message += ", by way of " + listed(names)
		}
		p.Report(p.finding(u, at, message, strings.Join(lines, "\n")))
	}
}

// listed names a few of many.
func listed(names []string) string {
	if len(names) <= maxListed {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxListed], ", "), len(names)-maxListed)
}

// codeObject judges code objects inside pickles by the names that they call. A parser that learns more of one says it again: that it runs
// by itself counts most, and the finding is one.
func codeObject(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		j := judging{names: p.Names, trust: p.Trust}
		seen := map[string]bool{}
		codes := slices.Clone(facts[weir.Code](u))
		slices.SortStableFunc(codes, func(a, b weir.Code) int { return afterAuto(a) - afterAuto(b) })
		for _, c := range codes {
			if !isBytecode(c) || !p.inModel(u) {
				continue
			}
			measure := ofSystem
			if c.Auto {
				measure = actsAtLoad
			}
			reached, power := j.reaches(c.Calls, measure)
			key := c.Name + "\x00" + strings.Join(reached, " ")
			if len(reached) == 0 || seen[key] {
				continue
			}
			seen[key] = true
			if c.Auto {
				same, _ := j.reaches(c.Calls, ofSystem)
				seen[c.Name+"\x00"+strings.Join(same, " ")] = true
			}
			f := p.finding(u, c.At, fmt.Sprintf("the code object %q calls %s", c.Name, strings.Join(reached, ", ")), c.Text)
			if f.Impact = impacts(power); len(f.Impact) == 0 {
				f.Impact = p.Rule.Impact
			}
			if c.Auto {
				f.Severity = weir.SeverityCritical
				f.Message += " as soon as the file is loaded"
			} else {
				f.Confidence = weir.ConfidenceLikely
			}
			p.Report(f)
		}
	}
}

// afterAuto orders code that runs by itself before other code.
func afterAuto(c weir.Code) int {
	if c.Auto {
		return 0
	}
	return 1
}

// textOf is an import as Python, also where its parser left that out.
func textOf(imp weir.Import) string { return orElse(imp.Evidence, imp.Python(int64(len(imp.Args)))) }
