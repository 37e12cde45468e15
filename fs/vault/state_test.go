package vault

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/durable/durabletest"
)

// testKeys are fixed keys for a vault that is made of nothing but a state.
func testKeys(v *Vault) *Keys {
	return &Keys{VaultID: v.ID, ChunkLog2: 12, StateKey: cipher.Key(bytes.Repeat([]byte{0x50}, 32))}
}

// stateVault is a vault without keys or clouds, on a given disk.
func stateVault(t testing.TB, d disk) *Vault {
	t.Helper()
	return &Vault{Dir: fastDir(t), ID: cipher.ID{1, 2, 3}, sys: testSystem(d)}
}

// fastDir is a directory of the test's, where there is one in memory, there: some tests sync thousands of times, and what a
// power cut takes is the double's to say.
func fastDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "vault")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { check(t, os.RemoveAll(dir)) })
	return dir
}

func openState(t testing.TB, v *Vault) *State {
	t.Helper()
	s, err := v.OpenState(testKeys(v))
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

// reopen closes a state and opens it again, as the next mount does.
func reopen(t testing.TB, s *State) *State {
	t.Helper()
	check(t, s.Close())
	return openState(t, s.vault)
}

func TestStateFresh(t *testing.T) {
	v := stateVault(t, osDisk{})
	s := openState(t, v)
	if s.Writer() == 0 || len(s.Owes()) != 0 || len(s.Warnings()) != 0 || s.SameBoot() || s.BootID() != "boot" {
		t.Errorf("writer %d, behind %v, warnings %v, same boot %v of %q", s.Writer(), s.Owes(), s.Warnings(), s.SameBoot(), s.BootID())
	}
	if info, err := os.Stat(s.RedoDir()); err != nil || info.Mode() != os.ModeDir|dirPerm {
		t.Errorf("redo directory: %v, %v", info, err)
	}
	if other := openState(t, stateVault(t, osDisk{})); other.Writer() == s.Writer() {
		t.Error("two vaults drew one writer")
	}
	for path := range tree(t, filepath.Join(v.Dir, stateName)) {
		info, err := os.Lstat(path)
		check(t, err)
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
	}
}

func TestReserve(t *testing.T) {
	s := openState(t, stateVault(t, osDisk{}))
	writer := s.Writer()
	for _, tt := range []struct {
		n           int
		above, want uint64
	}{
		{1, 0, 1}, {3, 0, 2}, {1, 3, 5}, {1, 5, 6}, {2, 100, 101}, {1, 7, 103},
		{1, 1 << 30, 1<<30 + 1}, {3 << 20, 0, 1<<30 + 2}, {1, 0, 1<<30 + 2 + 3<<20},
	} {
		first, err := s.Reserve(tt.n, tt.above)
		check(t, err)
		if first != tt.want {
			t.Errorf("%d above %d: got %d, want %d", tt.n, tt.above, first, tt.want)
		}
	}
	last, err := s.Reserve(1, 0)
	check(t, err)
	s = reopen(t, s)
	first, err := s.Reserve(1, 0)
	check(t, err)
	if first <= last || first > last+counterStep || s.Writer() != writer {
		t.Errorf("after %d and a new start: writer %d issues %d", last, s.Writer(), first)
	}
}

func TestReserveLimits(t *testing.T) {
	s := openState(t, stateVault(t, osDisk{}))
	const most = cipher.MaxCounter - 1
	for _, tt := range []struct {
		n     int
		above uint64
	}{
		{0, 0}, {-1, 0}, {1, most}, {2, most - 1}, {1, most + 1}, {1, 1<<64 - 1}, {1<<63 - 1, 0}, {1<<63 - 1, most - 1},
	} {
		if first, err := s.Reserve(tt.n, tt.above); !errors.Is(err, ErrCounter) {
			t.Errorf("%d above %d: got %d, %v", tt.n, tt.above, first, err)
		}
	}
	if first, err := s.Reserve(1, most-1); err != nil || first != most {
		t.Errorf("the last counter: got %d, %v", first, err)
	}
	s = reopen(t, s)
	if first, err := s.Reserve(1, 0); !errors.Is(err, ErrCounter) {
		t.Errorf("after the last counter: got %d, %v", first, err)
	}
}

func TestReserveConcurrent(t *testing.T) {
	s := openState(t, stateVault(t, osDisk{}))
	var mu sync.Mutex
	seen := map[uint64]bool{}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				first, err := s.Reserve(2, 0)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if seen[first] || seen[first+1] {
					t.Errorf("%d was issued twice", first)
				}
				seen[first], seen[first+1] = true, true
				mu.Unlock()
			}
		})
	}
	group.Wait()
}

// Whatever step fails, dies or loses power: no (writer, counter) is issued twice,
// marks that were returned are there, and the state opens again.
func TestStateFailures(t *testing.T) {
	for seed := range uint64(4) {
		dies := seed > 0
		rng := rand.New(rand.NewPCG(seed, 4))
		cloud := cipher.ID{7}
		durabletest.EachFailure(t, dies, func(t *testing.T, d *durabletest.Disk) error {
			v := stateVault(t, d)
			issued := map[cipher.Version]bool{}
			marked, err := useState(v, cloud, issued)
			if seed > 1 {
				d.PowerCut(t, rng)
			}
			v.sys.disk = &durabletest.Disk{}
			s, opening := v.OpenState(testKeys(v))
			check(t, opening)
			defer s.Close()
			if len(s.Warnings()) > 0 {
				t.Errorf("seed %d: warned of %v", seed, s.Warnings())
			}
			if _, behind := s.Owes()[cloud]; marked && !behind {
				t.Errorf("seed %d: the cloud is not behind any more", seed)
			}
			for range 3 {
				first, err := s.Reserve(counterStep/2, 0)
				check(t, err)
				for c := first; c < first+counterStep/2; c += 1 << 10 {
					if issued[cipher.Version{Writer: s.Writer(), Counter: c}] {
						t.Fatalf("seed %d: %d was issued twice", seed, c)
					}
				}
			}
			return err
		})
	}
}

// useState goes through a state's life until something fails, and notes every
// 1024th counter it was given.
func useState(v *Vault, cloud cipher.ID, issued map[cipher.Version]bool) (marked bool, err error) {
	s, err := v.OpenState(testKeys(v))
	if err != nil {
		return false, err
	}
	defer s.Close()
	for i := range 5 {
		first, err := s.Reserve(counterStep/2, 0)
		if err != nil {
			return marked, err
		}
		for c := first; c < first+counterStep/2; c++ {
			if c%(1<<10) == 1 || c == first {
				issued[cipher.Version{Writer: s.Writer(), Counter: c}] = true
			}
		}
		switch i {
		case 1:
			if err := s.MarkOwes(cloud, Owes{Reason: "disk full", Whole: true}); err != nil {
				return marked, err
			}
			marked = true
		case 2:
			err = s.RenewWriter()
		case 3:
			err = s.MarkBoot()
		}
		if err != nil {
			return marked, err
		}
	}
	return marked, nil
}

func TestWriterRenewed(t *testing.T) {
	v := stateVault(t, osDisk{})
	s := openState(t, v)
	writer := s.Writer()
	first, err := s.Reserve(10, 0)
	check(t, err)
	change := func(what string, want bool) {
		t.Helper()
		if changed := s.Writer() != writer; changed != want {
			t.Errorf("%s: a new writer: %v, want %v", what, changed, want)
		}
		writer = s.Writer()
	}
	check(t, s.Observed(nil))
	check(t, s.Observed(cipher.Vector{{Writer: writer, Counter: first + 9}}))
	check(t, s.Observed(cipher.Vector{}.With(writer+1, 1<<40)))
	change("what it knows", false)
	check(t, s.Observed(cipher.Vector{{Writer: writer, Counter: first + 10}}))
	change("a higher counter than issued", true)
	check(t, s.RenewWriter())
	change("asked for", true)
	s = reopen(t, s)
	change("the same machine", false)
	v.sys.machineID = "another"
	s = reopen(t, s)
	change("another machine", true)
	s = reopen(t, s)
	change("there again", false)
	if got := s.Warnings(); len(got) != 0 {
		t.Errorf("warned of %v", got)
	}
}

// A copied or restored state directory is another inode: a new writer.
func TestWriterOfCopiedState(t *testing.T) {
	v := stateVault(t, osDisk{})
	s := openState(t, v)
	writer := s.Writer()
	first, err := s.Reserve(5, 0)
	check(t, err)
	check(t, s.Close())
	dir := filepath.Join(v.Dir, stateName)
	check(t, os.CopyFS(dir+".copy", os.DirFS(dir)))
	check(t, os.Rename(dir, dir+".old"))
	check(t, os.Rename(dir+".copy", dir))
	copied := openState(t, v)
	if copied.Writer() == writer {
		t.Error("the copy is the same writer")
	}
	if next, err := copied.Reserve(1, 0); err != nil || next <= first {
		t.Errorf("the copy issues %d, %v", next, err)
	}
}

func TestOwesOfClouds(t *testing.T) {
	v := stateVault(t, osDisk{})
	now := time.Date(2024, 5, 6, 7, 8, 9, 123, time.UTC)
	v.sys.now = func() time.Time { return now }
	s := openState(t, v)
	a, b := cipher.ID{1}, cipher.ID{2}
	check(t, s.MarkOwes(a, Owes{Reason: "disk full\nreally", Whole: true}))
	now = now.Add(time.Hour)
	check(t, s.MarkOwes(a, Owes{Reason: "another reason", Whole: true}))
	check(t, s.MarkOwes(b, Owes{Reason: "absent", Whole: true}))
	want := map[cipher.ID]Owes{
		a: {time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC), 0, "disk full; really", true, false, false},
		b: {time.Date(2024, 5, 6, 8, 8, 9, 0, time.UTC), 0, "absent", true, false, false},
	}
	for range 2 {
		if got := s.Owes(); !reflect.DeepEqual(got, want) {
			t.Errorf("what owes is %v, want %v", got, want)
		}
		s = reopen(t, s)
	}
	delete(s.Owes(), a) // a copy
	check(t, s.ClearOwes(b))
	check(t, s.ClearOwes(b))
	delete(want, b)
	for range 2 {
		if got := s.Owes(); !reflect.DeepEqual(got, want) {
			t.Errorf("what owes is %v, want %v", got, want)
		}
		s = reopen(t, s)
	}
}

func TestStateDamaged(t *testing.T) {
	v := stateVault(t, osDisk{})
	s := openState(t, v)
	check(t, s.MarkOwes(cipher.ID{1}, Owes{Reason: "absent", Whole: true}))
	for _, tt := range []struct {
		name   string
		damage func(whole []byte) []byte
	}{
		{"empty", func([]byte) []byte { return nil }},
		{"zeros", func(whole []byte) []byte { return make([]byte, len(whole)) }},
		{"cut off", func(whole []byte) []byte { return whole[:len(whole)-10] }},
		{"a digit", func(whole []byte) []byte { return bytes.Replace(whole, []byte("1"), []byte("2"), 1) }},
		{"more after it", func(whole []byte) []byte { return append(bytes.Clone(whole), '\n') }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			writer := s.Writer()
			damageFile(t, v.statePath(writerName), tt.damage)
			s = reopen(t, s)
			if s.Writer() == writer || len(s.Warnings()) != 1 || !strings.Contains(s.Warnings()[0], "state/writer was damaged") {
				t.Errorf("writer: %d after %d, warnings %v", s.Writer(), writer, s.Warnings())
			}
			restore := damageFile(t, v.statePath(owesName), tt.damage)
			_, err := v.OpenState(testKeys(v))
			wantError(t, err, ErrDamaged, v.statePath(owesName))
			restore()
		})
	}
	check(t, os.Remove(v.statePath(owesName)))
	s = reopen(t, s)
	if len(s.Owes()) != 0 || len(s.Warnings()) != 1 || !strings.Contains(s.Warnings()[0], "was missing") {
		t.Errorf("without marks: behind %v, warnings %v", s.Owes(), s.Warnings())
	}
}

// damageFile changes a file and returns how to change it back.
func damageFile(t *testing.T, path string, damage func([]byte) []byte) (restore func()) {
	t.Helper()
	whole, err := os.ReadFile(path)
	check(t, err)
	damaged := damage(bytes.Clone(whole))
	if bytes.Equal(damaged, whole) {
		t.Fatal("nothing was damaged")
	}
	check(t, os.WriteFile(path, damaged, 0o600))
	return func() { check(t, os.WriteFile(path, whole, 0o600)) }
}

// The state of another vault, or the file of another name, is no state.
func TestStateOfAnotherVault(t *testing.T) {
	v := stateVault(t, osDisk{})
	s := openState(t, v)
	other := testKeys(v)
	other.StateKey[0] ^= 1
	if _, err := v.OpenState(other); !errors.Is(err, ErrDamaged) {
		t.Errorf("opened with another key: %v", err)
	}
	marks, err := os.ReadFile(v.statePath(owesName))
	check(t, err)
	check(t, os.WriteFile(v.statePath(writerName), marks, 0o600))
	if s = reopen(t, s); len(s.Warnings()) != 1 {
		t.Errorf("warnings %v, want one of a damaged writer", s.Warnings())
	}
}

func TestBoot(t *testing.T) {
	v := stateVault(t, osDisk{})
	s := openState(t, v)
	s = reopen(t, s)
	if s.SameBoot() {
		t.Error("the same boot before it was marked")
	}
	check(t, s.MarkBoot())
	if s.SameBoot() {
		t.Error("the same boot as before, after it was marked")
	}
	if s = reopen(t, s); !s.SameBoot() {
		t.Error("another boot after it was marked")
	}
	v.sys.bootID = "another"
	if s = reopen(t, s); s.SameBoot() {
		t.Error("the same boot after another")
	}
	v.sys.bootID = ""
	check(t, s.MarkBoot())
	if s = reopen(t, s); s.SameBoot() {
		t.Error("the same boot where none is known")
	}
}

func TestCut(t *testing.T) {
	v := stateVault(t, osDisk{})
	s := openState(t, v)
	wants := func(what string, cut bool) {
		t.Helper()
		if s = reopen(t, s); s.Cut() != cut {
			t.Errorf("%s: cut %v, want %v", what, s.Cut(), cut)
		}
	}
	wants("never marked", false)
	check(t, s.MarkBoot())
	wants("the same boot", false)
	v.sys.bootID = "another"
	wants("another boot", true)
	check(t, s.MarkClean())
	wants("a clean end", false)
	v.sys.bootID = "a third"
	wants("a clean end in another boot", false)
	check(t, s.MarkBoot())
	wants("marked again", false)
	v.sys.bootID = ""
	wants("no boot is known", true)
	check(t, s.MarkBoot())
	wants("no boot was known", true)
	v.sys.bootID = "a fourth"
	wants("no boot was known then", true)
}

func TestStateRemovesTemps(t *testing.T) {
	v := stateVault(t, osDisk{})
	s := openState(t, v)
	temp := v.statePath(string(cipher.NewTempName()))
	check(t, os.WriteFile(temp, []byte("cut off"), 0o600))
	reopen(t, s)
	if _, err := os.Stat(temp); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary file is there: %v", err)
	}
}

func TestRealSystem(t *testing.T) {
	sys := realSystem()
	if len(sys.bootID) != 36 || sys.bootID != realSystem().bootID || sys.now().IsZero() {
		t.Errorf("boot id %q", sys.bootID)
	}
	if readWord("/proc/no/such/file") != "" {
		t.Error("a missing file has text")
	}
}
