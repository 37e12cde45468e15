package mirror

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/redo"
	"github.com/overcast-fs/overcast/fs/vault"
)

// State is what the mirror needs of the vault's durable state; *vault.State
// is the real one.
type State interface {
	Writer() uint32
	Reserve(n int, above uint64) (first uint64, err error)
	RenewWriter() error
	Observed(v cipher.Vector) error
	Behind() map[cipher.ID]vault.Behind
	MarkBehind(id cipher.ID, reason string) error
	CommittedBy(file cipher.ID) (last cipher.Version, ok bool)
	RecordCommitted(entries []vault.Committed) error
	WasChecked(c vault.Checked) bool
	RecordChecked(entries []vault.Checked) error
	SameBoot() bool
	MarkBoot() error
}

// CloudConfig is one cloud of the vault, in the vault's order.
type CloudConfig struct {
	Name   string
	ID     cipher.ID
	Dir    cloud.Dir // nil when absent
	Cipher *cipher.Cloud
	Reason string // why Dir is nil
}

// Config is what a mirror is made of.
type Config struct {
	Clouds    []CloudConfig
	State     State
	Log       *redo.Log
	Logger    *slog.Logger     // nil discards
	Clock     func() time.Time // nil is time.Now
	Owners    bool             // the process may set owners of backing files
	ReadOnly  bool
	FsyncAll  bool // fsync waits for every available cloud
	MinCopies int  // fewer clouds than this and changes fail; 0 is 1
	Manual    bool // no background commits: the caller calls Commit and Sync
}

// Mirror is the encrypted filesystem over all clouds of one vault. It is safe
// for concurrent use.
type Mirror struct {
	members  []*member
	layout   cipher.Layout
	state    State
	log      *redo.Log
	logger   *slog.Logger
	clock    func() time.Time
	owners   bool
	readOnly bool
	held     error // why nothing is changed until the log is replayed
	fsyncAll bool
	min      int

	gate   rwMutex[lockGate]
	closed atomic.Bool
	rounds mutex[lockRounds]
	names  rwMutex[lockNames]
	tree   mutex[lockTree]
	root   *Node
	nodes  table

	revoking  mutex[lockRevoking]
	revoked   []uint64     // entries whose operations failed, which the log does not say yet
	unrevoked atomic.Int64 // their number

	dropping mutex[lockDropping] // one cloud at a time becomes behind, so that one stays
	pending  atomic.Int64        // bytes of changes that no cloud has yet
	refs     atomic.Uint64
	orders   atomic.Uint64
	durable  atomic.Uint64 // entries below it are in every cloud's stable storage
	marked   atomic.Bool   // absent clouds are marked behind
	unmarked atomic.Bool   // some cloud was dropped and is not marked behind
	buffers  sync.Pool
	commits  committer
	waiting  waiting
}

// New opens the mirror: it replays the redo log and returns when everything
// that the log explains is in every cloud. It takes over the log and the
// directories; Close closes them.
func New(cfg Config) (*Mirror, error) {
	if len(cfg.Clouds) == 0 {
		return nil, fmt.Errorf("mirror: %w", ErrNoCloud)
	}
	m := &Mirror{
		state: cfg.State, log: cfg.Log, logger: cfg.Logger, clock: cfg.Clock, owners: cfg.Owners,
		readOnly: cfg.ReadOnly, fsyncAll: cfg.FsyncAll, min: max(cfg.MinCopies, 1),
	}
	if m.logger == nil {
		m.logger = slog.New(slog.DiscardHandler)
	}
	if m.clock == nil {
		m.clock = time.Now
	}
	m.addMembers(cfg.Clouds)
	lead := m.lead()
	if lead == nil {
		return nil, fmt.Errorf("mirror: %w", ErrNoCloud)
	}
	m.layout = lead.keys.Layout()
	m.readOnly = m.readOnly || m.allReadOnly()
	m.root = newRoot(m)
	m.nodes.init(m.root)
	m.commits.init(m)
	if err := m.replay(); err != nil {
		return nil, fmt.Errorf("mirror: replay: %w", err)
	}
	if !cfg.Manual {
		m.commits.start()
	}
	return m, nil
}

// Root returns the root directory. It lives as long as the mirror.
func (m *Mirror) Root() *Node { return m.root }

// ReadOnly reports whether every change is refused.
func (m *Mirror) ReadOnly() bool { return m.readOnly }

// Held is why the redo log could not be replayed in any cloud, so that every
// change is refused; nil where it could.
func (m *Mirror) Held() error { return m.held }

// enter lets an operation in, until the mirror is closed; leave ends it. What
// is inside is never closed under. Operations do not nest: one that is inside
// would be refused in its middle.
func (m *Mirror) enter() error {
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

// Close refuses what comes from now on, waits for what is under way, commits
// everything, empties the log and closes the directories. Errors mean that the
// next mount has something to replay; nothing is lost. A second Close does
// nothing.
func (m *Mirror) Close() error {
	m.gate.Lock() // nobody comes in who finds it waiting, either
	again := m.closed.Swap(true)
	m.gate.Unlock()
	if again {
		return nil
	}
	m.commits.stop()
	var errs []error
	if !m.readOnly {
		errs = append(errs, m.sync())
	}
	m.closeFiles()
	errs = append(errs, m.log.Close())
	for _, mb := range m.members {
		if mb.dir != nil {
			errs = append(errs, mb.dir.Close())
		}
		mb.keys.Wipe()
	}
	return errors.Join(errs...)
}

// admit is called before anything is changed: it refuses on a read-only
// mirror, or where too few clouds would get the change, and marks clouds that
// will not get it as behind.
func (m *Mirror) admit() error {
	if m.readOnly {
		return ErrReadOnly
	}
	if n := len(m.ups()); n < m.min {
		return fmt.Errorf("%w: only %d of the %d that a change needs", ErrNoCloud, n, m.min)
	}
	if err := m.markDropped(); err != nil || m.marked.Load() {
		return err
	}
	for _, mb := range m.members {
		if err := m.markAbsent(mb); err != nil {
			return err
		}
	}
	m.marked.Store(true)
	return nil
}

// Status is a snapshot of the mirror's clouds.
type Status struct {
	Lead     string
	ReadOnly bool
	Clouds   []CloudStatus
}

// CloudStatus is one cloud: "ok", "absent" or "behind", and why.
type CloudStatus struct {
	Name   string
	State  string
	Reason string
}

// Status reports which clouds are in use.
func (m *Mirror) Status() Status {
	s := Status{ReadOnly: m.readOnly}
	if lead := m.lead(); lead != nil {
		s.Lead = lead.name
	}
	for _, mb := range m.members {
		s.Clouds = append(s.Clouds, mb.status())
	}
	return s
}

// Statfs returns the space that a program may count on: the least over the
// clouds that are up, each divided by the clouds that share its device.
func (m *Mirror) Statfs() (cloud.Statfs, error) {
	if err := m.enter(); err != nil {
		return cloud.Statfs{}, err
	}
	defer m.leave()
	var all []cloud.Statfs
	shared := map[uint64]uint64{}
	err := m.reach("statfs", func(mb *member) error {
		s, err := mb.dir.Statfs()
		if err == nil {
			all = append(all, s)
			shared[s.Dev]++
		}
		return err
	})
	if err != nil {
		return cloud.Statfs{}, err
	}
	var least cloud.Statfs
	for i, s := range all {
		n := shared[s.Dev]
		s.Blocks, s.Free, s.Avail = s.Blocks/n, s.Free/n, s.Avail/n
		s.Files, s.FilesFree = s.Files/n, s.FilesFree/n
		if i == 0 || s.Avail*s.BlockSize < least.Avail*least.BlockSize {
			least = s
		}
	}
	return least, nil
}
