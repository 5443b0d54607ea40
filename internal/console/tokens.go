package console

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

const tokensPerUser = 100

func (c *Console) tokenRoutes() {
	register(c, access.SignedIn, route(http.MethodGet, "/tokens", "tokens", "One's own API tokens; an admin's list has everybody's"), c.listTokens)
	create := route(http.MethodPost, "/tokens", "create-token", "Make an API token; the answer holds it this once")
	create.DefaultStatus = http.StatusCreated
	register(c, access.SignedIn, create, c.createToken)
	register(c, access.SignedIn, route(http.MethodDelete, "/tokens/{id}", "revoke-token", "Revoke an API token at once"), c.deleteToken)
}

// Token is an API token without its secret.
type Token struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Owner      TokenOwner `json:"owner"`
	Role       string     `json:"role" enum:"admin,operator,viewer,member,verifier"`
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
		ID: t.ID, Name: t.Name, Owner: TokenOwner{ID: t.User, Name: owner}, Role: t.Role, Display: t.Display, CreatedAt: t.CreatedAt,
		ExpiresAt: known(t.ExpiresAt), LastUsedAt: known(t.UsedAt),
	}
}

// auditToken is what the audit log tells of an API token.
type auditToken struct {
	Name      string     `json:"name"`
	Owner     string     `json:"owner"`
	Role      string     `json:"role"`
	Display   string     `json:"display"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

func auditedToken(t *store.Token, owner string) auditToken {
	return auditToken{Name: t.Name, Owner: owner, Role: t.Role, Display: t.Display, ExpiresAt: known(t.ExpiresAt)}
}

// tokens lists the tokens that whoever asks may see, with the names of their owners.
func (c *Console) tokens(ctx context.Context) ([]store.Token, map[string]string, error) {
	p := access.From(ctx)
	names := map[string]string{p.ID: p.Name}
	if !p.Role.May(access.ManageUsers) {
		if p.ID == "" {
			return nil, nil, nil
		}
		tokens, err := c.o.Ledger.Admin().Tokens(ctx, p.ID)
		return tokens, names, err
	}
	users, err := c.o.Ledger.Admin().Users(ctx)
	if err != nil {
		return nil, nil, err
	}
	for i := range users {
		names[users[i].ID] = users[i].Name
	}
	tokens, err := c.o.Ledger.Admin().Tokens(ctx, "")
	return tokens, names, err
}

func (c *Console) listTokens(ctx context.Context, _ *struct{}) (*envelope[[]Token], error) {
	tokens, names, err := c.tokens(ctx)
	if err != nil {
		return nil, c.failed("tokens", err)
	}
	out := make([]Token, len(tokens))
	for i := range tokens {
		out[i] = tokenOf(&tokens[i], names[tokens[i].User])
	}
	return answer(out), nil
}

func (c *Console) createToken(ctx context.Context, in *struct {
	Body struct {
		Name      string     `json:"name" maxLength:"100" doc:"what it is for"`
		Role      string     `json:"role" enum:"admin,operator,viewer,member,verifier" doc:"one that allows nothing that your own does not"`
		ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"without it the token is good until it is revoked"`
	}
}) (*envelope[NewToken], error) {
	p := access.From(ctx)
	switch {
	case p.ID == "":
		return nil, because("tokens_need_users", newProblem(http.StatusConflict, "API tokens belong to users, and here are none: set access::mode to local or oidc, and sign in"))
	case p.Via == "token": // one that is stolen must not outlive its revocation by another
		return nil, because("token_by_token", newProblem(http.StatusForbidden, "an API token cannot make another one; sign in"))
	}
	name, err := cleanText("name", in.Body.Name, maxName)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return nil, because("name_empty", wrong("body.name", "must not be empty; say what the token is for", nil))
	}
	role, err := access.ParseRole(in.Body.Role)
	if err != nil {
		return nil, because("role_unknown", wrong("body.role", err.Error(), nil))
	}
	if !role.Within(p.Role) {
		return nil, because("role_above_own", newProblem(http.StatusForbidden, "you cannot make a token that allows more than your role, "+p.Role.String()))
	}
	now := c.o.Now().UTC()
	t := store.Token{ID: randomID("tok_"), Name: name, User: p.ID, Role: role.String(), CreatedAt: now}
	if in.Body.ExpiresAt != nil {
		if t.ExpiresAt = in.Body.ExpiresAt.UTC(); !t.ExpiresAt.After(now) || t.ExpiresAt.Year() > 2200 {
			return nil, because("expiry_past", wrong("body.expires_at", "must lie in the future", nil))
		}
	}
	secret := randomSecret(tokenPrefix)
	t.Hash, t.Display = tokenHash(secret), usage.DisplayKey(secret)
	entry, err := c.audit(ctx, "token.create", store.AuditTarget{Type: "token", ID: t.ID, Name: t.Name}, nil, auditedToken(&t, p.Name))
	if err != nil {
		return nil, err
	}
	err = c.o.Ledger.Admin().AddToken(ctx, t, tokensPerUser, entry)
	if errors.Is(err, store.ErrTooManyTokens) {
		return nil, because("tokens_full", newProblem(http.StatusConflict, "you have 100 API tokens already; revoke some"))
	}
	if err != nil {
		return nil, c.failed("create a token", err)
	}
	return answer(NewToken{Token: tokenOf(&t, p.Name), Secret: secret}), nil
}

func (c *Console) deleteToken(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"100"`
}) (*envelope[Deleted], error) {
	tokens, names, err := c.tokens(ctx)
	if err != nil {
		return nil, c.failed("revoke a token", err)
	}
	unknown := because("token_unknown", newProblem(http.StatusNotFound, "you have no token of this id; "+base+"/tokens lists them"))
	for i := range tokens {
		t := &tokens[i]
		if t.ID != in.ID {
			continue
		}
		entry, err := c.audit(ctx, "token.revoke", store.AuditTarget{Type: "token", ID: t.ID, Name: t.Name}, auditedToken(t, names[t.User]), nil)
		if err != nil {
			return nil, err
		}
		err = c.o.Ledger.Admin().DropToken(ctx, t.ID, entry)
		if errors.Is(err, store.ErrTokenUnknown) {
			return nil, unknown
		}
		if err != nil {
			return nil, c.failed("revoke a token", err)
		}
		return answer(Deleted{ID: t.ID}), nil
	}
	return nil, unknown
}
