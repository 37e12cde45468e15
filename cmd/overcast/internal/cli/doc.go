// Package cli is what every command has in common, so that commands can live in
// packages of their own: how it is called, what it asks for, and how it ends.
//
//	usage.go       the number of arguments, and calls that are wrong
//	failure.go     errors with an exit code and with what to do next
//	output.go      names and JSON on standard output
//	warnings.go    what is amiss and stops nothing, a line each
//	passphrase.go  where the passphrase comes from
//	identity.go    keys of age and ssh instead of it
//	vault.go       a vault by its directory, its keys, its files
//
// It knows nothing of any one command.
package cli
