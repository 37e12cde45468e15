//go:build !long

package integration

// Sizes of the run that everybody waits for.
const (
	bigFile          = 256 << 20
	killRounds       = 7 // in each place, with each number of clouds
	differentialRuns = 6
	exerciserSteps   = 2000
	fioSize          = "48m"
)
