// Package standing is how status tells of a vault in words.
//
// It promises one line for each cloud, however it stands, and what to do next
// wherever there is something to do. Names of files are few: the rest is counted.
package standing

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/output"
	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume"
)

// shown is how many names are told of a kind of trouble.
const shown = 10

// Print tells how a vault stands.
func Print(w io.Writer, s *volume.Status, now time.Time) error {
	p := &page{w: w, s: s, now: now}
	p.line("%s: %s", cli.QuoteName(s.Vault), p.where())
	p.line("")
	rows := [][]string{{"CLOUD", "STATE", "DIRECTORY", ""}}
	for i := range s.Clouds {
		c := &s.Clouds[i]
		dir := cli.QuoteName(c.Dir)
		if c.Dir == "" {
			dir = "-"
		}
		rows = append(rows, []string{c.Name, stateWord(c, s.Lead), dir, p.note(c)})
	}
	p.table(rows)
	p.line("")
	p.table(p.facts())
	first := true
	for _, wrong := range s.Wrong() {
		t := p.trouble(wrong)
		if wrong.Cloud != nil { // the table has it
			t.what = ""
		}
		if t.what == "" && t.next == "" {
			continue
		}
		if first {
			p.line("")
		}
		first = false
		p.tell("", t)
	}
	return p.err
}

// Check tells what is not as it should be, and nothing where that is nothing.
func Check(w io.Writer, s *volume.Status, now time.Time) error {
	p := &page{w: w, s: s, now: now}
	for i, wrong := range s.Wrong() {
		if i == 0 {
			p.line("%s:", cli.QuoteName(s.Vault))
		}
		p.tell("  ", p.trouble(wrong))
	}
	return p.err
}

// A page is what is being told. After an error it is left.
type page struct {
	w   io.Writer
	s   *volume.Status
	now time.Time
	err error
}

func (p *page) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *page) table(rows [][]string) {
	if p.err == nil {
		p.err = output.Table(p.w, "", rows)
	}
}

func (p *page) where() string {
	if !p.s.Mounted {
		return "not mounted"
	}
	where := fmt.Sprintf("mounted on %s since %s by process %d", cli.QuoteName(p.s.Mountpoint), clock(*p.s.Started), p.s.PID)
	if p.s.ReadOnly {
		where += ", read-only"
	}
	if p.s.From != "" {
		where += ", " + p.s.From + " alone"
	}
	return where
}

// stateWord is a cloud's state for people.
func stateWord(c *volume.CloudStatus, lead string) string {
	leads := c.Name == lead
	switch {
	case c.Owes && c.State != vault.CloudOwes:
		return string(c.State) + ", owes"
	case c.State == vault.CloudOwes && leads:
		return "owes, leads"
	case c.State == vault.CloudOK && leads:
		return "ok, leads"
	}
	return string(c.State)
}

// note says why a cloud is as it is, since when, and how far it is on its way back.
func (p *page) note(c *volume.CloudStatus) string {
	var parts []string
	if c.Reason != "" {
		parts = append(parts, output.Printable(c.Reason))
	}
	if c.Owes && c.Since != nil {
		parts = append(parts, "owes since "+clock(*c.Since))
	}
	if c.NamesOwed > 0 {
		parts = append(parts, count(int64(c.NamesOwed), "name"))
	}
	if c.NamesWrong > 0 {
		parts = append(parts, count(int64(c.NamesWrong), "name")+" found wrong, to be repaired")
	}
	if c.NamesLeft > 0 {
		parts = append(parts, count(int64(c.NamesLeft), "name")+" left to heal: it does not keep what it is given")
	}
	switch is := c.Progress; {
	case is == nil:
	case is.Of == 0:
		parts = append(parts, "it is being compared with the others")
	default:
		parts = append(parts, fmt.Sprintf("%s of %s done", number(is.Done), count(is.Of, "name"))+pace(is))
	}
	return strings.Join(parts, "; ")
}

// pace is how fast names are brought to a cloud, and how long the rest takes.
func pace(is *volume.Progress) string {
	if is.SecondsLeft == nil {
		return ""
	}
	return fmt.Sprintf(", %s a second, %s left", number(int64(max(is.PerSecond+0.5, 1))), about(time.Duration(*is.SecondsLeft)*time.Second))
}

// facts are what is good to know also when nothing is wrong.
func (p *page) facts() [][]string {
	rows := [][]string{{"last verify", "never: overcast verify " + cli.QuoteName(p.s.Vault) + " reads everything, and tells what is wrong"}}
	if c := p.s.Checked; c != nil {
		found := kinds(c.Left, volume.IsWrong)
		if found == "" {
			found = "nothing was wrong"
		}
		rows = [][]string{{"last " + output.Printable(c.By), clock(c.When) + ", " + ago(p.now.Sub(c.When)) + ": " + found}}
	}
	if beside := kinds(p.s.Found, func(kind string) bool { return !volume.IsWrong(kind) }); beside != "" {
		rows = append(rows, []string{"left alone", beside})
	}
	if p.s.KnowsSince != nil {
		rows = append(rows, []string{"known since", clock(*p.s.KnowsSince)})
	}
	return rows
}

// A trouble is one thing that is wrong, in words.
type trouble struct {
	what  string
	names []string
	all   int    // names, also those that are not told
	next  string // what to do; "" where it passes by itself
}

func (p *page) tell(indent string, t trouble) {
	if t.what != "" {
		p.line("%s%s", indent, t.what)
	}
	for _, name := range t.names[:min(len(t.names), shown)] {
		p.line("%s  %s", indent, name)
	}
	if more := t.all - min(len(t.names), shown); more > 0 && len(t.names) > 0 {
		p.line("%s  … and %s more", indent, number(int64(more)))
	}
	if t.next != "" {
		p.line("%s→ %s", indent, t.next)
	}
}

func (p *page) trouble(wrong volume.Wrong) trouble {
	dir := cli.QuoteName(p.s.Vault)
	log := cli.QuoteName(filepath.Join(p.s.Vault, "state", "log"))
	switch wrong.Trouble {
	case volume.TroubleSilent:
		t := trouble{what: fmt.Sprintf("the mount's process, %d, does not answer", p.s.PID), next: "see " + log}
		if p.s.AsOf != nil {
			t.what += ": this is what it last wrote down, at " + clock(*p.s.AsOf)
		}
		return t
	case volume.TroubleUnfinished:
		return trouble{what: "the last mount did not end as it should", next: "overcast mount " + dir + " MOUNTPOINT goes on where it was"}
	case volume.TroubleHeld:
		return trouble{what: "what an earlier mount left cannot be finished in any cloud, so that nothing is changed", next: "see " + log + "; the next mount tries again"}
	case volume.TroubleLog:
		return trouble{
			what: "changes were lost from the redo log, as seen at " + clock(*p.s.LogLost) + ": what was done last before may be missing",
			next: "overcast heal " + dir + " compares everything; " + log + " says why",
		}
	case volume.TroubleFound:
		return p.found(dir)
	case volume.TroubleConflicts:
		return p.conflicts()
	}
	return p.cloud(wrong.Cloud, dir)
}

func (p *page) cloud(c *volume.CloudStatus, dir string) trouble {
	state := string(c.State)
	if c.Owes && c.State == vault.CloudOK {
		state = string(vault.CloudOwes)
	}
	t := trouble{what: fmt.Sprintf("%s is %s", c.Name, state), all: c.NamesOwed + c.NamesWrong + c.NamesLeft}
	if state == string(vault.CloudOwes) {
		t.what = c.Name + " owes changes"
	}
	if note := p.note(c); note != "" {
		t.what += ": " + note
	}
	for _, path := range c.Owed {
		t.names = append(t.names, "/"+cli.QuoteName(path))
	}
	switch {
	case c.State == vault.CloudAbsent:
		t.next = fmt.Sprintf("%s: put its directory back, or tell where it is: overcast cloud move %s %s DIR", c.Name, dir, c.Name)
	case c.State == vault.CloudFull:
		t.next = fmt.Sprintf("%s: make room in %s", c.Name, cli.QuoteName(c.Dir))
	case c.NamesLeft > 0:
		t.next = fmt.Sprintf("%s: see what changes its directory, then overcast heal %s", c.Name, dir)
	case !p.s.Mounted:
		t.next = fmt.Sprintf("%s: the next mount brings it up to date; overcast heal %s does it now", c.Name, dir)
	}
	return t
}

func (p *page) found(dir string) trouble {
	t := trouble{what: kinds(p.s.Found, volume.IsWrong), next: "overcast heal " + dir + " repairs what any cloud has whole"}
	for kind, n := range p.s.Found {
		if volume.IsWrong(kind) {
			t.all += n
		}
	}
	for _, f := range p.s.Findings {
		if f.Wrong() {
			t.names = append(t.names, Finding(f.Finding))
		}
	}
	if p.s.Found["arriving"] == t.all {
		t.next = "overcast verify " + dir + " looks again: it was still changing"
	}
	p.nameless(&t)
	return t
}

func (p *page) conflicts() trouble {
	t := trouble{
		what: count(int64(p.s.Conflicts), "conflict") + ", of which both versions are kept", all: p.s.Conflicts,
		next: "look at both, and remove or rename the one that has (conflict …) in its name",
	}
	for _, path := range p.s.ConflictCopies {
		t.names = append(t.names, "/"+cli.QuoteName(path))
	}
	p.nameless(&t)
	return t
}

// nameless says who can tell names.
func (p *page) nameless(t *trouble) {
	if len(t.names) == 0 {
		t.what += " (with --passfile, or --passcommand, their names are told)"
	}
}

// Finding is a line for one finding.
func Finding(f volume.Finding) string {
	line := fmt.Sprintf("%s: /%s", output.Printable(f.Kind), cli.QuoteName(f.Path))
	if f.Cloud != "" {
		line += " in " + f.Cloud
	}
	if f.Chunk != nil {
		line += fmt.Sprintf(", chunk %d", *f.Chunk)
	}
	if f.Detail != "" {
		line += ": " + f.Detail
	}
	return line
}

// kinds counts findings of some kinds.
func kinds(found map[string]int, which func(kind string) bool) string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(found)) {
		if which(kind) && found[kind] > 0 {
			parts = append(parts, number(int64(found[kind]))+" "+output.Printable(kind))
		}
	}
	return strings.Join(parts, ", ")
}

func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

func ago(d time.Duration) string {
	if d < time.Minute {
		return "just now"
	}
	return about(d) + " ago"
}

// about is a time in one word or two.
func about(d time.Duration) string {
	switch {
	case d < time.Minute:
		return count(int64(max(d, 0).Seconds()), "second")
	case d < 2*time.Hour:
		return count(int64(d.Minutes()), "minute")
	case d < 48*time.Hour:
		return count(int64(d.Hours()), "hour")
	}
	return count(int64(d.Hours()/24), "day")
}

func count(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return number(n) + " " + what
}

// number has a comma after each three digits.
func number(n int64) string {
	s := fmt.Sprint(n)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}
