package stats

// For the tests of package stats_test.

var RowCursor = rowCursor
