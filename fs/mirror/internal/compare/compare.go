package compare

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Config says what is compared, and how.
type Config struct {
	Clouds []*replica.Cloud // by the vault's order; one without a Dir does not answer
	Memory Memory           // nil: nothing is known

	// Behind are the clouds that lack changes of which nobody knows any more what they were. What only they show may have
	// been removed since: it is not believed, brought nowhere, and not removed.
	Behind []bool

	Clock      func() time.Time // nil is time.Now
	SettleTime time.Duration    // what changed since may still be changing
	Hasty      []bool           // by cloud: what it shows and verifies is taken as it is, however young; nil: none is
	Asked      bool             // a user asked for it: a mass of missing names is no reason to wait

	Still   Still                // nil: nobody works on the clouds meanwhile
	Content bool                 // read every record of every copy
	Under   []string             // paths to be judged, with all below them; none: everything
	Near    []string             // where to look, and below: what is elsewhere is as nobody looked; none: everywhere
	Only    int                  // the one cloud that names are judged for; -1 is all of them
	Workers int                  // 0 is one for each core
	Read    func(int64)          // told how many bytes were read, by several goroutines; or nil
	Judged  func(done, of int64) // told how many are judged of the names that are not alike and as they should be; or nil
	Stop    func() error         // an error of it ends the comparison; or nil
}

// Comparison holds the trees of all clouds against each other. It changes nothing.
type Comparison struct {
	observer
	pool    *pool
	survey  *survey
	writers int
	under   paths // Under, and Near
	near    paths

	mu     sync.Mutex // guards what follows
	stats  []Stats
	alien  []Finding
	temps  []temp
	silent []error // by cloud: why a directory could not be read there
}

// Stats are what one cloud holds.
type Stats struct {
	Files   int64 // that are not directories
	Bytes   int64 // of backing files
	Foreign int64
	Temps   []string  // at most maxTemps: temporary files of this program's that are of no use
	Strays  []Finding // and those that have a version which is nowhere else
	Asides  []string  // plain paths, at most maxAsides: what has a name that the losers of conflicts get
}

const (
	maxTemps  = 10_000
	maxAsides = 1000
)

// New returns a comparison. [Comparison.Run] does it.
func New(config Config) *Comparison {
	c := &Comparison{observer: observer{Config: config}, stats: make([]Stats, len(config.Clouds))}
	if c.Memory == nil {
		c.Memory = Nothing{}
	}
	if c.Still == nil {
		c.Still = idle{}
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	c.pool, c.under, c.near = newPool(c.Workers), newPaths(c.Under), newPaths(c.Near)
	return c
}

// Begin makes a comparison of which single cases are healed, and that is not run.
func Begin(config Config) (*Comparison, error) {
	c := New(config)
	return c, c.begin()
}

// Stats tells what each cloud holds, once it was run.
func (c *Comparison) Stats() []Stats { return c.stats }

// Removals are the batches of removals, once it was run.
func (c *Comparison) Removals() *Removals { return c.gone }

// Run compares everything. do is called for each name where something is wrong, or where something is to be done, in the
// order of the tree, a directory after what is in it; it may change the clouds at that name, and below new ones. Names that
// are alike everywhere, as they should be, cost no memory.
func (c *Comparison) Run(do func(*Case) error) error {
	if err := c.begin(); err != nil {
		return err
	}
	if err := c.first(); err != nil {
		return err
	}
	if err := c.sight(); err != nil {
		return err
	}
	if err := (sorter{c}).sort(); err != nil {
		return err
	}
	return c.judge(do)
}

func (c *Comparison) begin() error {
	c.gone = c.readRemovals()
	c.survey = newSurvey(len(c.Clouds))
	c.stats, c.alien, c.temps, c.silent = make([]Stats, len(c.Clouds)), nil, nil, make([]error, len(c.Clouds))
	for _, f := range c.gone.wrong(c.Clock()) {
		c.report(f)
	}
	writers, err := c.Memory.Writers()
	for _, w := range writers {
		c.survey.writers[w] = struct{}{}
	}
	return err
}

// A walk goes through the tree, directory by directory.
type walk struct {
	c    *Comparison
	all  bool            // else only what is marked
	open func(f *folder) // called for each directory, before what is in it; or nil
	file func(f *folder, r row) (wanted bool, err error)
	// dir is called before a directory's own names, and tells whether to go into
	// it; leave after them, told whether something in it is wanted.
	dir   func(f *folder, r row) (enter bool, err error)
	leave func(f *folder, r row, full bool) (wanted bool, err error)
	tell  func() // called before each name that is marked; or nil
}

func (w *walk) run() error {
	f, err := w.c.root()
	if err == nil {
		_, err = w.folder(f)
	}
	return err
}

func (w *walk) folder(f *folder) (full bool, err error) {
	if w.open != nil {
		w.open(f)
	}
	for _, r := range f.rows {
		if !w.c.near.leadTo(f.child(r.name)) {
			full = true // as far as anybody knows
			continue
		}
		wanted, err := w.row(f, r)
		if err != nil {
			return full, err
		}
		full = full || wanted
		if err := w.c.stopped(); err != nil {
			return full, err
		}
	}
	return full, nil
}

func (w *walk) row(f *folder, r row) (wanted bool, err error) {
	path := f.child(r.name)
	if w.tell != nil && w.c.survey.isMarked(path) {
		w.tell()
	}
	if !w.all && !w.c.survey.isMarked(path) && (!r.anyDir() || !w.c.survey.hidden) {
		return true, nil // it is as it should be in every cloud
	}
	known, err := w.c.Memory.At(path)
	if err != nil {
		return false, err
	}
	if !r.anyDir() && known.Has != judge.Dir {
		return w.file(f, r)
	}
	if enter, err := w.dir(f, r); err != nil || !enter {
		return false, err
	}
	child, err := w.c.open(f, r)
	if err != nil {
		return false, err
	}
	full, err := w.folder(child)
	if err != nil {
		return full, err
	}
	return w.leave(f, r, full)
}

// stopped is an error once the comparison is to end.
func (c *Comparison) stopped() error {
	if c.Stop == nil {
		return nil
	}
	return c.Stop()
}

// covers reports whether a path is among those to be judged.
func (c *Comparison) covers(path string) bool { return c.under.cover(path) }

// first looks at every name once. What all clouds show alike, and is as it should be, needs no judgement; the rest is marked.
func (c *Comparison) first() error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	tasks := make(chan struct{}, 2*c.Workers)
	fail := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		failed = errors.Join(failed, err)
	}
	w := &walk{
		c: c, all: true, open: c.noteStrange,
		file: func(f *folder, r row) (bool, error) {
			tasks <- struct{}{}
			wg.Go(func() {
				defer func() { <-tasks }()
				if err := c.firstFile(f, r); err != nil {
					fail(err)
				}
			})
			mu.Lock()
			defer mu.Unlock()
			return true, failed
		},
		dir:   func(f *folder, r row) (bool, error) { return true, c.firstDir(f, r) },
		leave: func(*folder, row, bool) (bool, error) { return true, nil },
	}
	err := w.run()
	wg.Wait()
	c.survey.close()
	c.writers = len(c.survey.writers)
	return errors.Join(err, failed)
}

// sight gathers where the ids are seen that are to be judged.
func (c *Comparison) sight() error {
	at := func(f *folder, r row) (bool, error) { return true, c.sightAt(f, r) }
	w := &walk{c: c, file: at, dir: at, leave: func(*folder, row, bool) (bool, error) { return true, nil }}
	return w.run()
}

func (c *Comparison) sightAt(f *folder, r row) error {
	path := f.child(r.name)
	known, err := c.Memory.At(path)
	if err != nil {
		return err
	}
	for k := range c.Clouds {
		s, cp, err := c.look(f, r, k, known)
		if err != nil {
			return err
		}
		if cp != nil {
			cp.Close()
		}
		add := func(v judge.Version, copied bool) {
			if c.survey.isAsked(v.Identity) {
				c.survey.sight(judge.Sighting{
					Version: v, Cloud: k, Name: judge.Name(path), Copy: copied, Dead: f.dead,
					Taken: known.Has == judge.Dir || known.Has == judge.File && known.Version.Identity != v.Identity || left(known, v),
				})
			}
		}
		if s.Shows == judge.ShowsFile && !s.Dirty {
			add(s.Version, false)
		}
		for _, v := range s.Copies {
			add(v, true)
		}
	}
	return nil
}

// left reports whether a version is known to have left a name.
func left(known judge.Known, v judge.Version) bool {
	return known.Has == judge.Gone && known.Version.Identity == v.Identity && atMost(v.Vector, known.Version.Vector)
}

// noteStrange counts and reports the entries of a folder that are no names, and clouds in which it cannot be read.
func (c *Comparison) noteStrange(f *folder) {
	f.strange = slices.DeleteFunc(f.strange, func(s strange) bool { return errors.Is(s.why, cipher.ErrSidecar) && !careful{c}.lacksItStill(s) })
	sorter{c}.note(f)
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, s := range f.in {
		if s.why != nil && c.silent[k] == nil {
			c.silent[k] = s.why
			c.report(Finding{Path: f.plain, Entry: s.path, Cloud: k, Kind: Damaged, Chunk: NoChunk, Detail: "the directory cannot be read"})
		}
	}
	for _, s := range f.strange {
		st := &c.stats[s.cloud]
		switch {
		case s.temp:
		case errors.Is(s.why, cipher.ErrSidecar):
			c.report(Finding{Path: f.plain, Entry: s.path, Cloud: s.cloud, Kind: Damaged, Chunk: NoChunk, Detail: "a long name whose sidecar is missing"})
		default:
			st.Foreign++
			c.report(Finding{Path: f.plain, Entry: s.path, Cloud: s.cloud, Kind: Foreign, Chunk: NoChunk, Detail: "not one of this vault's entries"})
		}
	}
}

// Silent tells of each cloud why some directory could not be read there; what is in it counts as not answered.
func (c *Comparison) Silent() []error { return c.silent }

// maxAlien bounds how many findings are kept about what are no names.
const maxAlien = 1000

func (c *Comparison) report(f Finding) {
	if len(c.alien) < maxAlien && c.covers(f.Path) && (c.Only < 0 || c.Only == f.Cloud) {
		c.alien = append(c.alien, f)
	}
}

// Strange are the findings about what are no names, at most a thousand: foreign entries are counted in [Stats].
func (c *Comparison) Strange() []Finding { return c.alien }
