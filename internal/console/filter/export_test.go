package filter

// Names for the tests of package filter_test.

var Search = search
