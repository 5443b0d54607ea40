// Package queue sends the deliveries that the store has, until each is accepted or given up.
//
// A delivery is tried at least once, and after an error again, later each time. A process that is killed between the
// try and the note of it makes another one try again: the receiver gets the same delivery id twice. Deliveries of one
// channel are sent one after the other, so that "resolved" does not overtake "firing"; a channel that does not
// answer holds up no other.
package queue
