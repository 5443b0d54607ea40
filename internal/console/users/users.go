package users

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/password"
	"github.com/tokenboard/tokenboard/internal/access/throttle"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/audit"
	"github.com/tokenboard/tokenboard/internal/console/budgets"
	"github.com/tokenboard/tokenboard/internal/store"
)

const maxUsers = 10_000

// Handlers answer the routes of users, sessions and API tokens, and find out who a request acts for.
type Handlers struct {
	*api.Env
	Directory store.Directory
	Audit     *audit.Log
	// Budgets are shown with users; nil: they are not.
	Budgets *budgets.Handlers

	replicas Replicas // nil: this process is the only one

	open    bool    // nobody has to sign in
	signIn  *signIn // nil where nobody signs in
	hasher  *password.Hasher
	signIns *throttle.Rate // right sign-ins, by user
}

// Replicas is what the processes that share a directory have in common.
type Replicas interface {
	// SharedKey returns a key for a purpose, the same in all of them.
	SharedKey(purpose string) []byte
	Leases() store.Leases
	Holder() string // this process, in leases
}

// signInPace is for right sign-ins of one user.
var signInPace = throttle.Limit{Burst: 60, Every: 10 * time.Second}

// New returns the handlers. How people sign in is nil where nobody does.
func New(e *api.Env, d store.Directory, audit *audit.Log, open bool, how *SignIn) *Handlers {
	c := &Handlers{Env: e, Directory: d, Audit: audit, open: open, signIns: throttle.NewRate(signInPace)}
	if how != nil {
		c.signIn = newSignIn(*how, d, e.Now)
		c.hasher = c.signIn.hasher
	} else {
		c.hasher = password.New(password.Recommended)
	}
	return c
}

// Share says which processes share the directory. It is to be called before the first request.
func (c *Handlers) Share(with Replicas) {
	c.replicas = with
	counts, can := c.Directory.(throttle.Shared)
	if key := with.SharedKey("attempts to sign in"); can && key != nil && c.signIn != nil {
		c.signIn.limiter = throttle.NewSharedSignIns(c.signIn.Limits, counts, key)
	}
}

// SignsIn reports whether users sign in.
func (c *Handlers) SignsIn() bool { return c.signIn != nil }

// How returns how people sign in, with the defaults filled in; nil where nobody does.
func (c *Handlers) How() *SignIn {
	if c.signIn == nil {
		return nil
	}
	return &c.signIn.SignIn
}

// Principal finds out who a request acts for. It returns a context that its session is in. ownPage says that no page
// from elsewhere sent it. The error is ErrBadToken for an API token that opens nothing.
func (c *Handlers) Principal(r *http.Request, ownPage bool) (context.Context, access.Principal, error) {
	return c.signIn.principal(r, ownPage)
}

// WithDevice returns a context with the device cookie of a request, for the sign-in.
func (c *Handlers) WithDevice(ctx context.Context, r *http.Request) context.Context {
	if c.signIn == nil {
		return ctx
	}
	return c.signIn.withDevice(ctx, r)
}

// Routes adds the routes.
func (c *Handlers) Routes(r *api.Router) {
	api.Register(r, access.ReadUsers, api.Operation(http.MethodGet, "/users", "users", "All users by name, a thousand in one answer at most"), c.listUsers)
	create := api.Operation(http.MethodPost, "/users", "create-user", "Make a user who signs in with a password")
	create.DefaultStatus = http.StatusCreated
	api.Register(r, access.ManageUsers, create, c.createUser)
	api.Register(r, access.ManageUsers, api.Operation(http.MethodPatch, "/users/{id}", "change-user", "Change a user; a new password or disabling ends its sessions"), c.changeUser)
	api.Register(r, access.ManageUsers, api.Operation(http.MethodDelete, "/users/{id}", "delete-user", "Delete a user with its sessions and tokens"), c.deleteUser)
	api.Register(r, access.ManageUsers, api.Operation(http.MethodDelete, "/users/{id}/sessions", "end-sessions", "Sign a user out everywhere"), c.endSessions)
	c.sessionRoutes(r)
	c.tokenRoutes(r)
	c.oidcRoutes(r)
}

// User is a person who may use the console.
type User struct {
	ID          string           `json:"id"`
	Name        string           `json:"name"`
	DisplayName string           `json:"display_name"`
	Role        string           `json:"role" enum:"admin,operator,viewer,member,none" doc:"none: the OpenID Connect provider gives no role any more"`
	Source      string           `json:"source" enum:"local,oidc"`
	Disabled    bool             `json:"disabled"`
	CreatedAt   time.Time        `json:"created_at"`
	LastSeenAt  *time.Time       `json:"last_seen_at" doc:"to the minute"`
	Budgets     []budgets.Budget `json:"budgets" nullable:"false" doc:"budgets of the user of this name in telemetry, in the list only; see /budgets"`
}

func userOf(u *store.User) User {
	out := User{
		ID: u.ID, Name: u.Name, DisplayName: u.DisplayName, Role: u.Role, Source: "local", Disabled: u.Disabled,
		Budgets: []budgets.Budget{}, CreatedAt: u.CreatedAt, LastSeenAt: api.OptionalTime(u.SeenAt),
	}
	if u.Subject != "" {
		out.Source = "oidc"
	}
	if u.Role == "" {
		out.Role = roleNone
	}
	return out
}

// auditUser is the form of a user in the audit log.
type auditUser struct {
	Name        string `json:"name"`
	DisplayName string `json:"display_name,omitempty"`
	Role        string `json:"role"`
	Source      string `json:"source"`
	Disabled    bool   `json:"disabled,omitempty"`
	NewPassword bool   `json:"new_password,omitempty"`
}

func auditedUser(u *store.User) auditUser {
	shown := userOf(u)
	return auditUser{Name: shown.Name, DisplayName: shown.DisplayName, Role: shown.Role, Source: shown.Source, Disabled: shown.Disabled}
}

func userTarget(u *store.User) store.AuditTarget {
	return store.AuditTarget{Type: "user", ID: u.ID, Name: u.Name}
}

func (c *Handlers) listUsers(ctx context.Context, in *api.ListPage) (*api.List[User], error) {
	users, err := c.Directory.Users(ctx)
	if err != nil {
		return nil, c.Failed("users", err)
	}
	out := &api.List[User]{}
	out.Total = len(users)
	users, more, last, err := api.PageOf(users, *in, func(u *store.User) string { return u.ID })
	if err != nil {
		return nil, c.Failed("users", err)
	}
	if more {
		out.More("/users", *in, last, nil)
	}
	out.Body.Data = make([]User, len(users))
	for i := range users {
		out.Body.Data[i] = userOf(&users[i])
	}
	if c.Budgets == nil {
		return out, nil
	}
	of, err := c.Budgets.Of(ctx, store.ScopeUser)
	if err != nil {
		return nil, c.Failed("users", err)
	}
	for i := range out.Body.Data {
		out.Body.Data[i].Budgets = append(out.Body.Data[i].Budgets, of[out.Body.Data[i].Name]...)
	}
	return out, nil
}

// userRole reads a role that a person can have, and that does not exceed the role of the user who grants it.
func userRole(ctx context.Context, s string) (access.Role, error) {
	role, err := access.ParseRole(s)
	if err == nil && role == access.Verifier {
		err = errors.New("verifier is a role of API tokens only; the roles of users are admin, operator, viewer and member")
	}
	if err != nil {
		return role, api.WithReason("role_unknown", api.Invalid("body.role", err.Error(), nil))
	}
	if !role.Within(access.From(ctx).Role) {
		return role, api.WithReason("role_above_own", api.NewProblem(http.StatusForbidden, "you cannot give a role that allows more than your own"))
	}
	return role, nil
}

// hashPassword checks and hashes a password that is given to a user.
func (c *Handlers) hashPassword(ctx context.Context, secret, user string) (string, error) {
	if err := password.Check(secret, user); err != nil {
		return "", api.WithReason("password_unfit", api.Invalid("body.password", err.Error(), nil))
	}
	hash, err := c.hasher.Hash(ctx, signedInCaller(access.From(ctx)), secret)
	if errors.Is(err, password.ErrBusy) {
		return "", api.WithReason("busy", api.RetryLater(http.StatusServiceUnavailable, "many passwords are being checked at the moment; try again", time.Second))
	}
	if err != nil {
		return "", c.Failed("hash a password", err)
	}
	return hash, nil
}

func (c *Handlers) createUser(ctx context.Context, in *struct {
	Body struct {
		Name        string `json:"name" maxLength:"200" doc:"letters, digits and . _ @ + -; stored in lower case"`
		DisplayName string `json:"display_name,omitempty" maxLength:"100"`
		Role        string `json:"role" enum:"admin,operator,viewer,member"`
		Password    string `json:"password" maxLength:"512" doc:"12 to 128 characters"`
	}
}) (*api.Envelope[User], error) {
	b := &in.Body
	name, err := CleanName(b.Name)
	if err != nil {
		return nil, api.WithReason("user_name_unfit", api.Invalid("body.name", err.Error(), nil))
	}
	role, err := userRole(ctx, b.Role)
	if err != nil {
		return nil, err
	}
	u := store.User{ID: randomID("usr_"), Name: name, Role: role.String(), CreatedAt: c.Now().UTC()}
	if u.DisplayName, err = api.CleanText("display_name", b.DisplayName, api.MaxName); err != nil {
		return nil, err
	}
	if u.Password, err = c.hashPassword(ctx, b.Password, name); err != nil {
		return nil, err
	}
	users, err := c.Directory.Users(ctx)
	if err != nil {
		return nil, c.Failed("create a user", err)
	}
	if len(users) >= maxUsers {
		return nil, api.WithReason("users_full", api.NewProblem(http.StatusConflict, "there are as many users as can be; delete some"))
	}
	entry, err := c.Audit.Entry(ctx, "user.create", userTarget(&u), nil, auditedUser(&u))
	if err != nil {
		return nil, err
	}
	err = c.Directory.AddUser(ctx, u, entry)
	if errors.Is(err, store.ErrUserExists) {
		return nil, api.WithReason("user_name_taken", api.NewProblem(http.StatusConflict, "a user of this name exists already; choose another name"))
	}
	if err != nil {
		return nil, c.Failed("create a user", err)
	}
	return api.Answer(userOf(&u)), nil
}

// theUser finds the user of a route.
func (c *Handlers) theUser(ctx context.Context, id string) (store.User, error) {
	u, found, err := c.Directory.FindUser(ctx, store.UserRef{ID: id})
	if err != nil {
		return u, c.Failed("find a user", err)
	}
	if !found {
		return u, api.WithReason("user_unknown", api.NewProblem(http.StatusNotFound, "no user has this id; "+api.Base+"/users lists them"))
	}
	return u, nil
}

// userChanged turns the store's answer to a change of a user into ours.
func (c *Handlers) userChanged(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrLastAdmin):
		return api.WithReason("last_admin", api.NewProblem(http.StatusConflict, "this is the last admin who can sign in; make another one first"))
	case errors.Is(err, store.ErrUserUnknown):
		return api.WithReason("user_unknown", api.NewProblem(http.StatusNotFound, "no user has this id; "+api.Base+"/users lists them"))
	}
	return c.Failed(what, err)
}

// userChange has the fields of a user that a request changes; fields that are not set keep their values.
type userChange = struct {
	DisplayName *string `json:"display_name,omitempty" maxLength:"100"`
	Role        *string `json:"role,omitempty" enum:"admin,operator,viewer,member"`
	Disabled    *bool   `json:"disabled,omitempty"`
	Password    *string `json:"password,omitempty" maxLength:"512" doc:"12 to 128 characters"`
}

func (c *Handlers) changeUser(ctx context.Context, in *struct {
	ID   string `path:"id" maxLength:"100"`
	Body userChange
}) (*api.Envelope[User], error) {
	b := &in.Body
	u, err := c.theUser(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if b.DisplayName == nil && b.Role == nil && b.Disabled == nil && b.Password == nil {
		return nil, api.WithReason("change_empty", api.Invalid("body", "must name something to change: display_name, role, disabled or password", nil))
	}
	hash := ""
	if b.Password != nil && u.Subject == "" {
		if hash, err = c.hashPassword(ctx, *b.Password, u.Name); err != nil {
			return nil, err
		}
	}
	err = api.UntilUnchanged(ctx, func() error {
		if u, err = c.theUser(ctx, in.ID); err != nil {
			return err
		}
		return c.changeUserOnce(ctx, &u, b, hash)
	})
	if err != nil {
		return nil, err
	}
	return api.Answer(userOf(&u)), nil
}

// changeUserOnce changes a user as it is now; store.ErrChanged where somebody else changes it meanwhile.
func (c *Handlers) changeUserOnce(ctx context.Context, u *store.User, b *userChange, hash string) (err error) {
	if u.Subject != "" && (b.Role != nil || b.Password != nil) {
		return api.WithReason("user_of_provider", api.NewProblem(http.StatusConflict, "role and password of this user are the OpenID Connect provider's; change them there"))
	}
	before := auditedUser(u)
	if b.DisplayName != nil {
		if u.DisplayName, err = api.CleanText("display_name", *b.DisplayName, api.MaxName); err != nil {
			return err
		}
	}
	if b.Role != nil {
		role, err := userRole(ctx, *b.Role)
		if err != nil {
			return err
		}
		u.Role = role.String()
	}
	if b.Disabled != nil {
		u.Disabled = *b.Disabled
	}
	if b.Password != nil {
		u.Password = hash
	}
	after := auditedUser(u)
	after.NewPassword = b.Password != nil
	entry, err := c.Audit.Entry(ctx, "user.update", userTarget(u), before, after)
	if err != nil {
		return err
	}
	end := b.Password != nil || (b.Disabled != nil && *b.Disabled)
	err = c.Directory.UpdateUser(ctx, *u, store.UserUpdate{EndSessions: end}, entry)
	if errors.Is(err, store.ErrChanged) {
		return err
	}
	return c.userChanged("change a user", err)
}

// Deleted is something that was deleted.
type Deleted struct {
	ID string `json:"id"`
}

func (c *Handlers) deleteUser(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"100"`
}) (*api.Envelope[Deleted], error) {
	u, err := c.theUser(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	entry, err := c.Audit.Entry(ctx, "user.delete", userTarget(&u), auditedUser(&u), nil)
	if err != nil {
		return nil, err
	}
	if err := c.Directory.DeleteUser(ctx, u.ID, entry); err != nil {
		return nil, c.userChanged("delete a user", err)
	}
	return api.Answer(Deleted{ID: u.ID}), nil
}

// Ended is how many sessions were ended.
type Ended struct {
	Sessions int `json:"sessions"`
}

func (c *Handlers) endSessions(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"100"`
}) (*api.Envelope[Ended], error) {
	u, err := c.theUser(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	entry, err := c.Audit.Entry(ctx, "user.sign_out", userTarget(&u), nil, nil)
	if err != nil {
		return nil, err
	}
	n, err := c.Directory.EndSessions(ctx, u.ID, entry)
	if err != nil {
		return nil, c.Failed("sign a user out", err)
	}
	return api.Answer(Ended{Sessions: n}), nil
}
