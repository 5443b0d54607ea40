package ledger

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Dimension is what sums can be grouped by.
type Dimension uint8

// The dimensions.
const (
	ByNothing Dimension = iota
	ByModel             // model and provider together, see Group.Provider
	ByProvider
	ByKey // key fingerprint
	ByUser
	ByService
	ByProject
	ByStatus
)

// Query asks for sums over records that count. Edges are ascending times: the answer has
// one point for each [Edges[i], Edges[i+1]). With no Edges there is one point for
// everything that Filter.From and Filter.To let through.
type Query struct {
	Filter store.Filter // Text and Superseded are refused
	Edges  []time.Time
	By     Dimension
}

// Group is the sums of one value of the dimension.
type Group struct {
	Value    string // model, provider, fingerprint, user, service, project or status; "" where absent
	Provider string // of ByModel only
	Points   []Sums // len(Edges)-1, or 1
}

// Answer is what a Query gives.
type Answer struct {
	Groups []Group   // in no order; values with no call in the range are left out
	AsOf   time.Time // time of the last commit that the sums include
}

// Sums are exact sums over calls that count.
type Sums struct {
	Calls    int64
	Errors   int64
	NoUsage  int64 // calls without any token figure, failed ones included
	Unpriced int64 // calls with tokens for which no cost is known
	Tokens   usage.Tokens
	Cost     usage.NanoUSD
	Duration Histogram // of calls whose duration is known
	TTFT     Histogram // of calls whose time to first token is known
}
