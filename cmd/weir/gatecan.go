package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"weir/internal/auth"
)

func newGateCan(a *app, g *gateFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "can USER ACTION RESOURCE…",
		Short: "Explain whether somebody may do something",
		Long: `Can decides as a running gate would and says why: which roles count there, which do not, which policy spoke, and
what would be enough. It exits 0 for yes and 1 for no.

Actions are read, download, write, deploy, delete, manage and predict. A resource is TYPE, TYPE:ID, TYPE=NAME or
TYPE:ID=NAME, followed by what is known of it (server=NAME owner=NAME tag.KEY=VALUE) and by what holds it (in
TYPE:ID=NAME …).`,
		Example: `  weir gate can ann write experiment:1=fraud-2026 --data gate
  weir gate can ann delete run:abc owner=bob in experiment:1=fraud-2026 tag.team=fraud --data gate
  weir gate can ci deploy model-version:3 in registered-model:churn=churn server=mlflow --data gate`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 3 {
				return exactly("a user", "an action", "a resource")(cmd, args)
			}
			return nil
		},
	}
	format := listFormat(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		action := auth.Action(args[1])
		if !slices.Contains(auth.Actions(), action) {
			var names []string
			for _, x := range auth.Actions() {
				names = append(names, string(x))
			}
			return usage(didYouMean(args[1], names), "action %q is none of %s", args[1], strings.Join(names, ", "))
		}
		r, err := auth.ParseResource(args[2:])
		if err != nil {
			return usage("", "%s", err)
		}
		asJSON, err := format()
		if err != nil {
			return err
		}
		return g.do(cmd, func(ctx context.Context, s *accounts) error {
			p, err := s.Named(ctx, args[0])
			if err != nil {
				return err
			}
			e, err := s.Explain(ctx, p, action, r)
			if err != nil {
				return err
			}
			if err := a.explainDecision(e, p, r, asJSON); err != nil || e.Decision.Allow {
				return err
			}
			return exit(1)
		})
	}
	return cmd
}

func (a *app) explainDecision(e auth.Explanation, p auth.Principal, r auth.Resource, asJSON bool) error {
	if asJSON {
		return a.printJSON(map[string]any{"allow": e.Decision.Allow, "policy": e.Decision.Policy, "reason": e.Decision.Reason,
			"policies": e.Policies, "counts": ids(e.Counts), "others": ids(e.Others), "would": e.Would}, nil)
	}
	var b strings.Builder
	word := "no"
	if e.Decision.Allow {
		word = "yes"
	}
	fmt.Fprintf(&b, "%s: %s\n", word, dash(e.Decision.Reason))
	if len(e.Policies) > 0 {
		fmt.Fprintf(&b, "policies that speak: %s\n", dash(strings.Join(e.Policies, ", ")))
	}
	grantLines(&b, "roles that count here", e.Counts)
	grantLines(&b, "roles that do not", e.Others)
	if len(e.Would) > 0 {
		scope := ""
		if thing := outermost(r); thing.ID != "" {
			scope = fmt.Sprintf(" --type %s --id %q", thing.Type, thing.ID)
		} else if thing.Name != "" {
			scope = fmt.Sprintf(" --type %s --name %q", thing.Type, thing.Name)
		}
		fmt.Fprintf(&b, "enough would be the role %s, for example: weir gate role add %s %s%s\n", strings.Join(e.Would, " or "), p.Name, e.Would[0], dash0(scope))
	}
	return a.print(b.String())
}

// outermost is what a role is best given for.
func outermost(r auth.Resource) auth.Resource {
	if len(r.Within) > 0 {
		return r.Within[len(r.Within)-1]
	}
	return r
}

func dash0(s string) string {
	if s == "" {
		return ""
	}
	return dash(s)
}

func grantLines(b *strings.Builder, title string, grants []auth.Granted) {
	if len(grants) == 0 {
		return
	}
	fmt.Fprintf(b, "%s:\n", title)
	for _, g := range grants {
		fmt.Fprintf(b, "  %d  %s to %s for %s\n", g.ID, g.Role, dash(holder(g)), dash(g.Scope.String()))
	}
}

func ids(grants []auth.Granted) []int64 {
	out := []int64{}
	for _, g := range grants {
		out = append(out, g.ID)
	}
	return out
}
