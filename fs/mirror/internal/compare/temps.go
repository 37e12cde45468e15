package compare

import (
	"slices"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror/internal/judge"
)

// A temp is a temporary file of this program's that has a whole version.
type temp struct {
	Finding
	is judge.Version
}

// sorter tells temporary files that nobody needs from others.
type sorter struct{ *Comparison }

// note notes the temporary files of a folder. One that has no version yet is
// of no use to anybody; of another one it is asked where else that is.
func (c sorter) note(f *folder) {
	for _, s := range f.strange {
		if !s.temp {
			continue
		}
		h, err := c.Clouds[s.cloud].Header(s.path)
		whole := err == nil && h.Flags&cipher.Dirty == 0 && len(h.Version) > 0
		if whole {
			c.survey.ask(judge.VersionOf(h).Identity)
		}
		c.mu.Lock()
		switch st := &c.stats[s.cloud]; {
		case len(st.Temps)+len(c.temps) >= maxTemps:
		case whole:
			told := Finding{Path: f.plain, Entry: s.path, Cloud: s.cloud, Kind: Disputed, Chunk: NoChunk, Detail: "a version that no file has, under a temporary name"}
			c.temps = append(c.temps, temp{told, judge.VersionOf(h)})
		default:
			st.Temps = append(st.Temps, s.path)
		}
		c.mu.Unlock()
	}
}

// sort tells, of temporary files that have a version, which of them are of no
// use since a file has that one, or a greater one, or has ended, and which have what
// is nowhere else.
func (c sorter) sort() error {
	for _, t := range c.temps {
		facts, err := c.facts(t.is.Identity)
		if err != nil {
			return err
		}
		past := slices.ContainsFunc(c.survey.sightings(t.is.Identity), func(s judge.Sighting) bool { return atMost(t.is.Vector, s.Version.Vector) }) ||
			slices.ContainsFunc(facts.Ended, func(v cipher.Vector) bool { return atMost(t.is.Vector, v) })
		if st := &c.stats[t.Cloud]; past {
			st.Temps = append(st.Temps, t.Entry)
		} else {
			st.Strays = append(st.Strays, t.Finding)
		}
	}
	return nil
}
