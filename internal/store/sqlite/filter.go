package sqlite

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// condition is a WHERE clause under construction. Values only ever go in as parameters.
type condition struct {
	parts []string
	args  []any
}

func (c *condition) add(sql string, args ...any) {
	c.parts = append(c.parts, sql)
	c.args = append(c.args, args...)
}

// in asks for one of some ids; none matches nothing.
func (c *condition) in(column string, ids []int64) {
	sql, args := inList(column, ids)
	c.add(sql, args...)
}

// maxParameters bounds the parameters of one list: SQLite takes 32,766 in a statement.
const maxParameters = 1_000

func inList(column string, ids []int64) (string, []any) {
	if len(ids) == 0 {
		return "0", nil
	}
	if len(ids) > maxParameters {
		list, _ := json.Marshal(ids) // numbers
		return column + " IN (SELECT value FROM json_each(?))", []any{string(list)}
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	return column + " IN (?" + strings.Repeat(",?", len(ids)-1) + ")", args
}

func (c *condition) sql() string {
	if len(c.parts) == 0 {
		return "1"
	}
	return strings.Join(c.parts, " AND ")
}

const exactStart = "((c.key >> 12) * 1000 + c.start_offset)"

// where turns a filter into a condition over callTables.
func (e *Engine) where(f *store.Filter) *condition {
	c := &condition{}
	if f.None {
		c.add("0")
		return c
	}
	if !f.From.IsZero() && f.From.UnixMicro() > 0 {
		c.add("c.key >= ?", min(f.From.UnixMicro(), maxMicros)<<idBits)
		if f.From.Nanosecond()%1000 != 0 {
			c.add(exactStart+" >= ?", f.From.UnixNano())
		}
	}
	if !f.To.IsZero() {
		us := max(min(f.To.UnixMicro()+1, maxMicros), 0)
		c.add("c.key < ? AND "+exactStart+" < ?", (us+maxProbes)<<idBits, us*1000-1000+int64(f.To.Nanosecond()%1000))
	}
	if !f.SeenSince.IsZero() {
		c.add("c.seen >= ?", f.SeenSince.Unix())
	}
	if !f.Superseded {
		c.add("c.state & 1")
	}
	e.whereDims(c, f)
	whereStatus(c, f.Statuses)
	for _, t := range f.Text {
		e.whereText(c, t)
	}
	return c
}

// first gives the text before the separator.
func first(v string) string {
	v, _, _ = strings.Cut(v, sep)
	return v
}

func (e *Engine) whereDims(c *condition, f *store.Filter) {
	for _, d := range []struct {
		kind   kind
		column string
		values []string
	}{
		{kindModel, "c.model", f.Models}, {kindProvider, "c.provider", f.Providers}, {kindKey, "c.api_key", f.Keys},
		{kindUser, "c.user", f.Users}, {kindService, "c.service", f.Services}, {kindProject, "c.project", f.Projects},
	} {
		if len(d.values) == 0 {
			continue
		}
		wanted := map[string]bool{}
		for _, v := range d.values {
			wanted[v] = true
		}
		c.in(d.column, e.dims.match(d.kind, func(v string) bool { return wanted[first(v)] }))
	}
}

func whereStatus(c *condition, statuses []string) {
	if len(statuses) == 0 {
		return
	}
	var parts []string
	var args []any
	for _, s := range statuses {
		sql, arg := statusIs(s)
		parts, args = append(parts, sql), append(args, arg)
	}
	c.add("("+strings.Join(parts, " OR ")+")", args...)
}

// textColumns are where the texts of a search field stand, besides ids of single calls.
var textColumns = []struct {
	field  string
	kind   kind
	column string
	part   int // of the texts that the column joins
}{
	{"model", kindModel, "c.model", 0}, {"model", kindRequest, "c.request", 1}, {"path", kindRequest, "c.request", 3},
	{"error", kindErrorType, "c.error_type", 0}, {"user", kindUser, "c.user", 0}, {"service", kindService, "c.service", 0},
	{"provider", kindProvider, "c.provider", 0}, {"key", kindKey, "c.api_key", 1}, // no part of a fingerprint is to be found out
	{"project", kindProject, "c.project", 0}, {"operation", kindRequest, "c.request", 0}, {"method", kindRequest, "c.request", 2},
}

// idColumns are where the ids of single calls stand, as conditions on the text looked for.
var idColumns = []struct{ field, condition string }{
	{"request_id", "instr(lower(coalesce(i.request_id, '')), ?) > 0"},
	{"request_id", "instr(lower(coalesce(i.response_id, '')), ?) > 0"},
	{"session", "instr(lower(coalesce(i.session, '')), ?) > 0"},
	{"trace_id", "instr(lower(hex(i.trace)), ?) > 0"},
	{"span_id", "instr(lower(hex(i.span)), ?) > 0"},
	// of a span they are parts of its id, see usage.SpanRecordID
	{"trace_id", "(instr(lower(hex(substr(c.id, 1, 16))), ?) > 0 AND " + isSpan + ")"},
	{"span_id", "(instr(lower(hex(substr(c.id, 17, 8))), ?) > 0 AND " + isSpan + ")"},
}

// isSpan looks at an emitter's signal, the first of its texts.
const isSpan = "(SELECT substr(value, 1, 1) = '0' FROM dims WHERE dims.id = c.emitter)"

// whereText matches one search term. Dimension texts are matched here and give ids; only ids of
// single calls are matched by the database, literally.
func (e *Engine) whereText(c *condition, t store.Term) {
	needle := strings.ToLower(t.Value)
	var parts []string
	var args []any
	or := func(sql string, more ...any) {
		parts = append(parts, sql)
		args = append(args, more...)
	}
	asked := func(field string) bool { return t.Field == field || (t.Field == "" && store.Open(field)) }
	for _, d := range textColumns {
		if !asked(d.field) {
			continue
		}
		ids := e.dims.match(d.kind, func(v string) bool {
			p := strings.Split(v, sep)
			return d.part < len(p) && strings.Contains(strings.ToLower(p[d.part]), needle)
		})
		if len(ids) > 0 {
			sql, more := inList(d.column, ids)
			or(sql, more...)
		}
	}
	if len(t.Keys) > 0 {
		wanted := map[string]bool{}
		for _, k := range t.Keys {
			wanted[k] = k != ""
		}
		sql, more := inList("c.api_key", e.dims.match(kindKey, func(v string) bool { return wanted[first(v)] }))
		or(sql, more...)
	}
	for _, d := range idColumns {
		if asked(d.field) {
			or(d.condition, needle)
		}
	}
	switch t.Field {
	case store.FieldNameStatus:
		or(statusIs(needle))
	case store.FieldNameQuality:
		or("c.quality & ? != 0", int64(usage.ParseQuality([]string{needle})))
	case store.FieldNameSuperseded:
		or(supersededIs(needle))
	}
	if len(parts) == 0 {
		parts = []string{"0"}
	}
	sql := "(" + strings.Join(parts, " OR ") + ")"
	if t.Not {
		sql = "NOT " + sql
	}
	c.add(sql, args...)
}

// statusIs is a condition for a status as filters and terms name it.
func statusIs(s string) (sql string, arg any) {
	const all = " AND ? IS NULL" // every condition has one parameter
	code, err := strconv.Atoi(strings.TrimSuffix(s, "xx"))
	switch {
	case s == "ok":
		return "(NOT c.state & 2" + all + ")", nil
	case s == "error":
		return "(c.state & 2" + all + ")", nil
	case err != nil || code <= 0:
		return "(0" + all + ")", nil
	case strings.HasSuffix(s, "xx"):
		return "c.status / 100 = ?", code
	}
	return "c.status = ?", code
}

func supersededIs(s string) (sql string, arg any) {
	reason, known := store.ParseReason(s)
	switch {
	case s == "yes":
		return "(NOT c.state & 1 AND ? IS NULL)", nil
	case s == "no":
		return "(c.state & 1 AND ? IS NULL)", nil
	case !known:
		return "(0 AND ? IS NULL)", nil
	}
	return fmt.Sprintf("c.state / %d = ?", stateReason), int64(reason)
}
