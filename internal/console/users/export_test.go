package users

import (
	"github.com/tokenboard/tokenboard/internal/access/password"
)

// SetHasher sets what hashes passwords.
func (c *Handlers) SetHasher(h *password.Hasher) { c.hasher = h }

const DefaultIdle = defaultIdle

var OwnPage = ownPage

const SessionsPerUser = sessionsPerUser

const SetupPatience = setupPatience

const TokensPerUser = tokensPerUser
