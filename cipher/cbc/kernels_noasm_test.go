//go:build !amd64 || purego

package cbc

var implementations = []implementation{{Kernel(), "", true, New}}

// contents is everything in c that is secret.
func contents(c *Cipher) any { return c.std }
