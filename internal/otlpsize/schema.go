package otlpsize

import (
	"strings"
	"unicode"
)

// kind is the type of a field's value.
type kind uint8

const (
	text   kind = iota // a string
	blob               // bytes, and identifiers
	int32s             // int32, fixed32 and enumerations
	uint32s
	int64s
	uint64s
	double
	boolean
	sub // a message
)

// field is a field of a message.
type field struct {
	number   int64
	name     string // in JSON
	kind     kind
	repeated bool
	named    bool // an enumeration, which JSON may give by name
	of       *message
	// cost is the memory that the decoder allocates for one value of the field, without the value's text.
	cost int64
	// width is how many bytes a packed number has in protobuf at the least.
	width int64
}

// message is a kind of message.
type message struct {
	low      [fewNumbers]*field // by number
	byNumber map[uint32]*field  // the others
	byName   map[string]*field
}

const (
	// Slices grow by a quarter when they are large: all that a list was on the way takes up to seven times
	// its length.
	growth  = 7
	pointer = 8 * growth
	// smallest is the size of a small separate allocation, with the rounding of the allocator.
	smallest = 16
	// record is the memory of a span or a log record in the pipeline, in addition to its decoded form: an empty one
	// becomes a call with keys, sums and a row. Measured by e2e/attack, with the largest batches that are accepted.
	record = 2 << 10
)

// of makes the fields of a message known.
func (m *message) of(fields ...field) {
	m.byNumber, m.byName = map[uint32]*field{}, map[string]*field{}
	for i := range fields {
		f := &fields[i]
		if f.number < fewNumbers {
			m.low[f.number] = f
		} else {
			m.byNumber[uint32(f.number)] = f
		}
		m.byName[f.name] = f
		m.byName[snake(f.name)] = f
	}
}

// fewNumbers is above the numbers of almost all fields of OTLP.
const fewNumbers = 17

// numbered returns the field with a number, nil where it is not known.
func (m *message) numbered(n uint32) *field {
	if n < fewNumbers {
		return m.low[n]
	}
	return m.byNumber[n]
}

// snake is the other name of a field that the decoder accepts: resource_spans for resourceSpans.
func snake(name string) string {
	var b strings.Builder
	for _, r := range name {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func scalar(number int64, name string, k kind) field {
	return field{number: number, name: name, kind: k, cost: smallest}
}

func enum(number int64, name string) field {
	return field{number: number, name: name, kind: int32s, named: true, cost: smallest}
}

// one is a message that is part of the one that holds it.
func one(number int64, name string, of *message) field {
	return field{number: number, name: name, kind: sub, of: of, cost: smallest}
}

// oneOf is a message that is allocated by itself.
func oneOf(number int64, name string, of *message) field {
	return field{number: number, name: name, kind: sub, of: of, cost: 64}
}

// pointers is a list of messages of a size, each allocated by itself.
func pointers(number int64, name string, of *message, size int64) field {
	return field{number: number, name: name, kind: sub, repeated: true, of: of, cost: size + pointer}
}

// values is a list of messages of a size, or of texts.
func values(number int64, name string, k kind, of *message, size int64) field {
	return field{number: number, name: name, kind: k, repeated: true, of: of, cost: growth * size}
}

// numbers is a list of numbers of eight bytes, each of which has at least width bytes in protobuf.
func numbers(number int64, name string, k kind, width int64) field {
	return field{number: number, name: name, kind: k, repeated: true, cost: growth * 8, width: width}
}

// The messages of OTLP 1.9 without profiles. Sizes are those of the decoder's structures, rounded up as the allocator
// does; tests compare them with its allocations.
var roots = schema()

func schema() (roots [3]*message) {
	var keyValue, anyValue, array, list, resource, entity, scope message
	attributes := func(number int64, name string) field { return values(number, name, sub, &keyValue, 40) }
	dropped := func(number int64) field { return scalar(number, "droppedAttributesCount", uint32s) }
	keyValue.of(scalar(1, "key", text), one(2, "value", &anyValue), scalar(3, "keyStrindex", int32s))
	anyValue.of(scalar(1, "stringValue", text), scalar(2, "boolValue", boolean), scalar(3, "intValue", int64s), scalar(4, "doubleValue", double),
		oneOf(5, "arrayValue", &array), oneOf(6, "kvlistValue", &list), field{number: 7, name: "bytesValue", kind: blob, cost: 2 * smallest}, scalar(8, "stringValueStrindex", int32s))
	array.of(values(1, "values", sub, &anyValue, 16))
	list.of(attributes(1, "values"))
	entity.of(scalar(1, "schemaUrl", text), scalar(2, "type", text), values(3, "idKeys", text, nil, 16), values(4, "descriptionKeys", text, nil, 16))
	resource.of(attributes(1, "attributes"), dropped(2), pointers(3, "entityRefs", &entity, 80))
	scope.of(scalar(1, "name", text), scalar(2, "version", text), attributes(3, "attributes"), dropped(4))

	// request makes the three levels that all signals have.
	request := func(ofResources, deprecated, ofScopes, items string, item *message, size int64) *message {
		var scopes, resources, root message
		scopes.of(one(1, "scope", &scope), pointers(2, items, item, size), scalar(3, "schemaUrl", text))
		resources.of(one(1, "resource", &resource), pointers(2, ofScopes, &scopes, 112), scalar(3, "schemaUrl", text), pointers(1000, deprecated, &scopes, 112))
		root.of(pointers(1, ofResources, &resources, 128))
		return &root
	}
	span, log, metric := spanSchema(attributes, dropped), logSchema(attributes, dropped, &anyValue), metricSchema(attributes)
	roots[Traces] = request("resourceSpans", "deprecatedScopeSpans", "scopeSpans", "spans", span, 208+record)
	roots[Logs] = request("resourceLogs", "deprecatedScopeLogs", "scopeLogs", "logRecords", log, 128+record)
	roots[Metrics] = request("resourceMetrics", "deprecatedScopeMetrics", "scopeMetrics", "metrics", metric, 96)
	return roots
}

func spanSchema(attributes func(int64, string) field, dropped func(int64) field) *message {
	var span, event, link, status message
	event.of(scalar(1, "timeUnixNano", uint64s), scalar(2, "name", text), attributes(3, "attributes"), dropped(4))
	link.of(scalar(1, "traceId", blob), scalar(2, "spanId", blob), scalar(3, "traceState", text), attributes(4, "attributes"), dropped(5), scalar(6, "flags", uint32s))
	status.of(scalar(2, "message", text), enum(3, "code"))
	span.of(scalar(1, "traceId", blob), scalar(2, "spanId", blob), scalar(3, "traceState", text), scalar(4, "parentSpanId", blob), scalar(5, "name", text),
		enum(6, "kind"), scalar(7, "startTimeUnixNano", uint64s), scalar(8, "endTimeUnixNano", uint64s), attributes(9, "attributes"), dropped(10),
		pointers(11, "events", &event, 64), scalar(12, "droppedEventsCount", uint32s), pointers(13, "links", &link, 80), scalar(14, "droppedLinksCount", uint32s),
		one(15, "status", &status), scalar(16, "flags", uint32s))
	return &span
}

func logSchema(attributes func(int64, string) field, dropped func(int64) field, anyValue *message) *message {
	var log message
	log.of(scalar(1, "timeUnixNano", uint64s), enum(2, "severityNumber"), scalar(3, "severityText", text), one(5, "body", anyValue), attributes(6, "attributes"),
		dropped(7), scalar(8, "flags", uint32s), scalar(9, "traceId", blob), scalar(10, "spanId", blob), scalar(11, "observedTimeUnixNano", uint64s), scalar(12, "eventName", text))
	return &log
}

func metricSchema(attributes func(int64, string) field) *message {
	var metric, gauge, sum, histogram, exponential, summary message
	var number, bars, buckets, exponentials, quantiles, quantile, exemplar message
	exemplars := func(number int64) field { return values(number, "exemplars", sub, &exemplar, 72) }
	times := []field{scalar(2, "startTimeUnixNano", uint64s), scalar(3, "timeUnixNano", uint64s)}
	point := func(m *message, fields ...field) { m.of(append(fields, times...)...) }

	exemplar.of(scalar(2, "timeUnixNano", uint64s), scalar(3, "asDouble", double), scalar(4, "spanId", blob), scalar(5, "traceId", blob), scalar(6, "asInt", int64s),
		attributes(7, "filteredAttributes"))
	point(&number, scalar(4, "asDouble", double), exemplars(5), scalar(6, "asInt", int64s), attributes(7, "attributes"), scalar(8, "flags", uint32s))
	point(&bars, scalar(4, "count", uint64s), scalar(5, "sum", double), numbers(6, "bucketCounts", uint64s, 8), numbers(7, "explicitBounds", double, 8),
		exemplars(8), attributes(9, "attributes"), scalar(10, "flags", uint32s), scalar(11, "min", double), scalar(12, "max", double))
	buckets.of(scalar(1, "offset", int32s), numbers(2, "bucketCounts", uint64s, 1))
	point(&exponentials, attributes(1, "attributes"), scalar(4, "count", uint64s), scalar(5, "sum", double), scalar(6, "scale", int32s), scalar(7, "zeroCount", uint64s),
		one(8, "positive", &buckets), one(9, "negative", &buckets), scalar(10, "flags", uint32s), exemplars(11), scalar(12, "min", double), scalar(13, "max", double),
		scalar(14, "zeroThreshold", double))
	quantile.of(scalar(1, "quantile", double), scalar(2, "value", double))
	point(&quantiles, scalar(4, "count", uint64s), scalar(5, "sum", double), pointers(6, "quantileValues", &quantile, 16), attributes(7, "attributes"), scalar(8, "flags", uint32s))

	temporality := enum(2, "aggregationTemporality")
	gauge.of(pointers(1, "dataPoints", &number, 96))
	sum.of(pointers(1, "dataPoints", &number, 96), temporality, scalar(3, "isMonotonic", boolean))
	histogram.of(pointers(1, "dataPoints", &bars, 160), temporality)
	exponential.of(pointers(1, "dataPoints", &exponentials, 192), temporality)
	summary.of(pointers(1, "dataPoints", &quantiles, 96))
	metric.of(scalar(1, "name", text), scalar(2, "description", text), scalar(3, "unit", text), oneOf(5, "gauge", &gauge), oneOf(7, "sum", &sum),
		oneOf(9, "histogram", &histogram), oneOf(10, "exponentialHistogram", &exponential), oneOf(11, "summary", &summary), attributes(12, "metadata"))
	return &metric
}
