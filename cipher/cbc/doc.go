// Package cbc encrypts and decrypts AES-CBC (NIST SP 800-38A) for many
// independent chunks at once.
//
// CBC encryption is serial inside a chunk, so one chunk leaves a modern core
// mostly idle; independent chunks (lanes) side by side fill it. Decryption is
// parallel even inside one chunk. A call therefore takes all lanes that the
// caller has.
//
// The package knows no padding and authenticates nothing. It is used under
// package cipher only, which verifies before it decrypts.
package cbc
