package cloudtest

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// PowerCut takes the power away: see the package's doc for what is left. All
// handles are dead, new ones work, and what is left is on the disk for good.
// If volumes are named, only they (with what shares a filesystem with them)
// lie on disks that lost anything, and the others are as Kill leaves them.
func (d *Disk) PowerCut(rng *rand.Rand, volumes ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.revive()
	cut := map[*filesystem]bool{}
	for _, name := range slices.Sorted(maps.Keys(d.volumes)) {
		f := d.volumes[name].fs
		if !cut[f] && (len(volumes) == 0 || slices.Contains(volumes, name)) {
			cut[f] = true
			f.powerCut(rng)
		}
	}
}

func (f *filesystem) powerCut(rng *rand.Rand) {
	f.commit(rng.IntN(len(f.journal) + 1))
	f.journal = nil
	f.drop()
	for _, birth := range slices.Sorted(maps.Keys(f.inodes)) {
		n := f.own(birth)
		n.sides[live] = n.sides[durable].clone()
		n.data.powerCut(rng)
	}
	f.renumber()
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
