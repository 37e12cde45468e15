package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLongAway has a cloud away while many names change: it is filled while programs go on, through kills. What was moved is moved
// there, and not copied; in the end nothing is wrong.
func TestLongAway(t *testing.T) {
	t.Parallel()
	v := newVault(t, 2)
	v.troubled = true
	m := v.mount()
	const inDirectory = 100
	directories := awayNames / inDirectory / 3 // a third each is moved, made and removed
	fill := func(stem string) {
		for d := range directories {
			dir := v.at(fmt.Sprint(stem, d))
			must(t, os.Mkdir(dir, 0o755))
			for f := range inDirectory {
				must(t, os.WriteFile(filepath.Join(dir, fmt.Sprint(stem, "-", d, "-", f)), fmt.Append(nil, stem, d, f), 0o644))
			}
		}
	}
	fill("moves")
	fill("goes")
	must(t, os.Mkdir(v.at("elsewhere"), 0o755))
	m.unmount()
	moves := backingOf(t, v.clouds[1], v.backing(1))

	must(t, os.Rename(v.clouds[1], v.clouds[1]+".away"))
	m = v.mount()
	for d := range directories {
		must(t, os.Rename(v.at(fmt.Sprint("moves", d)), v.at("elsewhere", fmt.Sprint("moved", d))))
		must(t, os.RemoveAll(v.at(fmt.Sprint("goes", d))))
	}
	fill("made")
	m.unmount()
	must(t, os.Rename(v.clouds[1]+".away", v.clouds[1]))

	random := rand.New(rand.NewPCG(1, 7))
	for range 3 {
		m = v.mount()
		time.Sleep(time.Duration(random.Int64N(int64(2 * time.Second))))
		m.kill()
	}
	m = v.mount()
	m.deadline.Reset(awayTime + lifetime)
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- keepChanging(v.root, stop) }()
	v.awaitSaid("a cloud takes part again", awayTime)
	close(stop)
	must(t, <-ended)
	v.awaitAllWell()
	if r := v.check(0, "verify"); !r.OK {
		t.Errorf("verify finds %q", r.kinds())
	}
	kept := 0
	for base, inode := range backingOf(t, v.clouds[1], v.backing(1)) {
		if moves[base] == inode {
			kept++
		}
	}
	if want := directories * inDirectory; kept != want {
		t.Errorf("%d backing files are those that were there, and should be %d", kept, want)
	}
	v.demandAlike(m)
}

// backingOf tells the inode number of each backing file, by its entry.
func backingOf(t testing.TB, cloud string, paths []string) map[string]uint64 {
	t.Helper()
	inodes := map[string]uint64{}
	for _, path := range paths {
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err == nil {
			inodes[filepath.Base(path)] = st.Ino
		} else if !errors.Is(err, unix.ENOENT) {
			t.Fatalf("%s in %s: %v", path, cloud, err)
		}
	}
	return inodes
}
