package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"

	"github.com/overcast-fs/overcast/cipher"
)

// formatVersion is the only format of vault.toml so far.
const formatVersion = 1

// maxNameLength bounds a cloud's name, which goes into the names of conflict
// copies and must leave room there.
const maxNameLength = 32

// config is vault.toml. It is not authenticated and holds no secrets: a user
// may edit the directories, the order of the clouds, their names and the
// settings.
type config struct {
	Format     int64          `toml:"format" comment:"An Overcast vault: which directories are its clouds. The keys are in keys.age.\nKeep this directory out of every cloud."`
	VaultID    cipher.ID      `toml:"vault_id"`
	ChunkLog2  int64          `toml:"chunk_log2" comment:"Fixed when the vault was made."`
	KeysSHA256 string         `toml:"keys_sha256" comment:"Tells a damaged keys.age from a wrong passphrase."`
	Settings   configSettings `toml:"settings"`
	Clouds     []configCloud  `toml:"cloud" comment:"The first cloud that lacks nothing leads."`
}

type configSettings struct {
	MinCopies int64  `toml:"min_copies" comment:"An error of a cloud is the program's when fewer clouds than this would be left."`
	Fsync     string `toml:"fsync" comment:"When fsync returns: \"one\", safe here or in one cloud; \"all\", in every available cloud."`
}

type configCloud struct {
	Name string    `toml:"name"`
	Dir  string    `toml:"dir"`
	ID   cipher.ID `toml:"id"`
}

// The words of the setting fsync.
const (
	fsyncOne = "one"
	fsyncAll = "all"
)

// parseConfig reads and checks vault.toml. The errors wrap [ErrDamaged],
// [ErrSetting] or [ErrUnknownFormat].
func parseConfig(data []byte) (*config, error) {
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%w: not UTF-8", ErrDamaged)
	}
	// The format comes first and alone: a later one may have other fields.
	var head struct {
		Format *int64 `toml:"format"`
	}
	if err := toml.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrDamaged, tomlReason(err))
	}
	switch {
	case head.Format == nil:
		return nil, fmt.Errorf("%w: it has no format", ErrDamaged)
	case *head.Format != formatVersion:
		return nil, fmt.Errorf("%w %d: this program knows format %d", ErrUnknownFormat, *head.Format, formatVersion)
	}
	c := config{Settings: configSettings{MinCopies: 1, Fsync: fsyncOne}}
	decoder := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		// What is TOML and has a format, a user has edited.
		return nil, fmt.Errorf("%w: %s", ErrSetting, tomlReason(err))
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return &c, nil
}

// tomlReason puts a decoding error into one line, with its place.
func tomlReason(err error) string {
	if missing, ok := errors.AsType[*toml.StrictMissingError](err); ok && len(missing.Errors) > 0 {
		first := &missing.Errors[0]
		line, _ := first.Position()
		return oneLine(fmt.Sprintf("line %d: %q is unknown: mistyped, or of a later program", line, strings.Join(first.Key(), ".")))
	}
	if decode, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := decode.Position()
		return oneLine(fmt.Sprintf("line %d, column %d: %v", line, column, decode))
	}
	return oneLine(err.Error())
}

func (c *config) check() error {
	switch {
	case c.VaultID.IsZero():
		return fmt.Errorf("%w: it has no vault_id", ErrDamaged)
	case c.ChunkLog2 < cipher.MinChunkLog2 || c.ChunkLog2 > cipher.MaxChunkLog2:
		return fmt.Errorf("%w: chunk_log2 %d, want %d to %d", ErrUnknownFormat, c.ChunkLog2, cipher.MinChunkLog2, cipher.MaxChunkLog2)
	case len(c.Clouds) == 0:
		return fmt.Errorf("%w: it names no cloud", ErrDamaged)
	case c.Settings.MinCopies < 1 || c.Settings.MinCopies > int64(len(c.Clouds)):
		return fmt.Errorf("%w: min_copies %d, want 1 to the number of clouds, %d", ErrSetting, c.Settings.MinCopies, len(c.Clouds))
	case c.Settings.Fsync != fsyncOne && c.Settings.Fsync != fsyncAll:
		return fmt.Errorf("%w: fsync %q, want %q or %q", ErrSetting, c.Settings.Fsync, fsyncOne, fsyncAll)
	}
	if sum, err := hex.DecodeString(c.KeysSHA256); err != nil || len(sum) != sha256.Size {
		return fmt.Errorf("%w: keys_sha256 is not %d hexadecimal digits", ErrDamaged, 2*sha256.Size)
	}
	names := newNameSet()
	ids, dirs := map[cipher.ID]bool{}, map[string]bool{}
	for _, cloud := range c.Clouds {
		if err := names.add(cloud.Name); err != nil {
			return fmt.Errorf("%w: %w", ErrSetting, err)
		}
		dir := filepath.Clean(cloud.Dir)
		switch {
		case !filepath.IsAbs(cloud.Dir) || strings.ContainsRune(cloud.Dir, 0):
			return fmt.Errorf("%w: cloud %s: directory %q is not an absolute path", ErrSetting, cloud.Name, cloud.Dir)
		case cloud.ID.IsZero() || ids[cloud.ID]:
			return fmt.Errorf("%w: cloud %s: its id is missing or another cloud's", ErrDamaged, cloud.Name)
		case dirs[dir]:
			return fmt.Errorf("%w: cloud %s: directory %q is another cloud's", ErrSetting, cloud.Name, dir)
		}
		ids[cloud.ID], dirs[dir] = true, true
	}
	return nil
}

func (c *config) encode() ([]byte, error) { return toml.Marshal(c) }

// A nameSet collects the names of clouds, which must be unlike each other even
// where case is ignored: they become parts of file names.
type nameSet struct{ seen map[string]string }

func newNameSet() nameSet { return nameSet{map[string]string{}} }

func (s nameSet) add(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	folded := strings.ToLower(name)
	if other, ok := s.seen[folded]; ok {
		if other == name {
			return fmt.Errorf("two clouds are named %q", name)
		}
		return fmt.Errorf("cloud names %q and %q differ only in case", other, name)
	}
	s.seen[folded] = name
	return nil
}

// checkName allows what is safe in a file name of any system and in a message.
func checkName(name string) error {
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("-_.", r)) {
			return fmt.Errorf("cloud name %q: only letters, digits, and then '-', '_' and '.' are allowed", oneLine(name))
		}
	}
	if name == "" || len(name) > maxNameLength {
		return fmt.Errorf("cloud name %q: want 1 to %d characters", oneLine(name), maxNameLength)
	}
	return nil
}
