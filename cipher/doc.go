// Package cipher is the on-disk format, version 1.
package cipher
