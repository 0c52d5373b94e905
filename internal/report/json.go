package report

import (
	"bufio"
	"bytes"
	"fmt"

	"weir"
)

// newJSON writes the JSON report: one object, one line for each thing in it. Everything is kept as encoded bytes until the end because the
// lists stand one after another in the object but come mixed in the stream.
func newJSON(w *bufio.Writer, _ Options) weir.Sink {
	var start weir.Start
	lists := map[string]*bytes.Buffer{"artifacts": {}, "packages": {}, "facts": {}, "findings": {}, "problems": {}}
	add := func(list string, v any) error {
		line, err := encode(v)
		if err != nil {
			return fmt.Errorf("json: %w", err)
		}
		b := lists[list]
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n  ")
		b.Write(line)
		return nil
	}
	return func(e weir.Event) error {
		switch {
		case e.Start != nil:
			start = *e.Start
		case e.Artifact != nil:
			return add("artifacts", e.Artifact)
		case e.Package != nil:
			return add("packages", e.Package)
		case e.Fact != nil:
			return add("facts", e.Fact)
		case e.Finding != nil:
			return add("findings", e.Finding)
		case e.Problem != nil:
			return add("problems", e.Problem)
		case e.End != nil:
			return writeJSON(w, start, lists, e.End.Summary)
		}
		return nil
	}
}

func writeJSON(w *bufio.Writer, start weir.Start, lists map[string]*bytes.Buffer, sum weir.Summary) error {
	if start.Targets == nil {
		start.Targets = []string{}
	}
	for i, part := range []struct {
		key   string
		value any
	}{{"schema", start.Schema}, {"tool", start.Tool}, {"targets", start.Targets}} {
		b, err := encode(part.value)
		if err != nil {
			return fmt.Errorf("json: %w", err)
		}
		fmt.Fprintf(w, "%s\n \"%s\": %s", []string{"{", ",", ","}[i], part.key, b)
	}
	for _, key := range []string{"artifacts", "packages", "facts", "findings", "problems"} {
		b := lists[key]
		switch {
		case b.Len() > 0:
			fmt.Fprintf(w, ",\n \"%s\": [%s\n ]", key, b.Bytes())
		case key != "facts": // which are there only when asked for
			fmt.Fprintf(w, ",\n \"%s\": []", key)
		}
	}
	b, err := encode(sum)
	if err != nil {
		return fmt.Errorf("json: %w", err)
	}
	_, err = fmt.Fprintf(w, ",\n \"summary\": %s\n}\n", b)
	return err
}
