// Package volume is a vault, open: its lock, keys, state, clouds, redo log and
// mirror, put together in the one order that is right and taken apart in the
// other. Commands and tests stand on it.
//
//	volume.go   Open and Close: the parts put together
//	clouds.go   the directories of the clouds, and each cloud by itself
//	lock.go     the locks on the directories of the clouds
//	probe.go    what the filesystems of the clouds can do; making a vault over those that can do enough
//	serve.go    a volume that is mounted, from the lock to the last commit
//	find.go     a vault by its directory; where it is mounted, and by whom
//	unmount.go  from the other side: the end of a mount that another process serves
//	status.go   what can be told of a vault, at once
//	note.go     what the mirror has noticed is noted
//	where.go    where each cloud has a path, and which path a backing file has
//	checkup.go  verifying and healing all clouds, beside a mirror
//	control.go  what the process of a mount does for who asks it
//	ask.go      asking that process
//	errors.go   why a vault cannot be used
//
// In rooms of their own: internal/control, the socket of the mount; internal/notes,
// what is remembered of what was found.
//
// It promises that whatever Open took is given back by Close, or by Open itself
// when it fails; and that a mount has committed everything when the vault's lock
// is free. It asks for no passphrase, prints nothing and ends no process.
//
// # Locks
//
//	cloudLocks.mu  which directories are locked
package volume
