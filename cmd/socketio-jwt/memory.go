package main

import (
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// memoryShare is the part of a container's memory from which on the collector works harder. The
// rest is for what the runtime does not count, and for the time that a collection takes.
const memoryShare = 0.9

// limitMemory makes the collector respect the memory limit of the process's cgroup: a container
// whose process exceeds it is killed. It does nothing if there is no limit, or if the operator
// has set GOMEMLIMIT. GOGC stays what it is.
func limitMemory(log *slog.Logger, root fs.FS) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	limit, ok := cgroupMemory(root)
	if !ok {
		return
	}
	most := int64(float64(limit) * memoryShare)
	debug.SetMemoryLimit(most)
	log.Debug("memory limit set", "bytes", most, "cgroup", limit)
}

// cgroupMemory returns the lowest memory limit, in bytes, of the process's cgroup and of those that
// contain it. It reports false if there is none, or if the system has no cgroups.
func cgroupMemory(root fs.FS) (limit int64, ok bool) {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	limit = math.MaxInt64
	for line := range strings.Lines(string(groups)) {
		number, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		switch {
		case number == "0": // version 2
			limit = min(limit, lowestLimit(root, "sys/fs/cgroup", group, "memory.max"), lowestLimit(root, "sys/fs/cgroup", group, "memory.high"))
		case controllers == "memory": // version 1
			limit = min(limit, lowestLimit(root, "sys/fs/cgroup/memory", group, "memory.limit_in_bytes"))
		}
	}
	return limit, limit < unlimitedMemory
}

// unlimitedMemory is more than any limit. Version 1 of cgroups has a very large number if there is
// no limit, and version 2 "max".
const unlimitedMemory = 1 << 60

// lowestLimit returns the lowest number in the files of that name of a cgroup and of those that
// contain it. In a container these files may be missing except that of the root, which is then the
// container's own.
func lowestLimit(root fs.FS, mounted, group, file string) int64 {
	lowest := int64(math.MaxInt64)
	for at := path.Clean("/" + group); ; at = path.Dir(at) {
		if text, err := fs.ReadFile(root, path.Join(mounted, at, file)); err == nil {
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
				lowest = min(lowest, n)
			}
		}
		if at == "/" {
			return lowest
		}
	}
}
