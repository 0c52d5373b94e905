package rule

import (
	"fmt"
	"strings"

	"weir"
)

// H2OSource lists the rules about H2O models that are source code: POJOs, and notebooks of Flow.
func H2OSource() []Rule {
	return []Rule{
		{
			ID: "h2o/pojo-code", Title: "H2O POJO does more than compute a prediction", Since: "0.2.0", Severity: weir.SeverityCritical,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{94, 829},
			Fix:        "do not compile or import this POJO; take the model again from its author, as a MOJO",
			References: []string{"ATLAS:AML.T0011"}, Check: pojoCode,
		},
		{
			ID: "h2o/flow-code", Title: "Flow notebook acts on the H2O server or in the browser", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution, weir.ImpactExposure}, CWE: []int{79, 94},
			Fix: "do not open the notebook in Flow; read it as text and take over only the cells that you understand", Check: flowCode,
		},
	}
}

// pojoTypes are the types that POJOs of all algorithms use (testdata/make/h2o/train.py, and what the writers in h2o-core and h2o-algos can
// write), with harmless ones that a person might add. A name that ends in a dot stands for all that begins so.
var pojoTypes = set(`java.lang.Object java.lang.String java.lang.Double java.lang.Float java.lang.Integer java.lang.Long java.lang.Short java.lang.Byte
	java.lang.Character java.lang.Boolean java.lang.Number java.lang.Math java.lang.StrictMath java.lang.StringBuilder java.lang.CharSequence java.lang.Comparable
	java.lang.Iterable java.lang.Override java.lang.Deprecated java.lang.SuppressWarnings java.lang.FunctionalInterface java.lang.Exception java.lang.RuntimeException java.lang.Throwable
	java.lang.IllegalArgumentException java.lang.IllegalStateException java.lang.UnsupportedOperationException java.lang.ArithmeticException
	java.lang.IndexOutOfBoundsException java.lang.ArrayIndexOutOfBoundsException java.lang.NullPointerException java.lang.NumberFormatException
	java.util.Map java.util.HashMap java.util.LinkedHashMap java.util.TreeMap java.util.List java.util.ArrayList java.util.Set java.util.HashSet java.util.Arrays
	java.util.Collections java.util.Objects java.util.BitSet java.io.Serializable
	hex.ModelCategory hex.genmodel.GenModel hex.genmodel.IClusteringModel hex.genmodel.CategoricalEncoding hex.genmodel.annotations.ModelPojo
	hex.genmodel.utils.DistributionFamily hex.genmodel.utils.LinkFunctionType`)

// pojoMembers are methods that POJOs inherit from GenModel, and harmless ones of strings, numbers and collections.
var pojoMembers = set(`GBM_rescale GLM_identityInv GLM_inverseInv GLM_logInv GLM_logitInv GLM_ologitInv GLM_tweedieInv KMeans_closest KMeans_distance KMeans_distances
	KMeans_simplex Kmeans_preprocessData bitSetContains bitSetIsInRange calibrateClassProbabilities convertDouble2Float correctProbabilities createAuxKey getHeader
	getOrigDomainValues getOrigNumCols getOrigProjectionArray getOutputDomains getOutputNames getPrediction getPredictionBinomial getPredictionMultinomial getPredsSize
	log_rescale map nCatFeatures predict requiresOffset score0 getNumCols nfeatures nclasses isSupervised getModelCategory getUUID getDomainValues getNames getResponseIdx
	get put add remove contains containsKey size isEmpty equals hashCode toString compareTo charAt length substring indexOf startsWith endsWith trim split toLowerCase toUpperCase
	intValue longValue doubleValue floatValue append clone values keySet entrySet getKey getValue isNaN fill ordinal name valueOf`)

// pojoActs are what a model has no honest use for, by the beginning of the resolved name, with what it does. The first that fits decides.
var pojoActs = []struct{ name, does string }{
	{"java.lang.Runtime", "runs programs, ends the process or loads native code"},
	{"java.lang.Process", "runs programs"},
	{"java.lang.System.load", "loads native code"},
	{"java.lang.System.exit", "ends the process"},
	{"java.lang.System.setProperty", "changes the Java system's properties"},
	{"java.lang.System.setProperties", "changes the Java system's properties"},
	{"java.lang.System.setSecurityManager", "changes what the Java system allows"},
	{"java.lang.System.getenv", "reads the environment"},
	{"java.lang.System.getProperty", "reads the Java system's properties"},
	{"java.lang.System", "uses the Java system"},
	{"java.lang.ClassLoader", "loads classes"},
	{"java.lang.Class", "reaches classes by their names"},
	{"java.lang.Module", "reaches into modules"},
	{"java.lang.Thread", "starts or stops threads"},
	{"java.lang.Compiler", "compiles"},
	{"java.lang.reflect.", "calls by reflection"},
	{"java.lang.invoke.", "calls by method handle"},
	{"java.lang.instrument.", "changes classes"},
	{"java.lang.foreign.", "reaches native memory and code"},
	{"java.net.", "opens connections"},
	{"java.nio.", "reaches files or channels"},
	{"java.rmi.", "calls remote objects"},
	{"java.sql.", "reaches databases"},
	{"java.beans.", "calls by reflection"},
	{"java.security.", "changes or skips checks of security"},
	{"java.util.ServiceLoader", "loads classes"},
	{"java.util.concurrent.", "starts threads"},
	{"java.util.Timer", "starts threads"},
	{"java.util.jar.", "reaches jar files"},
	{"java.util.zip.", "unpacks data"},
	{"java.util.prefs.", "writes preferences"},
	{"java.util.Scanner", "reads files"},
	{"java.util.Base64", "decodes hidden data"},
	{"java.io.ObjectInputStream", "deserialises Java objects"},
	{"java.io.", "reaches files or streams"},
	{"javax.naming.", "looks up remote objects (JNDI)"},
	{"javax.script.", "runs scripts"},
	{"javax.tools.", "compiles"},
	{"javax.management.", "manages the Java system"},
	{"javax.", "reaches beyond a model"},
	{"jdk.", "reaches the inside of the Java system"},
	{"sun.", "reaches the inside of the Java system"},
	{"com.sun.", "reaches the inside of the Java system"},
	{"groovy.", "runs scripts"},
	{"org.codehaus.groovy.", "runs scripts"},
	{"org.python.", "runs scripts"},
	{"javassist.", "makes classes"},
	{"water.", "acts on the H2O server"},
	{"hex.", "acts on the H2O server"},
}

// pojoMethods are methods that, of whatever object, a model has no honest use for.
var pojoMethods = map[string]string{
	"getClass": "reaches classes", "forName": "reaches classes by their names", "getMethod": "calls by reflection", "getMethods": "calls by reflection",
	"getDeclaredMethod": "calls by reflection", "getDeclaredMethods": "calls by reflection", "getDeclaredField": "calls by reflection", "getConstructor": "calls by reflection",
	"getDeclaredConstructor": "calls by reflection", "getDeclaredConstructors": "calls by reflection", "newInstance": "makes objects by reflection", "invoke": "calls by reflection",
	"invokeExact": "calls by method handle", "invokeWithArguments": "calls by method handle", "setAccessible": "calls by reflection", "getClassLoader": "loads classes",
	"getContextClassLoader": "loads classes", "getSystemClassLoader": "loads classes", "loadClass": "loads classes", "defineClass": "makes classes", "getResource": "reaches files of jars",
	"getResourceAsStream": "reaches files of jars", "getRuntime": "runs programs", "exec": "runs programs", "load": "loads native code", "loadLibrary": "loads native code",
	"eval": "runs scripts", "lookup": "looks up remote objects", "readObject": "deserialises Java objects", "exit": "ends the process", "halt": "ends the process",
	"openStream": "opens connections", "openConnection": "opens connections", "connect": "opens connections", "start": "starts a program or thread", "write": "writes files",
}

// pojoCode judges every name that a POJO uses and does not declare: real ones use a small closed set. A line has one finding, of the worst in it.
func pojoCode(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		if !isPOJO(u) {
			continue
		}
		var worst []weir.Finding
		at := map[int]int{}
		for _, c := range facts[weir.Call](u) {
			does, severity := judgePOJO(c)
			if severity == weir.SeverityNone {
				continue
			}
			f := p.finding(u, c.At, pojoMessage(c, does), c.Callee+"("+strings.Join(c.Args, ", ")+")")
			f.Severity, f.Line = severity, c.Line
			if j, ok := at[c.Line]; !ok {
				at[c.Line] = len(worst)
				worst = append(worst, f)
			} else if f.Severity > worst[j].Severity || f.Severity == worst[j].Severity && len(f.Evidence) > len(worst[j].Evidence) {
				worst[j] = f
			}
		}
		for _, f := range worst {
			p.Report(f)
		}
	}
}

func isPOJO(u *Unit) bool {
	for _, n := range facts[weir.Note](u) {
		if n.Key == "h2o.pojo" {
			return true
		}
	}
	return false
}

func pojoMessage(c weir.Call, does string) string {
	when := "when it is used"
	if c.Auto {
		when = "when it is loaded"
	}
	if strings.HasPrefix(c.Callee, "import") {
		return fmt.Sprintf("the POJO imports %s, which real ones do not: it %s", strings.Join(c.Args, ", "), does)
	}
	return fmt.Sprintf("the POJO %s %s: %s", does, when, c.Callee)
}

// judgePOJO says what a use does that no POJO of H2O does, and how bad that is.
func judgePOJO(c weir.Call) (does string, severity weir.Severity) {
	name, imported := c.Callee, false
	switch {
	case strings.HasPrefix(name, "import") && len(c.Args) == 1:
		name, imported = strings.TrimSuffix(c.Args[0], "*"), true
	case strings.HasPrefix(name, "new "), strings.HasPrefix(name, "type "):
		_, name, _ = strings.Cut(name, " ")
	}
	if strings.HasPrefix(name, ".") { // of an object that is not known
		member := name[strings.LastIndexByte(name, '.')+1:]
		if does, bad := pojoMethods[member]; bad {
			return does, weir.SeverityCritical
		}
		if !pojoMembers[member] {
			return "calls a method that is not a model's", weir.SeverityMedium
		}
		return "", weir.SeverityNone
	}
	if pojoKnown(name, imported) {
		return "", weir.SeverityNone
	}
	for _, a := range pojoActs {
		if strings.HasPrefix(name, a.name) {
			if imported || strings.HasPrefix(c.Callee, "type ") {
				return a.does, weir.SeverityHigh
			}
			return a.does, weir.SeverityCritical
		}
	}
	if strings.HasPrefix(name, "*.") || imported {
		return "uses what real ones do not use", weir.SeverityMedium
	}
	return "uses what real ones do not use", weir.SeverityHigh
}

// pojoKnown reports whether a name is of a type in pojoTypes, and no member of it leads on to reflection.
func pojoKnown(name string, imported bool) bool {
	if imported && (name == "java.util." || name == "java.lang." || name == "hex.genmodel." || name == "hex.genmodel.annotations.") {
		return true
	}
	base, chain, _ := strings.Cut(name, "()")
	for t := base; t != ""; t = t[:max(0, strings.LastIndexByte(t, '.'))] {
		if pojoTypes[t] {
			members := strings.FieldsFunc(strings.TrimPrefix(base, t)+chain, func(r rune) bool { return r == '.' || r == '(' || r == ')' })
			for _, m := range members {
				if pojoMethods[m] != "" {
					return false
				}
			}
			return true
		}
	}
	return false
}

// flowRoutines are routines of Flow that reach files, models or the server itself; the others show, parse and build.
var flowRoutines = map[string]string{
	"runScript": "runs another script", "importModel": "loads a binary model", "loadModel": "loads a binary model", "uploadModel": "loads a binary model", "requestImportModel": "loads a binary model",
	"shutdown": "ends the server", "requestShutdown": "ends the server", "importSqlTable": "reads a database", "requestImportSqlTable": "reads a database",
	"exportFrame": "writes files of the server", "requestExportFrame": "writes files of the server", "exportModel": "writes files of the server", "requestExportModel": "writes files of the server",
	"deleteAll": "deletes what the server holds", "requestRemoveAll": "deletes what the server holds", "importFiles": "reads files of the server or from elsewhere", "requestImportFiles": "reads files of the server or from elsewhere",
	"eval": "runs JavaScript", "Function": "runs JavaScript", "fetch": "opens connections from the browser", "XMLHttpRequest": "opens connections from the browser", "importScripts": "runs JavaScript",
	"$.ajax": "opens connections from the browser", "$.get": "opens connections from the browser", "$.post": "opens connections from the browser", "$.getScript": "runs JavaScript from elsewhere",
	"setTimeout": "runs JavaScript", "setInterval": "runs JavaScript", "document.write": "writes HTML into the page", "window.open": "opens pages", "require": "runs JavaScript", "import": "runs JavaScript",
	"requestPostRapids": "runs Rapids expressions on the server", "rapids": "runs Rapids expressions on the server", "executeRapids": "runs Rapids expressions on the server", "postRapids": "runs Rapids expressions on the server",
}

// flowPage are the objects by which JavaScript reaches the page and its user.
var flowPage = set("window document navigator location localStorage sessionStorage")

// flowMild are routines that an honest notebook often has, where a person should look at the argument.
var flowMild = set("importFiles requestImportFiles importSqlTable requestImportSqlTable exportFrame requestExportFrame exportModel requestExportModel")

func flowCode(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		if !hasFormat(u, "h2o-flow") {
			continue
		}
		for _, c := range facts[weir.Code](u) {
			message := fmt.Sprintf("%s holds HTML that runs script when the notebook is shown", c.Name)
			if c.Language == "javascript" {
				message = fmt.Sprintf("%s holds JavaScript, which runs in the browser when the cell does", c.Name)
			}
			f := p.finding(u, c.At, message, c.Text)
			f.Line = c.Line
			p.Report(f)
		}
		flowCalls(p, u)
	}
}

func flowCalls(p *Pass, u *Unit) {
	for _, c := range facts[weir.Call](u) {
		does := flowRoutines[c.Callee]
		if root, _, _ := strings.Cut(c.Callee, "."); does == "" && flowPage[root] {
			does = "reaches the page that shows it"
		}
		if does == "" || flowMild[c.Callee] && ordinaryFlow(c) {
			continue
		}
		f := p.finding(u, c.At, fmt.Sprintf("%s %s when it runs: %s", c.Func, does, c.Callee), c.Callee+" "+strings.Join(c.Args, ", "))
		f.Line = c.Line
		if flowMild[c.Callee] {
			f.Severity = weir.SeverityMedium
		}
		p.Report(f)
	}
}

// ordinaryFlow reports whether what a routine reads or writes is a data set by its name, from a relative path or the usual stores.
func ordinaryFlow(c weir.Call) bool {
	if !strings.Contains(strings.ToLower(c.Callee), "importfiles") || len(c.Args) == 0 {
		return false
	}
	arg := strings.ToLower(c.Args[0])
	for _, bad := range []string{"/etc/", "/proc/", "/root/", "/.ssh", "passwd", "169.254.", "localhost", "127.0.0.1", "\\\\", "file:"} {
		if strings.Contains(arg, bad) {
			return false
		}
	}
	for _, ext := range []string{".csv", ".parquet", ".orc", ".xls", ".arff", ".svm", ".avro", ".gz", ".zip", ".dat", ".data", ".txt", ".json"} {
		if strings.Contains(arg, ext) {
			return true
		}
	}
	return false
}
