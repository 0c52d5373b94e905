package rule

import (
	"fmt"
	"slices"
	"strings"

	"weir"
)

const (
	fixJava        = "do not read this file; get the data from a source you trust, in a format without objects, and set a serialisation filter (-Djdk.serialFilter) that names the classes you expect"
	fixJavaUnknown = "read the file only with a serialisation filter (-Djdk.serialFilter) that names the classes you expect, after finding out where each of them comes from"
)

var javaReferences = []string{"ATLAS:AML.T0011", "https://docs.oracle.com/en/java/javase/21/core/java-serialization-filters.html"}

// Java lists the rules about Java object streams, whatever holds them.
func Java() []Rule {
	return []Rule{
		{
			ID: "java/code-execution", Title: "Java object stream runs code when it is read", Since: "0.2.0", Severity: weir.SeverityCritical,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{502, 94}, Fix: fixJava, References: javaReferences, Check: javaActs(roleExecute),
		},
		{
			ID: "java/file-write", Title: "Java object stream writes a file when it is read", Since: "0.2.0", Severity: weir.SeverityCritical,
			Impact: []weir.Impact{weir.ImpactWrite}, CWE: []int{502, 73}, Fix: fixJava, References: javaReferences, Check: javaActs(roleWrite),
		},
		{
			ID: "java/outbound-request", Title: "Java object stream opens connections when it is read", Since: "0.2.0", Severity: weir.SeverityCritical,
			Impact: []weir.Impact{weir.ImpactNetwork}, CWE: []int{502, 918}, Fix: fixJava, References: javaReferences, Check: javaConnects,
		},
		{
			ID: "java/gadget-class", Title: "Java object stream holds a class that attacks are made of", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: cweDeserialization, Fix: fixJava, References: javaReferences, Check: javaGadgets,
		},
		{
			ID: "java/denial-of-service", Title: "Java object stream exhausts whoever reads it", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactDenial}, CWE: []int{502, 400}, Fix: fixJava, Check: javaExhausts,
		},
		{
			ID: "java/unknown-class", Title: "Java object stream makes objects of classes that weir does not know", Since: "0.2.0", Severity: weir.SeverityMedium,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: cweDeserialization, Fix: fixJavaUnknown, References: javaReferences, Check: javaUnknown,
		},
		{
			ID: "java/broken-stream", Title: "Java object stream breaks off or is followed by other bytes", Since: "0.2.0", Severity: weir.SeverityMedium,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{502, 1286}, Fix: "do not read this file; write the objects again with the program that made it", Check: javaBroken,
		},
	}
}

// javaStream is what one stream in a unit holds.
type javaStream struct {
	unit    *Unit
	field   string
	classes []weir.Class
	// trigger is an object whose readObject calls a method of what it holds; nil where the stream has none.
	trigger *weir.Class
	kept    map[string]int // objects of a class that are told one by one
}

// keptObjects is from where on a class may have more kinds of objects than are told one by one (internal/format/java).
const keptObjects = 8

// javaStreams groups the classes of the pass by the stream that holds them. Names that another place gives (a type map) are not of a stream.
func javaStreams(p *Pass) []*javaStream {
	var out []*javaStream
	for i := range p.Units {
		u := &p.Units[i]
		at := map[string]*javaStream{}
		for _, c := range facts[weir.Class](u) {
			if c.How == weir.ClassStaticInit || c.Field == typeMap {
				continue
			}
			s := at[c.Field]
			if s == nil {
				s = &javaStream{unit: u, field: c.Field, kept: map[string]int{}}
				at[c.Field] = s
				out = append(out, s)
			}
			s.classes = append(s.classes, c)
			if isMade(c) {
				s.kept[c.Name]++
				if s.trigger == nil && triggers(c) {
					s.trigger = &s.classes[len(s.classes)-1]
				}
			}
		}
	}
	return out
}

// isMade reports whether a fact is of an object.
func isMade(c weir.Class) bool {
	switch c.How {
	case weir.ClassInstantiated, weir.ClassExternalizable:
		return true
	case weir.ClassProxy:
		return len(c.Fields) > 0
	}
	return false
}

// triggers reports whether reading an object calls a method of what it holds.
func triggers(c weir.Class) bool {
	return slices.ContainsFunc(c.Runs, func(r string) bool { return r != "readObject" && r != "readExternal" })
}

// acts reports whether reading an object of the stream does what its class is known for: the object has the shape, and either its own
// readObject acts or something in the stream calls methods of what it holds.
func (s *javaStream) acts(c weir.Class, g gadget) bool {
	if !isMade(c) || g.role != roleExecute && g.role != roleWrite && g.role != roleConnect {
		return false
	}
	shaped := g.shape == nil || g.shape(c) || c.Count > 0 && s.kept[c.Name] >= keptObjects
	return shaped && (g.self || s.trigger != nil)
}

// path names the known classes that lead to what acts.
func (s *javaStream) path(to weir.Class) string {
	var names []string
	if s.trigger != nil {
		names = append(names, s.trigger.Name)
	}
	for _, c := range s.classes {
		if c.Name != to.Name && gadgetOf(c.Name).role == roleLink && !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; with it come " + listed(names)
}

// javaActs makes the check for objects that act in one way.
func javaActs(r role) func(*Pass) {
	return func(p *Pass) {
		for _, s := range javaStreams(p) {
			s.report(p, func(c weir.Class) (string, bool) {
				g := gadgetOf(c.Name)
				if g.shape != nil && g.role == roleNone && r == roleWrite && isMade(c) && g.shape(c) && c.Name == "java.lang.invoke.SerializedLambda" {
					return fmt.Sprintf("%s: the lambda %s", g.family, g.what), true
				}
				if g.role != r || !s.acts(c, g) {
					return "", false
				}
				return fmt.Sprintf("%s: reading the stream reaches %s, which %s%s", g.family, c.Name, g.what, s.path(c)), true
			})
		}
	}
}

// report makes one finding for each class about which there is something to say.
func (s *javaStream) report(p *Pass, say func(weir.Class) (string, bool)) {
	seen := map[string]bool{}
	for _, c := range s.classes {
		if seen[c.Name] || len(seen) >= maxPerRule {
			continue
		}
		message, ok := say(c)
		if !ok {
			continue
		}
		seen[c.Name] = true
		p.Report(s.finding(p, c, message))
	}
}

func (s *javaStream) finding(p *Pass, c weir.Class, message string) weir.Finding {
	if s.field != "" {
		message += fmt.Sprintf(" (in %s)", s.field)
	}
	evidence := c.Evidence
	if evidence == "" {
		evidence = c.Name
	}
	f := p.finding(s.unit, c.At, message, evidence)
	if c.Searched {
		f.Confidence = weir.ConfidenceLikely
	}
	return f
}

// javaConnects reports objects that open connections, hosts that are looked up, and classes that RMI would load from elsewhere.
func javaConnects(p *Pass) {
	javaActs(roleConnect)(p)
	for _, s := range javaStreams(p) {
		for _, c := range s.classes {
			g := gadgetOf(c.Name)
			if c.Name == "java.net.URL" && isMade(c) && s.trigger != nil && (g.shape(c) || c.Count > 0 && s.kept[c.Name] >= keptObjects) {
				f := s.finding(p, c, fmt.Sprintf("%s: %s, and %s calls for it", g.family, g.what, s.trigger.Name))
				f.Severity = weir.SeverityHigh
				p.Report(f)
				break
			}
		}
		for _, c := range s.classes {
			if strings.Contains(c.Codebase, "://") {
				f := s.finding(p, c, fmt.Sprintf("the class %s is annotated with a place to load it from: %.200q", c.Name, c.Codebase))
				f.Severity, f.Confidence, f.Evidence = weir.SeverityHigh, weir.ConfidenceLikely, c.Codebase
				p.Report(f)
				break
			}
		}
	}
}

// javaGadgets reports known classes of streams in which nothing is seen to act: parts of attacks have no business in data.
func javaGadgets(p *Pass) {
	for _, s := range javaStreams(p) {
		if slices.ContainsFunc(s.classes, func(c weir.Class) bool { return s.acts(c, gadgetOf(c.Name)) }) {
			continue // the finding of what acts names them
		}
		s.report(p, func(c weir.Class) (string, bool) {
			g := gadgetOf(c.Name)
			if g.role == roleNone {
				return "", false
			}
			verb := "makes an object of"
			switch {
			case c.Searched:
				verb = "hides the name of"
			case !isMade(c):
				verb = "names"
			}
			return fmt.Sprintf("the stream %s %s, which %s (%s)", verb, c.Name, g.what, g.family), true
		})
	}
}

// nestedRepeat finds a repeated group that is nothing but a repetition, (a+)+: the plainest shape of an expression that takes exponential time.
var nestedRepeat = weir.Pattern(`\((?:\?:)?(?:\[[^\]]*\]|\\.|[^\\()\[\]])[+*]\)[+*{]`)

func javaExhausts(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		if !hasFormat(u, "java-serial") {
			continue
		}
		p.reportOddities(u, oddities(u, weir.OddBomb), "reading the stream exhausts memory or time", weir.SeverityHigh, weir.ConfidenceCertain)
	}
	for _, s := range javaStreams(p) {
		for _, c := range s.classes {
			if c.Name != "java.util.regex.Pattern" {
				continue
			}
			if v, ok := fieldOf(c, "pattern"); ok && nestedRepeat().MatchString(v.Text) {
				f := s.finding(p, c, "a regular expression in the stream can take exponential time to match")
				f.Severity, f.Confidence = weir.SeverityMedium, weir.ConfidenceLikely
				p.Report(f)
				break
			}
		}
	}
}

// javaUnknown makes one finding of all classes of a stream that are neither values nor known gadgets. In an H2O file h2o/java-deserialization
// says so: H2O writes a closed set of classes.
func javaUnknown(p *Pass) {
	for _, s := range javaStreams(p) {
		if hasFormat(s.unit, h2oBinary) {
			continue
		}
		var names []string
		var first *weir.Class
		for i, c := range s.classes {
			name := c.Name
			if c.How == weir.ClassProxy {
				name = "a proxy of " + listed(c.Interfaces)
			}
			if isValue(c) || gadgetOf(c.Name).role != roleNone || slices.Contains(names, name) {
				continue
			}
			if first == nil || !isMade(*first) && isMade(c) {
				first = &s.classes[i]
			}
			names = append(names, name)
		}
		if first != nil {
			p.Report(s.finding(p, *first, "reading the stream makes objects of classes that weir does not know: "+listed(names)))
		}
	}
}

func javaBroken(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		if !hasFormat(u, "java-serial") || guessed(u) {
			continue
		}
		p.reportOddities(u, oddities(u, weir.OddMalformed, weir.OddTruncated), "the stream is broken", weir.SeverityMedium, weir.ConfidenceLikely)
		p.reportOddities(u, oddities(u, weir.OddTrailing), "the stream is not all that the file holds", weir.SeverityMedium, weir.ConfidenceLikely)
		p.reportOddities(u, oddities(u, weir.OddShape), "the stream describes more classes than any honest one: what hides among them is not told", weir.SeverityHigh, weir.ConfidenceLikely)
	}
}
