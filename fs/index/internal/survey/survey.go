// Package survey reads a bbolt file's structure before bbolt does, page by page: bbolt believes what pages say of themselves,
// and a flipped bit in one can make it recurse without end, or ask for more memory than there is, which no recover survives.
// What it accepts is a tree: each page is met once or free, each key is where the pages above say, each part lies within its
// page. It is pure but for reading, and all in survey.go.
//
// The format is bbolt's, version 2, in the byte order of the machine, with pages of 4 KiB.
package survey

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// ErrUnsound is wrapped by the error about a file that bbolt must not read.
var ErrUnsound = errors.New("not a sound database")

// PageSize is that of the databases it reads.
const PageSize = 4096

const (
	pageHeader = 16 // id u64, flags u16, count u16, overflow u32
	elementLen = 16 // branch: pos u32, ksize u32, page u64; leaf: flags u32, pos u32, ksize u32, vsize u32
	bucketLen  = 16 // root u64, sequence u64

	branchFlag   = 0x01
	leafFlag     = 0x02
	freelistFlag = 0x10
	bucketFlag   = 0x01 // of a leaf element

	boltMagic   = 0xED0CDAED
	boltVersion = 2
)

var native = binary.NativeEndian

// A surveyor is one survey.
type surveyor struct {
	file   *os.File
	pages  uint64 // there are so many
	met    []bool
	counts map[string]uint64 // rows, by bucket
}

// A subtree is a page to look at, with the keys that everything below it lies between.
type subtree struct {
	page      uint64
	low, high []byte // nil for no bound
	bucket    string // "" in the tree of buckets
}

// File returns how many rows each bucket of a database has. The error wraps [ErrUnsound] if it is not sound. A missing or empty
// file is sound, and has none. Nobody may write to the file meanwhile.
func File(path string) (map[string]uint64, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	if info.Size() == 0 {
		return nil, nil
	}
	s := &surveyor{file: file, counts: map[string]uint64{}}
	root, freelist, err := s.metas(info.Size())
	if err != nil {
		return nil, unsound(err)
	}
	if err := s.tree(subtree{page: root}); err != nil {
		return nil, unsound(err)
	}
	if err := s.freelist(freelist); err != nil {
		return nil, unsound(err)
	}
	for id, met := range s.met {
		if !met {
			return nil, unsound(fmt.Errorf("page %d is neither in use nor free", id))
		}
	}
	return s.counts, nil
}

func unsound(err error) error { return fmt.Errorf("%w: %w", ErrUnsound, err) }

// metas reads both metas and takes the newer of those that are whole, as bbolt does.
func (s *surveyor) metas(size int64) (root, freelist uint64, err error) {
	var newest uint64
	found := false
	for id := range int64(2) {
		b := make([]byte, pageHeader+64)
		if _, err := s.file.ReadAt(b, id*PageSize); err != nil {
			return 0, 0, fmt.Errorf("meta %d: %w", id, err)
		}
		m := b[pageHeader:]
		sum := fnv.New64a()
		sum.Write(m[:56])
		if native.Uint32(m) != boltMagic || native.Uint32(m[4:]) != boltVersion ||
			native.Uint32(m[8:]) != PageSize || sum.Sum64() != native.Uint64(m[56:]) {
			continue
		}
		if txid := native.Uint64(m[48:]); !found || txid > newest {
			found, newest = true, txid
			root, freelist, s.pages = native.Uint64(m[16:]), native.Uint64(m[32:]), native.Uint64(m[40:])
		}
	}
	if !found {
		return 0, 0, errors.New("no whole meta page")
	}
	if s.pages < 2 || s.pages > uint64(size)/PageSize {
		return 0, 0, fmt.Errorf("%d pages in %d bytes", s.pages, size)
	}
	s.met = make([]bool, s.pages)
	s.met[0], s.met[1] = true, true
	return root, freelist, nil
}

// meet marks a page, and those that continue it, as met.
func (s *surveyor) meet(id, pages uint64) error {
	if id >= s.pages || pages > s.pages-id {
		return fmt.Errorf("page %d of %d", id, s.pages)
	}
	for i := id; i < id+pages; i++ {
		if s.met[i] {
			return fmt.Errorf("page %d is met twice", i)
		}
		s.met[i] = true
	}
	return nil
}

// load reads a page with those that continue it.
func (s *surveyor) load(id uint64) ([]byte, error) {
	if id >= s.pages {
		return nil, fmt.Errorf("page %d of %d", id, s.pages)
	}
	b := make([]byte, PageSize)
	if _, err := s.file.ReadAt(b, int64(id)*PageSize); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	if got := native.Uint64(b); got != id {
		return nil, fmt.Errorf("page %d says it is %d", id, got)
	}
	more := uint64(native.Uint32(b[12:]))
	if err := s.meet(id, 1+more); err != nil {
		return nil, err
	}
	if more == 0 {
		return b, nil
	}
	b = append(b, make([]byte, more*PageSize)...)
	_, err := s.file.ReadAt(b[PageSize:], int64(id+1)*PageSize)
	return b, err
}

// tree looks at a tree, without recursion.
func (s *surveyor) tree(top subtree) error {
	todo := []subtree{top}
	for len(todo) > 0 {
		t := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		b, err := s.load(t.page)
		if err != nil {
			return err
		}
		below, err := s.page(b, t)
		if err != nil {
			return fmt.Errorf("page %d: %w", t.page, err)
		}
		todo = append(todo, below...)
	}
	return nil
}

// page looks at one page, or at a small bucket that lies in its parent's, and returns the trees below it.
func (s *surveyor) page(b []byte, t subtree) (below []subtree, err error) {
	flags, count := native.Uint16(b[8:]), int(native.Uint16(b[10:]))
	if flags != branchFlag && flags != leafFlag || flags == branchFlag && count == 0 {
		return nil, fmt.Errorf("flags %x with %d elements", flags, count)
	}
	if pageHeader+count*elementLen > len(b) || count == 0 && t.low != nil {
		return nil, fmt.Errorf("%d elements", count)
	}
	low := t.low
	for i := range count {
		at := pageHeader + i*elementLen
		e := b[at:]
		var key, value []byte
		ok := false
		if flags == branchFlag {
			key, _, ok = within(b, uint64(at)+uint64(native.Uint32(e)), native.Uint32(e[4:]), 0)
		} else {
			key, value, ok = within(b, uint64(at)+uint64(native.Uint32(e[4:])), native.Uint32(e[8:]), native.Uint32(e[12:]))
		}
		// The page above has a page's first key, and bbolt counts on it: it finds there by that key what to replace.
		inOrder := i == 0 && (t.low == nil || bytes.Equal(key, t.low)) || i > 0 && bytes.Compare(key, low) > 0
		if !ok || !inOrder || t.high != nil && bytes.Compare(key, t.high) >= 0 {
			return nil, fmt.Errorf("element %d is out of place", i)
		}
		low = bytes.Clone(key)
		if flags == branchFlag {
			if i > 0 {
				below[i-1].high = low
			}
			below = append(below, subtree{page: native.Uint64(e[8:]), low: low, high: t.high, bucket: t.bucket})
			continue
		}
		if below, err = s.leaf(below, t, native.Uint32(e), key, value); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return below, nil
}

// leaf takes in one element of a leaf: a row, or in the tree of buckets, a bucket.
func (s *surveyor) leaf(below []subtree, t subtree, flags uint32, key, value []byte) ([]subtree, error) {
	switch {
	case t.bucket != "" && flags == 0:
		s.counts[t.bucket]++
		return below, nil
	case t.bucket != "" || flags != bucketFlag || len(value) < bucketLen || len(key) == 0:
		return nil, fmt.Errorf("flags %x", flags)
	}
	inside := subtree{page: native.Uint64(value), bucket: string(key)}
	if inside.page != 0 {
		return append(below, inside), nil
	}
	value = value[bucketLen:]
	if len(value) < pageHeader || native.Uint16(value[8:]) != leafFlag {
		return nil, errors.New("a bucket that is neither here nor there")
	}
	_, err := s.page(value, inside)
	return below, err
}

// within returns the key and the value that lie at an offset of a page, if they do.
func within(b []byte, at uint64, ksize, vsize uint32) (key, value []byte, ok bool) {
	end := at + uint64(ksize) + uint64(vsize)
	if at < pageHeader || end > uint64(len(b)) {
		return nil, nil, false
	}
	return b[at : at+uint64(ksize)], b[at+uint64(ksize) : end], true
}

// freelist looks at the list of free pages.
func (s *surveyor) freelist(id uint64) error {
	b, err := s.load(id)
	if err != nil {
		return err
	}
	count, list := uint64(native.Uint16(b[10:])), b[pageHeader:]
	if count == 0xFFFF {
		count, list = native.Uint64(list), list[8:]
	}
	if native.Uint16(b[8:]) != freelistFlag || count > uint64(len(list))/8 {
		return fmt.Errorf("%d free pages, on a page of flags %x", count, native.Uint16(b[8:]))
	}
	var last uint64
	for i := range count {
		free := native.Uint64(list[8*i:])
		if free <= last {
			return fmt.Errorf("free page %d behind %d", free, last)
		}
		last = free
		if err := s.meet(free, 1); err != nil {
			return fmt.Errorf("free: %w", err)
		}
	}
	return nil
}
