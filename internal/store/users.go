package store

import (
	"context"
	"errors"
	"time"
)

// User is a person who may use the console.
type User struct {
	ID          string
	Name        string // unique; in lower case
	DisplayName string
	Role        string // as access.Role names it; "" for none
	Subject     string // of a user of an OpenID Connect provider: issuer and subject; "" for a local one
	Password    string // argon2id in PHC form; "" where it cannot sign in with one
	Disabled    bool
	CreatedAt   time.Time
	SeenAt      time.Time // when it last used the console, to the minute; zero for never
	// Version changes with every change of the user, but not of SeenAt; see Users.UpdateUser.
	Version int64
}

// UserRef names a user by one of its fields; the others are zero.
type UserRef struct{ ID, Name, Subject string }

// UserUpdate are the options of a change of a user.
type UserUpdate struct {
	EndSessions bool
	// EvenLastAdmin allows a change that leaves no admin: roles are decided elsewhere then.
	EvenLastAdmin bool
}

// Errors about users, sessions and tokens that callers distinguish.
var (
	ErrUserExists    = errors.New("a user of this name exists already")
	ErrUserUnknown   = errors.New("there is no such user")
	ErrLastAdmin     = errors.New("it is the last admin who can sign in")
	ErrTokenUnknown  = errors.New("no token has this id")
	ErrTooManyTokens = errors.New("there are as many as are allowed")
)

// Users is the storage of users. Every read sees the last change, also one made by another process.
type Users interface {
	// Users lists all users by name.
	Users(ctx context.Context) ([]User, error)
	FindUser(ctx context.Context, ref UserRef) (User, bool, error)
	// AddUser stores a new user, or returns ErrUserExists.
	AddUser(ctx context.Context, u User, e AuditEntry) error
	// UpdateUser replaces what is stored of u.ID, apart from CreatedAt and SeenAt, where that is of u.Version. It
	// returns ErrChanged where it is not, ErrUserUnknown, ErrUserExists where another one has the name, or ErrLastAdmin
	// where no admin would be left.
	UpdateUser(ctx context.Context, u User, o UserUpdate, e AuditEntry) error
	// DeleteUser removes a user with its sessions and tokens; errors as of UpdateUser.
	DeleteUser(ctx context.Context, id string, e AuditEntry) error
}

// Session is a user that is signed in.
type Session struct {
	Hash      string // of its token, never the token itself
	User      string // id
	Data      []byte
	CreatedAt time.Time
	SeenAt    time.Time // when it was last used, to the minute
	ExpiresAt time.Time
}

// Sessions is the storage of sessions.
type Sessions interface {
	// Session returns the session of a hash with its user.
	Session(ctx context.Context, hash string) (Session, User, bool, error)
	// PutSession stores a session, and removes its user's sessions that have expired or are not among the newest keep
	// ones.
	PutSession(ctx context.Context, s Session, keep int, e AuditEntry) error
	// TouchSession notes that a session and its user are in use.
	TouchSession(ctx context.Context, hash string, at time.Time) error
	// EndSession removes a session. Where there is none it does nothing.
	EndSession(ctx context.Context, hash string, e AuditEntry) error
	// EndSessions removes all sessions of a user, and returns how many there were.
	EndSessions(ctx context.Context, user string, e AuditEntry) (int, error)
}

// Token is an API token as it is stored: never the token itself.
type Token struct {
	ID        string
	Name      string
	User      string // id of its owner
	Role      string // as access.Role names it
	Scope     string // a permission, as access.Permission names it, that tokens of the role do not have otherwise; "" for none
	Hash      string
	Display   string
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
	UsedAt    time.Time // to the minute; zero: never
}

// TokenQuery selects API tokens. A zero field selects all.
type TokenQuery struct {
	User  string // id of their owner
	ID    string
	After string // those that follow the token of this id
	Limit int    // at most so many
}

// Tokens is the storage of API tokens.
type Tokens interface {
	// Tokens lists tokens, oldest first, and counts those that match without After and Limit. It returns ErrCursor
	// where After is of no token that matches.
	Tokens(ctx context.Context, q TokenQuery) (tokens []Token, total int, err error)
	// TokenOf returns the token of a hash with its owner.
	TokenOf(ctx context.Context, hash string) (Token, User, bool, error)
	// AddToken stores a token, or returns ErrTooManyTokens where its owner has max of them.
	AddToken(ctx context.Context, t Token, max int, e AuditEntry) error
	// DropToken removes a token, or returns ErrTokenUnknown.
	DropToken(ctx context.Context, id string, e AuditEntry) error
	// TouchToken notes that a token and its owner are in use.
	TouchToken(ctx context.Context, id string, at time.Time) error
}
