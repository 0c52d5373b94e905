package rule

import (
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"weir"
)

// MLeap lists the rules about MLeap bundles.
func MLeap() []Rule {
	return []Rule{
		{
			ID: "mleap/path-traversal", Title: "MLeap bundle unpacks files outside its folder", Since: "0.2.0", Severity: weir.SeverityCritical, Scope: ScopeTree,
			Impact: []weir.Impact{weir.ImpactWrite, weir.ImpactExecution}, CWE: []int{22, 23}, References: []string{"ATLAS:AML.T0011"},
			Fix: "do not load this bundle; ask for it from where it was made, and keep mleap at 0.23.1 or newer", Check: mleapTraversal,
		},
		{
			ID: "mleap/node-traversal", Title: "MLeap pipeline names a node outside its folder", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactRead}, CWE: []int{22, 23},
			Fix: "do not load this bundle; ask for it from where it was made, and load bundles as zip files only", Check: mleapNodes,
		},
		{
			ID: "mleap/unknown-op", Title: "MLeap bundle uses a transformer that MLeap does not have", Since: "0.2.0", Severity: weir.SeverityMedium,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{829},
			Fix: "find out which library brings this operation; the bundle loads only where that library and its configuration are on the class path", Check: mleapUnknownOp,
		},
		{
			ID: "mleap/tensorflow-op", Title: "TensorFlow graph reaches out of the model", Since: "0.2.0", Severity: weir.SeverityHigh,
			Impact: []weir.Impact{weir.ImpactWrite, weir.ImpactRead}, CWE: []int{73, 829}, References: []string{"ATLAS:AML.T0011"},
			Fix: "do not run this graph; export the model again without operations on files, hosts or Python", Check: tensorflowOp,
		},
		{
			ID: "mleap/foreign-code", Title: "MLeap bundle carries code", Since: "0.2.0", Severity: weir.SeverityHigh, Scope: ScopeTree,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{829, 506},
			Fix: "do not put this bundle or anything from it on a class path; a bundle consists of definitions and weights", Check: mleapForeignCode,
		},
		{
			ID: "mleap/hidden-definition", Title: "MLeap would read a definition that is not built like one", Since: "0.2.0", Severity: weir.SeverityHigh, Scope: ScopeTree,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{436}, Fix: fixBundle, Check: mleapHidden,
		},
		{
			ID: "mleap/malformed", Title: "Definition of a pipeline is damaged or says things twice", Since: "0.2.0", Severity: weir.SeverityMedium,
			Impact: []weir.Impact{weir.ImpactExecution}, CWE: []int{1286, 436}, Fix: fixBundle, Check: mleapMalformed,
		},
	}
}

const fixBundle = "do not load this model; save it again with the framework that made it and compare the contents"

// mleapOps are the operations of MLeap 0.16 to 0.20 as its own jars list them (testdata/make/mleap, Ops.scala), and below them those of its modules for
// TensorFlow and XGBoost and of later versions, from their sources.
//
//go:embed mleap-ops.txt
var mleapOpsText string

var mleapOps = func() map[string]bool {
	m := map[string]bool{}
	for l := range strings.Lines(mleapOpsText) {
		if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "#") {
			m[l] = true
		}
	}
	return m
}()

// settings gives the values of one key in a unit.
func settings(u *Unit, key string) []weir.Setting {
	var out []weir.Setting
	for _, s := range facts[weir.Setting](u) {
		if s.Key == key {
			out = append(out, s)
		}
	}
	return out
}

// isBundle reports whether a pass of tree scope is about an MLeap bundle.
func isBundle(p *Pass) bool { return p.File.Framework == "mleap" }

// mleapNodes looks at the names of nodes, which BundleContext.bundleContext joins to the pipeline's folder without a check.
func mleapNodes(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		for _, n := range settings(u, "mleap.node") {
			if climbs(n.Value) {
				p.Report(p.finding(u, n.At, fmt.Sprintf("the node name %q leads out of its pipeline's folder: a bundle that is a folder is read from there, wherever that is", n.Value), n.Value))
				break
			}
		}
	}
}

// mleapTraversal looks at the entries of saved_model.zip, which FileUtil.extract unpacks at the first prediction.
func mleapTraversal(p *Pass) {
	if !isBundle(p) {
		return
	}
	for i := range p.Units {
		u := &p.Units[i]
		if path.Base(u.Member) == "saved_model.zip" && hasFormat(u, "zip", "torch", "npz") {
			p.savedModel(u)
		}
	}
}

// savedModel judges the entries of the archive that MLeap's TensorFlow transformer unpacks into a new temporary folder. Symbolic links are
// written as plain files there, absolute names land below the folder; only .. leads out.
func (p *Pass) savedModel(u *Unit) {
	var files, dirs []weir.Member
	for _, m := range facts[weir.Member](u) {
		if !weir.Climbs(slashed(m.Name)) {
			continue
		}
		if strings.HasSuffix(m.Name, "/") {
			dirs = append(dirs, m)
		} else {
			files = append(files, m)
		}
	}
	all := slices.Concat(files, dirs)
	if len(all) == 0 {
		return
	}
	message := fmt.Sprintf("the entry %q of saved_model.zip is written outside the folder for it when the model first predicts", all[0].Name)
	if len(files) == 0 {
		message = fmt.Sprintf("the folder entry %q of saved_model.zip is made outside the folder for it, in fixed versions too", all[0].Name)
	}
	if len(all) > 1 {
		message += fmt.Sprintf(" (and %d more)", len(all)-1)
	}
	f := p.finding(u, all[0].At, message, all[0].Name)
	f.Aliases = []string{"CVE-2023-5245"}
	p.Report(f)
}

// slashed gives a name as a system sees it on which backslashes separate too.
func slashed(name string) string { return strings.ReplaceAll(name, `\`, "/") }

// climbs reports whether a node's name holds a component "..": ".node" is put behind the last one.
func climbs(name string) bool {
	return slices.Contains(strings.Split(slashed(name)+".node", "/"), "..")
}

func mleapUnknownOp(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		var unknown []weir.Setting
		for _, op := range settings(u, "mleap.op") {
			if !mleapOps[op.Value] {
				unknown = append(unknown, op)
			}
		}
		if len(unknown) == 0 {
			continue
		}
		message := fmt.Sprintf("the operation %q is none of MLeap's own: a library on the class path decides what it does", unknown[0].Value)
		if len(unknown) > 1 {
			message += fmt.Sprintf(" (and %d more)", len(unknown)-1)
		}
		p.Report(p.finding(u, unknown[0].At, message, unknown[0].Value))
	}
}

// mleapForeignCode looks for what a bundle never holds: Java archives and classes, native libraries, scripts.
func mleapForeignCode(p *Pass) {
	if !isBundle(p) {
		return
	}
	found := map[string]bool{} // what lies in a jar is the jar's finding
	for i := range p.Units {
		u := &p.Units[i]
		if what, at := foreign(u); what != "" {
			inside := false
			for at, r := range u.Member {
				inside = inside || r == '!' && strings.HasPrefix(u.Member[at:], "!/") && found[u.Member[:at]]
			}
			if found[u.Member] = true; inside {
				continue
			}
			p.Report(p.finding(u, at, "a bundle holds definitions and weights, this one also "+what, path.Base(u.Member)))
		}
	}
}

// foreign says what code a unit is or holds, or nothing. Names count because a class path and a shell go by them.
func foreign(u *Unit) (string, int64) {
	for _, c := range facts[weir.Code](u) {
		if c.Language == "native" || c.Language == "java" {
			return c.Language + " code (" + c.Name + ")", c.At
		}
	}
	if hasFormat(u, "zip") {
		for _, m := range facts[weir.Member](u) {
			if strings.HasSuffix(m.Name, ".class") {
				return "a Java archive", m.At
			}
		}
	}
	switch path.Ext(strings.ToLower(path.Base(u.Member))) {
	case ".jar", ".class", ".jmod":
		return "Java code", 0
	case ".so", ".dll", ".dylib", ".exe":
		return "a native library", 0
	case ".sh", ".bat", ".ps1", ".py", ".scala", ".groovy":
		return "a script", 0
	}
	if path.Base(u.Member) == "reference.conf" || path.Base(u.Member) == "application.conf" {
		return "a configuration that registers operations", 0
	}
	return "", 0
}

// mleapHidden finds files that MLeap opens by name and that are no definitions as it writes them.
func mleapHidden(p *Pass) {
	if !isBundle(p) {
		return
	}
	for i := range p.Units {
		u := &p.Units[i]
		switch path.Base(u.Member) {
		case "model.pb", "node.pb", "model.json", "node.json":
		default:
			continue
		}
		if !strings.HasPrefix(u.Member, "root/") || strings.Contains(u.Member, "!/") || hasFormat(u, "mleap") {
			continue
		}
		p.Report(p.finding(u, 0, "MLeap reads this file as a definition by its name, but its content is not one as MLeap writes it", ""))
	}
}

func mleapMalformed(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		if hasFormat(u, "mleap-info", "mleap-model", "mleap-node", "spark-ml", "parquet", "tensorflow") {
			odd := oddities(u, weir.OddMalformed, weir.OddDuplicate, weir.OddTrailing, weir.OddShape, weir.OddGap, weir.OddMismatch, weir.OddTruncated)
			p.reportOddities(u, odd, "no writer of this format makes it so", weir.SeverityMedium, weir.ConfidenceLikely)
		}
	}
}

// reach says how far an operation of TensorFlow leads out of its graph.
type reach uint8

const (
	reachNone reach = iota
	reachRead
	reachPython
	reachNetwork
	reachWrite
)

// tensorflowReach lists the operations of TensorFlow 1.15 and 2.x (tensorflow/core/ops) that leave the graph. SaveV2, RestoreV2, MergeV2Checkpoints and
// ShardedFilename are in every SavedModel, and tables that are filled from the model's own vocabulary files in many: they are no news.
var tensorflowReach = map[string]reach{
	"ReadFile": reachRead, "MatchingFiles": reachRead, "ImmutableConst": reachRead,
	"WholeFileReader": reachRead, "WholeFileReaderV2": reachRead, "TextLineReader": reachRead, "TextLineReaderV2": reachRead,
	"FixedLengthRecordReader": reachRead, "FixedLengthRecordReaderV2": reachRead, "TFRecordReader": reachRead, "TFRecordReaderV2": reachRead,
	"LMDBReader": reachRead, "TextLineDataset": reachRead, "TFRecordDataset": reachRead, "TFRecordDatasetV2": reachRead,
	"FixedLengthRecordDataset": reachRead, "FixedLengthRecordDatasetV2": reachRead, "LMDBDataset": reachRead, "ExperimentalLMDBDataset": reachRead,
	"CSVDataset": reachRead, "CSVDatasetV2": reachRead, "ExperimentalCSVDataset": reachRead, "MatchingFilesDataset": reachRead,
	"ExperimentalMatchingFilesDataset": reachRead, "LoadDataset": reachRead, "ListSnapshotChunksDataset": reachRead, "SnapshotDatasetReader": reachRead,
	"PyFunc": reachPython, "PyFuncStateless": reachPython, "EagerPyFunc": reachPython,
	"SqlDataset": reachNetwork, "ExperimentalSqlDataset": reachNetwork, "DataServiceDataset": reachNetwork, "DataServiceDatasetV2": reachNetwork,
	"DataServiceDatasetV3": reachNetwork, "DataServiceDatasetV4": reachNetwork, "RegisterDataset": reachNetwork, "RegisterDatasetV2": reachNetwork,
	"BigQueryReader": reachNetwork, "GenerateBigQueryReaderPartitions": reachNetwork, "FileSystemSetConfiguration": reachNetwork,
	"RpcCall": reachNetwork, "RpcClient": reachNetwork, "RpcServer": reachNetwork, "RpcServerStart": reachNetwork,
	"WriteFile": reachWrite, "CreateSummaryFileWriter": reachWrite, "CreateSummaryDbWriter": reachWrite, "SaveDataset": reachWrite,
	"SaveDatasetV2": reachWrite, "SnapshotDataset": reachWrite, "SnapshotDatasetV2": reachWrite, "DistributedSave": reachWrite,
	"DebugIdentity": reachWrite, "DebugIdentityV2": reachWrite, "DebugIdentityV3": reachWrite, "DebugNanCount": reachWrite, "DebugNumericSummary": reachWrite,
}

var reachWords = [...]string{"", "reads files", "calls Python of the process that runs it", "speaks with other hosts", "writes files"}

// tensorflowOp reports operations that leave the graph. What writes files does so wherever the graph says.
func tensorflowOp(p *Pass) {
	for i := range p.Units {
		u := &p.Units[i]
		if !hasFormat(u, "tensorflow") {
			continue
		}
		worst := reachNone
		var call weir.Call
		names := []string{}
		for _, c := range facts[weir.Call](u) {
			op := strings.TrimPrefix(c.Callee, "tf::")
			r := tensorflowReach[op]
			if strings.HasPrefix(op, "IO>") { // tensorflow-io: file formats, queues, databases
				r = reachNetwork
			}
			if op == "PrintV2" && slices.ContainsFunc(c.Args, func(a string) bool { return strings.HasPrefix(a, `output_stream="file:`) }) {
				r = reachWrite
			}
			if r == reachNone {
				r = fixedPath(op, c.Args)
			}
			if r == reachNone {
				continue
			}
			if !slices.Contains(names, op) {
				names = append(names, op)
			}
			if r > worst {
				worst, call = r, c
			}
		}
		if worst == reachNone {
			continue
		}
		message := fmt.Sprintf("the graph %s when it runs: %s", reachWords[worst], strings.Join(names[:min(len(names), 8)], ", "))
		f := p.finding(u, call.At, message, strings.TrimPrefix(call.Callee, "tf::")+"("+strings.Join(call.Args, ", ")+")")
		switch worst {
		case reachWrite:
			f.Severity, f.Impact = weir.SeverityCritical, []weir.Impact{weir.ImpactWrite}
		case reachNetwork:
			f.Impact = []weir.Impact{weir.ImpactNetwork}
		case reachPython:
			f.Impact = []weir.Impact{weir.ImpactExecution}
		default:
			f.Impact = []weir.Impact{weir.ImpactRead}
		}
		p.Report(f)
	}
}

// fixedPath judges the operations that save and restore variables: honest ones are given the place by whoever runs them, or a name in the
// current folder; a constant that names another place is the graph's own idea.
func fixedPath(op string, args []string) reach {
	r := map[string]reach{
		"SaveV2": reachWrite, "Save": reachWrite, "SaveSlices": reachWrite, "MergeV2Checkpoints": reachWrite,
		"RestoreV2": reachRead, "Restore": reachRead, "RestoreSlice": reachRead,
	}[op]
	if r == reachNone {
		return reachNone
	}
	for _, a := range args {
		place, ok := strings.CutPrefix(a, "input0=\"")
		if !ok {
			place, ok = strings.CutPrefix(a, "input1=\"")
			ok = ok && op == "MergeV2Checkpoints"
		}
		if ok && (strings.HasPrefix(place, "/") || strings.Contains(place, "..") || strings.Contains(place, "://")) {
			return r
		}
	}
	return reachNone
}
