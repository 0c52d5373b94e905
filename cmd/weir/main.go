// Command weir scans machine-learning models and what surrounds them before anything runs: it reads files as an attacker would have written
// them and says which would run code when loaded, what that code would do, and what to do about it. It executes nothing of what it examines.
//
//	weir scan models            look at a folder of models
//	weir explain RULE           what a finding means and how to fix it
//	weir rules, weir formats    what weir knows
//	weir report scan.jsonl      write a stored scan in another format
//	weir lab sample pickle      a harmless test model, to prove that a pipeline blocks
//
// Exit codes: 0 nothing at or above --fail-on, 1 something is, 2 wrong use or configuration, 3 not everything could be examined, 4 internal
// error. Every command has its help: weir help scan.
package main

import (
	"io"
	"os"
	"time"
)

// app is what commands need of the world; tests give another one.
type app struct {
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	environ []string
	today   func() time.Time
}

func main() {
	os.Exit(run(&app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(), today: time.Now}, os.Args[1:]))
}
