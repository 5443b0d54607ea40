package main

import (
	"math"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestGroupLimit(t *testing.T) {
	const none = math.MaxInt64
	for name, tc := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"no control groups": {nil, none},
		"no limit":          {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, none},
		"container":         {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "268435456\n"}, 268435456},
		"unit in a slice": {map[string]string{
			"proc/self/cgroup": "0::/system.slice/tokenboard.service\n", "sys/fs/cgroup/system.slice/memory.max": "500\n",
			"sys/fs/cgroup/system.slice/tokenboard.service/memory.max": "max\n",
		}, 500},
		"the group of the host is not to be seen": {map[string]string{
			"proc/self/cgroup": "0::/docker/4711\n", "sys/fs/cgroup/memory.max": "600\n",
		}, 600},
		"version 1": {map[string]string{
			"proc/self/cgroup": "5:cpu,cpuacct:/a\n4:memory:/a\n1:name=systemd:/a\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "700\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 700},
		"nonsense": {map[string]string{"proc/self/cgroup": "x\n::\n0::../..\n", "sys/fs/cgroup/memory.max": "-1\n"}, none},
	} {
		t.Run(name, func(t *testing.T) {
			root := fstest.MapFS{}
			for path, text := range tc.files {
				root[path] = &fstest.MapFile{Data: []byte(text)}
			}
			require.Equal(t, tc.want, groupLimit(root))
		})
	}
}
