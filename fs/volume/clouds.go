package volume

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/mirror/audit"
	"github.com/overcast-fs/overcast/fs/vault"
)

// CheckClouds looks at every cloud's directory as far as that needs no key, so
// that a hopeless command ends before it asks for the passphrase. The error is
// an [*Error].
func CheckClouds(v *vault.Vault) error {
	var reasons []error
	for i, err := range look(v, anyCloud) {
		c := v.Clouds[i]
		switch {
		case errors.Is(err, vault.ErrWrongCloud):
			return cloudError(v, c, err)
		case errors.Is(err, cloud.ErrNoAnswer): // it may yet
		case err != nil:
			reasons = append(reasons, fmt.Errorf("%s: %w", c.Name, err))
		}
	}
	if len(reasons) == len(v.Clouds) {
		return &Error{What: "vault " + v.Dir, Dir: v.Dir, Err: fmt.Errorf("%w (%w)", ErrNoCloud, reasons[0])}
	}
	return nil
}

// lookTime is how long a cloud's directory may take to show its marker to
// somebody who only wants to know.
const lookTime = time.Second

func anyCloud(vault.Cloud) bool { return true }

// look reads the markers of those clouds, as far as that needs no key, and gives
// what is wrong with each.
func look(v *vault.Vault, which func(vault.Cloud) bool) []error {
	errs := make([]error, len(v.Clouds))
	var all sync.WaitGroup
	for i, c := range v.Clouds {
		if !which(c) {
			continue
		}
		all.Go(func() {
			errs[i] = cloud.Answer(lookTime, func() error { return v.CheckMarker(c.Dir, c.ID, nil) })
		})
	}
	all.Wait()
	return errs
}

func cloudError(v *vault.Vault, c vault.Cloud, err error) error {
	return &Error{What: "cloud " + c.Name, Dir: v.Dir, Err: err}
}

// openClouds opens the directory of every cloud, and locks those that are local
// and are to be changed: without locks none is. One that is missing or holds no
// valid marker is absent, with the reason; were folders swapped, or is one in use
// elsewhere, using either would spoil it.
func openClouds(v *vault.Vault, keys *vault.Keys, locks *cloudLocks) (clouds []mirror.CloudConfig, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, closeClouds(clouds))
		}
	}()
	for i, c := range v.Clouds {
		k, err := keys.Cipher(i)
		if err != nil {
			return clouds, cloudError(v, c, err)
		}
		config := mirror.CloudConfig{Name: c.Name, ID: c.ID, Cipher: k}
		config.Open = func() (cloud.Dir, error) { return openCloud(v, c, k, locks, cloud.OpenDir) }
		config.Dir, err = config.Open()
		if err != nil {
			config.Dir, config.Reason = nil, err.Error()
		}
		clouds = append(clouds, config)
		if errors.Is(err, vault.ErrWrongCloud) && swapped(v, keys, c) || errors.Is(err, ErrCloudInUse) {
			return clouds, cloudError(v, c, err)
		}
	}
	return clouds, nil
}

// swapped reports whether the directory of a cloud holds the marker of another
// cloud of the vault, as only who has that one's key, or its folder, can have put
// it there.
func swapped(v *vault.Vault, keys *vault.Keys, c vault.Cloud) bool {
	for i, other := range v.Clouds {
		if other.ID == c.ID {
			continue
		}
		k, err := keys.Cipher(i)
		if err != nil {
			continue
		}
		err = v.CheckMarker(c.Dir, other.ID, k)
		k.Wipe()
		if err == nil {
			return true
		}
	}
	return false
}

// leaveAlone closes every cloud but one, which has to be there.
func leaveAlone(clouds []mirror.CloudConfig, name string) error {
	var errs []error
	missing := errors.New("the vault has no such cloud")
	for i := range clouds {
		c := &clouds[i]
		switch {
		case c.Name == name && c.Dir != nil:
			missing = nil
		case c.Name == name:
			missing = errors.New(c.Reason)
		case c.Dir != nil:
			errs = append(errs, c.Dir.Close())
			c.Dir, c.Open, c.Reason = nil, nil, "left out: "+name+" is shown alone"
		}
	}
	return errors.Join(append(errs, missing)...)
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

// openCloud opens one directory and checks its marker under the cloud's key,
// again whenever it did not answer for a while and is opened anew.
func openCloud(v *vault.Vault, c vault.Cloud, key *cipher.Cloud, locks *cloudLocks, open func(path string) (cloud.Dir, error)) (cloud.Dir, error) {
	if c.Dir == "" {
		return nil, v.CheckMarker(c.Dir, c.ID, key)
	}
	dir, err := cloud.Bounded(func() (cloud.Dir, error) {
		dir, err := open(c.Dir)
		if err != nil {
			return nil, err
		}
		err = v.CheckMarker(c.Dir, c.ID, key)
		if err == nil && locks != nil {
			if sf, failed := dir.Statfs(); failed == nil && !sf.Remote {
				err = locks.take(c)
			}
		}
		if err != nil {
			return nil, errors.Join(err, dir.Close())
		}
		return dir, nil
	}, cloud.AnswerTime)
	if err != nil || locks == nil {
		return dir, err
	}
	limited, err := limit(dir)
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return limited, nil
}

// limit finds out what the filesystem of a directory that is to be changed lacks, and makes sure that it can hold a cloud. One that
// takes nothing just now is not asked.
func limit(dir cloud.Dir) (cloud.Dir, error) {
	if sf, err := dir.Statfs(); err != nil || sf.Whole {
		return dir, nil // the first change will tell
	}
	f, err := cloud.Probe(dir)
	switch {
	case errors.Is(err, cloud.ErrNoAnswer), errors.Is(err, cloud.ErrAbsent):
		return nil, err
	case err != nil:
		return dir, nil
	case !f.Offset:
		return nil, ErrNoOffset
	}
	return cloud.Limited(dir, f), nil
}

// Copies are the clouds of a vault that are there, each to be read by itself,
// beside a mount or an open volume.
type Copies struct {
	List   []Copy
	vault  *vault.Vault
	opened []mirror.CloudConfig
}

// A Copy is one cloud, to be read by itself.
type Copy struct {
	Name string
	*audit.Cloud
}

// OpenCopies opens them. The keys stay the caller's.
func OpenCopies(v *vault.Vault, keys *vault.Keys) (*Copies, error) {
	opened, err := openClouds(v, keys, nil)
	if err != nil {
		return nil, err
	}
	c := &Copies{vault: v, opened: opened}
	for _, o := range opened {
		if o.Dir != nil {
			c.List = append(c.List, Copy{o.Name, audit.New(o.Dir, o.Cipher)})
		}
	}
	return c, nil
}

// Close closes the directories and forgets the keys.
func (c *Copies) Close() error { return closeClouds(c.opened) }
