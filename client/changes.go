package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ChangesQuery asks what made the difference between the costs of two ranges. Filter.From is needed.
type ChangesQuery struct {
	Filter
	By                 string    // model, provider, key, user, service or project; the server's default where empty
	Against, AgainstTo time.Time // the range before; zero: the one that ends with From, as long as the other
	Top                int       // groups; the server's default where 0
}

func (q *ChangesQuery) values() url.Values {
	v := q.Filter.values()
	set(v, "by", q.By)
	set(v, "top", strconv.Itoa(q.Top))
	for name, t := range map[string]time.Time{"against": q.Against, "against_to": q.AgainstTo} {
		if !t.IsZero() {
			v.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	return v
}

// Changes explains a difference in cost. The differences of Rows and Other add up exactly to the difference of All,
// unless one of them is saturated.
type Changes struct {
	By          string      `json:"by"`
	From        time.Time   `json:"from"`
	To          time.Time   `json:"to"`
	AgainstFrom time.Time   `json:"against_from"`
	AgainstTo   time.Time   `json:"against_to"`
	All         Change      `json:"all"`
	Rows        []Change    `json:"rows"`
	Other       *ChangeRest `json:"other"` // nil where there are no other groups
	AsOf        *time.Time  `json:"as_of"`
}

// Change describes how a group changed.
type Change struct {
	Group  string      `json:"group"`
	Label  string      `json:"label"`
	Before ChangedSums `json:"before"`
	After  ChangedSums `json:"after"`
	Effects
	Appeared    bool `json:"appeared"`
	Disappeared bool `json:"disappeared"`
}

// ChangeRest describes how the groups beyond the top ones changed, in sum.
type ChangeRest struct {
	Groups int         `json:"group_count"`
	Before ChangedSums `json:"before"`
	After  ChangedSums `json:"after"`
	Effects
}

// Effects are a difference and its parts, which add up to it exactly.
type Effects struct {
	Difference USD `json:"difference_usd"`
	Volume     USD `json:"volume_usd"`
	Mix        USD `json:"mix_usd"`
	Cache      USD `json:"cache_usd"`
	Price      USD `json:"price_usd"`
	// Saturated is set where a sum is more than the server can show, 9.2 thousand million USD: costs and effects as large as
	// that are lower bounds then.
	Saturated bool `json:"saturated"`
}

// ChangedSums are the sums of a group in one range.
type ChangedSums struct {
	Calls     int64 `json:"api_call_count"`
	Input     int64 `json:"input_tokens"`
	Output    int64 `json:"output_tokens"`
	CacheRead int64 `json:"cache_read_tokens"`
	Total     int64 `json:"total_tokens"`
	Cost      USD   `json:"cost_usd"`
	Unpriced  int64 `json:"unpriced_count"`
}

// Changes explains the difference between the costs of two ranges.
func (c *Client) Changes(ctx context.Context, q ChangesQuery) (Changes, error) {
	return call[Changes](ctx, c, http.MethodGet, "/changes", q.values(), nil)
}
