package mirror

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/belief"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/content"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/entries"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/lock"
	"github.com/overcast-fs/overcast/fs/mirror/internal/memory"
	"github.com/overcast-fs/overcast/fs/mirror/internal/nodes"
	"github.com/overcast-fs/overcast/fs/mirror/internal/notice"
	"github.com/overcast-fs/overcast/fs/mirror/internal/pace"
	"github.com/overcast-fs/overcast/fs/mirror/internal/queue"
	"github.com/overcast-fs/overcast/fs/mirror/internal/recovery"
	"github.com/overcast-fs/overcast/fs/mirror/internal/rejoin"
	"github.com/overcast-fs/overcast/fs/mirror/internal/removals"
	"github.com/overcast-fs/overcast/fs/mirror/internal/telling"
	"github.com/overcast-fs/overcast/fs/mirror/internal/toolcopy"
	"github.com/overcast-fs/overcast/fs/mirror/internal/view"
	"github.com/overcast-fs/overcast/fs/redo"
)

// State is what the mirror needs of the vault's durable state; *vault.State is the real one.
type State interface {
	clouds.State
	recovery.State
	Writer() uint32
	Reserve(n int, above uint64) (first uint64, err error)
	RenewWriter() error
	Observed(v cipher.Vector) error
}

// Index is what this machine knows, from mount to mount; *index.Index is the real one.
type Index = memory.Index

// CloudConfig is one cloud of the vault, in the vault's order.
type CloudConfig = clouds.Config

// Config is what a mirror is made of.
type Config struct {
	Clouds    []CloudConfig
	State     State
	Log       *redo.Log
	Index     Index            // nil: nothing is remembered
	Logger    *slog.Logger     // nil discards
	Clock     func() time.Time // nil is time.Now
	Kernel    func() time.Time // that of the clouds' filesystems; nil is time.Now
	Owners    bool             // the process may set owners of backing files
	ReadOnly  bool
	FsyncAll  bool // fsync waits for every available cloud
	MinCopies int  // fewer clouds than this and changes fail; 0 is 1
	Manual    bool // nothing in the background: the caller calls Commit, Sync and Tend
}

// Mirror is the encrypted filesystem over all clouds of one vault. It is safe for concurrent use.
type Mirror struct {
	clouds *clouds.Clouds
	files  *content.Store
	state  State
	log    *entries.Log
	memory *telling.Keeper
	belief *belief.Belief
	logger *slog.Logger
	clock  func() time.Time
	owners bool

	gate    lock.RWMutex[lock.Gate]
	begun   atomic.Uint64 // operations
	closed  atomic.Bool
	names   lock.RWMutex[lock.Names]
	nodes   *nodes.Table
	view    *view.View
	waiting recovery.Waiting
	returns *rejoin.Returner
	notices *notice.Board
	copied  *toolcopy.Board
	repairs *queue.Repairer
}

// New opens the mirror: it replays the redo log and returns when everything that the log explains is in every cloud. It takes
// over the log, the index and the directories; Close closes them.
func New(cfg Config) (*Mirror, error) {
	m := &Mirror{
		state: cfg.State, log: entries.New(cfg.Log),
		logger: cfg.Logger, clock: cfg.Clock, owners: cfg.Owners,
	}
	if m.logger == nil {
		m.logger = slog.New(slog.DiscardHandler)
	}
	if m.clock == nil {
		m.clock = time.Now
	}
	if cfg.Kernel == nil {
		cfg.Kernel = time.Now
	}
	var err error
	m.clouds, err = clouds.New(cfg.Clouds, clouds.Options{State: m.state, Logger: m.logger, MinCopies: cfg.MinCopies, ReadOnly: cfg.ReadOnly, Clock: m.clock, Next: m.log.Next, Names: cfg.Index != nil})
	if err != nil {
		return nil, fmt.Errorf("mirror: %w", err)
	}
	book := removals.NewBook(removals.Config{Draw: drawer(m.state), Writer: m.state.Writer, Clock: m.clock, Owners: m.owners, Logger: m.logger})
	m.memory = telling.NewKeeper(memory.New(cfg.Index, cfg.Log.ID(), clouds.IDs(m.clouds)), telling.Config{Log: m.log, Clouds: m.clouds, Logger: m.logger, Book: book, Unnumber: m.unnumber})
	layout := m.clouds.Lead().Keys.Layout()
	m.notices, m.copied = notice.New(m.clock), toolcopy.NewBoard(m.clock)
	m.files = content.NewStore(content.Config{
		Env:   &copies.Env{Clouds: m.clouds, Layout: layout, Ledger: m.memory, Logger: m.logger, Owners: m.owners, Notices: m.notices},
		State: m.state, Memory: m.memory, Log: m.log, Names: &m.names, Refuse: m.refuse, Clock: m.clock, FsyncAll: cfg.FsyncAll,
	})
	m.belief = belief.New(belief.Config{Clouds: m.clouds, Memory: m.memory.Rows, Debts: host{m}, Logger: m.logger, Clock: m.clock, Kernel: cfg.Kernel, Owners: m.owners, Writer: m.state.Writer, Back: book.Back})
	m.nodes = nodes.New(nodes.Config{
		Clouds: m.clouds.N(), Draw: m.memory.Number, Host: host{m}, Init: func(o *content.Object, at content.Place) { o.Init(m.files, at) },
	})
	m.view = view.New(view.Config{
		Clouds: m.clouds, Nodes: m.nodes, Belief: m.belief, Memory: m.memory.Rows, Layout: layout, Renew: m.state.RenewWriter, Copied: m.copied.Note,
		Logger: m.logger, Owners: m.owners,
	})
	m.returns = rejoin.New(rejoin.Config{
		Rest: programsFirst(m, cfg.Manual), Clouds: m.clouds, Names: &m.names, Host: host{m}, Past: m.memory.Past(), Clock: m.clock, Logger: m.logger, Owners: m.owners, Book: book,
	})
	m.repairs = newRepairer(m)
	if err := m.memory.Open(m.ReadOnly()); err != nil {
		return nil, fmt.Errorf("mirror: %w", err)
	}
	if err := recovery.Replay(recovery.Config{
		Clouds: m.clouds, State: m.state, Log: m.log, Memory: m.memory, Files: m.files, Names: host{m}, Waiting: &m.waiting,
		Logger: m.logger, Clock: m.clock, Owners: m.owners,
	}); err != nil {
		return nil, fmt.Errorf("mirror: replay: %w", err)
	}
	clouds.Hear(m.clouds)
	m.repairs.Recall()
	if !cfg.Manual {
		m.files.Start()
		m.returns.Start()
		m.repairs.Start()
	}
	return m, nil
}

// programsFirst has work in the background rest while programs work. Whoever calls it, of a Manual mirror, decides when.
func programsFirst(m *Mirror, manual bool) func() {
	if manual {
		return nil
	}
	return (&pace.Turn{Begun: m.begun.Load, Now: time.Now, Sleep: time.Sleep}).Rest
}

// drawer issues counters for versions.
func drawer(s State) removals.Draw {
	return func(n int, above uint64) (writer uint32, first uint64, err error) {
		first, err = s.Reserve(n, above)
		return s.Writer(), first, err
	}
}

// ReadOnly reports whether every change is refused.
func (m *Mirror) ReadOnly() bool { return m.clouds.ReadOnly() }

// Held is why the redo log could not be replayed in any cloud, so that every change is refused; nil where it could.
func (m *Mirror) Held() error { return m.clouds.Held() }

// enter lets an operation in, until the mirror is closed; leave ends it. What is inside is never closed under. Operations do
// not nest: one that is inside would be refused in its middle.
func (m *Mirror) enter() error {
	m.begun.Add(1)
	if !m.gate.TryRLock() {
		return ErrClosed
	}
	if m.closed.Load() {
		m.gate.RUnlock()
		return ErrClosed
	}
	return nil
}

func (m *Mirror) leave() { m.gate.RUnlock() }

// Close refuses what comes from now on, waits for what is under way, commits everything, empties the log and closes the
// directories. Errors mean that the next mount has something to replay; nothing is lost. A second Close does nothing.
func (m *Mirror) Close() error {
	m.gate.Lock() // nobody comes in who finds it waiting, either
	again := m.closed.Swap(true)
	m.gate.Unlock()
	if again {
		return nil
	}
	m.repairs.Stop()
	m.returns.Stop()
	m.files.Stop()
	var errs []error
	if !m.clouds.ReadOnly() {
		errs = append(errs, m.sync())
	}
	m.closeFiles()
	clean := !m.clouds.ReadOnly() && m.log.Mark() == m.log.Next()
	err := errors.Join(append(errs, m.log.Close(), m.clouds.Close(), m.memory.Close())...)
	if err == nil && clean {
		err = m.state.MarkClean()
	}
	return err
}

// Sync commits everything and makes it durable in every cloud that is up.
func (m *Mirror) Sync() error {
	if err := m.enter(); err != nil {
		return err
	}
	defer m.leave()
	return m.sync()
}

func (m *Mirror) sync() error {
	if m.ReadOnly() {
		return nil
	}
	return m.files.Sync()
}

// operate makes a change of names, which an entry of the log describes, in every cloud that is up. One that came to nothing
// is revoked; a cloud that has something else there owes the names. The caller holds Mirror.names for writing.
func (m *Mirror) operate(e *journal.Entry, c clouds.Change) (made bool, err error) {
	var strays []*clouds.Cloud
	skip := c.Skip
	c.Skip = func(cl *clouds.Cloud, why error) {
		strays = append(strays, cl)
		if skip != nil {
			skip(cl, why)
		}
	}
	do := c.Do
	c.Do = func(cl *clouds.Cloud) error { return itsOwn(do(cl)) }
	made, err = m.clouds.Each(c)
	m.returns.Ends(e, made)
	if !made {
		m.memory.Undone(e.Names()...)
		return made, errors.Join(err, m.log.Revoke(e.Seq))
	}
	m.waiting.Ends(e)
	return made, errors.Join(err, m.returns.Owe(strays, e.Kind == unix.S_IFDIR || e.Over == unix.S_IFDIR, e.Names()...))
}

// itsOwn marks what one cloud says of a name against the view of all, in which it can be done: that cloud shows something else there.
func itsOwn(err error) error {
	for _, of := range []error{unix.EEXIST, unix.ENOTEMPTY, unix.ELOOP, unix.EXDEV} {
		if errors.Is(err, of) && clouds.FaultOf(err) == clouds.Refused {
			return errors.Join(ErrConflict, err)
		}
	}
	return err
}

// closeFiles closes what openers left open, when the mirror ends.
func (m *Mirror) closeFiles() {
	var files []*content.File
	for _, o := range m.nodes.Objects() {
		if f := o.Open(); f != nil {
			files = append(files, f)
		}
	}
	content.CloseAll(files)
}

// Statfs returns the space that a program may count on.
func (m *Mirror) Statfs() (cloud.Statfs, error) {
	if err := m.enter(); err != nil {
		return cloud.Statfs{}, err
	}
	defer m.leave()
	return m.clouds.Statfs()
}
