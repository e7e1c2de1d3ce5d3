package main

import (
	"bytes"
	"log/slog"
	"math"
	"runtime/debug"
	"strings"
	"testing"
	"testing/fstest"
)

func cgroups(files map[string]string) fstest.MapFS {
	root := make(fstest.MapFS)
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

func TestMemoryOfACgroup(t *testing.T) {
	const group = "proc/self/cgroup"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64 // zero means no limit
	}{
		"no cgroups":               {nil, 0},
		"container":                {map[string]string{group: "0::/\n", "sys/fs/cgroup/memory.max": "1073741824\n"}, 1 << 30},
		"no limit":                 {map[string]string{group: "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 0},
		"systemd unit":             {map[string]string{group: "0::/system.slice/a.service\n", "sys/fs/cgroup/system.slice/a.service/memory.max": "536870912\n"}, 512 << 20},
		"the unit above":           {map[string]string{group: "0::/system.slice/a.service\n", "sys/fs/cgroup/system.slice/a.service/memory.max": "max\n", "sys/fs/cgroup/system.slice/memory.max": "1000\n"}, 1000},
		"throttled":                {map[string]string{group: "0::/\n", "sys/fs/cgroup/memory.max": "2000\n", "sys/fs/cgroup/memory.high": "1500\n"}, 1500},
		"version 1":                {map[string]string{group: "5:cpu:/x\n4:memory:/docker/1\n0::/\n", "sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes": "4096\n"}, 4096},
		"version 1 in a container": {map[string]string{group: "4:memory:/docker/1\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "4096\n"}, 4096},
		"version 1, no limit":      {map[string]string{group: "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		"not a number":             {map[string]string{group: "0::/\nx\n:::\n", "sys/fs/cgroup/memory.max": "-1\n", "sys/fs/cgroup/memory.high": "1e9"}, 0},
	} {
		if got, ok := cgroupMemory(cgroups(c.files)); ok != (c.want > 0) || ok && got != c.want {
			t.Errorf("%s: %d, %v; want %d", name, got, ok, c.want)
		}
	}
}

// The limit of the container counts unless the operator has set another one.
func TestLimitMemory(t *testing.T) {
	before := debug.SetMemoryLimit(math.MaxInt64)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
	container := cgroups(map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "10000000000\n"})

	t.Setenv("GOMEMLIMIT", "20GiB")
	limitMemory(log, container)
	if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 || text.Len() > 0 {
		t.Errorf("with GOMEMLIMIT the limit is %d, and logged: %s", got, &text)
	}
	t.Setenv("GOMEMLIMIT", "")
	limitMemory(log, cgroups(nil))
	if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
		t.Errorf("without a cgroup the limit is %d", got)
	}
	limitMemory(log, container)
	if got := debug.SetMemoryLimit(-1); got != 9_000_000_000 || !strings.Contains(text.String(), "bytes=9000000000 cgroup=10000000000") {
		t.Errorf("in a container of 10 GB the limit is %d, and logged: %s", got, &text)
	}
}
