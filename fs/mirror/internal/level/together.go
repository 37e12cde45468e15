package level

import (
	"errors"

	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Together makes clouds show the same names, the lead first; one is looked through by
// itself. It returns the plaintext paths at which something was brought together, and
// what failed, by the index of the cloud where it did: that is the cloud's matter if
// faulty says so.
func (l Leveller) Together(up []*replica.Cloud, faulty func(error) bool) (found []string, failed map[int]error) {
	failed = map[int]error{}
	pair := func(k int) (differed bool) {
		if failed[up[0].Index] != nil || failed[up[k].Index] != nil {
			return false
		}
		one := l
		one.Clouds = [2]*replica.Cloud{up[0], up[k]}
		err := one.Level()
		found = append(found, one.Found...)
		var of *Error
		switch {
		case err == nil:
		case k > 0 && errors.As(err, &of) && faulty(err):
			failed[of.Cloud] = err
		default:
			l.Logger.Warn("names that only one cloud has stay there", "cloud", up[k].Name, "error", err)
		}
		return len(one.Found) > 0
	}
	if len(up) == 1 {
		pair(0)
	}
	differed := false
	for k := 1; k < len(up); k++ {
		differed = pair(k) || differed
	}
	if differed && len(up) > 2 {
		for k := 1; k < len(up); k++ { // what the last one had is in the lead only now
			pair(k)
		}
	}
	return found, failed
}
