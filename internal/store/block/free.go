package block

import "github.com/tokenboard/tokenboard/internal/store"

// FreeTexts is how many texts a record has that it does not share: the ids of its answer and its request, its session,
// its group of signals. The message of its error is one more, which few records have.
const FreeTexts = 4

// The free texts.
const (
	ResponseID = iota
	RequestID
	Session
	Group
	Message
)

// FreeText returns a text of a record that it does not share.
func FreeText(r *store.Record, which int) string {
	switch which {
	case ResponseID:
		return r.ResponseID
	case RequestID:
		return r.RequestID
	case Session:
		return r.Session
	case Message:
		return r.ErrorMessage
	default:
		return r.SignalGroup
	}
}
