package heal_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
)

// randomTree is what a mirror wrote: directories, files of every size, holes and
// several versions, links and long names.
func randomTree(t *testing.T, rng *rand.Rand) *box {
	b := newBox(t, 2+rng.IntN(2))
	dirs, paths := []string{""}, []string{}
	at := func() string {
		dir, name := dirs[rng.IntN(len(dirs))], fmt.Sprintf("n%d.x", rng.IntN(1000))
		if rng.IntN(8) == 0 {
			name += strings.Repeat("long", 40)
		}
		return strings.TrimPrefix(dir+"/"+name, "/")
	}
	taken := map[string]bool{}
	b.with(func(m *mirror.Mirror) {
		for range 4 + rng.IntN(12) {
			path := at()
			switch what := rng.IntN(6); {
			case taken[path]:
			case what == 0:
				b.mkdir(m, path, 0o700+uint32(rng.IntN(64)))
				dirs = append(dirs, path)
			case what == 1 && len(paths) > 0:
				b.link(m, paths[rng.IntN(len(paths))], path)
			default:
				content := random(rng, []int{0, 1, 100, chunk - 1, chunk, chunk + 1, 3*chunk + rng.IntN(chunk), 300 * chunk}[rng.IntN(8)])
				for range rng.IntN(3) {
					if len(content) > 2*chunk {
						hole := rng.IntN(len(content)/chunk) * chunk
						clear(content[hole : hole+chunk])
					}
				}
				b.write(m, path, content)
				paths = append(paths, path)
			}
			taken[path] = true
			if len(paths) > 0 && rng.IntN(3) == 0 {
				b.patch(m, paths[rng.IntN(len(paths))], int64(rng.IntN(2*chunk)), random(rng, 1+rng.IntN(chunk)))
			}
		}
	})
	return b
}

// spoil damages what it can in some clouds, so that of each file and of each
// record one cloud at least keeps it, and returns what was done where.
func spoil(b *box, rng *rand.Rand) map[string]map[int]bool {
	done := map[string]map[int]bool{}
	keeps := rng.IntN(b.n) // of records: each cloud spoils other ones
	paths := slices.Sorted(maps.Keys(b.tree(0)))
	for range 1 + rng.IntN(6) {
		path := paths[rng.IntN(len(paths))]
		k := rng.IntN(b.n)
		if _, err := b.dir(k).Stat(b.entry(k, path)); err != nil {
			continue // it was deleted before, or is no simple name
		}
		text := b.tree(k)[path]
		if k == keeps || text == "" || strings.HasPrefix(text, "bad") || strings.HasPrefix(text, "directory") && rng.IntN(3) > 0 {
			continue
		}
		if done[path] == nil {
			done[path] = map[int]bool{}
		}
		done[path][k] = true
		if strings.HasPrefix(text, "directory") {
			b.does(k, cloudtest.Delete(b.entry(k, path)))
			continue
		}
		size := len(b.raw(k, b.entry(k, path)))
		switch rng.IntN(6) {
		case 0:
			b.does(k, cloudtest.Delete(b.entry(k, path)))
		case 1:
			flip(rng.IntN(size))(b, k, path)
		case 2:
			cut(rng.IntN(size))(b, k, path)
		case 3:
			b.change(k, path, func(d []byte) []byte { clear(d[rng.IntN(size):]); return d })
		case 4:
			b.does(k, cloudtest.Duplicate(b.entry(k, path)))
		case 5:
			b.change(k, path, func(d []byte) []byte { return random(rng, 1+rng.IntN(2*size)) })
		}
	}
	return done
}

// TestRandom: whatever one cloud at least still has is healed, and verify blames
// no cloud that is innocent.
func TestRandom(t *testing.T) {
	for seed := range uint64(seeds) {
		rng := rand.New(rand.NewPCG(seed, 4))
		b := randomTree(t, rng)
		want := b.tree(0)
		if len(want) == 0 {
			continue
		}
		if rng.IntN(2) == 0 {
			b.know = b.knowing(0)
		}
		guilty := map[int]bool{}
		for _, clouds := range spoil(b, rng) {
			for k := range clouds {
				guilty[k] = true
			}
		}
		blamed := map[string]bool{}
		for _, f := range b.verify() {
			if blamed[fmt.Sprint(f.Cloud, f.Path)] = true; !guilty[f.Cloud] {
				t.Errorf("innocent: %q: %v", f.Path, f)
			}
		}
		for k := range b.n {
			got := b.tree(k)
			for path := range want {
				if got[path] != want[path] && !blamed[fmt.Sprint(k, path)] {
					t.Errorf("not found in cloud %d: %q is %q", k, path, got[path])
				}
			}
		}
		b.heal()
		b.equal(want)
		for _, f := range b.verify() {
			if f.Kind != compare.Duplicate {
				t.Errorf("after healing: %q: %v", f.Path, f)
			}
		}
		if again := b.heal(); again.Steps > 0 {
			t.Errorf("healing again took %d steps", again.Steps)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
