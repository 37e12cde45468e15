//go:build defects

package repair_test

// notYet is seeds that are left out: none.
var notYet map[string][]uint64
