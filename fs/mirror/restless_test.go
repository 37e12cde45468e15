package mirror_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
)

// restless is a cloud in which the times of a file move whenever somebody asks for them, as they do on an rclone mount while the
// file waits there to be uploaded.
type restless struct {
	cloud.Dir
	moved *atomic.Int64
}

type restlessFile struct {
	cloud.File
	in restless
}

func (d restless) move(info cloud.Info) cloud.Info {
	if info.Regular {
		by := time.Duration(d.moved.Add(1)) * time.Millisecond
		info.Mtime, info.Ctime = info.Mtime.Add(by), info.Ctime.Add(by)
	}
	return info
}

func (d restless) Stat(path string) (cloud.Info, error) {
	info, err := d.Dir.Stat(path)
	return d.move(info), err
}

func (d restless) file(f cloud.File, err error) (cloud.File, error) {
	if err != nil {
		return nil, err
	}
	return restlessFile{f, d}, nil
}

func (d restless) Open(path string, write bool) (cloud.File, error) {
	return d.file(d.Dir.Open(path, write))
}

func (d restless) Create(path string, perm uint32) (cloud.File, error) {
	return d.file(d.Dir.Create(path, perm))
}

func (f restlessFile) Stat() (cloud.Info, error) {
	info, err := f.File.Stat()
	return f.in.move(info), err
}

// TestRestlessCloud: operations on names end where a cloud shows other times whenever it is asked, and do what they are to do.
func TestRestlessCloud(t *testing.T) {
	for _, clouds := range []struct{ n, at int }{{1, 0}, {2, 0}, {2, 1}} {
		t.Run(fmt.Sprintf("%d of %d", clouds.at, clouds.n), func(t *testing.T) {
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				b := newBoxOn(t, clouds.n, layout{})
				b.wrap = func(k int, d cloud.Dir) cloud.Dir {
					if k != clouds.at {
						return d
					}
					return restless{d, new(atomic.Int64)}
				}
				if err := tellOn(b, func(s *scene) { s.mount(); s.amongRestless() }); err != nil {
					t.Error(err)
				}
			}()
			select {
			case <-ended:
			case <-time.After(time.Minute):
				t.Fatal("an operation does not end")
			}
		})
	}
}

func (s *scene) amongRestless() {
	s.steps(step{op: opMkdir, path: "d", mode: 0o755})
	for _, name := range []string{"f", "g", "h", "i"} {
		s.put(name, "content of "+name, true)
		s.steps(step{op: opUtimens, path: name, n: 981173106})
	}
	s.remount() // nothing is open any more
	s.steps(step{op: opRename, path: "f", to: "d/f"}, step{op: opRename, path: "g", to: "d/f"}, step{op: opLink, path: "h", to: "l"},
		step{op: opExchange, path: "h", to: "i"}, step{op: opUnlink, path: "l"}, step{op: opRename, path: "d", to: "e"})
	for range 2 {
		s.holds("e/f", "content of g")
		s.holds("h", "content of i")
		s.holds("i", "content of h")
		s.remount()
	}
}
