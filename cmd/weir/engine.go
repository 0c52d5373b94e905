package main

import (
	"context"
	"errors"
	"io"

	"weir"
)

// engineConfig is what the scan command asks of the engine. This file is the one place where the two meet.
type engineConfig struct {
	targets   []string
	nothing   bool // an empty list was given: look at no file
	exclude   []string
	filesFrom string
	stdin     io.Reader
	jobs      int
	limits    weir.Limits
	deep      bool
	digest    bool
	facts     bool
	trace     io.Writer // nil: no trace
	isolate   string
	trust     func(module, name string) bool
}

// runEngine sends what the targets hold to sink: artifacts, findings, problems and, when asked for, facts.
func runEngine(ctx context.Context, cfg engineConfig, sink weir.Sink) error {
	if cfg.nothing {
		return nil
	}
	return errors.New("the engine is not part of this build")
}

// engineError is an error of the engine as a whole; what is wrong with one file is a problem in the report instead.
func engineError(err error) error { return internal(err) }

// serveWorker is the locked-down process in which files are parsed.
func serveWorker() error { return errors.New("the engine is not part of this build") }
