package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"weir/internal/auth"
)

func newGateRole(a *app, g *gateFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "role",
		Short: "Say who may do what",
		Long: `Role gives roles to accounts and groups: for everything, or for the experiments, models, frames and paths that fit a
name, a tag or a server, with all that is within them.

Ready roles: viewer reads what is said about things; reader downloads and predicts too; scientist also makes and
changes things and deletes its own; deployer moves versions to where they are served; maintainer does all of that
and deletes; admin everything; none shuts out, whatever else was granted. Policies in Cedar (auth.policies in
gate.yaml) may add others: a role is whatever a policy asks for in context.roles.`,
		Args: subcommandOnly,
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	cmd.AddCommand(gateRoleAdd(a, g), gateRoleList(a, g), gateRoleRevoke(a, g))
	return cmd
}

func gateRoleAdd(_ *app, g *gateFlags) *cobra.Command {
	var s scopeFlags
	group := false
	cmd := &cobra.Command{
		Use:   "add NAME ROLE",
		Short: "Give a role to an account or a group",
		Example: `  weir gate role add ann scientist --name 'fraud-*' --data gate
  weir gate role add --group ml-platform maintainer --data gate
  weir gate role add ci deployer --type registered-model --tag team=fraud --data gate`,
		Args:              exactly("a name", "a role"),
		ValidArgsFunction: complete("viewer", "reader", "scientist", "deployer", "maintainer", "admin", "none"),
	}
	cmd.Flags().BoolVar(&group, "group", false, "NAME is a group")
	s.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		scope, err := s.scope()
		if err != nil {
			return err
		}
		return g.do(cmd, func(ctx context.Context, s *accounts) error {
			_, err := s.Grant(ctx, auth.Granted{To: args[0], Group: group, By: "command line", Grant: auth.Grant{Role: args[1], Scope: scope}})
			return err
		})
	}
	return cmd
}

func gateRoleList(a *app, g *gateFlags) *cobra.Command {
	ready := false
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List who has which role, or the roles that there are",
		Example: `  weir gate role list --data gate
  weir gate role list --ready --data gate`,
		Args: exactly(),
	}
	cmd.Flags().BoolVar(&ready, "ready", false, "list the roles that can be given")
	format := listFormat(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return g.do(cmd, func(ctx context.Context, s *accounts) error {
			asJSON, err := format()
			if err != nil {
				return err
			}
			if ready {
				return a.listRoles(s.Roles(), asJSON)
			}
			held, err := s.Grants(ctx)
			if err != nil {
				return err
			}
			return a.listGrants(held, asJSON)
		})
	}
	return cmd
}

func (a *app) listRoles(roles []auth.Role, asJSON bool) error {
	type info struct {
		Name string `json:"name"`
		Doc  string `json:"doc"`
		Own  bool   `json:"own"`
	}
	list := []info{}
	rows := [][]string{}
	for _, r := range roles {
		list = append(list, info{r.Name, r.Doc, r.Own})
		rows = append(rows, []string{r.Name, dash(r.Doc)})
	}
	if asJSON {
		return a.printJSON(list, nil)
	}
	return a.print(table(rows))
}

func (a *app) listGrants(held []auth.Granted, asJSON bool) error {
	type info struct {
		ID      int64      `json:"id"`
		To      string     `json:"to"`
		Group   bool       `json:"group"`
		Role    string     `json:"role"`
		Scope   auth.Scope `json:"scope"`
		By      string     `json:"by"`
		Created string     `json:"created"`
	}
	list := []info{}
	rows := [][]string{{"ID", "WHO", "ROLE", "FOR", "GIVEN", "BY"}}
	for _, h := range held {
		list = append(list, info{h.ID, h.To, h.Group, h.Role, h.Scope, h.By, day(h.Created)})
		rows = append(rows, []string{strconv.FormatInt(h.ID, 10), dash(holder(h)), h.Role, dash(h.Scope.String()), day(h.Created), dash(h.By)})
	}
	if asJSON {
		return a.printJSON(list, nil)
	}
	return a.print(table(rows))
}

func gateRoleRevoke(_ *app, g *gateFlags) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke ID",
		Short:   "Take a role back; weir gate role list shows its ID",
		Example: "  weir gate role revoke 3 --data gate",
		Args:    exactly("an ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return usage("weir gate role list shows the IDs.", "%s", fmt.Sprintf("%q is no ID", args[0]))
			}
			return g.do(cmd, func(ctx context.Context, s *accounts) error { return s.Revoke(ctx, id) })
		},
	}
}
