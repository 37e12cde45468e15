package cloudtest

import (
	"testing"
)

func TestForeign(t *testing.T) {
	disk := NewDisk()
	m := disk.Dir("mem")
	must(t, m.Mkdir("d", 0o755))
	write(t, m, "d/f", "first")
	write(t, m, "g", "other")
	old := disk.Clone().Dir("mem")
	them := NewForeign(disk.Dir("mem"))
	open := open(t, m, "d/f")

	must(t, them.Do(Replace("d/f", []byte("second"))))
	equal(t, "the old file", content(t, open), "first")
	equal(t, "the new one", read(t, m, "d/f"), "second")
	must(t, them.Do(Rewrite("d/f", []byte("3rd"))))
	equal(t, "in place", read(t, m, "d/f"), "3rd")
	pieces := Deliver("d/f", []byte("abcdef"), 2)
	must(t, them.Do(pieces[0]))
	equal(t, "the first piece", read(t, m, "d/f"), "abc")
	must(t, them.Do(pieces[1]))
	equal(t, "both pieces", read(t, m, "d/f"), "abcdef")
	must(t, them.Do(Duplicate("d")))
	equal(t, "a duplicate", read(t, m, "d (1)/f"), "abcdef")
	must(t, them.Do(Plant("g", "d/f", true)))
	equal(t, "a link", stat(t, m, "d/f").Ino, stat(t, m, "g").Ino)
	must(t, them.Do(Plant("d/f", "g", false)))
	must(t, them.Do(Plant("d", "h", false)))
	equal(t, "a copy", read(t, m, "h/f"), "other")
	must(t, them.Do(Swap("h", "g")))
	must(t, them.Do(Rename("h", "i")))
	must(t, them.Do(Delete("d (1)")))
	equal(t, "entries", names(t, m, ""), "d g i")

	must(t, them.Do(Rollback("d/f", old)))
	equal(t, "an entry rolled back", read(t, m, "d/f"), "first")
	must(t, them.Do(Rollback("", old)))
	equal(t, "everything rolled back", dump(m), dump(old))
	if err := them.Do(Delete("missing")); err == nil {
		t.Error("what is not there was deleted")
	}
	equal(t, "what it did", them.String(), `replace d/f by 6 bytes
rewrite d/f with 3 bytes in place
deliver bytes 0 to 3 of 6 to d/f
deliver bytes 3 to 6 of 6 to d/f
duplicate d
link g to d/f
copy d/f to g
copy d to h
swap h and g
rename h to i
delete d (1)
roll "d/f" back
roll "" back
delete missing: stat missing: no such file or directory`)
}
