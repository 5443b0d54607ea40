package download

// For the tests of package download_test.

var Cell = cell
