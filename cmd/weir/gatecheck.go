package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"weir/internal/gateway/attack"
)

// checkFlags are what `weir gate check` is told.
type checkFlags struct {
	kind, tokenFile, user, experiment string
	verbose, uploads                  bool
}

func newGateCheck(a *app) *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check URL",
		Short: "Attack one's own gate or server, harmlessly, and say what got through",
		Long: `Check makes the harmless form of the recorded attacks against the server at URL: requests for which the real
attack's answer differs from a refusal, without its effect. It reads no more than /etc/hosts, creates nothing that it
cannot remove, and leaves nothing behind; a server's log and a gate's audit log will show it. Only attack what is yours.

Each attack is made without an account, and again with the account whose token is in --token-file or in WEIR_GATE_TOKEN:
take an ordinary one. Exit code 1 says that something got through.

With --uploads the harmless samples of malicious models that "weir lab" makes are uploaded to an MLflow too, with the account if there is one: what
comes back again was let in. They are removed afterwards, where the account may delete files; the run and the experiment that they were put
into stay among what MLflow calls deleted, until "mlflow gc".`,
		Example: `  weir gate check http://127.0.0.1:5000                       a bare MLflow: much gets through
  weir gate check https://gate.example.org --kind mlflow --token-file token`,
		Args: exactly("a URL"),
	}
	cmd.Flags().StringVar(&f.kind, "kind", "", "what that server is: mlflow or h2o (asked, where it answers strangers)")
	cmd.Flags().StringVar(&f.tokenFile, "token-file", "", "`FILE` with the token of an ordinary account")
	cmd.Flags().StringVar(&f.user, "user", "", "send it as the password of this `NAME` (HTTP Basic) instead of as a bearer token")
	cmd.Flags().BoolVar(&f.uploads, "uploads", false, "upload samples of malicious models too, and remove them")
	cmd.Flags().StringVar(&f.experiment, "experiment", "", "upload them into a new run of the experiment with this `ID`, where the account may make none")
	cmd.Flags().BoolVar(&f.verbose, "all", false, "list what was stopped too")
	format := listFormat(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		asJSON, err := format()
		if err != nil {
			return err
		}
		u, err := url.Parse(args[0])
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return usage("Example: weir gate check http://127.0.0.1:5001", "%q is no address of a server", args[0])
		}
		ctx := cmd.Context()
		if ctx == nil {
			ctx = context.Background()
		}
		return a.checkGate(ctx, strings.TrimRight(u.String(), "/"), f, asJSON)
	}
	return cmd
}

// authorization is the header of the account that check attacks with; empty: none was given.
func (f checkFlags) authorization(a *app) (string, error) {
	token := a.getenv("WEIR_GATE_TOKEN")
	if f.tokenFile != "" {
		var err error
		if token, err = secretFile(f.tokenFile); err != nil {
			return "", misconfigured("token-file", err)
		}
	}
	switch {
	case token == "":
		if f.user != "" {
			return "", usage("Give the token with --token-file or WEIR_GATE_TOKEN.", "--user needs a token")
		}
		return "", nil
	case f.user != "":
		return attack.Basic(f.user, token), nil
	}
	return "Bearer " + token, nil
}

// checked is what became of one attack, as JSON shows it too: stopped, through, unanswered, or empty when it was not made.
type checked struct {
	Attack  string   `json:"attack"`
	CVE     []string `json:"cve"`
	Doc     string   `json:"doc"`
	Without string   `json:"without-account"`
	With    string   `json:"with-account"`
}

func (a *app) checkGate(ctx context.Context, address string, f checkFlags, asJSON bool) error {
	auth, err := f.authorization(a)
	if err != nil {
		return err
	}
	suite, err := checkSuite(ctx, address, auth, f.kind)
	if err != nil {
		return err
	}
	list := []checked{}
	through, unanswered := 0, 0
	for _, at := range suite {
		c := checked{Attack: at.ID, CVE: append([]string{}, at.CVE...), Doc: at.Doc}
		if c.Without, err = checkOnce(ctx, at, address, ""); err == nil && auth != "" {
			c.With, err = checkOnce(ctx, at, address, auth)
		}
		if err != nil {
			return err
		}
		if c.Without == "through" || c.With == "through" {
			through++
		} else if c.Without == "unanswered" || c.With == "unanswered" {
			unanswered++
		}
		list = append(list, c)
	}
	why := ""
	if f.uploads {
		var rows []checked
		if rows, why, err = checkUploads(ctx, address, auth, f.experiment, suite); err != nil {
			return err
		}
		for _, c := range rows {
			if c.Without == "through" || c.With == "through" {
				through++
			}
		}
		list = append(list, rows...)
	}
	if unanswered == len(list) {
		return missing(address, "nothing answers there")
	}
	if asJSON {
		err = a.printJSON(list, nil)
	} else {
		err = a.print(checkTable(list, f.verbose, auth != "", through))
	}
	switch {
	case err != nil:
		return err
	case through > 0:
		return exit(1)
	case why != "":
		return usage("Give the token of an account that may write, or --experiment with one that it may write to.", "uploads were not checked: %s", why)
	}
	return nil
}

// checkSuite picks the attacks that have a harmless form, for what the server is.
func checkSuite(ctx context.Context, address, auth, kind string) ([]*attack.Attack, error) {
	if kind == "" {
		if kind = attack.Recognise(ctx, address, auth); kind == "" {
			return nil, usage("Say it with --kind mlflow or --kind h2o.", "what the server at %s is cannot be told from its answers", address)
		}
	}
	var all []*attack.Attack
	switch kind {
	case "mlflow":
		all = attack.MLflow()
	case "h2o":
		all = attack.H2O()
	default:
		return nil, usage(didYouMean(kind, []string{"mlflow", "h2o"}), "there are no attacks against a %q", kind)
	}
	return slices.DeleteFunc(all, func(at *attack.Attack) bool { return !at.Harmless() }), nil
}

func checkOnce(ctx context.Context, at *attack.Attack, address, auth string) (string, error) {
	r, err := attack.Run(ctx, at, &attack.Target{URL: address, Auth: auth})
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil:
		return "", err
	case err != nil, r.Steps == 0:
		return "unanswered", nil
	case r.Worked:
		return "through", nil
	}
	return "stopped", nil
}

func checkTable(list []checked, everything, account bool, through int) string {
	rows := [][]string{{"ATTACK", "WITHOUT ACCOUNT", "WITH ACCOUNT", "WHAT IT DOES"}}
	word := map[string]string{"through": "GOT THROUGH", "": "-"}
	for _, c := range list {
		if !everything && c.Without != "through" && c.With != "through" {
			continue
		}
		row := []string{c.Attack}
		for _, s := range []string{c.Without, c.With} {
			if w := word[s]; w != "" {
				s = w
			}
			row = append(row, s)
		}
		does := c.Doc
		if len(c.CVE) > 0 {
			does += " (" + strings.Join(c.CVE, ", ") + ")"
		}
		rows = append(rows, append(row, does))
	}
	var b strings.Builder
	if len(rows) > 1 {
		b.WriteString(table(rows) + "\n")
	}
	fmt.Fprintf(&b, "%d attacks made, %d got through, %d were stopped\n", len(list), through, len(list)-through)
	if !account {
		b.WriteString("No account was tried: give the token of an ordinary one with --token-file to see what it could do.\n")
	}
	return b.String()
}
