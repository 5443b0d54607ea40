// Package test tests proxytrace with what its users have and the library must not need: OpenTelemetry's SDK,
// routers, and the processor, exporter and store of Tokenboard. It is a module of its own, so that the
// library's go.mod names nothing of that.
package test
