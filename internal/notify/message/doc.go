// Package message writes the text of a notification: in the language of its receiver, in the markup of its channel,
// within the channel's limits.
//
// Names of models, keys and users come from telemetry, which anyone may have written. They are never markup: each is
// cleaned of control characters, shortened, and escaped for where it goes, so that a name mentions nobody, is no
// link and begins no line of an e-mail's header.
package message
