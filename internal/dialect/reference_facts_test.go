package dialect

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tokenboard/tokenboard/internal/dialect/failure"
	"github.com/tokenboard/tokenboard/internal/dialect/tables"
	"github.com/tokenboard/tokenboard/internal/dialect/value"
	"github.com/tokenboard/tokenboard/internal/secret"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/internal/usage/figures"
)

func plainPath(s string) string {
	if u, err := url.Parse(s); err == nil {
		return plainClean(u.Path)
	}
	s, _, _ = strings.Cut(s, "?")
	return plainClean(s)
}

// status is the first text that is there.
func (r *plainRecord) status(f *Family) string {
	for _, alias := range r.aliases(f, tables.Status) {
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
		c.Provider, _ = r.implied(f)
	}
	c.RequestModel = r.text(f, tables.RequestModel)
	if c.Model = r.text(f, tables.ResponseModel); c.Model == "" {
		if c.Model = r.text(f, tables.Model); c.Model == "" {
			c.Model = c.RequestModel
		}
	}
	c.Operation = r.operation(f)
	c.Tier, c.Account = usage.ParseTier(r.text(f, tables.Tier)), usage.ReadAccount(r.text(f, tables.Account))
	c.ResponseID, c.RequestID = r.text(f, tables.ResponseID), r.text(f, tables.RequestID)
	c.User, c.Project, c.Session = r.text(f, tables.User), r.text(f, tables.Project), r.text(f, tables.Session)
	if c.TTFT = r.duration(f, tables.TTFT); c.TTFT == 0 && !r.log {
		at, err := time.Parse(time.RFC3339Nano, r.text(f, tables.FirstTokenAt))
		if d := at.Sub(c.Start); err == nil && d > 0 && d < maxDuration {
			c.TTFT = d
		}
	}
	if c.Duration == 0 {
		c.Duration = r.duration(f, tables.Duration)
	}
	for _, alias := range r.aliases(f, tables.Stream) {
		if v, ok := r.get(alias); ok && c.Stream == usage.Unknown {
			c.Stream = value.Truth(v)
		}
	}
	if c.Stream == usage.Unknown && c.TTFT > 0 {
		c.Stream = usage.Yes
	}
	for _, alias := range r.aliases(f, tables.Cost) {
		v, ok := r.get(alias)
		n, isMoney := value.Money(v)
		if ok && isMoney && (n != 0 || (f != nil && f.ZeroCost)) && !c.HasReportedCost {
			if usd, err := usage.USD(n); err == nil {
				c.ReportedCost, c.HasReportedCost = usd, true
			}
		}
	}
	if est, ok := r.get("gen_ai.usage.estimated"); ok && value.Truth(est) == usage.Yes {
		c.Quality |= usage.Estimated
	}
	if c.Method = strings.ToUpper(r.text(f, tables.Method)); len(r.text(f, tables.Method)) > 20 || strings.ContainsAny(c.Method, " .:=/") {
		c.Method = "_OTHER"
	}
	c.Path = plainPath(r.text(f, tables.Path))
	if n, err := strconv.Atoi(r.status(f)); err == nil && n >= 100 && n <= 599 {
		c.Status = n
	}
	c.ErrorType = r.text(f, tables.ErrorType)
	success, reported := r.get("success")
	finish := strings.Trim(r.text(f, tables.Finish), `["]`)
	c.Failed = failed || c.ErrorType != "" || c.Status >= 400 || finish == "error" || (reported && value.Truth(success) == usage.No && r.scope != "")
	if c.Failed && c.Status == 400 && r.brokeOff() {
		c.Status = 0
	}
	if c.Failed && c.Status == 0 {
		c.Status = r.saidStatus(c.ErrorType)
	}
	if c.Failed {
		c.ErrorMessage = r.saidMessage()
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

// brokeOff reports whether the texts of a failed record say that an answer broke off.
func (r *plainRecord) brokeOff() bool {
	said := []string{r.message, r.statusMessage}
	for _, name := range tables.ErrorMessages {
		if v, ok := lastOf(r.attrs, name); ok && v.Type() == pcommon.ValueTypeStr {
			said = append(said, v.Str())
		}
	}
	return slices.ContainsFunc(said, func(s string) bool {
		return slices.ContainsFunc(tables.NoProviderStatus, func(w string) bool { return strings.Contains(s[:min(len(s), 512)], w) })
	})
}

// saidStatus is the first status that anything of a failed record names, else the one that the type of the error stands for.
func (r *plainRecord) saidStatus(kind string) int {
	said := []string{kind, r.exception}
	for _, name := range tables.ErrorMessages {
		if v, ok := lastOf(r.attrs, name); ok && v.Type() == pcommon.ValueTypeStr {
			said = append(said, v.Str())
		}
	}
	for _, s := range append(said, r.message, r.statusMessage) {
		foreign := slices.ContainsFunc(tables.NoProviderStatus, func(w string) bool { return strings.Contains(s[:min(len(s), 512)], w) })
		if n := value.StatusIn(s); n != 0 && !foreign {
			return n
		}
	}
	for _, s := range said[:2] {
		parts := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(".:/$ ", r) })
		if len(parts) > 0 && strings.HasSuffix(s, parts[len(parts)-1]) && tables.ErrorStatuses[parts[len(parts)-1]] != 0 {
			return tables.ErrorStatuses[parts[len(parts)-1]]
		}
	}
	return 0
}

// saidMessage is the first message that anything of a failed record leaves.
func (r *plainRecord) saidMessage() string {
	for _, name := range tables.ErrorMessages {
		if v, ok := lastOf(r.attrs, name); ok && v.Type() == pcommon.ValueTypeStr && failure.Message(v.Str()) != "" {
			return failure.Message(v.Str())
		}
	}
	return cmp.Or(failure.Message(r.message), failure.Message(r.statusMessage))
}

func (r *plainRecord) operation(f *Family) string {
	op := r.text(nil, tables.Operation)
	if mapped, ok := tables.Operations[op]; ok {
		op = mapped
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
			op = tables.KindOperations[strings.ToLower(r.textAt(alias))]
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
	for _, alias := range tables.KeyNames {
		if name == "" {
			name = r.textAt(alias)
		}
	}
	for _, alias := range tables.RawKeys {
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
			s = value.FirstText(v.Slice())
		}
		if key := bareKey(s); key != "" {
			return usage.Fingerprint(key), plainClean(usage.DisplayKey(key))
		}
	}
	for _, alias := range tables.HashedKeys {
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
		return plainText(value.Raw(v))
	}
	c.Role = map[string]usage.Role{"call": usage.RoleCall, "aggregate": usage.RoleAggregate, "tool": usage.RoleTool}[get(usage.AttrRole)]
	if c.Role == usage.RoleNone {
		return false
	}
	var g figures.Figures
	for _, f := range []struct {
		name  string
		into  *int64
		field usage.TokenFields
	}{
		{usage.AttrInputTokens, &g.Input, usage.HasInput}, {usage.AttrOutputTokens, &g.Output, usage.HasOutput},
		{usage.AttrCacheRead, &g.CacheRead, usage.HasCacheRead}, {usage.AttrCacheWrite, &g.CacheWrite, usage.HasCacheWrite},
		{usage.AttrReasoningTokens, &g.Reasoning, usage.HasReasoning}, {usage.AttrCacheWrite1h, &g.CacheWrite1h, usage.HasCacheWrite1h},
	} {
		n, is := r.count(f.name)
		if is == value.Usable {
			*f.into = n
			g.Has |= f.field
		}
		g.Bad = g.Bad || is == value.Unusable
	}
	t, ok := g.Tokens(figures.Included, figures.Included)
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
	c.Account = usage.ReadAccount(r.text(nil, tables.Account))
	if c.Tier, _ = usage.TierNamed(get(usage.AttrTier)); get(usage.AttrTier) == "" {
		c.Tier = usage.ParseTier(r.text(nil, tables.Tier))
	}
	for _, name := range []string{usage.AttrProject, "project.name", "project.id"} {
		if v, ok := lastOf(r.res, name); ok && c.Project == "" {
			c.Project = value.TextOf(v)
		}
	}
	c.Path = plainPath(get(usage.AttrURLPath))
	if c.KeyFingerprint = get(usage.AttrKeyFingerprint); usage.IsFingerprint(c.KeyFingerprint) {
		c.KeyDisplay = get(usage.AttrKeyDisplay)
	} else {
		c.KeyFingerprint = ""
	}
	v, _ := r.get(usage.AttrEcho)
	c.SecondarySignal = value.Truth(v) == usage.Yes
	v, _ = r.get(usage.AttrRequestStream)
	c.Stream = value.Truth(v)
	v, _ = r.get(usage.AttrTTFT)
	if n, ok := value.Number(v); ok && n < maxDuration.Seconds() {
		c.TTFT = time.Duration(n*float64(time.Second) + 0.5)
	}
	if n, is := r.count(usage.AttrHTTPStatus); is == value.Usable && n >= 100 && n <= 599 {
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
		if n, is := r.count(attrDuration); is == value.Usable && n < int64(maxDuration) {
			c.Duration = time.Duration(n)
		}
		v, _ = r.get(attrStart)
		if n, isInt := v.(int64); isInt {
			c.Start = time.Unix(0, n).UTC()
		}
	}
	if c.Duration == 0 {
		var family *Family
		for _, f := range builtIn {
			if family == nil && f.Name == get(usage.AttrFamily) {
				family = f
			}
		}
		c.Duration = r.duration(family, tables.Duration)
	}
	if c.Failed = failed || c.ErrorType != "" || c.Status >= 400; c.Failed {
		if c.Status == 400 && r.brokeOff() {
			c.Status = 0
		}
		if v, ok := lastOf(r.attrs, usage.AttrErrorMessage); ok && v.Type() == pcommon.ValueTypeStr {
			c.ErrorMessage = failure.Message(v.Str())
		}
		if c.ErrorMessage == "" {
			c.ErrorMessage = r.saidMessage()
		}
	}
	return true
}
