// Package judge says what should be at a name: one pure function of what the
// index has there, what each cloud shows there, and what is known and seen of
// the ids concerned. The rules are its tables; testdata has known answers.
//
//	knownRows    what the index has here
//	versionRows  the version of an id
//	otherRows    another id where a file stays
//	claimRows    what one cloud has at the name
//
// It promises that the verdict does not depend on the order of the clouds, on
// the time, or on the machine; that what the index has is never given up
// because a name is missing in some cloud; and that no verdict asks for the
// last copy of content to be overwritten or removed, unless a greater version
// of it is seen, or a record of its end. It reads no cloud, no index and no
// clock, changes none of its arguments and logs nothing: who calls it finds out
// what is there, and carries out what the verdict asks for.
//
// In every plan, copies and split-off names come first, then what is lacking,
// then removals: a loser is safe before its winner's vector, which covers it,
// is written at any name.
//
//	types.go    what is judged: the index's row, claims, identities, sightings
//	verdict.go  what comes out: what is wanted, and what to do in each cloud
//	print.go    both in words, since plans are printed
//	judge.go    Judge, and the table of what the index has
//	evidence.go what each sighting proves, and what has ended or moved
//	version.go  the table of versions of one id
//	other.go    the table of other ids at the name, and putting aside
//	clouds.go   the table of what one cloud has, and what to do there
package judge
