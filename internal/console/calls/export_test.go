package calls

// For the tests of package calls_test.

var FlagNotes = flagNotes

type ParquetRow = parquetRow

var ParquetRowOf = parquetRowOf

var TraceLink = traceLink
