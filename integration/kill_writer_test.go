package integration

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"sync"

	"golang.org/x/sys/unix"
)

// A killWriter is a process that changes files until the mount under it dies. It notes in a journal outside of the mount
// what it is about to do and what is done. Each of its files is of one kind, which says how it is changed and what may be
// found after a kill:
//
//	replaced   saved to a temporary file, which is then renamed: one whole version
//	rewritten  truncated and written: one whole version, or the beginning of the one that was being written
//	appended   records with O_APPEND, fsync now and then: records, and perhaps the beginning of one more
//	paged      pages overwritten at random, by write or through mmap, and synced: every page of one whole version
//	names      a script of name operations: what it comes to after the steps that are done, or one more
type killWriter struct {
	Root    string
	Journal string
	Seed    uint64
	Base    uint64 // every version of this round is greater
	journal *os.File
	writing sync.Mutex
}

// A note is a line of the journal: that a version is about to be written to a file (or a page of it), or is safe.
type note struct {
	File    string
	Page    int `json:",omitempty"`
	Version uint64
	Done    bool `json:",omitempty"`
}

func (w *killWriter) note(n note) error {
	line, err := json.Marshal(n)
	if err != nil {
		return err
	}
	w.writing.Lock()
	defer w.writing.Unlock()
	_, err = w.journal.Write(append(line, '\n'))
	return err
}

// noted does something between its two notes.
func (w *killWriter) noted(n note, do func() error) error {
	if err := w.note(n); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	n.Done = true
	return w.note(n)
}

// writeUntilKilled is the role.
func writeUntilKilled(argument string) error {
	var w killWriter
	if err := json.Unmarshal([]byte(argument), &w); err != nil {
		return err
	}
	// Relative paths stay in the mount when it is dead and gone.
	err := os.Chdir(w.Root)
	if err != nil {
		return err
	}
	if w.journal, err = os.OpenFile(w.Journal, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
		return err
	}
	fmt.Println("started")
	work := map[string]func(file string, version uint64, random *rand.Rand) error{
		"replaced-1": w.replace, "replaced-2": w.replace, "rewritten-1": w.rewrite, "rewritten-2": w.rewrite,
		"appended": w.append, "paged-write": w.page, "paged-mmap": w.page, "names": w.step,
	}
	ended := make(chan error, len(work))
	for file, change := range work {
		go func() {
			random := rand.New(rand.NewPCG(w.Seed, uint64(crc32.ChecksumIEEE([]byte(file)))))
			for version := w.Base + 1; ; version++ {
				if err := change(file, version, random); err != nil {
					ended <- fmt.Errorf("%s: %w", file, err)
					return
				}
			}
		}()
	}
	for range work {
		err := <-ended
		_, alive := os.ReadDir(".")
		if !errors.Is(alive, unix.ENOTCONN) && !errors.Is(alive, unix.ECONNABORTED) {
			return fmt.Errorf("%w, and the mount: %w", err, alive)
		}
	}
	return nil
}

// versioned is the content of a version: it names itself and nothing of it is equal to another's.
func versioned(file string, version uint64) []byte {
	random := rand.New(rand.NewPCG(version, uint64(crc32.ChecksumIEEE([]byte(file)))))
	size := random.IntN(40000 >> (version % 4 * 3))
	head := fmt.Appendf(nil, "%s %016x %08d\n", file, version, size)
	body := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte(bytes.Repeat(binary.BigEndian.AppendUint64(nil, version), 4))).Read(body)
	return append(head, body...)
}

func (w *killWriter) replace(file string, version uint64, random *rand.Rand) error {
	return w.noted(note{File: file, Version: version}, func() error {
		flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
		if random.IntN(2) == 0 {
			return errors.Join(writeSynced(file+".tmp", flags, versioned(file, version)), os.Rename(file+".tmp", file), syncDir("."))
		}
		return errors.Join(os.WriteFile(file+".tmp", versioned(file, version), 0o644), os.Rename(file+".tmp", file))
	})
}

func (w *killWriter) rewrite(file string, version uint64, random *rand.Rand) error {
	return w.noted(note{File: file, Version: version}, func() error {
		if random.IntN(2) == 0 {
			return writeSynced(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, versioned(file, version))
		}
		return os.WriteFile(file, versioned(file, version), 0o644)
	})
}

// append adds records; a version is a number of them, counted from the first round on.
func (w *killWriter) append(file string, version uint64, random *rand.Rand) error {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	records, whole := appendedRecords(file, content)
	if err := f.Truncate(int64(whole)); err != nil {
		return err
	}
	for range 1 + random.IntN(20) {
		batch := uint64(1 + random.IntN(10))
		err := w.noted(note{File: file, Version: records + batch}, func() error {
			for range batch {
				if _, err := f.Write(versioned(file, records)); err != nil {
					return err
				}
				records++
			}
			return f.Sync()
		})
		if err != nil {
			return err
		}
	}
	return f.Close()
}

// appendedRecords counts the whole records at the beginning of a file.
func appendedRecords(file string, content []byte) (records uint64, whole int) {
	for {
		next := versioned(file, records)
		if !bytes.HasPrefix(content[whole:], next) {
			return records, whole
		}
		records++
		whole += len(next)
	}
}

const (
	pageCount = 40
	pageSize  = 4096
)

// pageContent is a page that names its version and is filled with it.
func pageContent(file string, page int, version uint64) []byte {
	line := fmt.Appendf(nil, "%s page %03d version %016x\n", file, page, version)
	return bytes.Repeat(line, pageSize/len(line)+1)[:pageSize]
}

// page overwrites some pages and syncs them, through write or through mmap as the file's name says.
func (w *killWriter) page(file string, version uint64, random *rand.Rand) error {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() == 0 {
		if err := errors.Join(err, f.Truncate(pageCount*pageSize)); err != nil {
			return err
		}
	}
	pages := random.Perm(pageCount)[:1+random.IntN(5)]
	for _, page := range pages {
		if err := w.note(note{File: file, Page: page, Version: version}); err != nil {
			return err
		}
	}
	if file == "paged-mmap" {
		err = mapPages(f, file, version, pages)
	} else {
		err = writePages(f, file, version, pages)
	}
	if err != nil {
		return err
	}
	for _, page := range pages {
		if err := w.note(note{File: file, Page: page, Version: version, Done: true}); err != nil {
			return err
		}
	}
	return f.Close()
}

func writePages(f *os.File, file string, version uint64, pages []int) error {
	for _, page := range pages {
		if _, err := f.WriteAt(pageContent(file, page, version), int64(page)*pageSize); err != nil {
			return err
		}
	}
	return f.Sync()
}

// mapPages writes through a mapping.
func mapPages(f *os.File, file string, version uint64, pages []int) (err error) {
	mapping, err := unix.Mmap(int(f.Fd()), 0, pageCount*pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Munmap(mapping)) }()
	for _, page := range pages {
		if err := store(mapping[page*pageSize:], pageContent(file, page, version)); err != nil {
			return err
		}
	}
	return unix.Msync(mapping, unix.MS_SYNC)
}

// store copies into a mapping. A page that is gone with its mount is EIO here, which else would be the end of the process.
func store(dst, src []byte) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			err = unix.EIO
		}
	}()
	copy(dst, src)
	return nil
}

// step does the next step of a script of name operations, in a directory of this round.
func (w *killWriter) step(file string, version uint64, _ *rand.Rand) error {
	dir := scriptDir(w.Base)
	if version == w.Base+1 {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	return w.noted(note{File: file, Version: version}, func() error { return scriptStep(dir, int(version-w.Base-1)) })
}

func scriptDir(base uint64) string { return fmt.Sprintf("names-%d", base>>32) }

// scriptSteps is one round of the script, in which every name is new.
func scriptSteps(dir string, round int) []func() error {
	d, e := fmt.Sprintf("%s/d%d", dir, round), fmt.Sprintf("%s/e%d", dir, round)
	long := fmt.Sprintf("%s/%0200d", e, round)
	before := fmt.Sprintf("%s/e%d", dir, round-1)
	content := versioned("names", uint64(round))
	old := unix.NsecToTimeval(946598400123456000) // in 1999
	return []func() error{
		func() error { return os.Mkdir(d, 0o755) },
		func() error { return os.WriteFile(d+"/f", content, 0o644) },
		func() error { return os.Chmod(d+"/f", 0o640) },
		func() error { return os.Link(d+"/f", d+"/l") },
		func() error { return os.Symlink("f", d+"/s") },
		func() error { return os.Rename(d+"/f", d+"/g") },
		func() error { return os.WriteFile(d+"/h", content[:len(content)/2], 0o600) },
		func() error { return os.Rename(d+"/h", d+"/g") },
		func() error { return os.Rename(d, e) },
		func() error { return unix.Mkfifo(e+"/p", 0o600) },
		func() error { return unix.Utimes(e+"/g", []unix.Timeval{old, old}) },
		func() error { return os.Rename(e+"/l", long) },
		func() error { return exchange(e+"/g", e+"/s") },
		func() error { return exchange(e, before) },
		func() error { return exchange(e, before) },
		func() error { return os.Remove(e + "/s") },
	}
}

func exchange(a, b string) error {
	err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
	if err != nil {
		return &os.LinkError{Op: "exchange", Old: a, New: b, Err: err}
	}
	return nil
}

// scriptStep does step n of the script. Those that exchange directories need the round before theirs.
func scriptStep(dir string, n int) error {
	steps := len(scriptSteps(dir, 0))
	round := n / steps
	if round == 0 && (n == steps-3 || n == steps-2) {
		return nil
	}
	return scriptSteps(dir, round)[n%steps]()
}
