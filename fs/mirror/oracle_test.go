package mirror_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/mirror/audit"
	"github.com/overcast-fs/overcast/fs/vault"
)

// The oracle: for each cloud, its tree plus its debts is the index is what a
// program sees. The tree is read by the format alone, so that neither what the
// mirror believes nor how it reads has a part in the answer.

// memory is what a vault knows beside its clouds.
type memory interface {
	// should gives what the index has at every path, or nil where it is not asked.
	should() map[string]indexed

	// owes tells whether a cloud may differ at a path. Only a debt allows it.
	owes(k int, path string) bool
}

// indexed is one row of an index: a directory, or a file id at a version.
type indexed struct {
	dir     bool
	file    cipher.ID
	version cipher.Vector
}

// excused is a memory under which some clouds may differ anyhow: somebody else
// has just changed them.
type excused struct {
	memory
	clouds map[int]bool
}

func (m excused) owes(k int, path string) bool { return m.clouds[k] || m.memory.owes(k, path) }

// known is the memory of a vault: its index, whose debts are single names, and the clouds that owe nobody knows what.
type known struct {
	b    *box
	rows map[string]indexed
	owed map[int]map[string]bool // by cloud; nil where the index is not asked
}

func (m known) should() map[string]indexed { return m.rows }

func (m known) owes(k int, path string) bool {
	return m.b.state.Owes()[m.b.ids[k]].Whole || m.owed[k][path]
}

// settled wants a cloud to owe no name at which it has what is wanted, as far as the index is asked. One that is out owes all that
// was done since it was last synced, whatever it has of that.
func (m known) settled(k int, tree *audit.Tree, want map[string]seen) error {
	if m.b.state.Owes()[m.b.ids[k]].Whole {
		return nil
	}
	for path := range m.owed[k] {
		is, wanted := want[path]
		n, has := tree.Nodes[spell(path)]
		if wanted == has && (!has || is.err == nil && is.agrees(n) == nil && m.rows[path].agrees(n) && outwardly(n)) {
			return fmt.Errorf("%q is owed, and nothing is wrong with it", path)
		}
	}
	return nil
}

// outwardly tells whether a backing entry shows what the header in it says: that, too, can
// be owed.
func outwardly(n audit.Node) bool {
	if n.Dir || cipher.HeaderDecides(n.Info.Mode) {
		return true
	}
	h := n.Header
	return n.Info.Mode == cipher.BackingMode(h.Mode, false) && n.Info.Mtime.Equal(time.Unix(h.MtimeSec, int64(h.MtimeNsec))) &&
		n.Info.UID == h.UID && n.Info.GID == h.GID
}

// inOrder holds each cloud against what a program sees.
func (b *box) inOrder(want map[string]seen, d demand) error {
	is := known{b: b}
	if d.indexed {
		is.rows, is.owed = b.index.should(), b.index.owes()
	}
	m := excused{is, d.owes}
	for k := range b.n {
		tree, err := b.audit(k)
		if err == nil {
			err = errors.Join(ordered(tree, want, m, k), is.settled(k, tree, want))
		}
		if err == nil && d.tidy && len(tree.Strange) > 0 && !m.owes(k, "") {
			err = fmt.Errorf("left over: %q", tree.Strange)
		}
		if err != nil {
			return fmt.Errorf("audit of cloud %d: %w", k, err)
		}
	}
	return sameThings(want, m.should())
}

// sameNames wants all clouds that owe nothing to have the same names, of directories and of files.
func (b *box) sameNames(owing map[cipher.ID]vault.Owes) error {
	var first *audit.Tree
	for k := range b.n {
		if _, owes := owing[b.ids[k]]; owes {
			continue
		}
		tree, err := b.audit(k)
		if err != nil {
			return err
		}
		if first == nil {
			first = tree
		}
		for path := range tree.Nodes {
			if _, both := first.Nodes[path]; !both {
				return fmt.Errorf("%q is in cloud %d, and not in the first", unspell(path), k)
			}
		}
		for path, n := range first.Nodes {
			o, both := tree.Nodes[path]
			switch {
			case !both:
				return fmt.Errorf("%q is not in cloud %d, but in the first", unspell(path), k)
			case n.Dir != o.Dir:
				return fmt.Errorf("%q is a directory in one cloud only", unspell(path))
			}
		}
	}
	return nil
}

// audit reads a cloud by the format alone.
func (b *box) audit(k int) (*audit.Tree, error) {
	keys := b.cipher(k)
	defer keys.Wipe()
	return audit.New(b.disk.Dir(cloudName(k)), keys).Tree()
}

// ordered holds the tree of cloud k, with its debts, against what is wanted.
func ordered(tree *audit.Tree, want map[string]seen, m memory, k int) error {
	should := m.should()
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if m.owes(k, path) {
			continue
		}
		n, ok := tree.Nodes[spell(path)]
		if !ok {
			return fmt.Errorf("%q is missing", path)
		}
		if err := want[path].agrees(n); err != nil {
			return fmt.Errorf("%q: %w", path, err)
		}
		if row, ok := should[path]; should != nil && (!ok || !row.agrees(n)) {
			return fmt.Errorf("%q: the index has %+v, and the cloud %+v", path, row, n)
		}
	}
	for path := range tree.Nodes {
		if _, ok := want[unspell(path)]; !ok && !m.owes(k, unspell(path)) {
			return fmt.Errorf("%q is there", unspell(path))
		}
	}
	return nil
}

// sameThings wants the index to have nothing that is not seen.
func sameThings(want map[string]seen, should map[string]indexed) error {
	for path := range should {
		if _, ok := want[path]; !ok {
			return fmt.Errorf("the index has %q, which is not seen", path)
		}
	}
	return nil
}

func (row indexed) agrees(n audit.Node) bool {
	return row.dir == n.Dir && (n.Dir || n.Header.FileID == row.file && cipher.Compare(n.Header.Version, row.version) == cipher.Equal)
}

// agrees holds what one cloud has at a path against what a program sees there.
func (s seen) agrees(n audit.Node) error {
	switch {
	case s.err != nil:
		if n.Err == nil {
			return fmt.Errorf("it can be read, and the mirror says %w", s.err)
		}
		return nil
	case n.Err != nil:
		return n.Err
	case n.Dir != (s.kind == 'd'):
		return errors.New("a directory and something else")
	case n.Dir:
		if n.Mode != s.mode {
			return fmt.Errorf("mode %o, want %o", n.Mode, s.mode)
		}
		return nil
	}
	h := n.Header
	switch {
	case h.Type != types[s.kind]:
		return fmt.Errorf("a %v, want %c", h.Type, s.kind)
	case n.Sum.Size != int64(len(s.data)) || n.Sum.SHA256 != sha256.Sum256([]byte(s.data)):
		return fmt.Errorf("other content, of %d bytes, want %s", n.Sum.Size, brief(s.data))
	case s.owner != mirror.Owner{UID: h.UID, GID: h.GID}:
		return fmt.Errorf("owner %d:%d, want %v", h.UID, h.GID, s.owner)
	case h.Mode != s.mode || h.MtimeSec != s.mtime || int(n.Info.Nlink) != s.links:
		return fmt.Errorf("mode %o, mtime %d, %d links, want %o, %d, %d", h.Mode, h.MtimeSec, n.Info.Nlink, s.mode, s.mtime, s.links)
	}
	return nil
}

// knows holds what the mirror knows at every path that was ever used against what each cloud has there, as far as a header
// tells: what is pending is in none yet.
func (p *player) knows(w *model, used map[string]bool) error {
	w.visit(func(path string, _ *thing) { used[path] = true })
	for k := range p.b.n {
		tree, err := p.b.audit(k)
		if err != nil {
			return err
		}
		for path := range used {
			is, err := p.m.Known(spell(path))
			if err == nil {
				err = agreesWith(is, w.find(path), tree.Nodes[spell(path)])
			}
			if err != nil {
				return fmt.Errorf("the index and cloud %d: %q: %w", k, path, err)
			}
		}
	}
	return nil
}

func agreesWith(is index.Known, t *thing, n audit.Node) error {
	want := index.IsFile
	switch {
	case t == nil && (is.Kind == index.IsFile || is.Kind == index.IsDir):
		return fmt.Errorf("it has %v %v, and nothing is there", is.Kind, is.File)
	case t == nil:
		return nil
	case t.kind == 'd':
		want = index.IsDir
	}
	if is.Kind != want {
		return fmt.Errorf("it has %v %v, want %d", is.Kind, is.File, want)
	}
	if t.kind == 'd' || n.Err != nil {
		return nil
	}
	if row := (indexed{file: is.File.ID, version: is.Version.Vector}); !row.agrees(n) || is.Version.Commit != n.Header.CommitID && len(n.Header.Version) > 0 {
		return fmt.Errorf("it has %v at %v, and the cloud %v at %v", is.File, is.Version, n.Header.FileID, n.Header.Version)
	}
	return nil
}

// rowsAfterCut holds the index after a power cut against the story: it has each name that was there at every step since all
// were made durable, and none that was there at none.
func (h *history) rowsAfterCut(rows map[string]indexed, w map[string]seen, done int) error {
	last := min(done+1, len(h.steps))
	span := h.paths[max(0, lastUpTo(h.logged, done)) : last+1]
	for path := range span[0] {
		always := !slices.ContainsFunc(span, func(then map[string]int) bool { _, was := then[path]; return !was })
		if _, ok := rows[path]; always && !ok {
			return fmt.Errorf("%q is missing", path)
		}
	}
	for path, row := range rows {
		ever := slices.ContainsFunc(span, func(then map[string]int) bool {
			id, was := then[path]
			return was && row.dir == (h.things[id].kind == 'd')
		})
		aside, kept := w[path]                         // of which the story has allowed that it is there
		frail := strings.Contains(path, " (conflict ") // never synced, or the story had not allowed it
		if !ever && !(kept && (aside.err == nil || frail) && row.dir == (aside.kind == 'd')) {
			return fmt.Errorf("%q is there: %+v", path, row)
		}
	}
	return nil
}
