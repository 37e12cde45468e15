package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestOutputsAreCurrent(t *testing.T) {
	for name, generate := range outputs {
		got, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, generate()) {
			t.Errorf("%s is not what its generator writes: run go generate ./cipher/...", name)
		}
	}
}
