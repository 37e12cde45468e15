// Package exchange is the way in and out for files in the layout of PyCrypto
// scripts, an IV and AES-CBC, whose ciphers are in package cipher/pycrypto:
// import into a vault, export out of one, and single files beside any vault.
//
//	import.go    trees of such files into a vault
//	plan.go      what an import is about to do, found before anything is done
//	verify.go    an import read back from each cloud by itself
//	export.go    trees of a vault into such files
//	manifest.go  lists of plaintext files, with sizes and checksums
//	encrypt.go   one plaintext into a file for each of several keys
//	key.go       files with keys and with HMACs
//	output.go    files that take their names when they are complete
//	names.go     names of outputs, and those that would spoil something
//	reader.go    reading that can be interrupted and shows its progress
//
// The layout has no integrity of its own. What nothing vouched for is said so;
// what a manifest or an HMAC vouches for is verified before it has its name.
package exchange
