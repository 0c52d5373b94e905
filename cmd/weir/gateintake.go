package main

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"weir/internal/audit"
	"weir/internal/gateway/intake"
	"weir/internal/store"
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
	p.logDecisions()
	return nil
}

// decisionsEvery is how soon a decision of the command line stands in the audit log.
const decisionsEvery = 2 * time.Second

// logDecisions writes down what commands decide about the quarantine: while the gate runs the audit log is its own.
func (p *gateParts) logDecisions() {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			if err := p.intake.Vault().Log(ctx, p.decided); err != nil && ctx.Err() == nil {
				slog.Error("decisions about the quarantine cannot be written down", "error", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(decisionsEvery):
			}
		}
	}()
	p.closes = append(p.closes, func() error { stop(); <-ended; return nil })
}

func (p *gateParts) decided(h store.Held) error {
	return p.audit.Append(audit.Record{
		Time: h.Decided, Request: h.ID, Who: h.By, How: "command line", Server: h.Server, Method: http.MethodPost, Path: "quarantine", Route: "quarantine",
		Action: "manage", Resource: []string{"quarantine:" + h.ID}, Decision: h.State, Reason: h.Reason, Digest: h.Digest, Status: http.StatusOK,
	})
}
