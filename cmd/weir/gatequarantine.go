package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"weir/internal/gateway/intake"
	"weir/internal/report"
	"weir/internal/store"
	"weir/internal/store/sqlite"
)

func newGateQuarantine(a *app, g *gateFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quarantine",
		Short: "See, release and delete what the gate held back",
		Long: `Quarantine looks after what a gate held back: uploads that were malicious, suspicious or could not be examined in
full. Their bytes lie encrypted in the gate's folder. Whoever may read and write that folder may use these
commands; what they decide stands in the gate's audit log within seconds.`,
		Args: subcommandOnly,
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	cmd.AddCommand(quarantineList(a, g), quarantineShow(a, g), quarantineDecide(a, g, true), quarantineDecide(a, g, false))
	return cmd
}

// vault opens the quarantine beside a gate that may be running.
func (g *gateFlags) vault(cmd *cobra.Command, f func(context.Context, *intake.Vault) error) error {
	file, err := g.load()
	if err != nil {
		return err
	}
	if err := file.dataDir(); err != nil {
		return err
	}
	s, err := sqlite.Open(file.storeFile())
	if err != nil {
		return misconfigured("data", err)
	}
	v, err := intake.OpenVault(file.intakeDir(), s)
	if err != nil {
		return errors.Join(misconfigured("data", err), s.Close())
	}
	v.Apart = true
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	err = f(ctx, v)
	if errors.Is(err, intake.ErrNotHeld) {
		err = usage("weir gate quarantine list shows what there is.", "%s", err)
	}
	return errors.Join(err, s.Close())
}

func quarantineList(a *app, g *gateFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what was held back, newest first",
		Example: `  weir gate quarantine list --data gate
  weir gate quarantine list --all --format json --data gate`,
		Args: exactly(),
	}
	everything := cmd.Flags().Bool("all", false, "what was released or deleted, too")
	format := listFormat(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return g.vault(cmd, func(ctx context.Context, v *intake.Vault) error {
			all, err := v.List(ctx)
			if err != nil {
				return err
			}
			list := []store.Held{}
			rows := [][]string{{"ID", "TIME", "STATE", "VERDICT", "WHO", "SIZE", "FINDING", "WHAT"}}
			for _, h := range all {
				if h.State != store.StateHeld && !*everything {
					continue
				}
				list = append(list, h)
				rows = append(rows, []string{h.ID, day(h.Time), h.State, h.Report.Verdict.String(), dash(h.Who), report.Bytes(h.Size), dash(worstRule(h)), dash(h.To)})
			}
			if asJSON, err := format(); err != nil || asJSON {
				return a.printJSON(list, err)
			}
			return a.print(table(rows))
		})
	}
	return cmd
}

func worstRule(h store.Held) string {
	if len(h.Report.Findings) == 0 {
		return ""
	}
	return h.Report.Findings[0].Rule
}

func quarantineShow(a *app, g *gateFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Tell everything about one item",
		Long: `Show tells what was found in an item, who sent it and where to. --save writes its bytes to a file, decrypted: they
are as hostile as they were, so look at them with weir scan and load them nowhere.`,
		Example: `  weir gate quarantine show q-0123456789ab --data gate
  weir gate quarantine show q-0123456789ab --save suspect.bin --data gate && weir scan suspect.bin --trace`,
		Args: exactly("an ID"),
	}
	save := cmd.Flags().String("save", "", "write the bytes to this new `FILE`")
	format := listFormat(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return g.vault(cmd, func(ctx context.Context, v *intake.Vault) error {
			h, err := v.Get(ctx, args[0])
			if err != nil {
				return err
			}
			if *save != "" {
				if err := saveHeld(v, h.ID, *save); err != nil {
					return err
				}
			}
			if asJSON, err := format(); err != nil || asJSON {
				return a.printJSON(h, err)
			}
			return a.print(heldText(h))
		})
	}
	return cmd
}

// saveHeld writes an item's bytes to a file that is not there yet and that only its owner can read.
func saveHeld(v *intake.Vault, id, name string) error {
	r, err := v.Open(id)
	if errors.Is(err, intake.ErrNotHeld) {
		return usage("Folders stay at the server; what was deleted is gone.", "the bytes of %s are not kept", id)
	}
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return cannotWrite(name, err)
	}
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(name)
		return cannotWrite(name, err)
	}
	return nil
}

func heldText(h store.Held) string {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-9s %s\n", name, report.Printable(value))
		}
	}
	line("id", h.ID)
	line("state", h.State)
	line("what", h.To)
	line("server", h.Server)
	line("who", h.Who)
	line("time", day(h.Time))
	line("attempts", fmt.Sprint(h.Attempts))
	line("size", report.Bytes(h.Size))
	line("digest", h.Digest)
	line("verdict", h.Report.Verdict.String())
	line("format", h.Report.Format)
	if h.By != "" {
		line("decided", fmt.Sprintf("%s by %s: %s", day(h.Decided), h.By, h.Reason))
	}
	for _, f := range h.Report.Findings {
		fmt.Fprintf(&b, "\n%s %s\n", f.Severity, report.Printable(f.Rule))
		line("  where", strings.Trim(f.Path+"!/"+f.Member, "!/"))
		line("  what", f.Message)
		line("  evidence", f.Evidence)
	}
	for _, p := range h.Report.Problems {
		fmt.Fprintf(&b, "\nproblem (%s): %s\n", report.Printable(p.Stage), report.Printable(p.Reason))
	}
	return b.String()
}

func quarantineDecide(a *app, g *gateFlags, release bool) *cobra.Command {
	cmd := &cobra.Command{
		Use: "delete ID", Short: "Destroy an item's bytes", Args: exactly("an ID"),
		Long:    `Delete destroys the bytes of an item; that it was there, and why it was deleted, stays on record. It takes a release of the same bytes back.`,
		Example: `  weir gate quarantine delete q-0123456789ab --reason "an attack, reported" --data gate`,
	}
	if release {
		cmd.Use, cmd.Short = "release ID", "Let an item's bytes pass from now on"
		cmd.Long = `Release lets exactly these bytes pass from now on, wherever they are sent, whatever their verdict is. Whoever was
turned away sends them again. A folder that was refused as a whole passes with exactly these files.`
		cmd.Example = `  weir gate quarantine release q-0123456789ab --reason "our own preprocessing, reviewed by ann" --data gate`
	}
	reason := cmd.Flags().String("reason", "", "`WHY`; it is needed and stays on record")
	by := cmd.Flags().String("by", "", "`NAME` of who decides (default: the user of this system)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if strings.TrimSpace(*reason) == "" {
			return usage("It stays on record: --reason \"our own preprocessing, reviewed by ann\"", "a decision needs its --reason")
		}
		who := *by
		if who == "" {
			if who = a.getenv("USER"); who == "" {
				who = "command line"
			}
		}
		return g.vault(cmd, func(ctx context.Context, v *intake.Vault) error {
			decide := v.Delete
			if release {
				decide = v.Release
			}
			h, err := decide(ctx, args[0], who, *reason)
			if err != nil {
				return err
			}
			return a.print(fmt.Sprintf("%s is %s.\n", h.ID, h.State))
		})
	}
	return cmd
}
