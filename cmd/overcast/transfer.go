package main

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/spf13/cobra"
)

// transferFlags are what get and put have in common.
type transferFlags struct {
	recursive bool
	asJSON    bool
	pass      passphraseFlags
}

func (f *transferFlags) register(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&f.recursive, "recursive", "r", false, "copy directories with all that is in them")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	f.pass.register(cmd.Flags())
}

// transfer is what get or put was asked to copy, as the user typed it.
type transfer struct {
	src, dst side
	sources  []string
	dest     string
}

// splitDest takes the last of several arguments as the destination.
func splitDest(args []string, otherwise string) (sources []string, dest string) {
	if len(args) == 1 {
		return args, otherwise
	}
	return args[:len(args)-1], args[len(args)-1]
}

// job is one name to copy, as the trees know it.
type job struct {
	src      tree
	from, to string
}

// transfer copies everything that can be copied, and fails if that was not all.
func (f *transferFlags) transfer(cmd *cobra.Command, t transfer) error {
	c := &copier{
		dst: t.dst.files(), recursive: f.recursive, bar: &progress{},
		failed: func(name string, err error) {
			fmt.Fprintf(cmd.ErrOrStderr(), "overcast: %s\n", printable(pathFailure(cmd.Name(), name, err).Error()))
		},
	}
	jobs, err := t.plan(f.recursive, c.fail)
	if err != nil {
		return pathFailure(cmd.Name(), t.dest, err)
	}
	if isTerminal(cmd.ErrOrStderr()) {
		total := int64(0)
		for _, j := range jobs {
			total += measure(cmd.Context(), j.src, j.from)
		}
		c.bar = newProgress(cmd.ErrOrStderr(), total)
	}
	for _, j := range jobs {
		if c.src = j.src; err == nil {
			err = c.copy(cmd.Context(), j.from, j.to)
		}
	}
	c.bar.clear()
	if err == nil && f.asJSON {
		err = printJSON(cmd, c.done)
	}
	if err == nil && c.done.Failed > 0 {
		err = fmt.Errorf("%s: %d could not be copied", cmd.Name(), c.done.Failed)
	}
	return err
}

// plan turns what the user typed into jobs. A source that cannot be copied is told to failed; only an impossible
// destination is an error.
func (t transfer) plan(recursive bool, failed func(string, error)) (jobs []job, err error) {
	where, e, err := t.dst.find(t.dest, true)
	intoDir := err == nil && e.isDir()
	if !intoDir {
		where = t.dst.clean(t.dest)
	}
	if !intoDir && (len(t.sources) > 1 || strings.HasSuffix(t.dest, "/")) {
		return nil, errors.New("is no directory")
	}
	for _, typed := range t.sources {
		j, err := t.src.job(typed, recursive)
		base := t.src.base(typed)
		switch {
		case err != nil:
			failed(typed, err)
			continue
		case intoDir && base == "-":
			failed(typed, errors.New("standard input needs a name to be copied to"))
			continue
		case intoDir:
			j.to = path.Join(where, base)
		default:
			j.to = where
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}
