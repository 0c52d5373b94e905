package main

import (
	"path/filepath"

	"weir/internal/gateway/intake"
)

// intakeDir is where transfers, unfinished uploads and the quarantine lie below the data folder.
func (f *gateFile) intakeDir() string { return filepath.Join(f.Data, "intake") }

// openIntake starts the scanner's workers and opens the intake.
func (p *gateParts) openIntake(f *gateFile) error {
	s, err := newGateScanner("auto", nil)
	if err != nil {
		return misconfigured("scanner", err)
	}
	p.closes = append(p.closes, func() error { s.close(); return nil })
	if p.intake, err = intake.Open(intake.Config{Dir: f.intakeDir(), Store: p.store, Scanner: s.scanner()}); err != nil {
		return misconfigured("data", err)
	}
	p.closes = append(p.closes, p.intake.Close)
	return nil
}
