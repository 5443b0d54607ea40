package console

import "github.com/tokenboard/tokenboard/internal/access/password"

// SetHasher sets what hashes passwords.
func (c *usersHandlers) SetHasher(h *password.Hasher) { c.hasher = h }
