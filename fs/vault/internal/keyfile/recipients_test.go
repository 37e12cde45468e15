package keyfile

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"reflect"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/plugin"
	"golang.org/x/crypto/ssh"
)

// silent is no user: whatever a plugin asks fails.
func silent() *plugin.ClientUI {
	return plugin.NewTerminalUI(func(string, ...any) {}, func(string, ...any) {})
}

// sshKey is a key pair of ssh, the private one under a passphrase or "" for none.
func sshKey(t *testing.T, passphrase string) (public string, private []byte) {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	line, err := ssh.NewPublicKey(pub)
	check(t, err)
	block, err := ssh.MarshalPrivateKey(key, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	}
	check(t, err)
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(line))), pem.EncodeToMemory(block)
}

func TestRecipients(t *testing.T) {
	classic, err := age.GenerateX25519Identity()
	check(t, err)
	hybrid, err := age.GenerateHybridIdentity()
	check(t, err)
	open, openKey := sshKey(t, "")
	locked, lockedKey := sshKey(t, "of ssh")
	for _, tt := range []struct {
		name       string
		recipients []string
		identity   string
	}{
		{"age", []string{classic.Recipient().String()}, "# mine\n\n" + classic.String() + "\n"},
		{"post-quantum", []string{hybrid.Recipient().String()}, hybrid.String()},
		{"ssh", []string{open}, string(openKey)},
		{"ssh with a passphrase", []string{locked}, string(lockedKey)},
		{"one of several", []string{classic.Recipient().String(), open}, string(openKey)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k, err := Parse([]byte(goodKeys))
			check(t, err)
			k.Recipients = tt.recipients
			sealed, err := k.SealRecipients(silent())
			check(t, err)
			ids, err := ParseIdentities([]byte(tt.identity), silent(), func() ([]byte, error) { return []byte("of ssh"), nil })
			check(t, err)
			again, err := Open(sealed, ids...)
			check(t, err)
			if !reflect.DeepEqual(k, again) || WorkFactor(sealed) != 0 {
				t.Errorf("%v came back as %v, work factor %d", k, again, WorkFactor(sealed))
			}
			stranger, err := age.GenerateX25519Identity()
			check(t, err)
			_, err = Open(sealed, stranger)
			wantError(t, err, ErrWrongIdentity, "no identity")
			_, err = Open(sealed, Passphrase("of ssh"))
			wantError(t, err, ErrDamaged, "not encrypted with a passphrase")
		})
	}
}

func TestRecipientsRefused(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	check(t, err)
	secret := id.String()
	for text, says := range map[string]string{
		"":                   "must begin with",
		"mallory":            "must begin with",
		"age1mallory":        "recipient age1mallory: ",
		"ssh-ed25519 AAAA":   "recipient ssh-ed25519",
		"age1unheardof1qqqq": "recipient age1unheardof1qqqq: ",
		secret:               "an identity",
	} {
		_, err := ParseRecipients([]string{text}, silent())
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", text, err)
		}
	}
	hybrid, err := age.GenerateHybridIdentity()
	check(t, err)
	k, err := Parse([]byte(goodKeys))
	check(t, err)
	k.Recipients = []string{hybrid.Recipient().String(), id.Recipient().String()}
	if _, err := k.SealRecipients(silent()); err == nil {
		t.Error("a recipient that a quantum computer breaks beside one that it does not")
	}
	for _, text := range []string{"", "# nothing", secret[:40], "AGE-PLUGIN-X", "-----BEGIN OPENSSH PRIVATE KEY-----\n"} {
		_, err := ParseIdentities([]byte(text), silent(), nil)
		if err == nil || text != "" && strings.Contains(err.Error(), secret[20:40]) || strings.Contains(err.Error(), "\n") {
			t.Errorf("identity %q: %v", text, err)
		}
	}
}

// An identity that cannot be used is no damage of the keys.
func TestIdentityFails(t *testing.T) {
	public, private := sshKey(t, "right")
	k, err := Parse([]byte(goodKeys))
	check(t, err)
	k.Recipients = []string{public}
	sealed, err := k.SealRecipients(silent())
	check(t, err)
	for _, ask := range []func() ([]byte, error){
		func() ([]byte, error) { return []byte("wrong"), nil },
		func() ([]byte, error) { return nil, errors.New("nobody there") },
	} {
		ids, err := ParseIdentities(private, silent(), ask)
		check(t, err)
		_, err = Open(sealed, ids...)
		wantError(t, err, ErrIdentity, "identity: ")
	}
}

func TestWorkFactor(t *testing.T) {
	k, err := Parse([]byte(goodKeys))
	check(t, err)
	for _, factor := range []int{MinWorkFactor, 9, 12} {
		sealed, err := k.SealPassphrase([]byte("x"), factor)
		check(t, err)
		if got := WorkFactor(sealed); got != factor {
			t.Errorf("work factor %d, want %d", got, factor)
		}
	}
	for _, text := range []string{"", "age-encryption.org/v1\n-> scrypt x 99\n", "age-encryption.org/v1\n-> scrypt x\n"} {
		if got := WorkFactor([]byte(text)); got != 0 {
			t.Errorf("%q: work factor %d", text, got)
		}
	}
}
