package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tokenboard/tokenboard/bench/panels"
	"github.com/tokenboard/tokenboard/internal/loadgen"
)

// promqlCommand measures the Overview dashboard over PromQL.
func promqlCommand(ctx context.Context, args []string) error {
	put := func(ctx context.Context, dir string, set loadgen.Set) error { return fill(ctx, dir, set, 1) }
	return panels.Command(ctx, os.Stdout, args, put, func(ctx context.Context, dir string) (*panels.Database, error) {
		b, err := os.ReadFile(filepath.Join(dir, filledName))
		if err != nil {
			return nil, fmt.Errorf("read the description of the database: %w", err)
		}
		var set filled
		if err := json.Unmarshal(b, &set); err != nil {
			return nil, fmt.Errorf("read the description of the database: %w", err)
		}
		l, _, opened, err := openAsBinary(ctx, dir)
		return &panels.Database{Ledger: l, Calls: set.Calls, End: set.End, Opened: opened}, err
	})
}
