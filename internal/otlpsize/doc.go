// Package otlpsize checks OTLP requests before they are decoded, and estimates how many bytes of memory the decoder of
// the collector, and the components after it, take for them.
//
// The decoder makes some two hundred bytes of a span that two bytes of protobuf or three of JSON announce, goes as deep
// as JSON is nested, and after an error goes on from where it stopped in the middle of a value. A scanner therefore
// refuses every request that the decoder would refuse because of its form or of the type of a field: a request that it
// lets pass is decoded as it was counted. Content of texts (hexadecimal, base64, names of enumerations) is left to the
// decoder, which reads it to its end.
//
// A scanner is a writer: it takes a request piece by piece, in time linear in its bytes, and keeps only the stack of
// open messages in memory. It changes nothing.
package otlpsize

import (
	"errors"
	"fmt"
	"io"
)

// Signal is the kind of telemetry that a request carries.
type Signal int

// The signals whose requests are known.
const (
	Traces Signal = iota
	Logs
	Metrics
)

// Limits bound one request.
type Limits struct {
	Memory int64 // bytes that its decoded form may take, estimated
	Depth  int   // messages, or brackets of JSON, that may be open at one time
}

var (
	// ErrMalformed is a request that the decoder would refuse, too.
	ErrMalformed = errors.New("malformed OTLP request")
	// ErrDepth is a request that is nested more deeply than Limits.Depth.
	ErrDepth = errors.New("nested too deeply")
	// ErrMemory is a request whose decoded form would take more than Limits.Memory.
	ErrMemory = errors.New("too large when decoded")
)

// Scanner takes one request. After an error it must not be used any more.
type Scanner interface {
	io.Writer
	// Close says that the request is whole; the error is ErrMalformed where it is not.
	Close() error
	// Memory is the estimate so far, in bytes.
	Memory() int64
}

// NewJSON scans OTLP/JSON.
func NewJSON(s Signal, l Limits) Scanner { return newJSON(s, l) }

// NewProtobuf scans OTLP's protobuf.
func NewProtobuf(s Signal, l Limits) Scanner { return newProtobuf(s, l) }

// account adds up what a request takes.
type account struct {
	limits Limits
	memory int64
}

func (a *account) Memory() int64 { return a.memory }

func (a *account) add(bytes int64) error {
	if a.memory += bytes; a.memory > a.limits.Memory {
		return ErrMemory
	}
	return nil
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// textCost is the memory of a text of a number of bytes: the allocator rounds up, by at most a quarter.
func textCost(bytes int64) int64 { return bytes + bytes/4 + smallest }
