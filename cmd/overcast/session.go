package main

import (
	"errors"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/redo"
	"github.com/overcast-fs/overcast/fs/vault"
)

// session is a vault in use: locked, unlocked and with its mirror open.
type session struct {
	vault  *vault.Vault
	mirror *mirror.Mirror
	state  *vault.State
	lock   *vault.Lock
}

// sessionOptions are the choices that a mount has and a single command has not.
type sessionOptions struct {
	readOnly bool
	fsyncAll bool
	logger   *slog.Logger
}

// unlock asks for the passphrase and derives the keys, which the caller wipes.
func unlock(cmd *cobra.Command, v *vault.Vault, from *passphraseFlags) (*vault.Keys, error) {
	pass, err := from.read(cmd, "Passphrase for "+quoteName(v.Dir)+": ", false)
	if err != nil {
		return nil, err
	}
	defer clear(pass)
	keys, err := v.Unlock(pass)
	switch {
	case errors.Is(err, vault.ErrWrongPassphrase):
		return nil, failf(exitPassphrase, "%w", err)
	case err != nil:
		return nil, failf(exitUnusable, "vault: %w", err)
	case cmd.Context().Err() != nil:
		keys.Wipe()
		return nil, errInterrupted
	}
	return keys, nil
}

// openSession opens the state and every cloud that is there. It takes over the lock, and wipes the keys.
func openSession(v *vault.Vault, lock *vault.Lock, keys *vault.Keys, o sessionOptions) (s *session, err error) {
	defer keys.Wipe()
	s = &session{vault: v, lock: lock}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.state, err = v.OpenState(keys); err != nil {
		return s, failf(exitUnusable, "vault: %w", err)
	}
	s.mirror, err = s.openMirror(keys, o)
	return s, err
}

// openMirror opens the clouds, then the redo log, then the mirror over them, which replays the log.
func (s *session) openMirror(keys *vault.Keys, o sessionOptions) (*mirror.Mirror, error) {
	clouds, err := openClouds(s.vault, keys)
	if err != nil {
		return nil, err
	}
	log, err := redo.Open(redo.DirStore(s.state.RedoDir()), (*[32]byte)(&keys.StateKey))
	if err != nil {
		return nil, errors.Join(failf(exitUnusable, "vault: redo log: %w", err), closeClouds(clouds))
	}
	m, err := mirror.New(mirror.Config{
		Clouds:    clouds,
		State:     s.state,
		Log:       log,
		Logger:    o.logger,
		Owners:    os.Geteuid() == 0,
		ReadOnly:  o.readOnly,
		FsyncAll:  o.fsyncAll,
		MinCopies: s.vault.Settings.MinCopies,
	})
	if errors.Is(err, mirror.ErrNoCloud) {
		err = failf(exitUnusable, "%w", err).advise("overcast status %s", quoteName(s.vault.Dir))
	}
	if err != nil {
		return nil, errors.Join(err, log.Close(), closeClouds(clouds))
	}
	return m, nil
}

// Close commits everything, leaves the summary for status and gives the vault back.
func (s *session) Close() error {
	var errs []error
	if s.mirror != nil {
		errs = append(errs, s.mirror.Close(), s.vault.WriteSummary(s.summary()))
	}
	if s.state != nil {
		errs = append(errs, s.state.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Release())
	}
	return errors.Join(errs...)
}

// summary is what status tells about this session when no passphrase is at hand. A cloud that is marked behind stays so
// whether it is there or not: that outlives the session.
func (s *session) summary() vault.Summary {
	status, behind := s.mirror.Status(), s.state.Behind()
	sum := vault.Summary{ReadOnly: status.ReadOnly, Lead: status.Lead}
	for i, c := range s.vault.Clouds {
		line := vault.SummaryCloud{Name: c.Name, Dir: c.Dir, State: vault.CloudState(status.Clouds[i].State), Reason: status.Clouds[i].Reason}
		if b, ok := behind[c.ID]; ok {
			line.State, line.Reason = vault.CloudBehind, b.Reason
		}
		sum.Clouds = append(sum.Clouds, line)
	}
	return sum
}

// openClouds opens the directory of every cloud. One that is missing or holds no valid marker is absent, with the reason.
func openClouds(v *vault.Vault, keys *vault.Keys) (clouds []mirror.CloudConfig, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, closeClouds(clouds))
		}
	}()
	for i, c := range v.Clouds {
		k, err := keys.Cipher(i)
		if err != nil {
			return clouds, failf(exitUnusable, "cloud %s: %w", c.Name, err)
		}
		config := mirror.CloudConfig{Name: c.Name, ID: c.ID, Cipher: k}
		config.Dir, err = openCloud(v, c, k)
		if err != nil {
			config.Dir, config.Reason = nil, err.Error()
		}
		clouds = append(clouds, config)
		if errors.Is(err, vault.ErrWrongCloud) {
			return clouds, wrongCloud(v, c, err)
		}
	}
	return clouds, nil
}

func closeClouds(clouds []mirror.CloudConfig) error {
	var errs []error
	for _, c := range clouds {
		if c.Dir != nil {
			errs = append(errs, c.Dir.Close())
		}
		c.Cipher.Wipe()
	}
	return errors.Join(errs...)
}

// openCloud opens one directory and checks its marker under the cloud's key.
func openCloud(v *vault.Vault, c vault.Cloud, key *cipher.Cloud) (cloud.Dir, error) {
	dir, err := cloud.OpenDir(c.Dir)
	if err != nil {
		return nil, err
	}
	if err := v.CheckMarker(c.Dir, c.ID, key); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}
