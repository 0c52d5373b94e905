package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"weir/internal/auth"
)

// maxExpectations bounds a file of expectations in bytes.
const maxExpectations = 4 << 20

func newGateTest(a *app, g *gateFlags) *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use:   "test FILE…",
		Short: "Test roles and policies against what you expect of them",
		Long: `Test reads files of expectations and says which do not hold; it exits 1 when there is one. It needs no gate: people
and their roles can stand in the file. With --data or --config the accounts of a gate are known too.

  # policies/fraud.test
  user ann fraud-team              # NAME and groups; service NAME likewise
  grant group:fraud-team scientist name=fraud-*
  grant ann viewer
  allow ann write experiment:1=fraud-2026
  deny  ann write experiment:2=churn
  deny  ann delete run:abc owner=bob in experiment:1=fraud-2026
  deny  ann read experiment:3=salaries because my-forbid`,
		Example: `  weir gate test policies/fraud.test --policy policies/fraud.cedar
  weir gate test acceptance.test --config gate.yaml`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exactly("a file")(cmd, args)
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&files, "policy", nil, "Cedar `FILE` to test; can be given more than once")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		policies, err := (&gateFile{Auth: auth.Config{Policies: files}}).policies()
		if err != nil {
			return err
		}
		if g.data == "" && g.config == "" {
			return a.expectations(args, policies, nil)
		}
		f, err := g.load()
		if err != nil {
			return err
		}
		more, err := f.policies()
		if err != nil {
			return err
		}
		return g.do(cmd, func(ctx context.Context, s *accounts) error {
			return a.expectations(args, append(policies, more...), func(name string) (auth.Principal, bool) {
				p, err := s.Named(ctx, name)
				return p, err == nil
			})
		})
	}
	return cmd
}

// expectations tests every file, tells what is not as expected, and exits 1 when there is such a thing.
func (a *app) expectations(names []string, policies []auth.PolicyFile, lookup func(string) (auth.Principal, bool)) error {
	var b strings.Builder
	held, mistaken := 0, 0
	for _, name := range names {
		text, err := readBounded(name, maxExpectations)
		if err != nil {
			return cannotRead("expectations", name, err)
		}
		list, err := auth.Expect(name, text, policies, lookup)
		if err != nil {
			return misconfigured("test", err)
		}
		for _, x := range list {
			if !x.Mistaken {
				held++
				continue
			}
			mistaken++
			fmt.Fprintf(&b, "%s:%d: %s\n    %s\n", name, x.Line, dash(x.Text), dash(outcome(x)))
		}
	}
	fmt.Fprintf(&b, "%s held, %d did not\n", some(held, "expectation"), mistaken)
	if err := a.print(b.String()); err != nil || mistaken == 0 {
		return err
	}
	return exit(1)
}

func outcome(x auth.Expectation) string {
	switch {
	case x.Got.Allow != x.Want && x.Got.Allow:
		return "it is allowed: " + x.Got.Reason
	case x.Got.Allow != x.Want:
		return "it is denied: " + x.Got.Reason
	}
	return fmt.Sprintf("it was decided by %q: %s", x.Got.Policy, x.Got.Reason)
}

// readBounded reads a file of at most limit bytes.
func readBounded(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("it is larger than %s", size(limit))
	}
	return text, err
}
