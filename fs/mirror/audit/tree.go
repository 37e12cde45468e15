package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
)

// A Tree is everything that lies in one cloud.
type Tree struct {
	Nodes map[string]Node // by plain path; the root is not among them

	// Strange are the backing paths that lead to no node, in order: foreign
	// and temporary entries, copies that sync tools made, sidecars that no
	// entry needs, and entries whose sidecar is not there.
	Strange []string

	// Gone is what the batches of removals say. A batch that does not verify is
	// strange.
	Gone []cipher.Removal
}

// A Node is what one cloud has at one path.
type Node struct {
	Dir    bool
	Mode   uint32         // of a directory
	Header *cipher.Header // of anything else, if it verified
	Info   cloud.Info     // of the backing entry
	Sum    Sum            // of the content
	Err    error          // why it could not be got back if nothing else were left
}

var errTwice = errors.New("two entries have this name")

// Tree reads a whole cloud, every byte of it. An error is about the reading;
// what is wrong with a node is said there.
func (c *Cloud) Tree() (*Tree, error) {
	t := &Tree{Nodes: map[string]Node{}}
	if err := c.walk(t, "", ""); err != nil {
		return nil, err
	}
	if err := c.gone(t); err != nil {
		return nil, err
	}
	slices.Sort(t.Strange)
	return t, nil
}

// gone reads the batches of removals.
func (c *Cloud) gone(t *Tree) error {
	entries, err := c.dir.ReadDir(cipher.GoneName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		at := path.Join(cipher.GoneName, e.Name)
		list, err := c.batch(at, cipher.EntryName(e.Name))
		if err != nil {
			t.Strange = append(t.Strange, at)
		}
		t.Gone = append(t.Gone, list...)
	}
	return err
}

func (c *Cloud) batch(at string, entry cipher.EntryName) ([]cipher.Removal, error) {
	d, err := c.keys.DecodeEntry(entry, func(cipher.EntryName) ([]byte, error) { return nil, cipher.ErrForeign })
	if err != nil || d.Copy || d.Special {
		return nil, errors.Join(cipher.ErrForeign, err)
	}
	f, err := c.dir.Open(at, false)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var content bytes.Buffer
	head, _, err := c.whole(f, &content)
	if err != nil {
		return nil, err
	}
	if err := c.keys.CheckGone(d.Name, head); err != nil {
		return nil, err
	}
	return cipher.ParseRemovals(content.Bytes())
}

func (c *Cloud) walk(t *Tree, dir, plain string) error {
	entries, err := c.dir.ReadDir(dir)
	if err != nil {
		return err
	}
	unused := map[string]bool{} // entries that no node has asked for yet
	for _, e := range entries {
		unused[e.Name] = true
	}
	if dir == "" {
		delete(unused, cipher.MarkerName)
		delete(unused, cipher.GoneName)
	}
	for _, e := range entries {
		d, err := c.keys.DecodeEntry(cipher.EntryName(e.Name), func(name cipher.EntryName) ([]byte, error) {
			data, err := c.sidecar(path.Join(dir, string(name)))
			if err == nil {
				delete(unused, string(name))
			}
			return data, err
		})
		if err != nil || d.Copy || !e.Dir && !e.Regular {
			continue
		}
		delete(unused, e.Name)
		at := path.Join(plain, string(d.Name))
		if n, twice := t.Nodes[at]; twice {
			n.Err = errTwice
			t.Nodes[at] = n
			continue
		}
		t.Nodes[at] = c.node(path.Join(dir, e.Name), d.Special)
		if e.Dir {
			if err := c.walk(t, path.Join(dir, e.Name), at); err != nil {
				return err
			}
		}
	}
	for name := range maps.Keys(unused) {
		t.Strange = append(t.Strange, path.Join(dir, name))
	}
	return nil
}

func (c *Cloud) sidecar(entry string) ([]byte, error) {
	f, err := c.dir.Open(entry, false)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.NewSectionReader(f, 0, cipher.MaxSidecar+1))
	return data, errors.Join(err, f.Close())
}

func (c *Cloud) node(entry string, special bool) Node {
	info, err := c.dir.Stat(entry)
	n := Node{Dir: info.Dir, Mode: info.Mode, Info: info, Err: err}
	if err != nil || n.Dir {
		return n
	}
	f, err := c.dir.Open(entry, false)
	if err != nil {
		n.Err = err
		return n
	}
	n.Header, n.Sum, n.Err = c.whole(f, io.Discard)
	if n.Err == nil && n.Header.Type.Special() != special {
		n.Err = fmt.Errorf("%w: a %v under the entry of another type", cipher.ErrDamaged, n.Header.Type)
	}
	n.Err = errors.Join(n.Err, f.Close())
	return n
}
