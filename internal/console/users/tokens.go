package users

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

const tokensPerUser = 100

func (c *Handlers) tokenRoutes(r *api.Router) {
	api.Register(r, access.SignedIn, api.Operation(http.MethodGet, "/tokens", "tokens", "One's own API tokens, oldest first; an admin's list has everybody's, an API token's only itself"), c.listTokens)
	create := api.Operation(http.MethodPost, "/tokens", "create-token", "Make an API token; the answer holds it this once")
	create.DefaultStatus = http.StatusCreated
	api.Register(r, access.MakeOwn, create, c.createToken)
	api.Register(r, access.SignedIn, api.Operation(http.MethodDelete, "/tokens/{id}", "revoke-token", "Revoke an API token at once"), c.deleteToken)
}

// Token is an API token without its secret.
type Token struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Owner      TokenOwner `json:"owner"`
	Role       string     `json:"role" enum:"admin,operator,viewer,member,verifier"`
	Scope      string     `json:"scope" enum:",manage_users" doc:"what the token may do besides what every token of its role may; empty for nothing"`
	Display    string     `json:"display" doc:"first letters and last four"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at" doc:"to the minute"`
}

// TokenOwner is the user that a token acts for.
type TokenOwner struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// NewToken is an API token with its secret.
type NewToken struct {
	Token
	Secret string `json:"token" doc:"the token itself; it is shown this once and stored nowhere"`
}

func tokenOf(t *store.Token, owner string) Token {
	return Token{
		ID: t.ID, Name: t.Name, Owner: TokenOwner{ID: t.User, Name: owner}, Role: t.Role, Scope: t.Scope, Display: t.Display, CreatedAt: t.CreatedAt,
		ExpiresAt: api.OptionalTime(t.ExpiresAt), LastUsedAt: api.OptionalTime(t.UsedAt),
	}
}

// auditToken is the form of an API token in the audit log.
type auditToken struct {
	Name      string     `json:"name"`
	Owner     string     `json:"owner"`
	Role      string     `json:"role"`
	Scope     string     `json:"scope,omitempty"`
	Display   string     `json:"display"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

func auditedToken(t *store.Token, owner string) auditToken {
	return auditToken{Name: t.Name, Owner: owner, Role: t.Role, Scope: t.Scope, Display: t.Display, ExpiresAt: api.OptionalTime(t.ExpiresAt)}
}

// visibleTokens returns the query of the tokens that the principal may see: a user's own ones, all for users who may
// manage users, and for an API token only itself. If nobody is true, there can be none.
func visibleTokens(ctx context.Context) (q store.TokenQuery, nobody bool) {
	p := access.From(ctx)
	if p.May(access.ManageUsers) {
		return q, false
	}
	return store.TokenQuery{User: p.ID, ID: p.Token}, p.ID == ""
}

// ownerNames returns the names of the users whose tokens the principal may see.
func (c *Handlers) ownerNames(ctx context.Context) (map[string]string, error) {
	p := access.From(ctx)
	names := map[string]string{p.ID: p.Name}
	if !p.May(access.ManageUsers) {
		return names, nil
	}
	users, err := c.Directory.Users(ctx)
	for i := range users {
		names[users[i].ID] = users[i].Name
	}
	return names, err
}

func (c *Handlers) listTokens(ctx context.Context, in *api.ListPage) (*api.List[Token], error) {
	out := &api.List[Token]{}
	out.Body.Data = []Token{}
	q, nobody := visibleTokens(ctx)
	if nobody {
		return out, nil
	}
	names, err := c.ownerNames(ctx)
	if err != nil {
		return nil, c.Failed("tokens", err)
	}
	q.After, q.Limit = in.Cursor, in.Limit+1
	tokens, total, err := c.Directory.Tokens(ctx, q)
	if err != nil {
		return nil, c.Failed("tokens", err)
	}
	if out.Total = total; len(tokens) > in.Limit {
		tokens = tokens[:in.Limit]
		out.More("/tokens", *in, tokens[in.Limit-1].ID, nil)
	}
	for i := range tokens {
		out.Body.Data = append(out.Body.Data, tokenOf(&tokens[i], names[tokens[i].User]))
	}
	return out, nil
}

func (c *Handlers) createToken(ctx context.Context, in *struct {
	Body struct {
		Name      string     `json:"name" maxLength:"100" doc:"what it is for"`
		Role      string     `json:"role" enum:"admin,operator,viewer,member,verifier" doc:"one that allows nothing that your own does not"`
		Scope     string     `json:"scope,omitempty" enum:",manage_users" doc:"manage_users: a token of the role admin may also make, change and delete users and revoke tokens"`
		ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"without it the token is valid until it is revoked"`
	}
}) (*api.Envelope[NewToken], error) {
	p := access.From(ctx)
	if p.ID == "" {
		return nil, api.WithReason("tokens_need_users", api.NewProblem(http.StatusConflict, "API tokens belong to users, and here are none: set access::mode to local or oidc, and sign in"))
	}
	name, err := api.CleanText("name", in.Body.Name, api.MaxName)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return nil, api.WithReason("name_empty", api.Invalid("body.name", "must not be empty; say what the token is for", nil))
	}
	role, err := access.ParseRole(in.Body.Role)
	if err != nil {
		return nil, api.WithReason("role_unknown", api.Invalid("body.role", err.Error(), nil))
	}
	if !role.Within(p.Role) {
		return nil, api.WithReason("role_above_own", api.NewProblem(http.StatusForbidden, "you cannot make a token that allows more than your role, "+p.Role.String()))
	}
	if in.Body.Scope != "" && !role.May(access.ManageUsers) {
		return nil, api.WithReason("scope_forbidden", api.Invalid("body.scope", "needs the role admin; leave it out", nil))
	}
	now := c.Now().UTC()
	t := store.Token{ID: randomID("tok_"), Name: name, User: p.ID, Role: role.String(), Scope: in.Body.Scope, CreatedAt: now}
	if in.Body.ExpiresAt != nil {
		if t.ExpiresAt = in.Body.ExpiresAt.UTC(); !t.ExpiresAt.After(now) || t.ExpiresAt.Year() > 2200 {
			return nil, api.WithReason("expiry_past", api.Invalid("body.expires_at", "must lie in the future", nil))
		}
	}
	secret := randomSecret(tokenPrefix)
	t.Hash, t.Display = TokenHash(secret), usage.DisplayKey(secret)
	entry, err := c.Audit.Entry(ctx, "token.create", store.AuditTarget{Type: "token", ID: t.ID, Name: t.Name}, nil, auditedToken(&t, p.Name))
	if err != nil {
		return nil, err
	}
	err = c.Directory.AddToken(ctx, t, tokensPerUser, entry)
	if errors.Is(err, store.ErrTooManyTokens) {
		return nil, api.WithReason("tokens_full", api.NewProblem(http.StatusConflict, "you have 100 API tokens already; revoke some"))
	}
	if err != nil {
		return nil, c.Failed("create a token", err)
	}
	return api.Answer(NewToken{Token: tokenOf(&t, p.Name), Secret: secret}), nil
}

func (c *Handlers) deleteToken(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"100"`
}) (*api.Envelope[Deleted], error) {
	unknown := api.WithReason("token_unknown", api.NewProblem(http.StatusNotFound, "you have no token of this id; "+api.Base+"/tokens lists them"))
	q, nobody := visibleTokens(ctx)
	if nobody || q.ID != "" && q.ID != in.ID {
		return nil, unknown
	}
	q.ID = in.ID
	names, err := c.ownerNames(ctx)
	if err != nil {
		return nil, c.Failed("revoke a token", err)
	}
	tokens, _, err := c.Directory.Tokens(ctx, q)
	if err != nil {
		return nil, c.Failed("revoke a token", err)
	}
	if len(tokens) == 0 {
		return nil, unknown
	}
	t := &tokens[0]
	entry, err := c.Audit.Entry(ctx, "token.revoke", store.AuditTarget{Type: "token", ID: t.ID, Name: t.Name}, auditedToken(t, names[t.User]), nil)
	if err != nil {
		return nil, err
	}
	err = c.Directory.DropToken(ctx, t.ID, entry)
	if errors.Is(err, store.ErrTokenUnknown) {
		return nil, unknown
	}
	if err != nil {
		return nil, c.Failed("revoke a token", err)
	}
	return api.Answer(Deleted{ID: t.ID}), nil
}
