package directory

import (
	"context"
	"database/sql"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite/sqlerr"
)

// Documents lists the documents of a kind where they changed after a version.
func (d *Directory) Documents(ctx context.Context, kind store.DocumentKind, after int64) ([]store.Document, int64, error) {
	tx, err := d.o.Read.BeginTx(ctx, nil) // version and rows of one moment
	if err != nil {
		return nil, 0, sqlerr.Map("list documents", err)
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	var version int64
	if _, err := one(tx.QueryRowContext(ctx, "SELECT version FROM document_kinds WHERE kind = ?", kind), &version); err != nil {
		return nil, 0, sqlerr.Map("read the version of documents", err)
	}
	if version == after {
		return nil, version, nil
	}
	rows, err := tx.QueryContext(ctx, "SELECT id, body, created_at, updated_at, version FROM documents WHERE kind = ? ORDER BY id", kind)
	if err != nil {
		return nil, 0, sqlerr.Map("list documents", err)
	}
	defer rows.Close()
	var list []store.Document
	for rows.Next() {
		var doc store.Document
		var created, updated int64
		if err := rows.Scan(&doc.ID, &doc.Body, &created, &updated, &doc.Version); err != nil {
			return nil, 0, sqlerr.Map("read a document", err)
		}
		doc.CreatedAt, doc.UpdatedAt = time.Unix(0, created).UTC(), time.Unix(0, updated).UTC()
		list = append(list, doc)
	}
	return list, version, sqlerr.Map("list documents", rows.Err())
}

// ChangeDocuments changes the documents of a kind.
func (d *Directory) ChangeDocuments(ctx context.Context, kind store.DocumentKind, c store.DocumentChange, entries ...store.AuditEntry) (version int64, err error) {
	err = d.o.Write(ctx, func(conn *sql.Conn) error {
		err := conn.QueryRowContext(ctx, `INSERT INTO document_kinds (kind, version) VALUES (?, 1)
ON CONFLICT (kind) DO UPDATE SET version = version + 1 RETURNING version`, kind).Scan(&version)
		if err != nil {
			return sqlerr.Map("count the change of documents", err)
		}
		for i := range c.Remove {
			if err := removeDocument(ctx, conn, kind, &c.Remove[i]); err != nil {
				return err
			}
		}
		for i := range c.Put {
			if err := putDocument(ctx, conn, kind, &c.Put[i], version); err != nil {
				return err
			}
		}
		if c.Limit > 0 {
			var n int
			if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM documents WHERE kind = ?", kind).Scan(&n); err != nil {
				return sqlerr.Map("count documents", err)
			}
			if n > c.Limit {
				return store.ErrTooManyDocuments
			}
		}
		for _, e := range entries {
			if err := appendAudit(ctx, conn, e); err != nil {
				return err
			}
		}
		return nil
	})
	return version, err
}

// versionOf returns the version of a stored document; 0 where there is none.
func versionOf(ctx context.Context, conn *sql.Conn, kind store.DocumentKind, id string) (version int64, err error) {
	_, err = one(conn.QueryRowContext(ctx, "SELECT version FROM documents WHERE kind = ? AND id = ?", kind, id), &version)
	return version, sqlerr.Map("look for a document", err)
}

func removeDocument(ctx context.Context, conn *sql.Conn, kind store.DocumentKind, doc *store.Document) error {
	was, err := versionOf(ctx, conn, kind, doc.ID)
	switch {
	case err != nil:
		return err
	case was == 0:
		return store.ErrDocumentUnknown
	case doc.Version != store.AnyVersion && doc.Version != was:
		return store.ErrChanged
	}
	_, err = conn.ExecContext(ctx, "DELETE FROM documents WHERE kind = ? AND id = ?", kind, doc.ID)
	return sqlerr.Map("remove a document", err)
}

func putDocument(ctx context.Context, conn *sql.Conn, kind store.DocumentKind, doc *store.Document, version int64) error {
	was, err := versionOf(ctx, conn, kind, doc.ID)
	switch {
	case err != nil:
		return err
	case doc.Version == 0 && was != 0:
		return store.ErrDocumentExists
	case doc.Version > 0 && was == 0:
		return store.ErrDocumentUnknown
	case doc.Version > 0 && was != doc.Version:
		return store.ErrChanged
	}
	_, err = conn.ExecContext(ctx, `INSERT INTO documents (kind, id, body, created_at, updated_at, version) VALUES (?,?,?,?,?,?)
ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at, version = excluded.version`,
		kind, doc.ID, string(doc.Body), doc.CreatedAt.UnixNano(), doc.UpdatedAt.UnixNano(), version)
	return sqlerr.Map("store a document", err)
}
