package judge

import (
	"fmt"
	"strings"

	"github.com/overcast-fs/overcast/cipher"
)

// short is enough of an id to tell it from the others of one plan.
func short(id cipher.ID) string { return id.String()[:8] }

// String returns the id, shortened, and the type where it is no regular file.
func (i Identity) String() string {
	if i.Type == cipher.TypeFile {
		return short(i.ID)
	}
	return fmt.Sprintf("%s (%v)", short(i.ID), i.Type)
}

// String returns identity, vector and commit id.
func (v Version) String() string {
	return fmt.Sprintf("%v at %s, commit %s", v.Identity, vectorString(v.Vector), short(v.Commit))
}

func vectorString(v cipher.Vector) string {
	entries := make([]string, len(v))
	for i, e := range v {
		entries[i] = fmt.Sprintf("%08x:%d", e.Writer, e.Counter)
	}
	return "{" + strings.Join(entries, " ") + "}"
}

// String returns what the index has.
func (k Known) String() string {
	switch {
	case k.Has == File || k.Has == Vanished:
		return fmt.Sprintf("%s %v", k.Has, k.Version)
	case k.Has == Gone && !k.Version.ID.IsZero():
		return fmt.Sprintf("%s %v at %s", k.Has, k.Version.Identity, vectorString(k.Version.Vector))
	}
	return string(k.Has)
}

// String returns what is wanted.
func (w Want) String() string {
	if w.Is == WantFile {
		return fmt.Sprintf("%s %v", w.Is, w.Version)
	}
	return string(w.Is)
}

// String returns state and action.
func (d Do) String() string { return fmt.Sprintf("%s: %s", d.State, d.Action) }

// String returns the cloud's number, and whether a tool's copy is meant. The
// name is left out: a plan may be logged, and logs tell no names.
func (s Source) String() string {
	if s.Copy {
		return fmt.Sprintf("a tool's copy in cloud %d", s.Cloud)
	}
	return fmt.Sprintf("cloud %d", s.Cloud)
}

// String returns the loser and where it is found.
func (c Copy) String() string { return fmt.Sprintf("keep %v from %s", c.Loser, list(c.From, " or ")) }

// String returns kind, identity and vector.
func (r Record) String() string {
	return fmt.Sprintf("record %s %v at %s", r.Kind, r.File, vectorString(r.Vector))
}

// String returns the verdict as the lines of a plan, in the order in which it
// is carried out.
func (v Verdict) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "want %v; changes: %s\n", v.Want, v.Changes)
	for _, c := range v.Copies {
		fmt.Fprintf(&b, "  %v\n", c)
	}
	for i, c := range v.Clouds {
		fmt.Fprintf(&b, "  cloud %d: %v\n", i, c)
	}
	if len(v.Source) > 0 {
		fmt.Fprintf(&b, "  from %s\n", list(v.Source, " or "))
	}
	for _, r := range v.Records {
		fmt.Fprintf(&b, "  %v\n", r)
	}
	if len(v.Findings) > 0 {
		fmt.Fprintf(&b, "  found: %s\n", list(v.Findings, ", "))
	}
	fmt.Fprintf(&b, "  index: %v", v.Known)
	return b.String()
}

func list[T any](items []T, separator string) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = fmt.Sprint(item)
	}
	return strings.Join(texts, separator)
}
