// Package forecast estimates what a period (a day, a week, a month) will have cost at its end, and when a budget will be
// used up, from the hourly sums of the time before. Each estimate has a band that is meant to hold in 80 of 100 cases.
// docs/forecast.md explains the method to people who pay bills, and how well it did in back-tests.
//
// The method, in the order of the code:
//
//  1. The hours are put on the calendar of a time zone (calendarOf): sums by local day and local hour.
//  2. Each weekday has a usual share of a week, and each hour a usual share of its day (weekdayFactors, hourShares).
//     Together they are the profile by hour of the week. Medians are taken, so that a holiday or a burst among eight
//     weeks changes it little.
//  3. The level is the current cost of a day of an average weekday (fit). A lasting step is recognised, and what lies
//     before it is not used; a trend is used as far as it is larger than its own uncertainty, and fades with the
//     distance.
//  4. The band comes from asking the same method on earlier days (band): what it would have said then is compared with
//     what came. Where the history is too short for that, the prior of band.go has more weight, and the band is wide.
//
// Holidays are no outliers to be removed: they do not move the level, because it is robust, but the days that were
// unlike the model are counted in the mean (model.unusual) and in the width of the band, since their like will come again.
//
// The package is pure: no clock, no randomness, no storage. It uses at most historyDays of history, and time and memory
// are bounded by that, whatever it is given. Money and tokens are integers on both sides; floating-point numbers exist
// only between, for the part that is estimated. The amount that is already spent is exact.
package forecast
