// Package send delivers a notification through a channel, once: when to try again is the queue's to decide.
//
// Services with an interface of their own are spoken to by the library shoutrrr, with the HTTP client of this package
// (docs/decisions/0015-sending-notifications.md). What became of a try is judged from the answers that the client
// saw, not from the library's error alone, which is missing for some failures. E-mail, DingTalk, the signed webhook,
// Alertmanager and closing alerts at Opsgenie are implemented here.
//
// The package must never put a secret in an error or a log: errors of the library and of net/http are not passed on as
// they are, because they hold addresses that are secrets.
package send
