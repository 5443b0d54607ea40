package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Reply is the answer to a GET as the server wrote it, for programs that pass it on.
type Reply struct {
	Data       json.RawMessage // the field data of the answer, byte for byte
	NextCursor string          // cursor of the next page of a list; "" at the end, and where the answer is no list
}

// Get asks for a path below the API's base path, such as /stats, and returns the data undecoded. It fails with a *Problem
// where the server refuses, and where the answer has more bytes than most.
func (c *Client) Get(ctx context.Context, path string, query url.Values, most int64) (Reply, error) {
	res, err := c.send(ctx, http.MethodGet, path, query, "", nil, nil)
	if err != nil {
		return Reply{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	if err != nil {
		return Reply{}, fmt.Errorf("read the answer: %w", err)
	}
	if int64(len(b)) > most {
		return Reply{}, fmt.Errorf("the answer to GET %s has more than %d bytes", path, most)
	}
	var e struct{ Data json.RawMessage }
	if err := json.Unmarshal(b, &e); err != nil {
		return Reply{}, fmt.Errorf("read the answer: %w", err)
	}
	return Reply{Data: e.Data, NextCursor: res.Header.Get("X-Next-Cursor")}, nil
}
