package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"syscall"
	"time"

	"weir/internal/audit"
	"weir/internal/auth"
)

// reloadOnHangUp reads the section auth of the configuration again at each SIGHUP, with the policies and secrets that it names. What cannot be used
// changes nothing. It ends with the function that it gives.
func (p *gateParts) reloadOnHangUp(g *gateFlags, running *gateFile) (stop func()) {
	hangUp := make(chan os.Signal, 1)
	signal.Notify(hangUp, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-hangUp:
				p.reload(g, running)
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		signal.Stop(hangUp)
		cancel()
		<-ended
	}
}

// reload takes over what stands in the configuration now, and writes down what came of it.
func (p *gateParts) reload(g *gateFlags, running *gateFile) {
	r := audit.Record{Time: time.Now().UTC(), Route: "reload", Decision: "allow", More: map[string]any{"configuration": "read again"}}
	f, err := g.load()
	if err == nil {
		err = p.takeOver(f)
	}
	switch {
	case err != nil:
		r.Decision, r.Reason = "error", err.Error()
		slog.Error("the configuration was not taken over: what was in use stays", "error", err)
	case !reflect.DeepEqual(f.withoutAuth(), running.withoutAuth()):
		slog.Warn("who may do what was read again; the other changes of the configuration count when the gate is started anew")
	default:
		slog.Info("who may do what was read again")
	}
	if err := p.audit.Append(r); err != nil {
		slog.Error("the audit log cannot be written", "error", err)
	}
}

func (p *gateParts) takeOver(f *gateFile) error {
	o, err := f.authOptions()
	if err != nil {
		return err
	}
	return p.auth.Reload(o)
}

// withoutAuth is what a gate reads at its start alone.
func (f *gateFile) withoutAuth() gateFile {
	rest := *f
	rest.Auth = auth.Config{Secure: f.Auth.Secure}
	return rest
}
