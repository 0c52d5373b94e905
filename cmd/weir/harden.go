package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"weir/internal/harden"
)

func newHarden(a *app) *cobra.Command {
	kinds := harden.Kinds()
	cmd := &cobra.Command{
		Use:     "harden " + strings.Join(kinds, "|") + " [flags] -- COMMAND …",
		Short:   "Write how to serve a model with nothing but what it needs",
		GroupID: "work",
		Long: `Harden writes a Dockerfile stage, a compose service or a Kubernetes pod for a command that serves models: another
user than root, a read-only root, no capabilities, no new privileges, a filter of system calls of its own
(seccomp.json), bounds of memory, processors, processes and disk, and no way out to the network.

  docker       Dockerfile: a stage on top of your image, and the flags to run it with
  compose      compose.yaml: one service in an internal network
  kubernetes   pod.yaml: a pod that the "restricted" profile admits, and a network policy

It writes into a folder, over nothing that is there, and starts nothing.`,
		Example: `  weir harden docker --image my/server@sha256:… -- mlflow models serve -m /models/iris --host 0.0.0.0 --port 8080
  weir harden kubernetes --image my/server:1 --memory 8192 --output deploy -- python3 serve.py`,
		ValidArgsFunction: complete(kinds...),
	}
	s := harden.Service{}
	f := cmd.Flags()
	f.StringVar(&s.Image, "image", "", "the `IMAGE` that holds the command; by digest it cannot be exchanged")
	f.StringVar(&s.Name, "name", "model-server", "name of the service or pod")
	f.IntVar(&s.Port, "port", 8080, "port on which the command listens")
	f.StringVar(&s.Models, "models", "/models", "`FOLDER` inside that holds the models, read-only")
	f.Int64Var(&s.Memory, "memory", 4096, "memory in `MIB`")
	f.Float64Var(&s.CPUs, "cpus", 2, "processors")
	f.IntVar(&s.Processes, "processes", 512, "processes and threads at once")
	f.Int64Var(&s.Scratch, "scratch", 256, "what /tmp may hold, in `MIB`; it counts as memory")
	output := f.String("output", "hardened", "`FOLDER` to write into")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if dash := cmd.ArgsLenAtDash(); len(args) == 0 || dash > 1 || dash < 0 && len(args) > 1 || dash == 0 {
			return usage("Write the command after two hyphens: weir harden docker --image IMAGE -- COMMAND", "harden needs one of %s, and then the command", strings.Join(kinds, ", "))
		}
		if s.Image == "" {
			return usage("Name the image that holds the command with --image.", "there is no image")
		}
		s.Command = args[1:]
		files, err := harden.Write(args[0], s)
		if err != nil {
			return usage("See weir help harden.", "%v", err)
		}
		return a.writeHardened(*output, files, s)
	}
	return cmd
}

func (a *app) writeHardened(dir string, files []harden.File, s harden.Service) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return cannotWrite(dir, err)
	}
	for _, f := range files { // none is written when one is there
		if _, err := os.Lstat(filepath.Join(dir, f.Name)); !errors.Is(err, fs.ErrNotExist) {
			return usage("Remove it first, or name another folder with --output.", "%q is there already", filepath.Join(dir, f.Name))
		}
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		w, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return cannotWrite(path, err)
		}
		_, err = w.Write(f.Text)
		if err = errors.Join(err, w.Close()); err != nil {
			return cannotWrite(path, err)
		}
		if err := a.print(path + "\n"); err != nil {
			return err
		}
	}
	if !s.Pinned() {
		return a.print("the image is named by a tag, which can come to mean another one: name it by its digest (…@sha256:…)\n")
	}
	return nil
}
