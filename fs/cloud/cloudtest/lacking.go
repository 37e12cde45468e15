package cloudtest

import (
	"fmt"
	"syscall"

	"github.com/overcast-fs/overcast/fs/cloud"
)

// Feature is something that not every backing filesystem can do.
type Feature string

// Features, and where they are missing.
const (
	Xattrs   Feature = "xattrs"   // FAT, many FUSE filesystems
	Links    Feature = "links"    // FAT, exFAT, most FUSE filesystems of remote storage
	Exchange Feature = "exchange" // most that are not local
	Handles  Feature = "handles"  // FUSE, FAT, exFAT, overlay
	Modes    Feature = "modes"    // FAT, exFAT, many FUSE filesystems: chmod and chown change nothing, see [cloud.Limited]
	Times    Feature = "times"    // some FUSE filesystems: utimensat changes nothing
	Holes    Feature = "holes"    // FAT, some FUSE filesystems: no punching
)

// Features are all of them.
func Features() []Feature { return []Feature{Xattrs, Links, Exchange, Handles, Modes, Times, Holes} }

// Without gives the rules of a filesystem that lacks these features: its
// operations fail as the real directory says it.
func Without(features ...Feature) []Rule {
	var rules []Rule
	for _, f := range features {
		errno := syscall.EOPNOTSUPP
		var ops []string
		switch f {
		case Xattrs:
			ops = []string{"listxattr", "getxattr", "setxattr", "removexattr"}
		case Links:
			ops, errno = []string{"link"}, syscall.EPERM
		case Exchange:
			ops, errno = []string{"exchange"}, syscall.EINVAL
		case Handles:
			ops = []string{"handle"}
		case Holes:
			ops = []string{"punchhole"}
		case Modes, Times:
			for _, op := range map[Feature][]string{Modes: {"chmod", "chown"}, Times: {"chtimes"}}[f] {
				rules = append(rules, Rule{Op: op, Err: ErrIgnored})
			}
		}
		for _, op := range ops {
			rules = append(rules, Rule{Op: op, Err: fmt.Errorf("%w (%w)", cloud.ErrUnsupported, errno)})
		}
	}
	return rules
}
