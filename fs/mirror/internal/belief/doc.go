// Package belief says which clouds are believed at a name: those that show what
// should be there, by what this machine knows and by the judgement.
//
// A name is judged only where something speaks against it. Where the memory
// knows a file there, and every cloud shows the very backing file that it showed
// right after our own last write or check, nothing is opened. Where it knows
// nothing, and the clouds agree on kind, size and mtime, they are believed until
// the file is opened. For everything else the headers are read, and the judgement
// is kept for as long as what the clouds show stays as it is.
//
//	belief.go  Belief: the question, the answer, and the quick way between them
//	answer.go  Question and Answer: what clouds show at a name, and who is believed
//	choose.go  which version of a file is served that is being opened
//	judged.go  the long way: the judgement, and what follows from it
//	revenant.go a directory that is back where something was removed
//	touched.go what this mount's own changes of names did to backing files
//	known.go   what the memory knows, by paths
//	left.go    Left: is a cloud that was away as this machine has left it?
//
// A cloud that is out and comes back is asked like one that is in use at names of
// which it has missed no change, nor of any above them; elsewhere what it shows is
// no claim.
//
// It promises that it opens no file and lists no directory on the quick way; that
// it changes nothing in any cloud; and that what it finds wrong is owed, once.
//
// # Locks
//
//	Belief.mu  what was answered, and which names this mount has changed; the
//	           memory's come after it
package belief
