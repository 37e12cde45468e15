package view

import (
	"errors"
	"log/slog"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/belief"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/memory"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
)

var (
	// ErrNotEmpty: a directory has entries, seen or not.
	ErrNotEmpty = errors.New("directory not empty")
	// ErrNameTooLong: no filesystem has such a name.
	ErrNameTooLong = errors.New("name too long")
)

// Config is what a View is made of.
type Config struct {
	Clouds *clouds.Clouds
	Nodes  *nodes.Table
	Belief *belief.Belief
	Memory memory.Rows
	Layout cipher.Layout
	Copied func(path string, k int, e cloud.Entry) // told of each entry, by its backing path, that a sync tool has made of a name in a cloud
	Renew  func() error                            // draws a new writer for what this machine changes
	Logger *slog.Logger
	Owners bool // backing files have their file's owner
}

// A View shows names. It is safe for concurrent use.
type View struct{ Config }

// New makes it.
func New(c Config) *View { return &View{c} }
