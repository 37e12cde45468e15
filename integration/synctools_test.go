//go:build long

package integration

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A syncTool keeps two directories alike, as sync clients of two machines do.
type syncTool interface {
	// pass carries over what has changed. What changes meanwhile may wait for the next one.
	pass()
	// stop keeps everything where it is until the next pass.
	stop()
}

// bisync is rclone bisync, which works when it is told to.
type bisync struct {
	t    testing.TB
	dirs [2]string
	work string
	runs command

	resynced int // how often it gave up, and began anew
}

func newBisync(t testing.TB, dirs [2]string) *bisync {
	t.Helper()
	need(t, "rclone", "rclone")
	home := t.TempDir()
	b := &bisync{t: t, dirs: dirs, work: filepath.Join(home, "work"), runs: command{env: []string{"HOME=" + home, "RCLONE_CONFIG=" + home + "/none"}}}
	b.runs.run(t, b.args("--resync")...)
	return b
}

func (b *bisync) args(more ...string) []string {
	return append([]string{"rclone", "bisync", b.dirs[0], b.dirs[1], "--workdir", b.work, "--force", "--no-cleanup=false"}, more...)
}

// pass also begins anew where files that change under it make rclone give up, as its manual tells users to do.
func (b *bisync) pass() {
	b.t.Helper()
	if said := b.runs.try(b.t, b.args()...); said.code == 0 || strings.Contains(said.stderr, "retryable") {
		return
	}
	b.resynced++
	_ = b.runs.try(b.t, b.args("--resync")...) // the next pass tries again
}

func (b *bisync) stop() {}

// syncthing is a pair of Syncthing processes that know nobody but each other.
type syncthing struct {
	t       testing.TB
	nodes   [2]*syncthingNode
	stopped bool
}

// A syncthingNode is one process.
type syncthingNode struct {
	dir, home, device string
	listen, api       string // addresses
	cmd               *exec.Cmd
}

const (
	syncthingKey    = "overcast-integration"
	syncthingFolder = "cloud"
)

func newSyncthing(t testing.TB, dirs [2]string) *syncthing {
	t.Helper()
	need(t, "syncthing", "syncthing")
	s := &syncthing{t: t}
	for i, dir := range dirs {
		n := &syncthingNode{dir: dir, home: t.TempDir(), listen: freeAddress(t), api: freeAddress(t)}
		command{env: []string{"HOME=" + n.home}}.run(t, "syncthing", "generate", "--home", n.home, "--no-default-folder", "--skip-port-probing")
		n.device = strings.TrimSpace(command{}.run(t, "syncthing", "--home", n.home, "--device-id"))
		s.nodes[i] = n
	}
	for i, n := range s.nodes {
		must(t, os.WriteFile(filepath.Join(n.home, "config.xml"), []byte(n.config(s.nodes[1-i])), 0o600))
		must(t, os.Mkdir(filepath.Join(n.dir, ".stfolder"), 0o755))
		s.start(n)
	}
	for _, n := range s.nodes {
		s.await("its answer", func() bool { return n.call("GET", "system/ping", nil) == nil })
	}
	return s
}

// freeAddress is an address of this machine where nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// config is the configuration of a node that has one folder, and tells nobody that it is there.
func (n *syncthingNode) config(peer *syncthingNode) string {
	escaped := func(text string) string {
		var b strings.Builder
		_ = xml.EscapeText(&b, []byte(text)) // into memory
		return b.String()
	}
	return fmt.Sprintf(`<configuration version="36">
  <folder id="%s" path="%s" type="sendreceive" rescanIntervalS="3600" fsWatcherEnabled="true" fsWatcherDelayS="1" ignorePerms="false">
    <device id="%s"></device><device id="%s"></device>
    <maxConflicts>-1</maxConflicts><minDiskFree unit="%%">0</minDiskFree>
  </folder>
  <device id="%s" name="here"><address>tcp://%s</address></device>
  <device id="%s" name="there"><address>tcp://%s</address></device>
  <gui enabled="true" tls="false"><address>%s</address><apikey>%s</apikey></gui>
  <options>
    <listenAddress>tcp://%s</listenAddress>
    <globalAnnounceEnabled>false</globalAnnounceEnabled><localAnnounceEnabled>false</localAnnounceEnabled>
    <relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled><reconnectionIntervalS>1</reconnectionIntervalS>
    <startBrowser>false</startBrowser><autoUpgradeIntervalH>0</autoUpgradeIntervalH><urAccepted>-1</urAccepted>
    <crashReportingEnabled>false</crashReportingEnabled><setLowPriority>false</setLowPriority>
  </options>
</configuration>
`, syncthingFolder, escaped(n.dir), n.device, peer.device, n.device, n.listen, peer.device, peer.listen, n.api, syncthingKey, n.listen)
}

func (s *syncthing) start(n *syncthingNode) {
	s.t.Helper()
	logs, err := os.Create(filepath.Join(n.home, "log"))
	must(s.t, err)
	defer logs.Close()
	n.cmd = exec.Command("syncthing", "serve", "--home", n.home, "--no-browser", "--no-restart", "--no-upgrade")
	n.cmd.Env = append(os.Environ(), "HOME="+n.home)
	n.cmd.Stdout, n.cmd.Stderr = logs, logs
	n.cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL, Setpgid: true}
	must(s.t, n.cmd.Start())
	s.t.Cleanup(func() {
		_ = unix.Kill(-n.cmd.Process.Pid, unix.SIGTERM)
		if err := wait(n.cmd); err != nil && n.cmd.ProcessState == nil {
			s.t.Errorf("syncthing: %v", err)
		}
		if s.t.Failed() {
			said, _ := os.ReadFile(logs.Name())
			s.t.Logf("syncthing at %s said:\n%s", n.dir, last(string(said)))
		}
	})
}

// call asks a node for something.
func (n *syncthingNode) call(method, what string, answered any) error {
	request, err := http.NewRequest(method, "http://"+n.api+"/rest/"+what, nil)
	if err != nil {
		return err
	}
	request.Header.Set("X-API-Key", syncthingKey)
	response, err := (&http.Client{Timeout: answer}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s, %w", what, response.Status, text, err)
	}
	if answered == nil {
		return nil
	}
	return json.Unmarshal(text, answered)
}

func (s *syncthing) await(what string, is func() bool) {
	s.t.Helper()
	for late := time.Now().Add(2 * answer); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(late) {
			s.t.Fatalf("syncthing: no %s", what)
		}
	}
}

// syncthingStatus is what a node says of its folder.
type syncthingStatus struct {
	State                                                       string
	NeedTotalItems, GlobalFiles, GlobalDeleted, GlobalBytes     int64
	GlobalDirectories, LocalFiles, LocalDirectories, PullErrors int64
}

// pass has both look at everything, and waits until neither wants anything of the other.
func (s *syncthing) pass() {
	s.t.Helper()
	if s.stopped {
		s.stopped = false
		s.each("POST", "system/resume")
	}
	s.await("connection", func() bool { return s.nodes[0].connected(s.nodes[1]) && s.nodes[1].connected(s.nodes[0]) })
	s.each("POST", "db/scan?folder="+syncthingFolder)
	alike := 0
	s.await("end", func() bool {
		var is [2]syncthingStatus
		for i, n := range s.nodes {
			must(s.t, n.call("GET", "db/status?folder="+syncthingFolder, &is[i]))
		}
		if is[0] != is[1] || is[0].State != "idle" || is[0].NeedTotalItems != 0 && is[0].PullErrors == 0 {
			alike = 0
			return false
		}
		alike++
		return alike == 3
	})
}

func (s *syncthing) each(method, what string) {
	s.t.Helper()
	for _, n := range s.nodes {
		must(s.t, n.call(method, what, nil))
	}
}

func (n *syncthingNode) connected(peer *syncthingNode) bool {
	var said struct {
		Connections map[string]struct{ Connected bool }
	}
	return n.call("GET", "system/connections", &said) == nil && said.Connections[peer.device].Connected
}

// stop parts the two. Each goes on looking at its own directory.
func (s *syncthing) stop() {
	s.t.Helper()
	s.stopped = true
	s.each("POST", "system/pause")
	s.await("pause", func() bool { return !s.nodes[0].connected(s.nodes[1]) })
}
