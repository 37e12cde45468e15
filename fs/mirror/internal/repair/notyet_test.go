//go:build !defects

package repair_test

// notYet is seeds, by test, that show what is not right yet. With the build tag
// defects they run, and so do the smallest inputs that show the same.
var notYet = map[string][]uint64{
	"TestReplay":        {45},
	"TestReplayKilled":  {45},
	"TestReplayWithout": {45},
	"TestReplayFails":   {45},
}
