package heal_test

import (
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/audit"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
)

// memory knows a tree, as the index does.
type memory struct {
	compare.Nothing
	at  map[string]judge.Known
	ids map[judge.Identity]judge.Facts

	owed map[string]int // the cloud that owes a path
}

// knowing remembers what a cloud holds.
func (b *box) knowing(k int) *memory {
	t, err := audit.New(b.dir(k), b.keys(k)).Tree()
	must(b.t, err)
	m := &memory{at: map[string]judge.Known{}, ids: map[judge.Identity]judge.Facts{}}
	for path, n := range t.Nodes {
		if n.Dir {
			m.at[path] = judge.Known{Has: judge.Dir}
			continue
		}
		v := judge.VersionOf(n.Header)
		m.at[path] = judge.Known{Has: judge.File, Version: v}
		f := m.ids[v.Identity]
		f.Version, f.Live = v, append(f.Live, judge.Name(path))
		m.ids[v.Identity] = f
	}
	return m
}

// forget is what is known after a file was removed.
func (m *memory) forget(path string) {
	v := m.at[path].Version
	m.at[path] = judge.Known{Has: judge.Gone, Version: v}
	m.ids[v.Identity] = judge.Facts{Version: v, Ended: []cipher.Vector{v.Vector}}
}

func (m *memory) At(path string) (judge.Known, error) {
	if k, ok := m.at[path]; ok {
		return k, nil
	}
	return judge.Known{Has: judge.Unknown}, nil
}

func (m *memory) Within(dir string) (names []cipher.PlainName, err error) {
	for path, k := range m.at {
		at, name := split(path)
		if at == dir && k.Has != judge.Gone && !strings.Contains(name, "/") {
			names = append(names, cipher.PlainName(name))
		}
	}
	return names, nil
}

func (m *memory) Of(id judge.Identity) (judge.Facts, error) { return m.ids[id], nil }

func (m *memory) Writers() ([]uint32, error) { return []uint32{7}, nil }

func (m *memory) Owes(cloud int, path string) (bool, error) {
	k, owed := m.owed[path]
	return owed && k == cloud, nil
}
