package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkPyCrypto times the commands beside the script, on a file of 1 GiB in memory: one round of everything for each
// iteration, so that whatever else the machine does meets all of them alike. It reports medians. Run it by
//
//	go test -run '^$' -bench PyCrypto -benchtime 5x ./integration
func BenchmarkPyCrypto(b *testing.B) {
	const size = 1 << 30
	dir, err := os.MkdirTemp("/dev/shm", "overcast-bench-")
	must(b, err)
	b.Cleanup(func() { os.RemoveAll(dir) })
	writeIn(b, dir, "key", pycryptoNoise(16))
	writeIn(b, dir, "key2", pycryptoNoise(24)[:16])
	largeFile(b, filepath.Join(dir, "f"), size)
	must(b, os.Link(filepath.Join(dir, "f"), filepath.Join(dir, "g")))
	overcast := func(args ...string) func() {
		return func() { command{dir: dir}.run(b, append([]string{programPath(b)}, args...)...) }
	}
	overcast("version")() // builds it
	runScript(b, dir, "encrypt", "f")

	var scriptEncrypt, scriptDecrypt, encrypt, decrypt, twoKeys []time.Duration
	// timed runs one command that writes files of its own, and leaves none of them.
	timed := func(list *[]time.Duration, run func(), made ...string) {
		start := time.Now()
		run()
		*list = append(*list, time.Since(start))
		for _, name := range made {
			must(b, os.Remove(filepath.Join(dir, name)))
		}
	}
	for b.Loop() {
		timed(&scriptDecrypt, func() { runScript(b, dir, "decrypt", "f") }, "decrypted_f")
		timed(&decrypt, overcast("decrypt", "--key", "key", "encrypted_f", "plain"), "plain")
		timed(&scriptEncrypt, func() { runScript(b, dir, "encrypt", "g") }, "encrypted_g")
		timed(&encrypt, overcast("encrypt", "--key", "key", "f", "c"), "c")
		timed(&twoKeys, overcast("encrypt", "--key", "key", "--key", "key2", "f", "c", "d"), "c", "d")
	}
	b.ReportMetric(0, "ns/op")
	report := func(name string, script, ours time.Duration) {
		b.ReportMetric(script.Seconds(), fmt.Sprintf("s-script-%s", name))
		b.ReportMetric(ours.Seconds(), fmt.Sprintf("s-%s", name))
		b.ReportMetric(script.Seconds()/ours.Seconds(), fmt.Sprintf("x-%s", name))
	}
	report("decrypt", median(scriptDecrypt), median(decrypt))
	report("encrypt", median(scriptEncrypt), median(encrypt))
	report("two-keys", 2*median(scriptEncrypt), median(twoKeys))
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}
