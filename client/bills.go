package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"
)

// BillsQuery asks for the bills of a month.
type BillsQuery struct {
	Month    string   // such as 2026-01; "": the month before the present one
	By       string   // team, user, key, project or service
	Holders  []string // ids of teams or keys, or names; none: all
	Timezone string   // in which the month begins; "": the console's
}

func (q *BillsQuery) values() url.Values {
	v := url.Values{}
	set(v, "month", q.Month)
	set(v, "by", q.By)
	set(v, "timezone", q.Timezone)
	if len(q.Holders) > 0 {
		v["holder"] = q.Holders
	}
	return v
}

// BillSums are what a bill, or a line of it, has used and what that is charged.
type BillSums struct {
	Sums
	Charged   USD   `json:"charged_usd"`
	Uncharged int64 `json:"uncharged_count"` // calls whose cost is not known
}

// ConvertedAmount is an amount in the currency that the console shows.
type ConvertedAmount struct {
	Code   string  `json:"code"`
	Amount float64 `json:"amount"`
	Rate   float64 `json:"per_usd"`
	From   string  `json:"rate_from"` // the day since which the rate holds; "": always
}

// BillDue is what is left to pay.
type BillDue struct {
	Credited  USD              `json:"credit_usd"`
	Due       USD              `json:"due_usd"`
	AtLeast   bool             `json:"at_least"` // calls without a known cost are not charged
	Converted *ConvertedAmount `json:"converted"`
}

// BillLine is the calls of a model.
type BillLine struct {
	Provider string   `json:"provider"`
	Model    string   `json:"model"`
	Factor   *float64 `json:"factor"` // nil: charged by prices of tokens
	BillSums
}

// BillCredit is an amount that is not charged.
type BillCredit struct {
	ID        string    `json:"id"`
	Version   int64     `json:"version"`
	By        string    `json:"by"`
	Holder    string    `json:"holder"`
	Month     string    `json:"month"`
	Amount    USD       `json:"amount_usd"`
	Reason    string    `json:"reason"`
	GivenBy   string    `json:"given_by"`
	CreatedAt time.Time `json:"created_at"`
}

// Bill is what a holder owes for a month.
type Bill struct {
	Holder string `json:"holder"` // id of a team or key, or the name; "": calls that name none
	Name   string `json:"name"`
	BillSums
	BillDue
	Lines   []BillLine   `json:"lines"`
	Credits []BillCredit `json:"credits"`
}

// Bills are the bills of a month, largest due first.
type Bills struct {
	Month      string    `json:"month"`
	By         string    `json:"by"`
	Timezone   string    `json:"timezone"`
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
	Unfinished bool      `json:"unfinished"`
	OwnOnly    bool      `json:"own_only"`
	Bills      []Bill    `json:"bills"`
	Count      int       `json:"bill_count"`
	Total      struct {
		BillSums
		BillDue
	} `json:"total"`
	NextCursor string `json:"next_cursor"`
}

// Bills returns the bills of a month with their lines, those of all pages.
func (c *Client) Bills(ctx context.Context, q BillsQuery) (Bills, error) {
	v := q.values()
	v.Set("lines", "true")
	v.Set("limit", "1000")
	var all []Bill
	for {
		page, err := call[Bills](ctx, c, http.MethodGet, "/bills", v, nil)
		if err != nil {
			return Bills{}, err
		}
		all = append(all, page.Bills...)
		if page.NextCursor == "" {
			page.Bills = all
			return page, nil
		}
		v.Set("cursor", page.NextCursor)
	}
}

// ExportBills returns the bills of a month as a file (csv or json), and the name that the server gives it. currency adds the amounts
// in the currency that the console shows. The caller closes the file.
func (c *Client) ExportBills(ctx context.Context, q BillsQuery, format string, currency bool) (file io.ReadCloser, name string, err error) {
	v := q.values()
	v.Set("format", format)
	if currency {
		v.Set("currency", "true")
	}
	res, err := c.send(ctx, http.MethodGet, "/bills/export", v, "", nil, nil)
	if err != nil {
		return nil, "", err
	}
	return res.Body, fileName(res.Header.Get("Content-Disposition")), nil
}
