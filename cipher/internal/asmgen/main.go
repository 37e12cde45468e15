// Command asmgen writes the amd64 kernels of packages cbc and mac. The
// kernels are the same few patterns at several widths, which the assembler's
// own macros express badly.
//
// Registers are written as the assembler wants them, sources first.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// outputs are the generated files, relative to the folder of package cipher.
var outputs = map[string]func() []byte{
	"cbc/cbc_amd64.s": cbcKernels,
	"mac/mac_amd64.s": macKernels,
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: asmgen CIPHER-FOLDER")
		os.Exit(2)
	}
	for name, generate := range outputs {
		if err := os.WriteFile(filepath.Join(os.Args[1], name), generate(), 0o666); err != nil {
			fmt.Fprintln(os.Stderr, "asmgen:", err)
			os.Exit(1)
		}
	}
}
