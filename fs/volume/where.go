package volume

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/audit"
	"github.com/overcast-fs/overcast/fs/vault"
)

// A Located is one path, and what each cloud has there.
type Located struct {
	Path   string         `json:"path"`
	Copy   bool           `json:"tool_copy"` // the entry that was asked for is a sync tool's copy of this path
	Clouds []LocatedCloud `json:"clouds"`
}

// A LocatedCloud is what one cloud has at a path.
type LocatedCloud struct {
	Name   string `json:"name"`
	State  string `json:"state"` // ok, older, conflict, missing, damaged, unreadable or absent
	File   string `json:"file"`  // "" where the cloud is absent
	Reason string `json:"reason"`

	head *cipher.Header
}

// ErrNowhere means that a path leads to nothing in any cloud.
var ErrNowhere = errors.New("no cloud has it, and it is no entry of a name")

// Locate finds a path, or the one that a backing file has. It takes what lies in
// a cloud's folder as an entry, then what the vault has as a path, and then what
// is spelled like an entry as one.
func (c *Copies) Locate(arg string) (Located, error) {
	if l, ok := c.inFolder(arg); ok {
		return l, nil
	}
	plain := strings.TrimPrefix(path.Clean("/"+arg), "/")
	l, err := c.everywhere(plain)
	if err == nil && l.somewhere() {
		return l, nil
	}
	for _, one := range c.List {
		if plain, toolCopy, err := one.Plain(filepath.ToSlash(filepath.Clean(arg))); err == nil {
			l, err := c.everywhere(plain)
			l.Copy = toolCopy
			return l, err
		}
	}
	if err == nil {
		err = ErrNowhere
	}
	return l, err
}

// inFolder is for what is in the folder of a cloud.
func (c *Copies) inFolder(arg string) (Located, bool) {
	abs, err := Canonical(arg)
	if err != nil {
		return Located{}, false
	}
	for _, one := range c.List {
		folder, err := Canonical(c.folder(one.Name))
		if err != nil {
			continue
		}
		entry, err := filepath.Rel(folder, abs)
		if err != nil || entry == "." || !filepath.IsLocal(entry) {
			continue
		}
		plain, toolCopy, err := one.Plain(entry)
		if err != nil {
			continue
		}
		l, err := c.everywhere(plain)
		l.Copy = toolCopy
		return l, err == nil
	}
	return Located{}, false
}

func (c *Copies) folder(name string) string {
	for _, v := range c.vault.Clouds {
		if v.Name == name {
			return v.Dir
		}
	}
	return ""
}

// everywhere looks into each cloud.
func (c *Copies) everywhere(plain string) (Located, error) {
	l := Located{Path: "/" + plain}
	for _, v := range c.vault.Clouds {
		at := LocatedCloud{Name: v.Name, State: string(vault.CloudAbsent)}
		for _, open := range c.List {
			if open.Name != v.Name {
				continue
			}
			spot, err := open.Where(plain)
			if err != nil {
				return l, err
			}
			at = c.describe(v.Name, spot)
		}
		l.Clouds = append(l.Clouds, at)
	}
	l.compare()
	return l, nil
}

func (c *Copies) describe(name string, s audit.Spot) LocatedCloud {
	at := LocatedCloud{Name: name, State: "ok", File: filepath.Join(c.folder(name), s.Entry), head: s.Head}
	switch {
	case errors.Is(s.Err, fs.ErrNotExist) && s.Head == nil:
		at.State = "missing"
	case s.Err != nil && s.Head != nil, errors.Is(s.Err, cipher.ErrDamaged):
		at.State, at.Reason = "damaged", s.Err.Error()
		if _, why, ok := strings.Cut(at.Reason, cipher.ErrDamaged.Error()+": "); ok {
			at.Reason = why
		}
	case s.Err != nil:
		at.State, at.Reason = "unreadable", s.Err.Error()
	case s.Head != nil && s.Head.Flags&cipher.Dirty != 0:
		at.State, at.Reason = "damaged", "a change of it was not finished"
	}
	return at
}

// compare tells the versions apart.
func (l *Located) compare() {
	for i := range l.Clouds {
		a := &l.Clouds[i]
		for _, b := range l.Clouds {
			if a.State != "ok" || a.head == nil || b.State == "damaged" || b.head == nil {
				continue
			}
			switch relation := cipher.Compare(a.head.Version, b.head.Version); {
			case a.head.FileID != b.head.FileID || a.head.Type != b.head.Type:
				a.State, a.Reason = "conflict", "another file than in "+b.Name
			case relation == cipher.Less:
				a.State, a.Reason = "older", "than in "+b.Name
			case relation == cipher.Concurrent, relation == cipher.Equal && a.head.CommitID != b.head.CommitID:
				a.State, a.Reason = "conflict", "edited apart from "+b.Name
			}
		}
	}
}

// somewhere reports whether some cloud has something there.
func (l *Located) somewhere() bool {
	for _, c := range l.Clouds {
		if c.State != "missing" && c.State != string(vault.CloudAbsent) {
			return true
		}
	}
	return false
}
