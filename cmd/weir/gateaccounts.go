package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/auth"
	"weir/internal/report"
	"weir/internal/store"
	"weir/internal/store/sqlite"
)

// accounts is the store of a gate as the commands see it, whether the gate runs or not.
type accounts struct {
	*auth.Auth
	store store.Store
}

// openAccounts opens the store that --data or the configuration names, with the policies of the configuration.
func (g *gateFlags) openAccounts() (*accounts, error) {
	f, err := g.load()
	if err != nil {
		return nil, err
	}
	if err := f.dataDir(); err != nil {
		return nil, err
	}
	s, err := sqlite.Open(f.storeFile())
	if err != nil {
		return nil, misconfigured("data", err)
	}
	policies, err := f.policies()
	if err == nil {
		var u *auth.Auth
		if u, err = auth.Open(s, auth.Options{Policies: policies}); err == nil {
			return &accounts{u, s}, nil
		}
		err = misconfigured("auth", err)
	}
	return nil, errors.Join(err, s.Close())
}

// policies reads the Cedar files that the configuration names.
func (f *gateFile) policies() ([]auth.PolicyFile, error) {
	var list []auth.PolicyFile
	for _, name := range f.Auth.Policies {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, cannotRead("policy", name, err)
		}
		list = append(list, auth.PolicyFile{Name: name, Text: text})
	}
	return list, nil
}

// do runs a command over the accounts.
func (g *gateFlags) do(cmd *cobra.Command, f func(context.Context, *accounts) error) error {
	s, err := g.openAccounts()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	err = refused(f(ctx, s))
	return errors.Join(err, s.store.Close())
}

// refused makes what auth answers an error for people.
func refused(err error) error {
	var f *failure
	var e exit
	if err == nil || errors.As(err, &f) || errors.As(err, &e) {
		return err
	}
	hint := ""
	switch {
	case errors.Is(err, auth.ErrLast):
		hint = "Give the role admin to somebody else first: weir gate role add NAME admin"
	case errors.Is(err, auth.ErrNotFound):
		hint = "weir gate user list, weir gate token list and weir gate role list show what there is."
	}
	return usage(hint, "%s", err)
}

// scopeFlags bound a grant or a token.
type scopeFlags struct {
	server, kind, id, name string
	tags, actions          []string
}

func (s *scopeFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.server, "server", "", "only on the upstream of this `NAME`")
	f.StringVar(&s.kind, "type", "", "only for this `TYPE`: experiment, registered-model, frame, …")
	f.StringVar(&s.id, "id", "", "only for the thing with this `ID`")
	f.StringVar(&s.name, "name", "", "only for things whose name fits this `PATTERN`, and what is within them: fraud-*")
	f.StringArrayVar(&s.tags, "tag", nil, "only for things with the tag `KEY=VALUE`; can be given more than once")
	f.StringSliceVar(&s.actions, "action", nil, "only `ACTIONS` of read, download, write, deploy, delete, manage, predict")
}

func (s *scopeFlags) scope() (auth.Scope, error) {
	var words []string
	for _, field := range [][2]string{{"server", s.server}, {"type", s.kind}, {"id", s.id}, {"name", s.name}} {
		if field[1] != "" {
			words = append(words, field[0]+"="+field[1])
		}
	}
	for _, t := range s.tags {
		words = append(words, "tag."+t)
	}
	if len(s.actions) > 0 {
		words = append(words, "actions="+strings.Join(s.actions, ","))
	}
	scope, err := auth.ParseScope(words)
	if err != nil {
		return scope, usage("", "%s", err)
	}
	return scope, nil
}

// life reads how long a token lives: 90d, 12h, 2w, never.
func life(s string) (time.Duration, error) {
	if s == "never" {
		return 0, nil
	}
	wrong := usage("Examples: 12h, 90d, 2w, never", "--expires %q is no time", s)
	if len(s) < 2 {
		return 0, wrong
	}
	unit := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}[s[len(s)-1]]
	n, err := strconv.Atoi(s[:len(s)-1])
	if err != nil || unit == 0 || n <= 0 || n > 100*366*24*60 || time.Duration(n) > 100*366*24*time.Hour/unit {
		return 0, wrong
	}
	return time.Duration(n) * unit, nil
}

// day writes a time for lists; "-" for none.
func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return report.Printable(s)
}

// holder is how lists name whom a grant is for.
func holder(g auth.Granted) string {
	if g.Group {
		return "group " + g.To
	}
	return g.To
}

// some is "1 account", "2 accounts".
func some(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
