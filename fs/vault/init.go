package vault

import (
	"fmt"
	"math/bits"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/vault/internal/config"
	"github.com/overcast-fs/overcast/fs/vault/internal/text"
)

// DefaultChunkLog2 stands for chunks of 4 KiB.
const DefaultChunkLog2 = cipher.MinChunkLog2

// InitOptions describe a vault to be made.
type InitOptions struct {
	Clouds     []CloudSpec
	Suite      cipher.Suite // of every cloud; 0 for AES-256
	ChunkLog2  uint8        // 0 for [DefaultChunkLog2]
	WorkFactor int          // 0 for [DefaultWorkFactor]
	Passphrase []byte

	// Probe looks whether a directory can be a cloud's, once it is there and
	// before anything is in it; its error ends Init. nil takes every one.
	Probe func(CloudSpec) error
}

// A CloudSpec names a directory that is to be a cloud. Init creates it if it is
// missing, and nothing else ever does.
type CloudSpec struct{ Name, Dir string }

// ChunkLog2 turns a chunk size in bytes into the number that a vault keeps. The
// error wraps [ErrInvalid].
func ChunkLog2(size int64) (uint8, error) {
	log2 := bits.Len64(uint64(size)) - 1
	if size < 1 || size != 1<<log2 || log2 < cipher.MinChunkLog2 || log2 > cipher.MaxChunkLog2 {
		return 0, fmt.Errorf("%w: chunk size %d: want a power of two from %d to %d",
			ErrInvalid, size, 1<<cipher.MinChunkLog2, 1<<cipher.MaxChunkLog2)
	}
	return uint8(log2), nil
}

// Init makes a vault in dir, which is missing or empty, and puts a marker into
// the directory of each cloud, which is missing or empty too. When it refuses
// (the error wraps [ErrInvalid], [ErrUnusable] or [ErrLocked]) it changed
// nothing; when it fails later it removes what it made. Interrupted at any
// instant it leaves no vault, and what it left goes when it is run again.
func Init(dir string, o InitOptions) error {
	return initVault(realSystem(), dir, o)
}

func initVault(sys system, dir string, o InitOptions) error {
	if err := o.complete(); err != nil {
		return err
	}
	p, err := newPlan(dir, o.Clouds)
	if err != nil {
		return err
	}
	keys := o.newKeys()
	defer keys.Wipe()
	made, err := o.render(keys, p)
	if err != nil {
		return err
	}
	b := builder{disk: sys.disk, plan: p, probe: o.Probe}
	defer b.unlock()
	if err := b.build(made); err != nil {
		if undoing := b.undo(); undoing != nil {
			return fmt.Errorf("%w (and what was made could not be removed, run init again: %w)", err, undoing)
		}
		return err
	}
	return nil
}

// complete fills in the defaults and refuses what no vault can have.
func (o *InitOptions) complete() error {
	if o.Suite == 0 {
		o.Suite = cipher.AES256
	}
	if o.ChunkLog2 == 0 {
		o.ChunkLog2 = DefaultChunkLog2
	}
	if o.WorkFactor == 0 {
		o.WorkFactor = DefaultWorkFactor
	}
	switch {
	case len(o.Clouds) == 0:
		return fmt.Errorf("%w: a vault needs at least one cloud", ErrInvalid)
	case o.Suite != cipher.AES128 && o.Suite != cipher.AES256:
		return fmt.Errorf("%w: %v: want %v or %v", ErrInvalid, o.Suite, cipher.AES256, cipher.AES128)
	case o.ChunkLog2 < cipher.MinChunkLog2 || o.ChunkLog2 > cipher.MaxChunkLog2:
		return fmt.Errorf("%w: chunks of 2^%d bytes: want 2^%d to 2^%d", ErrInvalid, o.ChunkLog2, cipher.MinChunkLog2, cipher.MaxChunkLog2)
	case o.WorkFactor < MinWorkFactor || o.WorkFactor > MaxWorkFactor:
		return fmt.Errorf("%w: scrypt work factor %d: want %d to %d", ErrInvalid, o.WorkFactor, MinWorkFactor, MaxWorkFactor)
	case len(o.Passphrase) == 0:
		return fmt.Errorf("%w: the passphrase is empty", ErrInvalid)
	}
	var names text.Names
	for _, c := range o.Clouds {
		if err := names.Add(c.Name); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		if c.Dir == "" {
			return fmt.Errorf("%w: cloud %q has no directory", ErrInvalid, c.Name)
		}
	}
	return nil
}

// newKeys draws every id and key of a new vault.
func (o *InitOptions) newKeys() *Keys {
	k := &Keys{VaultID: cipher.NewID(), ChunkLog2: o.ChunkLog2, StateKey: *cipher.NewKey()}
	k.Clouds = make([]CloudKey, len(o.Clouds))
	for i, c := range o.Clouds {
		k.Clouds[i] = CloudKey{Name: c.Name, ID: cipher.NewID(), Key: *cipher.NewKey(), Suite: o.Suite}
	}
	return k
}

// rendered is the content of every file that init writes.
type rendered struct {
	config, keys []byte
	markers      [][]byte // one for each cloud
}

func (o *InitOptions) render(k *Keys, p *plan) (*rendered, error) {
	sealed, err := k.SealPassphrase(o.Passphrase, o.WorkFactor)
	if err != nil {
		return nil, fmt.Errorf("sealing the keys: %w", err)
	}
	made := &rendered{keys: sealed}
	c := newConfig(k, sealed)
	for i, cloud := range p.clouds {
		c.Clouds = append(c.Clouds, config.Cloud{Name: cloud.Name, Dir: cloud.Dir, ID: k.Clouds[i].ID})
		derived, err := k.Cipher(i)
		if err != nil {
			return nil, err
		}
		made.markers = append(made.markers, derived.Marker())
		derived.Wipe()
	}
	made.config, err = c.Encode()
	return made, err
}

// newConfig is vault.toml for keys, without clouds.
func newConfig(k *Keys, sealed []byte) *config.Config {
	return &config.Config{
		Format:     config.Format,
		VaultID:    k.VaultID,
		ChunkLog2:  int64(k.ChunkLog2),
		KeysSHA256: config.Checksum(sealed),
		Settings:   config.Settings{MinCopies: 1, Fsync: config.FsyncOne},
	}
}
