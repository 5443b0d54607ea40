// Package emitters tests what Tokenboard makes of the telemetry of real packages. Each runs in an interpreter of
// its own against internal/fakeupstream, which accounts for what was consumed, and exports to the built binary, whose records
// are compared with that, call by call. TOKENBOARD_BINARY names the binary. See docs/accuracy.md.
//
// An entry of the table in table_test.go is all that an emitter needs, with python/NAME_calls.py, which makes the calls,
// and python/NAME.txt, which pins every package, so that the same is tested next year; node and jvm have the same for theirs.
package emitters
