package main

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cipher"
	"github.com/overcast-fs/overcast/fs/vault"
)

const statusLong = `Show the clouds of a vault: which of them are there, which lack changes and
why, which one leads, and where the vault is mounted. It needs no passphrase,
and changes nothing.`

func newStatusCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status VAULT",
		Short: "Show a vault's clouds and where it is mounted",
		Long:  statusLong,
		Args:  exactArgs("VAULT"),
		RunE:  func(cmd *cobra.Command, args []string) error { return runStatus(cmd, args[0], asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// vaultStatus is what status prints as JSON. What concerns the mount is empty while there is none.
type vaultStatus struct {
	Vault      string        `json:"vault"`
	ID         cipher.ID     `json:"id"`
	ChunkSize  int64         `json:"chunk_size"`
	Mounted    bool          `json:"mounted"`
	Mountpoint string        `json:"mountpoint"`
	PID        int           `json:"pid"`
	Started    *time.Time    `json:"started"`
	ReadOnly   bool          `json:"read_only"`
	Lead       string        `json:"lead"`
	Clouds     []cloudStatus `json:"clouds"`
}

// cloudStatus is one cloud. One that is absent can be behind as well.
type cloudStatus struct {
	Name   string           `json:"name"`
	Dir    string           `json:"dir"`
	ID     cipher.ID        `json:"id"`
	State  vault.CloudState `json:"state"`
	Behind bool             `json:"behind"`
	Reason string           `json:"reason"`
}

func runStatus(cmd *cobra.Command, dir string, asJSON bool) error {
	v, err := loadVault(dir)
	if err != nil {
		return err
	}
	s, err := statusOf(v)
	if err != nil {
		return failf(exitUnusable, "vault: %w", err)
	}
	if asJSON {
		return printJSON(cmd, s)
	}
	return s.print(cmd)
}

// statusOf puts together what the vault says, what the last mount wrote down, and what the directories show now.
func statusOf(v *vault.Vault) (*vaultStatus, error) {
	sum, err := v.ReadSummary()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	pid, locked, err := v.Mounted()
	if err != nil {
		return nil, err
	}
	mounted := locked && pid == sum.PID && sum.Mountpoint != ""
	s := &vaultStatus{
		Vault: v.Dir, ID: v.ID, ChunkSize: cipher.Layout{ChunkLog2: v.ChunkLog2}.ChunkSize(), Clouds: cloudStatuses(v, &sum, mounted),
	}
	if mounted {
		s.Mounted, s.Mountpoint, s.PID, s.Started = true, sum.Mountpoint, pid, &sum.Started
		s.ReadOnly, s.Lead = sum.ReadOnly, sum.Lead
		return s, nil
	}
	for _, c := range s.Clouds {
		if c.State == vault.CloudOK {
			s.Lead = c.Name // a mount would choose it
			break
		}
	}
	return s, nil
}

// cloudStatuses looks at every cloud's directory, by the ids in its marker. That a cloud lacks changes only a summary knows.
func cloudStatuses(v *vault.Vault, sum *vault.Summary, mounted bool) []cloudStatus {
	known := make(map[string]vault.SummaryCloud)
	for _, c := range sum.Clouds {
		known[c.Name] = c
	}
	var list []cloudStatus
	for _, c := range v.Clouds {
		s := cloudStatus{Name: c.Name, Dir: c.Dir, ID: c.ID, State: vault.CloudOK}
		last := known[c.Name]
		if s.Behind = last.State == vault.CloudBehind; s.Behind {
			s.State, s.Reason = vault.CloudBehind, last.Reason
		}
		if err := v.CheckMarker(c.Dir, c.ID, nil); err != nil {
			s.State, s.Reason = vault.CloudAbsent, err.Error()
		} else if mounted && last.State == vault.CloudAbsent {
			s.State, s.Reason = last.State, "was absent when the vault was mounted"
		}
		list = append(list, s)
	}
	return list
}

func (s *vaultStatus) print(cmd *cobra.Command) error {
	where := "not mounted"
	if s.Mounted {
		where = fmt.Sprintf("mounted on %s since %s by process %d", quoteName(s.Mountpoint), s.Started.Local().Format("2006-01-02 15:04"), s.PID)
		if s.ReadOnly {
			where += ", read-only"
		}
	}
	out := cmd.OutOrStdout()
	if _, err := fmt.Fprintf(out, "%s: %s\n\n", quoteName(s.Vault), where); err != nil {
		return err
	}
	rows := [][]string{{"CLOUD", "STATE", "DIRECTORY", ""}}
	for _, c := range s.Clouds {
		rows = append(rows, []string{c.Name, c.word(s.Lead), quoteName(c.Dir), printable(c.Reason)})
	}
	return printTable(out, "", rows)
}

// word is a cloud's state for people.
func (c cloudStatus) word(lead string) string {
	switch {
	case c.State == vault.CloudAbsent && c.Behind:
		return "absent, behind"
	case c.State == vault.CloudOK && c.Name == lead:
		return "ok, leads"
	}
	return string(c.State)
}
