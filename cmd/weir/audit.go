package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/audit"
)

func newAudit(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "audit",
		Short:   "Verify an audit log",
		GroupID: "other",
		Long:    "Audit looks after the logs that weir gate writes: append-only JSON lines, each chained to the one before.",
		Args:    subcommandOnly,
		RunE:    func(*cobra.Command, []string) error { return nil },
	}
	verify := &cobra.Command{
		Use:   "verify LOG…",
		Short: "Say whether a log is as it was written",
		Long: `Verify reads a log (its folder, or single parts of it in their order) and names the first line that was edited,
removed, inserted or moved, or says that the end was cut. Exit code 0: it is whole. 1: it is not. 2: it cannot be read.

The key that lies beside the log proves nothing to somebody who may write there: keep a copy of audit.pub
elsewhere and name it with --key.`,
		Example: `  weir audit verify /var/lib/weir/audit
  weir audit verify --key audit.pub /mnt/archive/audit`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(fmt.Sprintf("Usage: %s", cmd.UseLine()), "%q needs the folder of a LOG", cmd.CommandPath())
			}
			return nil
		},
	}
	key := verify.Flags().String("key", "", "public key that the log must be signed with, a `FILE`; default: audit.pub in its folder")
	verify.RunE = func(_ *cobra.Command, args []string) error {
		report, err := audit.Verify(args, *key)
		var broken *audit.Broken
		if err != nil && !errors.As(err, &broken) {
			return cannotRead("audit log", args[0], err)
		}
		var b strings.Builder
		if broken != nil {
			fmt.Fprintf(&b, "%v\n", broken)
		}
		for _, n := range report.Notes {
			fmt.Fprintf(&b, "note: %s\n", n)
		}
		if broken == nil {
			fmt.Fprintf(&b, "%d lines are whole (%d to %d, %s to %s), %d signatures, key %s\n", report.Lines, report.First, report.Last,
				report.From.Format(time.RFC3339), report.To.Format(time.RFC3339), report.Checkpoints, report.Key)
		}
		if err := a.print(b.String()); err != nil {
			return err
		}
		if broken != nil {
			return exit(1)
		}
		return nil
	}
	cmd.AddCommand(verify)
	return cmd
}
