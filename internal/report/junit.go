package report

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"strconv"

	"weir"
)

// newJUnit writes JUnit XML as test services read it: a suite for each file, in it a case for each finding: one of medium severity or worse is a
// failure, a milder one passes with its text as output, a waived one was skipped. What could not be examined is an error. A file without any
// of them is one case that passed.
func newJUnit(w *bufio.Writer, _ Options) weir.Sink {
	j := &junit{w: w}
	return j.sink
}

type junit struct {
	w      *bufio.Writer
	path   string
	cases  []junitCase
	suites []byte // finished ones, encoded: the counts stand before them
	tests, failures, errors,
	skipped int
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string       `xml:"name,attr"`
	Class   string       `xml:"classname,attr"`
	File    string       `xml:"file,attr,omitempty"`
	Line    int          `xml:"line,attr,omitempty"`
	Failure *junitDetail `xml:"failure,omitempty"`
	Error   *junitDetail `xml:"error,omitempty"`
	Skipped *junitDetail `xml:"skipped,omitempty"`
	Out     string       `xml:"system-out,omitempty"`
}

type junitDetail struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func (j *junit) sink(e weir.Event) error {
	switch {
	case e.Finding != nil:
		return j.add(e.Finding.Path, junitFinding(*e.Finding))
	case e.Problem != nil:
		p := e.Problem
		return j.add(p.Path, junitCase{
			Name: "examined in full", File: Printable(p.Path),
			Error: &junitDetail{Type: Printable(p.Stage), Message: Printable(p.Reason), Text: Printable(join(p.Path, p.Member))},
		})
	case e.Artifact != nil && e.Artifact.Member == "":
		if j.path != e.Artifact.Path || len(j.cases) == 0 {
			if err := j.add(e.Artifact.Path, junitCase{Name: "verdict: " + e.Artifact.Verdict.String(), File: Printable(e.Artifact.Path)}); err != nil {
				return err
			}
		}
		return j.flush()
	case e.End != nil:
		return j.end(e.End.Summary)
	}
	return nil
}

func junitFinding(f weir.Finding) junitCase {
	c := junitCase{Name: Printable(f.Rule + place(f)), File: Printable(f.Path), Line: lineOf(f)}
	if f.Waived != nil {
		c.Skipped = &junitDetail{Message: Printable(fmt.Sprintf("waived: %s (%s)", f.Waived.Reason, f.Waived.Source))}
		return c
	}
	text := ""
	for _, part := range []string{f.Evidence, f.Fix} {
		if part != "" {
			for _, line := range printableLines(short(part, 4000)) {
				text += line + "\n"
			}
		}
	}
	if f.Severity <= weir.SeverityLow {
		c.Out = Printable(f.Severity.String()+": "+f.Message) + "\n" + text
		return c
	}
	c.Failure = &junitDetail{Type: f.Severity.String(), Message: Printable(f.Severity.String() + ": " + f.Message), Text: text}
	return c
}

func (j *junit) add(path string, c junitCase) error {
	if path != j.path {
		if err := j.flush(); err != nil {
			return err
		}
	}
	j.path, c.Class = path, Printable(path)
	j.cases = append(j.cases, c)
	return nil
}

func (j *junit) flush() error {
	if len(j.cases) == 0 {
		return nil
	}
	s := junitSuite{Name: Printable(j.path), Tests: len(j.cases), Cases: j.cases}
	for _, c := range j.cases {
		switch {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
	b, err := xml.MarshalIndent(s, " ", " ")
	if err != nil {
		return fmt.Errorf("junit: %w", err)
	}
	j.suites = append(append(j.suites, b...), '\n')
	j.tests += s.Tests
	j.failures += s.Failures
	j.errors += s.Errors
	j.skipped += s.Skipped
	j.path, j.cases = "", nil
	return nil
}

func (j *junit) end(sum weir.Summary) error {
	if err := j.flush(); err != nil {
		return err
	}
	fmt.Fprintf(j.w, "%s<testsuites name=\"weir\" tests=\"%d\" failures=\"%d\" errors=\"%d\" skipped=\"%d\" time=\"%s\">\n",
		xml.Header, j.tests, j.failures, j.errors, j.skipped, strconv.FormatFloat(sum.Seconds, 'f', 3, 64))
	j.w.Write(j.suites)
	_, err := j.w.WriteString("</testsuites>\n")
	return err
}
