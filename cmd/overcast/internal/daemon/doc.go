// Package daemon is the background process of a mount: this program, started
// again in a session of its own.
//
//	start.go   the side that starts it, and waits until the mount can be used
//	child.go   the process itself: what it inherits, and what it reports
//	keys.go    the vault's keys on their way through a pipe
//	log.go     the log file, to which it also turns its standard error
//	notify.go  what the service manager is told that started the process, if one did
//	process.go what a process does for itself that serves a mount
//
// The passphrase, and what it takes to make a key of it, never come near a
// process that lives for days. Signals reach it as any other process of this
// program: main turns them into a context that is done.
//
// # Locks
//
//	Log.mu  the file, and where standard error goes
package daemon
