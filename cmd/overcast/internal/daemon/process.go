package daemon

import (
	"os"
	"runtime"
	"runtime/debug"
)

const (
	// memoryLimit is where the garbage collector begins to work hard. With what it does not count a mount stays below
	// 256 MiB.
	memoryLimit = 192 << 20

	// minThreads is how many threads run Go code at once at the least. Some wait for requests in read(2) and count as
	// running. Were they all that may, the runtime would take the right to run away from them after 20 µs, and each
	// would have to get it back before it answers.
	minThreads = 4
)

// LimitMemory keeps this process within the memory of a mount.
func LimitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}

// RaiseThreads lets enough threads run for a mount. It comes after mounting, by which go-fuse makes do with fewer readers.
func RaiseThreads() {
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < minThreads {
		runtime.GOMAXPROCS(minThreads)
	}
}
