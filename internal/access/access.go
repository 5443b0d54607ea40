// Package access says who may do what: roles, the permissions that they hold, and the principal that a request acts
// for. An action that is not granted here is refused.
package access

import (
	"context"
	"fmt"
	"slices"
)

// Role is a set of permissions that a person or a program holds.
type Role uint8

// The roles, from the least powerful to the most. Nobody is the role of a request without a sign-in.
const (
	Nobody   Role = iota
	Verifier      // a proxy's API token: checks keys
	Member        // sees and makes only own keys, and sees their calls
	Viewer        // reads all
	Operator      // keys, limits, imports
	Admin         // everything
	roleCount
)

var roleNames = [roleCount]string{"", "verifier", "member", "viewer", "operator", "admin"}

// String is the role's name in the API and in configuration.
func (r Role) String() string {
	if r >= roleCount {
		return ""
	}
	return roleNames[r]
}

// ParseRole reads what String returns.
func ParseRole(s string) (Role, error) {
	for r, name := range roleNames {
		if name == s && s != "" {
			return Role(r), nil
		}
	}
	return Nobody, fmt.Errorf("%q is no role; the roles are admin, operator, viewer, member and, of API tokens, verifier", s)
}

// Permission is one thing that can be allowed. Every route needs exactly one.
type Permission uint8

// The permissions. The zero value is granted to nobody, so that a route without a permission is closed.
const (
	Unplaced      Permission = iota
	Anyone                   // no sign-in: probes, signing in, the page itself
	SignedIn                 // the own account: read it and its API tokens, revoke them
	MakeOwn                  // own password, new API tokens: never by an API token
	ReadUsage                // stats, trend, logs, breakdown, dimensions, export; a member's are of own keys only
	ReadKeys                 // a member's are own keys only
	WriteKeys                // make, change, rotate, revoke; a member's are own keys only
	ManageKeys               // keys of others: import, owners, sync with proxies
	VerifyKeys               // check keys
	ReadQuality              // data quality, prices
	ReadMetrics              // Prometheus, dashboards
	ImportCalls              // history
	ReadSettings             // the server's configuration, without secrets
	ReadUsers                // who may use the console
	ManageUsers              // users, their sessions and tokens: by an API token only with this scope
	ReadAudit                // who changed what
	Reprice                  // reprice stored calls
	ReadAlerts               // rules, what fires, channels without their secrets, what was sent
	ManageAlerts             // rules and channels: change, test, send again
	ManageBudgets            // teams and budgets
	ReadCluster              // the processes that share the store, by name
	ManageBilling            // internal prices, credits, the currency that amounts are shown in
	permissionCount
)

var permissionNames = [permissionCount]string{
	"", "anyone", "signed_in", "make_own_credentials", "read_usage", "read_keys", "write_keys", "manage_keys", "verify_keys", "read_quality", "read_metrics",
	"import_calls", "read_settings", "read_users", "manage_users", "read_audit", "reprice", "read_alerts", "manage_alerts", "manage_budgets", "read_cluster", "manage_billing",
}

// String is the permission's name in the API.
func (p Permission) String() string {
	if p >= permissionCount {
		return ""
	}
	return permissionNames[p]
}

// grants lists the permissions of each role.
var grants = [roleCount][]Permission{
	Nobody:   {Anyone},
	Verifier: {Anyone, VerifyKeys},
	Member:   {Anyone, SignedIn, MakeOwn, ReadUsage, ReadKeys, WriteKeys},
	Viewer:   {Anyone, SignedIn, MakeOwn, ReadUsage, ReadKeys, ReadQuality, ReadMetrics, ReadSettings, ReadAlerts},
	Operator: {Anyone, SignedIn, MakeOwn, ReadUsage, ReadKeys, WriteKeys, ManageKeys, VerifyKeys, ReadQuality, ReadMetrics, ImportCalls, ReadSettings, Reprice, ReadAlerts, ManageAlerts, ManageBudgets},
	Admin: {
		Anyone, SignedIn, MakeOwn, ReadUsage, ReadKeys, WriteKeys, ManageKeys, VerifyKeys, ReadQuality, ReadMetrics, ImportCalls, ReadSettings,
		ReadUsers, ManageUsers, ReadAudit, Reprice, ReadAlerts, ManageAlerts, ManageBudgets, ReadCluster, ManageBilling,
	},
}

// May reports whether a role holds a permission.
func (r Role) May(p Permission) bool {
	if r >= roleCount {
		return false
	}
	for _, g := range grants[r] {
		if g == p {
			return true
		}
	}
	return false
}

// Permissions lists what a role holds.
func (r Role) Permissions() []Permission {
	if r >= roleCount {
		return nil
	}
	return slices.Clone(grants[r])
}

// Within reports whether all that a role allows is allowed to another one too. A role is handed on only
// to what is within one's own: a verifier may check keys, which a viewer may not.
func (r Role) Within(other Role) bool {
	if r >= roleCount {
		return false
	}
	for _, p := range grants[r] {
		if !other.May(p) {
			return false
		}
	}
	return true
}

// Principal identifies the user or token that a request acts for. The zero value is nobody.
type Principal struct {
	ID   string // of a user, "" for others
	Name string // what the audit log shows
	Role Role
	Via  string // how it signed in: open, session, token, oidc, auth
	// Token is the id of the API token that the request came with; "" where there is none.
	Token string
	// Scope is the permission that an API token has in addition to its role's permissions; Unplaced for none.
	Scope Permission
	// Source is the IP address that the request came from; "" where there is none.
	Source string
}

// May reports whether the principal holds a permission: by its role, and where it is an API token of which
// the permission makes people or credentials, by the token's scope. A token that leaks would otherwise make
// another way in, which stays when the token is revoked.
func (p Principal) May(need Permission) bool {
	return p.Role.May(need) && (p.Token == "" || p.Scope == need && ScopeOf(need) || !outlives(need))
}

// outlives reports whether things made with a permission stay valid when their maker loses all permissions.
func outlives(p Permission) bool { return p == MakeOwn || p == ManageUsers }

// ScopeOf reports whether a permission can be the scope of an API token.
func ScopeOf(p Permission) bool { return p == ManageUsers }

// Permissions lists what the principal may do.
func (p Principal) Permissions() []Permission {
	var out []Permission
	for _, need := range p.Role.Permissions() {
		if p.May(need) {
			out = append(out, need)
		}
	}
	return out
}

// OwnOnly reports whether the principal sees only the keys it owns, and their calls.
func (p Principal) OwnOnly() bool { return p.Role == Member }

type contextKey struct{}

// With returns a context with a principal.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// From returns the principal of a context; nobody where none is known.
func From(ctx context.Context) Principal {
	p, _ := ctx.Value(contextKey{}).(Principal)
	return p
}
