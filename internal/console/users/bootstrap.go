// Package users answers and changes users, their sessions and API tokens, and signs people in.
package users

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/password"
	"github.com/tokenboard/tokenboard/internal/access/throttle"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/lease"
	"github.com/tokenboard/tokenboard/internal/store"
)

// hasAdmin reports whether anybody can administer the console.
func (c *Handlers) hasAdmin(ctx context.Context) (bool, error) {
	users, err := c.Directory.Users(ctx)
	if err != nil {
		return false, fmt.Errorf("look for an admin: %w", err)
	}
	for i := range users {
		if roleOf(&users[i]) == access.Admin {
			return true, nil
		}
	}
	return false, nil
}

// Bootstrap makes the first admin from the configuration, where there is no admin yet. An admin who
// is there is left alone, also where the configuration has another password.
func (c *Handlers) Bootstrap(ctx context.Context, username, secret string) error {
	return c.alone(ctx, func() error {
		there, err := c.hasAdmin(ctx)
		if err != nil || there {
			return err
		}
		_, err = c.addAdmin(access.With(ctx, access.Principal{Name: "configuration", Via: "configuration"}), username, secret)
		return err
	})
}

// Of a lease to make the first admin: for how long one process has it at most, and how long another one waits.
const setupLease, setupWait = time.Minute, 10 * time.Second

// alone calls f while no other process makes the first admin.
func (c *Handlers) alone(ctx context.Context, f func() error) error {
	if c.replicas == nil {
		return f()
	}
	leases := c.replicas.Leases()
	kept, err := lease.Acquire(ctx, leases, lease.Options{Task: store.TaskSetup, Holder: c.replicas.Holder(), TTL: setupLease, Wait: setupWait}, func(error) {})
	if err != nil {
		return fmt.Errorf("make the first admin: %w", err)
	}
	err = f()
	kept.Stop()
	return errors.Join(err, leases.Release(context.WithoutCancel(ctx), kept.Lease()))
}

// SetupToken returns a one-time token with which the first admin can be made within an hour; "" where
// there is an admin. Replicas that share a directory take each other's.
func (c *Handlers) SetupToken(ctx context.Context) (string, error) {
	there, err := c.hasAdmin(ctx)
	if err != nil || there {
		return "", err
	}
	if c.replicas != nil {
		if key := c.replicas.SharedKey("setup tokens"); key != nil {
			return c.signIn.setup.share(key, c.Now()), nil
		}
	}
	return c.signIn.setup.make(c.Now()), nil
}

// addAdmin makes an admin.
func (c *Handlers) addAdmin(ctx context.Context, username, secret string) (u store.User, err error) {
	name, err := CleanName(username)
	if err != nil {
		return u, api.WithReason("user_name_unfit", api.Invalid("body.username", err.Error(), nil))
	}
	if err := password.Check(secret, name); err != nil {
		return u, api.WithReason("password_unfit", api.Invalid("body.password", err.Error(), nil))
	}
	u = store.User{ID: randomID("usr_"), Name: name, Role: access.Admin.String(), CreatedAt: c.Now().UTC()}
	if u.Password, err = c.hasher.Hash(ctx, signedInCaller(access.From(ctx)), secret); err != nil {
		return u, c.Failed("make the first admin", err)
	}
	entry, err := c.Audit.Entry(ctx, "user.create", userTarget(&u), nil, auditedUser(&u))
	if err != nil {
		return u, err
	}
	err = c.Directory.AddUser(ctx, u, entry)
	if errors.Is(err, store.ErrUserExists) {
		return u, api.WithReason("user_name_taken", api.NewProblem(http.StatusConflict, "a user of this name exists and is no admin; choose another name, or make it one: tokenboard user add --role admin"))
	}
	if err != nil {
		return u, c.Failed("make the first admin", err)
	}
	return u, nil
}

// open reports whether the token can still be used.
func (t *setupToken) open(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.hash != "" && (t.key != nil || !now.After(t.until))
}

// needsSetup reports whether the first admin can be made with a token.
func (c *Handlers) needsSetup(ctx context.Context) (bool, error) {
	if !c.signIn.setup.open(c.Now()) {
		return false, nil
	}
	there, err := c.hasAdmin(ctx) // another replica, or the command, may have made one
	if there {
		c.signIn.setup.end()
	}
	return !there, err
}

func (c *Handlers) firstAdmin(ctx context.Context, in *struct {
	Body struct {
		Token    string `json:"token" maxLength:"100" doc:"as the server printed it"`
		Username string `json:"username" maxLength:"200"`
		Password string `json:"password" maxLength:"512"`
	}
}) (*signedIn[Session], error) {
	if c.signIn == nil {
		return nil, errNoSignIn()
	}
	// The blank is in no user's name.
	wait, right, err := c.signIn.limiter.Begin(ctx, throttle.Attempt{Source: access.From(ctx).Source, Account: "first admin"}, c.Now())
	if err != nil {
		return nil, c.Failed("make the first admin", err)
	}
	if wait > 0 {
		return nil, api.WithReason("too_many_attempts", api.RetryLater(http.StatusTooManyRequests, "too many attempts; wait, and try again", wait))
	}
	var u store.User
	ok, err := c.signIn.setup.take(in.Body.Token, c.Now(), func() error {
		return c.alone(ctx, func() (err error) {
			if there, err := c.hasAdmin(ctx); err != nil || there {
				return errors.Join(err, api.WithReason("admin_exists", api.NewProblem(http.StatusConflict, "there is an admin already; sign in")))
			}
			u, err = c.addAdmin(access.With(ctx, access.Principal{Name: "setup", Via: "setup", Source: access.From(ctx).Source}), in.Body.Username, in.Body.Password)
			return err
		})
	})
	if !ok {
		return nil, api.WithReason("setup_token_unfit", api.NewProblem(http.StatusForbidden, "the token is wrong, used or too old; restart the server for a new one, or use: tokenboard user add"))
	}
	if err != nil {
		return nil, err
	}
	c.takeBack(ctx, right)
	return c.startSession(ctx, u, "session")
}
