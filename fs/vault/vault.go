package vault

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/overcast-fs/overcast/cipher"
)

// The files of a vault directory, and the modes of all that is in it.
const (
	configName  = "vault.toml"
	pendingName = "vault.toml.init" // vault.toml of an init that has not finished
	keysName    = "keys.age"
	stateName   = "state"

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

	keysSHA256 []byte // of keys.age as it was written
	sys        system
}

// A Cloud is one cloud of a vault, without its key.
type Cloud struct {
	Name string
	Dir  string // absolute, as the user named it; it may be missing
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
		return nil, fmt.Errorf("%s is no vault: %w", dir, err)
	}
	if err != nil {
		return nil, err
	}
	c, err := parseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	v := &Vault{
		Dir:       dir,
		ID:        c.VaultID,
		ChunkLog2: uint8(c.ChunkLog2),
		Settings:  Settings{MinCopies: int(c.Settings.MinCopies), FsyncAll: c.Settings.Fsync == fsyncAll},
		sys:       sys,
	}
	for _, cloud := range c.Clouds {
		v.Clouds = append(v.Clouds, Cloud{Name: cloud.Name, Dir: filepath.Clean(cloud.Dir), ID: cloud.ID})
	}
	v.keysSHA256, err = hex.DecodeString(c.KeysSHA256)
	return v, err
}

// LogPath is where a mount logs to after it has returned to the terminal.
func (v *Vault) LogPath() string { return v.statePath("log") }

func (v *Vault) statePath(name string) string { return filepath.Join(v.Dir, stateName, name) }

// cloudNamed describes the cloud with an id for a message.
func (v *Vault) cloudNamed(id cipher.ID) string {
	for _, c := range v.Clouds {
		if c.ID == id {
			return fmt.Sprintf("cloud %q", c.Name)
		}
	}
	return "an unknown cloud of this vault"
}

// readFile reads a small regular file. It does not wait on a FIFO, and refuses
// what no file of ours can be.
func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
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
