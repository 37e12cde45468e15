package rejoin

import (
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Sweep removes from a directory what was of use to changes that the cloud has
// missed the end of: temporary files, and sidecars without an entry. One that is
// not old may be another machine's: its entry comes when all of that has come.
func (c *Carrier) Sweep(path string) error {
	have, err := c.have(path)
	if err != nil || have.is != directory {
		return err
	}
	entries, err := c.To.Dir.ReadDir(have.path)
	if err != nil {
		return ignoreMissing(err)
	}
	there := map[string]bool{}
	for _, e := range entries {
		there[e.Name] = true
		if cipher.EntryName(e.Name).IsCopyOfLong() {
			there[strings.ToLower(e.Name[:41])] = true // nothing else tells its name
		}
	}
	for _, e := range entries {
		at := replica.Join(have.path, e.Name)
		if !c.To.Litter(have.path, e) || c.hasEntry(at, e.Name, there) {
			continue
		}
		info, err := c.To.Dir.Stat(at)
		if err == nil && c.Calm(info, blankFor) {
			err = c.To.Dir.Remove(at)
		}
		if ignoreMissing(err) != nil {
			return err
		}
	}
	if info, err := c.To.Dir.Stat(have.path); err != nil || info.Mtime.Equal(have.info.Mtime) {
		return err
	}
	return c.To.Dir.Chtimes(have.path, cloud.Times{Mtime: &have.info.Mtime})
}

// hasEntry reports whether a sidecar belongs to an entry that is there.
func (c *Carrier) hasEntry(at, name string, there map[string]bool) bool {
	if !cipher.EntryName(name).IsSidecar() {
		return false
	}
	entry := "x" + name[1:]
	return there[entry] || there[entry+"w"]
}
