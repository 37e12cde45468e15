package cloud

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
)

// Features are what a cloud's filesystem can do, of all that not every one can.
type Features struct {
	Offset    bool          // bytes can be written at any offset, over others too; without that it can be no cloud
	Modes     bool          // mode bits stay as they were set
	Owners    bool          // files can be given away; only root asks
	Times     time.Duration // how finely mtimes are kept; 0: not as they were set
	Links     bool          // hard links
	Xattrs    bool
	Exchange  bool // two entries can be swapped
	Holes     bool // what was never written takes no room, and is found
	Punch     bool // room can be given back
	Handles   bool // what is renamed is found again
	CaseFolds bool // "a" and "A" are one name
	NameMax   int  // bytes of the longest name that was tried and works
}

// Lacks has a few words for each thing that the filesystem lacks and that shows
// in what programs can do, or in how files look in the cloud. It is empty on an
// ordinary local filesystem.
func (f Features) Lacks() []string {
	var words []string
	add := func(lacks bool, format string, args ...any) {
		if lacks {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(!f.Offset, "no writing at an offset")
	add(!f.Modes, "no permissions")
	add(f.Modes && !f.Owners, "no owners")
	add(f.Times == 0, "no times")
	add(f.Times > time.Microsecond, "times to %v only", f.Times)
	add(!f.Links, "no hard links")
	add(!f.Xattrs, "no extended attributes")
	add(!f.Exchange, "no exchange of two files")
	add(!f.Holes || !f.Punch, "no holes")
	add(f.CaseFolds, "no difference between small and capital letters")
	add(f.NameMax < NameMax, "names to %d bytes only", f.NameMax)
	return words
}

// String is what it lacks, in words.
func (f Features) String() string {
	words := f.Lacks()
	if !f.Handles {
		words = append(words, "no lasting handles")
	}
	if len(words) == 0 {
		return "lacks nothing"
	}
	return strings.Join(words, ", ")
}

// A probe is a look at what a directory's filesystem can do.
type probe struct {
	dir  Dir
	file string   // what is tried on
	made []string // to be removed
	f    Features
}

// Probe finds out what a directory's filesystem can do. It tries, since no
// filesystem says it truly: with some files that have temporary names, and are
// gone when it returns. The error is that of a directory that does not work at
// all, or takes nothing.
func Probe(dir Dir) (f Features, err error) {
	p := &probe{dir: dir}
	defer func() { err = errors.Join(err, p.clear()) }()
	if p.file, err = p.create(); err != nil {
		return Features{}, err
	}
	if p.f.Offset, err = p.offsets(); err != nil {
		return Features{}, err
	}
	p.attributes()
	p.entries()
	p.holes()
	return p.f, nil
}

// temp draws a name that is removed at the end, whatever becomes of it.
func (p *probe) temp() string {
	name := string(cipher.NewTempName())
	p.made = append(p.made, name)
	return name
}

func (p *probe) clear() error {
	var errs []error
	for _, name := range p.made {
		err := p.dir.Remove(name)
		if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENAMETOOLONG) { // it was never made
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// create makes an empty file.
func (p *probe) create() (name string, err error) {
	name = p.temp()
	f, err := p.dir.Create(name, 0o600)
	if err != nil {
		return "", err
	}
	return name, f.Close()
}

// offsets writes a file as a mirror does: from the start, over what is there,
// beyond the end, and again after it was closed. What is read back counts.
func (p *probe) offsets() (works bool, err error) {
	want := bytes.Repeat([]byte("offset"), 4<<10)
	content := slices.Clone(want)
	write := func(off, n int) error {
		for i := range n {
			want[off+i] ^= 0xff
		}
		f, err := p.dir.Open(p.file, true)
		if err != nil {
			return err
		}
		_, err = f.WriteAt(want[off:off+n], int64(off))
		return errors.Join(err, f.Close())
	}
	first, err := p.dir.Create(p.temp(), 0o600)
	if err != nil {
		return false, err
	}
	p.file = p.made[len(p.made)-1]
	if _, err := first.WriteAt(content[:4096], 0); err != nil {
		return false, errors.Join(err, first.Close())
	}
	for _, part := range [][2]int{{1000, 100}, {16 << 10, 8 << 10}, {4096, 12 << 10}} {
		if _, err = first.WriteAt(content[part[0]:part[0]+part[1]], int64(part[0])); err != nil {
			break
		}
	}
	err = errors.Join(err, first.Close())
	for _, off := range []int{5000, 0, 20000} {
		if err == nil {
			err = write(off, 512)
		}
	}
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EROFS), errors.Is(err, ErrNoAnswer):
		return false, err
	case err != nil:
		return false, nil
	}
	got := make([]byte, len(want))
	f, err := p.dir.Open(p.file, false)
	if err != nil {
		return false, err
	}
	defer f.Close()
	n, err := f.ReadAt(got, 0)
	return err == nil && n == len(want) && bytes.Equal(got, want), nil
}

// attributes tries modes, times and extended attributes.
func (p *probe) attributes() {
	p.f.Modes = true
	for _, mode := range []uint32{0o640, 0o604} {
		err := p.dir.Chmod(p.file, mode)
		info, statErr := p.dir.Stat(p.file)
		p.f.Modes = p.f.Modes && err == nil && statErr == nil && info.Mode == mode
	}
	p.f.Owners = os.Geteuid() != 0 || p.givesAway()
	mtime := time.Unix(981173107, 123456789)
	if p.dir.Chtimes(p.file, Times{Mtime: &mtime}) == nil {
		if info, err := p.dir.Stat(p.file); err == nil {
			p.f.Times = step(mtime, info.Mtime)
		}
	}
	const name = "user.overcast.probe"
	if p.dir.Setxattr(p.file, name, []byte(name), 0) == nil {
		value, err := p.dir.Getxattr(p.file, name)
		p.f.Xattrs = err == nil && string(value) == name
	}
}

// givesAway gives the file to somebody else, and takes it back.
func (p *probe) givesAway() bool {
	const nobody = 65534
	given := p.dir.Chown(p.file, nobody, nobody)
	info, err := p.dir.Stat(p.file)
	back := p.dir.Chown(p.file, os.Geteuid(), os.Getegid())
	return errors.Join(given, err, back) == nil && info.UID == nobody && info.GID == nobody
}

// step is how finely got keeps want, 0 if not at all.
func step(want, got time.Time) time.Duration {
	for _, step := range []time.Duration{1, 100, time.Microsecond, time.Millisecond, 10 * time.Millisecond, time.Second, 2 * time.Second} {
		if want.Truncate(step).Equal(got) {
			return step
		}
	}
	return 0
}

// entries tries what can be done with names.
func (p *probe) entries() {
	p.f.Links = p.links()
	if other, err := p.create(); err == nil {
		if p.dir.Exchange(p.file, other) == nil {
			info, err := p.dir.Stat(other) // the one with content
			p.f.Exchange = err == nil && info.Size > 0
			p.file = other
		}
	}
	_, err := p.dir.Handle(p.file)
	p.f.Handles = err == nil
	_, err = p.dir.Stat(strings.ToUpper(p.file))
	p.f.CaseFolds = err == nil
	for _, n := range []int{NameMax, longestEntry, 143, 100} {
		name := p.temp()
		name = name[:len(name)-len(".tmp")] + strings.Repeat("0", n-len(name)) + ".tmp"
		p.made = append(p.made, name)
		if f, err := p.dir.Create(name, 0o600); err == nil {
			p.f.NameMax = n
			f.Close()
			break
		}
	}
}

// links gives the file a second name and changes it under the first. Many FUSE
// filesystems have a cache for each name, so that the second one goes on showing
// what was.
func (p *probe) links() bool {
	second := p.temp()
	if p.dir.Link(p.file, second) != nil {
		return false
	}
	before, err := p.firstByte(second)
	if err != nil {
		return false
	}
	f, err := p.dir.Open(p.file, true)
	if err != nil {
		return false
	}
	_, err = f.WriteAt([]byte{before + 1}, 0)
	if errors.Join(err, f.Close()) != nil {
		return false
	}
	after, err := p.firstByte(second)
	return err == nil && after == before+1
}

func (p *probe) firstByte(path string) (byte, error) {
	f, err := p.dir.Open(path, false)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	b := make([]byte, 1)
	_, err = f.ReadAt(b, 0)
	return b[0], err
}

// longestEntry is the most bytes in the name of an entry in a cloud.
const longestEntry = 206

// holes leaves one in a file, and makes one where there was none.
func (p *probe) holes() {
	const size = 1 << 20
	name, err := p.create()
	if err != nil {
		return
	}
	f, err := p.dir.Open(name, true)
	if err != nil {
		return
	}
	defer f.Close()
	if _, err = f.WriteAt([]byte("data"), size); err != nil {
		return
	}
	at, err := f.SeekData(0)
	p.f.Holes = err == nil && at > 0
	p.f.Punch = f.PunchHole(0, size/2) == nil
}
