//go:build long

package integration

// Sizes of the run that takes an hour.
const (
	bigFile          = 2 << 30
	killRounds       = 130 // in each place, with each number of clouds
	differentialRuns = 40
	exerciserSteps   = 20000
	fioSize          = "512m"
	goSourceDir      = "" // all of the source of Go, some 13,000 names
)

// goPrograms are those of this module that are built in the mount.
var goPrograms = []string{"./cipher/internal/asmgen", "./cmd/overcast"}
