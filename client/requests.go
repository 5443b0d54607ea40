package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Stats returns sums over a range of time, and by model.
func (c *Client) Stats(ctx context.Context, f Filter) (Stats, error) {
	return call[Stats](ctx, c, http.MethodGet, "/stats", f.values(), nil)
}

// Trend returns sums by interval of time.
func (c *Client) Trend(ctx context.Context, q TrendQuery) (Trend, error) {
	return call[Trend](ctx, c, http.MethodGet, "/usage-trend", q.values(), nil)
}

// Breakdown returns sums by one or two dimensions, a page of rows.
func (c *Client) Breakdown(ctx context.Context, q BreakdownQuery) (Breakdown, error) {
	return call[Breakdown](ctx, c, http.MethodGet, "/breakdown", q.values(), nil)
}

// Dimension returns the values of a dimension that contain a text, most used first.
func (c *Client) Dimension(ctx context.Context, name, contains string, limit int) ([]DimensionValue, error) {
	v := url.Values{}
	set(v, "q", contains)
	set(v, "limit", strconv.Itoa(limit))
	out, err := call[struct{ Values []DimensionValue }](ctx, c, http.MethodGet, "/dimensions/"+url.PathEscape(name), v, nil)
	return out.Values, err
}

// Logs returns a page of calls, newest first; cursor is "" or the NextCursor of the page before.
func (c *Client) Logs(ctx context.Context, q LogQuery, cursor string) (Page, error) {
	v := q.values()
	set(v, "cursor", cursor)
	return call[Page](ctx, c, http.MethodGet, "/logs", v, nil)
}

// Calls visits calls, newest first, a page after the other. After an error it ends.
func (c *Client) Calls(ctx context.Context, q LogQuery) iter.Seq2[Call, error] {
	return func(yield func(Call, error) bool) {
		for cursor := ""; ; {
			page, err := c.Logs(ctx, q, cursor)
			if err != nil {
				yield(Call{}, err)
				return
			}
			for i := range page.Items {
				if !yield(page.Items[i], nil) {
					return
				}
			}
			if cursor = page.NextCursor; cursor == "" {
				return
			}
		}
	}
}

// Export returns a file of calls (json, ndjson, csv or parquet), which the caller closes, and the name that the
// server proposes. A read error means that the file is incomplete.
func (c *Client) Export(ctx context.Context, format string, q LogQuery) (file io.ReadCloser, name string, err error) {
	q.Limit = 0
	v := q.values()
	v.Set("format", format)
	res, err := c.send(ctx, http.MethodGet, "/export", v, "", nil, nil)
	if err != nil {
		return nil, "", err
	}
	return res.Body, fileName(res.Header.Get("Content-Disposition")), nil
}

// maxCall bounds one line of an export.
const maxCall = 1 << 20

// ExportFOCUS returns a file of costs by day in the FinOps Open Cost and Usage Specification 1.2 (csv or parquet), as Export
// does.
func (c *Client) ExportFOCUS(ctx context.Context, format string, f Filter) (file io.ReadCloser, name string, err error) {
	v := f.values()
	v.Set("format", format)
	res, err := c.send(ctx, http.MethodGet, "/export/focus", v, "", nil, nil)
	if err != nil {
		return nil, "", err
	}
	return res.Body, fileName(res.Header.Get("Content-Disposition")), nil
}

// ExportCalls visits calls, oldest first, as they are exported: all in one request.
func (c *Client) ExportCalls(ctx context.Context, q LogQuery) iter.Seq2[Call, error] {
	return func(yield func(Call, error) bool) {
		file, _, err := c.Export(ctx, "ndjson", q)
		if err != nil {
			yield(Call{}, err)
			return
		}
		defer file.Close()
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, maxCall)
		for lines.Scan() {
			var one Call
			err := json.Unmarshal(lines.Bytes(), &one)
			if !yield(one, err) || err != nil {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Call{}, fmt.Errorf("the export broke off: %w", err))
		}
	}
}

// ImportOptions say how a file is imported.
type ImportOptions struct {
	Format string // ndjson, tokenboard, newapi, litellm, langfuse, helicone or cliproxy
	To     string // leaves out calls that start at this time or later; "": none
	DryRun bool   // stores nothing
}

// Import brings a file of calls into the ledger.
func (c *Client) Import(ctx context.Context, o ImportOptions, file io.Reader) (Import, error) {
	query := url.Values{"format": {o.Format}}
	if o.To != "" {
		query.Set("to", o.To)
	}
	if o.DryRun {
		query.Set("dry_run", "true")
	}
	res, err := c.send(ctx, http.MethodPost, "/logs/import", query, "application/x-ndjson", file, nil) //nolint:bodyclose // answer closes it
	if err != nil {
		return Import{}, err
	}
	return answer[Import](res)
}

// Keys lists the keys.
func (c *Client) Keys(ctx context.Context) ([]Key, error) {
	return call[[]Key](ctx, c, http.MethodGet, "/keys", nil, nil)
}

// CreateKey makes a key.
func (c *Client) CreateKey(ctx context.Context, k KeyRequest) (NewKey, error) {
	return call[NewKey](ctx, c, http.MethodPost, "/keys", nil, k)
}

// RevokeKey revokes a key at once.
func (c *Client) RevokeKey(ctx context.Context, id string) error {
	_, err := call[json.RawMessage](ctx, c, http.MethodDelete, "/keys/"+url.PathEscape(id), nil, nil)
	return err
}

// RotateKey replaces the secret of a key; the old one stays valid for a while.
func (c *Client) RotateKey(ctx context.Context, id string, overlap time.Duration) (NewKey, error) {
	body := map[string]int64{"overlap_seconds": int64(overlap / time.Second)}
	return call[NewKey](ctx, c, http.MethodPost, "/keys/"+url.PathEscape(id)+"/rotate", nil, body)
}

// DisableKey turns a key off, or on again.
func (c *Client) DisableKey(ctx context.Context, id string, disabled bool) (Key, error) {
	return call[Key](ctx, c, http.MethodPatch, "/keys/"+url.PathEscape(id), nil, map[string]bool{"disabled": disabled})
}

// ErrKeyUnknown reports that no key has a name or id.
var ErrKeyUnknown = errors.New("no key has this name or id")

// FindKey finds a key by its id, else by its name among those that are not revoked.
func (c *Client) FindKey(ctx context.Context, nameOrID string) (Key, error) {
	keys, err := c.Keys(ctx)
	if err != nil {
		return Key{}, err
	}
	for i := range keys {
		if keys[i].ID == nameOrID {
			return keys[i], nil
		}
	}
	for i := range keys {
		if keys[i].Name == nameOrID && keys[i].Status != "revoked" {
			return keys[i], nil
		}
	}
	return Key{}, ErrKeyUnknown
}
