package console

import (
	"context"

	"github.com/tokenboard/tokenboard/internal/store"
)

// auditPiece is how many entries of the audit log are read at a time: each may hold some kilobytes.
const auditPiece = 200

// auditInPieces visits entries of the audit log, newest first, between two readings of the store: a client
// that reads an export slowly must not keep the store's log from being written back.
func (c *auditLog) auditInPieces(ctx context.Context, f store.AuditFilter, visit func(*store.AuditEntry) error) error {
	f.Limit = auditPiece
	for {
		var piece []store.AuditEntry
		err := c.Directory.Audit(ctx, f, func(e *store.AuditEntry) error {
			piece = append(piece, *e)
			return nil
		})
		if err != nil {
			return err
		}
		for i := range piece {
			if err := visit(&piece[i]); err != nil {
				return err
			}
		}
		if len(piece) < auditPiece {
			return nil
		}
		f.Before = piece[len(piece)-1].ID
	}
}
