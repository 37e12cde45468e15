//go:build !long

package heal_test

// seeds is how many random trees are damaged and healed.
const seeds = 25
