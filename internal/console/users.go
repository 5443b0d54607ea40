package console

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/password"
	"github.com/tokenboard/tokenboard/internal/access/throttle"
	"github.com/tokenboard/tokenboard/internal/store"
)

const maxUsers = 10_000

// usersHandlers answer the routes of users, sessions and API tokens, and find out who a request acts for.
type usersHandlers struct {
	*Env
	Directory store.Directory
	Audit     *auditLog

	open    bool    // nobody has to sign in
	signIn  *signIn // nil where nobody signs in
	hasher  *password.Hasher
	signIns *throttle.Rate // right sign-ins, by user
}

// signInPace is for right sign-ins of one user.
var signInPace = throttle.Limit{Burst: 60, Every: 10 * time.Second}

// newUsers returns the handlers. How people sign in is nil where nobody does.
func newUsers(e *Env, d store.Directory, audit *auditLog, open bool, how *SignIn) *usersHandlers {
	c := &usersHandlers{Env: e, Directory: d, Audit: audit, open: open, signIns: throttle.NewRate(signInPace)}
	if how != nil {
		c.signIn = newSignIn(*how, d, e.Now)
		c.hasher = c.signIn.hasher
	} else {
		c.hasher = password.New(password.Recommended)
	}
	return c
}

// SignsIn reports whether users sign in.
func (c *usersHandlers) SignsIn() bool { return c.signIn != nil }

// How returns how people sign in, with the defaults filled in; nil where nobody does.
func (c *usersHandlers) How() *SignIn {
	if c.signIn == nil {
		return nil
	}
	return &c.signIn.SignIn
}

// Principal finds out who a request acts for. It returns a context that its session is in. ownPage says that no page
// from elsewhere sent it. The error is ErrBadToken for an API token that opens nothing.
func (c *usersHandlers) Principal(r *http.Request, ownPage bool) (context.Context, access.Principal, error) {
	return c.signIn.principal(r, ownPage)
}

// WithDevice returns a context with the device cookie of a request, for who signs in.
func (c *usersHandlers) WithDevice(ctx context.Context, r *http.Request) context.Context {
	if c.signIn == nil {
		return ctx
	}
	return c.signIn.withDevice(ctx, r)
}

// Routes adds the routes.
func (c *usersHandlers) Routes(r *router) {
	register(r, access.ReadUsers, operation(http.MethodGet, "/users", "users", "All users by name, a thousand in one answer at most"), c.listUsers)
	create := operation(http.MethodPost, "/users", "create-user", "Make a user who signs in with a password")
	create.DefaultStatus = http.StatusCreated
	register(r, access.ManageUsers, create, c.createUser)
	register(r, access.ManageUsers, operation(http.MethodPatch, "/users/{id}", "change-user", "Change a user; a new password or disabling ends its sessions"), c.changeUser)
	register(r, access.ManageUsers, operation(http.MethodDelete, "/users/{id}", "delete-user", "Delete a user with its sessions and tokens"), c.deleteUser)
	register(r, access.ManageUsers, operation(http.MethodDelete, "/users/{id}/sessions", "end-sessions", "Sign a user out everywhere"), c.endSessions)
	c.sessionRoutes(r)
	c.tokenRoutes(r)
	c.oidcRoutes(r)
}

// User is a person who may use the console.
type User struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	DisplayName string     `json:"display_name"`
	Role        string     `json:"role" enum:"admin,operator,viewer,member,none" doc:"none: the OpenID Connect provider gives no role any more"`
	Source      string     `json:"source" enum:"local,oidc"`
	Disabled    bool       `json:"disabled"`
	CreatedAt   time.Time  `json:"created_at"`
	LastSeenAt  *time.Time `json:"last_seen_at" doc:"to the minute"`
}

func userOf(u *store.User) User {
	out := User{
		ID: u.ID, Name: u.Name, DisplayName: u.DisplayName, Role: u.Role, Source: "local", Disabled: u.Disabled,
		CreatedAt: u.CreatedAt, LastSeenAt: known(u.SeenAt),
	}
	if u.Subject != "" {
		out.Source = "oidc"
	}
	if u.Role == "" {
		out.Role = roleNone
	}
	return out
}

// auditUser is what the audit log tells of a user.
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

func (c *usersHandlers) listUsers(ctx context.Context, in *ListPage) (*list[User], error) {
	users, err := c.Directory.Users(ctx)
	if err != nil {
		return nil, c.Failed("users", err)
	}
	out := &list[User]{}
	out.Total = len(users)
	users, more, last, err := pageOf(users, *in, func(u *store.User) string { return u.ID })
	if err != nil {
		return nil, c.Failed("users", err)
	}
	if more {
		out.more("/users", *in, last, nil)
	}
	out.Body.Data = make([]User, len(users))
	for i := range users {
		out.Body.Data[i] = userOf(&users[i])
	}
	return out, nil
}

// userRole reads a role that a person can have, and that whoever gives it has too.
func userRole(ctx context.Context, s string) (access.Role, error) {
	role, err := access.ParseRole(s)
	if err == nil && role == access.Verifier {
		err = errors.New("verifier is a role of API tokens only; the roles of users are admin, operator, viewer and member")
	}
	if err != nil {
		return role, because("role_unknown", wrong("body.role", err.Error(), nil))
	}
	if !role.Within(access.From(ctx).Role) {
		return role, because("role_above_own", newProblem(http.StatusForbidden, "you cannot give a role that allows more than your own"))
	}
	return role, nil
}

// hashPassword checks and hashes a password that is given to a user.
func (c *usersHandlers) hashPassword(ctx context.Context, secret, user string) (string, error) {
	if err := password.Check(secret, user); err != nil {
		return "", because("password_unfit", wrong("body.password", err.Error(), nil))
	}
	hash, err := c.hasher.Hash(ctx, signedInCaller(access.From(ctx)), secret)
	if errors.Is(err, password.ErrBusy) {
		return "", because("busy", later(http.StatusServiceUnavailable, "many passwords are being checked at the moment; try again", time.Second))
	}
	if err != nil {
		return "", c.Failed("hash a password", err)
	}
	return hash, nil
}

func (c *usersHandlers) createUser(ctx context.Context, in *struct {
	Body struct {
		Name        string `json:"name" maxLength:"200" doc:"letters, digits and . _ @ + -; stored in lower case"`
		DisplayName string `json:"display_name,omitempty" maxLength:"100"`
		Role        string `json:"role" enum:"admin,operator,viewer,member"`
		Password    string `json:"password" maxLength:"512" doc:"12 to 128 characters"`
	}
}) (*envelope[User], error) {
	b := &in.Body
	name, err := UserName(b.Name)
	if err != nil {
		return nil, because("user_name_unfit", wrong("body.name", err.Error(), nil))
	}
	role, err := userRole(ctx, b.Role)
	if err != nil {
		return nil, err
	}
	u := store.User{ID: randomID("usr_"), Name: name, Role: role.String(), CreatedAt: c.Now().UTC()}
	if u.DisplayName, err = cleanText("display_name", b.DisplayName, maxName); err != nil {
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
		return nil, because("users_full", newProblem(http.StatusConflict, "there are as many users as can be; delete some"))
	}
	entry, err := c.Audit.Entry(ctx, "user.create", userTarget(&u), nil, auditedUser(&u))
	if err != nil {
		return nil, err
	}
	err = c.Directory.AddUser(ctx, u, entry)
	if errors.Is(err, store.ErrUserExists) {
		return nil, because("user_name_taken", newProblem(http.StatusConflict, "a user of this name exists already; choose another name"))
	}
	if err != nil {
		return nil, c.Failed("create a user", err)
	}
	return answer(userOf(&u)), nil
}

// theUser finds the user of a route.
func (c *usersHandlers) theUser(ctx context.Context, id string) (store.User, error) {
	u, found, err := c.Directory.FindUser(ctx, store.UserRef{ID: id})
	if err != nil {
		return u, c.Failed("find a user", err)
	}
	if !found {
		return u, because("user_unknown", newProblem(http.StatusNotFound, "no user has this id; "+base+"/users lists them"))
	}
	return u, nil
}

// userChanged turns the store's answer to a change of a user into ours.
func (c *usersHandlers) userChanged(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrLastAdmin):
		return because("last_admin", newProblem(http.StatusConflict, "this is the last admin who can sign in; make another one first"))
	case errors.Is(err, store.ErrUserUnknown):
		return because("user_unknown", newProblem(http.StatusNotFound, "no user has this id; "+base+"/users lists them"))
	}
	return c.Failed(what, err)
}

// userChange is what a request changes of a user; what is not set stays.
type userChange = struct {
	DisplayName *string `json:"display_name,omitempty" maxLength:"100"`
	Role        *string `json:"role,omitempty" enum:"admin,operator,viewer,member"`
	Disabled    *bool   `json:"disabled,omitempty"`
	Password    *string `json:"password,omitempty" maxLength:"512" doc:"12 to 128 characters"`
}

func (c *usersHandlers) changeUser(ctx context.Context, in *struct {
	ID   string `path:"id" maxLength:"100"`
	Body userChange
}) (*envelope[User], error) {
	b := &in.Body
	u, err := c.theUser(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if b.DisplayName == nil && b.Role == nil && b.Disabled == nil && b.Password == nil {
		return nil, because("change_empty", wrong("body", "must name something to change: display_name, role, disabled or password", nil))
	}
	hash := ""
	if b.Password != nil && u.Subject == "" {
		if hash, err = c.hashPassword(ctx, *b.Password, u.Name); err != nil {
			return nil, err
		}
	}
	err = untilUnchanged(ctx, func() error {
		if u, err = c.theUser(ctx, in.ID); err != nil {
			return err
		}
		return c.changeUserOnce(ctx, &u, b, hash)
	})
	if err != nil {
		return nil, err
	}
	return answer(userOf(&u)), nil
}

// changeUserOnce changes a user as it is now; store.ErrChanged where somebody else changes it meanwhile.
func (c *usersHandlers) changeUserOnce(ctx context.Context, u *store.User, b *userChange, hash string) (err error) {
	if u.Subject != "" && (b.Role != nil || b.Password != nil) {
		return because("user_of_provider", newProblem(http.StatusConflict, "role and password of this user are the OpenID Connect provider's; change them there"))
	}
	before := auditedUser(u)
	if b.DisplayName != nil {
		if u.DisplayName, err = cleanText("display_name", *b.DisplayName, maxName); err != nil {
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

// Deleted tells of something that is gone.
type Deleted struct {
	ID string `json:"id"`
}

func (c *usersHandlers) deleteUser(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"100"`
}) (*envelope[Deleted], error) {
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
	return answer(Deleted{ID: u.ID}), nil
}

// Ended tells how many sessions were ended.
type Ended struct {
	Sessions int `json:"sessions"`
}

func (c *usersHandlers) endSessions(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"100"`
}) (*envelope[Ended], error) {
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
	return answer(Ended{Sessions: n}), nil
}
