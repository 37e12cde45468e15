//go:build !amd64 || purego

package cbc

var implementations = []implementation{{Kernel(), "", true, New}}
