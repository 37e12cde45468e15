package integration

import (
	"bufio"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// sqliteModes are the journal modes, with what each makes of a database.
var sqliteModes = [...]string{"wal", "delete"}

// sqliteWorker is testdata/sqlite_worker.py.
func sqliteWorker(t testing.TB, args ...string) []string {
	t.Helper()
	script, err := filepath.Abs("testdata/sqlite_worker.py")
	must(t, err)
	return append([]string{debianPython, script}, args...)
}

// demandDatabase checks a database and returns how many transactions it holds. A directory that is read-only needs
// immutable: a database in WAL mode wants a shared memory file beside it.
func demandDatabase(t testing.TB, path, query string) int {
	t.Helper()
	said := command{}.run(t, "sqlite3", "file:"+path+query,
		"PRAGMA integrity_check", "SELECT count(*) = max(id) FROM log", "SELECT sum(balance) FROM account", "SELECT max(id) FROM log")
	rest, ok := strings.CutPrefix(said, "ok\n1\n0\n")
	count, err := strconv.Atoi(strings.TrimSpace(rest))
	if !ok || err != nil {
		t.Fatalf("%s: %s", filepath.Base(path), said)
	}
	return count
}

// TestSQLite writes transactions while others read.
func TestSQLite(t *testing.T) {
	t.Parallel()
	need(t, "sqlite3", "sqlite3")
	const transactions = 200
	v := newVault(t, 2)
	m := v.mount()
	for _, mode := range sqliteModes {
		database := v.at(mode + ".db")
		command{}.run(t, sqliteWorker(t, "write", database, mode, "1")...)
		stops := make([]func(), 3)
		for i := range stops {
			stops[i] = sqliteReader(t, database)
		}
		command{}.run(t, sqliteWorker(t, "write", database, mode, strconv.Itoa(transactions-1))...)
		for _, stop := range stops {
			stop()
		}
	}
	m.unmount()

	demandAll := func(root, query string) {
		for _, mode := range sqliteModes {
			if count := demandDatabase(t, filepath.Join(root, mode+".db"), query); count != transactions {
				t.Errorf("%s: %d transactions, want %d", mode, count, transactions)
			}
		}
	}
	m = v.mount()
	demandAll(v.root, "")
	m.unmount()
	v.eachAlone(func(root string) { demandAll(root, "?immutable=1") })
}

// sqliteReader starts a reader and returns what ends it.
func sqliteReader(t testing.TB, database string) (stop func()) {
	t.Helper()
	args := sqliteWorker(t, "read", database)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	return func() {
		t.Helper()
		must(t, stdin.Close())
		if err := cmd.Wait(); err != nil {
			t.Errorf("a reader of %s: %v", filepath.Base(database), err)
		}
	}
}

// TestSQLiteKill kills the mount under a writer: what it had committed is there, in every cloud, and the database is whole.
func TestSQLiteKill(t *testing.T) {
	t.Parallel()
	need(t, "sqlite3", "sqlite3")
	const rounds = 3
	random := rand.New(rand.NewPCG(1, 2))
	for _, mode := range sqliteModes {
		v := newVault(t, 2)
		database, committed := v.at("db"), 0
		for range rounds {
			m := v.mount()
			committed = sqliteUntilKilled(t, m, mode, committed+1+random.IntN(60))
			m = v.mount()
			if count := demandDatabase(t, database, ""); count < committed {
				t.Errorf("%s: %d transactions were committed, and %d are there", mode, committed, count)
			}
			m.unmount()
		}
		v.eachAlone(func(root string) {
			if count := demandDatabase(t, filepath.Join(root, "db"), "?immutable=1"); count < committed {
				t.Errorf("%s: %d transactions were committed, and %d are in this cloud", mode, committed, count)
			}
		})
	}
}

// sqliteUntilKilled lets a writer work until it has committed a number of transactions, kills the mount under it, and
// returns the last one that it says is committed.
func sqliteUntilKilled(t testing.TB, m *mounted, mode string, enough int) (committed int) {
	t.Helper()
	args := sqliteWorker(t, "write", m.at("db"), mode, "100000")
	cmd := exec.Command(args[0], args[1:]...)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	killed := false
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		committed, err = strconv.Atoi(lines.Text())
		must(t, err)
		if committed >= enough && !killed {
			killed = true
			m.kill()
		}
	}
	_, _ = io.Copy(io.Discard, stdout)
	if err := cmd.Wait(); err == nil || !killed {
		t.Fatalf("the writer ended with %v after %d transactions", err, committed)
	}
	return committed
}
