package dialect

import (
	"bufio"
	"bytes"
	"hash/fnv"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/dialect/jsontext"
	"github.com/tokenboard/tokenboard/internal/secret"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// plainRecord reads a record by the same tables as record does, in the plainest way: every name is looked
// for among the attributes, every table is asked for every record. It is what the decoder must be equal to.
type plainRecord struct {
	attrs, res  pcommon.Map
	scope       string
	version     string
	name, event string
	log         bool
	owner       *Family
	exception   string
	message     string // of the exception
	// statusMessage is the span's.
	statusMessage string
	nested        *record // looks into values
}

// lastOf gives the last value of a name.
func lastOf(m pcommon.Map, name string) (v pcommon.Value, ok bool) {
	for k, found := range m.All() {
		if k == name {
			v, ok = found, true
		}
	}
	return v, ok
}

func (r *plainRecord) find(alias string) (v pcommon.Value, path string, ok bool) {
	name, path, _ := strings.Cut(alias, "#")
	if in, isResource := strings.CutPrefix(name, "resource:"); isResource {
		v, ok = lastOf(r.res, in)
	} else if name != "" {
		v, ok = lastOf(r.attrs, name)
	}
	return v, path, ok && v.Type() != pcommon.ValueTypeEmpty
}

func (r *plainRecord) get(alias string) (any, bool) {
	v, path, ok := r.find(alias)
	if !ok {
		return nil, false
	}
	if path != "" {
		return r.nested.lookIn("", v, path)
	}
	plain := raw(v)
	return plain, plain != nil
}

func (r *plainRecord) count(alias string) (int64, found) {
	v, path, ok := r.find(alias)
	if !ok {
		return 0, absent
	}
	if path == "" {
		return countValue(v)
	}
	inner, ok := r.nested.lookIn("", v, path)
	if !ok {
		return 0, absent
	}
	return count(inner)
}

func (r *plainRecord) textAt(alias string) string {
	v, path, ok := r.find(alias)
	switch {
	case !ok:
		return ""
	case path != "":
		inner, _ := r.nested.lookIn("", v, path)
		return plainText(inner)
	case v.Type() == pcommon.ValueTypeSlice:
		return plainText(firstText(v.Slice()))
	default:
		return plainText(raw(v))
	}
}

// plainText is text with a cleaning of its own.
func plainText(v any) string {
	switch s := v.(type) {
	case string:
		if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
			s = s[1 : len(s)-1]
		}
		return plainClean(s)
	case int64:
		return strconv.FormatInt(s, 10)
	default:
		return ""
	}
}

func plainClean(s string) string {
	for _, c := range []byte(s) {
		if c < 0x20 || c >= 0x7f {
			return clean(s)
		}
	}
	return strings.TrimSpace(s[:min(len(s), maxText)])
}

func (r *plainRecord) aliases(f *Family, what fact) (all []string) {
	for _, f := range []*Family{f, r.owner} {
		if f == nil {
			continue
		}
		own, told := f.Facts[what]
		if told && len(own) == 0 {
			return all
		}
		all = append(all, own...)
	}
	return append(all, facts[what]...)
}

func (r *plainRecord) text(f *Family, what fact) string {
	for _, alias := range r.aliases(f, what) {
		if s := r.textAt(alias); !slices.Contains([]string{"", "unknown", "none", "null", "undefined"}, strings.ToLower(s)) {
			return s
		}
	}
	return ""
}

func (r *plainRecord) duration(f *Family, what fact) time.Duration {
	for _, alias := range r.aliases(f, what) {
		v, ok := r.get(alias)
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(alias, "#")
		n, ok := number(v)
		if unit := float64(unitOf(f, name)); ok && n*unit < float64(maxDuration) {
			return time.Duration(n * unit)
		}
	}
	return 0
}

func (r *plainRecord) process() uint64 {
	if hasPrefix(r.scope, oneSource) {
		return 0
	}
	h, known := fnv.New64a(), false
	for _, name := range []string{
		"service.name", "service.namespace", "service.instance.id", "host.id", "host.name", "process.pid", "k8s.pod.uid", "container.id",
	} {
		if v, ok := lastOf(r.res, name); ok && (!strings.HasPrefix(name, "host.") || !hasPrefix(r.scope, unevenHost)) {
			_, _ = h.Write([]byte(name + "=" + plainText(raw(v)) + "\x00"))
			known = true
		}
	}
	if !known {
		return 0
	}
	return h.Sum64()
}

func (r *plainRecord) tells() bool {
	for k := range r.attrs.All() {
		if hasPrefix(k, telling) {
			return true
		}
	}
	return false
}

func (r *plainRecord) role(byNameOnly bool) verdict {
	for i := range roleRules {
		row := &roleRules[i]
		if !strings.HasPrefix(r.scope, row.Scope) || !strings.HasPrefix(r.name, row.Name) || !strings.Contains(r.name, row.Part) ||
			(byNameOnly && row.Attribute+row.Name+row.Part != "") {
			continue
		}
		name := r.name
		if row.Attribute != "" {
			if name = r.textAt(row.Attribute); name == "" || !strings.HasPrefix(name, row.Value) {
				continue
			}
		}
		if v, ok := row.Is[name]; ok {
			return v
		}
		if byNameOnly {
			continue
		}
		if v, ok := row.Is[strings.ToLower(name)]; ok {
			return v
		}
		if row.Else != unsaid && name != "" {
			return row.Else
		}
	}
	return unsaid
}

func (r *plainRecord) applies(f *Family, v verdict) bool {
	if f.limited() && !hasPrefix(r.scope, f.Scopes) && !slices.ContainsFunc(f.Marks, r.is) {
		return false
	}
	if f.CallsOnly && v != call {
		return false
	}
	return !r.log || len(f.Events) == 0 || slices.Contains(f.Events, r.event)
}

func (r *plainRecord) is(mark string) bool {
	name, value, valued := strings.Cut(mark, "=")
	v, _, ok := r.find(strings.TrimSuffix(name, "^"))
	if ok && strings.HasSuffix(name, "^") {
		return strings.HasPrefix(plainText(raw(v)), value)
	}
	return ok && (!valued || plainText(raw(v)) == value)
}

func (r *plainRecord) read(f *Family) (g figures, some bool) {
	if f.Disjoint != "" {
		v, _, ok := r.find(f.Disjoint)
		if !ok || v.Type() != pcommon.ValueTypeStr {
			return g, false
		}
		if !slices.ContainsFunc(plainShapes, func(name string) bool { _, is := jsontext.Member(v.Str(), name); return is }) {
			return f.readDisjoint(r.nested)
		}
	}
	one := func(aliases []string, into *int64, field usage.TokenFields) bool {
		for _, alias := range aliases {
			n, is := r.count(alias)
			if is == usable {
				*into, some = n, true
				g.has |= field
				return true
			}
			if is == unusable {
				g.bad, some = true, true
			}
		}
		return false
	}
	one(f.Input, &g.input, usage.HasInput)
	one(f.Output, &g.output, usage.HasOutput)
	if !some {
		return g, false
	}
	one(f.CacheRead, &g.cacheRead, usage.HasCacheRead)
	one(f.CacheWrite, &g.cacheWrite, usage.HasCacheWrite)
	one(f.CacheWrite5m, &g.cacheWrite5m, 0)
	one(f.CacheWrite1h, &g.cacheWrite1h, usage.HasCacheWrite1h)
	one(f.Reasoning, &g.reasoning, usage.HasReasoning)
	one(f.ExtraInput, &g.extraInput, 0)
	bad := g.bad
	g.hasTotal = one(f.Total, &g.total, 0)
	g.bad = bad
	return g, true
}

func (r *plainRecord) part(f *Family, rows []PartRule, provider string) rule {
	for i := range rows {
		row := &rows[i]
		present := row.Present == ""
		for k := range r.attrs.All() {
			present = present || strings.HasPrefix(k, row.Present)
		}
		model := ""
		for _, what := range []fact{factResponseModel, factModel, factRequestModel} {
			if model == "" {
				model = r.text(f, what)
			}
		}
		_, member := r.get(row.Member)
		if strings.Contains(r.scope, row.Scope) && (row.Provider == "" || row.Provider == provider) && present &&
			strings.Contains(model, row.Model) && (row.Member == "" || member) {
			return row.Is
		}
	}
	return undecided
}

// told is what the names in a record tell of the provider.
func (r *plainRecord) told(f *Family) (provider, model string) {
	for _, what := range []fact{factResponseModel, factModel, factRequestModel} {
		if model == "" {
			model = r.text(f, what)
		}
	}
	if provider = providerOfModel(r.textAt("litellm.provider.model")); provider == "" {
		provider = providerOf(model, r.text(f, factResponseID))
	}
	return provider, model
}

func (r *plainRecord) figures(c *usage.Call, v verdict) (best *Family) {
	bad := false
	var bestFull int64 = -1
	var added *Family
	for _, f := range families {
		if (added != nil && (f == added || f.Adds == added)) || !r.applies(f, v) {
			continue
		}
		if f.Adds != nil {
			added = f.Adds
		}
		if best == nil && (f.limited() || r.log && len(f.Events) > 0) {
			best, r.owner = f, f
		}
		g, some := r.read(f)
		if !some {
			continue
		}
		provider := c.Provider
		if provider == "" {
			provider = f.Provider
		}
		told, model := r.told(f)
		provider = rulesOf(provider, told, model)
		g.thinks = separate[provider]
		cache := r.part(f, f.Cache, provider)
		switch r.textAt(semantics) {
		case "inclusive":
			cache = included
		case "exclusive":
			cache = excluded
		}
		t, ok := g.tokens(cache, r.part(f, f.Reasons, provider))
		if !t.Reported() {
			bad = bad || !ok
			continue
		}
		if full := fullness(t, ok); full > bestFull {
			bestFull, best, c.Tokens = full, f, t
			bad = !ok
		}
	}
	if bad {
		c.Quality |= usage.Inconsistent
	}
	return best
}

func (r *plainRecord) modalities(c *usage.Call) {
	var m usage.Modalities
	for i := range modalities {
		for _, alias := range modalities[i].aliases {
			if n, is := r.count(alias); is == usable {
				*modalities[i].at(&m) = n
				break
			}
		}
	}
	switch {
	case m.IsZero() || !c.Tokens.Reported():
	case !m.Fit(c.Tokens):
		c.Quality |= usage.Inconsistent
	default:
		c.Modalities = m
	}
}

func (r *plainRecord) provider() string {
	for _, alias := range facts[factProvider] {
		name := r.textAt(alias)
		if name == "" || strings.EqualFold(name, "unknown") {
			continue
		}
		service := ""
		if v, ok := lastOf(r.res, "service.name"); ok {
			service = plainText(raw(v))
		}
		if folded := foldProvider(name); folded != "" && (knownProviders[folded] || !strings.EqualFold(name, service)) {
			return plainClean(folded)
		}
	}
	return ""
}

func plainPath(s string) string {
	if u, err := url.Parse(s); err == nil {
		return plainClean(u.Path)
	}
	s, _, _ = strings.Cut(s, "?")
	return plainClean(s)
}

// status is the first text that is there.
func (r *plainRecord) status(f *Family) string {
	for _, alias := range r.aliases(f, factStatus) {
		if s := r.textAt(alias); s != "" && !strings.EqualFold(s, "unknown") {
			return s
		}
	}
	return ""
}

func (r *plainRecord) facts(c *usage.Call, f *Family, failed bool) {
	if c.Provider == "" && f != nil {
		c.Provider = f.Provider
	}
	if c.Provider == "" {
		c.Provider, _ = r.told(f)
	}
	c.RequestModel = r.text(f, factRequestModel)
	if c.Model = r.text(f, factResponseModel); c.Model == "" {
		if c.Model = r.text(f, factModel); c.Model == "" {
			c.Model = c.RequestModel
		}
	}
	c.Operation = r.operation(f)
	c.Tier = usage.ParseTier(r.text(f, factTier))
	c.ResponseID, c.RequestID = r.text(f, factResponseID), r.text(f, factRequestID)
	c.User, c.Project, c.Session = r.text(f, factUser), r.text(f, factProject), r.text(f, factSession)
	if c.TTFT = r.duration(f, factTTFT); c.TTFT == 0 && !r.log {
		at, err := time.Parse(time.RFC3339Nano, r.text(f, factFirstTokenAt))
		if d := at.Sub(c.Start); err == nil && d > 0 && d < maxDuration {
			c.TTFT = d
		}
	}
	if c.Duration == 0 {
		c.Duration = r.duration(f, factDuration)
	}
	for _, alias := range r.aliases(f, factStream) {
		if v, ok := r.get(alias); ok && c.Stream == usage.Unknown {
			c.Stream = truth(v)
		}
	}
	if c.Stream == usage.Unknown && c.TTFT > 0 {
		c.Stream = usage.Yes
	}
	for _, alias := range r.aliases(f, factCost) {
		v, ok := r.get(alias)
		n, isMoney := money(v)
		if ok && isMoney && (n != 0 || (f != nil && f.ZeroCost)) && !c.HasReportedCost {
			if usd, err := usage.USD(n); err == nil {
				c.ReportedCost, c.HasReportedCost = usd, true
			}
		}
	}
	if est, ok := r.get("gen_ai.usage.estimated"); ok && truth(est) == usage.Yes {
		c.Quality |= usage.Estimated
	}
	if c.Method = strings.ToUpper(r.text(f, factMethod)); len(r.text(f, factMethod)) > 20 || strings.ContainsAny(c.Method, " .:=/") {
		c.Method = "_OTHER"
	}
	c.Path = plainPath(r.text(f, factPath))
	if n, err := strconv.Atoi(r.status(f)); err == nil && n >= 100 && n <= 599 {
		c.Status = n
	}
	c.ErrorType = r.text(f, factErrorType)
	success, told := r.get("success")
	finish := strings.Trim(r.text(f, factFinish), `["]`)
	c.Failed = failed || c.ErrorType != "" || c.Status >= 400 || finish == "error" || (told && truth(success) == usage.No && r.scope != "")
	if c.Failed && c.Status == 0 {
		said := []string{c.ErrorType, r.exception}
		for _, name := range []string{"error.message", "exception.message", "error_message", "error", "exception"} {
			if v, ok := lastOf(r.attrs, name); ok && v.Type() == pcommon.ValueTypeStr {
				said = append(said, v.Str())
			}
		}
		for _, s := range append(said, r.message, r.statusMessage) {
			if c.Status == 0 {
				c.Status = statusIn(s)
			}
		}
	}
	if c.Failed && c.ErrorType == "" {
		c.ErrorType = r.exception
	}
	if c.Failed && c.ErrorType == "" {
		if c.ErrorType = "_OTHER"; c.Status >= 400 {
			c.ErrorType = strconv.Itoa(c.Status)
		}
	}
	c.KeyFingerprint, c.KeyDisplay = r.key()
}

func (r *plainRecord) operation(f *Family) string {
	op := r.text(nil, factOperation)
	if folded, ok := operations[op]; ok {
		op = folded
	}
	if _, generated := lastOf(r.attrs, "ai.operationId"); generated && op == "" && strings.Contains(strings.ToLower(r.name), "embed") {
		op = "embeddings"
	}
	for i := range kindRefs {
		alias := kindRefs[i].name
		if kindRefs[i].path != "" {
			alias += "#" + kindRefs[i].path
		}
		if op == "" {
			op = kindOperations[strings.ToLower(r.textAt(alias))]
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

func (r *plainRecord) key() (fingerprint, display string) {
	name := ""
	for _, alias := range keyNames {
		if name == "" {
			name = r.textAt(alias)
		}
	}
	for _, alias := range RawKeys {
		v, ok := pcommon.Value{}, false
		for name, found := range r.attrs.All() {
			if name == alias || (known.look(name) == 0 && secret.Name(name) != secret.Not && known.list[known.keyNamed(name)] == alias) {
				v, ok = found, true
			}
		}
		s := ""
		switch {
		case ok && v.Type() == pcommon.ValueTypeStr:
			s = v.Str()
		case ok && v.Type() == pcommon.ValueTypeSlice:
			s = firstText(v.Slice())
		}
		if key := bareKey(s); key != "" {
			return usage.Fingerprint(key), plainClean(usage.DisplayKey(key))
		}
	}
	for _, alias := range hashedKeys {
		if s := r.textAt(alias); s != "" {
			if !usage.IsFingerprint(s) {
				s = usage.Fingerprint(s)
			}
			return s, name
		}
	}
	if name != "" {
		return usage.Fingerprint("name:" + name), name
	}
	return "", ""
}

func (r *plainRecord) readCanonical(c *usage.Call, failed bool) bool {
	get := func(name string) string {
		v, _, ok := r.find(name)
		if !ok {
			return ""
		}
		return plainText(raw(v))
	}
	c.Role = map[string]usage.Role{"call": usage.RoleCall, "aggregate": usage.RoleAggregate, "tool": usage.RoleTool}[get(usage.AttrRole)]
	if c.Role == usage.RoleNone {
		return false
	}
	var g figures
	for _, f := range []struct {
		name  string
		into  *int64
		field usage.TokenFields
	}{
		{usage.AttrInputTokens, &g.input, usage.HasInput}, {usage.AttrOutputTokens, &g.output, usage.HasOutput},
		{usage.AttrCacheRead, &g.cacheRead, usage.HasCacheRead}, {usage.AttrCacheWrite, &g.cacheWrite, usage.HasCacheWrite},
		{usage.AttrReasoningTokens, &g.reasoning, usage.HasReasoning}, {usage.AttrCacheWrite1h, &g.cacheWrite1h, usage.HasCacheWrite1h},
	} {
		n, is := r.count(f.name)
		if is == usable {
			*f.into = n
			g.has |= f.field
		}
		g.bad = g.bad || is == unusable
	}
	t, ok := g.tokens(included, included)
	c.Tokens = t
	r.modalities(c)
	if !ok {
		c.Quality |= usage.Inconsistent
	}
	for name, into := range map[string]*string{
		usage.AttrOperation: &c.Operation, usage.AttrProvider: &c.Provider, usage.AttrRequestModel: &c.RequestModel, usage.AttrResponseModel: &c.Model,
		usage.AttrResponseID: &c.ResponseID, usage.AttrRequestID: &c.RequestID, usage.AttrErrorType: &c.ErrorType, usage.AttrUser: &c.User,
		usage.AttrProject: &c.Project, usage.AttrSession: &c.Session, usage.AttrGroup: &c.SignalGroup, usage.AttrHTTPMethod: &c.Method,
	} {
		*into = get(name)
	}
	if c.Tier, _ = usage.TierNamed(get(usage.AttrTier)); get(usage.AttrTier) == "" {
		c.Tier = usage.ParseTier(r.text(nil, factTier))
	}
	for _, name := range []string{usage.AttrProject, "project.name", "project.id"} {
		if v, ok := lastOf(r.res, name); ok && c.Project == "" {
			c.Project = textOf(v)
		}
	}
	c.Path = plainPath(get(usage.AttrURLPath))
	if c.KeyFingerprint = get(usage.AttrKeyFingerprint); usage.IsFingerprint(c.KeyFingerprint) {
		c.KeyDisplay = get(usage.AttrKeyDisplay)
	} else {
		c.KeyFingerprint = ""
	}
	v, _ := r.get(usage.AttrEcho)
	c.SecondarySignal = truth(v) == usage.Yes
	v, _ = r.get(usage.AttrRequestStream)
	c.Stream = truth(v)
	v, _ = r.get(usage.AttrTTFT)
	if n, ok := number(v); ok && n < maxDuration.Seconds() {
		c.TTFT = time.Duration(n*float64(time.Second) + 0.5)
	}
	if n, is := r.count(usage.AttrHTTPStatus); is == usable && n >= 100 && n <= 599 {
		c.Status = int(n)
	}
	v, _ = r.get(usage.AttrCostReported)
	if n, isInt := v.(int64); isInt && n >= 0 {
		c.ReportedCost, c.HasReportedCost = usage.NanoUSD(n), true
	}
	v, _ = r.get(usage.AttrQuality)
	if list, isList := v.(pcommon.Slice); isList {
		var names []string
		for _, item := range list.All() {
			names = append(names, item.AsString())
		}
		c.Quality |= usage.ParseQuality(names)
	}
	if r.log {
		if n, is := r.count(attrDuration); is == usable && n < int64(maxDuration) {
			c.Duration = time.Duration(n)
		}
		v, _ = r.get(attrStart)
		if n, isInt := v.(int64); isInt {
			c.Start = time.Unix(0, n).UTC()
		}
	}
	if c.Duration == 0 {
		var family *Family
		for _, f := range families {
			if family == nil && f.Name == get(usage.AttrFamily) {
				family = f
			}
		}
		c.Duration = r.duration(family, factDuration)
	}
	c.Failed = failed || c.ErrorType != "" || c.Status >= 400
	return true
}

// decode fills in all but identity and time.
func (r *plainRecord) decode(c *usage.Call, v verdict, failed bool) (family string) {
	get := func(name string) string {
		v, ok := lastOf(r.res, name)
		if !ok {
			return ""
		}
		return plainText(raw(v))
	}
	c.Scope, c.Process, c.Service = cleanScope(r.scope), r.process(), get("service.name")
	if c.Environment = get("deployment.environment.name"); c.Environment == "" {
		c.Environment = get("deployment.environment")
	}
	if r.readCanonical(c, failed) {
		return Canonical
	}
	if v == never {
		return ""
	}
	c.Provider = r.provider()
	if v == unsaid && !r.log && c.Provider != "" && (failed || r.exception != "") {
		if _, model := r.told(nil); model != "" {
			v = call
		}
	}
	best := r.figures(c, v)
	r.modalities(c)
	c.Role = roleWith(v, c.Tokens.Reported())
	if v == unsaid && c.Quality&usage.Inconsistent != 0 && c.Role == usage.RoleNone {
		c.Role = usage.RoleCall
	}
	if c.Role == usage.RoleNone || (c.Role == usage.RoleTool && !c.Tokens.Reported()) {
		*c = usage.Call{Trace: c.Trace, Span: c.Span, Parent: c.Parent, Role: c.Role}
		return ""
	}
	r.facts(c, best, failed)
	if best != nil && len(best.Answered) > 0 && !c.Failed && c.Role == usage.RoleCall && !c.Tokens.Reported() && !slices.ContainsFunc(best.Answered, r.is) {
		*c = usage.Call{Trace: c.Trace, Span: c.Span, Parent: c.Parent}
		return ""
	}
	if best != nil && c.Tokens.Reported() {
		told, model := r.told(best)
		hidden := r.part(best, best.HidesCache, rulesOf(c.Provider, told, model)) != undecided && c.Tokens.Fields&(usage.HasCacheRead|usage.HasCacheWrite) == 0
		sums := strings.HasPrefix(r.version, best.SumsVersion) && slices.ContainsFunc(best.Sums, r.is)
		for flag, is := range map[usage.Quality]bool{
			usage.SeveralCalls: best.Runs, usage.Estimated: best.Guesses && c.Failed, usage.CacheMissing: hidden, usage.RunningSum: sums,
		} {
			if is {
				c.Quality |= flag
			}
		}
	}
	for _, e := range sessions {
		if r.scope == e.Scope && c.Session != "" {
			c.SignalGroup, c.SecondarySignal = e.Name+"|"+c.Session, !r.log || !slices.Contains(e.Full, r.event)
		}
	}
	if best == nil {
		return "gen_ai"
	}
	return best.Name
}

// plainSpan reads a span with ids.
func plainSpan(d *Decoder, res pcommon.Resource, scope pcommon.InstrumentationScope, s ptrace.Span) (c usage.Call, family string) {
	r := plainOf(d, res, scope, s.Attributes())
	r.name = s.Name()
	c.Trace, c.Span, c.Parent = usage.TraceID(s.TraceID()), usage.SpanID(s.SpanID()), usage.SpanID(s.ParentSpanID())
	if !r.tells() && r.role(true) == unsaid {
		return c, ""
	}
	c.Start = s.StartTimestamp().AsTime().UTC()
	if end := s.EndTimestamp(); end > s.StartTimestamp() {
		if s.StartTimestamp() == 0 {
			c.Start = end.AsTime().UTC()
		} else if d := time.Duration(end - s.StartTimestamp()); d > 0 && d < maxDuration {
			c.Duration = d
		}
	}
	r.statusMessage = s.Status().Message()
	for _, e := range s.Events().All() {
		if kind, ok := e.Attributes().Get("exception.type"); ok && e.Name() == "exception" && isReported(plainText(raw(kind))) {
			r.exception = plainText(raw(kind))
		}
		if v, ok := e.Attributes().Get("exception.message"); ok && e.Name() == "exception" && v.Type() == pcommon.ValueTypeStr {
			r.message = v.Str()
		}
	}
	family = r.decode(&c, r.role(false), s.Status().Code() == ptrace.StatusCodeError)
	c.ID = usage.SpanRecordID(c.Trace, c.Span)
	maps := []pcommon.Map{s.Attributes()}
	for _, e := range s.Events().All() {
		maps = append(maps, e.Attributes())
	}
	for _, l := range s.Links().All() {
		maps = append(maps, l.Attributes())
	}
	plainConceal(res, scope, &c, maps...)
	return c, family
}

// plainLog reads a log record, apart from its identity.
func plainLog(d *Decoder, res pcommon.Resource, scope pcommon.InstrumentationScope, lr plog.LogRecord) (c usage.Call, family string, ok bool) {
	r := plainOf(d, res, scope, lr.Attributes())
	r.log = true
	if v, ok := lastOf(lr.Attributes(), "event.name"); ok {
		r.event = plainText(raw(v))
	} else if r.event = plainClean(lr.EventName()); lr.EventName() == "" && lr.Body().Type() == pcommon.ValueTypeStr && len(lr.Body().Str()) <= maxNumberText {
		r.event = plainClean(lr.Body().Str())
	}
	if !r.tells() {
		return c, "", false
	}
	v := r.logVerdict()
	c.Signal, c.Trace, c.Span = usage.SignalLog, usage.TraceID(lr.TraceID()), usage.SpanID(lr.SpanID())
	switch t, err := time.Parse(time.RFC3339Nano, r.textOf("event.timestamp")); {
	case err == nil:
		c.Start = t.UTC()
	case lr.Timestamp() != 0:
		c.Start = lr.Timestamp().AsTime().UTC()
	default:
		c.Start = lr.ObservedTimestamp().AsTime().UTC()
	}
	family = r.decode(&c, v, lr.SeverityNumber() >= plog.SeverityNumberError && v == call)
	if c.Role == usage.RoleNone || c.Role == usage.RoleTool || (v != call && !c.Tokens.Reported()) {
		return usage.Call{}, "", false
	}
	if family != Canonical {
		c.Start = c.Start.Add(-c.Duration)
	}
	plainConceal(res, scope, &c, lr.Attributes())
	return c, family, true
}

// plainConceal takes secrets out of all texts of a call.
func plainConceal(res pcommon.Resource, scope pcommon.InstrumentationScope, c *usage.Call, record ...pcommon.Map) {
	if c.Role == usage.RoleNone {
		return
	}
	var keys [3]secret.Keys
	gather(known, KindKey|KindSecret, res.Attributes(), &keys[0])
	gather(known, KindKey|KindSecret, scope.Attributes(), &keys[1])
	for _, m := range record {
		gather(known, KindKey|KindSecret, m, &keys[2])
	}
	for _, t := range texts(c) {
		for i := range keys {
			cut(&keys[i], t)
		}
		concealText(t)
	}
}

func (r *plainRecord) textOf(name string) string {
	v, ok := r.get(name)
	if !ok {
		return ""
	}
	return plainText(v)
}

func (r *plainRecord) logVerdict() verdict {
	if r.event == inferenceEvent {
		return unsaid
	}
	for _, f := range families {
		if len(f.Events) == 0 || !r.applies(f, unsaid) {
			continue
		}
		if slices.Contains(f.CallEvents, r.event) {
			return call
		}
		return unsaid
	}
	if _, normalised := r.get(usage.AttrRole); normalised {
		return unsaid
	}
	return never
}

func plainOf(d *Decoder, res pcommon.Resource, scope pcommon.InstrumentationScope, attrs pcommon.Map) *plainRecord {
	rd := d.Reader() // not closed: it is for this record alone
	rd.Resource(res)
	rd.Scope(scope)
	rd.record.look(attrs)
	return &plainRecord{attrs: attrs, res: res.Attributes(), scope: scope.Name(), version: scope.Version(), nested: &rd.record}
}

// plainWrite is WriteCanonical in the plainest way.
func plainWrite(c *usage.Call, family string, attrs pcommon.Map) {
	attrs.RemoveIf(func(k string, v pcommon.Value) bool {
		last, _ := lastOf(attrs, k)
		return k == usage.AttrQuality || (slices.Contains(canonicalNames(), k) && v != last)
	})
	integer := func(name string, has bool, n int64) {
		if has {
			attrs.PutInt(name, n)
		}
	}
	for _, f := range []struct {
		name  string
		field usage.TokenFields
		n     int64
	}{
		{usage.AttrInputTokens, usage.HasInput, c.Tokens.Input()}, {usage.AttrOutputTokens, usage.HasOutput, c.Tokens.Output()},
		{usage.AttrCacheRead, usage.HasCacheRead, c.Tokens.CacheRead}, {usage.AttrCacheWrite, usage.HasCacheWrite, c.Tokens.CacheWrite},
		{usage.AttrReasoningTokens, usage.HasReasoning, c.Tokens.Reasoning}, {usage.AttrCacheWrite1h, usage.HasCacheWrite1h, c.Tokens.CacheWrite1h},
	} {
		if integer(f.name, c.Tokens.Fields&f.field != 0, f.n); c.Tokens.Fields&f.field == 0 {
			attrs.Remove(f.name)
		}
	}
	_, hasTotal := attrs.Get("gen_ai.usage.total_tokens")
	integer("gen_ai.usage.total_tokens", hasTotal, c.Tokens.Total())
	for _, part := range modalities {
		integer(part.aliases[0], *part.at(&c.Modalities) > 0, *part.at(&c.Modalities))
	}
	role := map[usage.Role]string{usage.RoleCall: "call", usage.RoleAggregate: "aggregate", usage.RoleTool: "tool"}[c.Role]
	for name, s := range map[string]string{
		usage.AttrOperation: c.Operation, usage.AttrProvider: c.Provider, usage.AttrRequestModel: c.RequestModel, usage.AttrResponseModel: c.Model,
		usage.AttrResponseID: c.ResponseID, usage.AttrErrorType: c.ErrorType, usage.AttrRequestID: c.RequestID,
		usage.AttrKeyFingerprint: c.KeyFingerprint, usage.AttrKeyDisplay: c.KeyDisplay, usage.AttrUser: c.User, usage.AttrProject: c.Project,
		usage.AttrSession: c.Session, usage.AttrGroup: c.SignalGroup, usage.AttrFamily: family, usage.AttrRole: role,
		usage.AttrHTTPMethod: c.Method, usage.AttrURLPath: c.Path, usage.AttrTier: c.Tier.String(),
	} {
		if attrs.PutStr(name, s); s == "" {
			attrs.Remove(name)
		}
	}
	if _, ok := attrs.Get(usage.AttrConversationID); !ok && c.Session != "" {
		attrs.PutStr(usage.AttrConversationID, c.Session)
	}
	tier := map[usage.Tier]string{
		usage.TierStandard: "default", usage.TierBatch: "batch", usage.TierFlex: "flex", usage.TierPriority: "priority", usage.TierScale: "scale",
	}[c.Tier]
	if _, ok := attrs.Get(usage.AttrResponseTier); !ok && tier != "" && slices.Contains([]string{"openai", "azure.ai.openai"}, c.Provider) {
		attrs.PutStr(usage.AttrResponseTier, tier)
	}
	integer(usage.AttrHTTPStatus, c.Status != 0, int64(c.Status))
	if c.Stream != usage.Unknown {
		attrs.PutBool(usage.AttrRequestStream, c.Stream == usage.Yes)
	}
	if c.TTFT > 0 {
		attrs.PutDouble(usage.AttrTTFT, c.TTFT.Seconds())
	}
	if c.SecondarySignal {
		attrs.PutBool(usage.AttrEcho, true)
	}
	integer(usage.AttrCostReported, c.HasReportedCost, int64(c.ReportedCost))
	if names := c.Quality.Names(); len(names) > 0 {
		list := attrs.PutEmptySlice(usage.AttrQuality)
		for _, n := range names {
			list.AppendEmpty().SetStr(n)
		}
	}
	if c.Signal == usage.SignalLog {
		attrs.PutStr(attrRecordID, c.ID.String())
		integer(attrStart, true, c.Start.UnixNano())
		integer(attrDuration, true, int64(c.Duration))
	}
}

// requireEqualAttributes compares attributes whatever their order.
func requireEqualAttributes(t *testing.T, want, got pcommon.Map) {
	t.Helper()
	lines := func(m pcommon.Map) (out []string) {
		for k, v := range m.All() {
			out = append(out, k+" "+v.Type().String()+" "+v.AsString())
		}
		slices.Sort(out)
		return out
	}
	require.Equal(t, lines(want), lines(got))
}

// requireSame reads and writes a span and a log record in both ways, twice: as it came, and as it was written.
func requireSame(t *testing.T, d *Decoder, rd *Reader, td ptrace.Traces, ld plog.Logs) (calls int) {
	t.Helper()
	check := func(attrs pcommon.Map, want, got usage.Call, wantFamily, family string, write bool) bool {
		require.Equal(t, wantFamily, family)
		require.Equal(t, want, got)
		if !write || family == Canonical {
			return false
		}
		plain := pcommon.NewMap()
		attrs.CopyTo(plain)
		plainWrite(&want, family, plain)
		rd.Write(&got, family)
		requireEqualAttributes(t, plain, attrs)
		calls++
		return true
	}
	for _, rs := range td.ResourceSpans().All() {
		rd.Resource(rs.Resource())
		for _, ss := range rs.ScopeSpans().All() {
			rd.Scope(ss.Scope())
			for _, s := range ss.Spans().All() {
				for again := !s.TraceID().IsEmpty() && !s.SpanID().IsEmpty(); again; {
					want, wantFamily := plainSpan(d, rs.Resource(), ss.Scope(), s)
					var got usage.Call
					family := rd.Span(s, &got)
					again = check(s.Attributes(), want, got, wantFamily, family, got.Role != usage.RoleNone && (got.Role == usage.RoleCall || got.Tokens.Reported()))
				}
			}
		}
	}
	for _, rl := range ld.ResourceLogs().All() {
		rd.Resource(rl.Resource())
		for _, sl := range rl.ScopeLogs().All() {
			rd.Scope(sl.Scope())
			for _, lr := range sl.LogRecords().All() {
				for again := true; again; {
					want, wantFamily, wantOK := plainLog(d, rl.Resource(), sl.Scope(), lr)
					var got usage.Call
					family, ok := rd.Log(lr, &got)
					require.Equal(t, wantOK, ok)
					want.ID = got.ID // a hash of what was read
					again = check(lr.Attributes(), want, got, wantFamily, family, ok)
				}
			}
		}
	}
	return calls
}

// TestPlain: over all cases, all captures and the corpus of the fuzzer, the decoder reads and writes what the
// plain way does.
func TestPlain(t *testing.T) {
	d := New(Options{})
	rd := d.Reader()
	defer rd.Close()
	calls := 0
	for _, tc := range loadCases(t) {
		td, ld := ptrace.NewTraces(), plog.NewLogs()
		if tc.Signal == "log" {
			rl := ld.ResourceLogs().AppendEmpty()
			tc.PutResource(rl.Resource().Attributes())
			sl := rl.ScopeLogs().AppendEmpty()
			sl.Scope().SetName(tc.Scope)
			lr := sl.LogRecords().AppendEmpty()
			lr.Body().SetStr(tc.SpanName)
			lr.SetTimestamp(1)
			tc.PutAttributes(t, lr.Attributes())
		} else {
			rs := td.ResourceSpans().AppendEmpty()
			tc.PutResource(rs.Resource().Attributes())
			ss := rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName(tc.Scope)
			s := ss.Spans().AppendEmpty()
			s.SetName(tc.SpanName)
			s.SetTraceID(pcommon.TraceID{1})
			s.SetSpanID(pcommon.SpanID{1})
			tc.PutAttributes(t, s.Attributes())
		}
		calls += requireSame(t, d, rd, td, ld)
	}
	require.Greater(t, calls, 60)

	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "captures", "*", "*.jsonl"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	calls = 0
	for _, path := range files {
		file, err := os.Open(path)
		require.NoError(t, err)
		sc := bufio.NewScanner(file)
		sc.Buffer(nil, 64<<20)
		for sc.Scan() {
			td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(sc.Bytes())
			if err != nil {
				td = ptrace.NewTraces()
			}
			ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(sc.Bytes())
			if err != nil {
				ld = plog.NewLogs()
			}
			calls += requireSame(t, d, rd, td, ld)
		}
		require.NoError(t, sc.Err())
		require.NoError(t, file.Close())
	}
	require.Greater(t, calls, 200)
}

// TestPlainKinds: what the table of names says of a name is what the lists say.
func TestPlainKinds(t *testing.T) {
	content := func(name string) bool {
		mastra := strings.HasPrefix(name, "mastra.") && (strings.HasSuffix(name, ".input") || strings.HasSuffix(name, ".output"))
		raw := (strings.HasPrefix(name, "llm.") || strings.HasPrefix(name, "gen_ai.")) &&
			slices.ContainsFunc(contentSuffixes, func(s string) bool { return strings.HasSuffix(name, s) })
		parts := strings.Split(name, ".")
		raw = raw || (len(parts) == 3 && parts[0] == "llm" && rawParts[parts[2]] && !notProviders[parts[1]])
		return mastra || raw || slices.Contains(contentNames, name) || hasPrefix(name, contentPrefixes)
	}
	names := slices.Clone(known.list)
	for _, name := range known.list {
		names = append(names, name+".x", name+".messages", name+".input", strings.TrimSuffix(name, "s"))
	}
	names = append(names, "a", "mastra.x.input", "llm.hosted.choices", "gen_ai.", "ai", "x.messages", strings.Repeat("n", 300))
	for _, name := range names {
		k := KindOf(name)
		require.Equal(t, content(name), k&KindContent != 0, name)
		require.Equal(t, slices.Contains(plainContent, name), k&KindPlain != 0, name)
		require.Equal(t, slices.Contains(messageContent, name), k&KindMessage != 0, name)
		require.Equal(t, slices.Contains(RawKeys, name), k&KindKey != 0, name)
		require.Equal(t, slices.Contains(urlAttributes, name), k&KindURL != 0, name)
		require.Equal(t, hasPrefix(name, telling), k&kindTelling != 0, name)
	}
}

// FuzzPlain looks for records that the decoder reads otherwise than the plain way.
func FuzzPlain(f *testing.F) {
	seeds(f)
	d := New(Options{})
	f.Fuzz(func(t *testing.T, logs bool, b []byte) {
		td, ld := ptrace.NewTraces(), plog.NewLogs()
		var err error
		if logs {
			ld, err = (&plog.ProtoUnmarshaler{}).UnmarshalLogs(b)
		} else {
			td, err = (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(b)
		}
		if err != nil {
			return
		}
		rd := d.Reader()
		defer rd.Close()
		requireSame(t, d, rd, td, ld)
	})
}

// TestPrintable: eight bytes at a time tell the same as one.
func TestPrintable(t *testing.T) {
	for length := range 20 {
		for place := range length {
			for c := range 256 {
				b := bytes.Repeat([]byte{'~'}, length)
				b[place] = byte(c)
				require.Equal(t, c >= 0x20 && c < 0x7f, printable(string(b)), "%d at %d of %d", c, place, length)
			}
		}
	}
}
