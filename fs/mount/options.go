package mount

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Options say how a mirror is mounted.
type Options struct {
	Mountpoint string        // an existing directory
	FsName     string        // what mount tables show as the device; the vault's path
	AllowOther bool          // other users may use the mount, as far as modes and owners let them
	ReadOnly   bool          // the kernel refuses every change
	Debug      bool          // log every request, with plaintext names, at debug level
	Idle       time.Duration // unmount after being unused for so long; 0 never
	Busy       func() bool   // whether the mirror is used in another way; or nil
	Extra      []string      // options as after mount -o, each perhaps several with commas
	Logger     *slog.Logger  // nil discards
}

// ErrOption means that an extra option is unknown, or one that is not the
// caller's to set.
var ErrOption = errors.New("mount option")

const (
	// subtype makes the filesystem's type fuse.overcast.
	subtype = "overcast"

	// requestSize is the largest read or write that the kernel sends.
	requestSize = 1 << 20

	// background is how many requests the kernel has under way that no
	// program waits for: read-ahead and write-back.
	background = 32

	// inflight bounds the memory of requests, most of it for writes.
	inflight = 64 << 20

	// capabilities are what is asked of the kernel beyond go-fuse's defaults:
	// that it caches writes, passes O_TRUNC on to open, lets the filesystem
	// clear set-id bits, reads and writes past its cache in parallel, and looks
	// entries up while listing only where programs want that.
	capabilities = fuse.CAP_WRITEBACK_CACHE | fuse.CAP_ATOMIC_O_TRUNC | fuse.CAP_HANDLE_KILLPRIV_V2 |
		fuse.CAP_ASYNC_DIO | fuse.CAP_READDIRPLUS_AUTO
)

// mountFlags are options that mount(2) takes as flags and fusermount3 as words.
var mountFlags = map[string]struct{ set, clear uintptr }{
	"ro":         {set: unix.MS_RDONLY},
	"nosuid":     {set: unix.MS_NOSUID},
	"suid":       {clear: unix.MS_NOSUID},
	"nodev":      {set: unix.MS_NODEV},
	"dev":        {clear: unix.MS_NODEV},
	"noexec":     {set: unix.MS_NOEXEC},
	"exec":       {clear: unix.MS_NOEXEC},
	"noatime":    {set: unix.MS_NOATIME},
	"atime":      {clear: unix.MS_NOATIME},
	"nodiratime": {set: unix.MS_NODIRATIME},
	"sync":       {set: unix.MS_SYNCHRONOUS},
	"async":      {clear: unix.MS_SYNCHRONOUS},
	"dirsync":    {set: unix.MS_DIRSYNC},
}

// ignored are options that a line of fstab may hold and that mean nothing here: they are for who mounts, or about times that
// the mirror keeps as it does.
var ignored = []string{
	"defaults", "auto", "noauto", "user", "nouser", "users", "owner", "group", "nofail", "_netdev", "rw", "default_permissions",
	"relatime", "norelatime", "strictatime", "nostrictatime", "lazytime", "nolazytime", "diratime", "loud", "silent",
}

// ignoredValues are such options with a value.
var ignoredValues = []string{"user=", "comment=", "helper=", "uhelper=", "x-", "X-"}

// Known reports whether a word is an option that is accepted.
func Known(word string) bool {
	_, err := Options{Extra: []string{word}}.normal()
	return err == nil
}

func isIgnored(word string) bool {
	return word == "" || slices.Contains(ignored, word) ||
		slices.ContainsFunc(ignoredValues, func(p string) bool { return strings.HasPrefix(word, p) })
}

// normal applies the extra options: afterwards Extra holds, one by one, those
// that are passed on as they are.
func (o Options) normal() (Options, error) {
	var passed []string
	for _, list := range o.Extra {
		for word := range strings.SplitSeq(list, ",") {
			word = strings.TrimSpace(word)
			name, value, _ := strings.Cut(word, "=")
			_, flag := mountFlags[word]
			switch {
			case isIgnored(word):
			case word == "ro":
				o.ReadOnly = true
			case word == "allow_other":
				o.AllowOther = true
			case name == "fsname" && value != "":
				o.FsName = value
			case flag:
				passed = append(passed, word)
			default:
				return o, fmt.Errorf("%w %q is not known", ErrOption, word)
			}
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Extra = passed
	return o, nil
}

// words are the options in fusermount3's manner.
func (o Options) words() []string {
	words := append([]string{"default_permissions"}, o.Extra...)
	if o.ReadOnly {
		words = append(words, "ro")
	}
	return words
}

// flags are the options in the manner of mount(2).
func (o Options) flags() uintptr {
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV)
	words := o.Extra
	if o.ReadOnly {
		words = append([]string{"ro"}, words...)
	}
	for _, word := range words {
		flags = flags&^mountFlags[word].clear | mountFlags[word].set
	}
	if flags == 0 {
		// Zero would mean nosuid and nodev to go-fuse; this means zero.
		flags = unix.MS_MGC_VAL
	}
	return flags
}

// fuse translates normal options. Direct options are for mount(2), others for
// fusermount3.
func (o Options) fuse(direct bool) *fuse.MountOptions {
	level := slog.LevelWarn
	if o.Debug {
		level = slog.LevelDebug
	}
	m := &fuse.MountOptions{
		FsName:     o.FsName,
		Name:       subtype,
		AllowOther: o.AllowOther,
		Options:    o.words(),
		Debug:      o.Debug,
		Logger:     slog.NewLogLogger(o.Logger.Handler(), level),

		MaxWrite:                requestSize,
		MaxReadAhead:            requestSize,
		MaxBackground:           background,
		MaxInflightRequestBytes: inflight,
		ExtraCapabilities:       capabilities,
		DisabledCapabilities:    fuse.CAP_PASSTHROUGH | fuse.CAP_NO_OPEN_SUPPORT,
		EnableSymlinkCaching:    true,
		// What is read was decrypted into memory; there is nothing to splice.
		DisableSplice: true,
	}
	if direct {
		m.DirectMountStrict = true
		m.DirectMountFlags = o.flags()
		m.Options = []string{"default_permissions"}
	}
	return m
}
