// Package vault is the vault directory: the local side of a mirror, which is
// never synced to a cloud.
//
//	vault.toml          names, directories and ids of the clouds, settings; no secrets
//	keys.age            every key, in an age file under a passphrase
//	keys-recipients.age the same for age recipients, where there are any
//	state/lock          held by the one mount of this vault on this machine
//	state/change        held while vault.toml or the keys are changed
//	state/writer        the machine's writer number and the counters reserved
//	state/owes          the clouds that lack changes or have some wrongly
//	state/index         what this machine knows (package index)
//	state/boot          the boot in which the state was last used, or that it was left clean: for what the log has lost
//	state/redo/         the segments of the redo log
//	state/control       the socket of the mount (package volume)
//	state/summary.json  a plain summary for status, without names of files
//	state/notes         what status tells with names of files, sealed (package volume)
//	state/log           the log of the last mount
//
// # Where things are
//
//	vault.go       Load: vault.toml, and small files of the vault
//	init.go        Init; plan.go what it looks at; build.go what it does and undoes
//	join.go        Join: a vault that exists, on a machine that does not know it
//	reseal.go      another passphrase, recipients, a copy of the keys
//	recovery.go    the recovery kit in every cloud; kit is what is on paper
//	move.go        another directory for a cloud
//	change.go      vault.toml and the keys, replaced in one instant
//	keys.go        keys.age, opened
//	marker.go      the marker in a cloud's root
//	mountpoint.go  which directories must not be mounted on
//	lock.go        state/lock
//	state.go       the state: writer, counters, clouds that are behind, boot
//	owes.go        state/owes, which clouds lack something
//	stamp.go       the state's small files, authenticated
//	summary.go     state/summary.json
//	disk.go        everything that changes files, for tests to fail
//	errors.go      the sentinels
//
// In rooms of their own: internal/config, the text of vault.toml; internal/keyfile, what the files with keys hold and how
// they are sealed; internal/place, where a path really is, so that no directory
// lies in another; internal/lockfile, locks between processes; internal/text, what may stand in a message.
//
// It promises: whatever must outlive a power cut is on disk before the call
// returns; a counter is never issued twice; an init that refuses changed
// nothing, and one that was interrupted at any instant can be run again; nothing
// in the vault tells the name or content of a file to someone without the
// passphrase. It never reads or writes a cloud's files, except for the marker
// that init puts into each cloud's root, and what a recovery kit opens.
//
// # Locks
//
//	State.mu  what the state is, and the writes to disk that a change needs
package vault
