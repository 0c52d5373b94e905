package rule

import (
	"slices"
	"strings"

	"weir"
	"weir/internal/pyname"
)

// powerDoc says how a power is reported.
type powerDoc struct {
	power  pyname.Power
	rule   string
	called weir.Severity
	impact []weir.Impact
	does   string // when it is all that the object can do
	can    string // beside others
}

// powers stand in the order in which they name a finding when an object has several.
var powers = []powerDoc{
	{pyname.Execute, "pickle/code-execution", weir.SeverityCritical, []weir.Impact{weir.ImpactExecution}, "runs Python code, a shell or a process", "run code"},
	{pyname.Native, "pickle/native-code", weir.SeverityCritical, []weir.Impact{weir.ImpactExecution}, "loads native code or writes to memory", "load native code"},
	{pyname.Deserialize, "pickle/nested-deserialization", weir.SeverityCritical, []weir.Impact{weir.ImpactExecution}, "turns bytes into objects by running them", "unpickle"},
	{pyname.Importing, "pickle/import-resolution", weir.SeverityCritical, []weir.Impact{weir.ImpactExecution}, "imports modules or fetches attributes by name", "import by name"},
	{pyname.File, "pickle/file-access", weir.SeverityCritical, []weir.Impact{weir.ImpactWrite, weir.ImpactRead}, "reads, writes or removes files", "reach files"},
	{pyname.Network, "pickle/network-access", weir.SeverityCritical, []weir.Impact{weir.ImpactNetwork, weir.ImpactExposure}, "opens network connections", "open connections"},
	{pyname.Environment, "pickle/environment-tampering", weir.SeverityCritical, []weir.Impact{weir.ImpactPrivilege}, "changes the process for everything that runs after it", "change the process"},
	{pyname.Apply, "pickle/gadget", weir.SeverityCritical, []weir.Impact{weir.ImpactExecution}, "calls what it is given", "call what it is given"},
	{pyname.Crash, "pickle/denial-of-service", weir.SeverityHigh, []weir.Impact{weir.ImpactDenial}, "ends or exhausts the process", "end the process"},
}

func powerOf(p pyname.Power) powerDoc {
	for _, d := range powers {
		if p&d.power != 0 {
			return d
		}
	}
	return powers[0] // a power without a name of its own is never taken for a small one
}

// ability says what an object of these powers does, or, when they are many, what it can do.
func ability(p pyname.Power) string {
	var can []string
	for _, d := range powers {
		if p&d.power != 0 {
			can = append(can, d.can)
		}
	}
	if len(can) < 2 {
		return powerOf(p).does
	}
	return "can " + strings.Join(can[:len(can)-1], ", ") + " or " + can[len(can)-1]
}

func impacts(p pyname.Power) []weir.Impact {
	var out []weir.Impact
	for _, d := range powers {
		if p&d.power == 0 {
			continue
		}
		for _, i := range d.impact {
			if !slices.Contains(out, i) {
				out = append(out, i)
			}
		}
	}
	return out
}

// dangerous reports whether a rule reports objects with a power.
func dangerous(id string) bool {
	return slices.ContainsFunc(powers, func(d powerDoc) bool { return d.rule == id })
}

// power judges the use of an object that gives an attacker something.
func power(v judgement, obj pyname.Object, imp weir.Import) []judgement {
	d := powerOf(obj.Power)
	v.rule, v.impact, v.severity = d.rule, impacts(obj.Power), d.called
	what := "it " + ability(obj.Power)
	if obj.Kind == pyname.KindUnknown {
		what = "its module " + ability(obj.Power) // the module as a whole is known to be dangerous, this name of it is not on record
	}
	switch {
	case imp.Use == weir.UseNamed:
		v.severity, v.conf = weir.SeverityHigh, weir.ConfidenceLikely
		v.message = v.name() + " is imported by the file though no model needs it; " + what
	case v.via != "":
		v.message = v.via + " is given " + v.name() + " to call; " + what
	case imp.Use == weir.UseInstantiated:
		v.message = "an instance of " + v.name() + " is made when the file is loaded; " + what
	case imp.Use == weir.UseStateSet:
		v.message = v.name() + " is given state chosen by the file; " + what
	default:
		v.message = v.name() + " is called when the file is loaded; " + what
	}
	return []judgement{v}
}
