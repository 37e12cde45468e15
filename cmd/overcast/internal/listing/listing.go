// Package listing is the columns of a long listing, as ls shows them.
package listing

import (
	"fmt"
	"os/user"

	"golang.org/x/sys/unix"
)

// Mode is the mode as ls shows it: a letter for the type, then three for each class.
func Mode(mode uint32) string {
	letters := map[uint32]byte{unix.S_IFREG: '-', unix.S_IFDIR: 'd', unix.S_IFLNK: 'l', unix.S_IFIFO: 'p', unix.S_IFSOCK: 's',
		unix.S_IFCHR: 'c', unix.S_IFBLK: 'b'}
	s := []byte("?rwxrwxrwx")
	if letter, ok := letters[mode&unix.S_IFMT]; ok {
		s[0] = letter
	}
	for i := range 9 {
		if mode&(1<<(8-i)) == 0 {
			s[1+i] = '-'
		}
	}
	special := []struct {
		bit      uint32
		at       int
		set, off byte // with and without the right to execute
	}{{unix.S_ISUID, 3, 's', 'S'}, {unix.S_ISGID, 6, 's', 'S'}, {unix.S_ISVTX, 9, 't', 'T'}}
	for _, b := range special {
		switch {
		case mode&b.bit == 0:
		case s[b.at] == 'x':
			s[b.at] = b.set
		default:
			s[b.at] = b.off
		}
	}
	return string(s)
}

// Owners remembers the names of users and groups.
type Owners struct{ users, groups map[uint32]string }

// NewOwners remembers nobody yet.
func NewOwners() Owners { return Owners{users: map[uint32]string{}, groups: map[uint32]string{}} }

// User is the name of a user, or the number of one without a name.
func (o Owners) User(id uint32) string {
	if _, ok := o.users[id]; !ok {
		o.users[id] = fmt.Sprint(id)
		if u, err := user.LookupId(fmt.Sprint(id)); err == nil {
			o.users[id] = u.Username
		}
	}
	return o.users[id]
}

// Group is the same for a group.
func (o Owners) Group(id uint32) string {
	if _, ok := o.groups[id]; !ok {
		o.groups[id] = fmt.Sprint(id)
		if g, err := user.LookupGroupId(fmt.Sprint(id)); err == nil {
			o.groups[id] = g.Name
		}
	}
	return o.groups[id]
}
