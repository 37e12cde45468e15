package main

import (
	"fmt"
	"io"
	"path"
	"time"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/listing"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/fs/tree"
)

type lsFlags struct {
	long   bool
	asJSON bool
	pass   cli.Passphrase
}

func newLsCmd() *cobra.Command {
	var f lsFlags
	cmd := &cobra.Command{
		Use:   "ls [-l] VAULT [PATH…]",
		Short: "List files in a vault",
		Long: `List files in a vault, those whose names begin with a dot included. A PATH
begins at the vault's root, which is listed if none is given.`,
		Args: cli.MinArgs("VAULT"),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0], args[1:]) },
	}
	cmd.Flags().BoolVarP(&f.long, "long", "l", false, "show mode, links, owner, size and time as well")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	f.pass.Register(cmd.Flags())
	return cmd
}

// listed is one line of ls as JSON.
type listed struct {
	Path   string    `json:"path"`
	Type   string    `json:"type"`
	Size   int64     `json:"size"`
	Mode   string    `json:"mode"`
	Mtime  time.Time `json:"mtime"`
	UID    uint32    `json:"uid"`
	GID    uint32    `json:"gid"`
	Links  uint64    `json:"links"`
	Target string    `json:"target,omitempty"`

	mode uint32
}

func (f *lsFlags) run(cmd *cobra.Command, vaultDir string, paths []string) error {
	if len(paths) == 0 {
		paths = []string{"/"}
	}
	return cli.WithVault(cmd, vaultDir, &f.pass, func(v *cli.OpenVault) error {
		all := []listed{}
		for i, p := range paths {
			list, err := f.list(v.Tree, p)
			if err != nil {
				return cli.PathFailure("ls", p, err)
			}
			all = append(all, list...)
			if f.asJSON {
				continue
			}
			if len(paths) > 1 {
				heading(cmd.OutOrStdout(), p, i)
			}
			if err := f.print(cmd.OutOrStdout(), list); err != nil {
				return err
			}
		}
		if f.asJSON {
			return cli.PrintJSON(cmd, all)
		}
		return nil
	})
}

// heading goes before the i-th of several directories.
func heading(w io.Writer, name string, i int) {
	if i > 0 {
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%s:\n", cli.QuoteName(name))
}

// list lists a directory, or describes anything else. A symlink to a directory is followed, as ls does it, except with -l.
func (f *lsFlags) list(t tree.Tree, name string) ([]listed, error) {
	clean, e, err := tree.ResolveDir(t, name)
	if err == nil && e.IsSymlink() && !f.long {
		if dir, target, err := tree.Resolve(t, clean); err == nil && target.IsDir() {
			clean, e = dir, target
		}
	}
	if err != nil {
		return nil, err
	}
	if !e.IsDir() {
		l, err := describe(t, clean, e)
		return []listed{l}, err
	}
	entries, err := t.ReadDir(clean)
	if err != nil {
		return nil, err
	}
	list := make([]listed, 0, len(entries))
	for _, e := range entries {
		l, err := describe(t, path.Join(clean, e.Name), e)
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}

func describe(t tree.Tree, name string, e tree.Entry) (l listed, err error) {
	l = listed{
		Path: "/" + name, Type: e.Kind(), Size: e.Size, Mode: fmt.Sprintf("%04o", e.Mode&0o7777), Mtime: e.Mtime,
		UID: e.UID, GID: e.GID, Links: e.Nlink, mode: e.Mode,
	}
	if e.IsSymlink() {
		l.Target, err = t.Readlink(name)
	}
	return l, err
}

// print shows names, quoted on a terminal only if they could harm it, and as they are to another program.
func (f *lsFlags) print(w io.Writer, list []listed) error {
	shown := func(name string) string { return name }
	if output.IsTerminal(w) {
		shown = cli.QuoteName
	}
	if f.long {
		return output.Table(w, "", longRows(list))
	}
	for _, l := range list {
		if _, err := fmt.Fprintln(w, shown(path.Base(l.Path))); err != nil {
			return err
		}
	}
	return nil
}

// longRows are the columns of ls -l.
func longRows(list []listed) [][]string {
	links, size := 0, 0
	for _, l := range list {
		links, size = max(links, len(fmt.Sprint(l.Links))), max(size, len(fmt.Sprint(l.Size)))
	}
	owners := listing.NewOwners()
	var rows [][]string
	for _, l := range list {
		name := cli.QuoteName(path.Base(l.Path))
		if l.Type == "symlink" {
			name += " -> " + cli.QuoteName(l.Target)
		}
		rows = append(rows, []string{
			listing.Mode(l.mode), fmt.Sprintf("%*d", links, l.Links), owners.User(l.UID), owners.Group(l.GID),
			fmt.Sprintf("%*d", size, l.Size), l.Mtime.Local().Format("2006-01-02 15:04"), name,
		})
	}
	return rows
}
