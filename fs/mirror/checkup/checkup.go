package checkup

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/mirror"
	"github.com/overcast-fs/overcast/fs/mirror/internal/compare"
	"github.com/overcast-fs/overcast/fs/mirror/internal/heal"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
	"github.com/overcast-fs/overcast/fs/vault"
)

// SettleTime is how long a backing file has to have been left alone before it is
// called damaged, or replaced.
const SettleTime = 30 * time.Second

// Config says what is checked.
type Config struct {
	Clouds []mirror.CloudConfig // in the vault's order; without a Dir: out of use
	Out    []mirror.CloudStatus // by cloud: how one without a Dir is; nil: absent
	Owes   map[cipher.ID]vault.Owes
	Owners bool // the process may set owners of backing files
	Draw   func(n int, above uint64) (writer uint32, first uint64, err error)

	Mirror *mirror.Mirror // that is open over the clouds, for what this machine knows; nil: it knows nothing
	Served bool           // programs use it meanwhile

	Only  string   // the one cloud that is judged, and healed; "" is all
	Under []string // plain paths, without a leading slash; none is everything

	Clock  func() time.Time
	Sleep  func(context.Context, time.Duration) error
	Read   func(bytes int64)        // progress, from several goroutines; or nil
	Plan   func(cloud, step string) // told each step of a healing that is only planned
	Logger *slog.Logger
}

// compare is the configuration of a comparison that reads everything.
func (c *Config) compare(stop func() error) compare.Config {
	out := compare.Config{
		SettleTime: SettleTime, Clock: c.Clock, Asked: true, Content: true, Under: c.Under, Read: c.Read,
		Only: slices.IndexFunc(c.Clouds, func(m mirror.CloudConfig) bool { return m.Name == c.Only }), Stop: stop,
	}
	if c.Clock == nil {
		out.Clock = time.Now
	}
	var owing []bool
	for i, m := range c.Clouds {
		o, owes := c.Owes[m.ID]
		out.Clouds = append(out.Clouds, &replica.Cloud{Index: i, Name: m.Name, Dir: m.Dir, Keys: m.Cipher})
		owing = append(owing, owes)
		out.Behind = append(out.Behind, owes && (o.Lost || c.Mirror == nil))
	}
	if c.Mirror != nil {
		out.Memory = c.Mirror.Beside().Memory(owing)
	}
	if c.Served {
		out.Still = c.Mirror.Beside()
	}
	return out
}

// report begins a report with the states of the clouds.
func (c *Config) report() *Report {
	r := &Report{OK: true, Findings: []Finding{}}
	for i, m := range c.Clouds {
		s := Summary{Name: m.Name, State: StateOK}
		if o, owes := c.Owes[m.ID]; owes {
			s.State, s.Reason = StateOwes, o.Reason
			r.OK = false
		}
		if m.Dir == nil {
			s.State, s.Reason = StateAbsent, m.Reason
			if c.Out != nil {
				s.State, s.Reason = c.Out[i].State, c.Out[i].Reason
			}
			r.OK, r.Short = false, true
		}
		r.Clouds = append(r.Clouds, s)
	}
	return r
}

// maxAgain is how many names are looked at a second time.
const maxAgain = 10_000

// Verify reads everything in every cloud, and first all that this machine knows, and
// changes nothing. What is wrong where something has changed lately is looked at
// again when it had the time to settle.
func Verify(ctx context.Context, c Config) (*Report, error) {
	if c.Mirror != nil && len(c.Under) == 0 {
		if err := c.Mirror.Beside().CheckMemory(ctx); err != nil {
			return nil, err
		}
	}
	r := c.report()
	config := c.compare(ctx.Err)
	p := &pass{report: r, plan: c.Plan, waits: true}
	if err := p.run(config); err != nil {
		return nil, err
	}
	if len(p.again) > 0 {
		if err := c.sleep(ctx); err != nil {
			return nil, err
		}
		config.Under, p.waits = p.again, false
		if err := p.run(config); err != nil {
			return nil, err
		}
	}
	r.sort()
	return r, nil
}

// A pass is one comparison that goes into a report.
type pass struct {
	report *Report
	plan   func(cloud, step string)
	waits  bool     // names that are still changing are left for another pass
	again  []string // these
}

func (p *pass) run(config compare.Config) error {
	c := compare.New(config)
	err := c.Run(func(k *compare.Case) error {
		if p.waits && len(p.again) < maxAgain && arriving(k.Findings) {
			p.again = append(p.again, k.Path)
			return nil
		}
		p.report.add(k.Findings)
		p.tell(k)
		return nil
	})
	if err != nil || !p.waits {
		return err
	}
	p.report.keptOf(c)
	for i, s := range c.Stats() {
		at := &p.report.Clouds[i]
		at.Files, at.Bytes, at.Foreign = s.Files, s.Bytes, s.Foreign
		if err := c.Silent()[i]; err != nil {
			at.State, at.Reason = StateSuspended, err.Error()
		}
	}
	for _, f := range c.Strange() {
		p.report.find(f, false)
	}
	return nil
}

func arriving(list []compare.Finding) bool {
	return slices.ContainsFunc(list, func(f compare.Finding) bool { return f.Kind == compare.Arriving })
}

// tell tells the steps that a case asks for.
func (p *pass) tell(k *compare.Case) {
	for _, s := range heal.Plan(k) {
		p.report.Steps++
		cloud := ""
		if s.Cloud != compare.AllClouds {
			cloud = p.report.Clouds[s.Cloud].Name
		}
		if p.plan != nil {
			p.plan(cloud, s.Plain(s.Path))
		}
	}
}

// sleep waits until what has changed lately is calm.
func (c *Config) sleep(ctx context.Context) error {
	if c.Sleep != nil {
		return c.Sleep(ctx, SettleTime)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(SettleTime):
		return nil
	}
}
