package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/advisory/mirror"
	"weir/internal/report"
)

func newDBUpdate(a *app) *cobra.Command {
	var o mirror.Options
	var quiet bool
	cmd := &cobra.Command{
		Use:   "update",
		Short: "Bring the advisory database up to date",
		Long: `Update brings advisories and puts them where every command looks for them ($XDG_DATA_HOME/weir/advisories.db). Without
--from they come from OSV's public export, over TLS; this is the only command that goes to the network by itself.
--from takes a signed repository of your own (weir db publish), a mirror of OSV's export, or a file or folder.

A signed repository is trusted by its root, which is named once with --root; from then on a version that is older
than one seen before is refused, and so is a repository that nobody has signed anew in time. Downloads that were
interrupted go on where they stopped. Until the new database is whole and checked, the old one stays.

Proxies are taken from HTTPS_PROXY, HTTP_PROXY and NO_PROXY.`,
		Example: `  weir db update
  weir db update --ecosystems pypi,maven
  weir db update --from https://advisories.example.org --root root.json
  weir db update --from /mnt/carried/osv`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&o.From, "from", "", "where from: a `URL`, folder or file; default: OSV's public export")
	f.StringVar(&o.Root, "root", "", "root of a signed repository, a `FILE` that its publisher handed out; needed the first time")
	f.StringSliceVar(&o.Ecosystems, "ecosystems", nil, "only these of an export: pypi, maven, npm, golang, cargo")
	f.StringVar(&o.To, "db", "", "write the database to `FILE` instead")
	f.BoolVarP(&quiet, "quiet", "q", false, "no progress")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		place, err := a.dbPath()
		if err != nil {
			return err
		}
		if o.To == "" {
			o.To = place
		}
		o.Trust = filepath.Join(filepath.Dir(place), "trust")
		o.Cache = a.cachePath(filepath.Dir(place))
		o.Now = time.Now()
		o.Note = func(s string) { fmt.Fprintf(a.stderr, "weir: %s\n", report.Printable(s)) }
		if !quiet && terminal(a.stderr) > 0 {
			o.Client.Progress = a.downloadProgress()
		}
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		info, err := mirror.Update(ctx, o)
		if o.Client.Progress != nil {
			fmt.Fprint(a.stderr, "\r\x1b[K")
		}
		if err != nil {
			return notUpdated(err)
		}
		return a.print(fmt.Sprintf("%s: %d flaws of %d packages, as of %s\n", o.To, info.Records, info.Packages, info.Date.Format(time.DateOnly)))
	}
	return cmd
}

// cachePath is where interrupted downloads wait: $XDG_CACHE_HOME/weir/osv, or beside the data.
func (a *app) cachePath(data string) string {
	if dir := a.getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "weir", "osv")
	}
	if home := a.getenv("HOME"); home != "" {
		return filepath.Join(home, ".cache", "weir", "osv")
	}
	return filepath.Join(data, "cache")
}

// downloadProgress writes one line over and over.
func (a *app) downloadProgress() func(name string, done, all int64) {
	var last time.Time
	return func(name string, done, all int64) {
		if time.Since(last) < progressEvery && done != all {
			return
		}
		last = time.Now()
		of := ""
		if all > 0 {
			of = " of " + report.Bytes(all)
		}
		fmt.Fprintf(a.stderr, "\r\x1b[K%s: %s%s", report.Printable(name), report.Bytes(done), of)
	}
}

// notUpdated says that the old database stays, and what to do.
func notUpdated(err error) error {
	hint := "The database that was there stays in use."
	switch {
	case errors.Is(err, mirror.ErrExpired):
		hint += "\nAsk the publisher to sign the repository anew (weir db publish)."
	case errors.Is(err, mirror.ErrRollback), errors.Is(err, mirror.ErrSignature):
		hint += "\nSomebody may be handing out old or foreign files in the repository's place."
	}
	return usage(hint, "no update: %v", err)
}

func newDBPublish(a *app) *cobra.Command {
	var p mirror.Publication
	cmd := &cobra.Command{
		Use:   "publish --keys FOLDER REPOSITORY [DATABASE]",
		Short: "Make or renew a signed repository of advisories for your organisation",
		Long: `Publish puts a database into a folder that any web server can hand out, and signs it: root names the keys, targets
names the database by length and SHA-256, timestamp says what is newest and ends soon, so that nobody can serve old
advisories for long. Without a DATABASE the one that is there is signed anew; run that daily.

The keys are made on the first run. Keep root.pem away from the machine that signs daily once the repository stands;
hand 1.root.json to the clients by a way that they trust (weir db update --root).`,
		Example: `  weir db build --output weir.db pypi-all.zip maven-all.zip
  weir db publish --keys keys /srv/advisories weir.db
  weir db publish --keys keys /srv/advisories`,
		Args: cobra.RangeArgs(1, 2),
	}
	cmd.Flags().StringVar(&p.Keys, "keys", "", "`FOLDER` of the private keys")
	cmd.Flags().DurationVar(&p.Valid, "valid", 7*24*time.Hour, "how long the timestamp is good for")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if p.Keys == "" {
			return usage(fmt.Sprintf("Usage: %s", cmd.UseLine()), "%q needs --keys", cmd.CommandPath())
		}
		if p.Valid < time.Minute || p.Valid > 366*24*time.Hour {
			return usage("Give a time from a minute to a year.", "--valid %s", p.Valid)
		}
		p.Folder, p.Now = args[0], time.Now()
		if len(args) > 1 {
			p.Database = args[1]
		}
		if err := mirror.Publish(p); err != nil {
			return misconfigured("nothing was published", err)
		}
		return a.print(fmt.Sprintf("%s: published, good until %s\n", p.Folder, p.Now.Add(p.Valid).UTC().Format(time.RFC3339)))
	}
	return cmd
}
