//go:build !long

package integration

// Sizes of the run that everybody waits for.
const (
	bigFile          = 256 << 20
	killRounds       = 6 // in each place, with each number of clouds
	differentialRuns = 6
	exerciserSteps   = 2000
	fioSize          = "48m"
	goSourceDir      = "cmd" // of the source of Go, some 5,000 names
)

// goBuild makes a program of the tests of a package, and of what they need of the standard library.
var goBuild = []string{"test", "-c", "./cipher/siv"}
