//go:build !race

package lock

import "sync"

// The locks without their order.
type (
	Mutex[R any]   = sync.Mutex
	RWMutex[R any] = sync.RWMutex
)
