//go:build !race || long

package index

import "github.com/overcast-fs/overcast/fs/index/internal/reserve"

// Sizes where every operation takes the time that it takes.
const (
	room  = reserve.Enough // of the reserve on a full disk
	flips = 6              // random places in each page, of each kind
)
