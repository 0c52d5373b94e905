package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"weir/internal/auth"
	"weir/internal/store/sqlite"
)

func newGateUser(a *app, g *gateFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Manage users and services",
		Long: `User manages the accounts of a gate: people, and services (programs that have tokens and no password). A gate
that is running sees each change within a second.`,
		Args: subcommandOnly,
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	cmd.AddCommand(gateUserAdd(a, g), gateUserList(a, g), gateUserPassword(a, g), gateUserGroups(a, g), gateUserRevoke(a, g), gateUserRestore(a, g), gateUserImport(a, g))
	return cmd
}

func gateUserAdd(a *app, g *gateFlags) *cobra.Command {
	var u struct {
		service                         bool
		file, role, email, external, to string
		groups                          []string
	}
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Make an account",
		Long: `Add makes an account. A user's password is read from --password-file, or else made up and printed once. A service
has none: give it a token. Without a role an account may do nothing; --role gives one for everything, weir gate
role add one for some experiments, models or tags.`,
		Example: `  weir gate user add ann --role scientist --data gate
  weir gate user add ci --service --data gate
  weir gate user add bob --external "https://login.example.org 00u1abcd" --data gate`,
		Args: exactly("a name"),
	}
	f := cmd.Flags()
	f.BoolVar(&u.service, "service", false, "it is a program: no password, tokens only")
	f.StringVar(&u.file, "password-file", "", "read the password from this `FILE` (one line)")
	f.StringVar(&u.role, "role", "", "give this `ROLE` for everything")
	f.StringArrayVar(&u.groups, "group", nil, "`NAME` of a group; can be given more than once")
	f.StringVar(&u.email, "email", "", "`ADDRESS` of the person")
	f.StringVar(&u.external, "external", "", "proven by an identity provider alone: `\"ISSUER SUBJECT\"`, or \"proxy NAME\"")
	f.StringVar(&u.to, "note", "", "what this account is for (`TEXT`)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		acc := auth.Account{Name: args[0], Kind: auth.User, Groups: u.groups, Email: u.email, External: u.external, Note: u.to}
		if u.service {
			acc.Kind = auth.Service
		}
		if (u.service || u.external != "") && u.file != "" {
			return usage("", "services and accounts of an identity provider have no password")
		}
		password, made, err := passwordFor(u.file, u.service || u.external != "")
		if err != nil {
			return err
		}
		return g.do(cmd, func(ctx context.Context, s *accounts) error {
			if u.role != "" && !knownRole(s, u.role) { // before there is an account without it
				return usage(didYouMean(u.role, roleNames(s)), "role %q is none of %s", u.role, strings.Join(roleNames(s), ", "))
			}
			if err := s.AddAccount(ctx, acc, password); err != nil {
				return err
			}
			if u.role != "" {
				if _, err := s.Grant(ctx, auth.Granted{To: acc.Name, By: "command line", Grant: auth.Grant{Role: u.role}}); err != nil {
					return err
				}
			}
			if made {
				return a.print(password + "\n")
			}
			return nil
		})
	}
	return cmd
}

// passwordFor reads a password, or makes one up unless there is to be none.
func passwordFor(file string, none bool) (password string, made bool, err error) {
	switch {
	case file != "":
		password, err = secretFile(file)
		if err != nil {
			err = misconfigured("password-file", err)
		}
		return password, false, err
	case none:
		return "", false, nil
	}
	return rand.Text(), true, nil // 130 bits
}

func roleNames(s *accounts) []string {
	var names []string
	for _, r := range s.Roles() {
		names = append(names, r.Name)
	}
	return names
}

func knownRole(s *accounts, name string) bool {
	for _, r := range s.Roles() {
		if r.Name == name {
			return true
		}
	}
	return false
}

func gateUserList(a *app, g *gateFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the accounts",
		Example: "  weir gate user list --data gate",
		Args:    exactly(),
	}
	format := listFormat(cmd)
	type info struct {
		Name     string   `json:"name"`
		Kind     string   `json:"kind"`
		Groups   []string `json:"groups"`
		Roles    []string `json:"roles"`
		Proof    string   `json:"proof"`
		Disabled bool     `json:"disabled"`
		Created  string   `json:"created"`
		Note     string   `json:"note"`
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return g.do(cmd, func(ctx context.Context, s *accounts) error {
			all, err := s.Accounts(ctx)
			if err != nil {
				return err
			}
			held, err := s.Grants(ctx)
			if err != nil {
				return err
			}
			list := []info{}
			rows := [][]string{{"NAME", "KIND", "PROOF", "STATE", "CREATED", "GROUPS", "ROLES"}}
			for _, acc := range all {
				i := info{acc.Name, string(acc.Kind), acc.Groups, []string{}, proof(acc), acc.Disabled, day(acc.Created), acc.Note}
				for _, h := range held {
					if !h.Group && h.To == acc.Name {
						i.Roles = append(i.Roles, h.Role)
					}
				}
				state := "active"
				if acc.Disabled {
					state = "revoked"
				}
				list = append(list, i)
				rows = append(rows, []string{acc.Name, i.Kind, i.Proof, state, i.Created, dash(strings.Join(acc.Groups, ",")), dash(strings.Join(i.Roles, ","))})
			}
			if asJSON, err := format(); err != nil || asJSON {
				return a.printJSON(list, err)
			}
			return a.print(table(rows))
		})
	}
	return cmd
}

func proof(acc auth.Account) string {
	switch {
	case acc.External != "":
		return "provider"
	case acc.Password != "":
		return "password"
	}
	return "tokens"
}

func gateUserPassword(a *app, g *gateFlags) *cobra.Command {
	file := ""
	cmd := &cobra.Command{
		Use:     "password NAME",
		Short:   "Replace a password, and end the sessions",
		Long:    `Password replaces a password by that in --password-file or else by one that it makes up and prints once. All sessions of the account end; its tokens go on.`,
		Example: "  weir gate user password admin --data gate",
		Args:    exactly("a name"),
	}
	cmd.Flags().StringVar(&file, "password-file", "", "read the password from this `FILE` (one line)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		password, made, err := passwordFor(file, false)
		if err != nil {
			return err
		}
		return g.do(cmd, func(ctx context.Context, s *accounts) error {
			if err := s.SetPassword(ctx, args[0], password); err != nil || !made {
				return err
			}
			return a.print(password + "\n")
		})
	}
	return cmd
}

func gateUserGroups(_ *app, g *gateFlags) *cobra.Command {
	return &cobra.Command{
		Use:     "groups NAME [GROUP…]",
		Short:   "Set the groups of an account",
		Example: "  weir gate user groups ann fraud-team reviewers --data gate",
		Args: func(cmd *cobra.Command, args []string) error {
			return exactly("a name")(cmd, args[:min(len(args), 1)])
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return g.do(cmd, func(ctx context.Context, s *accounts) error { return s.SetGroups(ctx, args[0], args[1:]) })
		},
	}
}

func gateUserRevoke(_ *app, g *gateFlags) *cobra.Command {
	remove := false
	cmd := &cobra.Command{
		Use:   "revoke NAME",
		Short: "Shut an account out at once",
		Long: `Revoke ends the sessions of an account and refuses its password and tokens from now on. The name stays taken, so
that the audit log goes on meaning the same person; weir gate user restore undoes it. --delete removes the
account with its tokens and roles.`,
		Example: "  weir gate user revoke eve --data gate",
		Args:    exactly("a name"),
	}
	cmd.Flags().BoolVar(&remove, "delete", false, "remove the account altogether")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return g.do(cmd, func(ctx context.Context, s *accounts) error {
			if remove {
				return s.Delete(ctx, args[0])
			}
			return s.Disable(ctx, args[0])
		})
	}
	return cmd
}

func gateUserRestore(_ *app, g *gateFlags) *cobra.Command {
	return &cobra.Command{
		Use:     "restore NAME",
		Short:   "Let a revoked account in again",
		Example: "  weir gate user restore eve --data gate",
		Args:    exactly("a name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return g.do(cmd, func(ctx context.Context, s *accounts) error { return s.Enable(ctx, args[0]) })
		},
	}
}

func gateUserImport(a *app, g *gateFlags) *cobra.Command {
	var server, byDefault string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Take over users and permissions from MLflow's basic_auth.db",
		Long: `Import reads the users and permissions of MLflow's basic-auth app (2.5 to 3.17) from its SQLite file. People go on
with their passwords: each is hashed anew when it is used first. READ and USE become the role reader, EDIT
scientist (for models deployer too), MANAGE maintainer, NO_PERMISSIONS and DENY none; MLflow's admins become
admins. What default_permission in basic_auth.ini gave to everybody becomes a role of the group ` + auth.MLflowGroup + `.
MLflow lets everybody make experiments and models; here that takes the role scientist for their names.`,
		Example: "  weir gate user import basic_auth.db --default-permission READ --data gate",
		Args:    exactly("a file"),
	}
	cmd.Flags().StringVar(&byDefault, "default-permission", "READ", "`PERMISSION` that basic_auth.ini gives by default")
	cmd.Flags().StringVar(&server, "server", "", "grant for the upstream of this `NAME` only")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return g.do(cmd, func(ctx context.Context, s *accounts) error {
			users, err := sqlite.ReadBasicAuth(ctx, args[0])
			if err != nil {
				return cannotRead("database", args[0], err)
			}
			out, err := s.ImportMLflow(ctx, users, server, byDefault)
			if err != nil {
				return err
			}
			var b strings.Builder
			fmt.Fprintf(&b, "%s made, %s given\n", some(len(out.Accounts), "account"), some(out.Grants, "role"))
			for _, line := range out.Skipped {
				fmt.Fprintf(&b, "not taken over: %s\n", dash(line))
			}
			return a.print(b.String())
		})
	}
	return cmd
}
