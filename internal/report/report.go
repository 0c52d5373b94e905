// Package report turns the stream of events into what people and machines read: text, JSON, SARIF and others, a file per format. Names and
// evidence come from hostile files, so every format escapes them for whatever will read it.
//
// Start with [All] and [Format.New].
package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"weir"
)

// Format is one way to write a report.
type Format struct {
	Name  string
	Doc   string // one line for help texts
	write func(*bufio.Writer, Options) weir.Sink
}

// Options are what formats need besides the events.
type Options struct {
	Width int  // columns of text output; 0: 100
	Color bool // ANSI colours in text output
	Brief bool // text output of what is not clean only, without the closing line
	// Rule gives a rule's documentation; nil: there is none.
	Rule func(id string) (Doc, bool)
}

// Doc is what reports say about a rule.
type Doc struct {
	Title    string
	Help     string // Markdown: what it is, why it is dangerous, how to fix it
	Severity weir.Severity
	CWE      []int
}

func (o Options) doc(rule string) (Doc, bool) {
	if o.Rule == nil {
		return Doc{}, false
	}
	return o.Rule(rule)
}

// All lists every format, the default first.
func All() []Format {
	return []Format{
		{"text", "for a person at a terminal", newText},
		{"json", "one object with everything: the contract for programs", newJSON},
		{"jsonl", "the event stream, one event a line; weir report replays it", newJSONL},
		{"sarif", "SARIF 2.1.0, for code scanning services and editors", newSARIF},
		{"gitlab", "GitLab's security report (SAST)", newGitLab},
		{"junit", "JUnit XML, for services that show tests", newJUnit},
		{"markdown", "for a pull request's comment or a job's summary", newMarkdown},
		{"cyclonedx", "CycloneDX 1.6 bill of materials: packages, models, known flaws (VEX)", newCycloneDX},
		{"html", "one page for a browser, without scripts", newHTML},
	}
}

// Find gives the format of that name.
func Find(name string) (Format, error) {
	for _, f := range All() {
		if f.Name == name {
			return f, nil
		}
	}
	return Format{}, fmt.Errorf("format %q is not one of %s", name, strings.Join(Names(), ", "))
}

// Names lists the formats' names.
func Names() []string {
	var names []string
	for _, f := range All() {
		names = append(names, f.Name)
	}
	return names
}

// New returns a handler that writes a report in this format to w. The report is whole once the stream's end has been handled without an error.
func (f Format) New(w io.Writer, o Options) weir.Sink {
	if o.Width <= 0 {
		o.Width = 100
	}
	b := bufio.NewWriterSize(w, 64<<10)
	sink := f.write(b, o)
	return func(e weir.Event) error {
		if err := sink(valid(e)); err != nil {
			return err
		}
		if e.End != nil {
			return b.Flush()
		}
		return nil
	}
}

// Tee hands every event to all sinks in turn; the first error ends it.
func Tee(sinks ...weir.Sink) weir.Sink {
	sinks = slices.Clone(sinks)
	return func(e weir.Event) error {
		for _, s := range sinks {
			if err := s(e); err != nil {
				return err
			}
		}
		return nil
	}
}
