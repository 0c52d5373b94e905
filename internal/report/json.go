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
	lists := map[string]*jsonList{"artifacts": {}, "packages": {}, "facts": {}, "findings": {}, "problems": {}}
	return func(e weir.Event) error {
		switch {
		case e.Start != nil:
			start = *e.Start
		case e.Artifact != nil:
			return lists["artifacts"].add(e.Artifact)
		case e.Package != nil:
			return lists["packages"].add(e.Package)
		case e.Fact != nil:
			return lists["facts"].add(e.Fact)
		case e.Finding != nil:
			return lists["findings"].add(e.Finding)
		case e.Problem != nil:
			return lists["problems"].add(e.Problem)
		case e.End != nil:
			return writeJSON(w, start, lists, e.End.Summary)
		}
		return nil
	}
}

func writeJSON(w *bufio.Writer, start weir.Start, lists map[string]*jsonList, sum weir.Summary) error {
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
		if key == "facts" && lists[key].b.Len() == 0 {
			continue // there only when asked for
		}
		fmt.Fprintf(w, ",\n \"%s\": ", key)
		lists[key].writeTo(w)
	}
	b, err := encode(sum)
	if err != nil {
		return fmt.Errorf("json: %w", err)
	}
	_, err = fmt.Fprintf(w, ",\n \"summary\": %s\n}\n", b)
	return err
}

// jsonList keeps encoded elements: a big scan has many.
type jsonList struct{ b bytes.Buffer }

func (l *jsonList) add(v any) error {
	line, err := encode(v)
	if err != nil {
		return fmt.Errorf("json: %w", err)
	}
	if l.b.Len() > 0 {
		l.b.WriteByte(',')
	}
	l.b.WriteString("\n  ")
	l.b.Write(line)
	return nil
}

func (l *jsonList) writeTo(w *bufio.Writer) {
	w.WriteByte('[')
	w.Write(l.b.Bytes())
	if l.b.Len() > 0 {
		w.WriteString("\n ")
	}
	w.WriteByte(']')
}
