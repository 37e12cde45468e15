package step

import (
	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// FreeName is the name under which what is put aside goes on: that of a conflict's loser,
// or one more that follows from it where that is taken.
func FreeName(name cipher.PlainName, sec int64, id cipher.ID, taken func(cipher.PlainName) (bool, error)) (cipher.PlainName, error) {
	for {
		plain := cipher.ConflictName(name, sec, id)
		if is, err := taken(plain); err != nil || !is {
			return plain, err
		}
		id = cipher.ConflictID(id, id)
	}
}

// Taken reports whether a cloud has something at a name in a directory, with the letter
// w or without it.
func Taken(c *replica.Cloud, dir string, plain cipher.PlainName) (bool, error) {
	name, err := c.Keys.EncodeName(plain)
	if err != nil {
		return false, err
	}
	for _, special := range []bool{false, true} {
		if _, err := c.Dir.Stat(replica.Join(dir, replica.Entry(name, special))); !replica.Missing(err) {
			return true, err
		}
	}
	return false, nil
}
