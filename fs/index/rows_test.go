package index

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
)

// shapes are the rows that are taken apart, each with what makes its bytes again.
var shapes = []struct {
	name    string
	sample  []byte
	rebuild func([]byte) ([]byte, error)
}{
	{"name", appendName(nil, &Row{Place: at1(3, "n"), Known: isFile(1, 2), Copies: []Copy{
		{Cloud: cipher.ID{1}, InPlace: version(2), Stat: Stat{Ino: 1, Ctime: time.Unix(1, 2), Size: -1, Mode: 3}},
		{Cloud: cipher.ID{2}, InPlace: version(1)},
	}}), func(b []byte) ([]byte, error) {
		r, err := parseName(b)
		return appendName(nil, &r), err
	}},
	{"directory", appendDir(nil, 7, &Directory{Place: at1(3, "n"), Owner: &Owner{1, 2, 3}}),
		func(b []byte) ([]byte, error) {
			n, d, err := parseDir(b)
			return appendDir(nil, n, &d), err
		}},
	{"record", appendRecord(nil, &record{file: fileN(1), accepted: version(2), ended: []cipher.Vector{vector(1), vector(3)}, since: time.Unix(9, 0)}),
		func(b []byte) ([]byte, error) {
			r, err := parseRecord(b)
			return appendRecord(nil, &r), err
		}},
	{"ended", appendEnded(nil, &ended{"a/b", []cipher.Vector{vector(1)}, time.Unix(9, 0)}), func(b []byte) ([]byte, error) {
		r, err := parseEnded(b)
		return appendEnded(nil, &r), err
	}},
	{"place", appendPlace(nil, at1(3, "n")), func(b []byte) ([]byte, error) {
		p, err := parsePlace(b)
		return appendPlace(nil, p), err
	}},
	{"debt", appendDebt(nil, &Owed{Place: at1(3, "n"), Debt: Debt{Away, time.Unix(5, 6), isGone(1, 2)}}), func(b []byte) ([]byte, error) {
		o, err := parseDebt(b)
		return appendDebt(nil, &o), err
	}},
}

// Every row opens only whole: cut short, with more behind it, or of another version it is none.
func TestRowsAreWhole(t *testing.T) {
	for _, s := range shapes {
		again, err := s.rebuild(s.sample)
		if err != nil || !bytes.Equal(again, s.sample) {
			t.Errorf("%s: %x, %v, was %x", s.name, again, err, s.sample)
		}
		for n := range s.sample {
			if _, err := s.rebuild(s.sample[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes are one", s.name, n, len(s.sample))
			}
		}
		if _, err := s.rebuild(append(bytes.Clone(s.sample), 0)); err == nil {
			t.Errorf("%s: with a byte more it is one", s.name)
		}
		if _, err := s.rebuild(append([]byte{rowVersion + 1}, s.sample[1:]...)); err == nil {
			t.Errorf("%s: of the next version it is one", s.name)
		}
	}
}

func TestLongRowsFit(t *testing.T) {
	var full cipher.Vector
	for w := range uint32(cipher.MaxWriters) {
		full = append(full, cipher.Version{Writer: w + 1<<31, Counter: cipher.MaxCounter - 1})
	}
	v := Version{Vector: full, Sec: -1 << 62, Nsec: 999_999_999, Commit: cipher.ID{1}}
	r := Row{Place: at1(1<<63, string(bytes.Repeat([]byte("n"), 255))), Known: Known{Kind: IsFile, File: fileN(1), Version: v}}
	for i := range byte(maxCopies) {
		other := v
		other.Sec = int64(i)
		r.Copies = append(r.Copies, Copy{Cloud: cipher.ID{i}, InPlace: other,
			Stat: Stat{1 << 63, time.Unix(-1<<40, 999_999_999).UTC(), 1 << 62, 1<<32 - 1, 1<<32 - 1, 1<<32 - 1}})
	}
	b := appendName(nil, &r)
	got, err := parseName(b)
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("%+v, %v", got, err)
	}
	if len(b) > maxRow {
		t.Errorf("%d bytes", len(b))
	}
}

// FuzzRows takes anything apart as each row. What is one is the same one when it is put together again.
func FuzzRows(f *testing.F) {
	for _, s := range shapes {
		f.Add(s.sample)
	}
	f.Add([]byte{})
	f.Add([]byte{rowVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, s := range shapes {
			again, err := s.rebuild(b)
			if err != nil {
				continue
			}
			third, err := s.rebuild(again)
			if err != nil || !bytes.Equal(third, again) {
				t.Errorf("%s: %x becomes %x, and that %x, %v", s.name, b, again, third, err)
			}
		}
	})
}

// FuzzSurvey reads anything as a database.
func FuzzSurvey(f *testing.F) {
	s := newSample(f, 12)
	f.Add(uint(0), byte(0), len(s.file))
	f.Add(uint(2*pageSize+10), byte(1), len(s.file))
	f.Add(uint(0), byte(1), pageSize)
	f.Fuzz(func(t *testing.T, at uint, flip byte, size int) {
		data := bytes.Clone(s.file[:min(max(size, 0), len(s.file))])
		if len(data) > 0 {
			data[at%uint(len(data))] ^= flip
		}
		ix, _ := s.open(t, data)
		s.judge(t, ix)
		goesOn(t, ix)
	})
}
