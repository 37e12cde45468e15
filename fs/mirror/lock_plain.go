//go:build !race

package mirror

import "sync"

type (
	mutex[R any]   = sync.Mutex
	rwMutex[R any] = sync.RWMutex
)
