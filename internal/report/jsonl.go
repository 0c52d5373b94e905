package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"weir"
)

// newJSONL writes the stream itself, an event a line, each as soon as it is there.
func newJSONL(w *bufio.Writer, _ Options) weir.Sink {
	return func(e weir.Event) error {
		line, err := encode(e)
		if err != nil {
			return fmt.Errorf("jsonl: %w", err)
		}
		w.Write(line)
		if err := w.WriteByte('\n'); err != nil {
			return err
		}
		if e.Artifact != nil {
			return w.Flush()
		}
		return nil
	}
}

// maxLine bounds one event of a stored stream.
const maxLine = 64 << 20

// ErrCut says that a stored stream ends before its end event.
var ErrCut = errors.New("the stream was cut off before its end")

// Replay sends the events of a stored stream (--format jsonl) to sink. A stream that stops in the middle is replayed as far as it goes;
// then the error wraps [ErrCut].
func Replay(r io.Reader, sink weir.Sink) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	n, ended := 0, false
	for lines.Scan() {
		n++
		if len(lines.Bytes()) == 0 {
			continue
		}
		var e weir.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			if n > 1 && !ended && !lines.Scan() {
				return fmt.Errorf("line %d: %w", n, ErrCut) // the last line was written in part
			}
			return fmt.Errorf("line %d is not an event of weir: %w", n, err)
		}
		switch {
		case n == 1 && (e.Start == nil || e.Start.Schema != weir.Schema):
			return fmt.Errorf("line 1 is not the start of a stream of schema %q", weir.Schema)
		case ended:
			return fmt.Errorf("line %d comes after the end of the stream", n)
		}
		ended = e.End != nil
		if err := sink(e); err != nil {
			return err
		}
	}
	switch err := lines.Err(); {
	case err != nil:
		return fmt.Errorf("line %d: %w", n+1, err)
	case n == 0:
		return errors.New("the file is empty")
	case !ended:
		return fmt.Errorf("after line %d: %w", n, ErrCut)
	}
	return nil
}
