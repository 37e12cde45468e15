//go:build long

package integration

import "testing"

// TestPyCryptoGiB is TestPyCryptoLarge at a size beyond every 32-bit counter of bits and blocks that one may forget.
func TestPyCryptoGiB(t *testing.T) { pycryptoLarge(t, 1<<30) }

// TestPyCryptoGiBUneven does the same where the last piece is short.
func TestPyCryptoGiBUneven(t *testing.T) { pycryptoLarge(t, 1<<30+64<<10+3) }
