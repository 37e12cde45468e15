package cloudtest

import (
	"io"
	"maps"
	"slices"
)

const (
	pageSize = 4096
	// keptVersions bounds how many unsynced versions of a page are remembered.
	keptVersions = 4
)

// page is never changed once it is stored, so versions and clones share it. A
// nil page is a hole.
type page = *[pageSize]byte

// data is the bytes of a file: as programs see them, as synced, and what a
// power cut may choose from.
type data struct {
	pages  map[int64]page
	size   int64
	synced map[int64]page
	since  map[int64][]page // versions since the sync, the last one live
	low    int64            // least and greatest size since the sync
	high   int64
}

// sync makes the bytes and the size certain.
func (d *data) sync() {
	for i := range d.since {
		setPage(&d.synced, i, d.pages[i])
	}
	d.since = nil
	d.low, d.high = d.size, d.size
}

// unsynced tells whether sync has anything to do.
func (d *data) unsynced() bool { return d.since != nil || d.low != d.size || d.high != d.size }

func (d *data) clone() data {
	c := *d
	c.pages, c.synced, c.since = maps.Clone(d.pages), maps.Clone(d.synced), maps.Clone(d.since)
	for i, versions := range c.since {
		c.since[i] = slices.Clone(versions)
	}
	return c
}

func setPage(pages *map[int64]page, i int64, p page) {
	if p == nil {
		delete(*pages, i)
		return
	}
	if *pages == nil {
		*pages = map[int64]page{}
	}
	(*pages)[i] = p
}

func (d *data) set(i int64, p page) {
	setPage(&d.pages, i, p)
	if d.since == nil {
		d.since = map[int64][]page{}
	}
	versions := append(d.since[i], p)
	d.since[i] = versions[max(0, len(versions)-keptVersions):]
}

func (d *data) resize(size int64) {
	d.size = size
	d.low, d.high = min(d.low, size), max(d.high, size)
}

func (d *data) readAt(p []byte, off int64) (int, error) {
	if off >= d.size {
		return 0, io.EOF
	}
	n := min(len(p), int(min(d.size-off, 1<<40)))
	clear(p[:n])
	for done := 0; done < n; {
		i, in := (off+int64(done))/pageSize, (off+int64(done))%pageSize
		step := min(n-done, int(pageSize-in))
		if from := d.pages[i]; from != nil {
			copy(p[done:done+step], from[in:])
		}
		done += step
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (d *data) writeAt(p []byte, off int64) {
	for done := 0; done < len(p); {
		i, in := (off+int64(done))/pageSize, (off+int64(done))%pageSize
		next := new([pageSize]byte)
		if old := d.pages[i]; old != nil {
			*next = *old
		}
		done += copy(next[in:], p[done:])
		d.set(i, next)
	}
	if end := off + int64(len(p)); len(p) > 0 && end > d.size {
		d.resize(end)
	}
}

func (d *data) truncate(size int64) {
	if size < d.size {
		d.zero(size, d.size)
	}
	d.resize(size)
}

// zero makes [from, to) read as zeros, with a hole where whole pages do.
func (d *data) zero(from, to int64) {
	for i, p := range d.pages {
		begin, end := max(from-i*pageSize, 0), min(to-i*pageSize, pageSize)
		switch {
		case begin >= end:
		case begin == 0 && (end == pageSize || i*pageSize+end >= d.size):
			d.set(i, nil)
		default:
			next := *p
			clear(next[begin:end])
			d.set(i, &next)
		}
	}
}

// seekData gives the first offset from off on in a page that is no hole.
func (d *data) seekData(off int64) (int64, bool) {
	first, found := int64(0), false
	for i := range d.pages {
		if at := max(off, i*pageSize); (i+1)*pageSize > off && at < d.size && (!found || at < first) {
			first, found = at, true
		}
	}
	return first, found
}
