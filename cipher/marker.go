package cipher

import (
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// MarkerName is the entry at a cloud's root that tells whose directory it is. A
// directory without a valid one is absent: never read as empty, never written.
const MarkerName = "z-overcast.json"

// RecoveryName is the entry at a cloud's root of what keys.age holds, encrypted
// to a recovery kit instead of the passphrase.
const RecoveryName = "z-recovery.age"

// maxMarker bounds what is parsed; a marker has some 300 bytes.
const maxMarker = 16 << 10

const markerAbout = "This folder is one cloud of an Overcast vault. The files in it are encrypted; " +
	"Overcast keeps them, and a sync tool may copy them. Leave this file where it is."

type marker struct {
	About   string `json:"about"`
	Format  int    `json:"format"`
	VaultID ID     `json:"vault_id"`
	CloudID ID     `json:"cloud_id"`
	MAC     string `json:"mac"`
}

// Marker returns the content of the cloud's marker file.
func (c *Cloud) Marker() []byte {
	raw, err := json.MarshalIndent(marker{
		About: markerAbout, Format: formatVersion,
		VaultID: c.vaultID, CloudID: c.cloudID,
		MAC: hex.EncodeToString(c.markerMAC[:]),
	}, "", "  ")
	if err != nil {
		panic("cipher: a marker of strings and a number does not marshal: " + err.Error())
	}
	return append(raw, '\n')
}

// CheckMarker tells whether a marker file is this cloud's. It fails with
// [ErrDamaged] where the file cannot be read or does not authenticate, with
// [ErrNewer] where it is of a later format, and with [ErrWrongCloud] where it
// names another cloud or vault.
func (c *Cloud) CheckMarker(raw []byte) error {
	m, err := parseMarker(raw)
	if err != nil {
		return err
	}
	if m.VaultID != c.vaultID || m.CloudID != c.cloudID {
		return fmt.Errorf("cipher: %w: vault %v, cloud %v", ErrWrongCloud, m.VaultID, m.CloudID)
	}
	got, err := hex.DecodeString(m.MAC)
	if err != nil || subtle.ConstantTimeCompare(got, c.markerMAC[:]) != 1 {
		return fmt.Errorf("cipher: marker: %w: does not authenticate", ErrDamaged)
	}
	return nil
}

// ParseMarkerIDs reads the ids of a marker file without any key, and so without
// proof. It fails with [ErrDamaged] or [ErrNewer].
func ParseMarkerIDs(raw []byte) (vault, cloud ID, err error) {
	m, err := parseMarker(raw)
	return m.VaultID, m.CloudID, err
}

func parseMarker(raw []byte) (marker, error) {
	if len(raw) > maxMarker {
		return marker{}, fmt.Errorf("cipher: marker: %w: %d bytes", ErrDamaged, len(raw))
	}
	// The number alone first: the rest may mean something else in another format.
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return marker{}, fmt.Errorf("cipher: marker: %w: %w", ErrDamaged, err)
	}
	if head.Format > formatVersion {
		return marker{}, fmt.Errorf("cipher: marker: %w: format %d", ErrNewer, head.Format)
	}
	var m marker
	if err := json.Unmarshal(raw, &m); err != nil {
		return marker{}, fmt.Errorf("cipher: marker: %w: %w", ErrDamaged, err)
	}
	if m.Format != formatVersion || m.VaultID.IsZero() || m.CloudID.IsZero() {
		return marker{}, fmt.Errorf("cipher: marker: %w: format, vault or cloud missing", ErrDamaged)
	}
	return m, nil
}
