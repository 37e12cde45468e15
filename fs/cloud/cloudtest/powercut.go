package cloudtest

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// PowerCut takes the power away: see the package's doc for what is left. All
// handles are dead, new ones work, and what is left is on the disk for good.
func (d *Disk) PowerCut(rng *rand.Rand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.revive()
	for _, name := range slices.Sorted(maps.Keys(d.volumes)) {
		d.volumes[name].powerCut(rng)
	}
}

func (v *volume) powerCut(rng *rand.Rand) {
	v.commit(rng.IntN(len(v.journal) + 1))
	v.journal = nil
	v.drop(v.reachable(durable))
	for _, ino := range slices.Sorted(maps.Keys(v.inodes)) {
		n := v.inodes[ino]
		n.sides[live] = n.sides[durable].clone()
		n.data.powerCut(rng)
	}
}

func (d *data) powerCut(rng *rand.Rand) {
	for _, i := range slices.Sorted(maps.Keys(d.since)) {
		// All versions are alike: the synced one, and each since.
		if k := rng.IntN(len(d.since[i]) + 1); k == 0 {
			setPage(&d.pages, i, d.synced[i])
		} else {
			setPage(&d.pages, i, d.since[i][k-1])
		}
	}
	size := d.low
	if span := d.high - d.low; span > 0 {
		// The ends are where most bugs are.
		switch rng.IntN(3) {
		case 1:
			size = d.high
		case 2:
			size += rng.Int64N(span + 1)
		}
	}
	d.size = d.high // so that what truncate cuts is all there may be
	d.truncate(size)
	d.synced, d.since = maps.Clone(d.pages), nil
	d.low, d.high = size, size
}
