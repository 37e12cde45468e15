package integration

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Sizes of the format that the attacks need.
const (
	headerSize = 512
	chunkSize  = 4096
	recordSize = chunkSize + 48
)

// hostile is a vault of which one cloud works against its owner.
type hostile struct {
	*vault
	bad     int               // the cloud
	entries map[string]string // of files in the root, in that cloud
	want    map[string]string // what programs are to read
	finds   []string          // what verify is to find, as "kind path cloud"
}

func newHostile(t *testing.T, clouds, bad int) *hostile {
	h := &hostile{vault: newVault(t, clouds), bad: bad, entries: map[string]string{}, want: map[string]string{}}
	h.troubled = true
	return h
}

// eachHostile runs a test with each cloud of two and of three being the bad one, and with the damage done under the mount and
// before it.
func eachHostile(t *testing.T, test func(h *hostile, under bool)) {
	for _, where := range hostileClouds {
		name := fmt.Sprintf("cloud %s of %d, under the mount %v", cloudName(where.bad), where.clouds, where.under)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newHostile(t, where.clouds, where.bad), where.under)
		})
	}
}

// hostileAt is which of how many clouds is hostile, and whether it works under a mount or while there is none.
type hostileAt struct {
	clouds, bad int
	under       bool
}

// put writes a file through the mount, and learns its entry.
func (h *hostile) put(name string, content []byte) {
	h.t.Helper()
	known := h.backing(h.bad)
	writeIn(h.t, h.root, name, content)
	h.want[name] = string(content)
	for _, path := range without(h.backing(h.bad), known) {
		h.entries[name] = path
	}
}

// finding is one more that verify is to have, and tells no more than that of the name.
func (h *hostile) finding(kind, name string) {
	h.finds = append(h.finds, kind+" "+name+" "+cloudName(h.bad))
}

// raw is what the bad cloud has of a file.
func (h *hostile) raw(name string) []byte {
	h.t.Helper()
	raw, err := os.ReadFile(h.entries[name])
	must(h.t, err)
	return raw
}

// forge puts something into a backing file, and hides that in its mtime.
func (h *hostile) forge(name string, raw []byte) {
	h.t.Helper()
	path := h.entries[name]
	when := time.Now()
	if info, err := os.Lstat(path); err == nil {
		when = info.ModTime()
	}
	must(h.t, os.WriteFile(path, raw, 0o644))
	must(h.t, os.Chtimes(path, when, when))
}

// attacked lets the cloud do something, under the mount or while there is none, and demands that everything reads right and
// that verify names the cloud and the kind of all that it has done. It returns the mount that is there then.
func (h *hostile) attacked(m *mounted, under bool, do func()) *mounted {
	h.t.Helper()
	if under {
		do()
		h.reads()
		// What a reader has met may have been put right by now.
		if more := without(h.found(), h.finds); len(more) > 0 {
			h.t.Errorf("verify finds %q, too", more)
		}
		return m
	}
	m.unmount()
	do()
	if found := h.found(); len(without(found, h.finds)) > 0 || len(found) < len(h.finds) {
		h.t.Errorf("verify finds\n%q, too, and not\n%q", without(found, h.finds), without(h.finds, found))
	}
	m = h.mount()
	h.reads()
	return m
}

func (h *hostile) found() []string {
	h.t.Helper()
	return h.check(26, "verify", "--passfile", h.pass).kinds()
}

// healed heals, after which nothing is wrong any more.
func (h *hostile) healed() {
	h.t.Helper()
	h.check(0, "heal", "--passfile", h.pass)
	if verifyHealed { // which waits for half a minute
		if found := h.check(0, "verify", "--passfile", h.pass).kinds(); len(found) > 0 {
			h.t.Errorf("after heal, verify finds %q", found)
		}
	}
	h.reads()
}

// without is what of a list is not in another one.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(one string) bool { return slices.Contains(other, one) })
}

// reads demands that programs read what they have written, and that there is nothing else.
func (h *hostile) reads() {
	h.t.Helper()
	for name, want := range h.want {
		must(h.t, dropped(h.at(name)))
		if got, err := os.ReadFile(h.at(name)); err != nil || string(got) != want {
			h.t.Errorf("%s reads %d bytes, %.60q, %v", name, len(got), got, err)
		}
	}
	entries, err := os.ReadDir(h.root)
	must(h.t, err)
	if len(entries) != len(h.want) {
		h.t.Errorf("%d names are listed, and should be %d", len(entries), len(h.want))
	}
}

// authentic is the content of files of which each gets another byte flipped.
const authentic = "what every byte of is authenticated"

// putBytes writes a file for each byte of a backing file, and returns those.
func (h *hostile) putBytes() (paths []string) {
	h.t.Helper()
	known := h.backing(h.bad)
	for i := range headerSize + len(authentic) + 48 {
		name := fmt.Sprintf("%04d", i)
		writeIn(h.t, h.root, name, []byte(authentic))
		h.want[name] = authentic
	}
	paths = without(h.backing(h.bad), known)
	if want := headerSize + len(authentic) + 48; len(paths) != want {
		h.t.Fatalf("%d backing files, not %d", len(paths), want)
	}
	return paths
}

// flipBytes flips in each of these files one bit of another byte, and returns what was in them.
func (h *hostile) flipBytes(paths []string) map[string][]byte {
	h.t.Helper()
	was := map[string][]byte{}
	for i, path := range paths {
		raw, err := os.ReadFile(path)
		must(h.t, err)
		was[path] = bytes.Clone(raw)
		raw[i] ^= 1 << (i % 8)
		must(h.t, os.WriteFile(path, raw, 0o600))
		h.finding("damaged", fmt.Sprintf("%04d", i))
	}
	return was
}

// demandSameRecords demands that copies of which the header was whole are what they were, byte by byte.
func (h *hostile) demandSameRecords(was map[string][]byte) {
	h.t.Helper()
	same := 0
	for path, before := range was {
		now, err := os.ReadFile(path)
		must(h.t, err)
		if bytes.Equal(now, before) {
			same++
		} else if bytes.Equal(now[:headerSize], before[:headerSize]) {
			h.t.Errorf("%s has been healed to other bytes", path)
		}
	}
	if want := len(authentic) + 48; same < want {
		h.t.Errorf("%d files are what they were, and not %d", same, want)
	}
}

func withRoot(files map[string]string) map[string]string {
	all := maps.Clone(files)
	all["."] = "d---------"
	return all
}

// record is where one is in a backing file.
func record(raw []byte, i int) []byte {
	return raw[headerSize+i*recordSize : min(headerSize+(i+1)*recordSize, len(raw))]
}

// pages is a content of three chunks and a bit, unlike any other name's.
func pages(name string) []byte {
	return bytes.Repeat([]byte(name+"; "), 3*chunkSize/len(name)+1)[:3*chunkSize+12]
}

// TestHostileCloud has a cloud do to files everything that it can do without a key.
func TestHostileCloud(t *testing.T) {
	t.Parallel()
	eachHostile(t, func(h *hostile, under bool) {
		m := h.mount()
		whole := headerSize + 3*recordSize + 60
		var cuts []int
		for _, edge := range []int{0, headerSize, headerSize + recordSize, headerSize + 2*recordSize, headerSize + 3*recordSize, whole} {
			for _, size := range []int{edge - 1, edge, edge + 1} {
				if size >= 0 && size < whole {
					cuts = append(cuts, size)
				}
			}
		}
		names := []string{"exchanged records", "a record of 1", "a record of 2", "swapped 1", "swapped 2", "rolled back", "an older record", "zeros", "no header", "no record",
			"grown", "elsewhere", "planted", "resurrected", "missing"}
		for _, size := range cuts {
			names = append(names, fmt.Sprint("cut at ", size))
		}
		for _, name := range names {
			h.put(name, pages(name))
		}
		small := h.putBytes()
		h.overcast("verify", h.dir)
		older, oldRecord, removed := h.raw("rolled back"), h.raw("an older record"), h.raw("resurrected")
		h.put("rolled back", pages("newer"))
		f, err := os.OpenFile(h.at("an older record"), os.O_RDWR, 0)
		must(h.t, err)
		_, err = f.WriteAt([]byte("newer"), chunkSize+10)
		must(h.t, errors.Join(err, f.Sync(), f.Close()))
		h.want["an older record"] = string(pages("an older record")[:chunkSize+10]) + "newer" + string(pages("an older record")[chunkSize+15:])
		for _, name := range []string{"planted", "resurrected"} {
			must(h.t, os.Remove(h.at(name)))
			delete(h.want, name)
		}
		h.overcast("verify", h.dir)
		var was map[string][]byte
		m = h.attacked(m, under, func() {
			h.meddle(cuts, older, oldRecord, removed)
			was = h.flipBytes(small)
		})
		must(h.t, os.Remove(h.entries["planted"])) // which heal leaves to the user
		h.healed()
		m.unmount()
		h.demandSameRecords(was)
		h.eachAlone(func(root string) { demandUnchanged(h.t, root, withRoot(h.want)) })
	})
}

// meddle is what the cloud does.
func (h *hostile) meddle(cuts []int, older, oldRecord, removed []byte) {
	h.t.Helper()
	is := func(kind, name string, raw []byte) {
		h.t.Helper()
		h.forge(name, raw)
		h.finding(kind, name)
	}
	changed := func(name string, change func(raw []byte)) []byte {
		raw := h.raw(name)
		change(raw)
		return raw
	}
	is("damaged", "exchanged records", changed("exchanged records", func(raw []byte) {
		first := bytes.Clone(record(raw, 0))
		copy(record(raw, 0), record(raw, 1))
		copy(record(raw, 1), first)
	}))
	one, two := h.raw("a record of 1"), h.raw("a record of 2")
	is("damaged", "a record of 1", changed("a record of 1", func(raw []byte) { copy(record(raw, 1), record(two, 1)) }))
	is("damaged", "a record of 2", changed("a record of 2", func(raw []byte) { copy(record(raw, 1), record(one, 1)) }))
	one, two = h.raw("swapped 1"), h.raw("swapped 2")
	is("swapped", "swapped 1", two)
	is("swapped", "swapped 2", one)
	is("rolled back", "rolled back", older)
	is("damaged", "an older record", changed("an older record", func(raw []byte) { copy(record(raw, 1), record(oldRecord, 1)) }))
	is("damaged", "zeros", make([]byte, len(one)))
	is("damaged", "no header", changed("no header", func(raw []byte) { clear(raw[:headerSize]) }))
	is("damaged", "no record", changed("no record", func(raw []byte) { clear(record(raw, 2)) }))
	h.forge("grown", append(h.raw("grown"), "what no header covers is no part of it"...))
	is("planted", "planted", h.raw("elsewhere"))
	is("resurrected", "resurrected", removed)
	must(h.t, os.Remove(h.entries["missing"]))
	h.finding("missing", "missing")
	for _, size := range cuts {
		name := fmt.Sprint("cut at ", size)
		is("truncated", name, h.raw(name)[:size])
	}
}

// TestEachCloudDamaged damages another chunk in each cloud: everything can be read and is healed, chunk by chunk, to the bytes
// that were there. Then one chunk in all: that one alone is lost.
func TestEachCloudDamaged(t *testing.T) {
	t.Parallel()
	for _, clouds := range damagedClouds {
		for _, under := range damagedUnder {
			t.Run(fmt.Sprintf("%d clouds, under the mount %v", clouds, under), func(t *testing.T) {
				t.Parallel()
				h := newHostile(t, clouds, 0)
				m := h.mount()
				const chunks = 600 // more than what is read and checked as a whole
				content := bytes.Repeat([]byte("0123456789abcdef"), chunks*chunkSize/16)
				for i := range chunks {
					copy(content[i*chunkSize:], fmt.Sprint("chunk ", i))
				}
				h.put("large", content)
				h.put("small", content[:9*chunkSize])
				h.overcast("verify", h.dir)
				was := make([]map[string][]byte, clouds)
				m = h.attacked(m, under, func() {
					for i := range clouds {
						was[i] = h.spoilEach(i, clouds)
						h.finds = append(h.finds, "damaged large "+cloudName(i), "damaged small "+cloudName(i))
					}
				})
				h.healed()
				for i := range clouds {
					for path, before := range was[i] {
						if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, before) {
							t.Errorf("cloud %s: the healed file has other bytes, %v", cloudName(i), err)
						}
					}
				}
				for i := range clouds {
					spoil(t, h.backing(i)[0], headerSize+7*recordSize+100, "damage")
				}
				h.lost(content)
				m.unmount()
			})
		}
	}
}

// spoilEach damages in each file of one cloud every chunk that is its turn, and returns what was there.
func (h *hostile) spoilEach(i, clouds int) map[string][]byte {
	h.t.Helper()
	was := map[string][]byte{}
	for _, path := range h.backing(i) {
		raw, err := os.ReadFile(path)
		must(h.t, err)
		was[path] = raw
		for n := i; headerSize+n*recordSize < len(raw); n += clouds + 1 { // one chunk in so many is damaged nowhere
			spoil(h.t, path, int64(headerSize+n*recordSize+n%recordSize/2), string([]byte{raw[headerSize+n*recordSize+n%recordSize/2] ^ 0x10}))
		}
	}
	return was
}

// lost demands that chunk 7 of the large file cannot be read, and everything else can.
func (h *hostile) lost(content []byte) {
	h.t.Helper()
	if r := h.check(26, "verify"); len(r.Findings) != len(h.clouds) || r.Findings[0].Chunk == nil || *r.Findings[0].Chunk != 7 {
		h.t.Errorf("verify finds %+v", r.Findings)
	}
	h.check(42, "heal")
	must(h.t, dropped(h.at("large")))
	f, err := os.Open(h.at("large"))
	must(h.t, err)
	defer f.Close()
	page := make([]byte, chunkSize)
	for n := range len(content) / chunkSize {
		_, err := f.ReadAt(page, int64(n)*chunkSize)
		if n == 7 {
			if !errors.Is(err, unix.EIO) {
				h.t.Errorf("chunk %d: %v", n, err)
			}
			continue
		}
		if err != nil && (n < 7-32 || n > 7+32) || err == nil && !bytes.Equal(page, content[n*chunkSize:][:chunkSize]) {
			h.t.Errorf("chunk %d: %v", n, err)
		}
	}
	found := h.standing().Findings
	if len(found) != len(h.clouds) || found[0].Path != "large" || found[0].Kind != "damaged" {
		h.t.Errorf("status tells %+v", found)
	}
}
