package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"filippo.io/age"
	"filippo.io/age/plugin"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/durable"
	"github.com/overcast-fs/overcast/fs/vault/internal/config"
	"github.com/overcast-fs/overcast/fs/vault/internal/keyfile"
)

// A KeysFile is a copy of the keys from elsewhere, opened.
type KeysFile struct {
	*Keys
	sealed []byte // as it was read, where the passphrase opens it; it can be a keys.age
}

// ReadKeys reads a copy of keys.age, or of another file with keys, as it is.
func ReadKeys(path string) ([]byte, error) { return readFile(path) }

// ForRecipients reports whether a file with keys is one that identities open, and
// no passphrase.
func ForRecipients(sealed []byte) bool {
	rest, ok := bytes.CutPrefix(sealed, []byte("age-encryption.org/v1\n"))
	return ok && !bytes.HasPrefix(rest, []byte("-> scrypt "))
}

// OpenKeys opens a copy of keys.age with its passphrase, like [Vault.Unlock].
func OpenKeys(sealed, passphrase []byte) (*KeysFile, error) {
	k, err := keyfile.Open(sealed, keyfile.Passphrase(passphrase))
	if err != nil {
		return nil, err
	}
	return &KeysFile{k, sealed}, nil
}

// OpenKeysWith opens what is sealed for an identity, like [Vault.UnlockWith].
func OpenKeysWith(sealed []byte, identities []age.Identity) (*KeysFile, error) {
	k, err := keyfile.Open(sealed, identities...)
	if err != nil {
		return nil, err
	}
	return &KeysFile{Keys: k}, nil
}

// NeedsPassphrase reports whether [Join] has to be told a passphrase for the
// vault's keys.age: nothing that opened the keys can open that.
func (f *KeysFile) NeedsPassphrase() bool { return f.sealed == nil }

// JoinOptions say over which directories a vault is opened on this machine.
type JoinOptions struct {
	Keys       *KeysFile
	Dirs       []string
	Passphrase []byte // where the keys need one
	WorkFactor int    // for that; 0 for [DefaultWorkFactor]

	Copied bool             // the keys stay somewhere else, too
	UI     *plugin.ClientUI // of recipients that are plugins
}

// Joined is what [Join] did.
type Joined struct {
	*Vault
	Existed bool   // it was here already, and knows more now
	Warning string // "" for none
}

// joining is what Join has found out before it changes anything.
type joining struct {
	JoinOptions
	places map[cipher.ID]string // the directory of each cloud that is given
}

// Join opens a vault that exists on a machine that does not know it yet, in dir,
// which is missing or empty, or holds what is left of this vault. It finds out
// by the markers which cloud each directory is, writes vault.toml, and makes no
// keys. A vault that is in dir already is told of the directories, and of clouds
// that newer keys know. It writes into no cloud. When it refuses (the error
// wraps [ErrUnusable], [ErrWrongCloud], [ErrNoMarker], [ErrOldKeys], [ErrDamaged]
// or [ErrLocked]) it changed nothing; interrupted at any instant it can be
// repeated.
func Join(dir string, o JoinOptions) (*Joined, error) {
	return joinVault(realSystem(), dir, o)
}

func joinVault(sys system, dir string, o JoinOptions) (*Joined, error) {
	if o.WorkFactor == 0 {
		o.WorkFactor = DefaultWorkFactor
	}
	dir, err := usablePath("the vault", dir)
	if err != nil {
		return nil, err
	}
	j := &joining{JoinOptions: o}
	if err := j.match(); err != nil {
		return nil, err
	}
	v, err := load(sys, dir, configName)
	switch {
	case err == nil:
		return j.extend(v)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return j.make(sys, dir)
}

// match finds out which cloud each directory is.
func (j *joining) match() error {
	j.places = map[cipher.ID]string{}
	for i, given := range j.Dirs {
		dir, err := usablePath("a cloud", given)
		if err != nil {
			return err
		}
		j.Dirs[i] = dir
		id, err := j.identify(dir)
		if err != nil {
			return err
		}
		if other, ok := j.places[id]; ok {
			return fmt.Errorf("%w: %s and %s are the same cloud; name one of them", ErrUnusable, other, dir)
		}
		j.places[id] = dir
	}
	return nil
}

// identify tells by the marker, and that by its MAC, which cloud a directory is.
func (j *joining) identify(dir string) (cipher.ID, error) {
	marker, err := readMarker(dir)
	if err != nil {
		return cipher.ID{}, err
	}
	vaultID, id, err := cipher.ParseMarkerIDs(marker)
	switch {
	case err != nil:
		return id, fmt.Errorf("%s: %w", filepath.Join(dir, cipher.MarkerName), err)
	case vaultID != j.Keys.VaultID:
		return id, fmt.Errorf("%s: %w: it is a cloud of vault %s, and these are the keys of %s", dir, ErrWrongCloud, vaultID, j.Keys.VaultID)
	}
	for i, c := range j.Keys.Clouds {
		if c.ID != id {
			continue
		}
		key, err := j.Keys.Cipher(i)
		if err != nil {
			return id, err
		}
		defer key.Wipe()
		if err := key.CheckMarker(marker); err != nil {
			return id, fmt.Errorf("%s: %w", filepath.Join(dir, cipher.MarkerName), err)
		}
		return id, nil
	}
	return id, fmt.Errorf("%s: %w: this cloud was added after they were copied", dir, ErrOldKeys)
}

// checkVaultDir accepts a directory that is missing or empty, or holds nothing
// but what may be left of the vault.
func (j *joining) checkVaultDir(dir string) error {
	names, err := listDir(dir)
	if err != nil {
		return fmt.Errorf("%w: the vault: %w", ErrUnusable, err)
	}
	for _, name := range names {
		switch {
		case name == configName:
			return fmt.Errorf("%w: %s is a vault already", ErrUnusable, dir)
		case name == pendingName:
			return fmt.Errorf("%w: %s is an unfinished vault, its init was interrupted; name another directory", ErrUnusable, dir)
		case name == keysName:
			there, err := readFile(filepath.Join(dir, name))
			if err != nil {
				return err
			}
			if !bytes.Equal(there, j.Keys.sealed) {
				return fmt.Errorf("%w: %s holds another keys.age than the one that is given; move it away, or join with it", ErrUnusable, dir)
			}
		case name == keysName+stagedSuffix, name == recipientsName, name == recipientsName+stagedSuffix, name == stateName, durable.IsTemp(name):
		default:
			return fmt.Errorf("%w: %s is not empty; name a new or an empty directory for the vault", ErrUnusable, dir)
		}
	}
	return nil
}

// make makes the vault's directory.
func (j *joining) make(sys system, dir string) (*Joined, error) {
	p := &plan{dir: dir, join: j}
	var clouds []Cloud
	for _, c := range j.Keys.Clouds {
		clouds = append(clouds, Cloud{c.Name, j.places[c.ID], c.ID})
	}
	p.clouds = known(clouds)
	if err := p.checkVaultDir(); err != nil {
		return nil, err
	}
	if err := p.checkApart(); err != nil {
		return nil, err
	}
	keys, err := j.seal()
	if err != nil {
		return nil, err
	}
	text := newConfig(j.Keys.Keys, keys.passphrase)
	text.KeysCopied, text.RecoveryKit = j.Copied, j.Keys.Recovery != ""
	if keys.recipients != nil {
		text.RecipientsSHA256 = config.Checksum(keys.recipients)
	}
	for _, c := range clouds {
		text.Clouds = append(text.Clouds, config.Cloud(c))
	}
	b := builder{disk: sys.disk, plan: p}
	defer b.unlock()
	if err := b.join(text, keys); err != nil {
		if undoing := b.undo(); undoing != nil {
			return nil, fmt.Errorf("%w (and what was made could not be removed, run join again: %w)", err, undoing)
		}
		return nil, err
	}
	return &Joined{Vault: newVault(text, sys, dir), Warning: keys.warning}, nil
}

// known are the clouds whose directories are known.
func known(clouds []Cloud) (specs []CloudSpec) {
	for _, c := range clouds {
		if c.Dir != "" {
			specs = append(specs, CloudSpec{c.Name, c.Dir})
		}
	}
	return specs
}

// sealed are the contents of the files with keys.
type sealed struct {
	passphrase []byte
	recipients []byte // nil for none
	warning    string
}

// seal gives the files with keys: keys.age as it was copied, if it was. A plugin
// that is not on this machine is no reason to be locked out.
func (j *joining) seal() (s sealed, err error) {
	if s.passphrase = j.Keys.sealed; s.passphrase == nil {
		if s.passphrase, err = j.Keys.SealPassphrase(j.Passphrase, j.WorkFactor); err != nil {
			return s, fmt.Errorf("sealing the keys: %w", err)
		}
	}
	if len(j.Keys.Recipients) > 0 {
		if s.recipients, err = j.Keys.SealRecipients(j.UI); err != nil {
			s.warning = fmt.Sprintf("the recipients of the keys are left out here: %v", err)
		}
	}
	return s, nil
}

// join is build for a vault that exists elsewhere. Until vault.toml is there, at
// the end, there is no vault; what an earlier attempt left is written again.
func (b *builder) join(c *config.Config, keys sealed) error {
	if err := b.vaultDir(); err != nil {
		return err
	}
	if err := b.lock(); err != nil {
		return err
	}
	dir := b.plan.dir
	if err := durable.RemoveTemps(b.disk, dir); err != nil {
		return err
	}
	for i, data := range [][]byte{keys.passphrase, keys.recipients} {
		path := filepath.Join(dir, keysFiles[i])
		there, err := readFile(path)
		if data == nil || err == nil && bytes.Equal(there, data) {
			continue
		}
		if err := b.write(path+stagedSuffix, data); err != nil {
			return err
		}
	}
	text, err := c.Encode()
	if err != nil {
		return err
	}
	if err := b.write(filepath.Join(dir, configName), text); err != nil {
		return err
	}
	b.undos = nil // it is a vault now, whatever becomes of the names
	return finish(b.disk, dir, c)
}

// extend tells a vault that is here of directories, and of the clouds that only
// newer keys know.
func (j *joining) extend(v *Vault) (*Joined, error) {
	if j.Keys.VaultID != v.ID {
		return nil, fmt.Errorf("%w: %s is another vault, %s, and these are the keys of %s", ErrUnusable, v.Dir, v.ID, j.Keys.VaultID)
	}
	for _, c := range v.Clouds {
		if !j.knows(c.ID) {
			return nil, fmt.Errorf("%w: they know nothing of cloud %q of %s", ErrOldKeys, c.Name, v.Dir)
		}
	}
	p := &plan{dir: v.Dir, join: j, clouds: known(j.clouds(v))}
	if err := p.checkApart(); err != nil {
		return nil, err
	}
	change, err := v.change()
	if err != nil {
		return nil, err
	}
	joined, err := j.change(change)
	return joined, errors.Join(err, change.end())
}

func (j *joining) knows(id cipher.ID) bool {
	for _, c := range j.Keys.Clouds {
		if c.ID == id {
			return true
		}
	}
	return false
}

// clouds are those of a vault, with what is known now.
func (j *joining) clouds(v *Vault) []Cloud {
	clouds := append([]Cloud(nil), v.Clouds...)
	for i := range clouds {
		if dir, ok := j.places[clouds[i].ID]; ok {
			clouds[i].Dir = dir
		}
	}
	for _, c := range j.Keys.Clouds {
		if v.cloudByID(c.ID) < 0 {
			clouds = append(clouds, Cloud{c.Name, j.places[c.ID], c.ID})
		}
	}
	return clouds
}

// change writes it down. The keys are replaced only by ones that know more: those
// that are here may have another passphrase.
func (j *joining) change(c *change) (*Joined, error) {
	clouds := j.clouds(c.vault)
	var warning string
	c.config.KeysCopied = c.config.KeysCopied || j.Copied
	if len(clouds) > len(c.vault.Clouds) {
		lock, err := c.vault.Lock()
		if err != nil {
			return nil, err
		}
		defer lock.Release()
		keys, err := j.seal()
		if err != nil {
			return nil, err
		}
		if err := c.stage(keysName, keys.passphrase); err != nil {
			return nil, err
		}
		c.config.RecipientsSHA256, warning = "", keys.warning
		c.config.KeysCopied, c.config.RecoveryKit = j.Copied, j.Keys.Recovery != ""
		if keys.recipients != nil {
			if err := c.stage(recipientsName, keys.recipients); err != nil {
				return nil, err
			}
		}
	}
	c.config.Clouds = nil
	for _, cloud := range clouds {
		c.config.Clouds = append(c.config.Clouds, config.Cloud(cloud))
	}
	if err := c.commit(); err != nil {
		return nil, err
	}
	return &Joined{Vault: newVault(c.config, c.vault.sys, c.vault.Dir), Existed: true, Warning: warning}, nil
}
