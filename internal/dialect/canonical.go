package dialect

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tokenboard/tokenboard/internal/dialect/tables"
	"github.com/tokenboard/tokenboard/internal/dialect/value"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/internal/usage/figures"
)

// These attributes have no name in the conventions, and only the canonical form needs them.
const (
	attrRecordID = "tokenboard.record.id" // of a log record: its identity before texts were dropped
	attrStart    = "tokenboard.start_unix_nano"
	attrDuration = "tokenboard.duration_nano"
)

// roleNames are the values of usage.AttrRole.
var roleNames = [...]string{usage.RoleCall: "call", usage.RoleAggregate: "aggregate", usage.RoleTool: "tool"}

// tokenFields maps the conventions' token attributes to the fields of a call.
var tokenFields = [...]struct {
	ref   ref
	field usage.TokenFields
	get   func(*usage.Tokens) int64
}{
	{refTo(usage.AttrInputTokens), usage.HasInput, func(t *usage.Tokens) int64 { return t.Input() }},
	{refTo(usage.AttrOutputTokens), usage.HasOutput, func(t *usage.Tokens) int64 { return t.Output() }},
	{refTo(usage.AttrCacheRead), usage.HasCacheRead, func(t *usage.Tokens) int64 { return t.CacheRead }},
	{refTo(usage.AttrCacheWrite), usage.HasCacheWrite, func(t *usage.Tokens) int64 { return t.CacheWrite }},
	{refTo(usage.AttrReasoningTokens), usage.HasReasoning, func(t *usage.Tokens) int64 { return t.Reasoning }},
	{refTo(usage.AttrCacheWrite1h), usage.HasCacheWrite1h, func(t *usage.Tokens) int64 { return t.CacheWrite1h }},
}

// canonical are the names of the canonical form, apart from the names of figures.
var canonical = struct {
	operation, provider, requestModel, responseModel, responseID, errorType, requestID, keyFingerprint, keyDisplay, user, project, session,
	group, family, role, method, path, conversation, total, status, stream, ttft, echo, cost, quality, recordID, start, duration, tier, responseTier, account,
	errorMessage ref
}{
	operation: refTo(usage.AttrOperation), provider: refTo(usage.AttrProvider), requestModel: refTo(usage.AttrRequestModel),
	responseModel: refTo(usage.AttrResponseModel), responseID: refTo(usage.AttrResponseID), errorType: refTo(usage.AttrErrorType),
	requestID: refTo(usage.AttrRequestID), keyFingerprint: refTo(usage.AttrKeyFingerprint), keyDisplay: refTo(usage.AttrKeyDisplay),
	user: refTo(usage.AttrUser), project: refTo(usage.AttrProject), session: refTo(usage.AttrSession), group: refTo(usage.AttrGroup),
	family: refTo(usage.AttrFamily), role: refTo(usage.AttrRole), method: refTo(usage.AttrHTTPMethod), path: refTo(usage.AttrURLPath),
	conversation: refTo(usage.AttrConversationID), total: refTo("gen_ai.usage.total_tokens"), status: refTo(usage.AttrHTTPStatus),
	stream: refTo(usage.AttrRequestStream), ttft: refTo(usage.AttrTTFT), echo: refTo(usage.AttrEcho), cost: refTo(usage.AttrCostReported),
	quality: refTo(usage.AttrQuality), recordID: refTo(attrRecordID), start: refTo(attrStart), duration: refTo(attrDuration),
	tier: refTo(usage.AttrTier), responseTier: refTo(usage.AttrResponseTier),
	account: refTo(usage.AttrAccount), errorMessage: refTo(usage.AttrErrorMessage),
}

// canonicalNames are the names that a canonicalWriter writes.
func canonicalNames() []string {
	c := &canonical
	names := []string{usage.AttrQuality, usage.AttrSecrets}
	for _, a := range []*ref{
		&c.operation, &c.provider, &c.requestModel, &c.responseModel, &c.responseID, &c.errorType, &c.requestID, &c.keyFingerprint, &c.keyDisplay,
		&c.user, &c.project, &c.session, &c.group, &c.family, &c.role, &c.method, &c.path, &c.conversation, &c.total, &c.status, &c.stream, &c.ttft,
		&c.echo, &c.cost, &c.recordID, &c.start, &c.duration, &c.tier, &c.responseTier, &c.account, &c.errorMessage,
	} {
		names = append(names, a.name)
	}
	for i := range tokenFields {
		names = append(names, tokenFields[i].ref.name)
	}
	for i := range modalityRefs {
		names = append(names, modalityRefs[i][0].name)
	}
	return names
}

// WriteCanonical writes a call into the attributes of its record in the current GenAI conventions,
// with what they have no name for under "tokenboard.". A Decoder reads the same call from it again.
func WriteCanonical(c *usage.Call, family string, attrs pcommon.Map) {
	var x index
	x.fill(known, attrs, false)
	w := canonicalWriter{names: known, attrs: attrs, there: &x}
	w.write(c, family)
}

// Write writes a call into the attributes of the record that was read last, as WriteCanonical does.
func (rd *Reader) Write(c *usage.Call, family string) {
	rd.writer.names, rd.writer.attrs, rd.writer.there = rd.decoder.names, rd.record.attrs, &rd.record.own
	rd.writer.write(c, family)
}

// canonicalWriter changes the attributes that are there already, where they say something else, then
// removes and adds the others: while attributes are added, those that were found may move.
type canonicalWriter struct {
	names  *names
	attrs  pcommon.Map
	there  *index
	remove []*ref
	add    []added
}

// added is an attribute that is to be added.
type added struct {
	name string
	kind pcommon.ValueType
	text string
	n    int64 // an integer, or 1 for true
	f    float64
}

func (w *canonicalWriter) write(c *usage.Call, family string) {
	if family == Canonical { // the attributes are canonical already
		// but whoever wrote them may not have cut the account's name, or what is secret in the message
		if w.there.named(&canonical.account) || w.there.named(&canonical.errorMessage) {
			w.remove, w.add = w.remove[:0], w.add[:0]
			w.text(&canonical.account, c.Account)
			w.text(&canonical.errorMessage, c.ErrorMessage)
			w.finish(0)
		}
		return
	}
	if w.there.again {
		w.single()
	}
	w.remove, w.add = w.remove[:0], w.add[:0]
	w.figures(c)
	w.text(&canonical.operation, c.Operation)
	w.text(&canonical.provider, c.Provider)
	w.text(&canonical.requestModel, c.RequestModel)
	w.text(&canonical.responseModel, c.Model)
	w.text(&canonical.responseID, c.ResponseID)
	w.text(&canonical.errorType, c.ErrorType)
	w.text(&canonical.errorMessage, c.ErrorMessage)
	w.text(&canonical.requestID, c.RequestID)
	w.text(&canonical.keyFingerprint, c.KeyFingerprint)
	w.text(&canonical.keyDisplay, c.KeyDisplay)
	w.text(&canonical.user, c.User)
	w.text(&canonical.project, c.Project)
	w.text(&canonical.session, c.Session)
	w.text(&canonical.account, c.Account)
	w.text(&canonical.group, c.SignalGroup)
	w.text(&canonical.family, family)
	w.text(&canonical.role, roleNames[c.Role])
	w.text(&canonical.method, c.Method)
	w.text(&canonical.path, c.Path)
	if c.Session != "" && !w.there.named(&canonical.conversation) {
		w.text(&canonical.conversation, c.Session)
	}
	w.text(&canonical.tier, c.Tier.String())
	if name := conventionalTier(c); name != "" && !w.there.named(&canonical.responseTier) {
		w.text(&canonical.responseTier, name)
	}
	w.outcome(c)
	if w.there.named(&canonical.quality) {
		w.remove = append(w.remove, &canonical.quality)
	}
	if c.Quality == 0 {
		w.finish(0)
		return
	}
	w.finish(1)
	if names := c.Quality.Names(); len(names) > 0 {
		list := w.attrs.PutEmptySlice(usage.AttrQuality)
		for _, n := range names {
			list.AppendEmpty().SetStr(n)
		}
	}
}

// outcome writes the outcome of a call: its status, times and cost.
func (w *canonicalWriter) outcome(c *usage.Call) {
	if c.Status != 0 {
		w.integer(&canonical.status, int64(c.Status))
	}
	if c.Stream != usage.Unknown {
		w.boolean(&canonical.stream, c.Stream == usage.Yes)
	}
	if c.TTFT > 0 {
		w.number(&canonical.ttft, c.TTFT.Seconds())
	}
	if c.SecondarySignal {
		w.boolean(&canonical.echo, true)
	}
	if c.HasReportedCost {
		w.integer(&canonical.cost, int64(c.ReportedCost))
	}
	if c.Signal == usage.SignalLog {
		w.text(&canonical.recordID, c.ID.String())
		w.integer(&canonical.start, c.Start.UnixNano())
		w.integer(&canonical.duration, int64(c.Duration))
	}
}

// single leaves one attribute of each name that is written here: the last, which is the one that was read.
// Others would read the first.
func (w *canonicalWriter) single() {
	left := map[string]int{}
	for name := range w.attrs.All() {
		left[name]++
	}
	w.attrs.RemoveIf(func(name string, _ pcommon.Value) bool {
		left[name]--
		return left[name] > 0 && w.names.kindOf(name)&KindCanonical != 0
	})
	w.there.fill(w.names, w.attrs, false)
}

func (w *canonicalWriter) figures(c *usage.Call) {
	for i := range tokenFields {
		f := &tokenFields[i]
		if c.Tokens.Fields&f.field != 0 {
			w.integer(&f.ref, f.get(&c.Tokens))
		} else if w.there.named(&f.ref) {
			w.remove = append(w.remove, &f.ref) // the attribute's value was not a count
		}
	}
	if w.there.named(&canonical.total) {
		w.integer(&canonical.total, c.Tokens.Total())
	}
	if c.Modalities.IsZero() {
		return
	}
	for i := range tables.Modalities {
		if n := *tables.Modalities[i].At(&c.Modalities); n > 0 {
			w.integer(&modalityRefs[i][0], n)
		}
	}
}

// finish removes and adds the attributes that could not be changed in place, and reserves capacity for more.
func (w *canonicalWriter) finish(more int) {
	for _, a := range w.remove {
		w.attrs.Remove(a.name)
	}
	w.attrs.EnsureCapacity(w.attrs.Len() + len(w.add) + more)
	for i := range w.add {
		switch a := &w.add[i]; a.kind {
		case pcommon.ValueTypeStr:
			w.attrs.PutStr(a.name, a.text)
		case pcommon.ValueTypeInt:
			w.attrs.PutInt(a.name, a.n)
		case pcommon.ValueTypeDouble:
			w.attrs.PutDouble(a.name, a.f)
		default:
			w.attrs.PutBool(a.name, a.n == 1)
		}
	}
}

// release lets go of the data.
func (w *canonicalWriter) release() {
	clear(w.add[:cap(w.add)])
	w.attrs = pcommon.Map{}
}

// text writes a text; an empty one must not be there.
func (w *canonicalWriter) text(a *ref, s string) {
	v, there := w.there.first(a)
	switch {
	case s == "" && there:
		w.remove = append(w.remove, a)
	case s == "":
	case !there:
		w.add = append(w.add, added{name: a.name, kind: pcommon.ValueTypeStr, text: s})
	case v.Type() != pcommon.ValueTypeStr || v.Str() != s:
		v.SetStr(s)
	}
}

func (w *canonicalWriter) integer(a *ref, n int64) {
	v, there := w.there.first(a)
	switch {
	case !there:
		w.add = append(w.add, added{name: a.name, kind: pcommon.ValueTypeInt, n: n})
	case v.Type() != pcommon.ValueTypeInt || v.Int() != n:
		v.SetInt(n)
	}
}

func (w *canonicalWriter) boolean(a *ref, is bool) {
	v, there := w.there.first(a)
	switch {
	case !there:
		n := int64(0)
		if is {
			n = 1
		}
		w.add = append(w.add, added{name: a.name, kind: pcommon.ValueTypeBool, n: n})
	case v.Type() != pcommon.ValueTypeBool || v.Bool() != is:
		v.SetBool(is)
	}
}

func (w *canonicalWriter) number(a *ref, f float64) {
	v, there := w.there.first(a)
	switch {
	case !there:
		w.add = append(w.add, added{name: a.name, kind: pcommon.ValueTypeDouble, f: f})
	case v.Type() != pcommon.ValueTypeDouble || v.Double() != f:
		v.SetDouble(f)
	}
}

// readCanonical reads what WriteCanonical wrote; false where the record was not normalised.
func (r *record) readCanonical(c *usage.Call, failed bool) bool {
	v, ok := r.own.get(canonical.role.id)
	if !ok {
		return false
	}
	switch value.TextOf(v) {
	case roleNames[usage.RoleCall]:
		c.Role = usage.RoleCall
	case roleNames[usage.RoleAggregate]:
		c.Role = usage.RoleAggregate
	case roleNames[usage.RoleTool]:
		c.Role = usage.RoleTool
	default:
		return false
	}
	r.canonicalTokens(c)
	c.Operation, c.Provider = r.own.text(&canonical.operation), r.own.text(&canonical.provider)
	c.RequestModel, c.Model = r.own.text(&canonical.requestModel), r.own.text(&canonical.responseModel)
	c.ResponseID, c.RequestID = r.own.text(&canonical.responseID), r.own.text(&canonical.requestID)
	c.ErrorType, c.User = r.own.text(&canonical.errorType), r.own.text(&canonical.user)
	c.Project, c.Session = r.own.text(&canonical.project), r.own.text(&canonical.session)
	if c.Project == "" {
		c.Project = r.origin.project
	}
	if name := r.own.text(&canonical.tier); name != "" {
		c.Tier, _ = usage.TierNamed(name)
	} else { // of a library that writes the attributes of the provider only
		c.Tier = r.tier(nil)
	}
	c.Account = usage.ReadAccount(r.text(nil, tables.Account))
	c.SignalGroup, c.Method = r.own.text(&canonical.group), r.own.text(&canonical.method)
	c.Path = value.Path(r.own.text(&canonical.path))
	if c.KeyFingerprint = r.own.text(&canonical.keyFingerprint); usage.IsFingerprint(c.KeyFingerprint) {
		c.KeyDisplay = r.own.text(&canonical.keyDisplay)
	} else {
		c.KeyFingerprint = ""
	}
	r.readOutcome(c)
	if c.Duration == 0 { // a span that never ended; its emitter may report how long the call took
		c.Duration = r.duration(r.familyNamed(r.own.text(&canonical.family)), tables.Duration)
	}
	r.failedCanonical(c, failed)
	return true
}

// readOutcome reads what the writer's outcome wrote, and what else is not a text.
func (r *record) readOutcome(c *usage.Call) {
	if v, ok := r.at(&canonical.echo); ok {
		c.SecondarySignal = value.Truth(v) == usage.Yes
	}
	if v, ok := r.at(&canonical.stream); ok {
		c.Stream = value.Truth(v)
	}
	if v, ok := r.own.get(canonical.ttft.id); ok {
		if n, ok := r.numberAt(&canonical.ttft, v); ok && n < maxDuration.Seconds() {
			c.TTFT = time.Duration(n*float64(time.Second) + 0.5)
		}
	}
	if n, is := r.countAt(&canonical.status); is == value.Usable && n >= 100 && n <= 599 {
		c.Status = int(n)
	}
	if v, ok := r.own.get(canonical.cost.id); ok && v.Type() == pcommon.ValueTypeInt && v.Int() >= 0 {
		if c.ReportedCost, c.HasReportedCost = usage.NanoUSD(v.Int()), true; !c.ReportedCost.Possible() {
			c.RejectImpossible()
		}
	}
	if v, ok := r.own.get(canonical.quality.id); ok && v.Type() == pcommon.ValueTypeSlice {
		var names []string
		for _, item := range v.Slice().All() {
			names = append(names, item.AsString())
		}
		c.Quality |= usage.ParseQuality(names)
	}
	if r.log || c.Signal == usage.SignalLog {
		if v, ok := r.own.get(canonical.duration.id); ok {
			if n, ok := r.numberAt(&canonical.duration, v); ok && n >= 0 && n < float64(maxDuration) {
				c.Duration = time.Duration(n)
			}
		}
		if v, ok := r.own.get(canonical.start.id); ok && v.Type() == pcommon.ValueTypeInt {
			c.Start = time.Unix(0, v.Int()).UTC()
		}
	}
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
	var n [len(tokenFields)]int64
	var has usage.TokenFields
	bad := false
	for i := range tokenFields {
		count, is := r.countAt(&tokenFields[i].ref)
		if is == value.Usable {
			n[i] = count
			has |= tokenFields[i].field
		}
		bad = bad || is == value.Unusable
	}
	g := figures.Figures{Input: n[0], Output: n[1], CacheRead: n[2], CacheWrite: n[3], Reasoning: n[4], CacheWrite1h: n[5], Has: has, Bad: bad}
	t, ok := g.Tokens(figures.Included, figures.Included)
	c.Tokens = t
	r.modalities(c)
	if !ok {
		c.Quality |= usage.Inconsistent
	}
}
