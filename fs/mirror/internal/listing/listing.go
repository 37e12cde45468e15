package listing

import (
	"io/fs"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// A Listing is a directory as its clouds show it.
type Listing struct {
	Names  []Name
	Copies []Copy                   // of names, that sync tools made
	at     map[cipher.PlainName]int // in Names
	asked  int                      // clouds
}

// A Name is what clouds show of it.
type Name struct {
	Name    cipher.PlainName
	Dir     bool
	Special bool // spelt with the letter w
	Cloud   int  // the first that shows it
	Ino     uint64

	odd    bool // not alike everywhere
	clouds int
}

// A Copy is an entry that a sync tool made of a name.
type Copy struct {
	Name  cipher.PlainName
	Cloud int
	Entry cloud.Entry // by its backing path
}

// Read reads a directory, which is at a path in each cloud, in every one that is up.
func Read(all *clouds.Clouds, dir func(k int) (path string, ok bool)) (*Listing, error) {
	l := &Listing{at: map[cipher.PlainName]int{}}
	absent := 0
	err := all.Reach("readdir", func(cl *clouds.Cloud) error {
		path, _ := dir(cl.Index)
		entries, err := cl.Dir.ReadDir(path)
		if replica.Missing(err) {
			absent++
			l.asked++
			return nil
		}
		if err != nil {
			return err
		}
		l.asked++
		for _, e := range entries {
			d, of := decode(cl.Cloud, path, e)
			switch of {
			case ofName:
				l.add(cl.Index, e, d.Name, d.Special)
			case ofCopy:
				e.Name = replica.Join(path, e.Name)
				l.Copies = append(l.Copies, Copy{d.Name, cl.Index, e})
			}
		}
		return nil
	})
	if err == nil && absent == l.asked {
		err = fs.ErrNotExist
	}
	return l, err
}

func (l *Listing) add(k int, e cloud.Entry, name cipher.PlainName, special bool) {
	i, ok := l.at[name]
	if !ok {
		i = len(l.Names)
		l.at[name] = i
		l.Names = append(l.Names, Name{Name: name, Dir: e.Dir, Special: special, Cloud: k, Ino: e.Ino})
	}
	at := &l.Names[i]
	at.clouds++
	at.odd = at.odd || at.Dir != e.Dir || at.Special != special
}

// Has reports whether some cloud shows a name.
func (l *Listing) Has(name cipher.PlainName) bool {
	_, ok := l.at[name]
	return ok
}

// Agreed reports whether every cloud that was asked shows the name, alike, and
// nothing that is known speaks against it.
func (l *Listing) Agreed(n *Name, known index.Known) bool {
	if n.odd || n.clouds != l.asked {
		return false
	}
	switch known.Kind {
	case index.Unknown:
		return true
	case index.IsDir:
		return n.Dir
	case index.IsFile:
		return !n.Dir && known.File.Type.Special() == n.Special
	}
	return false
}

// Decode returns the plaintext name of a primary entry. ok is false for
// anything else: foreign, metadata, temporary, a copy.
func Decode(cl *replica.Cloud, dir string, e cloud.Entry) (name cipher.PlainName, special, ok bool) {
	d, of := decode(cl, dir, e)
	if of != ofName {
		return "", false, false
	}
	return d.Name, d.Special, true
}

// what an entry is.
const (
	ofNothing = iota
	ofName
	ofCopy
)

func decode(cl *replica.Cloud, dir string, e cloud.Entry) (d cipher.Decoded, of int) {
	if strings.HasPrefix(e.Name, ".") || !e.Dir && !e.Regular {
		return d, ofNothing
	}
	d, err := cl.DecodeEntry(dir, e.Name)
	switch {
	case err != nil:
		return d, ofNothing
	case d.Copy || e.Dir && d.Special:
		return d, ofCopy
	}
	return d, ofName
}
