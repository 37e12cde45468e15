// Package pace tells how far something is that takes long, and how fast it has come
// there of late, and has it make way for programs. It is pure but for that it waits.
//
//	pace.go  Pace: how far, and how fast
//	turn.go  Turn: programs go first
//
// # Locks
//
//	Turn.mu  since when somebody works; who waits holds it, and all others wait with them
package pace
