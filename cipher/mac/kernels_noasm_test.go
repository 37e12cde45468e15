//go:build !amd64 || purego

package mac

var implementations = []implementation{{Kernel(), "", true, New}}
