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

	// garbage is how much of it may lie about before the collector comes, in percent of what is in use. A mount that serves names
	// uses a few MiB, and throws away a little for each request: at the usual 100 it would spend a tenth of its time on that.
	garbage = 400

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
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
}

// RaiseThreads lets enough threads run for a mount. It comes after mounting, by which go-fuse makes do with fewer readers.
func RaiseThreads() {
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < minThreads {
		runtime.GOMAXPROCS(minThreads)
	}
}
