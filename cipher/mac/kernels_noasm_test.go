//go:build !amd64 || purego

package mac

var implementations = []implementation{{Kernel(), "", true, New}}

// contents is everything in k that is secret.
func contents(k *Key) any { return k.std }
