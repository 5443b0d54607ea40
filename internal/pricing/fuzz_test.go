package pricing

import (
	"testing"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// FuzzBook: a price book of anyone is refused or prices calls.
func FuzzBook(f *testing.F) {
	f.Add([]byte(`{"version":"1","source":"s","providers":[{"id":"p","name":"P","api_pattern":"x","models":[{"id":"m","match":{"equals":"m"},"prices":{"input_mtok":1}}]}]}`), "m", "p")
	f.Add([]byte(`{"providers":[{"id":"p","provider_match":{"or":[{"starts_with":"a"},{"regex":"a+"}]},"models":[{"id":"m","match":{"contains":"x"},"prices":[{"prices":{"input_mtok":{"base":1,"tiers":[{"start":2,"price":3}]}}}]}]}]}`), "x", "a")
	f.Fuzz(func(t *testing.T, b []byte, model, provider string) {
		book, err := parse(b)
		if err != nil {
			return
		}
		c := usage.Call{
			Model: model, RequestModel: model, Provider: provider, Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
			Tokens: usage.Tokens{InputUncached: 5, OutputText: 7, Fields: usage.HasInput | usage.HasOutput},
		}
		if cost, ok := book.Price(&c); ok && cost < 0 {
			t.Fatalf("%q costs %d", b, cost)
		}
	})
}

// FuzzOwn: prices of one's own likewise.
func FuzzOwn(f *testing.F) {
	f.Add("openai", "gpt-*", "gpt-4o", 1.5, int64(1000))
	f.Add("", "*a*b*c*", "abcabc", -1.0, int64(-1))
	book, err := Default()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, provider, pattern, model string, usd float64, above int64) {
		own, err := book.With([]Override{{
			Provider: provider, Model: pattern, Rates: Amounts{Input: &usd, Output: &usd}, Tiers: []OverrideTier{{Above: above, Rates: Amounts{Input: &usd}}},
		}})
		if err != nil {
			return
		}
		c := usage.Call{Model: model, Provider: provider, Start: time.Now(), Tokens: usage.Tokens{InputUncached: 5000, OutputText: 7, Fields: usage.HasInput | usage.HasOutput}}
		if cost, ok := own.Price(&c); ok && cost < 0 {
			t.Fatalf("%q costs %d", model, cost)
		}
	})
}
