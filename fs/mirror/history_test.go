package mirror_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror"
)

// version is what a thing was from one step on.
type version struct {
	from    int
	mode    uint32
	owner   mirror.Owner
	mtime   int64
	data    string
	attrs   map[string]string // extended ones
	commits []int             // steps after which it may have been committed
}

// past is everything that one thing was.
type past struct {
	kind     byte
	versions []version
	synced   []int // steps that made what it then was durable
}

// at is the version after a step.
func (p *past) at(step int) *version {
	for i := len(p.versions) - 1; i >= 0; i-- {
		if p.versions[i].from <= step {
			return &p.versions[i]
		}
	}
	return nil
}

// until is the last step of version i.
func (p *past) until(i int) int {
	if i+1 < len(p.versions) {
		return p.versions[i+1].from - 1
	}
	return 1 << 30
}

// lastSync is the last step up to one that made it durable, or -1.
func (p *past) lastSync(step int) int { return lastUpTo(p.synced, step) }

func lastUpTo(steps []int, step int) int {
	last := -1
	for _, s := range steps {
		if s <= step {
			last = s
		}
	}
	return last
}

// history is what a story leads to, step by step.
type history struct {
	steps  []step
	paths  []map[string]int // after each step, what is where
	links  []map[int]int    // and under how many names
	things map[int]*past
	logged []int // steps that made every name durable
	attrs  bool  // extended attributes are asked for: they belong to each cloud, which lacks those that were set while it was out
}

// tell works out a story's history.
func tell(steps []step) *history {
	h := &history{steps: steps, things: map[int]*past{}}
	w := newModel()
	h.note(w, 0)
	for i, s := range steps {
		before := w.handles[s.h]
		affected := []*thing{before, w.find(s.path), w.find(s.to)}
		err := w.apply(s)
		h.note(w, i+1)
		// What is refused may have been committed on the way to the refusal.
		if err == nil || slices.Contains([]string{opRmdir, opUnlink, opRename, opRenameNew, opExchange, opLink}, s.op) {
			h.mark(w, s, i+1, affected)
		}
	}
	return h
}

// note records what changed in a step.
func (h *history) note(w *model, step int) {
	paths, links := map[string]int{}, map[int]int{}
	keep := func(t *thing) {
		p := h.things[t.id]
		if p == nil {
			p = &past{kind: t.kind}
			h.things[t.id] = p
		}
		v := version{from: step, mode: t.mode, owner: t.owner, mtime: t.mtime, data: t.data, attrs: t.attrs}
		if last := p.at(step); last == nil || !last.same(v) {
			p.versions = append(p.versions, v)
		}
	}
	w.visit(func(path string, t *thing) {
		paths[path] = t.id
		links[t.id] = t.links
		keep(t)
	})
	for _, t := range w.handles {
		keep(t)
	}
	h.paths, h.links = append(h.paths, paths), append(h.links, links)
}

// same tells whether nothing has changed.
func (v *version) same(o version) bool {
	return v.mode == o.mode && v.owner == o.owner && v.mtime == o.mtime && v.data == o.data && maps.Equal(v.attrs, o.attrs)
}

// mark records what a step made durable, or may have committed.
func (h *history) mark(w *model, s step, at int, affected []*thing) {
	commit := func(id int) {
		if p := h.things[id]; p != nil {
			v := p.at(at)
			v.commits = append(v.commits, at)
		}
	}
	switch s.op {
	case opFsync:
		if t := affected[0]; t.links > 0 {
			h.logged = append(h.logged, at)
			h.things[t.id].synced = append(h.things[t.id].synced, at)
			commit(t.id)
		}
	case opSyncDir, opRetire:
		h.logged = append(h.logged, at)
	case opSync, opRemount:
		h.logged = append(h.logged, at)
		for id, p := range h.things {
			p.synced = append(p.synced, at)
			commit(id)
		}
	case opRound:
		for id := range h.things {
			commit(id)
		}
	case opMknod:
		commit(w.find(s.path).id)
	case opClose, opChmod, opChown, opUtimens, opCut, opRename, opRenameNew, opExchange, opUnlink, opRmdir, opLink:
		for _, t := range affected {
			if t != nil {
				commit(t.id)
			}
		}
	}
}

// afterKill holds what is there after a kill in the step after done against
// the story: it is as it was before that step or after it, and where it wrote,
// chunk by chunk.
func (h *history) afterKill(got map[string]seen, done int) error {
	err := h.exactly(got, done, done)
	if err == nil || done == len(h.steps) {
		return err
	}
	if next := h.exactly(got, done+1, done); next != nil {
		return fmt.Errorf("%w; and for the step under way: %w", err, next)
	}
	return nil
}

// exactly wants the names of one step, with the contents of that step or, of
// what is being written, of something between it and another.
func (h *history) exactly(got map[string]seen, at, done int) error {
	for path, id := range h.paths[at] {
		g, ok := got[path]
		if !ok {
			return fmt.Errorf("%q is missing", path)
		}
		p := h.things[id]
		want := p.at(at)
		if g.err != nil {
			return fmt.Errorf("%q: %v, want %s", path, g, brief(want.data))
		}
		err := p.shows(g, want, h.links[at][id])
		if err == nil && h.attrs {
			err = g.localErr(want.attrs)
		}
		if err != nil && (at == done || !p.half(g, p.at(done), want)) {
			return fmt.Errorf("%q: %w", path, err)
		}
	}
	for path, g := range got {
		if _, ok := h.paths[at][path]; !ok {
			return fmt.Errorf("%q is there: %v", path, g)
		}
	}
	return nil
}

// shows reports whether something is a version of the thing.
func (p *past) shows(g seen, v *version, links int) error {
	switch {
	case g.kind != p.kind || g.data != v.data || g.mode != v.mode:
		return fmt.Errorf("%v, want %c %o %s", g, p.kind, v.mode, brief(v.data))
	case g.owner != v.owner:
		return fmt.Errorf("owner %v, want %v", g.owner, v.owner)
	case v.mtime != 0 && g.mtime != v.mtime && g.kind != 'd':
		return fmt.Errorf("mtime %d, want %d", g.mtime, v.mtime)
	case g.kind == 'f' && g.links != links:
		return fmt.Errorf("%d links, want %d", g.links, links)
	}
	return nil
}

// half reports whether something is between two versions of the thing, whose
// content is being changed.
func (p *past) half(g seen, old, want *version) bool {
	return old != nil && old.data != want.data && g.kind == p.kind && g.mode == want.mode && onTheWay(g.data, old.data, want.data)
}

// onTheWay allows what one write may leave when the program is killed in the
// middle: each chunk as it was or as it was to become.
func onTheWay(got, old, new string) bool {
	if len(got) > max(len(old), len(new)) || len(got) < min(len(old), len(new)) {
		return false
	}
	const chunk = 4096
	for i := 0; i < len(got); i += chunk {
		part := got[i:min(i+chunk, len(got))]
		if !fits(part, old, i) && !fits(part, new, i) {
			return false
		}
	}
	return true
}

// fits reports whether part is in whole at i, with zeros where whole ends.
func fits(part, whole string, i int) bool {
	have := whole[min(i, len(whole)):min(i+len(part), len(whole))]
	return strings.HasPrefix(part, have) && strings.Trim(part[len(have):], "\x00") == ""
}

// afterCut holds what is there after a power cut against the story. Each path
// is what it was at a step since all names were made durable, with a content
// that was committed since it was synced. What was never synced may be
// unreadable, and then says so.
func (h *history) afterCut(got map[string]seen, done int) error {
	last := min(done+1, len(h.steps))
	since := max(0, lastUpTo(h.logged, done))
	paths := map[string]bool{}
	for path := range got {
		paths[path] = true
	}
	for _, then := range h.paths[since : last+1] {
		for path := range then {
			paths[path] = true
		}
	}
	for path := range paths {
		g, there := got[path]
		var why []string
		ok := slices.ContainsFunc(h.paths[since:last+1], func(then map[string]int) bool {
			id, was := then[path]
			if !was || !there {
				return was == there
			}
			err := h.things[id].afterCut(g, done, last)
			if err != nil && g.err != nil && h.remains(got, path, id, [2]int{since, done}) {
				err = nil
			}
			if err != nil && !slices.Contains(why, err.Error()) {
				why = append(why, err.Error())
			}
			return err == nil
		})
		if ok || there && (h.aside(got, path, [2]int{since, done}) || h.inAside(got, path, [2]int{since, done})) {
			continue
		}
		state := "missing"
		if there {
			state = g.String()
		}
		return fmt.Errorf("%q is not what it was at any step from %d to %d: %s (%s)", path, since, last, state, strings.Join(why, "; "))
	}
	return nil
}

// aside reports whether a path is that of a conflict copy which keeps, once, a thing
// at whose name something else is. One of the two is what the log durably has there,
// the other what a cloud has: the power cut took from the log what told which was
// removed, and no version and no record proves the end of either (I4).
func (h *history) aside(got map[string]seen, path string, span [2]int) bool {
	last := min(span[1]+1, len(h.steps))
	is := func(path string, id int) bool {
		g, there := got[path]
		return there && g.err == nil && h.things[id].afterCut(g, span[1], last) == nil
	}
	for _, then := range h.paths[span[0] : last+1] {
		for name, id := range then {
			kept := 0
			for other := range got {
				if is(other, id) && !h.named(other, id, span[0], last) && !h.itself(other, got[other], span) {
					kept++
				}
			}
			_, taken := got[name]
			if path != conflictOf(name, path, got[path]) || !taken {
				continue
			}
			frail := got[path].err != nil && h.things[id].lastSync(span[1]) < 0 // it may be unreadable, under any name
			if frail || kept == 1 && is(path, id) {
				return true
			}
		}
	}
	return false
}

// itself reports whether what is at a path is what the story had there: two symlinks can be alike.
func (h *history) itself(path string, g seen, span [2]int) bool {
	last := min(span[1]+1, len(h.steps))
	return slices.ContainsFunc(h.paths[span[0]:last+1], func(then map[string]int) bool {
		id, was := then[path]
		return was && h.things[id].afterCut(g, span[1], last) == nil
	})
}

// errTimeless is of a directory, which has no time that all clouds show.
var errTimeless = errors.New("a directory")

// inAside reports whether a path is that of a directory which was put aside, or of what
// was in it, because something that is no directory has its name: that is what the log
// durably has there, and the power cut took what told of the directory.
func (h *history) inAside(got map[string]seen, path string, span [2]int) bool {
	last := min(span[1]+1, len(h.steps))
	for at := len(path); at > 0; at = strings.LastIndexByte(path[:at], '/') {
		if got[path[:at]].kind != 'd' {
			continue
		}
		for _, then := range h.paths[span[0] : last+1] {
			for name, id := range then {
				g, taken := got[name]
				if h.things[id].kind != 'd' || !taken || g.kind == 'd' || path[:at] != conflictOf(name, path[:at], seen{err: errTimeless}) {
					continue
				}
				if in, was := then[name+path[at:]]; was && h.things[in].afterCut(got[path], span[1], last) == nil {
					return true
				}
			}
		}
	}
	return false
}

// named reports whether a thing had a name at any of these steps.
func (h *history) named(name string, id, from, to int) bool {
	return slices.ContainsFunc(h.paths[from:to+1], func(then map[string]int) bool {
		at, there := then[name]
		return there && at == id
	})
}

// conflictOf is the path of a conflict copy of a file, with the commit that another
// such path tells. The time is that of the header, which one that cannot be read need
// not show: then that path tells it, too.
func conflictOf(name, like string, g seen) string {
	dir, base := "", spell(name)
	if at := strings.LastIndexByte(base, '/'); at >= 0 {
		dir, base = base[:at+1], base[at+1:]
	}
	var commit cipher.ID
	if _, err := hex.Decode(commit[:2], []byte(like[max(0, len(like)-5):max(0, len(like)-1)])); err != nil {
		return ""
	}
	mtime := g.mtime
	if date, err := time.Parse("2006-01-02 150405", like[max(0, len(like)-23):max(0, len(like)-6)]); g.err != nil && err == nil {
		mtime = date.Unix()
	}
	return unspell(dir + string(cipher.ConflictName(cipher.PlainName(base), mtime, commit)))
}

// remains reports whether a thing can be read under a name that it had since what
// is durable, and before it had this one. Then this later name may be that of an
// entry of which the power cut left no more: nothing in it tells which file it was.
func (h *history) remains(got map[string]seen, path string, id int, span [2]int) bool {
	last := min(span[1]+1, len(h.steps))
	for _, then := range h.paths[span[0] : last+1] {
		if then[path] == id {
			return false
		}
		for other, is := range then {
			if g, there := got[other]; is == id && there && g.err == nil && h.things[id].afterCut(g, span[1], last) == nil {
				return true
			}
		}
	}
	return false
}

// afterCut holds what is found against the versions of one thing.
func (p *past) afterCut(g seen, done, last int) error {
	synced := p.lastSync(done)
	if g.err != nil {
		if synced < 0 && p.kind != 'd' {
			return nil
		}
		return fmt.Errorf("unreadable, though synced at step %d", synced)
	}
	if g.kind != p.kind {
		return fmt.Errorf("it was %c", p.kind)
	}
	content, mode, owner := false, p.kind == 'd', p.kind == 'd'
	for i, v := range p.versions {
		if v.from > last || p.until(i) < synced {
			continue
		}
		committed := synced >= v.from || slices.ContainsFunc(v.commits, func(at int) bool { return at <= last })
		content = content || v.data == g.data && (committed || p.kind != 'f')
		mode, owner = mode || v.mode == g.mode, owner || v.owner == g.owner
	}
	switch {
	case !content:
		return fmt.Errorf("no content that it had from step %d on", synced)
	case !mode:
		return fmt.Errorf("no mode that it had from step %d on", synced)
	case !owner:
		return fmt.Errorf("no owner that it had from step %d on", synced)
	}
	return nil
}
