// Package dictionary numbers the texts that many call records share: models, users, keys, paths and so on. A record in
// a block has the numbers of its texts, and a filter is compared with the texts of a dictionary once, not once for each
// record.
//
// Senders choose the texts, so that a dictionary is bounded: a text for which there is no room is kept by the blocks of
// its records, see block.Inline. An engine stores the texts with their numbers, and removes those that no record has.
package dictionary
