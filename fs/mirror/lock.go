package mirror

// The locks of the package, each a type of its own: doc.go has them in the
// order in which they are taken. Under the race detector a mutex[R] or
// rwMutex[R] knows its place in that order and panics where a goroutine that
// holds a later one takes it, whether or not anybody else is there to deadlock
// with; otherwise it is the one of package sync.
type (
	lockGate      struct{}
	lockRounds    struct{}
	lockOpening   struct{}
	lockApplying  struct{}
	lockNames     struct{}
	lockFile      struct{}
	lockTrust     struct{}
	lockTree      struct{}
	lockCommitter struct{}
	lockRevoking  struct{}
	lockDropping  struct{}
	lockMember    struct{}
)
