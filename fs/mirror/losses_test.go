package mirror_test

import (
	"flag"
	"slices"
	"strings"
	"testing"
)

var showLosses = flag.Bool("losses", false, "print why each known loss fails")

// losing runs a test that may be a known loss. Such a test has to fail: one that
// passes is to be taken off the list, which can only shrink.
func losing(t *testing.T, name string, run func(t *testing.T, name string) error) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Helper()
		err := run(t, name)
		known := slices.Contains(knownLosses, name)
		switch {
		case known && err == nil:
			t.Error("passes now: take it off the list of known losses")
		case !known && err != nil:
			t.Error(err)
		case known && *showLosses:
			why, _, _ := strings.Cut(err.Error(), "\n")
			t.Log(why)
		}
	})
}

// TestKnownLosses wants each to be the name of a test, once.
func TestKnownLosses(t *testing.T) {
	var names []string
	for _, list := range [][]finding{crashFindings, syncFindings, cloudFindings, attacks} {
		for _, f := range list {
			names = append(names, f.name)
		}
	}
	for name := range powerCutFindings {
		names = append(names, name)
	}
	for _, k := range faultKinds {
		names = append(names, "faults: "+k.name)
	}
	for _, m := range meddlings {
		names = append(names, "foreign: "+m.name)
	}
	for _, e := range failingRecoveries {
		names = append(names, "recovery: "+e.name)
	}
	for _, seed := range hardSeeds["stories"] {
		names = append(names, storyName(seed))
	}
	names = append(names, "machines: in turn", "machines: at once", "load: close")
	for i, loss := range knownLosses {
		if !slices.Contains(names, loss) || slices.Contains(knownLosses[:i], loss) {
			t.Errorf("no test, or listed twice: %q", loss)
		}
	}
}

// eachSeed runs the stories of a test up to the first that fails: those of the
// seeds that have failed before, and then those below n. With a seed on the
// command line it runs from that one on.
func eachSeed(name string, n uint64, tell func(seed uint64) error) error {
	seeds := hardSeeds[name]
	first, stop := uint64(0), n
	if *firstStory > 0 {
		seeds, first, stop = nil, *firstStory, *firstStory+*histories
	}
	for seed := first; seed < stop; seed++ {
		seeds = append(slices.Clip(seeds), seed)
	}
	for _, seed := range seeds {
		if err := tell(seed); err != nil {
			return err
		}
	}
	return nil
}

// hardSeeds are the seeds of stories that have failed.
var hardSeeds = map[string][]uint64{
	"stories": {19, 62, 97, 112, 119, 123, 127, 129, 133, 135, 149, 159, 163, 185, 202, 214, 218, 245, 281, 286, 287, 299, 5239, 10059, 10254, 10351, 20683, 20697, 8357, 21808, 22403, 20087, 30428, 21264, 21934, 21508, 20478, 21028, 60049, 61814, 61909, 62284, 63683, 64003, 70207, 70436, 80244, 80249, 101954, 115048, 140103, 85442, 100386, 101426, 101600, 120458, 100933, 162365, 180764, 210248},

	"faults: a cloud fails":                      {1702},
	"faults: a cloud is full":                    {1702},
	"faults: the process is at its limits":       {42, 1001},
	"faults: all clouds fail":                    {1003},
	"faults: all clouds are full":                {1003},
	"faults: what all clouds refuse is not done": {1003},
	"faults: the log fails":                      {1013},
	"faults: the state fails":                    {1171},
	"faults: a cloud lacks features":             {1001},
	"faults: no cloud has these features":        {1001},

	"foreign: deleted":                       {1038},
	"foreign: replaced by garbage":           {1038},
	"foreign: rewritten with garbage":        {1008, 20461},
	"foreign: rewritten with what it was":    {20814, 212, 790},
	"foreign: rewritten in pieces":           {20814, 212, 790},
	"foreign: renamed to what is foreign":    {1411},
	"foreign: renamed over another":          {1156},
	"foreign: swapped with another":          {87},
	"foreign: replaced by a copy of another": {1014},
	"foreign: replaced by a link of another": {1038},
	"foreign: duplicated":                    {1379, 1465},
	"foreign: rolled back":                   {1014},
	"foreign: all rolled back":               {1010},
	"machines: in turn":                      {409, 20004},

	storiesWithFaultsName:     {13, 359, 870},
	storiesWithoutHandlesName: {475},

	"recovery: killed, a cloud fails":      {1023},
	"recovery: killed, all clouds fail":    {1000},
	"recovery: killed, the log fails":      {1237},
	"recovery: killed, the state fails":    {1000},
	"recovery: power cut, a cloud fails":   {1018},
	"recovery: power cut, all clouds fail": {1018},
	"recovery: power cut, the log fails":   {1018},
	"recovery: power cut, the state fails": {1018},
	"recovery: power cut, the index fails": {499},
}

// knownLosses are the tests that fail today. Nothing may be added.
var knownLosses = []string{
	"faults: the process is at its limits",
	"faults: a cloud lacks features",
	"faults: no cloud has these features",

	"foreign: rewritten with what it was",
	"foreign: rewritten in pieces",
}
