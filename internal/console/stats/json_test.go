package stats_test

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/stats"
)

// TestTrendIsWrittenAsJSON: what is written by hand is what encoding/json gives.
func TestTrendIsWrittenAsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Custom(func(t *rapid.T) *float64 {
			if rapid.IntRange(0, 4).Draw(t, "null") == 0 {
				return nil
			}
			f := rapid.OneOf(rapid.Float64Range(0, 1e7), rapid.SampledFrom([]float64{0, 1e-7, 1e21, 123.456, 0.001, math.MaxFloat64})).Draw(t, "number")
			return &f
		})
		quantiles := rapid.Custom(func(t *rapid.T) *stats.Quantiles {
			if rapid.Bool().Draw(t, "none") {
				return nil
			}
			return &stats.Quantiles{P50: number.Draw(t, "p50"), P95: number.Draw(t, "p95"), P99: number.Draw(t, "p99")}
		})
		moment := rapid.Custom(func(t *rapid.T) time.Time {
			zone := rapid.SampledFrom([]*time.Location{time.UTC, time.FixedZone("x", 8*3600), time.FixedZone("y", -12600)}).Draw(t, "zone")
			return time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "s"), rapid.SampledFrom([]int64{0, 1, 5e8}).Draw(t, "ns")).In(zone)
		})
		figure := rapid.Int64()
		point := rapid.Custom(func(t *rapid.T) stats.Point {
			f := func() int64 { return figure.Draw(t, "figure") }
			return stats.Point{
				Time: moment.Draw(t, "time"), Latency: quantiles.Draw(t, "latency"), TTFT: quantiles.Draw(t, "ttft"), TokensPerSecond: number.Draw(t, "rate"),
				Sums: stats.Sums{
					Calls: f(), Errors: f(), Input: f(), Output: f(), CacheRead: f(), CacheWrite: f(), Reasoning: f(), Total: f(),
					Cost: api.Money(rapid.OneOf(figure, rapid.Int64Range(0, 3e9)).Draw(t, "cost")), NoUsage: f(), Unpriced: f(),
				},
			}
		})
		series := rapid.Custom(func(t *rapid.T) stats.Series {
			return stats.Series{
				Group:  rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"<a&b>", "\xff", "\u2028", "a\"b\\c", "模型"})).Draw(t, "group"),
				Other:  rapid.Bool().Draw(t, "other"),
				Points: rapid.SliceOfN(point, 0, 3).Draw(t, "points"),
			}
		})
		trend := stats.Trend{
			Days: rapid.Int().Draw(t, "days"), Interval: "day", Timezone: rapid.SampledFrom([]string{"UTC", "Asia/Shanghai"}).Draw(t, "zone"),
			Points: rapid.SliceOfN(point, 0, 3).Draw(t, "points"), Series: rapid.SliceOfN(series, 0, 3).Draw(t, "series"),
		}
		if rapid.Bool().Draw(t, "as of") {
			at := moment.Draw(t, "at")
			trend.AsOf = &at
		}
		if rapid.Bool().Draw(t, "nil") {
			trend.Series, trend.Points = nil, nil
		}
		body := api.Answer(trend).Body
		var want, got bytes.Buffer
		require.NoError(t, huma.DefaultJSONFormat.Marshal(&want, body))
		require.NoError(t, api.WriteJSON(&got, body))
		require.Equal(t, want.String(), got.String())
		_, byHand := api.DataOf(body).(api.Appender)
		require.True(t, byHand)
		require.True(t, json.Valid(got.Bytes()))
	})
}
