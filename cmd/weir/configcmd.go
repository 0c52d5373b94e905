package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"weir/internal/policy"
)

func newConfig(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Check the configuration, and see what is in force",
		GroupID: "other",
		Long: `Settings come from flags, then WEIR_* variables, then weir.yaml, then defaults. weir.yaml is the file that
--config or WEIR_CONFIG names, or else the first one found in the working directory and upwards from it. It
is never looked for in the targets: weir scan downloads does not obey downloads/weir.yaml. So run weir from a
folder of your own, not from inside of what you do not trust.

weir.yaml has these keys (variables have their names in capitals with underscores: WEIR_LIMITS_TIME):

` + configKeys() + `

and two lists:

  trust:                 # imports that this organisation allows
    - acme.models.Net    # exactly this one
    - acme_layers.*      # everything in this package
  ignore:                # findings that are accepted
    - rule: pickle/unknown-call       # or a family: pickle/*
      path: models/legacy/**          # optional; as seen from weir.yaml
      flaw: CVE-2025-0001             # optional: one known flaw
      reason: reviewed by security, ticket 123
      until: 2026-12-31               # optional; after it the finding counts again`,
		Args: subcommandOnly,
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	check := &cobra.Command{
		Use:   "check",
		Short: "Check weir.yaml and variables, and print what is in force and from where",
		Long: `Check reads the configuration as weir scan would, says what is wrong with it (with the line, exit code 2), and
otherwise prints every setting that is in force with the place that it comes from.`,
		Example: `  weir config check
  weir config check --config ci/weir.yaml`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.configCheck(cmd) },
	}
	addOptions(check.Flags(), "none")
	cmd.AddCommand(check)
	return cmd
}

func configKeys() string {
	var b strings.Builder
	section := ""
	for _, o := range options() {
		if o.key == "trust" {
			continue
		}
		name, indent := o.key, "  "
		if s, rest, nested := strings.Cut(o.key, "."); nested {
			if s != section {
				fmt.Fprintf(&b, "  %s:\n", s)
			}
			section, name, indent = s, rest, "    "
		}
		def := fmt.Sprint(o.def)
		switch {
		case o.kind == kindList:
			def = "[]"
		case def == "":
			def = `""`
		}
		fmt.Fprintf(&b, "%s%s: %s\n%s", indent, name, def, reflow(strings.ReplaceAll(o.doc, "`", ""), 100, indent+"    "))
	}
	return strings.TrimRight(b.String(), "\n")
}

func (a *app) configCheck(cmd *cobra.Command) error {
	s, err := loadSettings(a, cmd)
	if err != nil {
		return err
	}
	if err := knownRules(s.waivers); err != nil {
		return err
	}
	var b strings.Builder
	if s.file == "" {
		b.WriteString("no weir.yaml in this folder or above it\n")
	} else {
		fmt.Fprintf(&b, "%s is right\n", s.file)
	}
	rows := [][]string{}
	for _, o := range options() {
		v := fmt.Sprint(s.k.Get(o.key))
		if o.kind == kindList {
			v = "[" + strings.Join(s.list(o.key), ", ") + "]"
		}
		rows = append(rows, []string{"  " + o.key, v, s.origin[o.key]})
	}
	b.WriteString(table(rows))
	today := policy.Date(a.today().Format("2006-01-02"))
	for _, w := range s.waivers {
		state := ""
		if w.Until != "" && w.Until < today {
			state = " (over)"
		}
		fmt.Fprintf(&b, "  ignore %s%s: %s  %s\n", w.Text(), state, w.Reason, w.Source)
	}
	return a.print(b.String())
}

// knownRules makes sure that waivers name rules that exist; a scan would call such a waiver unused.
func knownRules(waivers []policy.Waiver) error {
	var ids, families []string
	for _, r := range ruleInfos() {
		family, _, _ := strings.Cut(r.ID, "/")
		ids = append(ids, r.ID)
		families = append(families, family+"/*")
	}
	for _, w := range waivers {
		if !slices.Contains(ids, w.Rule) && !slices.Contains(families, w.Rule) {
			err := misconfigured(w.Source, fmt.Errorf("%q is not a rule", w.Rule))
			err.(*failure).hint = didYouMean(w.Rule, append(ids, families...))
			return err
		}
	}
	return nil
}
