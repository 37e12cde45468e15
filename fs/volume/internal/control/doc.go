// Package control is the way to the process that serves a vault: a socket in the
// vault's state directory, through which its owner asks for what needs that
// process's locks. It knows no requests.
//
//	control.go  Server: the side of the mount
//	call.go     Call: the other side
//
// A connection is one request and its answers, each a line of JSON of at most
// [MaxLine] bytes. It promises that nobody is heard but the vault's owner and
// root; that a caller who went away, or who does not read, ends what was asked
// for; and that nothing of it outlives Close. A socket that a process has left
// when it was killed is in nobody's way.
//
// # Locks
//
//	conn.mu  one line at a time is sent
package control
