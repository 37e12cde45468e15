package index

import (
	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// maxLooks is how many looks may leave pages of the file mapped: with each the kernel maps up to 64 KiB. They are the page cache's, and
// yet they count as the memory of this process: of an index of a million names that would be more than of all the rest.
const maxLooks = 512

// unmap lets go of the pages that were looked at, once they are many. The file stays mapped, and a page that is looked at again
// comes from the page cache. As long as the snapshot is there bbolt maps nothing elsewhere.
func (ix *Index) unmap(tx *bolt.Tx, looks int64) {
	if ix.looks.Add(looks) < maxLooks {
		return
	}
	ix.looks.Store(0)
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, tx.DB().Info().Data, uintptr(tx.Size()), unix.MADV_DONTNEED)
}
