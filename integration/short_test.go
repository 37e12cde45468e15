//go:build !long

package integration

import "time"

// Sizes of the run that everybody waits for.
const (
	bigFile          = 256 << 20
	killRounds       = 6 // in each place, with each number of clouds
	differentialRuns = 6
	exerciserSteps   = 2000
	fioSize          = "48m"
	goSourceDir      = "cmd" // of the source of Go, some 5,000 names

	verifyHealed = false
	awayNames    = 3000
	awayTime     = 2 * time.Minute
)

// Where clouds are hostile, and how many are damaged.
var (
	hostileClouds = []hostileAt{{2, 0, true}}
	damagedClouds = []int{3}
	damagedUnder  = []bool{false}
)

// goPrograms are those of this module that are built in the mount.
var goPrograms = []string{"./cipher/internal/asmgen"}
