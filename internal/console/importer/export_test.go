package importer

import (
	"context"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// CommitOnto commits a call in an import that has come as far as out, and returns how far it is then.
func CommitOnto(ctx context.Context, l *ledger.Ledger, out Import, c usage.Call) (Import, error) {
	r := &importRun{ledger: l, ctx: ctx, out: out}
	r.batch.Calls = append(r.batch.Calls, c)
	err := r.commit()
	return r.out, err
}

const ImportBatch = importBatch

const MaxImport = maxImport
