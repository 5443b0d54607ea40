// Package client is a Go client of Tokenboard's REST API, on the standard library alone. It is a Go module of
// its own, which requires no other.
//
//	c, err := client.New("http://127.0.0.1:8317", client.WithToken(os.Getenv("TOKENBOARD_TOKEN")))
//	...
//	stats, err := c.Stats(ctx, client.Filter{Models: []string{"gpt-4o"}})
//	for call, err := range c.Calls(ctx, client.LogQuery{Query: "status:429"}) { ... }
//	for event, err := range c.Follow(ctx, client.LogQuery{}, "") { ... }
//
// Every method takes a context, which bounds it. An error that the server reports is a *Problem.
// The API's own description, /api/console/docs, explains the fields.
package client
