package daemon

import (
	"fmt"
	"net"
	"os"
)

// What a service manager is told, in the words of sd_notify(3).
const (
	notifyReady    = "READY=1\nSTATUS=mounted on %s"
	notifyFailed   = "STATUS=failed: %s"
	notifyStopping = "STOPPING=1\nSTATUS=unmounting, until the last change is committed"
)

// NotifyReady tells the service manager that started this process, if one did, that the mount can be used.
func NotifyReady(mountpoint string) error { return notify(fmt.Sprintf(notifyReady, mountpoint)) }

// NotifyStopping tells it that the mount is about to end.
func NotifyStopping() error { return notify(notifyStopping) }

// NotifyFailed tells it in one line why there is no mount, or no more.
func NotifyFailed(line string) error { return notify(fmt.Sprintf(notifyFailed, line)) }

// notify sends one datagram to the socket that the environment names: a path, or @ and an abstract name.
func notify(state string) error {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	return nil
}
