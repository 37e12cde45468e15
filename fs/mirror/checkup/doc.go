// Package checkup verifies and heals the clouds of a vault as a whole, while
// nobody uses the vault or while programs do: what `overcast verify` and
// `overcast heal` do. It puts packages compare and heal together, waits for what
// is still settling, and reports.
//
//	checkup.go  Config, Verify
//	heal.go     Heal
//	report.go   Report: what is told, in the shape that is printed as JSON
package checkup
