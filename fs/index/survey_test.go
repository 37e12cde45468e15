package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/overcast-fs/overcast/fs/index/internal/survey"
)

// What the tests need to know of bbolt's pages.
const (
	pageSize   = survey.PageSize
	pageHeader = 16
	elementLen = 16
	branchFlag = 0x01
)

var native = binary.NativeEndian

// A key in a branch that is a little less than the first one below it leads every search where it should, and yet bbolt would
// not find there what to replace, and keep the old page beside the new one.
func TestSurveyWantsTheFirstKeyAbove(t *testing.T) {
	s := newSample(t, 300)
	branches := 0
	for at := 0; at < len(s.file); at += pageSize {
		page := s.file[at : at+pageSize]
		if native.Uint16(page[8:]) != branchFlag || native.Uint64(page) != uint64(at/pageSize) {
			continue
		}
		for i := range int(native.Uint16(page[10:])) {
			e := at + pageHeader + i*elementLen
			last := e + int(native.Uint32(s.file[e:])) + int(native.Uint32(s.file[e+4:])) - 1
			data := bytes.Clone(s.file)
			if data[last] == 0 {
				continue
			}
			data[last]--
			path := filepath.Join(t.TempDir(), "index")
			must(t, os.WriteFile(path, data, 0o600))
			if _, err := survey.File(path); err == nil {
				// It may be a free page, which nothing leads to.
				continue
			} else if !errors.Is(err, survey.ErrUnsound) {
				t.Fatal(err)
			}
			branches++
		}
	}
	if branches < 10 {
		t.Errorf("%d keys of branches were missed", branches)
	}
}

// What is counted is what was written, and a missing file has nothing.
func TestSurveyCounts(t *testing.T) {
	s := newSample(t, 100)
	counts, err := survey.File(s.conf.Path)
	must(t, err)
	if n := counts[inNames.String()]; n < uint64(len(s.last().names)) {
		t.Errorf("%d names, wrote %d", n, len(s.last().names))
	}
	if n := counts[inDebts.String()]; n != uint64(len(s.last().debts)) {
		t.Errorf("%d debts, wrote %d", n, len(s.last().debts))
	}
	counts, err = survey.File(s.conf.Path + ".none")
	if must(t, err); len(counts) != 0 {
		t.Errorf("counts %v", counts)
	}
}
