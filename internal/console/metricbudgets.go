package console

import "context"

// keys shows the keys by status. What is left of their budgets follows with the limits.
func (s *scrape) keys(ctx context.Context, index *keyIndex) error {
	return nil
}
