package removals

import (
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// An Entry is where a cloud has a batch.
type Entry struct {
	Name cipher.PlainName
	Path string
}

// List lists the batches of a cloud, and temporary files of this program's beside them. What is not named as a batch is foreign
// there.
func List(c *replica.Cloud) (batches []Entry, temps []string, err error) {
	entries, err := c.Dir.ReadDir(cipher.GoneName)
	if replica.Missing(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		path := replica.Join(cipher.GoneName, e.Name)
		if e.Regular && cipher.EntryName(e.Name).MayBeOwnTemp() {
			temps = append(temps, path)
		}
		d, err := c.Keys.DecodeEntry(cipher.EntryName(e.Name), func(cipher.EntryName) ([]byte, error) { return nil, cipher.ErrForeign })
		if err != nil || d.Copy || d.Special || !e.Regular {
			continue
		}
		if _, err := cipher.ParseGoneEntry(d.Name); err == nil {
			batches = append(batches, Entry{d.Name, path})
		}
	}
	return batches, temps, nil
}

// Writers are those who have left batches in some of these clouds, as far as they can be listed.
func Writers(in []*replica.Cloud) (list []uint32) {
	for _, c := range in {
		batches, _, _ := List(c)
		for _, e := range batches {
			if v, err := cipher.ParseGoneEntry(e.Name); err == nil && !slices.Contains(list, v.Writer) {
				list = append(list, v.Writer)
			}
		}
	}
	return list
}
