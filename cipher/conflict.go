package cipher

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// Two versions of one file that do not follow one another are a conflict. Both
// are kept, on every machine in the same way: the winner goes on as the file,
// the loser as another one, under an id and a name that follow from its own
// header. So machines that settle a conflict apart from each other agree.

// A Settlement is what becomes of several headers of one file.
type Settlement struct {
	Winner  int    // the place of the version that goes on, under its own commit id
	Version Vector // the vector it goes on with: the maximum of all
	Losers  []Loser
}

// A Loser is a version to be kept as a file of its own ([ConflictID],
// [ConflictName]), under its own commit id.
type Loser struct {
	Place   int
	Version Vector // its own: the maximum of all headers of its commit
}

// Settle tells which of the headers is the version of the file. All are clean
// and have one file id and type; there is at least one. What is less than
// another commit takes no part. Of the others the greatest (mtime, commit id)
// wins, which is no conflict where there is only one commit: headers that
// differ in the vector alone are one version. Losers are sorted like winners,
// the greatest first. A place is that of the first header of its commit.
func Settle(headers []*Header) Settlement {
	var commits []rival
	for i, h := range headers {
		commits = addRival(commits, i, h)
	}
	var all Vector
	for _, c := range commits {
		all = all.Max(c.version)
	}
	rivals := slices.DeleteFunc(slices.Clone(commits), func(c rival) bool {
		return slices.ContainsFunc(commits, func(d rival) bool { return Compare(c.version, d.version) == Less })
	})
	slices.SortFunc(rivals, func(a, b rival) int { return compareTimes(b.header, a.header) })
	out := Settlement{Winner: rivals[0].place, Version: all}
	for _, c := range rivals[1:] {
		out.Losers = append(out.Losers, Loser{c.place, c.version})
	}
	return out
}

// A rival is one commit of those that are compared.
type rival struct {
	place   int
	header  *Header // that with the latest mtime, should they differ
	version Vector
}

func addRival(commits []rival, place int, h *Header) []rival {
	i := slices.IndexFunc(commits, func(c rival) bool { return c.header.CommitID == h.CommitID })
	if i < 0 {
		return append(commits, rival{place, h, h.Version})
	}
	c := &commits[i]
	c.version = c.version.Max(h.Version)
	if compareTimes(h, c.header) > 0 {
		c.header = h
	}
	return commits
}

// compareTimes orders by (mtime, commit id).
func compareTimes(a, b *Header) int {
	return cmp.Or(
		cmp.Compare(a.MtimeSec, b.MtimeSec),
		cmp.Compare(a.MtimeNsec, b.MtimeNsec),
		bytes.Compare(a.CommitID[:], b.CommitID[:]),
	)
}

// ConflictID returns the file id under which the loser of a conflict goes on:
// SHA-256("conflict" ‖ file_id ‖ commit_id)[0:16].
func ConflictID(fileID, commitID ID) ID {
	sum := sha256.Sum256(slices.Concat([]byte("conflict"), fileID[:], commitID[:]))
	return ID(sum[:16])
}

// The years that the name of a conflict's loser can tell, as seconds since 1970.
const (
	firstSecond = -62135596800 // of the year 1
	lastSecond  = 253402300799 // of the year 9999
)

// ConflictName returns the name under which the loser of a conflict goes on:
//
//	stem (conflict YYYY-MM-DD hhmmss CCCC).ext
//
// with its own mtime in UTC, from the year 1 to 9999, and the first four
// hexadecimal digits of its commit id. The stem is cut between characters where
// the name would have more than 255 bytes.
func ConflictName(name PlainName, mtimeSec int64, commitID ID) PlainName {
	when := time.Unix(min(max(mtimeSec, firstSecond), lastSecond), 0).UTC()
	tag := when.Format(" (conflict 2006-01-02 150405 ") + hex.EncodeToString(commitID[:2]) + ")"
	stem, ext := splitExtension(string(name))
	return PlainName(cutText(stem, MaxName-len(tag)-len(ext)) + tag + ext)
}

// IsConflictName reports whether a name is as [ConflictName] makes them. A user
// may have given it to anything.
func IsConflictName(name PlainName) bool {
	stem, _ := splitExtension(string(name))
	rest, ok := strings.CutSuffix(stem, ")")
	at := len(rest) - len(" (conflict 2006-01-02 150405 ") - 4
	if !ok || at < 1 {
		return false
	}
	when, tag := rest[at:len(rest)-4], rest[len(rest)-4:]
	_, err := time.Parse(" (conflict 2006-01-02 150405 ", when)
	return err == nil && strings.Trim(tag, "0123456789abcdef") == ""
}

const (
	maxExtension = 15 // bytes behind the dot
	tarExtension = ".tar"
)

// splitExtension cuts a name before the part that tells programs what is in the
// file, so that a conflict's loser opens like the file. That is what follows
// the last dot, if it is 1 to 15 visible ASCII characters and the name does not
// begin with that dot or with nothing but dots; a .tar before it counts too.
func splitExtension(name string) (stem, ext string) {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 || strings.Trim(name[:dot], ".") == "" {
		return name, ""
	}
	after := name[dot+1:]
	invisible := func(r rune) bool { return r < 0x21 || r > 0x7e }
	if after == "" || len(after) > maxExtension || strings.ContainsFunc(after, invisible) {
		return name, ""
	}
	if before, ok := strings.CutSuffix(name[:dot], tarExtension); ok && strings.Trim(before, ".") != "" {
		dot = len(before)
	}
	return name[:dot], name[dot:]
}

// cutText cuts s to at most n bytes. What is UTF-8 stays so; the rest loses
// three bytes more at most.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	end := n
	for n-end < 3 && s[end]&0xc0 == 0x80 {
		end--
	}
	return s[:end]
}
