package cloudtest

import (
	"testing"

	"github.com/overcast-fs/overcast/fs/cloud"
)

func TestMem(t *testing.T) {
	Conformance(t, func(*testing.T) cloud.Dir { return NewMem() })
}

func TestFaultyWithoutRules(t *testing.T) {
	Conformance(t, func(*testing.T) cloud.Dir { return NewFaulty(NewMem()) })
}
