// Package helper is what mount(8) and umount(8) run for a filesystem of the type fuse.overcast: this program, under the name
// of a link to it. It translates their words into those of the commands mount and unmount, and the exit codes back.
package helper

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/overcast-fs/overcast/fs/mount"
)

// The names that mount(8) and umount(8) look for in /sbin.
const (
	Mount   = "mount.fuse.overcast"
	Unmount = "umount.fuse.overcast"
)

// Exit codes of mount(8).
const (
	exitUsage  = 1
	exitFailed = 32
)

// ErrUsage means that words were handed over that say nothing to this filesystem.
var ErrUsage = errors.New("mount")

// A Call is what mount(8) or umount(8) wants to be done.
type Call struct {
	Args      []string // of the program overcast
	Fake      bool     // all but the mount itself
	Verbose   bool
	User      string   // who serves the mount; "" whoever runs this
	Namespace string   // the file of the mount namespace to mount in; "" this one
	Warnings  []string // of words that were understood and are of no effect
}

// IsName reports whether a program was called as a helper.
func IsName(arg0 string) bool {
	return slices.Contains([]string{Mount, Unmount}, filepath.Base(arg0))
}

// ExitCode is what mount(8) calls an exit code of this program; usage is that of wrong usage.
func ExitCode(code, usage int) int {
	switch code {
	case 0:
		return 0
	case usage:
		return exitUsage
	}
	return exitFailed
}

// words are what the command line of a helper can hold.
type words struct {
	sloppy, fake, verbose, lazy, force bool
	options                            []string
	namespace                          string
}

// Parse reads the command line of a helper, its name included: SOURCE DIR [-sfnv] [-N NS] [-o OPTIONS] [-t TYPE] for
// mount, DIR [-flnrv] [-N NS] [-t TYPE] for unmount. The error wraps [ErrUsage].
func Parse(argv []string) (*Call, error) {
	var w words
	name := filepath.Base(argv[0])
	flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVarP(&w.verbose, "verbose", "v", false, "")
	flags.StringVarP(&w.namespace, "namespace", "N", "", "")
	flags.BoolP("no-mtab", "n", false, "")
	flags.StringP("types", "t", "", "")
	if name == Unmount {
		flags.BoolVarP(&w.lazy, "lazy", "l", false, "")
		flags.BoolVarP(&w.force, "force", "f", false, "")
		flags.BoolP("read-only", "r", false, "")
	} else {
		flags.BoolVarP(&w.sloppy, "sloppy", "s", false, "")
		flags.BoolVarP(&w.fake, "fake", "f", false, "")
		flags.StringArrayVarP(&w.options, "options", "o", nil, "")
	}
	if err := flags.Parse(argv[1:]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	if name == Unmount {
		return w.unmount(flags.Args())
	}
	return w.mount(flags.Args())
}

func (w *words) unmount(args []string) (*Call, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("%w: usage: %s DIR [-flnrv] [-N NAMESPACE] [-t TYPE]", ErrUsage, Unmount)
	}
	c := &Call{Args: []string{"unmount"}, Verbose: w.verbose, Namespace: w.namespace}
	if w.lazy || w.force {
		c.Args = append(c.Args, "--lazy")
	}
	c.Args = append(c.Args, "--", args[0])
	return c, nil
}

func (w *words) mount(args []string) (*Call, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("%w: usage: %s VAULT DIR [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE]", ErrUsage, Mount)
	}
	c := &Call{Args: []string{"mount"}, Fake: w.fake, Verbose: w.verbose, Namespace: w.namespace}
	for _, list := range w.options {
		for _, word := range split(list) {
			if err := c.option(word, w.sloppy); err != nil {
				return nil, err
			}
		}
	}
	c.Args = append(c.Args, "--", args[0], args[1])
	return c, nil
}

// flags are the options that are flags of the command mount.
var flags = []string{"passfile", "passcommand", "identity", "idle", "fsync", "from"}

// option translates one word of those after -o.
func (c *Call) option(word string, sloppy bool) error {
	name, value, valued := strings.Cut(word, "=")
	switch {
	case slices.Contains(flags, name) && valued:
		c.Args = append(c.Args, "--"+name+"="+unquote(value))
	case word == "ro":
		c.Args = append(c.Args, "--read-only")
	case name == "setuid" && value != "":
		c.User = value
	case name == "uid" || name == "gid":
		c.Warnings = append(c.Warnings, fmt.Sprintf("option %s is ignored: every file keeps its owner; setuid=USER lets USER serve the mount", name))
	case word == "remount":
		return fmt.Errorf("%w: a mount cannot be changed while it is there; unmount it, then mount it with other options", ErrUsage)
	case mount.Known(word):
		c.Args = append(c.Args, "-o", word)
	case !sloppy:
		return fmt.Errorf("%w: option %q is not known", ErrUsage, word)
	}
	return nil
}

// split parts options at the commas that are neither between double quotes, as mount(8) has it, nor behind a backslash, as
// FUSE has it.
func split(list string) []string {
	var all []string
	var word strings.Builder
	quoted := false
	for i := 0; i < len(list); i++ {
		switch b := list[i]; {
		case b == '\\' && i+1 < len(list) && (list[i+1] == ',' || list[i+1] == '\\'):
			i++
			word.WriteByte(list[i])
			continue
		case b == ',' && !quoted:
			all = append(all, word.String())
			word.Reset()
			continue
		case b == '"':
			quoted = !quoted
		}
		word.WriteByte(list[i])
	}
	return append(all, word.String())
}

// unquote takes off the quotes around a whole value.
func unquote(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}
