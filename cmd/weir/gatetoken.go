package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"weir/internal/auth"
)

func newGateToken(a *app, g *gateFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Manage API tokens",
		Long: `Token manages what programs show instead of a password: MLFLOW_TRACKING_TOKEN, or the password of clients that know
only that. A token begins with weir_ and its identifier, so that it is recognised where it should not lie; only its hash is kept.`,
		Args: subcommandOnly,
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	cmd.AddCommand(gateTokenAdd(a, g), gateTokenList(a, g), gateTokenRevoke(a, g))
	return cmd
}

func gateTokenAdd(a *app, g *gateFlags) *cobra.Command {
	var s scopeFlags
	var expires, note string
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Make a token for an account, and print it once",
		Long: `Add makes a token and prints it: it cannot be read again. A token may do what its account may; the flags for a scope
narrow that and never widen it.`,
		Example: `  weir gate token add ci --expires 90d --data gate
  weir gate token add ci --expires 12h --name 'fraud-*' --action read,download --data gate`,
		Args: exactly("a name"),
	}
	cmd.Flags().StringVar(&expires, "expires", "90d", "how long it lives (`TIME`: 12h, 90d, 2w, never)")
	cmd.Flags().StringVar(&note, "note", "", "what it is for (`TEXT`)")
	s.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		d, err := life(expires)
		if err != nil {
			return err
		}
		scope, err := s.scope()
		if err != nil {
			return err
		}
		var scopes []auth.Scope
		if scope.String() != (auth.Scope{}).String() {
			scopes = []auth.Scope{scope}
		}
		return g.do(cmd, func(ctx context.Context, s *accounts) error {
			shown, _, err := s.NewToken(ctx, args[0], note, d, scopes)
			if err != nil {
				return err
			}
			return a.print(shown + "\n")
		})
	}
	return cmd
}

func gateTokenList(a *app, g *gateFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list [NAME]",
		Short:   "List tokens, of one account or of all",
		Example: "  weir gate token list --data gate",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return nil
			}
			return exactly()(cmd, args)
		},
	}
	format := listFormat(cmd)
	type info struct {
		ID      string   `json:"id"`
		Account string   `json:"account"`
		Scopes  []string `json:"scopes"`
		Created string   `json:"created"`
		Expires string   `json:"expires"`
		Used    string   `json:"used"`
		Revoked string   `json:"revoked"`
		Note    string   `json:"note"`
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return g.do(cmd, func(ctx context.Context, s *accounts) error {
			tokens, err := s.Tokens(ctx, strings.Join(args, ""))
			if err != nil {
				return err
			}
			list := []info{}
			rows := [][]string{{"TOKEN", "ACCOUNT", "CREATED", "EXPIRES", "LAST USED", "REVOKED", "SCOPE", "NOTE"}}
			for _, t := range tokens {
				i := info{"weir_" + t.ID, t.Account, []string{}, day(t.Created), day(t.Expires), day(t.Used), day(t.Revoked), t.Note}
				for _, c := range t.Scopes {
					i.Scopes = append(i.Scopes, c.String())
				}
				list = append(list, i)
				rows = append(rows, []string{i.ID, i.Account, i.Created, i.Expires, i.Used, i.Revoked, dash(strings.Join(i.Scopes, "; ")), dash(i.Note)})
			}
			if asJSON, err := format(); err != nil || asJSON {
				return a.printJSON(list, err)
			}
			return a.print(table(rows))
		})
	}
	return cmd
}

func gateTokenRevoke(_ *app, g *gateFlags) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke TOKEN",
		Short:   "End a token, named by weir_ID or by itself",
		Example: "  weir gate token revoke weir_k3bq7c2mzt4a --data gate",
		Args:    exactly("a token"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return g.do(cmd, func(ctx context.Context, s *accounts) error { return s.RevokeToken(ctx, args[0]) })
		},
	}
}
