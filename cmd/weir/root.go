package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// run executes one command line and gives its exit code.
func run(a *app, args []string) (code int) {
	defer func() {
		if p := recover(); p != nil {
			code = fail(a.stderr, internal(fmt.Errorf("%v", p)))
			a.stderr.Write(debug.Stack())
		}
	}()
	if len(args) == 1 && args[0] == workerArg { // before anything else: workers must start quickly
		if err := serveWorker(); err != nil {
			return fail(a.stderr, internal(err))
		}
		return exitOK
	}
	a.frugal()
	slog.SetDefault(slog.New(&handler{w: a.stderr, level: slog.LevelWarn}))
	ignoreBrokenPipe()
	help := &helpWriter{w: &pipeWriter{w: a.stdout}}
	root := newRoot(a, help)
	root.SetArgs(args)
	err := root.Execute()
	if err == nil {
		err = help.err
	}
	return fail(a.stderr, err)
}

// newRoot makes all commands. out is for what the command library writes by itself.
func newRoot(a *app, out io.Writer) *cobra.Command {
	cobra.EnableCommandSorting = false // the order is that of importance
	root := &cobra.Command{
		Use:   "weir",
		Short: "Scan machine-learning models before anything runs",
		Long: `weir reads machine-learning models as an attacker would have written them and says which would run code
when loaded, what that code would do, and what to do about it. It executes nothing of what it examines
and sends nothing anywhere.`,
		Example: `  weir scan models                       look at a folder of models
  weir scan model.pt --trace             see what loading one would do, line by line
  weir scan . --output sarif=weir.sarif  for a code-scanning service
  weir explain pickle/code-execution     what a finding means and how to fix it`,
		Version:           versionText(),
		Args:              rootArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
	}
	root.SetIn(a.stdin)
	root.SetOut(out)
	root.SetErr(a.stderr)
	root.AddGroup(&cobra.Group{ID: "work", Title: "Commands"}, &cobra.Group{ID: "know", Title: "What weir knows"}, &cobra.Group{ID: "other", Title: "Others"})
	root.AddCommand(newScan(a), newFix(a), newInspect(a), newReport(a), newGate(a), newExplain(a), newRules(a), newFormats(a), newDB(a), newConfig(a), newLab(a), newInit(a), newHarden(a), newAudit(a), newVersion(a))
	root.SetHelpCommandGroupID("other")
	root.SetCompletionCommandGroupID("other")
	root.SetFlagErrorFunc(flagError)
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpTemplate(helpTemplate)
	root.SetVersionTemplate("{{versionLine}}")
	root.SetHelpCommand(newHelp(root))
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	cobra.AddTemplateFunc("versionLine", versionLine) // made when it is asked for only
	cobra.AddTemplateFunc("flags", func(f *pflag.FlagSet) string { return strings.TrimRight(f.FlagUsagesWrapped(100), "\n") })
	return root
}

// newHelp is cobra's help command, but for what it is asked for and does not know.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		GroupID: "other",
		Short:   "Tell more about a command",
		Long:    "Help tells everything about one command: what it does, its flags, and examples.",
		Example: "  weir help scan\n  weir help lab sample",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return commandNames(root), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				word := args[len(args)-1]
				return usage(didYouMean(word, commandNames(root)), "there is no help about %q", word)
			}
			c.InitDefaultHelpFlag()
			return c.Help()
		},
	}
}

func commandNames(c *cobra.Command) []string {
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return names
}

const helpTemplate = `{{with or .Long .Short}}{{. | trimTrailingWhitespaces}}

{{end}}{{.UsageString}}`

const usageTemplate = `Usage
{{if .Runnable}}  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMAND{{end}}
{{- if .HasExample}}

Examples
{{.Example}}{{end}}
{{- $cmds := .Commands}}{{if .HasAvailableSubCommands}}{{if eq (len .Groups) 0}}

Commands{{range $cmds}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{else}}{{range $group := .Groups}}

{{.Title}}{{range $cmds}}{{if (and (eq .GroupID $group.ID) (or .IsAvailableCommand (eq .Name "help")))}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{end}}{{end}}
{{- if .HasAvailableLocalFlags}}

Flags
{{flags .LocalFlags}}{{end}}
{{- if .HasAvailableSubCommands}}

{{.CommandPath}} help COMMAND tells more about each.{{end}}
`

// rootArgs refuses what is not a command; a file's name there most likely means a scan.
func rootArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := didYouMean(args[0], commandNames(cmd))
	if _, err := os.Lstat(args[0]); hint == "" && err == nil {
		hint = fmt.Sprintf("To look at a file or folder: weir scan %s", args[0])
	}
	if hint == "" {
		hint = "weir help lists the commands."
	}
	return usage(hint, "%q is not a command", args[0])
}

// subcommandOnly is for commands that only hold others.
func subcommandOnly(cmd *cobra.Command, args []string) error {
	names := commandNames(cmd)
	if len(args) > 0 {
		return usage(didYouMean(args[0], names), "%q is not a command of %q", args[0], cmd.CommandPath())
	}
	return usage(fmt.Sprintf("One of: %s", strings.Join(names, ", ")), "%q needs a command", cmd.CommandPath())
}

// flagError turns the flag library's errors into ours, with the flag that was most likely meant.
func flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	help := fmt.Sprintf("%s --help lists the flags.", cmd.CommandPath())
	name, ok := strings.CutPrefix(text, "unknown flag: --")
	if !ok {
		return usage(help, "%s", text)
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if c := closest(name, names); c != "" {
		help = fmt.Sprintf("Did you mean --%s?", c)
	}
	return usage(help, "%q has no flag --%s", cmd.CommandPath(), name)
}

// exactly is cobra.ExactArgs with an error of ours.
func exactly(what ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(what):
			return usage(fmt.Sprintf("Usage: %s", cmd.UseLine()), "%q needs %s", cmd.CommandPath(), strings.Join(what[len(args):], " and "))
		case len(args) > len(what):
			return usage(fmt.Sprintf("Usage: %s", cmd.UseLine()), "%q does not take %q", cmd.CommandPath(), args[len(what)])
		}
		return nil
	}
}

// complete offers a fixed list to the shell.
func complete(words ...string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return slices.Clone(words), cobra.ShellCompDirectiveNoFileComp
	}
}
