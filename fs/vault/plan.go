package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/durable"
	"github.com/overcast-fs/overcast/fs/vault/internal/place"
)

// A plan is what init has looked at and found usable. Making one changes nothing.
type plan struct {
	dir     string      // of the vault, absolute
	clouds  []CloudSpec // with absolute directories
	remains *Vault      // what an interrupted init of this vault had begun, or nil
	join    *joining    // the vault exists, and only this machine's part of it is made; nil for init
}

// newPlan refuses directories that must not become a vault and its clouds. The
// errors wrap [ErrUnusable], or come from the operating system.
func newPlan(dir string, clouds []CloudSpec) (*plan, error) {
	p := &plan{}
	var err error
	if p.dir, err = usablePath("the vault", dir); err != nil {
		return nil, err
	}
	for _, c := range clouds {
		if c.Dir, err = usablePath(fmt.Sprintf("cloud %q", c.Name), c.Dir); err != nil {
			return nil, err
		}
		p.clouds = append(p.clouds, c)
	}
	if err := p.checkVaultDir(); err != nil {
		return nil, err
	}
	if err := p.checkApart(); err != nil {
		return nil, err
	}
	for _, c := range p.clouds {
		if err := p.checkCloudDir(c); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// usablePath makes a path absolute, and refuses what vault.toml cannot hold.
func usablePath(what, path string) (string, error) {
	if path == "" || !utf8.ValidString(path) || strings.ContainsRune(path, 0) {
		return "", fmt.Errorf("%w: %s: the path %q is empty or not UTF-8", ErrUnusable, what, path)
	}
	return filepath.Abs(path)
}

// checkVaultDir finds out whether the directory is missing, empty, or holds
// nothing but what an interrupted init left.
func (p *plan) checkVaultDir() error {
	if p.join != nil {
		return p.join.checkVaultDir(p.dir)
	}
	names, err := listDir(p.dir)
	if err != nil {
		return fmt.Errorf("%w: the vault: %w", ErrUnusable, err)
	}
	found := map[string]bool{}
	for _, name := range names {
		found[name] = true
	}
	if found[configName] {
		return fmt.Errorf("%w: %s is a vault already", ErrUnusable, p.dir)
	}
	// vault.toml.init comes before everything else that matters and becomes
	// vault.toml at the very end: under that name nothing was ever mounted.
	pending := found[pendingName]
	if what := partOf(p.dir); what != "" && !pending {
		return joinable{fmt.Errorf("%w: %s holds %s and no %s", ErrUnusable, p.dir, what, configName)}
	}
	for name := range found {
		switch {
		case name == pendingName, name == keysName, durable.IsTemp(name):
		case name == stateName && p.onlyLock():
		default:
			return fmt.Errorf("%w: %s is not empty; name a new or an empty directory for the vault", ErrUnusable, p.dir)
		}
	}
	if pending {
		p.remains, err = load(system{}, p.dir, pendingName)
	}
	return err
}

// onlyLock reports whether the state directory was never used.
func (p *plan) onlyLock() bool {
	names, err := listDir(filepath.Join(p.dir, stateName))
	return err == nil && (len(names) == 0 || len(names) == 1 && names[0] == lockName)
}

// checkApart refuses directories that are the same or lie in each other, and any
// that lies in a cloud of another vault.
func (p *plan) checkApart() error {
	survey := place.NewSurveyor()
	vault := survey.Place(p.dir)
	if marked := vault.MarkedAbove(); marked != "" {
		return fmt.Errorf("%w: the vault %s lies inside a cloud, %s: its keys would be synced", ErrUnusable, p.dir, marked)
	}
	places := make([]place.Place, len(p.clouds))
	for i, c := range p.clouds {
		places[i] = survey.Place(c.Dir)
		switch marked := places[i].MarkedAbove(); {
		case marked != "":
			return fmt.Errorf("%w: cloud %q, %s, lies inside another cloud, %s", ErrUnusable, c.Name, c.Dir, marked)
		case places[i].Contains(vault):
			return fmt.Errorf("%w: the vault %s lies inside cloud %q, %s: its keys would be synced", ErrUnusable, p.dir, c.Name, c.Dir)
		case vault.Contains(places[i]):
			return fmt.Errorf("%w: cloud %q, %s, lies inside the vault %s", ErrUnusable, c.Name, c.Dir, p.dir)
		}
		for j, other := range p.clouds[:i] {
			outward, inward := places[j].Contains(places[i]), places[i].Contains(places[j])
			switch {
			case outward && inward:
				return fmt.Errorf("%w: clouds %q and %q are one directory, %s", ErrUnusable, other.Name, c.Name, c.Dir)
			case outward:
				return fmt.Errorf("%w: cloud %q, %s, lies inside cloud %q, %s", ErrUnusable, c.Name, c.Dir, other.Name, other.Dir)
			case inward:
				return fmt.Errorf("%w: cloud %q, %s, lies inside cloud %q, %s", ErrUnusable, other.Name, other.Dir, c.Name, c.Dir)
			}
		}
	}
	return nil
}

// checkCloudDir accepts a directory that is missing or empty. What an
// interrupted init of the same vault put there does not count.
func (p *plan) checkCloudDir(c CloudSpec) error {
	names, err := listDir(c.Dir)
	if err != nil {
		return fmt.Errorf("%w: cloud %q: %w", ErrUnusable, c.Name, err)
	}
	begun := p.begun(c.Dir)
	marked, foreign := false, 0
	for _, name := range names {
		switch {
		case name == cipher.MarkerName:
			marked = true
		case begun && durable.IsTemp(name):
		default:
			foreign++
		}
	}
	switch {
	case marked && begun && p.ours(c.Dir):
		marked = false
	case marked && foreign == 0:
		return joinable{fmt.Errorf("%w: cloud %q: %s belongs to a vault%s; it is empty but for the marker %s, which can go if that vault is gone",
			ErrUnusable, c.Name, c.Dir, markedFor(c.Dir), cipher.MarkerName)}
	case marked:
		return joinable{fmt.Errorf("%w: cloud %q: %s belongs to a vault%s already", ErrUnusable, c.Name, c.Dir, markedFor(c.Dir))}
	}
	if foreign > 0 {
		return fmt.Errorf("%w: cloud %q: %s is not empty; name a new or an empty directory, such as %s",
			ErrUnusable, c.Name, c.Dir, filepath.Join(c.Dir, "overcast"))
	}
	return nil
}

// begun reports whether an interrupted init had meant dir to be a cloud.
func (p *plan) begun(dir string) bool {
	if p.remains == nil {
		return false
	}
	for _, c := range p.remains.Clouds {
		if place.Real(c.Dir) == place.Real(dir) {
			return true
		}
	}
	return false
}

// ours reports whether the marker in dir is that of the interrupted init.
func (p *plan) ours(dir string) bool {
	marker, err := readMarker(dir)
	if err != nil {
		return false
	}
	vault, _, err := cipher.ParseMarkerIDs(marker)
	return err == nil && vault == p.remains.ID
}

// markedFor tells the id of the vault that a directory is marked for.
func markedFor(dir string) string {
	marker, err := readMarker(dir)
	if err != nil {
		return ""
	}
	vault, _, err := cipher.ParseMarkerIDs(marker)
	if err != nil {
		return ""
	}
	return " " + vault.String()
}

// listDir returns the names in a directory; a missing one has none.
func listDir(path string) ([]string, error) {
	dir, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		// Nothing can be made where a symlink leads nowhere.
		if _, link := os.Lstat(path); link == nil {
			return nil, fmt.Errorf("%s is a symbolic link that leads nowhere", path)
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Readdirnames(-1)
}
