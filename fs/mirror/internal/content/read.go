package content

import (
	"io"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/layer"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// maxRun bounds the bytes of plaintext that are read or written at a time.
const maxRun = 1 << 20

// chunkLen is the plaintext bytes of chunk i at the present length.
func (f *File) chunkLen(i int64) int64 {
	size := f.s.Layout.ChunkSize()
	return max(0, min(size, f.length-i*size))
}

// find returns where chunk i's content is.
func (f *File) find(i int64) (*layer.Chunk, layer.Where) {
	return f.layers.Find(i, f.copies.Floor())
}

// ReadAt reads plaintext; io.EOF at the end.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if off < 0 {
		return 0, ErrInvalid
	}
	if off >= f.length {
		return 0, io.EOF
	}
	short := false
	if int64(len(p)) > f.length-off {
		p, short = p[:f.length-off], true
	}
	done := 0
	for done < len(p) {
		n, err := f.readSome(p[done:], off+int64(done))
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
func (f *File) readSome(p []byte, off int64) (int, error) {
	size := f.s.Layout.ChunkSize()
	i, within := off/size, off%size
	c, where := f.find(i)
	switch where {
	case layer.InLayer:
		n := int(min(int64(len(p)), f.chunkLen(i)-within))
		c.Read(p[:n], within)
		return n, nil
	case layer.InHole:
		n := int(min(int64(len(p)), f.chunkLen(i)-within))
		clear(p[:n])
		return n, nil
	}
	end := i + 1
	for end*size < off+int64(len(p)) && (end-i)*size < maxRun {
		if _, where := f.find(end); where != layer.OnClouds {
			break
		}
		end++
	}
	bytes := min(end*size, f.length) - i*size
	if within == 0 && bytes <= int64(len(p)) {
		return int(bytes), f.fetch(replica.NewRun(i, int(end-i), p[:bytes]))
	}
	buf := f.s.Buffer(int(bytes))
	defer f.s.Recycle(buf)
	if err := f.fetch(replica.NewRun(i, int(end-i), buf)); err != nil {
		return 0, err
	}
	return copy(p, buf[within:]), nil
}

// Content is all of a file that is not large: what a symlink or a device says.
func (f *File) Content() ([]byte, error) {
	content := make([]byte, f.sealed.Head.Length)
	if len(content) == 0 {
		return content, nil
	}
	_, err := f.ReadAt(content, 0)
	return content, err
}

// SeekData finds the next data or hole at or after off; the end of the file is a
// hole.
func (f *File) SeekData(off int64, data bool) (int64, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if off < 0 || off >= f.length {
		return 0, ErrNoData
	}
	size := f.s.Layout.ChunkSize()
	if f.flags&cipher.Sparse == 0 {
		if data {
			return off, nil
		}
		return f.length, nil
	}
	plain := f.s.Buffer(int(size))
	defer f.s.Recycle(plain)
	for i := off / size; i*size < f.length; i++ {
		hole := false
		switch c, where := f.find(i); where {
		case layer.InHole:
			hole = true
		case layer.InLayer:
			hole = c.Data == nil
		case layer.OnClouds:
			r := replica.NewRun(i, 1, plain[:f.chunkLen(i)])
			if err := f.fetch(r); err != nil {
				return 0, err
			}
			hole = r.States[0] == cipher.RecordHole
		}
		if hole != data {
			return max(off, i*size), nil
		}
	}
	if data {
		return 0, ErrNoData
	}
	return f.length, nil
}
