package download

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFileNamesSayTheRange(t *testing.T) {
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	require.NoError(t, err)
	now := time.Date(2026, 11, 29, 6, 30, 0, 0, time.UTC) // 14:30 there
	day := func(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, shanghai) }
	for _, tc := range []struct {
		from, to time.Time
		want     string
	}{
		{time.Time{}, time.Time{}, "until-2026-11-29"},
		{time.Time{}, day(20), "until-2026-11-19"},
		{day(23), time.Time{}, "2026-11-23_2026-11-29"},
		{day(29), time.Time{}, "2026-11-29"},
		{day(1), day(8), "2026-11-01_2026-11-07"},
		{day(1), day(2), "2026-11-01"},
		{day(28), day(30), "2026-11-28_2026-11-29"}, // what is to come is not in it
		{now.Add(-24 * time.Hour), time.Time{}, "2026-11-28T1430_2026-11-29T1430"},
		{day(1).Add(time.Hour), day(2), "2026-11-01T0100_2026-11-02T0000"},
	} {
		require.Equal(t, tc.want, RangeName(tc.from, tc.to, now, shanghai))
	}
}
