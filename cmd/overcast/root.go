package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/overcast-fs/overcast/cmd/overcast/internal/cli"
	"github.com/overcast-fs/overcast/cmd/overcast/internal/life"
)

// The groups in which help lists the commands.
const (
	groupVault = "vault"
	groupFiles = "files"
	groupOther = "other"
)

const rootLong = `Overcast shows one folder of plaintext, the mount, and keeps every file of it
as ciphertext in two or more other folders, the clouds: ordinary directories,
each under its own key, ready for any sync tool. Any one of them is enough to
read everything.

  overcast init ~/vault --cloud alpha=~/Dropbox/private --cloud beta=~/Sync/private
  overcast mount ~/vault ~/Private
  overcast unmount ~/Private`

// usage is how --help shows a command, after its long description.
const usage = `Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} [--help] COMMAND{{else}}{{.UseLine}}{{end}}
{{- if .HasExample}}

Examples:
{{.Example}}
{{- end}}
{{- $cmds := .Commands}}
{{- range $group := .Groups}}

{{.Title}}
{{- range $cmds}}{{if eq .GroupID $group.ID}}
  {{rpad .Name .NamePadding}}  {{.Short}}
{{- end}}{{end}}
{{- end}}
{{- if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
{{- end}}
{{- if .HasAvailableSubCommands}}

{{.CommandPath}} COMMAND --help tells more about a command.
{{- end}}
`

// newRootCmd builds the whole command tree. Nothing in it is shared with another tree.
func newRootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:               "overcast",
		Short:             "One encrypted folder, mirrored over several clouds",
		Long:              rootLong,
		Version:           buildVersion().Version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		Args:              knownCommand,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},

		SuggestionsMinimumDistance: 2,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return cli.UsageError(cmd, err) })
	root.SetUsageTemplate(usage)
	root.SetVersionTemplate("overcast {{.Version}}\n")
	root.AddGroup(
		&cobra.Group{ID: groupVault, Title: "The vault and its mount:"},
		&cobra.Group{ID: groupFiles, Title: "Files, without a mount:"},
		&cobra.Group{ID: groupOther, Title: "This machine and this program:"},
	)
	addGroup(root, groupFiles, newKeygenCmd(), newEncryptCmd(), newDecryptCmd(), newImportCmd(), newExportCmd())
	addGroup(root, groupVault, newInitCmd(), life.NewJoinCmd(), newMountCmd(), newUnmountCmd(), newStatusCmd(), newVerifyCmd(), newHealCmd(), newWhereCmd(),
		life.NewPasswdCmd(), life.NewKeysCmd(), life.NewRecoveryCmd(), life.NewCloudCmd())
	addGroup(root, groupFiles, newLsCmd(), newCatCmd(), newGetCmd(), newPutCmd())
	addGroup(root, groupOther, newDoctorCmd(), newSpeedCmd(), newVersionCmd(), newCompletionCmd(root))
	help := newHelpCmd(root)
	help.GroupID = groupOther
	root.SetHelpCommand(help)
	return root
}

// addGroup adds the commands to root under one heading of its help.
func addGroup(root *cobra.Command, group string, cmds ...*cobra.Command) {
	for _, c := range cmds {
		c.GroupID = group
		root.AddCommand(c)
	}
}

// knownCommand refuses whatever follows "overcast" and is no command, and names the commands that look like it.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %s", cli.QuoteName(args[0]))
	if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
		err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(similar, " or "))
	}
	return cli.UsageError(cmd, err)
}

// newHelpCmd is cobra's help command, except that an unknown topic is an error like any other.
func newHelpCmd(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			topic, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return knownCommand(root, args)
			}
			topic.InitDefaultHelpFlag()
			return topic.Help()
		},
	}
}
