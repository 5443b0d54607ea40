package users

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
)

// A browser that somebody has signed in with keeps a cookie that says so, of this user. It opens nothing: with it
// alone nobody is signed in. It keeps those who guess at a user's password from keeping the user out, for their
// failures count against unknown sources only.

const (
	// DeviceCookie is the name of that cookie.
	DeviceCookie = "tokenboard_device"
	deviceAge    = 400 * 24 * time.Hour // the most that browsers keep
	deviceIDLen  = 16                   // bytes
)

// deviceKey is a context's key of the device cookie that a request came with.
type deviceKey struct{}

func (s *signIn) deviceCookieName() string {
	if s.Secure {
		return "__Host-" + DeviceCookie
	}
	return DeviceCookie
}

// withDevice returns a context with the device cookie of a request, for the sign-in.
func (s *signIn) withDevice(ctx context.Context, r *http.Request) context.Context {
	if cookie, err := r.Cookie(s.deviceCookieName()); err == nil {
		return context.WithValue(ctx, deviceKey{}, cookie.Value)
	}
	return ctx
}

// deviceSum authenticates a device's id. Its key is the user's password hash, which holds a random salt and never
// leaves the store: devices are known until the password changes, of this user only.
func deviceSum(u *store.User, id []byte) []byte {
	mac := hmac.New(sha256.New, []byte("tokenboard device\x00"+u.ID+"\x00"+u.Password))
	mac.Write(id)
	return mac.Sum(nil)
}

// device names the device that a request came from, where the user has signed in with it before; "" else.
func device(ctx context.Context, u *store.User) string {
	value, _ := ctx.Value(deviceKey{}).(string)
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(raw) != deviceIDLen+sha256.Size || u.Password == "" || !hmac.Equal(deviceSum(u, raw[:deviceIDLen]), raw[deviceIDLen:]) {
		return ""
	}
	return u.ID + " " + hex.EncodeToString(raw[:deviceIDLen])
}

// rememberDevice returns the cookie of a browser that a user has just signed in with. A known one keeps its id, and
// so its count of failures.
func (s *signIn) rememberDevice(ctx context.Context, u *store.User, known bool) http.Cookie {
	id := make([]byte, deviceIDLen)
	value, _ := ctx.Value(deviceKey{}).(string)
	if raw, err := base64.RawURLEncoding.DecodeString(value); known && err == nil && len(raw) > deviceIDLen {
		id = raw[:deviceIDLen]
	} else {
		_, _ = rand.Read(id) // never fails, see crypto/rand
	}
	//nolint:gosec // Secure is set over TLS and by secure_cookie; plain HTTP on the loopback has no Secure cookies
	return http.Cookie{
		Name: s.deviceCookieName(), Value: base64.RawURLEncoding.EncodeToString(append(id, deviceSum(u, id)...)), Path: "/", HttpOnly: true,
		Secure: s.Secure, SameSite: http.SameSiteStrictMode, MaxAge: int(deviceAge.Seconds()),
	}
}
