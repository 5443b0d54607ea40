// Package seal encrypts the secrets of channels, so that a copy of the database, an export or a backup of it alone
// does not hold them. The key is derived from the key secret, which lies outside the database.
//
// What is sealed is bound to its channel: it opens for no other, so that who can write to the database cannot have the
// secret of one channel sent to the server of another.
package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
)

// Errors that callers distinguish.
var (
	// ErrOtherKey says that secrets were sealed with another key secret. They have to be set again.
	ErrOtherKey = errors.New("the channel's secrets were encrypted with another key secret: set them again")
	// ErrDamaged says that sealed secrets were changed, or belong to another channel.
	ErrDamaged = errors.New("the channel's stored secrets are damaged, or another channel's: set them again")
	// ErrNoKey says that there is no key secret.
	ErrNoKey = errors.New("there is no key secret that channels' secrets can be encrypted with")
)

// version begins all that is sealed: AES-256-GCM with a random nonce, after the check value of the key.
const (
	version   = 1
	checkSize = 4
	nonceSize = 12
	header    = 1 + checkSize + nonceSize
)

// Sealer seals and opens. It is safe for concurrent use.
type Sealer struct {
	aead  cipher.AEAD
	check [checkSize]byte // of the key: tells a wrong key from a wrong text
}

// New makes a sealer with a key that is derived of the key secret for this purpose alone.
func New(keySecret []byte) (*Sealer, error) {
	if len(keySecret) < 16 {
		return nil, ErrNoKey
	}
	key, err := hkdf.Key(sha256.New, keySecret, nil, "tokenboard: secrets of channels, 1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the key of channels' secrets: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("prepare the encryption of channels' secrets: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("prepare the encryption of channels' secrets: %w", err)
	}
	s := &Sealer{aead: aead}
	sum := sha256.Sum256(append([]byte("check "), key...))
	copy(s.check[:], sum[:])
	return s, nil
}

// Seal encrypts the secrets of a channel. No secrets are sealed as well, so that their number cannot be told.
func (s *Sealer) Seal(channel string, secrets map[string]string) ([]byte, error) {
	plain, err := json.Marshal(secrets)
	if err != nil {
		return nil, fmt.Errorf("encode the channel's secrets: %w", err)
	}
	sealed := make([]byte, header, header+len(plain)+s.aead.Overhead())
	sealed[0] = version
	copy(sealed[1:], s.check[:])
	_, _ = rand.Read(sealed[1+checkSize:]) // never fails, see crypto/rand
	return s.aead.Seal(sealed, sealed[1+checkSize:header], plain, bound(channel)), nil
}

// Open decrypts what Seal made for a channel.
func (s *Sealer) Open(channel string, sealed []byte) (map[string]string, error) {
	if len(sealed) < header || sealed[0] != version {
		return nil, ErrDamaged
	}
	if !bytes.Equal(sealed[1:1+checkSize], s.check[:]) {
		return nil, ErrOtherKey
	}
	plain, err := s.aead.Open(nil, sealed[1+checkSize:header], sealed[header:], bound(channel))
	if err != nil {
		return nil, ErrDamaged
	}
	secrets := map[string]string{}
	if err := json.Unmarshal(plain, &secrets); err != nil {
		return nil, ErrDamaged // without the cause, which may hold a secret
	}
	return secrets, nil
}

func bound(channel string) []byte { return []byte("channel\x00" + channel) }
