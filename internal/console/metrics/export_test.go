package metrics

// For the tests of package metrics_test.

const Counter = counter

var LabelNames = labelNames
