package vault

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/vault/internal/config"
)

// The files of a vault directory, and the modes of all that is in it.
const (
	configName  = "vault.toml"
	pendingName = "vault.toml.init" // vault.toml of an init that has not finished
	keysName    = "keys.age"
	stateName   = "state"

	recipientsName = "keys-recipients.age" // the same as keys.age, for recipients instead of the passphrase
	stagedSuffix   = ".new"                // of a file with keys before vault.toml goes with it

	dirPerm  fs.FileMode = 0o700
	filePerm fs.FileMode = 0o600
)

// maxFileSize bounds what is read into memory of a vault's small files.
const maxFileSize = 1 << 20

// A Vault is what vault.toml says: everything that is not secret. Its fields
// are not to be changed.
type Vault struct {
	Dir       string // absolute
	ID        cipher.ID
	ChunkLog2 uint8
	Clouds    []Cloud // in the user's order: the first that lacks nothing leads
	Settings  Settings

	// KeysCopied tells that the keys are somewhere else, too: a copy of keys.age,
	// or a recovery kit.
	KeysCopied bool

	sums map[string]string // of the files with keys, as they were written
	sys  system
}

// A Cloud is one cloud of a vault, without its key.
type Cloud struct {
	Name string
	Dir  string // absolute, as the user named it; it may be missing. "": this machine does not know it
	ID   cipher.ID
}

// Settings are what a user may change in vault.toml.
type Settings struct {
	MinCopies int  // a cloud's error is the program's when fewer clouds than this would be left
	FsyncAll  bool // fsync waits for every available cloud
}

// A system is the machine as this package sees it.
type system struct {
	disk      disk
	now       func() time.Time
	machineID string // "" where the machine has none
	bootID    string // "" where the kernel tells none
}

func realSystem() system {
	return system{
		disk:      osDisk{},
		now:       time.Now,
		machineID: readWord("/etc/machine-id"),
		bootID:    readWord("/proc/sys/kernel/random/boot_id"),
	}
}

// readWord returns the text of a small system file, "" if there is none.
func readWord(path string) string {
	data, err := readFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// Load reads vault.toml. It needs no passphrase and touches no cloud. The error
// wraps [fs.ErrNotExist] where there is no vault, [ErrIsCloud], [ErrDamaged],
// [ErrSetting] or [ErrUnknownFormat].
func Load(dir string) (*Vault, error) {
	return load(realSystem(), dir, configName)
}

func load(sys system, dir, name string) (*Vault, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("vault %s: %w", dir, err)
	}
	path := filepath.Join(dir, name)
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, pending := os.Lstat(filepath.Join(dir, pendingName)); pending == nil && name == configName {
			return nil, fmt.Errorf("%s is an unfinished vault, its init was interrupted; run init again: %w", dir, fs.ErrNotExist)
		}
		if id := markedFor(dir); id != "" {
			return nil, fmt.Errorf("%s is %w: it belongs to the vault%s", dir, ErrIsCloud, id)
		}
		if what := partOf(dir); what != "" {
			return nil, joinable{fmt.Errorf("%s holds %s and no %s: %w", dir, what, name, fs.ErrNotExist)}
		}
		return nil, fmt.Errorf("%s is no vault: %w", dir, err)
	}
	if err != nil {
		return nil, err
	}
	c, err := config.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return newVault(c, sys, dir), nil
}

// newVault is what the text of vault.toml says.
func newVault(c *config.Config, sys system, dir string) *Vault {
	v := &Vault{
		Dir:        dir,
		ID:         c.VaultID,
		ChunkLog2:  uint8(c.ChunkLog2),
		Settings:   Settings{MinCopies: int(c.Settings.MinCopies), FsyncAll: c.Settings.Fsync == config.FsyncAll},
		KeysCopied: c.KeysCopied || c.RecoveryKit,
		sums:       map[string]string{keysName: c.KeysSHA256, recipientsName: c.RecipientsSHA256},
		sys:        sys,
	}
	for _, cloud := range c.Clouds {
		dir := cloud.Dir
		if dir != "" {
			dir = filepath.Clean(dir)
		}
		v.Clouds = append(v.Clouds, Cloud{Name: cloud.Name, Dir: dir, ID: cloud.ID})
	}
	return v
}

// LogPath is where a mount logs to after it has returned to the terminal.
func (v *Vault) LogPath() string { return v.statePath("log") }

// ControlPath is where the process that serves the vault listens.
func (v *Vault) ControlPath() string { return v.statePath("control") }

// NotesPath is where package volume keeps what it tells of the vault with names of
// files, sealed.
func (v *Vault) NotesPath() string { return v.statePath("notes") }

func (v *Vault) statePath(name string) string { return filepath.Join(v.Dir, stateName, name) }

// partOf says what there is of a vault that has no vault.toml, "" for nothing.
func partOf(dir string) string {
	for _, part := range []struct{ name, what string }{
		{keysName + stagedSuffix, "what an interrupted join left"},
		{keysName, "the keys of a vault"},
	} {
		if _, err := os.Lstat(filepath.Join(dir, part.name)); err == nil {
			return part.what
		}
	}
	return ""
}

// cloudByID is the place of a cloud among the others, -1 if there is none.
func (v *Vault) cloudByID(id cipher.ID) int {
	return slices.IndexFunc(v.Clouds, func(c Cloud) bool { return c.ID == id })
}

// cloudNamed describes the cloud with an id for a message.
func (v *Vault) cloudNamed(id cipher.ID) string {
	if i := v.cloudByID(id); i >= 0 {
		return fmt.Sprintf("cloud %q", v.Clouds[i].Name)
	}
	return "an unknown cloud of this vault"
}

// readFile reads a small regular file. It does not wait on a FIFO, and refuses
// what no file of ours can be.
func readFile(path string) ([]byte, error) {
	const flags = os.O_RDONLY | syscall.O_NONBLOCK
	f, err := os.OpenFile(path, flags|syscall.O_NOATIME, 0)
	if errors.Is(err, syscall.EPERM) { // not the owner
		f, err = os.OpenFile(path, flags, 0)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: not a regular file", path, ErrDamaged)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileSize {
		return nil, fmt.Errorf("%s: %w: larger than %d bytes", path, ErrDamaged, maxFileSize)
	}
	return data, nil
}
