package dialect

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tokenboard/tokenboard/internal/dialect/tables"
	"github.com/tokenboard/tokenboard/internal/dialect/value"
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

// lastOf returns the last value of a name.
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
	plain := value.Raw(v)
	return plain, plain != nil
}

func (r *plainRecord) count(alias string) (int64, value.Found) {
	v, path, ok := r.find(alias)
	if !ok {
		return 0, value.Absent
	}
	if path == "" {
		return value.CountOf(v)
	}
	inner, ok := r.nested.lookIn("", v, path)
	if !ok {
		return 0, value.Absent
	}
	return value.Count(inner)
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
		return plainText(value.FirstText(v.Slice()))
	default:
		return plainText(value.Raw(v))
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
			return value.Clean(s)
		}
	}
	return strings.TrimSpace(s[:min(len(s), value.MaxText)])
}

func (r *plainRecord) aliases(f *Family, what tables.Attribute) (all []string) {
	for _, f := range []*Family{f, r.owner} {
		if f == nil {
			continue
		}
		own, has := f.Attributes[what]
		if has && len(own) == 0 {
			return all
		}
		all = append(all, own...)
	}
	return append(all, tables.Attributes[what]...)
}

func (r *plainRecord) text(f *Family, what tables.Attribute) string {
	for _, alias := range r.aliases(f, what) {
		if s := r.textAt(alias); !slices.Contains([]string{"", "unknown", "none", "null", "undefined"}, strings.ToLower(s)) {
			return s
		}
	}
	return ""
}

func (r *plainRecord) duration(f *Family, what tables.Attribute) time.Duration {
	for _, alias := range r.aliases(f, what) {
		v, ok := r.get(alias)
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(alias, "#")
		n, ok := value.Number(v)
		if unit := float64(unitOf(f, name)); ok && n*unit < float64(maxDuration) {
			return time.Duration(n * unit)
		}
	}
	return 0
}

func (r *plainRecord) process() uint64 {
	if hasPrefix(r.scope, tables.OneSource) {
		return 0
	}
	h, known := fnv.New64a(), false
	for _, name := range []string{
		"service.name", "service.namespace", "service.instance.id", "host.id", "host.name", "process.pid", "k8s.pod.uid", "container.id",
	} {
		if v, ok := lastOf(r.res, name); ok && (!strings.HasPrefix(name, "host.") || !hasPrefix(r.scope, tables.UnevenHost)) {
			_, _ = h.Write([]byte(name + "=" + plainText(value.Raw(v)) + "\x00"))
			known = true
		}
	}
	if !known {
		return 0
	}
	return h.Sum64()
}

func (r *plainRecord) hasUsageAttribute() bool {
	for k := range r.attrs.All() {
		if hasPrefix(k, tables.UsageAttributes) {
			return true
		}
	}
	return false
}
