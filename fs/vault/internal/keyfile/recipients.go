package keyfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/plugin"
	"golang.org/x/crypto/ssh"

	"github.com/overcast-fs/overcast/fs/vault/internal/text"
)

// ParseRecipients takes what age takes after -r: age1…, those of its plugins,
// and public keys of ssh. ui talks to the user for a plugin.
func ParseRecipients(spelled []string, ui *plugin.ClientUI) ([]age.Recipient, error) {
	var all []age.Recipient
	for _, s := range spelled {
		r, err := parseRecipient(s, ui)
		if err != nil {
			// What was taken for a recipient may be an identity, which no message may show.
			shown := text.OneLine(s)
			if strings.HasPrefix(strings.ToUpper(s), "AGE-") {
				shown = "AGE-…"
				err = errors.New("an identity, which is secret, where its recipient is wanted")
			}
			return nil, fmt.Errorf("recipient %s: %s", shown, text.OneLine(err.Error()))
		}
		all = append(all, r)
	}
	return all, nil
}

func parseRecipient(s string, ui *plugin.ClientUI) (age.Recipient, error) {
	switch {
	case strings.HasPrefix(s, "age1pq1"):
		return age.ParseHybridRecipient(s)
	case strings.HasPrefix(s, "age1") && strings.Count(s, "1") > 1:
		return plugin.NewRecipient(s, ui)
	case strings.HasPrefix(s, "age1"):
		return age.ParseX25519Recipient(s)
	case strings.HasPrefix(s, "ssh-"):
		return agessh.ParseRecipient(s)
	}
	return nil, errors.New("must begin with age1 or ssh-")
}

// ParseIdentities takes what age takes after -i: lines with identities, also of
// plugins, or a private key of ssh, for whose passphrase ask is called. What it
// returns is ready for [Open]. No error shows a part of a key.
func ParseIdentities(file []byte, ui *plugin.ClientUI, ask func() ([]byte, error)) ([]age.Identity, error) {
	if bytes.HasPrefix(bytes.TrimSpace(file), []byte("-----BEGIN")) {
		id, err := parseSSH(file, ask)
		if err != nil {
			return nil, fmt.Errorf("a private key that cannot be used: %s", text.OneLine(err.Error()))
		}
		return []age.Identity{saying{id}}, nil
	}
	var all []age.Identity
	lines := bufio.NewScanner(bytes.NewReader(file))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, err := parseIdentity(line, ui)
		if err != nil {
			return nil, fmt.Errorf("line %d is no identity of age", n)
		}
		all = append(all, saying{id})
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("it holds no identity")
	}
	return all, nil
}

func parseIdentity(line string, ui *plugin.ClientUI) (age.Identity, error) {
	if strings.HasPrefix(line, "AGE-PLUGIN-") {
		return plugin.NewIdentity(line, ui)
	}
	ids, err := age.ParseIdentities(strings.NewReader(line))
	if err != nil {
		return nil, err
	}
	return ids[0], nil
}

func parseSSH(file []byte, ask func() ([]byte, error)) (age.Identity, error) {
	id, err := agessh.ParseIdentity(file)
	locked, ok := errors.AsType[*ssh.PassphraseMissingError](err)
	if !ok || locked.PublicKey == nil {
		return id, err
	}
	return agessh.NewEncryptedSSHIdentity(locked.PublicKey, file, ask)
}

// saying tells the failure of an identity, such as a hardware key that is not
// there, from damage in the file that it was to open.
type saying struct{ age.Identity }

// Unwrap implements [age.Identity].
func (s saying) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	key, err := s.Identity.Unwrap(stanzas)
	if err == nil || errors.Is(err, age.ErrIncorrectIdentity) {
		return key, err
	}
	return nil, fmt.Errorf("%w: %s", ErrIdentity, text.OneLine(err.Error()))
}

// SealRecipients is [Keys.Seal] for the recipients that the keys name.
func (k *Keys) SealRecipients(ui *plugin.ClientUI) ([]byte, error) {
	to, err := ParseRecipients(k.Recipients, ui)
	if err != nil {
		return nil, err
	}
	sealed, err := k.Seal(to...)
	if err != nil {
		return nil, fmt.Errorf("encrypting to the recipients: %s", text.OneLine(err.Error()))
	}
	return sealed, nil
}
