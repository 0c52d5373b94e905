package main

import "github.com/spf13/cobra"

// newWorker is the process that scan starts of itself to parse in; it is of no use to people.
func newWorker(_ *app) *cobra.Command {
	return &cobra.Command{
		Use:    "worker",
		Short:  "Parse what the parent process sends (internal)",
		Hidden: true,
		Args:   exactly(),
		RunE: func(*cobra.Command, []string) error {
			if err := serveWorker(); err != nil {
				return internal(err)
			}
			return nil
		},
	}
}
