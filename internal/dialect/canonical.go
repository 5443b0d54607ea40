package dialect

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// What the conventions have no name for and only the canonical form needs.
const (
	attrRecordID = "tokenboard.record.id" // of a log record: its identity before texts were dropped
	attrStart    = "tokenboard.start_unix_nano"
	attrDuration = "tokenboard.duration_nano"
)

// roleNames are the values of usage.AttrRole.
var roleNames = map[usage.Role]string{usage.RoleCall: "call", usage.RoleAggregate: "aggregate", usage.RoleTool: "tool"}

// tokenFields are the conventions' figures, and where each stands in a call.
var tokenFields = []struct {
	attr  string
	field usage.TokenFields
	get   func(usage.Tokens) int64
}{
	{usage.AttrInputTokens, usage.HasInput, usage.Tokens.Input},
	{usage.AttrOutputTokens, usage.HasOutput, usage.Tokens.Output},
	{usage.AttrCacheRead, usage.HasCacheRead, func(t usage.Tokens) int64 { return t.CacheRead }},
	{usage.AttrCacheWrite, usage.HasCacheWrite, func(t usage.Tokens) int64 { return t.CacheWrite }},
	{usage.AttrReasoningTokens, usage.HasReasoning, func(t usage.Tokens) int64 { return t.Reasoning }},
	{usage.AttrCacheWrite1h, usage.HasCacheWrite1h, func(t usage.Tokens) int64 { return t.CacheWrite1h }},
}

// WriteCanonical writes a call into the attributes of its record in the current GenAI conventions,
// with what they have no name for under "tokenboard.". A Decoder reads the same call from it again.
func WriteCanonical(c *usage.Call, family string, attrs pcommon.Map) {
	if family == Canonical {
		return // it stands there
	}
	for _, f := range tokenFields {
		if c.Tokens.Fields&f.field != 0 {
			attrs.PutInt(f.attr, f.get(c.Tokens))
		} else {
			attrs.Remove(f.attr) // what stood there was no count
		}
	}
	if _, ok := attrs.Get("gen_ai.usage.total_tokens"); ok {
		attrs.PutInt("gen_ai.usage.total_tokens", c.Tokens.Total())
	}
	for _, part := range modalities {
		if n := *part.at(&c.Modalities); n > 0 {
			attrs.PutInt(part.aliases[0], n)
		}
	}
	put := func(name, value string) {
		if value != "" {
			attrs.PutStr(name, value)
		} else {
			attrs.Remove(name)
		}
	}
	put(usage.AttrOperation, c.Operation)
	put(usage.AttrProvider, c.Provider)
	put(usage.AttrRequestModel, c.RequestModel)
	put(usage.AttrResponseModel, c.Model)
	put(usage.AttrResponseID, c.ResponseID)
	put(usage.AttrErrorType, c.ErrorType)
	put(usage.AttrRequestID, c.RequestID)
	put(usage.AttrKeyFingerprint, c.KeyFingerprint)
	put(usage.AttrKeyDisplay, c.KeyDisplay)
	put(usage.AttrUser, c.User)
	put(usage.AttrProject, c.Project)
	put(usage.AttrSession, c.Session)
	put(usage.AttrGroup, c.Group)
	put(usage.AttrFamily, family)
	put(usage.AttrRole, roleNames[c.Role])
	put(usage.AttrHTTPMethod, c.Method)
	put(usage.AttrURLPath, c.Path)
	if c.Session != "" {
		if _, ok := attrs.Get(usage.AttrConversationID); !ok {
			attrs.PutStr(usage.AttrConversationID, c.Session)
		}
	}
	if c.Status != 0 {
		attrs.PutInt(usage.AttrHTTPStatus, int64(c.Status))
	}
	if c.Stream != usage.Unknown {
		attrs.PutBool(usage.AttrRequestStream, c.Stream == usage.Yes)
	}
	if c.TTFT > 0 {
		attrs.PutDouble(usage.AttrTTFT, c.TTFT.Seconds())
	}
	if c.Echo {
		attrs.PutBool(usage.AttrEcho, true)
	}
	if c.HasReportedCost {
		attrs.PutInt(usage.AttrCostReported, int64(c.ReportedCost))
	}
	if names := c.Quality.Names(); len(names) > 0 {
		list := attrs.PutEmptySlice(usage.AttrQuality)
		for _, n := range names {
			list.AppendEmpty().SetStr(n)
		}
	}
	if c.Signal == usage.SignalLog {
		attrs.PutStr(attrRecordID, c.ID.String())
		attrs.PutInt(attrStart, c.Start.UnixNano())
		attrs.PutInt(attrDuration, int64(c.Duration))
	}
}

// readCanonical reads what WriteCanonical wrote; false where the record was not normalised.
func (r *record) readCanonical(c *usage.Call, failed bool) bool {
	v, ok := r.get(usage.AttrRole)
	if !ok {
		return false
	}
	for role, name := range roleNames {
		if text(v) == name {
			c.Role = role
		}
	}
	if c.Role == usage.RoleNone {
		return false
	}
	r.canonicalTokens(c)
	get := func(name string) string {
		v, ok := r.get(name)
		if !ok {
			return ""
		}
		return text(v)
	}
	c.Operation, c.Provider, c.RequestModel = get(usage.AttrOperation), get(usage.AttrProvider), get(usage.AttrRequestModel)
	c.Model = get(usage.AttrResponseModel)
	c.ResponseID, c.RequestID, c.ErrorType = get(usage.AttrResponseID), get(usage.AttrRequestID), get(usage.AttrErrorType)
	c.User, c.Project, c.Session = get(usage.AttrUser), get(usage.AttrProject), get(usage.AttrSession)
	c.Group, c.Method, c.Path = get(usage.AttrGroup), get(usage.AttrHTTPMethod), pathOf(get(usage.AttrURLPath))
	if c.KeyFingerprint = get(usage.AttrKeyFingerprint); usage.IsFingerprint(c.KeyFingerprint) {
		c.KeyDisplay = get(usage.AttrKeyDisplay)
	} else {
		c.KeyFingerprint = ""
	}
	if v, ok := r.get(usage.AttrEcho); ok {
		c.Echo = truth(v) == usage.Yes
	}
	if v, ok := r.get(usage.AttrRequestStream); ok {
		c.Stream = truth(v)
	}
	if v, ok := r.get(usage.AttrTTFT); ok {
		if n, ok := number(v); ok && n < maxDuration.Seconds() {
			c.TTFT = time.Duration(n*float64(time.Second) + 0.5)
		}
	}
	if n, is := r.count(usage.AttrHTTPStatus); is == usable && n >= 100 && n <= 599 {
		c.Status = int(n)
	}
	if v, ok := r.get(usage.AttrCostReported); ok {
		if n, isInt := v.(int64); isInt && n >= 0 {
			c.ReportedCost, c.HasReportedCost = usage.NanoUSD(n), true
		}
	}
	if v, ok := r.get(usage.AttrQuality); ok {
		if list, isList := v.(pcommon.Slice); isList {
			var names []string
			for _, item := range list.All() {
				names = append(names, item.AsString())
			}
			c.Quality |= usage.ParseQuality(names)
		}
	}
	if r.log || c.Signal == usage.SignalLog {
		if n, is := r.count(attrDuration); is == usable && n < int64(maxDuration) {
			c.Duration = time.Duration(n)
		}
		if v, ok := r.get(attrStart); ok {
			if n, isInt := v.(int64); isInt {
				c.Start = time.Unix(0, n).UTC()
			}
		}
	}
	if c.Duration == 0 { // a span that never ended; its emitter may tell how long the call took
		c.Duration = r.duration(r.familyNamed(get(usage.AttrFamily)), factDuration)
	}
	c.Failed = failed || c.ErrorType != "" || c.Status >= 400
	return true
}

// familyNamed finds the family that a record was read by; nil where it was none.
func (r *record) familyNamed(name string) *Family {
	for _, f := range r.families {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// canonicalTokens reads the conventions' figures: parts are included in their wholes.
func (r *record) canonicalTokens(c *usage.Call) {
	var g figures
	into := []*int64{&g.input, &g.output, &g.cacheRead, &g.cacheWrite, &g.reasoning, &g.cacheWrite1h}
	for i, f := range tokenFields {
		switch n, is := r.count(f.attr); is {
		case usable:
			*into[i] = n
			g.has |= f.field
		case unusable:
			g.bad = true
		}
	}
	t, ok := g.tokens(included, included)
	c.Tokens = t
	r.modalities(c)
	if !ok {
		c.Quality |= usage.Inconsistent
	}
}

// firstText gives the first element of a list, which is how header attributes come.
func firstText(list pcommon.Slice) string {
	if list.Len() == 0 {
		return ""
	}
	return list.At(0).Str()
}
