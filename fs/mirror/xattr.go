package mirror

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/cloud"
	"github.com/overcast-fs/overcast/fs/mirror/internal/clouds"
	"github.com/overcast-fs/overcast/fs/mirror/internal/replica"
)

// Extended attributes lie beside the backing file, encrypted; sync tools do not carry them, so a cloud that cannot keep them
// is not behind for it. One that fails goes out of use as it does for any change.

func checkXattr(name string) error {
	if !strings.HasPrefix(name, "user.") || len(name) == len("user.") {
		return ErrUnsupported
	}
	return nil
}

// xattrErr translates what a backing filesystem answers.
func xattrErr(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, cipher.ErrName):
		return ErrInvalid
	case errors.Is(err, unix.ENODATA):
		return ErrNoAttr
	case errors.Is(err, cloud.ErrUnsupported):
		return ErrUnsupported
	}
	return err
}

// Getxattr returns an attribute's value.
func (n Node) Getxattr(name string) ([]byte, error) {
	if err := checkXattr(name); err != nil {
		return nil, err
	}
	var value []byte
	err := n.onXattrs(func(x replica.Xattrs) (err error) {
		value, err = x.Get(name)
		return err
	})
	return value, err
}

// Listxattr returns the names of the attributes.
func (n Node) Listxattr() ([]string, error) {
	var names []string
	err := n.onXattrs(func(x replica.Xattrs) (err error) {
		if names, err = x.List(); errors.Is(err, cloud.ErrUnsupported) {
			return nil
		}
		return err
	})
	return names, err
}

// Setxattr sets an attribute; flags are those of setxattr(2).
func (n Node) Setxattr(name string, value []byte, flags int) error {
	return n.changeXattr(name, func(x replica.Xattrs) error { return x.Set(name, value, flags) })
}

// Removexattr removes an attribute.
func (n Node) Removexattr(name string) error {
	return n.changeXattr(name, func(x replica.Xattrs) error { return x.Remove(name) })
}

// onXattrs asks the lead, or the first cloud that can say.
func (n Node) onXattrs(ask func(replica.Xattrs) error) error {
	m := n.m
	if err := m.enter(); err != nil {
		return err
	}
	defer m.leave()
	m.names.RLock()
	defer m.names.RUnlock()
	asked := false
	var answer error
	err := m.clouds.Reach("xattr", func(cl *clouds.Cloud) error {
		if asked {
			return nil
		}
		x, err := m.view.Xattrs(n.live, cl)
		if err == nil {
			err = ask(x)
		}
		if err != nil && atFault(cl, err) {
			return err
		}
		asked, answer = true, err
		return nil
	})
	return errors.Join(err, xattrErr(answer))
}

// atFault tells what goes wrong in one cloud, or with its copy, from an answer.
func atFault(cl *clouds.Cloud, err error) bool {
	f := cl.Fault(err)
	return f.OfCloud() || f == clouds.Strayed
}

// changeXattr changes an attribute in every cloud; the first answer counts.
func (n Node) changeXattr(name string, change func(x replica.Xattrs) error) error {
	if err := checkXattr(name); err != nil {
		return err
	}
	m := n.m
	if err := m.enter(); err != nil {
		return err
	}
	defer m.leave()
	if err := m.clouds.Admit(); err != nil {
		return err
	}
	m.names.RLock()
	defer m.names.RUnlock()
	changed, since := false, m.belief.Kernel()
	defer m.tellTouched(n.live, since)
	_, err := m.clouds.Each(clouds.Change{What: "xattr", Undo: clouds.Harmless, Do: func(cl *clouds.Cloud) error {
		x, err := m.view.Xattrs(n.live, cl)
		if err == nil {
			err = change(x)
		}
		if f := n.live.Content.Open(); f != nil {
			f.Touched(cl.Index) // it moved ctime
		}
		if err != nil && changed && !atFault(cl, err) {
			m.logger.Warn("a cloud does not keep an extended attribute", "cloud", cl.Name, "error", err)
			return nil
		}
		changed = changed || err == nil
		return err
	}})
	return xattrErr(err)
}
