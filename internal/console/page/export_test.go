package page

// For the tests of package page_test.

var NewPageFiles = newPageFiles
