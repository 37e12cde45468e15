package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/fs/tree"
)

// transferFlags are what get and put have in common.
type transferFlags struct {
	recursive bool
	asJSON    bool
	pass      cli.Passphrase
}

func (f *transferFlags) register(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&f.recursive, "recursive", "r", false, "copy directories with all that is in them")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	f.pass.Register(cmd.Flags())
}

// splitDest takes the last of several arguments as the destination.
func splitDest(args []string, otherwise string) (sources []string, dest string) {
	if len(args) == 1 {
		return args, otherwise
	}
	return args[:len(args)-1], args[len(args)-1]
}

// transfer copies everything that can be copied, and fails if that was not all.
func (f *transferFlags) transfer(cmd *cobra.Command, t tree.Transfer) error {
	t.Recursive = f.recursive
	bar := &output.Progress{}
	c := &tree.Copier{
		Dst: t.Target(), Recursive: f.recursive,
		Progress: bar.Add, Failed: complain(cmd, bar),
	}
	jobs, err := t.Plan(c.Fail)
	if err != nil {
		return cli.PathFailure(cmd.Name(), t.Dest, err)
	}
	if output.IsTerminal(cmd.ErrOrStderr()) {
		total := int64(0)
		for _, j := range jobs {
			total += tree.Measure(cmd.Context(), j.Src, j.From)
		}
		*bar = *output.NewProgress(cmd.ErrOrStderr(), total)
	}
	for _, j := range jobs {
		if c.Src = j.Src; err == nil {
			err = c.Copy(cmd.Context(), j.From, j.To)
		}
	}
	bar.Clear()
	if err == nil && f.asJSON {
		err = cli.PrintJSON(cmd, c.Done)
	}
	if err == nil && c.Done.Failed > 0 {
		err = fmt.Errorf("%s: %d could not be copied", cmd.Name(), c.Done.Failed)
	}
	return err
}
