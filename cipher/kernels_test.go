package cipher

import (
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/overcast-fs/overcast/cipher/cbc"
	"github.com/overcast-fs/overcast/cipher/mac"
)

// TestKnownAnswersOnEveryKernel runs the known answers again with the best
// instructions taken away, step by step. What this machine lacks anyway
// changes nothing, and the log says which kernels it came to.
func TestKnownAnswersOnEveryKernel(t *testing.T) {
	for _, without := range []string{
		"cpu.avx512vaes=off",
		"cpu.avx512f=off",
		"cpu.avx2=off,cpu.avx512f=off",
		"cpu.aes=off,cpu.ssse3=off",
		"cpu.all=off",
	} {
		t.Run(without, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", "^(TestKernelsInUse|TestVectors.*)$")
			cmd.Env = append(os.Environ(), "GODEBUG="+without)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			kernels := regexp.MustCompile(`kernels: .*`).Find(out)
			if kernels == nil {
				t.Fatalf("the kernels are not named in\n%s", out)
			}
			t.Logf("%s", kernels)
		})
	}
}

// TestKernelsInUse names them, for the log.
func TestKernelsInUse(t *testing.T) {
	t.Logf("kernels: cbc: %s, mac: %s", cbc.Kernel(), mac.Kernel())
}
