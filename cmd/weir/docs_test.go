package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var updateDocs = flag.Bool("update", false, "write the generated parts of the documentation anew")

// TestConfigDocs: the table of settings in docs/config.md is made from the options themselves.
func TestConfigDocs(t *testing.T) {
	const file, mark = "../../docs/config.md", "## Settings\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(string(text), mark)
	var b strings.Builder
	b.WriteString(mark + "\nMade from the program by `go test ./cmd/weir -update`.\n\n| weir.yaml | flag | variable | default | |\n|---|---|---|---|---|\n")
	for _, o := range options() {
		flagName, def := "", fmt.Sprintf("`%v`", o.def)
		if o.flag != "" {
			flagName = "`--" + o.flag + "`"
		}
		if def == "``" || def == "`[]`" {
			def = ""
		}
		doc := o.doc
		if o.kind == kindWord {
			doc += " (" + strings.Join(o.words, ", ") + ")"
		}
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %s | %s |\n", o.key, flagName, o.env(), def, doc)
	}
	b.WriteString("\n`jobs: 0` means one for each processor. Lists in variables are separated by commas. `WEIR_CONFIG` names the configuration file.\n")
	want := before + b.String()
	if *updateDocs {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Errorf("%s is not what the program says; go test ./cmd/weir -update writes it anew", file)
	}
}
