package directory

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

const selectDocumentsVersion = "SELECT coalesce((SELECT version FROM document_kinds WHERE kind = $1), 0)"

// Documents lists the documents of a kind where they changed after a version. Where none did, it asks for the version alone.
func (d *Directory) Documents(ctx context.Context, kind store.DocumentKind, after int64) (list []store.Document, version int64, err error) {
	if err := d.db.QueryRow(ctx, selectDocumentsVersion, string(kind)).Scan(&version); err != nil {
		return nil, 0, database.Map("read the version of documents", err)
	}
	if version == after {
		return nil, version, nil
	}
	err = d.db.Snapshot(ctx, func(tx database.Querier) error { // version and rows of one moment
		if err := tx.QueryRow(ctx, selectDocumentsVersion, string(kind)).Scan(&version); err != nil {
			return database.Map("read the version of documents", err)
		}
		rows, err := tx.Query(ctx, `SELECT id, body, created_at, updated_at, version FROM documents WHERE kind = $1 ORDER BY id COLLATE "C"`, string(kind))
		if err == nil {
			err = database.EachRow(rows, func(r pgx.Rows) error {
				var doc store.Document
				var body string
				var created, updated int64
				err := r.Scan(&doc.ID, &body, &created, &updated, &doc.Version)
				doc.Body, doc.CreatedAt, doc.UpdatedAt = []byte(body), time.Unix(0, created).UTC(), time.Unix(0, updated).UTC()
				list = append(list, doc)
				return err
			})
		}
		return database.Map("list documents", err)
	})
	if err != nil {
		return nil, 0, err
	}
	return list, version, nil
}

// ChangeDocuments changes the documents of a kind.
func (d *Directory) ChangeDocuments(ctx context.Context, kind store.DocumentKind, c store.DocumentChange, entries ...store.AuditEntry) (version int64, err error) {
	err = d.write(ctx, func(tx *database.Tx) error {
		err := tx.QueryRow(ctx, `INSERT INTO document_kinds (kind, version) VALUES ($1, 1)
ON CONFLICT (kind) DO UPDATE SET version = document_kinds.version + 1 RETURNING version`, string(kind)).Scan(&version)
		if err != nil {
			return database.Map("count the change of documents", err)
		}
		for i := range c.Remove {
			if err := removeDocument(ctx, tx, kind, &c.Remove[i]); err != nil {
				return err
			}
		}
		for i := range c.Put {
			if err := putDocument(ctx, tx, kind, &c.Put[i], version); err != nil {
				return err
			}
		}
		if c.Limit > 0 {
			var n int
			if err := tx.QueryRow(ctx, "SELECT count(*) FROM documents WHERE kind = $1", string(kind)).Scan(&n); err != nil {
				return database.Map("count documents", err)
			}
			if n > c.Limit {
				return store.ErrTooManyDocuments
			}
		}
		for _, e := range entries {
			if err := appendAudit(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	return version, err
}

// versionOf returns the version of a stored document; 0 where there is none.
func versionOf(ctx context.Context, tx *database.Tx, kind store.DocumentKind, id string) (version int64, err error) {
	if !storable(id) {
		return 0, nil
	}
	_, err = database.One(tx.QueryRow(ctx, "SELECT version FROM documents WHERE kind = $1 AND id = $2", string(kind), id), &version)
	return version, database.Map("look for a document", err)
}

func removeDocument(ctx context.Context, tx *database.Tx, kind store.DocumentKind, doc *store.Document) error {
	was, err := versionOf(ctx, tx, kind, doc.ID)
	switch {
	case err != nil:
		return err
	case was == 0:
		return store.ErrDocumentUnknown
	case doc.Version != store.AnyVersion && doc.Version != was:
		return store.ErrChanged
	}
	_, err = tx.Exec(ctx, "DELETE FROM documents WHERE kind = $1 AND id = $2", string(kind), doc.ID)
	return database.Map("remove a document", err)
}

func putDocument(ctx context.Context, tx *database.Tx, kind store.DocumentKind, doc *store.Document, version int64) error {
	was, err := versionOf(ctx, tx, kind, doc.ID)
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
	_, err = tx.Exec(ctx, `INSERT INTO documents (kind, id, body, created_at, updated_at, version) VALUES ($1,$2,$3,$4,$5,$6)
ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at, version = excluded.version`,
		string(kind), doc.ID, string(doc.Body), doc.CreatedAt.UnixNano(), doc.UpdatedAt.UnixNano(), version)
	return database.Map("store a document", err)
}
