package dialect

import (
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tokenboard/tokenboard/internal/dialect/providers"
	"github.com/tokenboard/tokenboard/internal/dialect/tables"
	"github.com/tokenboard/tokenboard/internal/dialect/value"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// provider maps the first name that is a provider's. An unknown one that is the service's own is none.
func (r *record) provider() string {
	if (r.own.facts|r.origin.index.facts)&(1<<tables.Provider) == 0 {
		return ""
	}
	for i := range general[tables.Provider] {
		name := r.textAt(&general[tables.Provider][i])
		if name == "" || strings.EqualFold(name, "unknown") {
			continue
		}
		if p := r.mapped.of(name); p.provider != "" && (p.known || !strings.EqualFold(name, r.origin.service)) {
			return p.provider
		}
	}
	return ""
}

func (r *record) facts(c *usage.Call, f *Family, failed bool) {
	if c.Provider == "" && f != nil {
		c.Provider = f.Provider
	}
	if c.Provider == "" {
		c.Provider, _ = r.implied(f)
	}
	c.RequestModel = r.text(f, tables.RequestModel)
	if c.Model = r.text(f, tables.ResponseModel); c.Model == "" {
		if c.Model = r.text(f, tables.Model); c.Model == "" {
			c.Model = c.RequestModel
		}
	}
	if r.plan.routed {
		c.Model, c.RequestModel = withoutProvider(c.Model, c.Provider), withoutProvider(c.RequestModel, c.Provider)
	}
	c.Operation = r.operation(f)
	c.Tier, c.Account = r.tier(f), usage.ReadAccount(r.text(f, tables.Account))
	c.ResponseID, c.RequestID = r.text(f, tables.ResponseID), r.text(f, tables.RequestID)
	c.User, c.Project, c.Session = r.text(f, tables.User), r.text(f, tables.Project), r.text(f, tables.Session)
	if c.TTFT = r.duration(f, tables.TTFT); c.TTFT == 0 && !r.log {
		if first := r.text(f, tables.FirstTokenAt); first != "" {
			at, err := time.Parse(time.RFC3339Nano, first)
			if d := at.Sub(c.Start); err == nil && d > 0 && d < maxDuration {
				c.TTFT = d
			}
		}
	}
	if c.Duration == 0 {
		c.Duration = r.duration(f, tables.Duration)
	}
	for _, list := range r.aliases(f, tables.Stream) {
		for i := range list {
			if v, ok := r.at(&list[i]); ok && c.Stream == usage.Unknown {
				c.Stream = value.Truth(v)
			}
		}
	}
	if c.Stream == usage.Unknown && c.TTFT > 0 {
		c.Stream = usage.Yes
	}
	var bad bool
	if c.ReportedCost, c.HasReportedCost, bad = r.cost(f); bad {
		c.Quality |= usage.Inconsistent
	}
	if est, ok := r.at(&estimatedRef); ok && value.Truth(est) == usage.Yes {
		c.Quality |= usage.Estimated
	}
	c.Method = value.Method(r.text(f, tables.Method))
	c.Path = value.Path(r.text(f, tables.Path))
	c.Status = r.status(f)
	r.outcome(c, f, failed)
	c.KeyFingerprint, c.KeyDisplay = r.key()
}

// withoutProvider returns the name of a model without the provider of its call before it. Another one's name stays: Groq
// serves openai/gpt-oss-120b.
func withoutProvider(model, provider string) string {
	if before, name, found := strings.Cut(model, "/"); found && name != "" && before != "" && providers.Map(before) == provider {
		return name
	}
	return model
}

var estimatedRef, successRef, operationIDRef = refTo("gen_ai.usage.estimated"), refTo("success"), refTo("ai.operationId")

// status returns the HTTP status of the first alias that has a text; 0 where it is none.
func (r *record) status(f *Family) int {
	for _, list := range r.aliases(f, tables.Status) {
		for i := range list {
			a := &list[i]
			if v, ok := r.find(a); ok && a.path == "" && v.Type() == pcommon.ValueTypeInt {
				return statusOf(v.Int())
			}
			s := r.textAt(a)
			if s == "" || strings.EqualFold(s, "unknown") {
				continue
			}
			n, err := strconv.ParseInt(s, 10, 0)
			if err != nil {
				return 0
			}
			return statusOf(n)
		}
	}
	return 0
}

func statusOf(n int64) int {
	if n < 100 || n > 599 {
		return 0
	}
	return int(n)
}

// cost returns the first cost in US dollars that one call can have; bad reports whether there was one that
// none can have.
func (r *record) cost(f *Family) (cost usage.NanoUSD, ok, bad bool) {
	for _, list := range r.aliases(f, tables.Cost) {
		for i := range list {
			v, ok := r.at(&list[i])
			if !ok {
				continue
			}
			n, ok := value.Money(v)
			if !ok || (n == 0 && (f == nil || !f.ZeroCost)) {
				continue
			}
			if usd, err := usage.USD(n); err == nil && usd.Possible() {
				return usd, true, bad
			}
			bad = true
		}
	}
	return 0, false, bad
}

var kindRefs = refsTo(tables.OperationKinds)

func (r *record) operation(f *Family) string {
	op := r.text(nil, tables.Operation)
	if mapped, ok := tables.Operations[op]; ok {
		op = mapped
	}
	if op == "" && r.own.named(&operationIDRef) && strings.Contains(strings.ToLower(r.name), "embed") {
		op = "embeddings"
	}
	for i := range kindRefs {
		if op != "" {
			return op
		}
		if kind := r.textAt(&kindRefs[i]); kind != "" {
			op = tables.KindOperations[strings.ToLower(kind)]
		}
	}
	if op == "" && f != nil {
		op = f.Operation
	}
	if op == "" {
		op = "chat"
	}
	return op
}
