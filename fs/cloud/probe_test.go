package cloud_test

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/cloud/cloudtest"
)

// all is what an ordinary local filesystem can do.
var all = cloud.Features{
	Offset: true, Modes: true, Owners: true, Times: 1, Links: true, Xattrs: true, Exchange: true,
	Holes: true, Punch: true, Handles: true, NameMax: 255,
}

// probed probes a directory, and checks that nothing is left of it.
func probed(t *testing.T, d cloud.Dir) cloud.Features {
	t.Helper()
	f, err := cloud.Probe(d)
	must(t, err)
	left, err := d.ReadDir("")
	must(t, err)
	if len(left) > 0 {
		t.Errorf("the probe left %v", left)
	}
	return f
}

func TestProbeLocal(t *testing.T) {
	f := probed(t, openDir(t, t.TempDir()))
	if f != all || f.String() != "lacks nothing" || len(f.Lacks()) > 0 {
		t.Errorf("it %v: %+v", f, f)
	}
}

// A filesystem that lacks one thing is told from all others.
func TestProbeLacking(t *testing.T) {
	for lacking, want := range map[cloudtest.Feature]struct {
		change func(*cloud.Features)
		words  string
	}{
		cloudtest.Xattrs:   {func(f *cloud.Features) { f.Xattrs = false }, "no extended attributes"},
		cloudtest.Links:    {func(f *cloud.Features) { f.Links = false }, "no hard links"},
		cloudtest.Exchange: {func(f *cloud.Features) { f.Exchange = false }, "no exchange of two files"},
		cloudtest.Handles:  {func(f *cloud.Features) { f.Handles = false }, "no lasting handles"},
		cloudtest.Modes:    {func(f *cloud.Features) { f.Modes, f.Owners = false, false }, "no permissions"},
		cloudtest.Times:    {func(f *cloud.Features) { f.Times = 0 }, "no times"},
		cloudtest.Holes:    {func(f *cloud.Features) { f.Punch = false }, "no holes"},
	} {
		t.Run(string(lacking), func(t *testing.T) {
			wanted := all
			want.change(&wanted)
			f := probed(t, cloudtest.NewFaulty(cloudtest.NewMem(), cloudtest.Without(lacking)...))
			if f != wanted || f.String() != want.words {
				t.Errorf("it %v: %+v", f, f)
			}
		})
	}
	if got := len(cloudtest.Features()); got != 7 {
		t.Errorf("there are %d features, and 7 are tested", got)
	}
}

// A shaped directory changes what goes through it.
type shaped struct {
	cloud.Dir
	times  time.Duration // how finely times are kept
	folds  bool          // names are in small letters
	short  int           // the longest name
	append bool          // bytes are only appended
}

type appended struct {
	cloud.File
	end int64
}

func (d *shaped) Chtimes(path string, t cloud.Times) error {
	mtime := t.Mtime.Truncate(d.times)
	return d.Dir.Chtimes(path, cloud.Times{Mtime: &mtime})
}

func (d *shaped) Stat(path string) (cloud.Info, error) {
	if d.folds {
		path = strings.ToLower(path)
	}
	return d.Dir.Stat(path)
}

func (d *shaped) Create(path string, perm uint32) (cloud.File, error) {
	if len(path) > d.short {
		return nil, syscall.ENAMETOOLONG
	}
	f, err := d.Dir.Create(path, perm)
	if d.append && err == nil {
		return &appended{File: f}, nil
	}
	return f, err
}

func (d *shaped) Remove(path string) error {
	if len(path) > d.short {
		return syscall.ENAMETOOLONG
	}
	return d.Dir.Remove(path)
}

func (f *appended) WriteAt(p []byte, off int64) (int, error) {
	if off != f.end {
		return 0, syscall.ESPIPE
	}
	n, err := f.File.WriteAt(p, off)
	f.end += int64(n)
	return n, err
}

func TestProbeShapes(t *testing.T) {
	for words, change := range map[string]func(*shaped, *cloud.Features){
		"times to 2s only": func(d *shaped, f *cloud.Features) { d.times, f.Times = 2*time.Second, 2*time.Second },
		"times to 1s only": func(d *shaped, f *cloud.Features) { d.times, f.Times = time.Second, time.Second },
		"lacks nothing":    func(d *shaped, f *cloud.Features) { d.times, f.Times = 100, 100 },
		"no times":         func(d *shaped, f *cloud.Features) { d.times, f.Times = time.Hour, 0 },
		"no difference between small and capital letters": func(d *shaped, f *cloud.Features) { d.folds, f.CaseFolds = true, true },
		"names to 206 bytes only":                         func(d *shaped, f *cloud.Features) { d.short, f.NameMax = 240, 206 },
		"names to 143 bytes only":                         func(d *shaped, f *cloud.Features) { d.short, f.NameMax = 143, 143 },
		"no writing at an offset":                         func(d *shaped, f *cloud.Features) { d.append, f.Offset = true, false },
	} {
		d, want := &shaped{Dir: cloudtest.NewMem(), times: 1, short: 255}, all
		change(d, &want)
		if f := probed(t, d); f != want || f.String() != words {
			t.Errorf("%s: it %v: %+v", words, f, f)
		}
	}
}

// A directory that takes nothing is no filesystem that lacks something.
func TestProbeFails(t *testing.T) {
	for _, rule := range []cloudtest.Rule{
		{Op: "create", Err: syscall.EROFS},
		{Op: "create", From: 2, Err: syscall.EIO},
		{Op: "writeat", Err: syscall.EIO},
		{Op: "writeat", From: 2, Err: syscall.ENOSPC},
		{Op: "open", Err: syscall.EDQUOT},
	} {
		mem := cloudtest.NewMem()
		_, err := cloud.Probe(cloudtest.NewFaulty(mem, rule))
		refuse(t, rule.String(), rule.Err, err)
		left, err := mem.ReadDir("")
		must(t, err)
		if len(left) > 0 {
			t.Errorf("%v: the probe left %v", rule, left)
		}
	}
	_, err := cloud.Probe(cloudtest.NewFaulty(cloudtest.NewMem(), cloudtest.Rule{Op: "remove", Err: syscall.EIO}))
	if !errors.Is(err, syscall.EIO) {
		t.Errorf("what cannot be removed is not told: %v", err)
	}
}

func TestFeaturesInWords(t *testing.T) {
	var none cloud.Features
	words := none.Lacks()
	if len(words) < 7 || !slices.Contains(words, "no writing at an offset") || !strings.Contains(none.String(), "no lasting handles") {
		t.Errorf("nothing at all is %q", none)
	}
}
