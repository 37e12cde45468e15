package belief

import (
	"context"
	"slices"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/index"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
	"github.com/overcast-fs/overcast/fs/mirror/internal/memory"
)

// Known is the memory as the judgement asks for it: by paths from the root. What
// cannot be read is not known.
type Known struct {
	Memory memory.Rows
	Clouds []cipher.ID // by the vault's order
	Debts  Debtor
}

// Check reads all of the memory, and finds what is damaged.
func (k Known) Check(ctx context.Context) error { return k.Memory.Check(ctx) }

// place is a path in the index; ok is false where nothing is known of its
// directory.
func (k Known) place(path string) (p index.Place, ok bool, err error) {
	dir, name := cloud.SplitPath(path)
	d, ok, err := k.dir(dir)
	return index.Place{Dir: d, Name: cipher.PlainName(name)}, ok, err
}

// dir is the number of the directory at a path.
func (k Known) dir(path string) (d index.Dir, ok bool, err error) {
	d = index.Root
	for name := range strings.SplitSeq(path, "/") {
		if path == "" {
			break
		}
		at, err := k.Memory.At(index.Place{Dir: d, Name: cipher.PlainName(name)})
		if err != nil || at.Kind != index.IsDir {
			return 0, false, err
		}
		d = at.Dir
	}
	return d, true, nil
}

// At tells what should be at a path.
func (k Known) At(path string) (judge.Known, error) {
	p, ok, err := k.place(path)
	if err != nil || !ok {
		return judge.Known{Has: judge.Unknown}, nil
	}
	at, err := k.Memory.At(p)
	if err != nil {
		return judge.Known{Has: judge.Unknown}, nil
	}
	return judged(at), nil
}

// Within lists the names of a directory at which something should be, or has
// vanished.
func (k Known) Within(dir string) (names []cipher.PlainName, err error) {
	d, ok, err := k.dir(dir)
	if err != nil || !ok {
		return nil, nil
	}
	list, _ := k.Memory.List(d)
	for name, at := range list {
		if at.Kind == index.IsFile || at.Kind == index.IsDir || at.Kind == index.Vanished {
			names = append(names, name)
		}
	}
	return names, nil
}

// Of tells what is known of a file.
func (k Known) Of(id judge.Identity) (judge.Facts, error) {
	of, err := k.Memory.Of(index.File{ID: id.ID, Type: id.Type})
	if err != nil {
		return judge.Facts{}, nil
	}
	f := judge.Facts{Ended: of.Ended, Moved: of.Moved}
	if !of.Greatest.IsZero() {
		f.Version = version(id, of.Greatest)
	}
	for _, p := range of.Names {
		if dir, ok, _ := k.Memory.Path(p.Dir); ok {
			f.Live = append(f.Live, judge.Name(strings.TrimPrefix(dir+"/"+string(p.Name), "/")))
		}
	}
	// Where the last name of a file was removed, that was told: of another one without a name nobody knows where it is.
	f.Missing = of.Met && len(of.Names) == 0 && !slices.ContainsFunc(of.Ended, func(end cipher.Vector) bool { return atMost(of.Greatest.Vector, end) })
	return f, nil
}

// Owes reports whether a cloud missed a change at a path. That it was found to
// differ explains nothing.
func (k Known) Owes(cloud int, path string) (bool, error) {
	if k.Debts.Owes(cloud, path) {
		return true, nil
	}
	p, ok, err := k.place(path)
	if err != nil || !ok {
		return false, nil
	}
	d, owes, err := k.Memory.Debt(k.Clouds[cloud], p)
	return err == nil && owes && d.Why != index.Differs, nil
}

// Ended has no records. Those that the index has are this machine's own, and tell only of a cloud that missed what they are of:
// elsewhere a directory that is there is one that was made since.
func (k Known) Ended(string) ([]cipher.Vector, error) { return nil, nil }

// Writers lists every writer that was ever seen.
func (k Known) Writers() ([]uint32, error) {
	return k.Memory.Writers(), nil
}

// judged is what the index has, as the judgement knows it.
func judged(k index.Known) judge.Known {
	has := map[index.Kind]judge.Has{
		index.Gone: judge.Gone, index.Vanished: judge.Vanished, index.IsDir: judge.Dir, index.IsFile: judge.File,
	}[k.Kind]
	switch {
	case has == "":
		return judge.Known{Has: judge.Unknown}
	case has == judge.Dir:
		return judge.Known{Has: has}
	case has == judge.Vanished && k.File == (index.File{}):
		return judge.Known{Has: judge.Unknown} // a directory that all clouds have lost
	}
	return judge.Known{Has: has, Version: version(judge.Identity{ID: k.File.ID, Type: k.File.Type}, k.Version)}
}

func version(id judge.Identity, v index.Version) judge.Version {
	return judge.Version{Identity: id, Vector: v.Vector, MtimeSec: v.Sec, MtimeNsec: v.Nsec, Commit: v.Commit}
}

// indexed is what the judgement leaves, as the index has it. The number of a
// directory is the memory's matter.
func indexed(k judge.Known) index.Known {
	kind := map[judge.Has]index.Kind{judge.Gone: index.Gone, judge.Vanished: index.Vanished, judge.File: index.IsFile}[k.Has]
	switch {
	case k.Has == judge.Gone && k.Version.ID.IsZero():
		return index.Known{Kind: index.Gone} // a directory
	case kind == index.Unknown || k.Version.ID.IsZero():
		return index.Known{}
	}
	v := k.Version
	return index.Known{
		Kind: kind, File: index.File{ID: v.ID, Type: v.Type},
		Version: index.Version{Vector: v.Vector, Sec: v.MtimeSec, Nsec: v.MtimeNsec, Commit: v.Commit},
	}
}
