// Package rival keeps both of two versions of an open file: ours, which a commit
// was to bring to the clouds, and theirs, which is in its place in every cloud
// that could be asked. A sync client has put it there, or has taken away what was
// there.
//
// A [Contest] looks what each cloud has at the name. Ours keeps it where it is the
// later one, by (mtime, commit id) as everywhere, and also where nothing, or only
// an earlier version, is left there. Then theirs is first put aside in every
// cloud, as another file under the name and the id that follow from its own
// header, and ours takes the name by rename. Else theirs stays as it is, and ours
// is put aside in the same way. What does not verify may be arriving still: it is
// not touched, and ours is put aside where no cloud shows anything else. Where every
// cloud has a file in the place of the directory, ours goes beside that one.
//
// Every copy is built whole under a temporary name, and is durable before it gets
// its own. So nothing is lost wherever this ends, and a replay of the log that
// finds some of it done makes the same of the rest.
//
//	contest.go Contest: what each cloud has, and who keeps the name
//	settle.go  putting aside, putting in place
package rival
