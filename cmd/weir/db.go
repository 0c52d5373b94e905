package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/advisory"
	"weir/internal/report"
)

func newDB(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "db",
		Short:   "Build, update and inspect the advisory database",
		GroupID: "know",
		Long: `Weir knows the flaws of machine-learning packages without any file: a pack of advisories is part of the program.
A database adds what else is known (all of PyPI, Maven, npm, Go, crates.io), from the open exports of OSV.
Any command takes one with --db FILE or WEIR_DB.`,
		Args: subcommandOnly,
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	cmd.AddCommand(newDBUpdate(a), newDBStatus(a), newDBBuild(a), newDBImport(a), newDBExport(a), newDBPublish(a))
	return cmd
}

func newDBBuild(a *app) *cobra.Command {
	var output, date string
	var serial int64
	cmd := &cobra.Command{
		Use:   "build --output FILE SOURCE…",
		Short: "Make a database of zips and folders of advisories",
		Long: `Build reads advisories and writes them as one compact file. A SOURCE is a zip of OSV records (all.zip of an ecosystem,
or a delta), a folder or single file of OSV JSON or PyPA YAML, CISA's catalogue of known exploited vulnerabilities
(JSON) or FIRST's EPSS table (CSV, also .gz). Withdrawn records are left out; records about one flaw become one.`,
		Example: `  weir db build --output weir.db pypi-all.zip maven-all.zip
  weir db build --output weir.db advisory-database/vulns known_exploited_vulnerabilities.json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(fmt.Sprintf("Usage: %s", cmd.UseLine()), "%q needs at least one SOURCE", cmd.CommandPath())
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "write the database to `FILE`")
	cmd.Flags().Int64Var(&serial, "serial", 0, "number of this build for publishing; a higher one replaces a lower one")
	cmd.Flags().StringVar(&date, "date", "", "day that the data are of (`YYYY-MM-DD`), where records do not say; default: the newest record's")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if output == "" {
			return usage(fmt.Sprintf("Usage: %s", cmd.UseLine()), "%q needs --output", cmd.CommandPath())
		}
		b := advisory.NewBuilder()
		b.Serial = serial
		if date != "" {
			var err error
			if b.Date, err = time.Parse(time.DateOnly, date); err != nil {
				return usage("Write it as 2026-08-01.", "--date %q is no date", date)
			}
		}
		if err := a.addSources(b, args); err != nil {
			return err
		}
		n, err := b.WriteFile(output)
		if err != nil {
			return cannotWrite(output, err)
		}
		taken, _ := b.Count()
		return a.print(fmt.Sprintf("%s: %d records, %s\n", output, taken, report.Bytes(n)))
	}
	return cmd
}

// addSources reads sources, and says on standard error what was left out. One that cannot be read ends the work only when nothing else is there:
// missing ecosystems are said, and do not stop the others.
func (a *app) addSources(b *advisory.Builder, sources []string) error {
	failed := 0
	var first error
	for _, s := range sources {
		rep, err := b.AddSource(s)
		if err != nil {
			failed++
			first = firstOf(first, err)
			fmt.Fprintf(a.stderr, "weir: %s\n", report.Printable(err.Error()))
			continue
		}
		b.Sources = append(b.Sources, filepath.Base(s))
		if rep.Skipped+rep.Bad > 0 {
			fmt.Fprintf(a.stderr, "weir: %s: %d records taken, %d left out (withdrawn, or without version rules), %d broken\n",
				report.Printable(s), rep.Taken, rep.Skipped, rep.Bad)
		}
		for _, e := range rep.Errors {
			fmt.Fprintf(a.stderr, "  %s\n", report.Printable(e))
		}
	}
	if failed == len(sources) {
		return misconfigured("no source could be used", first)
	}
	return nil
}

func firstOf(first, next error) error {
	if first != nil {
		return first
	}
	return next
}

// dbPath is where update and import put the database.
func (a *app) dbPath() (string, error) {
	dir := a.dataFolder()
	if dir == "" {
		return "", usage("Set XDG_DATA_HOME or HOME, or name the file with --db.", "no folder for weir's data is known")
	}
	return filepath.Join(dir, databaseName), nil
}

// dbFiles are the files that are used: the one named, else WEIR_DB, else the updated one where it is.
func (a *app) dbFiles(named string) []string {
	if named == "" {
		named = a.getenv("WEIR_DB")
	}
	if named != "" {
		return []string{named}
	}
	if p, err := a.dbPath(); err == nil {
		if _, err := os.Stat(p); err == nil {
			return []string{p}
		}
	}
	return nil
}

func newDBStatus(a *app) *cobra.Command {
	var named string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say what the advisory database holds and how old it is",
		Long: `Status reads the database in whole and says for the pack inside the program and for the file in use how old they
are and what they hold. Exit code 2: the file is damaged or no database.`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&named, "db", "", "database `FILE`; default: WEIR_DB, then the one that weir db update wrote")
	cmd.RunE = func(*cobra.Command, []string) error {
		files := a.dbFiles(named)
		db, err := advisory.Open(files...)
		if err != nil {
			return misconfigured("--db", err)
		}
		defer db.Close()
		for _, f := range files {
			if err := advisory.Check(f); err != nil {
				return cannotRead("advisory database", f, err)
			}
		}
		var b strings.Builder
		for _, i := range db.Info() {
			writeInfo(&b, i, time.Now())
		}
		return a.print(b.String())
	}
	return cmd
}

func writeInfo(w io.Writer, i advisory.Info, now time.Time) {
	days := int(now.Sub(i.Date).Hours() / 24)
	fmt.Fprintf(w, "%s: %s, %d days old, %d flaws of %d packages, %s\n", report.Printable(i.File), i.Date.Format(time.DateOnly), max(days, 0), i.Records,
		i.Packages, report.Bytes(i.Bytes))
	names := make([]string, 0, len(i.Ecosystems))
	for n := range i.Ecosystems {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		fmt.Fprintf(w, "  %-8s %d\n", n, i.Ecosystems[n])
	}
	for _, n := range []string{"pypi", "maven", "npm", "golang", "cargo"} {
		if i.File != "embedded" && i.Ecosystems[n] == 0 {
			fmt.Fprintf(w, "  %-8s none\n", n)
		}
	}
	if len(i.Sources) > 0 {
		fmt.Fprintf(w, "  from %s\n", report.Printable(strings.Join(i.Sources, ", ")))
	}
}

func newDBImport(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: "Take a database that was carried here by hand",
		Long: `Import reads a database in whole and puts it where weir looks for it. A damaged or older one is refused, and the one
that is there stays.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			to, err := a.dbPath()
			if err != nil {
				return err
			}
			info, err := advisory.Install(args[0], to)
			if err != nil {
				return cannotRead("advisory database", args[0], err)
			}
			return a.print(fmt.Sprintf("%s: %d flaws of %d packages, as of %s\n", to, info.Records, info.Packages, info.Date.Format(time.DateOnly)))
		},
	}
}

func newDBExport(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "export FILE",
		Short: "Write the database in use to a file, for a machine without a network",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			files := a.dbFiles("")
			if len(files) == 0 {
				return usage("Make one with weir db update or weir db build.", "there is no advisory database beside the one in the program")
			}
			info, err := advisory.Copy(files[0], args[0])
			if err != nil {
				return cannotWrite(args[0], err)
			}
			return a.print(fmt.Sprintf("%s: %d flaws of %d packages, as of %s\n", args[0], info.Records, info.Packages, info.Date.Format(time.DateOnly)))
		},
	}
}
