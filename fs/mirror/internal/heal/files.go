package heal

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// A build is one file on its way to one cloud: a whole copy under a temporary
// name, which takes its place when it is durable.
type build struct {
	step   Step
	cloud  *replica.Cloud
	dir    string // the backing directory of its place
	name   cipher.Name
	temp   string
	head   cipher.Header
	from   []spot
	bad    *compare.Content // of from, where some of them are not whole
	over   compare.Spot     // what was judged to be there; no path: nothing
	isDir  bool             // that is a directory
	inodes []inode          // of sources that have several names

	link *inode // it becomes one more name of a file that is under way
	err  error
}

// A builder has files under way.
type builder struct {
	site
	builds   []*build
	bytes    int64            // of builds
	linked   map[inode]string // where files with several names are by now
	linkless map[int]bool     // clouds that turned out to have no links
	check    func([]*replica.Copy) (*compare.Content, error)
	failed   func(Step, error) error // told of each that fails
}

// A spot is one copy of what is wanted.
type spot struct {
	cloud int
	path  string
	inode inode // zero unless it has several names
}

// One sync serves all files that are under way: so many, or so many bytes.
const (
	maxBuilds     = 8192
	maxBuildBytes = 256 << 20
)

// tempName is where a copy is built: the same whenever that is tried again.
func tempName(path string, v judge.Version) string {
	sum := sha256.Sum256([]byte(path + "\x00" + string(v.ID[:]) + string(v.Commit[:])))
	return ".~" + hex.EncodeToString(sum[:8]) + ".tmp"
}

// copy brings the wanted file to a cloud. Where that cloud has it under another
// name, the same file gets one more: what was moved is not copied.
func (h *Healer) copy(k *compare.Case, s Step) error {
	want := k.Verdict.Want.Version
	b, err := h.begin(k, s, k.Name, want)
	if err != nil {
		return err
	}
	sight := k.Sights[s.Cloud]
	b.over, b.isDir = sight.Spot, sight.Shows == judge.ShowsDir
	if done, err := h.link(b, want); done || err != nil {
		return err
	}
	b.from, b.bad = h.sources(k)
	if done, err := h.linkAgain(b); done || err != nil {
		return err
	}
	return h.add(b, want)
}

// begin prepares a build at a name beside a case's.
func (h *Healer) begin(k *compare.Case, s Step, name cipher.PlainName, v judge.Version) (*build, error) {
	b := &build{step: s, cloud: h.Clouds[s.Cloud]}
	var err error
	if b.name, err = b.cloud.Keys.EncodeName(name); err != nil {
		return nil, err
	}
	if b.dir, err = h.directory(k, s.Cloud); err != nil {
		return nil, err
	}
	b.temp = replica.Join(b.dir, tempName(s.Path, v))
	return b, nil
}

// add takes the header from a source, and has the build done with others.
func (h *builder) add(b *build, want judge.Version) error {
	for _, s := range b.from {
		head, err := h.Clouds[s.cloud].Header(s.path)
		if err != nil || head.CommitID != want.Commit || head.Flags&cipher.Dirty != 0 {
			continue
		}
		b.head = *head
		b.head.FileID, b.head.Version = want.ID, want.Vector
		return h.queue(b)
	}
	return errNoSource
}

func (h *builder) queue(b *build) error {
	h.builds = append(h.builds, b)
	h.bytes += b.head.Length
	if len(h.builds) >= maxBuilds || h.bytes >= maxBuildBytes {
		return h.flush()
	}
	return nil
}

// sources are the copies of what is wanted at a name, there or elsewhere.
func (h *Healer) sources(k *compare.Case) (list []spot, content *compare.Content) {
	if k.Content != nil {
		for _, m := range k.Members {
			list = append(list, spot{cloud: m.Cloud, path: m.Path, inode: several(m.Cloud, k.Sights[m.Cloud].Spot)})
		}
		return list, k.Content
	}
	want := k.Verdict.Want.Version
	for i, s := range k.Sights {
		for _, o := range append([]compare.Spot{s.Spot}, s.Others...) {
			if o.Head != nil && o.Head.CommitID == want.Commit && o.Head.Type == want.Type && o.Head.Flags&cipher.Dirty == 0 && o.Why == nil {
				list = append(list, spot{i, o.Path, several(i, o)})
			}
		}
	}
	return append(list, h.elsewhere(k.Verdict.Source, want)...), nil
}

func (h *Healer) elsewhere(from []judge.Source, v judge.Version) (list []spot) {
	for _, s := range from {
		if at, ok := h.c.Find(s, v); ok {
			list = append(list, spot{s.Cloud, at.Path, several(s.Cloud, at)})
		}
	}
	return list
}

// flush finishes what is under way: the records of all, one sync for each cloud,
// the clean headers, another sync, and then every file takes its place.
func (h *builder) flush() error {
	list := h.builds
	h.builds, h.bytes = nil, 0
	copies := slices.DeleteFunc(slices.Clone(list), func(b *build) bool { return b.link != nil })
	h.parallel(copies, h.write)
	h.syncBuilds(copies)
	h.parallel(copies, h.clean)
	h.syncBuilds(copies)
	var end error
	for _, b := range list {
		if b.err == nil {
			b.err = end
		}
		switch {
		case b.err != nil:
		case b.link != nil:
			b.err = h.linkLate(b)
		default:
			b.err = h.place(b)
		}
		if b.err == nil {
			continue
		}
		if err := b.cloud.Dir.Remove(b.temp); err != nil && !replica.Missing(err) {
			b.err = errors.Join(b.err, err)
		}
		if end == nil {
			end = h.failed(b.step, b.err)
		}
	}
	return end
}

// clean writes the clean header of a copy whose records are durable.
func (h *builder) clean(b *build) error {
	cp, err := b.cloud.Open(b.temp, true)
	if err != nil {
		return err
	}
	if err = cp.WriteHeader(&b.head); err == nil {
		err = cp.Show(nil, h.Owners, h.Clock())
	}
	return errors.Join(err, cp.Close())
}

// parallel does something for all builds that have not failed.
func (h *builder) parallel(list []*build, do func(*build) error) {
	var wg sync.WaitGroup
	next := make(chan *build)
	for range max(1, min(len(list), h.workers())) {
		wg.Go(func() {
			for b := range next {
				b.err = do(b)
			}
		})
	}
	for _, b := range list {
		if b.err == nil {
			next <- b
		}
	}
	close(next)
	wg.Wait()
}

// syncBuilds makes durable what was written of all builds.
func (h *builder) syncBuilds(list []*build) {
	done := map[int]error{}
	for _, b := range list {
		if b.err != nil {
			continue
		}
		k := b.cloud.Index
		err, synced := done[k]
		if !synced {
			fuse := false
			if st, failed := b.cloud.Dir.Statfs(); failed == nil {
				fuse = st.Fuse
			}
			if fuse {
				b.err = syncFile(b) // syncfs is not to be trusted
				continue
			}
			err = b.cloud.Dir.Syncfs()
			done[k] = err
		}
		b.err = err
	}
}

func syncFile(b *build) error {
	f, err := b.cloud.Dir.Open(b.temp, true)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// write builds the copy under its temporary name, DIRTY still.
func (h *builder) write(b *build) error {
	if err := b.cloud.Dir.Remove(b.temp); err != nil && !replica.Missing(err) {
		return err
	}
	to, err := b.cloud.Build(b.temp, b.head)
	if err != nil {
		return err
	}
	if err = to.Fit(b.head.Length); err == nil {
		err = h.copyRecords(b, to)
	}
	return errors.Join(err, to.Close())
}

func (h *builder) copyRecords(b *build, to *replica.Copy) error {
	from, err := h.openAll(b)
	defer func() {
		for _, cp := range from {
			cp.Close()
		}
	}()
	if err != nil {
		return err
	}
	if b.bad == nil {
		if err = h.fill(b, to, from[:1]); err == nil {
			return nil
		}
		if b.bad, err = h.check(from); err != nil {
			return err
		}
	}
	if len(b.bad.Lost) > 0 {
		return errNoSource
	}
	return h.fill(b, to, from)
}

// openAll opens the sources. Where it is known what is bad in which, all have
// to be there.
func (h *builder) openAll(b *build) (list []*replica.Copy, err error) {
	for _, s := range b.from {
		cp, err := h.Clouds[s.cloud].Open(s.path, false)
		same := err == nil && cp.Head.CommitID == b.head.CommitID && cp.Head.Length == b.head.Length && cp.Head.Flags&cipher.Dirty == 0
		if err == nil && !same {
			cp.Close()
		}
		switch {
		case same:
			list = append(list, cp)
		case b.bad != nil:
			return list, errChanged
		}
	}
	if len(list) == 0 {
		return nil, errNoSource
	}
	return list, nil
}

// fill copies every record, from the first source that has it right. What comes
// out has to be what acc says.
func (h *builder) fill(b *build, to *replica.Copy, from []*replica.Copy) error {
	var acc, own cipher.Acc
	first := from[0]
	layout := first.Keys.Layout()
	scan := replica.ScanWhole(&b.head, from, 0, layout.Records(b.head.Length), int64(1<<20)/layout.ChunkSize())
	for {
		if h.Stop != nil {
			if err := h.Stop(); err != nil {
				return err
			}
		}
		at, stop, ok := scan.Next()
		if !ok {
			break
		}
		run, err := b.gather(from, at, stop)
		if err != nil {
			return err
		}
		if err := to.WriteRun(run); err != nil {
			return err
		}
		first.Keys.Terms(&acc, at, run.IDs, run.States)
		to.Keys.Terms(&own, at, run.IDs, run.States)
	}
	if acc != first.Head.Acc {
		return fmt.Errorf("the records of several versions: %w", cipher.ErrDamaged)
	}
	b.head.Acc = own
	return nil
}

// gather reads some records, each from a source that has it right.
func (b *build) gather(from []*replica.Copy, at, stop int64) (*replica.Run, error) {
	var out *replica.Run
	for i, cp := range from {
		run, err := cp.Read(at, stop, b.head.Length)
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = run
		}
		missing := false
		size := cp.Keys.Layout().ChunkSize()
		for n, state := range run.States {
			chunk := at + int64(n)
			switch {
			case i == 0 && !b.has(i, chunk):
				missing, out.States[n] = true, cipher.RecordDamaged
			case i > 0 && out.States[n] == cipher.RecordDamaged && b.has(i, chunk):
				out.States[n], out.IDs[n] = state, run.IDs[n]
				lo := int64(n) * size
				copy(out.Plain[lo:min(lo+size, int64(len(out.Plain)))], run.Plain[lo:])
			}
			missing = missing || out.States[n] == cipher.RecordDamaged
		}
		if !missing {
			break
		}
	}
	for n, state := range out.States {
		if state == cipher.RecordDamaged || state == cipher.RecordOK && !b.head.Version.Covers(out.IDs[n]) ||
			state == cipher.RecordHole && b.head.Flags&cipher.Sparse == 0 {
			return nil, fmt.Errorf("chunk %d: %w", at+int64(n), cipher.ErrDamaged)
		}
	}
	return out, nil
}

// has reports whether a source is taken to have a chunk right.
func (b *build) has(i int, chunk int64) bool { return b.bad == nil || b.bad.Has(i, chunk) }

// place puts a build that is durable where it belongs, over what was judged to
// be there.
func (h *builder) place(b *build) error {
	if b.step.Path != "" && b.dir != cipher.GoneName {
		done, err := h.guard(b.cloud.Index, b.step.Path)
		if err != nil {
			return err
		}
		defer done()
	}
	entry := replica.Join(b.dir, string(b.name.For(b.head.Type)))
	if err := h.unchanged(b.cloud, b.over, entry); err != nil {
		return err
	}
	h.remember(b.cloud.Index, b.dir)
	if err := b.cloud.PutSidecar(b.dir, b.name); err != nil {
		return err
	}
	switch {
	case b.isDir:
		if err := h.rmdir(b.cloud.Index, b.over.Path); err != nil {
			return err
		}
	case b.over.Path != "":
		if err := b.cloud.CopyXattrs(b.over.Path, b.temp); err != nil {
			return err
		}
		if b.over.Path != entry { // that of another type; the name never has both
			if err := b.cloud.Dir.Remove(b.over.Path); err != nil {
				return err
			}
		}
	}
	if err := b.cloud.Dir.Rename(b.temp, entry); err != nil {
		return err
	}
	h.did(b.cloud.Index)
	for _, i := range b.inodes {
		h.linked[i] = entry
	}
	return nil
}

// unchanged looks once more at what was judged. Where something else is by now,
// it is not touched.
func (h *site) unchanged(c *replica.Cloud, was compare.Spot, entry string) error {
	path := was.Path
	if path == "" {
		path = entry
	}
	info, err := c.Dir.Stat(path)
	switch {
	case replica.Missing(err) && was.Path == "":
		return nil
	case err != nil:
		return err
	case was.Path == "" || !info.Dir && (info.Ino != was.Info.Ino || !info.Ctime.Equal(was.Info.Ctime)):
		return errChanged
	}
	return nil
}

// keepAside keeps the loser of a conflict in every cloud, under a name and an id
// that follow from its own header.
func (h *Healer) keepAside(k *compare.Case, s Step) error {
	if err := h.flush(); err != nil {
		return err
	}
	loser := s.Loser.Loser
	kept := loser
	kept.ID = cipher.ConflictID(loser.ID, loser.Commit)
	name := cipher.PlainName(s.Path[strings.LastIndexByte(s.Path, '/')+1:])
	from := h.elsewhere(s.Loser.From, loser)
	for i, c := range h.Clouds {
		if c.Dir == nil || k.Sights[i].Shows == judge.ShowsNoAnswer {
			continue
		}
		one := s
		one.Cloud = i
		b, err := h.begin(k, one, name, kept)
		if err != nil {
			return err
		}
		taken, err := h.taken(b, loser.Type)
		if err != nil {
			return err
		}
		if taken {
			continue
		}
		b.from = from
		if err := h.add(b, kept); err != nil {
			return err
		}
		if err := h.flush(); err != nil {
			return err
		}
		if b.err != nil {
			return b.err
		}
	}
	return nil
}

// taken reports whether anything is at the place of a build.
func (h *builder) taken(b *build, t cipher.Type) (bool, error) {
	_, err := b.cloud.Dir.Stat(replica.Join(b.dir, string(b.name.For(t))))
	if replica.Missing(err) {
		return false, nil
	}
	return err == nil, err
}
