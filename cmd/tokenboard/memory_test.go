package main

import (
	"errors"
	"math"
	"os"
	"runtime/debug"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/stretchr/testify/require"
)

func TestLimitMemory(t *testing.T) {
	const before = int64(77 << 30)
	limited := memlimit.Limit(800 << 20)
	for name, tc := range map[string]struct {
		env    map[string]string
		groups memlimit.Provider
		want   int64
		fails  string
	}{
		"three quarters":         {groups: limited, want: 600 << 20},
		"GOMEMLIMIT holds":       {env: map[string]string{"GOMEMLIMIT": "1GiB"}, groups: limited, want: before},
		"another share":          {env: map[string]string{"AUTOMEMLIMIT": "0.5"}, groups: limited, want: 400 << 20},
		"off":                    {env: map[string]string{"AUTOMEMLIMIT": "off"}, groups: limited, want: before},
		"a wrong share":          {env: map[string]string{"AUTOMEMLIMIT": "75%"}, groups: limited, want: before, fails: "AUTOMEMLIMIT=75%: set a share"},
		"a share above all":      {env: map[string]string{"AUTOMEMLIMIT": "2"}, groups: limited, want: before, fails: "AUTOMEMLIMIT=2: set a share"},
		"no limit":               {groups: func() (uint64, error) { return 0, memlimit.ErrNoLimit }, want: math.MaxInt64},
		"no control groups":      {groups: func() (uint64, error) { return 0, memlimit.ErrCgroupsNotSupported }, want: before},
		"files cannot be read":   {groups: func() (uint64, error) { return 0, errors.New("permission denied") }, want: before},
		"the groups of the test": {groups: memlimit.FromCgroup},
	} {
		t.Run(name, func(t *testing.T) {
			for _, v := range []string{"GOMEMLIMIT", "AUTOMEMLIMIT"} {
				t.Setenv(v, "") // put back at the end
				require.NoError(t, os.Unsetenv(v))
			}
			for k, v := range tc.env {
				t.Setenv(k, v)
			}
			old := debug.SetMemoryLimit(before)
			t.Cleanup(func() { debug.SetMemoryLimit(old) })
			err := limitMemory(tc.groups)
			if tc.fails != "" {
				require.ErrorContains(t, err, tc.fails)
			} else {
				require.NoError(t, err)
			}
			if tc.want != 0 {
				require.Equal(t, tc.want, debug.SetMemoryLimit(-1))
			}
		})
	}
}
