package tables

import "github.com/tokenboard/tokenboard/internal/usage/figures"

// rig is the Rust library. Its spans have the application's scope; their target names the library. A run
// that is not streamed is reported in a trace of its own, beside the calls that it is the sum of. The input is the provider's own
// figure; spans of an agent may name neither a provider nor a model. https://docs.rig.rs/
var rig = Family{
	Name:  "rig",
	Marks: []string{"target^=rig::", "target^=rig_"},
	Adds:  &genAI,
	Cache: []PartRule{{Provider: "anthropic", Is: figures.Excluded}, {Provider: "aws.bedrock", Is: figures.Excluded}},
}
