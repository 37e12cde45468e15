package level

import (
	"errors"
	"slices"

	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Together makes clouds show the same names, the lead first; one is looked through by
// itself. It returns the plaintext paths at which something was brought together, and
// what failed, by the index of the cloud where it did: that is the cloud's matter if
// faulty says so. Those that are left go on without it.
func (l Leveller) Together(up []*replica.Cloud, faulty func(error) bool) (found []string, failed map[int]error) {
	failed = map[int]error{}
	for {
		l.up = up
		paths, of := l.pairs(up, faulty)
		found = append(found, paths...)
		if of == nil {
			return found, failed
		}
		failed[of.Cloud], l.All = of.Err, false
		up = slices.DeleteFunc(slices.Clone(up), func(c *replica.Cloud) bool { return c.Index == of.Cloud })
	}
}

// pairs has the lead and each of the others show the same, until a cloud fails.
func (l Leveller) pairs(up []*replica.Cloud, faulty func(error) bool) (found []string, of *Error) {
	pair := func(k int) (differed bool) {
		one := l
		one.Clouds = [2]*replica.Cloud{up[0], up[k]}
		err := one.Level()
		found = append(found, one.Found...)
		if err != nil && !(k > 0 && errors.As(err, &of) && faulty(err)) {
			of = nil
			l.Logger.Warn("names that only one cloud has stay there", "cloud", up[k].Name, "error", err)
		}
		return len(one.Found) > 0
	}
	if len(up) == 1 {
		pair(0)
	}
	differed := false
	for k := 1; k < len(up) && of == nil; k++ {
		differed = pair(k) || differed
	}
	if differed && len(up) > 2 {
		for k := 1; k < len(up) && of == nil; k++ { // what the last one had is in the lead only now
			pair(k)
		}
	}
	return found, of
}
