package console

import (
	"context"
	"errors"

	"github.com/tokenboard/tokenboard/internal/store"
)

// untilUnchanged makes a change of what is stored again where somebody else changed it meanwhile: of all who try at
// the same time, one succeeds each time.
func untilUnchanged(ctx context.Context, change func() error) error {
	for {
		if err := change(); !errors.Is(err, store.ErrChanged) || ctx.Err() != nil {
			return err
		}
	}
}
