package heal

import (
	"errors"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// An inode is a file with several names, seen from a cloud that lacks them.
type inode struct {
	to, cloud int
	ino       uint64
}

func several(k int, at compare.Spot) inode {
	if at.Info.Nlink < 2 {
		return inode{}
	}
	return inode{cloud: k, ino: at.Info.Ino}
}

// link gives a file that the cloud has at another name one more, if it can.
func (h *Healer) link(b *build, want judge.Version) (done bool, err error) {
	if h.linkless[b.step.Cloud] {
		return false, nil
	}
	for _, path := range h.c.Elsewhere(b.step.Cloud, want) {
		at, ok := h.c.Find(judge.Source{Cloud: b.step.Cloud, Name: judge.Name(path)}, want)
		if !ok || at.Head.FileID != want.ID || cipher.Compare(at.Head.Version, want.Vector) != cipher.Equal {
			continue
		}
		return h.linkTo(b, at.Path, *at.Head)
	}
	return false, nil
}

// linkAgain gives a name to a file that this healing has brought to the cloud
// under another: one that has several names where it comes from.
func (h *Healer) linkAgain(b *build) (done bool, err error) {
	if h.linkless[b.cloud.Index] {
		return false, nil
	}
	for _, s := range b.from {
		s.inode.to = b.cloud.Index
		if _, known := h.linked[s.inode]; !known || s.inode.ino == 0 {
			continue
		}
		b.link = &s.inode
		return true, h.queue(b)
	}
	for _, s := range b.from {
		if s.inode.to = b.cloud.Index; s.inode.ino != 0 {
			h.linked[s.inode] = ""
			b.inodes = append(b.inodes, s.inode)
		}
	}
	return false, nil
}

// linkLate gives a name to a file that has just been brought to the cloud.
func (h *builder) linkLate(b *build) error {
	path := h.linked[*b.link]
	if path == "" {
		return errNoSource
	}
	head, err := b.cloud.Header(path)
	if err != nil {
		return err
	}
	done, err := h.linkTo(b, path, *head)
	if err == nil && !done {
		err = cloud.ErrUnsupported
	}
	return err
}

// linkTo gives a file of the cloud one more name, unless it has no links.
func (h *builder) linkTo(b *build, path string, head cipher.Header) (done bool, err error) {
	if err := b.cloud.Dir.Remove(b.temp); err != nil && !replica.Missing(err) {
		return false, err
	}
	if err := b.cloud.Dir.Link(path, b.temp); err != nil {
		if errors.Is(err, cloud.ErrUnsupported) {
			h.linkless[b.cloud.Index] = true
			return false, nil
		}
		return false, err
	}
	b.head = head
	err = h.place(b)
	if err != nil {
		if gone := b.cloud.Dir.Remove(b.temp); gone != nil && !replica.Missing(gone) {
			err = errors.Join(err, gone)
		}
	}
	return true, err
}
