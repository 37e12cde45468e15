// Package entries is the redo log as the mirror uses it: entries of package
// journal on their way there, and the revocation of those that came to nothing.
//
// # Locks
//
//	Log.revoking operations that failed and are in the log
package entries
