package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"weir/internal/lab"
)

func newLab(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "lab",
		Short:   "Harmless samples of the real attacks, to test a pipeline with",
		GroupID: "work",
		Long: `Lab makes test models that do something harmless when they are loaded: what the EICAR file is for virus
scanners. With one of them a team proves that its pipeline blocks.`,
		Args: subcommandOnly,
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	var kinds []string
	var rows [][]string
	for _, s := range lab.Samples() {
		kinds = append(kinds, s.Kind)
		rows = append(rows, []string{"  " + s.Kind, s.File, s.Doc})
	}
	sample := &cobra.Command{
		Use:   "sample KIND",
		Short: "Write one of the samples, or all",
		Long: `Sample writes a test model into the working directory and prints its name and digest. The same kind always gives
the same bytes. Loading one runs a shell command that prints a line (echo), or writes a file of its own name;
nothing else happens.

Kinds (all writes every one):
` + strings.TrimRight(table(rows), "\n"),
		Example: `  weir lab sample pickle && weir scan weir-sample.pkl    must end with exit code 1
  weir lab sample all --output-dir samples
  weir lab sample torch --output -                       to standard output`,
		Args:              exactly("a KIND (" + strings.Join(kinds, ", ") + ", all)"),
		ValidArgsFunction: complete(append(kinds, "all")...),
	}
	output := sample.Flags().String("output", "", "write to this `FILE`; - is standard output")
	dir := sample.Flags().String("output-dir", ".", "write into this `FOLDER`")
	cmd.AddCommand(sample)
	sample.RunE = func(_ *cobra.Command, args []string) error {
		found := false
		for _, s := range lab.Samples() {
			if args[0] != s.Kind && args[0] != "all" {
				continue
			}
			found = true
			if err := a.sample(s, args[0], *output, *dir); err != nil {
				return err
			}
		}
		if !found {
			return usage(didYouMean(args[0], kinds), "%q is not a kind of sample", args[0])
		}
		return nil
	}
	return cmd
}

func (a *app) sample(s lab.Sample, kind, output, dir string) error {
	data := s.Make()
	switch {
	case output != "" && kind == "all":
		return usage("--output-dir names a folder for them.", "all samples cannot go to one file")
	case output == "-":
		return a.print(string(data))
	case output == "":
		output = filepath.Join(dir, s.File)
	}
	if err := writeNew(output, data); err != nil {
		return cannotWrite(output, err)
	}
	return a.print(fmt.Sprintf("%x  %s\n", sha256.Sum256(data), output))
}

// writeNew writes a file that is not there yet; one with the same content is as good.
func writeNew(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		if old, readErr := os.ReadFile(name); readErr == nil && bytes.Equal(old, data) {
			return nil
		}
		return errors.New("there is another file of that name")
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
