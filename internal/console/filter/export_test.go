package filter

// For the tests of package filter_test.

var Search = search
