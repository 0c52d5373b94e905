package rule

import (
	"cmp"
	"fmt"
	"path"
	"strings"

	"weir"
)

// Spark lists the rules about models of Spark ML.
func Spark() []Rule {
	return []Rule{
		{
			ID: "spark/unknown-class", Title: "Spark loads a class that the model names", Since: "0.2.0", Severity: weir.SeverityMedium,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{470, 829}, References: []string{"ATLAS:AML.T0011"},
			Fix: "load the model only where you know the library that this class belongs to; ask its author for it", Check: sparkClass,
		},
		{
			ID: "spark/udt-class", Title: "Table's schema makes Spark load a class", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{470, 502}, References: []string{"ATLAS:AML.T0011"},
			Fix: "do not read this table with Spark; its values need no type of its own", Check: sparkUDT,
		},
		{
			ID: "spark/sql-statement", Title: "Spark model runs SQL that reaches out", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactExecution, weir.ImpactWrite, weir.ImpactRead}, CWE: []int{89, 94},
			Fix: "do not transform anything with this model; a transformer's statement is one SELECT from __THIS__", Check: sparkStatement,
		},
		{
			ID: "spark/path-traversal", Title: "Spark pipeline reads a stage outside its folder", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactRead}, CWE: []int{22, 23}, Fix: fixBundle, Check: sparkTraversal,
		},
		{
			ID: "spark/hidden-metadata", Title: "Spark would read metadata that weir cannot", Since: "0.2.0", Severity: weir.SeverityMedium,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{436}, Fix: fixBundle, Check: sparkHidden,
		},
	}
}

// sparkClasses are prefixes of the classes that honest models name: Spark's own and those of libraries that are well known for it.
var sparkClasses = []string{
	"org.apache.spark.ml.", "org.apache.spark.mllib.", "pyspark.ml.", "pyspark.mllib.",
	"ml.dmlc.xgboost4j.scala.spark.", "xgboost.spark.", "sparkxgb.",
	"com.microsoft.azure.synapse.ml.", "com.microsoft.ml.spark.", "com.microsoft.ml.lightgbm.", "synapse.ml.", "mmlspark.",
	"com.johnsnowlabs.", "sparknlp.", "sparknlp_jsl.", "com.linkedin.relevance.isolationforest.", "ai.catboost.spark.", "catboost_spark.",
	"ai.h2o.sparkling.", "org.apache.spark.h2o.", "pysparkling.", "ai.rapids.", "com.nvidia.spark.ml.", "spark_rapids_ml.", "com.amazonaws.services.sagemaker.sparksdk.",
}

// sparkHigh are prefixes of classes of the platform itself: no transformer is one, and initialising or calling them is for an attacker alone.
var sparkHigh = []string{
	"java.", "javax.", "jdk.", "sun.", "com.sun.", "scala.", "org.apache.spark.", "org.apache.hadoop.", "org.apache.commons.", "org.apache.hive.",
	"org.apache.log4j.", "org.apache.logging.", "org.apache.xalan.", "org.apache.ivy.", "org.codehaus.", "groovy.", "clojure.", "com.google.common.", "com.fasterxml.",
	"org.springframework.", "ch.qos.", "org.slf4j.", "py4j.", "io.netty.", "jline.", "janino.",
	"builtins.", "__builtin__.", "os.", "posix.", "nt.", "subprocess.", "sys.", "importlib.", "runpy.", "pickle.", "cloudpickle.", "joblib.", "shutil.",
	"socket.", "ctypes.", "code.", "pty.", "pip.", "pyspark.",
}

func hasPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// sparkClass judges the class of a model: Spark looks it up by name, which initialises it, and calls its static method read (in Python: imports
// its module and calls load).
func sparkClass(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		for _, c := range settings(u, "spark.class") {
			if hasPrefix(c.Value, sparkClasses) {
				continue
			}
			f := p.finding(u, c.At, fmt.Sprintf("loading initialises %q and calls its read method; whether that is code of yours is for you to know", c.Value), c.Value)
			if hasPrefix(c.Value, sparkHigh) {
				f.Message = fmt.Sprintf("loading initialises %q, which is no transformer", c.Value)
				f.Severity = weir.SeverityHigh
			}
			p.Report(f)
		}
	}
}

// sparkUDT judges the classes of user-defined types in a table's schema: reading the schema makes an object of each, and where Python
// cannot import its class it unpickles the one that the file carries.
func sparkUDT(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		for _, key := range []string{"spark.udt-class", "spark.udt-python"} {
			for _, c := range settings(u, key) {
				if hasPrefix(c.Value, sparkClasses) || hasPrefix(c.Value, sparkTypes) {
					continue
				}
				f := p.finding(u, c.At, fmt.Sprintf("reading the schema makes an object of %q", c.Value), c.Value)
				if !hasPrefix(c.Value, sparkHigh) {
					f.Severity = weir.SeverityMedium
				}
				p.Report(f)
				break
			}
		}
		for _, c := range settings(u, "spark.udt-pickle") {
			f := p.finding(u, c.At, "the schema carries a pickled class, which PySpark unpickles where it cannot import the class by its name", c.Value)
			f.Severity = weir.SeverityMedium // what the pickle does is judged as a pickle
			p.Report(f)
			break
		}
	}
}

// sparkTypes are prefixes of well-known user-defined types that are no part of a model library.
var sparkTypes = []string{"org.apache.spark.sql.", "org.apache.sedona.", "org.apache.spark.sql.sedona_sql.", "sedona.", "geotrellis.", "org.locationtech."}

// SQL that does more than select from the table at hand. Functions that call Java are reflect and java_method (sql/catalyst,
// CallMethodViaReflection).
var (
	sqlCall    = weir.Pattern("(?i)\\b(?:try_reflect|reflect|java_method)`?\\s*\\(")
	sqlFile    = weir.Pattern("(?i)\\b(?:text|csv|json|parquet|orc|avro|binaryfile|delta|libsvm|image)\\s*\\.\\s*`")
	sqlSelect  = weir.Pattern(`(?is)^(?:\s|/\*.*?\*/|--[^\n]*\n)*(?:select|with)\b`)
	sqlComment = weir.Pattern(`(?s)/\*.*?\*/|--[^\n]*`)
)

// sparkStatement judges the statement of an SQLTransformer, which Spark runs as it stands with every right of the session.
func sparkStatement(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		for _, s := range settings(u, "spark.statement") {
			bare := sqlComment().ReplaceAllString(s.Value, " ")
			what, impact := "", weir.ImpactExecution
			switch {
			case sqlCall().MatchString(bare) || sqlCall().MatchString(s.Value): // a -- within quotes begins no comment
				what = "calls methods of Java classes"
			case !sqlSelect().MatchString(s.Value):
				what, impact = "is a command and no query", weir.ImpactWrite
			case sqlFile().MatchString(bare) || sqlFile().MatchString(s.Value):
				what, impact = "reads files", weir.ImpactRead
			default:
				continue
			}
			f := p.finding(u, s.At, "the statement that runs at the first transform "+what, cutText(s.Value, 300))
			f.Impact = []weir.Impact{impact}
			if impact != weir.ImpactRead {
				f.Severity = weir.SeverityCritical
			}
			p.Report(f)
		}
	}
}

// cutText bounds evidence.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// sparkTraversal looks at the stages of a pipeline: the folder of a stage is its number, "_" and its uid, below "stages".
func sparkTraversal(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		for _, s := range settings(u, "spark.stage") {
			if weir.Climbs(slashed("stages/0_"+s.Value)) || climbs(s.Value) {
				p.Report(p.finding(u, s.At, fmt.Sprintf("the stage %q is read from outside the model's folder", s.Value), s.Value))
				break
			}
		}
	}
}

// sparkHidden finds metadata in a compression of Hadoop's that weir does not read: Spark chooses it by the name.
func sparkHidden(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		name := slashed(cmp.Or(u.Member, p.File.Path))
		if path.Base(path.Dir(name)) != "metadata" || !strings.HasPrefix(path.Base(name), "part-") || len(u.Formats) > 0 {
			continue
		}
		switch path.Ext(name) {
		case ".snappy", ".lz4", ".lzo", ".lzo_deflate", ".deflate", ".bz2", ".gz", ".zst", ".passthrough":
			p.Report(p.finding(u, 0, "Spark unpacks this file by its name and takes it for a model's metadata, which no writer of Spark's compresses", path.Base(name)))
		}
	}
}
