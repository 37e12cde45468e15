package volume

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/overcast-fs/overcast/fs/vault"
	"github.com/overcast-fs/overcast/fs/volume/internal/control"
)

// ErrEnded means that the process of a mount ended before it had done what it was
// asked for.
var ErrEnded = errors.New("the mount ended before it was done")

// Served reports whether a vault is mounted, so that its process is to be asked.
func Served(v *vault.Vault) (bool, error) {
	_, ok, err := serving(v)
	return ok, err
}

// VerifyServed has the process of the mount verify a vault, while programs use
// it.
func VerifyServed(ctx context.Context, v *vault.Vault, o CheckupOptions) (*Report, error) {
	return ask(ctx, v, doVerify, o)
}

// HealServed has the process of the mount heal a vault, while programs use it.
// What ends the caller ends the healing; the next one goes on.
func HealServed(ctx context.Context, v *vault.Vault, o CheckupOptions) (*Report, error) {
	return ask(ctx, v, doHeal, o)
}

func ask(ctx context.Context, v *vault.Vault, do string, o CheckupOptions) (*Report, error) {
	if err := CheckCloud(v, o.Cloud); err != nil {
		return nil, err
	}
	sum, ok, err := serving(v)
	if err != nil || !ok {
		return nil, errors.Join(err, ErrEnded)
	}
	r := request{Do: do, Cloud: o.Cloud}
	for _, path := range o.Paths {
		r.Paths = append(r.Paths, []byte(path))
	}
	var report *Report
	findings := []Finding{}
	err = control.Call(ctx, v.ControlPath(), sum.PID, r, func(line []byte) error {
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			return fmt.Errorf("the mount's answer: %w", err)
		}
		switch {
		case a.Error != "":
			return fmt.Errorf("%s: %s", do, a.Error)
		case a.Found != nil:
			f := a.Found.Finding
			f.Path = string(a.Found.Path)
			findings = append(findings, f)
		case a.Step != nil && o.Plan != nil:
			o.Plan(a.Step.Cloud, string(a.Step.Text))
		case a.Read > 0 && o.Read != nil:
			o.Read(a.Read)
		case a.Result != nil:
			report = &a.Result.Report
			report.Findings = findings
			report.Steps, report.Lost, report.Short = a.Result.Steps, a.Result.Lost, a.Result.Short
		}
		return nil
	})
	if errors.Is(err, control.ErrNobody) {
		return nil, locked(v, fmt.Errorf("%w by process %d, which cannot be asked (%w)", vault.ErrLocked, sum.PID, err))
	}
	if err == nil && report == nil {
		err = ErrEnded
	}
	return report, err
}
