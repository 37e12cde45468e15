// Package life holds the commands for what happens to a vault between init and
// its end: another machine, another passphrase, another place for a cloud, a
// loss.
//
//	join.go      open a vault that exists on a machine that does not know it
//	passwd.go    another passphrase, and identities that open it besides
//	keys.go      a copy of the keys in a safe place
//	recovery.go  a kit on paper, with which and any one cloud everything comes back
//	cloud.go     the clouds of a vault, and another place for one
package life
