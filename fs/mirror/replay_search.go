package mirror

import "github.com/overcast-fs/overcast/cipher"

// inventory is every backing file of a cloud.
type inventory struct {
	salts map[string]string // path by salt
	heads []*cipher.Header
}

// search finds a backing file by its salt wherever it is. A power cut may take
// the entry of a rename from the log and leave the rename in the cloud; what
// the log holds for the file is found no other way. After a mere kill every
// entry is there, and nothing is searched.
func (r *replayer) search(mb *member, salt []byte) (path string, ok bool) {
	if r.m.state.SameBoot() {
		return "", false
	}
	path, ok = r.inventory(mb).salts[string(salt)]
	return path, ok && r.hasSalt(mb, salt)(path)
}

// elsewhere reports whether a file is in the cloud wherever it is, in whatever
// backing file and under whatever id it goes on.
func (r *replayer) elsewhere(mb *member, id cipher.ID) bool {
	if r.m.state.SameBoot() {
		return false
	}
	for _, h := range r.inventory(mb).heads {
		if r.goesOn(id, h) {
			return true
		}
	}
	return false
}

func (r *replayer) inventory(mb *member) *inventory {
	if v := r.everything[mb.name]; v != nil {
		return v
	}
	r.m.logger.Info("searching a cloud for files that were renamed", "cloud", mb.name)
	v := &inventory{salts: map[string]string{}}
	r.everything[mb.name] = v
	r.takeInventory(mb, "", v)
	return v
}

func (r *replayer) takeInventory(mb *member, dir string, v *inventory) {
	entries, err := mb.dir.ReadDir(dir)
	if err != nil {
		r.m.logger.Warn("a directory cannot be searched", "cloud", mb.name, "error", err)
		return
	}
	for _, e := range entries {
		path := join(dir, e.Name)
		switch {
		case e.Dir:
			r.takeInventory(mb, path, v)
		case e.Regular:
			if h, err := r.m.peek(mb, path); err == nil {
				v.salts[string(h.Salt[:])] = path
				if !isTemp(e.Name) {
					v.heads = append(v.heads, h)
				}
			}
		}
	}
}

func (r *replayer) saltAt(mb *member, path string) (string, bool) {
	f, err := mb.dir.Open(path, false)
	if err != nil {
		return "", false
	}
	defer f.Close()
	raw := make([]byte, cipher.HeaderSize)
	n, _ := f.ReadAt(raw, 0)
	return string(raw[16:32]), n == len(raw)
}
