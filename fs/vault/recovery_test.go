package vault

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"filippo.io/age"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/durable/durabletest"
	"github.com/overcast-fs/overcast/fs/vault/kit"
)

func drawKit(t testing.TB) *kit.Kit {
	t.Helper()
	k, err := kit.Draw()
	check(t, err)
	return k
}

var sameKeys = ResealOptions{Passphrase: testPassphrase}

// wantKits checks what became of the kit in each cloud; nil for well.
func wantKits(t *testing.T, list []CloudKit, want ...error) {
	t.Helper()
	if len(list) != len(want) {
		t.Fatalf("clouds %v", list)
	}
	for i, c := range list {
		if !errors.Is(c.Err, want[i]) {
			t.Errorf("cloud %s: %v, want %v", c.Name, c.Err, want[i])
		}
	}
}

func TestKit(t *testing.T) {
	v := testVault(t)
	k := unlocked(t, v)
	paper := drawKit(t)
	wantKits(t, v.CheckKit(paper), ErrNoKit, ErrNoKit)
	list, err := v.InstallKit(k, paper, sameKeys)
	check(t, err)
	wantKits(t, list, nil, nil)
	wantKits(t, v.CheckKit(paper), nil, nil)
	wantKits(t, v.CheckKit(drawKit(t)), ErrOtherKit, ErrOtherKit)
	again := unlocked(t, onDisk(t, v.Dir, osDisk{}))
	if again.Recovery != paper.Recipient() || !onDisk(t, v.Dir, osDisk{}).KeysCopied {
		t.Errorf("the keys know of the recipient %q", again.Recovery)
	}

	// The vault and every other cloud lost: the paper and one cloud are enough.
	check(t, os.RemoveAll(v.Dir))
	f, differ, err := OpenKit(paper, []string{v.Clouds[1].Dir})
	check(t, err)
	if differ != "" || !f.NeedsPassphrase() || !reflect.DeepEqual(f.Keys, again) {
		t.Errorf("%q; other keys came out", differ)
	}
	_, err = Join(v.Dir, JoinOptions{Keys: f, Dirs: []string{v.Clouds[1].Dir}, Passphrase: newPassphrase, WorkFactor: MinWorkFactor})
	check(t, err)
	joined := onDisk(t, v.Dir, osDisk{})
	k, err = joined.Unlock(newPassphrase)
	check(t, err)

	// One that is away is told, and gets it later.
	second := drawKit(t)
	list, err = joined.InstallKit(k, second, ResealOptions{Passphrase: newPassphrase})
	check(t, err)
	wantKits(t, list, ErrNoMarker, nil)
	_, err = Join(v.Dir, JoinOptions{Keys: &KeysFile{Keys: k}, Dirs: []string{v.Clouds[0].Dir}})
	check(t, err)
	joined = onDisk(t, v.Dir, osDisk{})
	wantKits(t, joined.CheckKit(second), ErrOtherKit, nil)
	list, err = joined.InstallKit(k, second, ResealOptions{}) // the keys know of it
	check(t, err)
	wantKits(t, list, nil, nil)
	wantKits(t, joined.CheckKit(second), nil, nil)
	wantKits(t, joined.CheckKit(paper), ErrOtherKit, ErrOtherKit)

	list, err = joined.RevokeKit(k, ResealOptions{Passphrase: newPassphrase})
	check(t, err)
	wantKits(t, list, nil, nil)
	wantKits(t, joined.CheckKit(second), ErrNoKit, ErrNoKit)
	if onDisk(t, v.Dir, osDisk{}).KeysCopied {
		t.Error("the keys are said to be somewhere else")
	}
}

// Where the clouds' kits differ the one that knows more is taken, and it is told.
func TestOpenKitDiffers(t *testing.T) {
	v := testVault(t)
	k := unlocked(t, v)
	paper := drawKit(t)
	_, err := v.InstallKit(k, paper, sameKeys)
	check(t, err)
	k.Clouds = k.Clouds[:1]
	to, err := age.ParseHybridRecipient(paper.Recipient())
	check(t, err)
	old, err := k.Seal(to)
	check(t, err)
	check(t, os.WriteFile(filepath.Join(v.Clouds[0].Dir, cipher.RecoveryName), old, 0o600))
	for _, dirs := range [][]string{{v.Clouds[0].Dir, v.Clouds[1].Dir}, {v.Clouds[1].Dir, v.Clouds[0].Dir}} {
		f, differ, err := OpenKit(paper, dirs)
		check(t, err)
		if len(f.Clouds) != 2 || differ == "" {
			t.Errorf("keys of %d clouds; told %q", len(f.Clouds), differ)
		}
	}
	wantKits(t, v.CheckKit(paper), ErrOldKeys, nil)
	check(t, os.WriteFile(filepath.Join(v.Clouds[1].Dir, cipher.RecoveryName), []byte("junk"), 0o600))
	wantKits(t, v.CheckKit(paper), ErrOldKeys, ErrDamaged)
	check(t, os.Remove(filepath.Join(v.Clouds[0].Dir, cipher.RecoveryName)))
	_, _, err = OpenKit(paper, []string{v.Clouds[0].Dir})
	wantError(t, err, ErrNoKit, v.Clouds[0].Dir)
}

// A directory that does not show that it is the cloud gets nothing.
func TestKitChecksMarkers(t *testing.T) {
	v := testVault(t)
	check(t, forge(v.Clouds[0].Dir))
	list, err := v.InstallKit(unlocked(t, v), drawKit(t), sameKeys)
	check(t, err)
	wantKits(t, list, ErrDamaged, nil)
	if _, err := os.Lstat(filepath.Join(v.Clouds[0].Dir, cipher.RecoveryName)); err == nil {
		t.Error("a kit in a directory of somebody else")
	}
}

// Every step fails, or the process dies there, or the power does: the vault opens,
// each cloud has one of the two kits whole, and repeating it ends with the new.
func TestKitCrashes(t *testing.T) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 17))
		runs := durabletest.EachFailure(t, seed > 0, func(t *testing.T, d *durabletest.Disk) error {
			v := testVault(t)
			first, second := drawKit(t), drawKit(t)
			_, err := onDisk(t, v.Dir, &durabletest.Disk{}).InstallKit(unlocked(t, v), first, sameKeys)
			check(t, err)
			v = onDisk(t, v.Dir, d)
			list, err := v.InstallKit(unlocked(t, v), second, sameKeys)
			for _, c := range list {
				err = errors.Join(err, c.Err)
			}
			if seed > 1 {
				d.PowerCut(t, rng)
			}
			now := onDisk(t, v.Dir, &durabletest.Disk{})
			k := unlocked(t, now)
			old, young := now.CheckKit(first), now.CheckKit(second)
			for i := range old {
				if (old[i].Err == nil) == (young[i].Err == nil) {
					t.Errorf("cloud %s: %v; %v", old[i].Name, old[i].Err, young[i].Err)
				}
			}
			if err != nil {
				list, err := now.InstallKit(k, second, sameKeys)
				check(t, err)
				wantKits(t, list, nil, nil)
			}
			wantKits(t, now.CheckKit(second), nil, nil)
			return err
		})
		if runs < 20 {
			t.Errorf("only %d steps failed", runs)
		}
	}
}
