package draft

import (
	"io"
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/copies"
	"github.com/overcast-fs/overcast/fs/mirror/internal/journal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// maxRun bounds the bytes of plaintext that are read or written at a time.
const maxRun = 1 << 20

// chunkLen is the plaintext bytes of chunk i at the present length.
func (d *Draft) ChunkLen(i int64) int64 {
	size := d.Env.Layout.ChunkSize()
	return max(0, min(size, d.Length-i*size))
}

// find returns where chunk i's content is.
func (d *Draft) Find(i int64) (*layer.Chunk, layer.Where) {
	return d.Layers.Find(i, d.Copies.Floor())
}

// ReadAt reads plaintext; io.EOF at the end.
func (d *Draft) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, ErrInvalid
	}
	if off >= d.Length {
		return 0, io.EOF
	}
	short := false
	if int64(len(p)) > d.Length-off {
		p, short = p[:d.Length-off], true
	}
	done := 0
	for done < len(p) {
		n, err := d.readSome(p[done:], off+int64(done))
		done += n
		if err != nil {
			return done, err
		}
	}
	if short {
		return done, io.EOF
	}
	return done, nil
}

// readSome reads one chunk of a layer, one hole, or one run from the clouds.
func (d *Draft) readSome(p []byte, off int64) (int, error) {
	size := d.Env.Layout.ChunkSize()
	i, within := off/size, off%size
	c, where := d.Find(i)
	switch where {
	case layer.InLayer:
		n := int(min(int64(len(p)), d.ChunkLen(i)-within))
		c.Read(p[:n], within)
		return n, nil
	case layer.InHole:
		n := int(min(int64(len(p)), d.ChunkLen(i)-within))
		clear(p[:n])
		return n, nil
	}
	end := i + 1
	for end*size < off+int64(len(p)) && (end-i)*size < maxRun {
		if _, where := d.Find(end); where != layer.OnClouds {
			break
		}
		end++
	}
	bytes := min(end*size, d.Length) - i*size
	if within == 0 && bytes <= int64(len(p)) {
		return int(bytes), d.Fetch(replica.NewRun(i, int(end-i), p[:bytes]))
	}
	buf := d.Env.Buffer(int(bytes))
	defer d.Env.Recycle(buf)
	if err := d.Fetch(replica.NewRun(i, int(end-i), buf)); err != nil {
		return 0, err
	}
	return copy(p, buf[within:]), nil
}

// Records calls do for all records of a file that is sealed as it is now, but for
// holes.
func Records(d *Draft, do func(*replica.Run) error) error {
	size, records := d.Env.Layout.ChunkSize(), d.Env.Layout.Records(d.Length)
	plain := d.Env.Buffer(maxRun)
	defer d.Env.Recycle(plain)
	f := newFilled(d)
	for i := f.next(0, records); i < records; i = f.next(i, records) {
		stop := onClouds(d, i, records)
		r := replica.NewRun(i, int(max(stop-i, 1)), plain[:min(max(stop, i+1)*size, d.Length)-i*size])
		if stop > i {
			if err := d.Fetch(r); err != nil {
				return err
			}
		} else if c, where := d.Find(i); where == layer.InLayer && c.Data != nil {
			c.Read(r.Plain, 0)
			r.IDs[0], r.States[0] = c.ID, cipher.RecordOK
		} else {
			r.States[0] = cipher.RecordHole
		}
		if err := do(r); err != nil {
			return err
		}
		i = r.Stop()
	}
	return nil
}

// UnsyncedChunks are the direct writes that no cloud has synced, and their
// plaintext.
func UnsyncedChunks(d *Draft) (chunks []journal.Chunk, data [][]byte, err error) {
	for _, s := range d.Unsynced {
		for i := s.Lo; i < s.Hi; i++ {
			c, where := d.Find(i)
			if kept := c != nil && c == d.Layers.Kept.Chunks[i]; where != layer.OnClouds && !kept {
				continue
			}
			plain := make([]byte, d.ChunkLen(i))
			r := replica.NewRun(i, 1, plain)
			if err := d.Fetch(r); err != nil {
				return nil, nil, err
			}
			chunks = append(chunks, journal.Chunk{Index: i, N: len(plain), ID: slices.Clone(r.IDs[0][:])})
			data = append(data, plain)
		}
	}
	return chunks, data, nil
}

// SeekData finds the next data or hole at or after off; the end of the file is a
// hole.
func (d *Draft) SeekData(off int64, data bool) (int64, error) {
	if off < 0 || off >= d.Length {
		return 0, ErrNoData
	}
	size := d.Env.Layout.ChunkSize()
	if d.Flags&cipher.Sparse == 0 {
		if data {
			return off, nil
		}
		return d.Length, nil
	}
	plain := d.Env.Buffer(maxRun)
	defer d.Env.Recycle(plain)
	f, records := newFilled(d), d.Env.Layout.Records(d.Length)
	for i := off / size; i < records; {
		at := f.next(i, records)
		if !data && at > i {
			return max(off, i*size), nil
		}
		if i = at; i == records {
			break
		}
		r := d.termInLayer(i)
		if stop := onClouds(d, i, records); stop > i {
			r = replica.NewRun(i, int(stop-i), plain[:min(stop*size, d.Length)-i*size])
			if err := d.Fetch(r); err != nil {
				return 0, err
			}
		} else if c, where := d.Find(i); where == layer.InLayer && c.Data != nil {
			r.States[0] = cipher.RecordOK
		}
		for n, state := range r.States {
			if (state == cipher.RecordOK) == data {
				return max(off, (i+int64(n))*size), nil
			}
		}
		i = r.Stop()
	}
	if data {
		return 0, ErrNoData
	}
	return d.Length, nil
}

// onClouds is where the run of chunks ends that begins at i, below hi, and is read from the clouds at a time.
func onClouds(d *Draft, i, hi int64) int64 {
	stop := i
	for stop < hi && (stop-i)*d.Env.Layout.ChunkSize() < maxRun {
		if _, where := d.Find(stop); where != layer.OnClouds {
			break
		}
		stop++
	}
	return stop
}

// Fetch reads a run from the clouds.
func (d *Draft) Fetch(r *replica.Run) error {
	return d.Copies.Fetch(r, copies.Allowed{Sparse: d.Flags&cipher.Sparse != 0, Version: d.Sealed.Head.Version})
}
