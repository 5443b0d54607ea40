package billing

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Dimensions are what bills can be made by.
func Dimensions() []string { return []string{"team", "user", "key", "project", "service"} }

// Limits of a credit.
const (
	MaxHolder = 300 // characters
	MaxReason = 300 // characters
	maxCredit = usage.NanoUSD(1_000_000_000 * nano)
)

// Credit is an amount that a holder is not charged in a month, with the reason.
type Credit struct {
	By     string `json:"by"`
	Holder string `json:"holder"` // as the bill names it: the id of a key or a team, or the name of a user, project or service
	Month  string `json:"month"`
	Nano   int64  `json:"amount_nano_usd"`
	Reason string `json:"reason"`
	Actor  string `json:"by_user"` // who gave it
}

// Amount is what is not charged.
func (c *Credit) Amount() usage.NanoUSD { return usage.NanoUSD(c.Nano) }

// StoredCredit is a credit as it is stored.
type StoredCredit struct {
	ID      string
	Version int64
	At      time.Time
	Credit
}

// Check returns an *Unfit where a credit cannot be.
func (c *Credit) Check() error {
	c.Reason = strings.TrimSpace(c.Reason)
	_, month := ParseMonth(c.Month, time.UTC)
	switch {
	case !slices.Contains(Dimensions(), c.By):
		return unfit("by", "must be one of %s", strings.Join(Dimensions(), ", "))
	case utf8.RuneCountInString(c.Holder) > MaxHolder:
		return unfit("holder", "has more than %d characters", MaxHolder)
	case !month:
		return unfit("month", "must be a month, such as 2026-01")
	case c.Nano <= 0 || c.Amount() > maxCredit:
		return unfit("amount_usd", "must be more than 0, and at most 1,000,000,000")
	case c.Reason == "":
		return unfit("reason", "is missing")
	case utf8.RuneCountInString(c.Reason) > MaxReason:
		return unfit("reason", "has more than %d characters", MaxReason)
	}
	return nil
}
