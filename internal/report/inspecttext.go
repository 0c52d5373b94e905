package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"weir"
)

// maxInspected bounds each list that a person is shown of one file, unless all is asked for.
const maxInspected = 24

// InspectText writes inspections for a person; all shows lists in full.
func InspectText(w io.Writer, o Options, all bool) func(*Inspection) error {
	if o.Width <= 0 {
		o.Width = 100
	}
	first := true
	return func(i *Inspection) error {
		b := bufio.NewWriter(w)
		t := &inspectText{text: text{w: b, o: o}, all: all}
		if !first {
			b.WriteByte('\n')
		}
		first = false
		t.write(i)
		return b.Flush()
	}
}

type inspectText struct {
	text
	all bool
}

// labels say in a person's words what the keys of properties mean; keys that are not here are shown as they are.
var labels = map[string]string{
	"members": "entries", "python": "Python version", "npy.arrays": "arrays", "joblib.arrays": "joblib arrays",
	"torch.version": "archive version", "torch.byteorder": "byte order", "torch.serialization_id": "serialization id",
	"torch.storages": "storages", "torch.shards": "shards", "torch.parts": "parts", "torch.storage_alignment": "storage alignment",
	"h2o.columns": "columns", "h2o.trained": "trained", "h2o.trees": "trees", "h2o.response": "response column",
	"h2o.version": "H2O version", "h2o.h2o_version": "H2O version", "h2o.class": "model class", "h2o.classes": "classes listed", "h2o.objects": "objects",
	"h2o.algorithm": "algorithm", "h2o.algo": "algorithm code", "h2o.mojo_version": "MOJO version", "h2o.category": "category", "h2o.pojo": "POJO class",
	"h2o.flow.version": "Flow version",
	"mleap.format":     "bundle format", "mleap.version": "MLeap version", "mleap.name": "name", "mleap.uid": "uid", "mleap.timestamp": "written",
	"mleap.op": "operation", "mleap.node-name": "node", "mleap.nodes": "nodes", "mleap.node": "holds", "mleap.model-format": "model format",
	"spark.class": "Spark class", "spark.sparkVersion": "Spark version", "spark.uid": "uid",
	"parquet.rows": "Parquet rows", "parquet.created-by": "Parquet writer",
	"mlflow.flavors": "flavors", "mlflow.mlflow_version": "MLflow version", "mlflow.model_uuid": "model id", "mlflow.run_id": "run",
	"mlflow.utc_time_created": "written", "tensorflow.version": "TensorFlow version", "tensorflow.nodes": "graph nodes",
	"torch.format_version": "format version", "torch.archive_format": "archive format", "torch.archive_version": "archive version",
}

func (t *inspectText) write(i *Inspection) {
	fmt.Fprintln(t.w, t.paint(bold, Printable(i.Path)))
	if i.Coverage == weir.CoveragePartial && i.Format == "" && i.Size == 0 { // a path that could not be opened
		t.problems(i.Problems)
		return
	}
	kind := cmp.Or(i.Format, "no format that weir knows")
	if i.Framework != "" {
		kind += " (" + i.Framework + ")"
	}
	t.pair("format", kind)
	size := Bytes(i.Size)
	if i.Size >= 1000 {
		size += ", " + thousands(i.Size) + " bytes"
	}
	t.pair("size", size)
	if i.Digest != "" {
		t.pair("digest", i.Digest)
	}
	t.pair("scan", t.verdict(i))
	t.properties(i.Properties)
	t.tensors(i.Tensors)
	t.members(i.Members)
	t.objects(i.Objects)
	t.classes(i.Classes)
	t.code(i.Code)
	if len(i.Requirements) > 0 {
		t.head("Requirements", "")
		for n, r := range i.Requirements {
			if t.cut(n, len(i.Requirements), "requirements") {
				break
			}
			fmt.Fprintf(t.w, "    %s\n", Printable(r))
		}
	}
	t.problems(i.Problems)
}

func (t *inspectText) problems(list []weir.Problem) {
	if len(list) == 0 {
		return
	}
	t.head("Not read in full", "")
	for _, p := range list[:min(len(list), maxShownProblems)] {
		s := p.Reason
		if p.Member != "" {
			s = p.Member + ": " + s
		}
		t.wrap("    ", Printable(s))
	}
}

// properties writes what the file says of itself first, then what its members do: one that several of them say stands once.
func (t *inspectText) properties(list []Property) {
	type said struct{ key, value string }
	in := map[said][]string{}
	var order []said
	for _, own := range []bool{true, false} {
		for _, p := range list {
			s := said{p.Key, p.Value}
			if own != (p.Member == "") {
				continue
			}
			if in[s] == nil {
				order = append(order, s)
			}
			in[s] = append(in[s], p.Member)
		}
	}
	for n, s := range order {
		if t.cut(n, len(order), "properties") {
			return
		}
		value := s.value
		switch members := in[s]; {
		case len(members) > 1:
			value += fmt.Sprintf("  (%d members)", len(members))
		case members[0] != "":
			value += "  (" + path.Base(members[0]) + ")"
		}
		t.pair(cmp.Or(labels[s.key], s.key), value)
	}
}

func (t *inspectText) verdict(i *Inspection) string {
	s := t.paint(verdictStyle[i.Verdict], i.Verdict.String())
	if i.Verdict == weir.VerdictNone {
		s = "nothing found"
	}
	n := map[weir.Severity]int{}
	for _, f := range i.Findings {
		n[f.Severity]++
	}
	var counts []string
	for sev := weir.SeverityCritical; sev > weir.SeverityNone; sev-- {
		if n[sev] > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n[sev], sev))
		}
	}
	if len(counts) > 0 {
		s += " (" + strings.Join(counts, ", ") + "; weir scan tells more)"
	}
	return s
}

func (t *inspectText) pair(label, value string) {
	if !strings.HasPrefix(value, "\x1b") {
		value = Printable(value)
	}
	label = Printable(label)
	if n := utf8.RuneCountInString(label); n < 16 {
		label += strings.Repeat(" ", 16-n)
	}
	fmt.Fprintf(t.w, "  %s %s\n", t.paint(dim, label), value)
}

func (t *inspectText) head(title, about string) {
	fmt.Fprintf(t.w, "\n  %s", t.paint(bold, title))
	if about != "" {
		fmt.Fprintf(t.w, "  %s", t.paint(dim, about))
	}
	t.w.WriteByte('\n')
}

// cut ends a list that is too long for a person and says so.
func (t *inspectText) cut(n, of int, what string) bool {
	if t.all || n < maxInspected || of == maxInspected+1 {
		return false
	}
	t.cutOff(of-n, what)
	return true
}

func (t *inspectText) cutOff(n int, what string) {
	fmt.Fprintf(t.w, "    %s\n", t.paint(dim, fmt.Sprintf("… and %d more %s (--all, or --format json)", n, what)))
}

func (t *inspectText) tensors(list []TensorOf) {
	if len(list) == 0 {
		return
	}
	var elements, bytes int64
	for _, x := range list {
		elements += count(x.Shape)
		bytes += x.Size
	}
	t.head("Tensors", fmt.Sprintf("%s, %s elements, %s", plural(len(list), "tensor"), thousands(elements), Bytes(bytes)))
	rows := make([][]string, 0, len(list))
	for _, x := range list {
		rows = append(rows, []string{cmp.Or(x.Name, "(without a name)"), x.DType, shapeText(x.Shape), Bytes(x.Size)})
	}
	t.table(rows, "tensors")
}

func (t *inspectText) members(list []Content) {
	if len(list) == 0 {
		return
	}
	t.head("Contents", plural(len(list), "member"))
	rows := make([][]string, 0, len(list))
	for _, m := range list {
		about := Bytes(max(m.Size, 0))
		switch {
		case m.Encrypted:
			about += ", encrypted"
		case m.Link != "":
			about = "link to " + m.Link
		case m.Packed > 0 && m.Packed < m.Size:
			about += ", packed " + Bytes(m.Packed)
		}
		rows = append(rows, []string{m.Name, m.Format, about})
	}
	t.table(rows, "members")
}

func (t *inspectText) objects(list []Object) {
	if len(list) == 0 {
		return
	}
	t.head("Objects", "what loading it would look up in Python")
	rows := make([][]string, 0, len(list))
	for _, o := range list {
		about := o.Use.String()
		if o.Count > 1 {
			about += " " + thousands(o.Count) + " times"
		}
		rows = append(rows, []string{o.Name, about})
	}
	t.table(rows, "objects")
}

func (t *inspectText) classes(list []ClassOf) {
	if len(list) == 0 {
		return
	}
	t.head("Classes", "what reading it would make or initialise in Java")
	rows := make([][]string, 0, len(list))
	for _, c := range list {
		about := string(c.Use)
		if c.Count > 1 {
			about += " " + thousands(c.Count) + " times"
		}
		rows = append(rows, []string{c.Name, about})
	}
	t.table(rows, "classes")
}

func (t *inspectText) code(list []CodeOf) {
	if len(list) == 0 {
		return
	}
	t.head("Code", "that it carries")
	rows := make([][]string, 0, len(list))
	for _, c := range list {
		calls := ""
		if len(c.Calls) > 0 {
			calls = "calls " + strings.Join(c.Calls[:min(len(c.Calls), 6)], ", ")
		}
		rows = append(rows, []string{cmp.Or(c.Name, c.Member), c.Language, calls})
	}
	t.table(rows, "pieces of code")
}

// table writes rows with aligned columns. The first column gives way where the terminal is narrow.
func (t *inspectText) table(rows [][]string, what string) {
	shown := rows
	if !t.all && len(rows) > maxInspected+1 {
		shown = rows[:maxInspected]
	}
	var wide []int
	for _, r := range shown {
		for c, cell := range r {
			r[c] = Printable(cell)
			if c == len(wide) {
				wide = append(wide, 0)
			}
			wide[c] = max(wide[c], utf8.RuneCountInString(r[c]))
		}
	}
	rest := 4
	for _, n := range wide[1:] {
		rest += n + 2
	}
	wide[0] = min(wide[0], max(24, t.o.Width-rest))
	for _, r := range shown {
		var b strings.Builder
		for c, cell := range r {
			if c == 0 {
				cell = shorten(cell, wide[0])
			}
			if c < len(r)-1 {
				cell += strings.Repeat(" ", max(0, wide[c]-utf8.RuneCountInString(cell))+2)
			}
			b.WriteString(cell)
		}
		fmt.Fprintf(t.w, "    %s\n", strings.TrimRight(b.String(), " "))
	}
	if n := len(rows) - len(shown); n > 0 {
		t.cutOff(n, what)
	}
}

// shorten cuts the middle out of a long name, so that its end, which tells most, stays.
func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n || n < 8 {
		return s
	}
	head := n/2 - 1
	return string(r[:head]) + "…" + string(r[len(r)-(n-head-1):])
}

func shapeText(shape []int64) string {
	if len(shape) == 0 {
		return "scalar"
	}
	parts := make([]string, len(shape))
	for i, n := range shape {
		parts[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(parts, " × ")
}

// count multiplies a shape; a file may claim anything, so it saturates.
func count(shape []int64) int64 {
	n := int64(1)
	for _, d := range shape {
		if d <= 0 {
			return 0
		}
		if n > (1<<62)/d {
			return 1 << 62
		}
		n *= d
	}
	return n
}

// thousands writes a number with separators.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	var parts []string
	for len(s) > 3 && s[len(s)-4] != '-' {
		parts = append(parts, s[len(s)-3:])
		s = s[:len(s)-3]
	}
	parts = append(parts, s)
	slices.Reverse(parts)
	return strings.Join(parts, ",")
}
