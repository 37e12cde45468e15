package notice

import (
	"fmt"
	"testing"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index"
)

// TestBoard: what changed just now is not called damaged, each copy is told once, and of very much the first.
func TestBoard(t *testing.T) {
	now := time.Unix(1e9, 0)
	b := New(func() time.Time { return now })
	file := index.File{ID: cipher.ID{1}}
	damage := func(d Damage, age time.Duration) (found []Damage) {
		d.File = file
		b.Damage(d, now.Add(-age))
		found, _, _ = b.Take()
		return found
	}
	if found := damage(Damage{Chunk: 1}, settleTime-1); len(found) > 0 {
		t.Errorf("what may still be arriving: %+v", found)
	}
	if found := damage(Damage{Chunk: 1}, settleTime); len(found) != 1 || found[0].Chunk != 1 {
		t.Errorf("what is damaged: %+v", found)
	}
	b.Damage(Damage{File: file, Chunk: 1}, time.Time{})
	b.Damage(Damage{File: file, Chunk: 2}, time.Time{})
	if found := damage(Damage{Cloud: 1, Chunk: 3}, settleTime); len(found) != 2 || found[0].Chunk+found[1].Chunk != 4 {
		t.Errorf("two copies: %+v", found)
	}
	b.Damage(Damage{File: file, Chunk: 1}, time.Time{})
	b.Damage(Damage{File: file, Chunk: 2, Lost: true}, time.Time{})
	if found := damage(Damage{Chunk: 3}, settleTime); len(found) != 1 || found[0].Chunk != 2 {
		t.Errorf("what is lost: %+v", found)
	}
	for i := range 3 * maxKept {
		b.Damage(Damage{File: file, Cloud: i}, time.Time{})
		b.Conflict(fmt.Sprint(i % maxKept))
		b.Conflict(fmt.Sprint(i))
	}
	if damaged, conflicts, _ := b.Take(); len(damaged) != maxKept || len(conflicts) != maxKept {
		t.Errorf("%d damaged copies and %d conflicts are kept", len(damaged), len(conflicts))
	}
	var nobody *Board
	nobody.Damage(Damage{}, time.Time{})
	nobody.Conflict("")
}
