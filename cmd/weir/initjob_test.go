package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// TestJobs: what `weir init` writes is YAML that its service reads, and every command of weir in it is one that there is, with flags that it has.
func TestJobs(t *testing.T) {
	root := newRoot(&app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, today: time.Now}, io.Discard)
	for _, j := range jobs() {
		text, err := jobFiles.ReadFile("jobs/" + j.file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(j.file, ".yml") {
			var doc map[string]any
			if err := yaml.Unmarshal(text, &doc); err != nil || len(doc) == 0 {
				t.Errorf("%s is no YAML: %v", j.file, err)
			}
		}
		commands := 0
		for line := range strings.Lines(string(text)) {
			line = strings.TrimPrefix(strings.TrimSpace(line), "- ")
			line = strings.TrimPrefix(strings.TrimPrefix(line, "run: "), "code=0; ")
			if !strings.HasPrefix(line, "weir ") {
				continue
			}
			commands++
			line, _, _ = strings.Cut(line, " ||")
			c, rest, err := root.Find(strings.Fields(line)[1:])
			if err != nil || c == root {
				t.Errorf("%s: %q is no command: %v", j.file, line, err)
				continue
			}
			for _, word := range rest {
				if name, _, _ := strings.Cut(strings.TrimPrefix(word, "--"), "="); strings.HasPrefix(word, "--") && c.Flags().Lookup(name) == nil {
					t.Errorf("%s: %q has no flag %s", j.file, line, word)
				}
			}
		}
		if commands < 3 {
			t.Errorf("%s: %d commands of weir, want db update, scan and fix", j.file, commands)
		}
	}
}
