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

// goBuild makes this program, and what it needs of the standard library.
var goBuild = []string{"build", "./cmd/overcast"}
