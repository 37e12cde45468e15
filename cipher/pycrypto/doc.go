// Package pycrypto reads and writes the file layout of a well-known few lines
// of Python over PyCrypto:
//
//	IV[16] ‖ AES-CBC(key, IV, plaintext padded to whole blocks)
//
// The script reads its file in pieces of 64 KiB, but one CBC chain runs
// through all of them, so the piece size leaves no trace in the file. It pads
// the last piece with spaces up to a multiple of 16 bytes, which pads nothing
// when the length is a multiple already: an empty file is the IV alone. Its own
// decryption leaves the spaces in place, for nothing tells them from content.
// PKCS #7 padding (RFC 5652, section 6.3), which openssl and most libraries
// expect, is the unambiguous alternative for writing.
//
// The layout has no integrity: whoever can write the file can change the
// plaintext, and no error shows it. A [Tag] beside the file supplies what is
// missing. It is HMAC-SHA-256 over the whole file (the IV and the ciphertext)
// under HKDF-SHA-256(key, no salt, "overcast pycrypto hmac v1", 32 bytes).
//
// Both directions stream in constant memory. What [Decrypt] writes before it
// returns nil is unverified, so callers keep it from view until then.
//
//	pycrypto.go     keys, paddings and errors
//	encrypt.go      Encrypt
//	decrypt.go      Decrypt
//	tag.go          Tag
//	writebehind.go  writing in a goroutine of its own
package pycrypto
