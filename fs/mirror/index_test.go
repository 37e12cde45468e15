package mirror_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/index"
)

// kept is a box's index: what is in its file between mounts, and the one that is open. Where there is a filesystem in memory it
// lies there. Rules make it fail: "apply" before a transaction, "applied" although it is made, "view" and "lose".
type kept struct {
	files *indexFiles
	rules *cloudtest.Rules

	mu   sync.Mutex // guards the rest
	file []extent   // while none is open
	live *index.Index
	path string                  // of live
	rows map[string]indexed      // of the last one that was closed
	ids  []cipher.ID             // of the clouds
	owed map[int]map[string]bool // by cloud, of the last one that was closed: what it is known not to have
}

// extent is a part of a sparse file; the last one is empty and at its end.
type extent struct {
	off  int64
	data []byte
}

// indexFiles is where the files of all boxes of a test lie.
type indexFiles struct {
	dir  string
	made atomic.Int64
	mu   sync.Mutex // guards open
	open map[*index.Index]string
}

// shared is a filesystem in memory, where a transaction costs no write to a disk.
const shared = "/dev/shm"

// swept removes, once in a process, what tests that were killed have left there.
var swept = sync.OnceFunc(func() {
	left, _ := filepath.Glob(filepath.Join(shared, "overcast-index-*"))
	for _, dir := range left {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < time.Minute {
			continue // it may not be locked yet
		}
		if free, err := lockDir(dir); err == nil {
			_ = os.RemoveAll(dir)
			_ = free.Close()
		}
	}
})

// lockDir locks a directory as long as the file is open.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// indexDir is a directory that goes with the test.
func indexDir(t *testing.T) string {
	if info, err := os.Stat(shared); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	above, err := ownDir()
	check(t, err)
	dir, err := os.MkdirTemp(above, "")
	check(t, err)
	t.Cleanup(func() { check(t, os.RemoveAll(dir)) })
	return dir
}

// ownDir makes, once in a process, the directory of all its indexes, which is locked until the process ends: a run of a hundred
// thousand stories has not that many descriptors. An empty one is left for the next run to sweep.
var ownDir = sync.OnceValues(func() (dir string, err error) {
	swept()
	if dir, err = os.MkdirTemp(shared, "overcast-index-"); err == nil {
		held, err = lockDir(dir)
	}
	return dir, err
})

// held is the lock of ownDir.
var held *os.File

func newKept(t *testing.T) *kept {
	files := &indexFiles{dir: indexDir(t), open: map[*index.Index]string{}}
	t.Cleanup(func() {
		files.mu.Lock()
		defer files.mu.Unlock()
		for ix := range files.open {
			_ = ix.Close() // of a box that was left after a crash
		}
	})
	return &kept{files: files, rules: cloudtest.NewRules()}
}

// clone is the same index at this moment, without what makes it fail.
func (k *kept) clone() *kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	return &kept{files: k.files, rules: cloudtest.NewRules(), file: k.now(), rows: k.rows, ids: k.ids, owed: k.owed}
}

// now is the file as it is. The caller holds mu.
func (k *kept) now() []extent {
	if k.live == nil {
		return k.file
	}
	file, err := readSparse(k.path)
	if err != nil {
		panic(err)
	}
	return file
}

func readSparse(path string) (list []extent, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for at := int64(0); ; {
		lo, err := f.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			end, err := f.Seek(0, 2)
			return append(list, extent{off: end}), err
		}
		if err != nil {
			return nil, err
		}
		hi, err := f.Seek(lo, unix.SEEK_HOLE)
		if err != nil {
			return nil, err
		}
		data := make([]byte, hi-lo)
		if _, err := f.ReadAt(data, lo); err != nil {
			return nil, err
		}
		list, at = append(list, extent{lo, data}), hi
	}
}

func writeSparse(path string, list []extent) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	for _, e := range list {
		if len(e.data) > 0 {
			_, err = f.WriteAt(e.data, e.off)
		} else {
			err = f.Truncate(e.off)
		}
		if err != nil {
			break
		}
	}
	return errors.Join(err, f.Close())
}

// open opens it for a mirror over the disk of a box, as it is now: one that is open is that of a process that is dead.
func (k *kept) open(b *box) (*rigged, error) {
	k.drop()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ids = b.ids
	k.path = filepath.Join(k.files.dir, strconv.FormatInt(k.files.made.Add(1), 10))
	if k.file != nil {
		if err := writeSparse(k.path, k.file); err != nil {
			return nil, err
		}
	}
	ix, err := index.Open(index.Config{Path: k.path, StateKey: &[32]byte{2}, Vault: b.vault, Clock: b.clock.peek, Reserve: -1})
	if err != nil {
		return nil, err
	}
	k.live = ix
	k.files.mu.Lock()
	k.files.open[ix] = k.path
	k.files.mu.Unlock()
	return &rigged{ix, k, b.disk}, nil
}

// drop closes what is open.
func (k *kept) drop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.live == nil {
		return
	}
	k.file = k.now()
	_ = k.live.Close() // what is in the file counts
	_ = os.Remove(k.path)
	k.files.mu.Lock()
	delete(k.files.open, k.live)
	k.files.mu.Unlock()
	k.live = nil
}

// should gives the rows that say that something is there, by path.
func (k *kept) should() map[string]indexed {
	k.mu.Lock()
	live, rows := k.live, k.rows
	k.mu.Unlock()
	if live == nil {
		return rows
	}
	rows, err := rowsOf(live)
	if err != nil {
		panic(err)
	}
	return rows
}

// owes gives the paths that clouds owe.
func (k *kept) owes() map[int]map[string]bool {
	k.mu.Lock()
	live, owed := k.live, k.owed
	k.mu.Unlock()
	if live == nil {
		return owed
	}
	owed, err := owedIn(live, k.ids)
	if err != nil {
		panic(err)
	}
	return owed
}

// rowsOf reads the index from the root down. What it says of a name, it says of the file or directory there.
func rowsOf(ix *index.Index) (map[string]indexed, error) {
	rows := map[string]indexed{}
	err := ix.View(func(v *index.View) error {
		var walk func(prefix string, d index.Dir) error
		walk = func(prefix string, d index.Dir) error {
			for r, err := range v.List(d, index.Cursor{}) {
				if err != nil {
					return err
				}
				path, k := prefix+unspell(string(r.Place.Name)), r.Known
				switch k.Kind {
				case index.IsFile:
					rows[path] = indexed{file: k.File.ID, version: k.Version.Vector}
				case index.IsDir:
					rows[path] = indexed{dir: true}
					if err := walk(path+"/", k.Dir); err != nil {
						return err
					}
				}
			}
			return nil
		}
		return walk("", index.Root)
	})
	return rows, err
}

// owedIn gives the paths that the index says clouds owe.
func owedIn(ix *index.Index, clouds []cipher.ID) (map[int]map[string]bool, error) {
	owed := map[int]map[string]bool{}
	err := ix.View(func(v *index.View) error {
		for k, id := range clouds {
			owed[k] = map[string]bool{}
			for o, err := range v.Debts(id, index.Cursor{}) {
				if err != nil {
					return err
				}
				dir, ok, err := v.Path(o.Place.Dir)
				if err != nil {
					return err
				}
				if ok {
					owed[k][unspell(strings.TrimPrefix(dir+"/"+string(o.Place.Name), "/"))] = true
				}
			}
		}
		return nil
	})
	return owed, err
}

// rigged is an index that can fail, and whose transactions are operations of the disk, so that it can be killed before one.
type rigged struct {
	*index.Index
	kept *kept
	disk *cloudtest.Disk
}

func (r *rigged) applied() (a index.Applied) {
	_ = r.Index.View(func(v *index.View) (err error) { // nothing is applied in one that cannot be read
		a, err = v.Applied()
		return err
	})
	return a
}

func (r *rigged) View(fn func(*index.View) error) error {
	if err := r.kept.rules.Fail("view"); err != nil {
		return err
	}
	return r.Index.View(fn)
}

func (r *rigged) Apply(b *index.Batch) error {
	if err := r.disk.Step("index", fmt.Sprintf("transaction of %d rows", b.Len())); err != nil {
		return err
	}
	if err := r.kept.rules.Fail("apply"); err != nil {
		return err
	}
	if err := r.Index.Apply(b); err != nil {
		return err
	}
	return r.kept.rules.Fail("applied")
}

func (r *rigged) Lose(why string) error {
	if err := r.kept.rules.Fail("lose"); err != nil {
		return err
	}
	return r.Index.Lose(why)
}

// Close reads what the index has come to.
func (r *rigged) Close() error {
	rows, err := rowsOf(r.Index)
	owed, failed := owedIn(r.Index, r.kept.ids)
	err = errors.Join(err, failed)
	r.kept.mu.Lock()
	current := r.kept.live == r.Index
	if current {
		r.kept.rows, r.kept.owed = rows, owed
	}
	r.kept.mu.Unlock()
	if current {
		r.kept.drop()
	}
	return err
}
