// Package helper is what mount(8) runs for a filesystem of the type fuse.overcast: this program, under the name of a link to
// it. It translates the words of mount(8) into those of the command mount, and the exit codes back.
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

// Name is what mount(8) looks for in /sbin. There is none for umount(8), which looks in few cases for one of this type.
const Name = "mount.fuse.overcast"

// Exit codes of mount(8).
const (
	exitUsage  = 1
	exitFailed = 32
)

// ErrUsage means that words were handed over that say nothing to this filesystem.
var ErrUsage = errors.New("mount")

// A Call is what mount(8) wants to be done.
type Call struct {
	Args      []string // of the program overcast
	Fake      bool     // all but the mount itself
	Verbose   bool
	User      string   // who serves the mount; "" whoever runs this
	Namespace string   // the file of the mount namespace to mount in; "" this one
	Warnings  []string // of words that were understood and are of no effect
}

// IsName reports whether a program was called as a helper.
func IsName(arg0 string) bool { return filepath.Base(arg0) == Name }

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

// Parse reads the command line of a helper, its name included: VAULT DIR [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE]. The
// error wraps [ErrUsage].
func Parse(argv []string) (*Call, error) {
	c := &Call{Args: []string{"mount"}}
	words := pflag.NewFlagSet(Name, pflag.ContinueOnError)
	words.SetOutput(io.Discard)
	words.BoolVarP(&c.Fake, "fake", "f", false, "")
	words.BoolVarP(&c.Verbose, "verbose", "v", false, "")
	words.StringVarP(&c.Namespace, "namespace", "N", "", "")
	sloppy := words.BoolP("sloppy", "s", false, "")
	options := words.StringArrayP("options", "o", nil, "")
	words.BoolP("no-mtab", "n", false, "") // there is no such table any more
	words.StringP("types", "t", "", "")    // there is one
	if err := words.Parse(argv[1:]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	if words.NArg() != 2 {
		return nil, fmt.Errorf("%w: usage: %s VAULT DIR [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE]", ErrUsage, Name)
	}
	for _, list := range *options {
		for _, word := range split(list) {
			if err := c.option(word, *sloppy); err != nil {
				return nil, err
			}
		}
	}
	c.Args = append(c.Args, "--", words.Arg(0), words.Arg(1))
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
