package promapi

// Why questions of the suites have another answer here. docs/grafana.md says the same to users.
const (
	exactRates  = "rates are exact: nothing is extrapolated, and the value at a window's beginning is the one at that time"
	fromZero    = "a series begins with a zero, and its first value is counted"
	ownGrid     = "functions that look at every sample see one each minute or quarter of an hour, not those that were loaded"
	neverEnds   = "counters do not end: a series is there from its first call on"
	sampleTimes = "samples lie where a query needs them: timestamp() is the time of the evaluation"
	noSmoothing = "values between samples are known, so that smoothed is the same as anchored"
)

// differently are the lines of the questions of each suite with another answer, by reason. A question that has the
// suite's answer may not be here.
var differently = map[string]map[string][]int{
	exactRates: {
		"functions":        {122, 135, 161, 167, 198, 2662, 2667},
		"at_modifier":      {93},
		"extended_vectors": {6, 8, 11, 20, 23, 26, 29, 92, 94, 97, 100, 103, 106, 109, 112, 115},
	},
	fromZero: {
		"functions":        {165, 2671, 2673},
		"extended_vectors": {32, 35, 38, 41, 118, 121, 124, 127},
	},
	ownGrid: {
		"functions":           {466, 992, 996, 999, 1003, 1006, 1010, 1014, 1253, 1256, 1259, 1262, 1265, 1268, 1271, 1274, 1277, 1280, 1283, 1286, 1559, 1604, 1607, 1623, 1626, 1629, 1655, 1662, 1669},
		"range_queries":       {5, 23},
		"at_modifier":         {74, 77, 80, 83, 86, 96, 99, 125, 132, 140, 146, 159},
		"name_label_dropping": {47},
		"duration_expression": {155, 158, 161, 164, 167, 170, 173, 176, 232, 235},
	},
	neverEnds: {
		"functions":           {2105, 2108, 2113, 2118, 2184, 2186, 2192, 2198, 2200, 2205, 2346, 2349, 2356, 2359},
		"operators":           {994, 997, 1016},
		"at_modifier":         {255, 257, 259, 261, 263, 265, 267, 269, 271, 273, 275, 277, 279, 281, 283},
		"subquery":            {17},
		"extended_vectors":    {181, 191, 240},
		"name_label_dropping": {141},
		"staleness":           {58},
	},
	sampleTimes: {
		"functions":   {2307},
		"at_modifier": {307, 311, 323},
	},
	noSmoothing: {
		"extended_vectors": {59, 62, 65, 68, 71, 83, 145, 148, 151, 154, 157, 163, 166, 169, 178, 358, 366, 407, 410, 427, 429, 431, 434, 436, 455, 458},
	},
}
