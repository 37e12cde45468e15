// Package level makes two clouds show the same names, where nothing but the clouds
// tells any more what was to be: a power cut can take the end of the redo log, and
// of what that told one cloud has kept more than another.
//
// In the order of an operation the lead comes first, so what both have under
// different names gets the lead's name. What only one has is brought to the other,
// and of a file that nobody can read its name. Nothing is removed, and no content
// that verifies is replaced but by a later version of the file. Of a name that is a
// directory in one cloud and a file in the other, one gets another name.
//
// A file at the name of a directory that this machine knows, and no cloud has, is told,
// be there two clouds or one.
//
// A file at none of the names that this machine knows it to have was renamed; and an entry without the sidecar that tells its name gets
// back the one that is known.
//
// What it costs is a listing of every directory of both clouds, and a header of
// each file of which this machine knows no version, or of all where a file is in
// one cloud alone: so it is for power cuts only. Another file at a name that both
// have is not looked for.
//
//	together.go   all clouds, two by two
//	level.go      Leveller: what is made, renamed and brought
//	difference.go what only one of the clouds shows
//	clash.go      names that are a directory in one cloud and a file in the other
//	homes.go      files at none of the names that are known, and entries that have lost theirs
//	rename.go     files that went to other names, perhaps those of each other
package level
