package cloudtest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/conformance"
)

func TestMem(t *testing.T) {
	conformance.Run(t, func(*testing.T) cloud.Dir { return NewMem() })
}

func TestMemThatReusesInodes(t *testing.T) {
	reusing := func(*testing.T) cloud.Dir {
		d := NewDisk()
		d.ReuseInodes(true)
		return d.Dir("mem")
	}
	conformance.Run(t, reusing)
	t.Run("at once", func(t *testing.T) {
		d := reusing(t)
		write(t, d, "a", "")
		open := create(t, d, "open")
		a, o := stat(t, d, "a").Ino, stat(t, d, "open").Ino
		must(t, errors.Join(d.Remove("a"), d.Remove("open")))
		must(t, d.Mkdir("b", 0o755))
		equal(t, "the number of what is gone", stat(t, d, "b").Ino, a)
		must(t, d.Mkdir("c", 0o755))
		if stat(t, d, "c").Ino == o {
			t.Fatal("an open file lost its number")
		}
		must(t, open.Close())
		write(t, d, "d", "")
		equal(t, "the number of what was open", stat(t, d, "d").Ino, o)
		write(t, d, "e", "")
		must(t, d.Rename("d", "e"))
		equal(t, "what replaced keeps its number", stat(t, d, "e").Ino, o)
	})
}

// dump shows a whole tree, times and inode numbers aside.
func dump(d cloud.Dir) string {
	var b strings.Builder
	var walk func(path string)
	walk = func(path string) {
		info, err := d.Stat(path)
		if err != nil {
			fmt.Fprintf(&b, "%s: %v\n", path, err)
			return
		}
		xattrs := ""
		attrs, _ := d.Listxattr(path)
		for _, name := range slices.Sorted(slices.Values(attrs)) {
			if value, err := d.Getxattr(path, name); err == nil && strings.HasPrefix(name, "user.") {
				xattrs += fmt.Sprintf(" %s=%s", name, value)
			}
		}
		fmt.Fprintf(&b, "%s %04o %d links%s", path, info.Mode, info.Nlink, xattrs)
		if info.Regular {
			fmt.Fprintf(&b, " %s", shown(d, path))
		}
		fmt.Fprintln(&b)
		if !info.Dir {
			return
		}
		entries, err := d.ReadDir(path)
		if err != nil {
			fmt.Fprintf(&b, "%s: %v\n", path, err)
		}
		slices.SortFunc(entries, func(a, b cloud.Entry) int { return strings.Compare(a.Name, b.Name) })
		for _, e := range entries {
			walk(strings.TrimPrefix(path+"/"+e.Name, "/"))
		}
	}
	walk("")
	return b.String()
}

// shown gives a file's size, and its bytes as runs.
func shown(d cloud.Dir, path string) string {
	f, err := d.Open(path, false)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	content, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
	if err != nil {
		return err.Error()
	}
	out := fmt.Sprint(len(content), ":")
	for i := 0; i < len(content); {
		j := i
		for j < len(content) && content[j] == content[i] {
			j++
		}
		out += fmt.Sprintf(" %d×%02x", j-i, content[i])
		i = j
	}
	return out
}

// errnos reduces an error to what both sides must agree on.
func errnos(err error) string {
	var errno syscall.Errno
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, io.EOF):
		return "EOF"
	case errors.As(err, &errno):
		return errno.Error()
	}
	return err.Error()
}

// random gives an operation of a small world, where collisions are common. It
// is a value, so that two directories can be asked to do the same.
func random(rng *rand.Rand) (text string, do func(cloud.Dir) error) {
	names := []string{"a", "b", "c"}
	path := func() string {
		parts := []string{names[rng.IntN(3)]}
		for rng.IntN(2) == 0 && len(parts) < 3 {
			parts = append(parts, names[rng.IntN(3)])
		}
		return strings.Join(parts, "/")
	}
	p, q, off, n, perm := path(), path(), rng.Int64N(20000), rng.IntN(12000), uint32(0o600+rng.IntN(0o200))
	flags := rng.IntN(3) // none, XATTR_CREATE, XATTR_REPLACE
	fill := []byte(strings.Repeat(string(rune('a'+rng.IntN(26))), n))
	ops := []struct {
		text string
		do   func(cloud.Dir) error
	}{
		{fmt.Sprintf("create %s %o", p, perm), func(d cloud.Dir) error { return closing(d.Create(p, perm)) }},
		{"mkdir " + p, func(d cloud.Dir) error { return d.Mkdir(p, perm) }},
		{"mkdir " + p, func(d cloud.Dir) error { return d.Mkdir(p, perm) }},
		{"remove " + p, func(d cloud.Dir) error { return d.Remove(p) }},
		{"rmdir " + p, func(d cloud.Dir) error { return d.Rmdir(p) }},
		{"rename " + p + " " + q, func(d cloud.Dir) error { return d.Rename(p, q) }},
		{"exchange " + p + " " + q, func(d cloud.Dir) error { return d.Exchange(p, q) }},
		{"link " + p + " " + q, func(d cloud.Dir) error { return d.Link(p, q) }},
		{fmt.Sprintf("chmod %s %o", p, perm), func(d cloud.Dir) error { return d.Chmod(p, perm) }},
		{"setxattr " + p, func(d cloud.Dir) error { return d.Setxattr(p, "user."+q[:1], fill[:n/1000], flags) }},
		{"removexattr " + p, func(d cloud.Dir) error { return d.Removexattr(p, "user."+q[:1]) }},
		{fmt.Sprintf("write %s %d+%d", p, off, n), func(d cloud.Dir) error {
			return with(d, p, func(f cloud.File) error { _, err := f.WriteAt(fill, off); return err })
		}},
		{fmt.Sprintf("truncate %s %d", p, off), func(d cloud.Dir) error {
			return with(d, p, func(f cloud.File) error { return f.Truncate(off) })
		}},
		{fmt.Sprintf("punch %s %d+%d", p, off, n), func(d cloud.Dir) error {
			return with(d, p, func(f cloud.File) error { return f.PunchHole(off, int64(n)) })
		}},
		{fmt.Sprintf("sync %s", p), func(d cloud.Dir) error {
			return with(d, p, func(f cloud.File) error { return errors.Join(f.Chmod(perm), f.Sync()) })
		}},
		{"syncdir " + p, func(d cloud.Dir) error { return d.SyncDir(p) }},
	}
	op := ops[rng.IntN(len(ops))]
	return op.text, op.do
}

func closing(f cloud.File, err error) error {
	if err != nil {
		return err
	}
	return f.Close()
}

func with(d cloud.Dir, path string, fn func(cloud.File) error) error {
	f, err := d.Open(path, true)
	if err != nil {
		return err
	}
	return errors.Join(fn(f), f.Close())
}

// TestMemIsLikeTheRealOne does the same at random to both.
func TestMemIsLikeTheRealOne(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng, mem := rand.New(rand.NewPCG(seed, 0)), NewMem()
			real, err := cloud.OpenDir(t.TempDir())
			must(t, err)
			defer real.Close()
			must(t, errors.Join(real.Chmod("", 0o755), mem.Chmod("", 0o755)))
			for i := range 400 {
				text, do := random(rng)
				got, want := errnos(do(mem)), errnos(do(real))
				if got != want {
					t.Fatalf("step %d, %s: mem says %q, the real one %q\n%s", i, text, got, want, mem.disk.Trace())
				}
				if i%20 == 0 {
					if got, want := dump(mem), dump(real); got != want {
						t.Fatalf("step %d, after %s:\nmem:\n%s\nreal:\n%s\n%s", i, text, got, want, mem.disk.Trace())
					}
				}
			}
		})
	}
}

func TestClock(t *testing.T) {
	m, now := NewMem(), time.Unix(2e9, 0)
	m.Disk().SetClock(func() time.Time { return now })
	write(t, m, "f", "")
	equal(t, "ctime", stat(t, m, "f").Ctime, now)
	must(t, m.Chmod("f", 0o600))
	equal(t, "ctime while the clock stands", stat(t, m, "f").Ctime, now.Add(1))
	now = now.Add(time.Minute)
	must(t, m.Chmod("f", 0o600))
	equal(t, "ctime after a minute", stat(t, m, "f").Ctime, now)
	equal(t, "mtime", stat(t, m, "f").Mtime, time.Unix(2e9, 0))
}

func TestPlantAndAbsent(t *testing.T) {
	m := NewMem()
	must(t, m.Plant("link"))
	info := stat(t, m, "link")
	equal(t, "neither file nor directory", info.Regular || info.Dir, false)
	_, err := m.Open("link", false)
	refuse(t, syscall.ENXIO, err)
	refuse(t, syscall.ENXIO, m.Chmod("link", 0o600))
	_, err = m.Stat("link/f")
	refuse(t, syscall.ENOTDIR, err)
	must(t, m.Remove("link"))

	write(t, m, "z-overcast.json", "{}")
	must(t, m.Check())
	m.SetAbsent(true)
	if err := m.Check(); !errors.Is(err, cloud.ErrAbsent) {
		t.Fatalf("got %v, want ErrAbsent", err)
	}
	m.SetAbsent(false)
	must(t, m.Check())
	m.SetStatfs(cloud.Statfs{Fuse: true})
	s, err := m.Statfs()
	must(t, err)
	equal(t, "fuse", s.Fuse, true)
}

func TestStore(t *testing.T) {
	d := NewDisk()
	s := d.Store("log")
	seg, err := s.Create("1")
	must(t, err)
	for _, text := range []string{"hello ", "world"} {
		_, err = io.WriteString(seg, text)
		must(t, err)
	}
	_, err = s.Create("1")
	refuse(t, syscall.EEXIST, err)
	must(t, seg.Sync())
	must(t, seg.Close())
	must(t, s.Sync())
	d.PowerCut(rand.New(rand.NewPCG(1, 1)))
	if _, err := s.List(); !errors.Is(err, ErrCrashed) {
		t.Fatalf("got %v, want ErrCrashed", err)
	}
	s = d.Store("log")
	list, err := s.List()
	must(t, err)
	equal(t, "names", strings.Join(list, " "), "1")
	r, err := s.Open("1")
	must(t, err)
	text, err := io.ReadAll(r)
	must(t, err)
	equal(t, "bytes", string(text), "hello world")
	must(t, r.(interface{ Sync() error }).Sync())
	must(t, r.Close())
	must(t, s.Remove("1"))
	_, err = s.Open("1")
	refuse(t, syscall.ENOENT, err)
}
