// Package password keeps passwords as argon2id hashes and checks them. Hashing takes memory on
// purpose, so that a Hasher lets few run at a time, shares the
// work out among those who ask, and refuses when many wait.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Params are argon2id's, stored with every hash.
type Params struct {
	Memory  uint32 // KiB
	Passes  uint32
	Threads uint8
}

// Recommended are the values of the OWASP Password Storage Cheat Sheet
// (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html).
var Recommended = Params{Memory: 19 << 10, Passes: 2, Threads: 1}

const (
	saltLen   = 16
	hashLen   = 32
	maxMemory = 1 << 20 // KiB; a stored hash that asks for more is damaged
	maxPasses = 64
)

// MinLen and MaxLen limit the length of a password, in characters, as OWASP ASVS 4.0, 2.1.1 and 2.1.2, says.
const (
	MinLen = 12
	MaxLen = 128
)

// Check returns an error for a new password that is not accepted, which says why.
func Check(password, user string) error {
	n := utf8.RuneCountInString(password)
	switch {
	case n < MinLen:
		return fmt.Errorf("must have at least %d characters", MinLen)
	case n > MaxLen:
		return fmt.Errorf("must have at most %d characters", MaxLen)
	case !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl):
		return errors.New("must hold no control characters")
	case user != "" && strings.Contains(strings.ToLower(password), strings.ToLower(user)):
		return errors.New("must not contain the user's name")
	}
	distinct := map[rune]bool{}
	for _, r := range password {
		distinct[r] = true
	}
	if len(distinct) < 5 {
		return errors.New("must hold more than four different characters")
	}
	return nil
}

// ErrBusy is returned where too many passwords are being checked already, and the caller has no smaller share of the work than others.
var ErrBusy = errors.New("too many passwords are being checked at the moment")

// Hasher hashes and checks passwords, two at a time: one of a caller that has shown who it is, and one of another.
// It is safe for concurrent use.
type Hasher struct {
	params         Params
	known          queue
	unknownCallers queue
	dummy          string // what a user that does not exist is checked against
}

// New makes a hasher of these parameters.
func New(p Params) *Hasher {
	h := &Hasher{params: p}
	random := make([]byte, saltLen+hashLen)
	_, _ = rand.Read(random) // never fails, see crypto/rand
	h.dummy = encode(p, random[:saltLen], random[saltLen:])
	return h
}

// run waits for the caller's turn and calls f in it.
func (h *Hasher) run(ctx context.Context, c Caller, f func()) error {
	if c.Known {
		return h.known.run(ctx, c, f)
	}
	return h.unknownCallers.run(ctx, c, f)
}

// Hash returns a password's hash in PHC form, with a salt of its own.
func (h *Hasher) Hash(ctx context.Context, c Caller, password string) (encoded string, err error) {
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // never fails, see crypto/rand
	err = h.run(ctx, c, func() { encoded = encode(h.params, salt, h.params.key(password, salt)) })
	return encoded, err
}

// Verify reports whether a hash was made from a password. No password matches an empty hash, which stands for a user
// that does not exist or has no password; the check takes as long as for any other hash.
func (h *Hasher) Verify(ctx context.Context, c Caller, encoded, password string) (bool, error) {
	none := encoded == ""
	if none {
		encoded = h.dummy
	}
	p, salt, want, err := decode(encoded)
	if err != nil {
		return false, err
	}
	ok := false
	err = h.run(ctx, c, func() { ok = subtle.ConstantTimeCompare(p.key(password, salt), want) == 1 })
	return ok && !none, err
}

// Outdated reports whether a hash was made with other parameters than this hasher's.
func (h *Hasher) Outdated(encoded string) bool {
	p, _, _, err := decode(encoded)
	return err != nil || p != h.params
}

// key hashes the password as every keyboard and system types it alike: in the Unicode form NFKC.
func (p Params) key(password string, salt []byte) []byte {
	return argon2.IDKey(norm.NFKC.Bytes([]byte(password)), salt, p.Passes, p.Memory, p.Threads, hashLen)
}

// encode and decode use the PHC string format, as every argon2 library does.
func encode(p Params, salt, hash []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.Memory, p.Passes, p.Threads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(hash))
}

func decode(encoded string) (p Params, salt, hash []byte, err error) {
	parts := strings.Split(encoded, "$")
	damaged := errors.New("a stored password hash cannot be read; set the user's password again")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, damaged
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.Memory, &p.Passes, &p.Threads); err != nil {
		return p, nil, nil, damaged
	}
	if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err == nil {
		hash, err = base64.RawStdEncoding.DecodeString(parts[5])
	}
	if err != nil || len(hash) != hashLen || p.Memory > maxMemory || p.Passes < 1 || p.Passes > maxPasses || p.Threads < 1 {
		return p, nil, nil, damaged
	}
	return p, salt, hash, nil
}
