package api

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	json2 "github.com/go-json-experiment/json"

	"github.com/tokenboard/tokenboard/internal/strictjson"
)

// A trend of many groups is a thousand points of a dozen figures, and to write them by reflection takes
// longer than to add them up. So trends are written by hand, in the very form of encoding/json.

// jsonFormat is huma's, with the exception above, and reads bodies so that no other reader can take them
// for something else.
var jsonFormat = huma.Format{Marshal: WriteJSON, Unmarshal: readJSON}

// readJSON reads a body. Unlike huma's validation, which ignores the case of names (but for a variable of the process),
// it rejects a name that does not equal a field's name letter by letter.
func readJSON(data []byte, into any) error {
	return strictjson.Unmarshal(data, into, json2.RejectUnknownMembers(true))
}

// Appender is data of an answer that writes itself.
type Appender interface{ AppendJSON(b []byte) []byte }

var jsonBuffers = sync.Pool{New: func() any { return new([]byte) }}

// WriteJSON writes a value as JSON, as every answer of the API has it.
func WriteJSON(w io.Writer, v any) error {
	data, ok := DataOf(v).(Appender)
	if !ok {
		return huma.DefaultJSONFormat.Marshal(w, v)
	}
	buffer, _ := jsonBuffers.Get().(*[]byte)
	b := data.AppendJSON(append((*buffer)[:0], `{"code":0,"data":`...))
	b = append(b, '}', '\n')
	_, err := w.Write(b)
	const kept = 1 << 20
	if cap(b) <= kept {
		*buffer = b
		jsonBuffers.Put(buffer)
	}
	return err
}

// DataOf returns the data of an envelope's body of success; nil of anything else.
func DataOf(body any) any {
	v := reflect.ValueOf(body)
	if v.Kind() != reflect.Struct || v.NumField() != 2 || v.Type().Field(1).Name != "Data" || v.Field(0).Kind() != reflect.Int || v.Field(0).Int() != 0 {
		return nil
	}
	return v.Field(1).Interface()
}

// AppendFloat appends a number that is not as large or small as to need an exponent.
func AppendFloat(b []byte, f *float64) []byte {
	const smallest, largest = 1e-6, 1e21
	switch {
	case f == nil:
		return append(b, "null"...)
	case *f == 0 || (math.Abs(*f) >= smallest && math.Abs(*f) < largest):
		return strconv.AppendFloat(b, *f, 'f', -1, 64)
	}
	return appendAny(b, *f)
}

// AppendTime appends a time as a JSON string in RFC 3339, in UTC.
func AppendTime(b []byte, t time.Time) []byte {
	return append(t.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

// AppendString appends a text as a JSON string.
func AppendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return appendAny(b, s)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// appendAny appends what encoding/json makes of a text or a number; nothing else.
func appendAny(b []byte, v any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return append(b, "null"...) // no number: there is none
	}
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}
