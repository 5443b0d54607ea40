// Package e2e tests the built binary from outside, as its users meet it: telemetry in over OTLP,
// figures out over the API. TOKENBOARD_BINARY names the binary; without it one is built.
package e2e
