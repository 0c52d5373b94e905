package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/audit"
	"weir/internal/gateway/quota"
	"weir/internal/store/sqlite"
)

// quotaFile bounds what each account downloads; docs/gateway.md describes each key.
type quotaFile struct {
	quota.Limits `yaml:",inline"`
	Accounts     map[string]quota.Limits `yaml:"accounts"` // of these accounts, in place of the others' limits
}

func (f *quotaFile) of(name string) quota.Limits {
	if own, ok := f.Accounts[name]; ok {
		return own
	}
	if f.Limits == (quota.Limits{}) {
		return quota.Default
	}
	return f.Limits
}

// openQuota begins to count downloads.
func (p *gateParts) openQuota(f *gateFile) {
	p.quota = quota.Open(quota.Options{Limits: f.Quota.Limits, Accounts: f.Quota.Accounts, Memo: p.store, Alert: p.alert})
	p.closes = append(p.closes, p.quota.Close)
}

// alert tells of an account that took too much: in the log, the metrics and the audit log.
func (p *gateParts) alert(kind, who, text string) {
	slog.Warn("downloads", "alert", kind, "account", who, "what", text)
	p.meter.Alert(kind)
	r := audit.Record{
		Time: time.Now().UTC(), Who: who, Method: http.MethodGet, Route: "quota", Action: "download", Decision: "deny", Policy: kind, Reason: text,
		Status: http.StatusTooManyRequests, More: map[string]any{"alert": kind},
	}
	if err := p.audit.Append(r); err != nil {
		slog.Error("the audit log cannot be written", "error", err)
	}
}

func newGateQuota(a *app, g *gateFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quota",
		Short: "Who downloaded how much, and who was stopped",
		Long: `Quota shows what accounts downloaded within the last window, and lets one go on that was stopped because it read
too many different models, runs or frames, or too many bytes: a bulk export.`,
		Args: subcommandOnly,
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	list := &cobra.Command{
		Use: "list", Short: "What each account downloaded", Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return a.quotaList(c.Context(), g) },
	}
	release := &cobra.Command{
		Use: "release ACCOUNT", Short: "Let an account that was stopped go on", Args: exactly("an ACCOUNT"),
		RunE: func(c *cobra.Command, args []string) error { return a.quotaRelease(c.Context(), g, args[0]) },
	}
	cmd.AddCommand(list, release)
	return cmd
}

func (a *app) quotaList(ctx context.Context, g *gateFlags) error {
	f, err := g.load()
	if err != nil {
		return err
	}
	s, err := sqlite.Open(f.storeFile())
	if err != nil {
		return misconfigured("data", err)
	}
	defer s.Close()
	accounts, err := s.Accounts(ctx)
	if err != nil {
		return internal(err)
	}
	rows := [][]string{{"ACCOUNT", "FILES", "BYTES", "THINGS", "STOPPED UNTIL"}}
	for _, account := range accounts {
		u, err := quota.Used(ctx, s, account.Name, f.Quota.of(account.Name))
		if err != nil {
			return internal(err)
		}
		if u.At.IsZero() {
			continue
		}
		held := "-"
		if !u.Held.IsZero() {
			held = u.Held.UTC().Format(time.RFC3339)
		}
		rows = append(rows, []string{account.Name, strconv.FormatInt(u.Files, 10), strconv.FormatInt(u.Bytes, 10), strconv.Itoa(len(u.Things)), held})
	}
	return a.print(strings.TrimLeft(table(rows), "\n"))
}

func (a *app) quotaRelease(ctx context.Context, g *gateFlags, name string) error {
	f, err := g.load()
	if err != nil {
		return err
	}
	s, err := sqlite.Open(f.storeFile())
	if err != nil {
		return misconfigured("data", err)
	}
	defer s.Close()
	was, err := quota.Release(ctx, s, name)
	if err != nil {
		return internal(err)
	}
	if !was {
		return usage("weir gate quota list shows who is.", "account %q is not stopped", name)
	}
	return a.print(fmt.Sprintf("%s may download again\n", name))
}
