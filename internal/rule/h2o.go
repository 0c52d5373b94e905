package rule

import (
	"fmt"
	"strings"

	"weir"
)

// H2O lists the rules about H2O's binary models.
func H2O() []Rule {
	return []Rule{
		{
			ID: "h2o/java-deserialization", Title: "H2O file holds a Java object that H2O does not write there", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: cweDeserialization, Aliases: []string{"CVE-2024-6960"},
			Fix:        "do not import this file into any H2O server; train the model again, or take it from its author as a MOJO",
			References: []string{"https://nvd.nist.gov/vuln/detail/CVE-2024-6960"}, Check: h2oJava,
		},
		{
			ID: "h2o/type-map-class", Title: "H2O file makes the loader initialise a class that is not H2O's", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{470, 502},
			Fix: "do not import this file into any H2O server; train the model again, or take it from its author as a MOJO", Check: h2oTypeMap,
		},
		{
			ID: "h2o/trailing-data", Title: "H2O file goes on behind its objects", Since: "0.2.0", Severity: weir.SeverityMedium,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{1286},
			Fix: "find out what follows the model, or take the model again from its author", Check: h2oTrailing,
		},
	}
}

// h2oBinary is the name of the format of binary models, and typeMap the place that its parser names for classes of the list at the file's head.
const (
	h2oBinary = "h2o-binary"
	typeMap   = "type map"
)

// h2oValues are the classes that real models hold in whatever field is merely Serializable: values that run nothing when they are read. They were
// read from models of all algorithms of 3.46.0.4, .6 and .12 (testdata/make/h2o/train.py).
var h2oValues = set("java.util.ArrayList java.util.Arrays$ArrayList java.lang.Object java.lang.Number java.lang.Long java.lang.Integer " +
	"java.lang.Double java.lang.Float java.lang.Short java.lang.Byte java.lang.Boolean java.lang.Character java.lang.String java.lang.Enum")

// h2oFields are the classes that belong in the fields of one name only.
var h2oFields = map[string]map[string]bool{
	"_missing_values_handling": set("hex.glm.GLMModel$GLMParameters$MissingValuesHandling"),
}

// ofH2O reports whether a class is one that H2O writes into a field, given as the declaring class and its name.
func ofH2O(field, class string) bool {
	if h2oValues[class] || strings.HasPrefix(class, "[") && primitiveArray(class) {
		return true
	}
	name := field[strings.LastIndexByte(field, '.')+1:]
	return strings.HasPrefix(field, "hex.") && h2oFields[name][class]
}

// primitiveArray reports whether the binary name of an array is that of numbers, strings or objects, of any dimension.
func primitiveArray(class string) bool {
	of := strings.TrimLeft(class, "[")
	return len(of) == 1 && strings.Contains("ZBCSIJFD", of) || of == "Ljava.lang.String;" || of == "Ljava.lang.Object;" || of == "Ljava.lang.Double;"
}

func h2oJava(p *Pass) {
	h2oEmbedded(p)
	eachClass(p, func(u *Unit, c weir.Class) {
		if c.Field == typeMap || ofH2O(c.Field, c.Name) {
			return
		}
		f := p.finding(u, c.At, fmt.Sprintf("the field %s holds a Java object stream with the class %s; H2O reads it without a filter and writes no such class there",
			c.Field, orElse(c.Name, "of a proxy")), c.Evidence)
		if c.Searched {
			f.Confidence = weir.ConfidenceLikely
		}
		p.Report(f)
	})
}

// h2oEmbedded reports streams in files of versions that weir does not know, where the nearest known version has no field for one.
func h2oEmbedded(p *Pass) {
	for i := range p.Units {
		if u := &p.Units[i]; hasFormat(u, h2oBinary) {
			p.reportOddities(u, oddities(u, weir.OddEmbedded), "H2O of the version that the file names may read a Java object stream without a filter", weir.SeverityHigh, weir.ConfidencePossible)
		}
	}
}

// h2oSchema names versions of schemas that do not exist: a server that is asked for a schema looks for it under every version (hex.schemas.GBMV99
// beside GBMV3), and writes each name that it looked for into the list of every model that it saves from then on.
var h2oSchema = weir.Pattern(`^hex\.schemas\.[A-Za-z0-9]+V[0-9]{1,2}$`)

func h2oTypeMap(p *Pass) {
	eachClass(p, func(u *Unit, c weir.Class) {
		if c.Field != typeMap || c.How == weir.ClassDescribed && h2oSchema().MatchString(c.Name) {
			return
		}
		message := fmt.Sprintf("loading the file runs the static initialiser of %s, which is no class of H2O's models", c.Name)
		if c.How == weir.ClassDescribed {
			message = fmt.Sprintf("the file's list of classes names %s, which is no class of H2O's models; no object of the file uses it", c.Name)
		}
		f := p.finding(u, c.At, message, c.Evidence)
		if c.How == weir.ClassDescribed {
			f.Severity = weir.SeverityMedium
		}
		p.Report(f)
	})
}

func h2oTrailing(p *Pass) {
	for i := range p.Units {
		if u := &p.Units[i]; hasFormat(u, h2oBinary) {
			p.reportOddities(u, oddities(u, weir.OddTrailing), "bytes follow that are no object of H2O", weir.SeverityMedium, weir.ConfidenceLikely)
		}
	}
}

// eachClass visits the classes of H2O's binary files, each name and place once.
func eachClass(p *Pass, visit func(*Unit, weir.Class)) {
	for i := range p.Units {
		u := &p.Units[i]
		if !hasFormat(u, h2oBinary) {
			continue
		}
		seen := map[[2]string]bool{}
		for _, c := range facts[weir.Class](u) {
			key := [2]string{c.Field, c.Name}
			if c.Field != "" && !seen[key] {
				seen[key] = true
				visit(u, c)
			}
		}
	}
}
