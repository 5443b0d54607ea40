package api

import (
	"context"
	"errors"

	"github.com/tokenboard/tokenboard/internal/store"
)

// UntilUnchanged makes a change of what is stored again where somebody else changed it meanwhile: of all who try at
// the same time, one succeeds each time.
func UntilUnchanged(ctx context.Context, change func() error) error {
	for {
		if err := change(); !errors.Is(err, store.ErrChanged) || ctx.Err() != nil {
			return err
		}
	}
}
