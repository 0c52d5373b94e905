package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"weir"
	"weir/internal/catalog"
)

// version is set by release builds: -ldflags "-X main.version=1.2.3".
var version = ""

func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

// tool is how reports name this program.
func tool() weir.Tool {
	return weir.Tool{Name: "weir", Version: versionText(), Rules: len(catalog.Rules())}
}

// versionLine is what weir version and weir --version say.
func versionLine() string {
	return fmt.Sprintf("weir %s (%d rules, %d formats, report schema %s, %s, %s/%s)\n",
		versionText(), len(catalog.Rules()), len(catalog.Formats()), weir.Schema, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func newVersion(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Say which weir this is",
		GroupID: "other",
		Long:    `Version prints the version, the number of rules and formats, and the platform that this weir was built for.`,
		Example: `  weir version
  weir version --format json`,
		Args: exactly(),
	}
	format := listFormat(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		info := struct {
			weir.Tool
			Formats  int    `json:"formats"`
			Schema   string `json:"schema"`
			Go       string `json:"go"`
			Platform string `json:"platform"`
		}{tool(), len(catalog.Formats()), weir.Schema, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
		if asJSON, err := format(); err != nil || asJSON {
			return a.printJSON(info, err)
		}
		return a.print(versionLine())
	}
	return cmd
}
