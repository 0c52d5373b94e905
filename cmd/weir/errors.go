package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"weir/internal/policy"
	"weir/internal/report"
)

// Exit codes; those of a scan's outcome are policy's.
const (
	exitOK       = policy.ExitPass
	exitUsage    = policy.ExitUsage
	exitInternal = 4
)

// failure is an error for the user: what, where, and on the next line what to do. All of them are made in this file.
type failure struct {
	code int
	what string
	hint string // may be empty
	err  error  // may be nil
}

func (f *failure) Error() string {
	if f.err == nil {
		return f.what
	}
	return f.what + ": " + f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// usage is wrong use: exit code 2.
func usage(hint, format string, args ...any) error {
	return &failure{code: exitUsage, what: fmt.Sprintf(format, args...), hint: hint}
}

// misconfigured is a configuration (file, variable or flag) that cannot be used; where names the place, as in weir.yaml:3.
func misconfigured(where string, err error) error {
	return &failure{code: exitUsage, what: where, err: err}
}

// cannotRead is a file that the user named for weir itself to read.
func cannotRead(what, file string, err error) error {
	return &failure{code: exitUsage, what: fmt.Sprintf("%s %q cannot be read", what, file), err: bare(err)}
}

// cannotWrite is an output that cannot be written.
func cannotWrite(file string, err error) error {
	return &failure{code: exitUsage, what: fmt.Sprintf("output %q cannot be written", file), err: bare(err)}
}

// missing is a target that is not there; the others are scanned all the same.
func missing(target, reason string) error {
	return &failure{code: exitUsage, what: fmt.Sprintf("target %q: %s", target, reason)}
}

// internal is a mistake of weir's own.
func internal(err error) error {
	return &failure{code: exitInternal, what: "internal error", hint: "This is a mistake in weir, not yours. Please report it with the command that you gave.", err: err}
}

// exit carries the exit code of a command that did its work.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// fail writes err for a person and gives the exit code.
func fail(w io.Writer, err error) int {
	var e exit
	var f *failure
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
		return int(e)
	case !errors.As(err, &f):
		f = &failure{code: exitUsage, what: err.Error()}
		err = f
	}
	fmt.Fprintf(w, "weir: %s\n", report.Printable(err.Error()))
	if f.hint != "" {
		for line := range strings.SplitSeq(f.hint, "\n") {
			fmt.Fprintf(w, "  %s\n", report.Printable(line))
		}
	}
	return f.code
}

// bare drops the operation and path that os puts before an error: the message names them already.
func bare(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	if l := (*os.LinkError)(nil); errors.As(err, &l) {
		return l.Err
	}
	return err
}

// closest gives the candidate that word most likely meant, or nothing.
func closest(word string, candidates []string) string {
	best, most := "", max(2, len(word)/3)
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d <= most {
			best, most = c, d-1
		}
	}
	return best
}

// distance counts the edits (insert, delete, replace, swap neighbours) between a and b.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

// didYouMean is a hint, or nothing.
func didYouMean(word string, candidates []string) string {
	if c := closest(word, candidates); c != "" {
		return fmt.Sprintf("Did you mean %s?", c)
	}
	return ""
}
