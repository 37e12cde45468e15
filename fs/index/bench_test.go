package index

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/index/internal/survey"
)

const benchNames = 100_000

// benchPlace puts a hundred names into each directory.
func benchPlace(i int) Place { return at1(Dir(1000+i/100), fmt.Sprintf("a name of some length %d", i)) }

// benchBatch is n names from a number on, each with copies in two clouds.
func benchBatch(first, n, counter int) *Batch {
	var b Batch
	now := time.Unix(1_700_000_000, 5)
	for i := first; i < first+n; i++ {
		p := benchPlace(i)
		b.SetName(p, isFile(i, counter))
		for cloud := range byte(2) {
			b.SetCopy(p, Copy{Cloud: cipher.ID{cloud}, InPlace: version(counter), Stat: Stat{Ino: uint64(i), Ctime: now, Size: 5000, Mode: 0o100600}})
		}
	}
	return &b
}

func benchIndex(b *testing.B) *bench {
	x := newBench(b)
	for i := 0; i < benchNames; i += 20_000 {
		must(b, x.Apply(benchBatch(i, 20_000, 1)))
	}
	return x
}

// plainBolt is a bbolt database with as many rows of the same size, not sealed, under keys of the same length.
func plainBolt(b *testing.B, rows int) *bolt.DB {
	db, err := bolt.Open(filepath.Join(b.TempDir(), "plain"), 0o600, &bolt.Options{FreelistType: bolt.FreelistMapType, InitialMmapSize: mapSize})
	must(b, err)
	b.Cleanup(func() { must(b, db.Close()) })
	for i := 0; i < rows; i += 20_000 {
		must(b, db.Update(func(tx *bolt.Tx) error { return fillPlain(tx, i, 20_000, 1) }))
	}
	return db
}

var plainBucket = []byte("plain")

func plainKey(i int) []byte { return fmt.Appendf(nil, "%08d%016d", i/100, (i%100)*2654435761) }

func fillPlain(tx *bolt.Tx, first, n, counter int) error {
	in, err := tx.CreateBucketIfNotExists(plainBucket)
	if err != nil {
		return err
	}
	for i := first; i < first+n; i++ {
		p := benchPlace(i)
		r := Row{Place: p, Known: isFile(i, counter), Copies: []Copy{{Cloud: cipher.ID{1}}, {Cloud: cipher.ID{2}}}}
		if err := in.Put(plainKey(i), append(appendName(nil, &r), make([]byte, 60)...)); err != nil {
			return err
		}
	}
	return nil
}

// perOp is the time of one of n operations.
func perOp(n int, fn func(i int)) float64 {
	begin := time.Now()
	for i := range n {
		fn(i)
	}
	return float64(time.Since(begin).Nanoseconds()) / float64(n)
}

func scatter(i int) int { return i * 7919 % benchNames }

// BenchmarkName looks names up, each in a snapshot of its own and many in one, beside a map and beside bbolt without sealing.
func BenchmarkName(b *testing.B) {
	x, db := benchIndex(b), plainBolt(b, benchNames)
	inMap := map[Place]Known{}
	for i := range benchNames {
		inMap[benchPlace(i)] = isFile(i, 1)
	}
	b.ResetTimer()
	one := perOp(b.N, func(i int) {
		if r, err := x.Name(benchPlace(scatter(i))); err != nil || r.Known.Kind != IsFile {
			b.Fatal(r, err)
		}
	})
	var many, plain float64
	x.look(func(v *View) {
		many = perOp(b.N, func(i int) {
			if r, err := v.Name(benchPlace(scatter(i))); err != nil || r.Known.Kind != IsFile {
				b.Fatal(r, err)
			}
		})
	})
	plain = perOp(b.N, func(i int) {
		must(b, db.View(func(tx *bolt.Tx) error {
			if _, err := parseName(tx.Bucket(plainBucket).Get(plainKey(scatter(i)))[:]); err == nil {
				b.Fatal("padding was not noticed")
			}
			return nil
		}))
	})
	mapped := perOp(b.N, func(i int) {
		if inMap[benchPlace(scatter(i))].Kind != IsFile {
			b.Fatal("not there")
		}
	})
	b.ReportMetric(one, "ns/name")
	b.ReportMetric(many, "ns/name-in-one-view")
	b.ReportMetric(one/plain, "x-bbolt")
	b.ReportMetric(one/mapped, "x-map")
}

// BenchmarkList lists directories of a hundred names.
func BenchmarkList(b *testing.B) {
	x := benchIndex(b)
	b.ResetTimer()
	n := 0
	for i := range b.N {
		x.look(func(v *View) {
			for r, err := range v.List(Dir(1000+i%1000), Cursor{}) {
				must(b, err)
				n++
				if r.Known.Kind != IsFile {
					b.Fatal(r)
				}
			}
		})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/name")
}

// BenchmarkID asks for files by their ids.
func BenchmarkID(b *testing.B) {
	x := benchIndex(b)
	b.ResetTimer()
	for i := range b.N {
		if id := x.id(fileN(scatter(i) % 65536)); len(id.Names) == 0 {
			b.Fatal(id)
		}
	}
}

// BenchmarkApply writes 20,000 names into an index of 100,000: new ones, and other versions of those that it has, beside
// bbolt without sealing.
func BenchmarkApply(b *testing.B) {
	const rows = 20_000
	for _, bc := range []struct {
		name  string
		first func(i int) int
	}{
		{"changed", func(i int) int { return i * rows % benchNames }},
		{"new", func(i int) int { return benchNames + i*rows }},
	} {
		b.Run(bc.name, func(b *testing.B) {
			x, db := benchIndex(b), plainBolt(b, benchNames)
			b.ResetTimer()
			var heap uint64
			ours := perOp(b.N, func(i int) {
				batch := benchBatch(bc.first(i), rows, i+2)
				must(b, x.Apply(batch))
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				heap = max(heap, m.HeapSys)
			})
			plain := perOp(b.N, func(i int) {
				must(b, db.Update(func(tx *bolt.Tx) error { return fillPlain(tx, bc.first(i), rows, i+2) }))
			})
			b.ReportMetric(ours/1e6, "ms/batch")
			b.ReportMetric(ours/plain, "x-bbolt")
			b.ReportMetric(float64(heap)/(1<<20), "MiB-heap")
		})
	}
}

// BenchmarkOpen opens an index of 100,000 names, most of which is the survey.
func BenchmarkOpen(b *testing.B) {
	x := benchIndex(b)
	must(b, x.Close())
	b.ResetTimer()
	for range b.N {
		x.open()
		must(b, x.Close())
	}
	begin := time.Now()
	_, err := survey.File(x.conf.Path)
	must(b, err)
	b.ReportMetric(float64(time.Since(begin).Nanoseconds())/1e6, "ms-survey")
	b.StopTimer()
	x.open()
}
