package dialect

import (
	"hash/fnv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// record is one span or log record as the tables look at it.
type record struct {
	attrs pcommon.Map
	res   pcommon.Map
	scope string
	name  string // of a span
	event string // of a log record
	log   bool

	families []*Family
	taught   map[string]bool // see Decoder
}

// get gives an attribute's value, or that of a path inside it, see Family; false where there is none.
func (r *record) get(alias string) (any, bool) {
	if name, ok := strings.CutPrefix(alias, "resource:"); ok {
		v, found := r.res.Get(name)
		if !found {
			return nil, false
		}
		return raw(v), true
	}
	name, path, nested := strings.Cut(alias, "#")
	v, ok := r.attrs.Get(name)
	if !ok {
		return nil, false
	}
	plain := raw(v)
	if plain == nil {
		return nil, false
	}
	if !nested {
		return plain, true
	}
	return lookIn(plain, strings.Split(path, "."))
}

func (r *record) count(alias string) (int64, found) {
	v, ok := r.get(alias)
	if !ok {
		return 0, absent
	}
	if m, isMap := v.(pcommon.Map); isMap {
		v = m.AsRaw()
	}
	return count(v)
}

func (r *record) hasPrefix(prefix string) bool {
	for k := range r.attrs.All() {
		if strings.HasPrefix(k, prefix) {
			return true
		}
	}
	return false
}

func (r *record) resource(name string) any {
	v, ok := r.res.Get(name)
	if !ok {
		return nil
	}
	return raw(v)
}

// aliases gives the names to look for a fact under: the family's own, then the general ones.
func aliases(f *Family, what fact) []string {
	if f != nil {
		if own, ok := f.Facts[what]; ok {
			return own
		}
	}
	return facts[what]
}

// text gives the first text of a fact that is not empty.
func (r *record) text(f *Family, what fact) string {
	for _, alias := range aliases(f, what) {
		if v, ok := r.get(alias); ok {
			if s := text(v); s != "" && !strings.EqualFold(s, "unknown") {
				return s
			}
		}
	}
	return ""
}

// duration gives the first usable duration of a fact, 0 where there is none.
func (r *record) duration(f *Family, what fact) time.Duration {
	for _, alias := range aliases(f, what) {
		v, ok := r.get(alias)
		if !ok {
			continue
		}
		n, ok := number(v)
		unit, known := units[alias]
		if !known {
			unit = time.Second
		}
		if ok && n*float64(unit) < float64(maxDuration) {
			return time.Duration(n * float64(unit))
		}
	}
	return 0
}

// maxDuration is the longest time that is believed of one call.
const maxDuration = 30 * 24 * time.Hour

// processAttributes tell one process from another.
var processAttributes = []string{
	"service.name", "service.namespace", "service.instance.id", "host.id", "host.name", "process.pid", "k8s.pod.uid", "container.id",
}

// unevenHost begins the scopes of emitters that name the host on one signal only, so that it must
// not tell the processes apart.
var unevenHost = []string{"codex"}

// oneSource begins the scopes of readers that tell each call once, whichever process it was made in:
// no two of their records are one call, even where two proxies gave them the same short request id.
var oneSource = []string{"github.com/tokenboard/tokenboard/receiver/cliproxyreceiver"}

// process hashes what tells a record's process from others; 0 where nothing does.
func (r *record) process() uint64 {
	if hasPrefix(r.scope, oneSource) {
		return 0
	}
	h := fnv.New64a()
	known := false
	for _, name := range processAttributes {
		if strings.HasPrefix(name, "host.") && hasPrefix(r.scope, unevenHost) {
			continue
		}
		if v, ok := r.res.Get(name); ok {
			_, _ = h.Write([]byte(name + "=" + text(raw(v)) + "\x00"))
			known = true
		}
	}
	if !known {
		return 0
	}
	return h.Sum64()
}

// telling are the beginnings of attribute names of which one is on every record that can be a call
// or a tool. Most spans of a busy pipeline have none and are let through at the cost of this look.
var telling = []string{
	"gen_ai.", "llm.", "ai.", "openinference.", "traceloop.", "langfuse.", "langsmith.", "mlflow.", "genkit:", "tokenboard.",
	"embedding.", "span.type", "input_token", "gcp.vertex", "event.name", "codex.",
}

// tells tells whether a record has a telling attribute.
func (r *record) tells() bool {
	for k := range r.attrs.All() {
		if r.taught[k] {
			return true
		}
		if len(k) == 0 || strings.IndexByte("galotmesic", k[0]) < 0 {
			continue
		}
		for _, p := range telling {
			if strings.HasPrefix(k, p) {
				return true
			}
		}
	}
	return false
}
