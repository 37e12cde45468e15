// Package config is the text of vault.toml.
package config

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
	"github.com/overcast-fs/overcast/fs/vault/internal/keyfile"
	"github.com/overcast-fs/overcast/fs/vault/internal/text"
)

// ErrSetting: it says something that a user may have written and that no vault
// can have.
var ErrSetting = errors.New("wrong setting")

// Format is the only format of vault.toml so far.
const Format = 1

// Config is vault.toml. It is not authenticated and holds no secrets: a user
// may edit the directories, the order of the clouds, their names and the
// settings.
type Config struct {
	Format     int64     `toml:"format" comment:"An Overcast vault: which directories are its clouds. The keys are in keys.age.\nKeep this directory out of every cloud."`
	VaultID    cipher.ID `toml:"vault_id"`
	ChunkLog2  int64     `toml:"chunk_log2" comment:"Fixed when the vault was made."`
	KeysSHA256 string    `toml:"keys_sha256" comment:"Tells a damaged keys.age from a wrong passphrase."`

	RecipientsSHA256 string `toml:"recipients_sha256,omitempty" comment:"The same of keys-recipients.age."`
	KeysCopied       bool   `toml:"keys_copied,omitempty" comment:"A copy of the keys is somewhere else."`
	RecoveryKit      bool   `toml:"recovery_kit,omitempty" comment:"There is a recovery kit."`

	Settings Settings `toml:"settings"`
	Clouds   []Cloud  `toml:"cloud" comment:"The first cloud that lacks nothing leads."`
}

// Settings are what a user may change.
type Settings struct {
	MinCopies int64  `toml:"min_copies" comment:"An error of a cloud is the program's when fewer clouds than this would be left."`
	Fsync     string `toml:"fsync" comment:"When fsync returns: \"one\", safe here or in one cloud; \"all\", in every available cloud."`
}

// Cloud is one cloud.
type Cloud struct {
	Name string    `toml:"name"`
	Dir  string    `toml:"dir"` // "": not known on this machine
	ID   cipher.ID `toml:"id"`
}

// The words of the setting fsync.
const (
	FsyncOne = "one"
	FsyncAll = "all"
)

// Parse reads and checks vault.toml. The errors wrap [cipher.ErrDamaged],
// [ErrSetting] or [keyfile.ErrUnknownFormat].
func Parse(data []byte) (*Config, error) {
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%w: not UTF-8", cipher.ErrDamaged)
	}
	// The format comes first and alone: a later one may have other fields.
	var head struct {
		Format *int64 `toml:"format"`
	}
	if err := toml.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("%w: %s", cipher.ErrDamaged, tomlReason(err))
	}
	switch {
	case head.Format == nil:
		return nil, fmt.Errorf("%w: it has no format", cipher.ErrDamaged)
	case *head.Format != Format:
		return nil, fmt.Errorf("%w %d: this program knows format %d", keyfile.ErrUnknownFormat, *head.Format, Format)
	}
	c := Config{Settings: Settings{MinCopies: 1, Fsync: FsyncOne}}
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
		return text.OneLine(fmt.Sprintf("line %d: %q is unknown: mistyped, or of a later program", line, strings.Join(first.Key(), ".")))
	}
	if decode, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := decode.Position()
		return text.OneLine(fmt.Sprintf("line %d, column %d: %v", line, column, decode))
	}
	return text.OneLine(err.Error())
}

func (c *Config) check() error {
	switch {
	case c.VaultID.IsZero():
		return fmt.Errorf("%w: it has no vault_id", cipher.ErrDamaged)
	case c.ChunkLog2 < cipher.MinChunkLog2 || c.ChunkLog2 > cipher.MaxChunkLog2:
		return fmt.Errorf("%w: chunk_log2 %d, want %d to %d", keyfile.ErrUnknownFormat, c.ChunkLog2, cipher.MinChunkLog2, cipher.MaxChunkLog2)
	case len(c.Clouds) == 0:
		return fmt.Errorf("%w: it names no cloud", cipher.ErrDamaged)
	case c.Settings.MinCopies < 1 || c.Settings.MinCopies > int64(len(c.Clouds)):
		return fmt.Errorf("%w: min_copies %d, want 1 to the number of clouds, %d", ErrSetting, c.Settings.MinCopies, len(c.Clouds))
	case c.Settings.Fsync != FsyncOne && c.Settings.Fsync != FsyncAll:
		return fmt.Errorf("%w: fsync %q, want %q or %q", ErrSetting, c.Settings.Fsync, FsyncOne, FsyncAll)
	}
	if !isChecksum(c.KeysSHA256) {
		return fmt.Errorf("%w: keys_sha256 is not %d hexadecimal digits", cipher.ErrDamaged, 2*sha256.Size)
	}
	if c.RecipientsSHA256 != "" && !isChecksum(c.RecipientsSHA256) {
		return fmt.Errorf("%w: recipients_sha256 is not %d hexadecimal digits", cipher.ErrDamaged, 2*sha256.Size)
	}
	return c.checkClouds()
}

func (c *Config) checkClouds() error {
	var names text.Names
	ids, dirs := map[cipher.ID]bool{}, map[string]bool{}
	for _, cloud := range c.Clouds {
		if err := names.Add(cloud.Name); err != nil {
			return fmt.Errorf("%w: %w", ErrSetting, err)
		}
		dir := filepath.Clean(cloud.Dir)
		switch {
		case cloud.Dir != "" && !filepath.IsAbs(cloud.Dir) || strings.ContainsRune(cloud.Dir, 0):
			return fmt.Errorf("%w: cloud %s: directory %q is not an absolute path", ErrSetting, cloud.Name, cloud.Dir)
		case cloud.ID.IsZero() || ids[cloud.ID]:
			return fmt.Errorf("%w: cloud %s: its id is missing or another cloud's", cipher.ErrDamaged, cloud.Name)
		case cloud.Dir != "" && dirs[dir]:
			return fmt.Errorf("%w: cloud %s: directory %q is another cloud's", ErrSetting, cloud.Name, dir)
		}
		ids[cloud.ID], dirs[dir] = true, true
	}
	return nil
}

// Encode gives the text of vault.toml. What is written must be read again: better
// to fail now than at mount.
func (c *Config) Encode() ([]byte, error) {
	data, err := toml.Marshal(c)
	if err == nil {
		_, err = Parse(data)
	}
	return data, err
}

// Sum is where the Checksum of a file with keys stands.
func (c *Config) Sum(name string) *string {
	if name == "keys-recipients.age" {
		return &c.RecipientsSHA256
	}
	return &c.KeysSHA256
}

// Checksum is the SHA-256 of a file with keys as vault.toml has it.
func Checksum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func isChecksum(s string) bool {
	sum, err := hex.DecodeString(s)
	return err == nil && len(sum) == sha256.Size
}
