//go:build !amd64 || purego

package x86

// Brand returns nothing here.
func Brand() string { return "" }
