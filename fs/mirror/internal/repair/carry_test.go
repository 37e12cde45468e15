package repair_test

import (
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// event is an entry of the log with what carrying it out takes and the log does
// not hold.
type event struct {
	entry   *journal.Entry
	at      string // the file's path then
	temps   []string
	special bool // the entry's file, or what moves, carries the letter w
	over    bool // so does what it replaces, or changes places with
	records []record
	soils   bool           // committed records change
	first   bool           // nothing committed is at stake
	chunks  map[int64]bool // that are in no cloud yet
	sealed  *journal.Sealed
}

// record is a chunk that is written directly.
type record struct {
	i     int64
	plain []byte
	id    cipher.WriteID
}

// carrier does to one cloud what a mirror does, in the same order.
type carrier struct{ *replica.Cloud }

// spell is the cloud's path for a plaintext path, with its last name.
func (c carrier) spell(path string, special bool) (string, cipher.Name) {
	var name cipher.Name
	var parts []string
	list := strings.Split(path, "/")
	for i, p := range list {
		n, err := c.Keys.EncodeName(cipher.PlainName(p))
		if err != nil {
			panic(err)
		}
		name = n
		parts = append(parts, replica.Entry(n, special && i == len(list)-1))
	}
	return strings.Join(parts, "/"), name
}

func (c carrier) dirOf(path string) string {
	dir, _ := cloud.SplitPath(path)
	return dir
}

// enter writes the sidecar that comes before an entry.
func (c carrier) enter(path string, special bool) (string, error) {
	entry, name := c.spell(path, special)
	return entry, c.PutSidecar(c.dirOf(entry), name)
}

// leave removes the sidecar of an entry that is gone.
func (c carrier) leave(path string) error {
	entry, name := c.spell(path, false)
	if name.Sidecar == "" {
		return nil
	}
	if err := c.Dir.Remove(replica.Join(c.dirOf(entry), string(name.Sidecar))); err != nil && !replica.Missing(err) {
		return err
	}
	return nil
}

func (c carrier) do(ev *event) error {
	e := ev.entry
	switch e.Op {
	case journal.OpCreate:
		return c.create(ev)
	case journal.OpDirect:
		return c.direct(ev)
	case journal.OpFresh:
		return c.fresh(ev)
	case journal.OpCommit:
		return c.commit(ev)
	case journal.OpSpecial:
		return c.special(ev)
	case journal.OpMkdir:
		return c.mkdir(e)
	case journal.OpRename:
		return c.rename(ev)
	case journal.OpExchange:
		return c.exchange(ev)
	case journal.OpLink:
		to, err := c.enter(string(e.To), ev.special)
		if err != nil {
			return err
		}
		from, _ := c.spell(string(e.Path), ev.special)
		return c.Dir.Link(from, to)
	case journal.OpUnlink:
		path, _ := c.spell(string(e.Path), ev.special)
		if err := c.Dir.Remove(path); err != nil {
			return err
		}
		return c.leave(string(e.Path))
	case journal.OpRmdir:
		path, _ := c.spell(string(e.Path), false)
		if err := errors.Join(c.tidy(path), c.Dir.Rmdir(path)); err != nil {
			return err
		}
		return c.leave(string(e.Path))
	case journal.OpDirAttr:
		return c.attrs(e)
	}
	return nil
}

func (c carrier) create(ev *event) error {
	e := ev.entry
	path, err := c.enter(string(e.Path), false)
	if err != nil {
		return err
	}
	mode := cipher.BackingMode(*e.Attrs.Mode, false)
	return c.begin(path, cipher.Header{Type: cipher.TypeFile, FileID: *e.File, Salt: [16]byte(e.Salts[c.Index])}, mode)
}

func (c carrier) begin(path string, h cipher.Header, mode uint32) error {
	f, err := c.Dir.Create(path, mode)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	cp, err := c.Begin(path, h, mode)
	if err != nil {
		return err
	}
	return cp.Close()
}

// file is where an event's file is.
func (c carrier) file(ev *event) string {
	path, _ := c.spell(ev.at, false)
	if ev.temps == nil {
		return path
	}
	return replica.Join(c.dirOf(path), ev.temps[c.Index])
}

func (c carrier) direct(ev *event) error {
	cp, err := c.Open(c.file(ev), true)
	if err != nil {
		return err
	}
	defer cp.Close()
	for _, r := range ev.records {
		if err := cp.Write(r.i, r.plain, r.id); err != nil {
			return err
		}
	}
	return nil
}

func (c carrier) fresh(ev *event) error {
	path := c.file(ev)
	dir := c.dirOf(path)
	return c.keepTimes(dir, func() error {
		return c.begin(path, cipher.Header{Type: cipher.TypeFile, FileID: *ev.entry.File, Salt: [16]byte(ev.entry.Salts[c.Index])}, 0o600)
	})
}

func (c carrier) keepTimes(dir string, do func() error) error {
	before, err := c.Dir.Stat(dir)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return c.Dir.Chtimes(dir, cloud.Times{Mtime: &before.Mtime})
}

func (c carrier) commit(ev *event) error {
	v := ev.entry.Commit
	path := c.file(ev)
	cp, err := c.Open(path, true)
	if err != nil {
		return err
	}
	defer cp.Close()
	before := cp.Head
	if ev.soils {
		if err := cp.Soil(); err != nil {
			return err
		}
	}
	if v.Cut != nil {
		if info, err := cp.File.Stat(); err != nil || info.Size > layout.RecordOffset(*v.Cut) {
			if err := errors.Join(err, cp.File.Truncate(layout.RecordOffset(*v.Cut))); err != nil {
				return err
			}
		}
	}
	err = v.EachChunk(ev.entry.Data, func(ch journal.Chunk, plain []byte) error {
		if !ev.chunks[ch.Index] {
			return nil
		}
		var id cipher.WriteID
		copy(id[:], ch.ID)
		if ch.ID == nil {
			plain = make([]byte, layout.RecordSize(ch.Index, v.Head.Length)-cipher.RecordOverhead)
		}
		return cp.Write(ch.Index, plain, id)
	})
	if err := errors.Join(err, cp.Fit(v.Head.Length)); err != nil {
		return err
	}
	if !ev.first || v.Head.Flags&cipher.Sparse != 0 {
		if err := cp.File.Sync(); err != nil {
			return err
		}
	}
	return c.finish(ev, cp, before)
}

// finish writes the clean header and puts a fresh backing file in place.
func (c carrier) finish(ev *event, cp *replica.Copy, before *cipher.Header) error {
	head := ev.sealed.Head
	head.Acc = ev.sealed.Accs[c.Index]
	if err := cp.WriteHeader(&head); err != nil {
		return err
	}
	if err := cp.Show(before, true, time.Unix(1_650_000_000, 0)); err != nil || ev.temps == nil {
		return err
	}
	path, _ := c.spell(ev.at, false)
	if err := c.CopyXattrs(path, c.file(ev)); err != nil {
		return err
	}
	return c.keepTimes(c.dirOf(path), func() error { return c.Dir.Rename(c.file(ev), path) })
}

func (c carrier) special(ev *event) error {
	e := ev.entry
	path, err := c.enter(string(e.Path), true)
	if err != nil {
		return err
	}
	head := ev.sealed.Head
	mode := cipher.BackingMode(head.Mode, false)
	f, err := c.Dir.Create(path, mode)
	if err != nil {
		return err
	}
	f.Close()
	keys, err := c.Keys.NewFile(head.Type, [16]byte(e.Salts[c.Index]))
	if err != nil {
		return err
	}
	cp := &replica.Copy{Cloud: c.Cloud, Keys: keys, Head: &cipher.Header{Type: head.Type, Salt: [16]byte(e.Salts[c.Index])}}
	if cp.File, err = c.Dir.Open(path, true); err != nil {
		return err
	}
	defer cp.Close()
	if err := cp.Write(0, e.Data, cipher.WriteID(e.Commit.Chunks[0].ID)); err != nil {
		return err
	}
	return c.finish(ev, cp, nil)
}

func (c carrier) mkdir(e *journal.Entry) error {
	path, err := c.enter(string(e.Path), false)
	if err != nil {
		return err
	}
	if err := c.Dir.Mkdir(path, *e.Attrs.Mode); err != nil {
		return err
	}
	return c.Dir.Chown(path, int(*e.Attrs.UID), int(*e.Attrs.GID))
}

func (c carrier) attrs(e *journal.Entry) error {
	path, _ := c.spell(string(e.Path), false)
	if e.Attrs.Mode != nil {
		if err := c.Dir.Chmod(path, *e.Attrs.Mode); err != nil {
			return err
		}
	}
	if e.Attrs.Mtime != nil {
		return c.Dir.Chtimes(path, cloud.Times{Mtime: e.Attrs.Mtime})
	}
	return nil
}

// tidy removes what may lie in a directory that is empty.
func (c carrier) tidy(path string) error {
	entries, err := c.Dir.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if c.Litter(path, e) {
			if err := c.Dir.Remove(replica.Join(path, e.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c carrier) rename(ev *event) error {
	e := ev.entry
	to, err := c.enter(string(e.To), ev.special)
	if err != nil {
		return err
	}
	from, _ := c.spell(string(e.Path), ev.special)
	if e.Over == unix.S_IFDIR {
		if err := c.tidy(to); err != nil {
			return err
		}
	}
	if e.Commit != nil {
		if err := c.takeOver(ev, from); err != nil {
			return err
		}
	}
	if err := c.Dir.Rename(from, to); err != nil {
		return err
	}
	if e.Over != 0 && ev.over != ev.special {
		old, _ := c.spell(string(e.To), ev.over)
		if err := c.Dir.Remove(old); err != nil {
			return err
		}
	}
	return c.leave(string(e.Path))
}

func (c carrier) takeOver(ev *event, path string) error {
	cp, err := c.Open(path, true)
	if err != nil {
		return err
	}
	defer cp.Close()
	head := ev.sealed.Head
	head.Acc = ev.sealed.Accs[c.Index]
	if err := cp.WriteHeader(&head); err != nil {
		return err
	}
	mtime := time.Unix(head.MtimeSec, int64(head.MtimeNsec))
	return cp.File.Chtimes(cloud.Times{Mtime: &mtime})
}

func (c carrier) exchange(ev *event) error {
	e := ev.entry
	a, _ := c.spell(string(e.Path), ev.special)
	b, _ := c.spell(string(e.To), ev.over)
	if ev.special == ev.over {
		if err := c.Dir.Exchange(a, b); !errors.Is(err, cloud.ErrUnsupported) {
			return err
		}
	}
	toA, _ := c.spell(string(e.Path), ev.over)
	toB, _ := c.spell(string(e.To), ev.special)
	temp := replica.Join(c.dirOf(b), e.Temps[c.Index])
	for _, move := range [][2]string{{a, temp}, {b, toA}, {temp, toB}} {
		if err := c.Dir.Rename(move[0], move[1]); err != nil {
			return err
		}
	}
	return nil
}

// handle fills in what finds a directory in this cloud.
func (c carrier) handle(list [][]byte, path string) [][]byte {
	for len(list) <= c.Index {
		list = append(list, nil)
	}
	entry, _ := c.spell(path, false)
	if h, err := c.Dir.Handle(entry); err == nil {
		list[c.Index] = h
	}
	return list
}

// learn fills in the handles that an entry has, right before it is carried out.
func (c carrier) learn(e *journal.Entry) {
	if e.Op != journal.OpRename && e.Op != journal.OpExchange {
		return
	}
	if e.Kind == unix.S_IFDIR {
		e.Handles = c.handle(e.Handles, string(e.Path))
	}
	if e.Over == unix.S_IFDIR {
		e.Other.Handles = c.handle(slices.Clone(e.Other.Handles), string(e.To))
	}
}
