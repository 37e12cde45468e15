//go:build long

package integration

import "time"

// Sizes of the run that takes an hour.
const (
	bigFile          = 2 << 30
	killRounds       = 130 // in each place, with each number of clouds
	differentialRuns = 40
	exerciserSteps   = 20000
	fioSize          = "512m"
	goSourceDir      = "" // all of the source of Go, some 13,000 names

	verifyHealed = true
	awayNames    = 100_000
	awayTime     = 40 * time.Minute
)

// Where clouds are hostile, and how many are damaged.
var (
	hostileClouds = []hostileAt{
		{2, 0, true}, {2, 0, false}, {2, 1, true}, {2, 1, false}, {3, 0, true}, {3, 0, false}, {3, 2, true}, {3, 2, false},
	}
	damagedClouds = []int{2, 3}
	damagedUnder  = []bool{true, false}
)

// goPrograms are those of this module that are built in the mount.
var goPrograms = []string{"./cipher/internal/asmgen", "./cmd/overcast"}
