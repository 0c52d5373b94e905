package main

import (
	"embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

//go:embed jobs
var jobFiles embed.FS

// job is a scheduled run of weir that `weir init` writes.
type job struct {
	name string // of the argument
	file string // below jobs
	path string // where it belongs in the user's repository
	mode fs.FileMode
	next string // what is left to do
}

func jobs() []job {
	return []job{
		{"github", "github.yml", ".github/workflows/weir.yml", 0o644, "set the variables WEIR_URL and WEIR_SHA256 that its first lines tell of, and commit it"},
		{"gitlab", "gitlab.yml", "weir.gitlab-ci.yml", 0o644, "include it from .gitlab-ci.yml, set the variables that its first lines tell of, and add a pipeline schedule"},
		{"cron", "cron.sh", "weir-nightly.sh", 0o755, "add the line that its first lines show to crontab -e"},
	}
}

func newInit(a *app) *cobra.Command {
	var names []string
	for _, j := range jobs() {
		names = append(names, j.name)
	}
	cmd := &cobra.Command{
		Use:     "init " + strings.Join(names, "|"),
		Short:   "Write the scheduled job that updates, scans and proposes fixes",
		GroupID: "work",
		Long: `Init writes a job that runs every night: it takes the newest advisories and rules (weir db update), scans, and
brings the updates that leave no known vulnerability (weir fix) as a pull request, a merge request or a branch.
It asks for no more rights than that needs, and fetches weir only from where you say, by its digest.

  github   .github/workflows/weir.yml
  gitlab   weir.gitlab-ci.yml, to be included
  cron     weir-nightly.sh, for any other machine with a git checkout

A file that is there already is not overwritten.`,
		Example: `  weir init github
  weir init cron --output -       to standard output`,
		Args:              exactly("where the job runs (" + strings.Join(names, ", ") + ")"),
		ValidArgsFunction: complete(names...),
	}
	output := cmd.Flags().String("output", "", "write to this `FILE`; - is standard output")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		for _, j := range jobs() {
			if j.name == args[0] {
				return a.writeJob(j, *output)
			}
		}
		return usage(didYouMean(args[0], names), "%q is not a place where jobs run", args[0])
	}
	return cmd
}

func (a *app) writeJob(j job, output string) error {
	text, err := jobFiles.ReadFile("jobs/" + j.file)
	if err != nil {
		return internal(err)
	}
	if output == "-" {
		return a.print(string(text))
	}
	if output == "" {
		output = filepath.FromSlash(j.path)
	}
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		return cannotWrite(output, err)
	}
	f, err := os.OpenFile(output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, j.mode)
	if errors.Is(err, fs.ErrExist) {
		return usage("Remove it first, or name another file with --output.", "%q is there already", output)
	}
	if err != nil {
		return cannotWrite(output, err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return cannotWrite(output, err)
	}
	return a.print(output + " is written: " + j.next + "\n")
}
