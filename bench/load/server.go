package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"
)

// Memory is what our server's debug endpoint says of its heap, after two collections.
type Memory struct {
	HeapAlloc   uint64 `json:"heap_alloc"` // bytes of live objects
	HeapInuse   uint64 `json:"heap_inuse"` // bytes of spans that hold any
	HeapObjects uint64 `json:"heap_objects"`
	StackInuse  uint64 `json:"stack_inuse"`
	Goroutines  int    `json:"goroutines"`
}

// counters are what the kernel says of the server's process.
type counters struct {
	cpu float64 // seconds, user and system
	rss int64   // bytes
}

// userHZ is how many of the kernel's units of CPU time are a second.
const userHZ = 100

// read returns the counters of now: CPU time in steps of 10 ms (/proc/PID/stat), and VmRSS.
func (g *generator) read() (counters, error) { return readCounters(g.PID) }

// readCounters is read for a process.
func readCounters(pid int) (counters, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return counters{}, fmt.Errorf("the server is gone: %w", err)
	}
	cpu, err := parseStat(stat)
	if err != nil {
		return counters{}, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return counters{}, fmt.Errorf("the server is gone: %w", err)
	}
	rss, err := parseStatus(status)
	return counters{cpu, rss}, err
}

// parseStat returns utime plus stime, fields 14 and 15 of /proc/PID/stat, in seconds.
func parseStat(stat []byte) (float64, error) {
	// The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat: too few fields")
	}
	user, err1 := strconv.ParseUint(string(fields[11]), 10, 64)
	system, err2 := strconv.ParseUint(string(fields[12]), 10, 64)
	return float64(user+system) / userHZ, errors.Join(err1, err2)
}

// parseStatus returns VmRSS of /proc/PID/status in bytes.
func parseStatus(status []byte) (int64, error) {
	_, rest, _ := bytes.Cut(status, []byte("\nVmRSS:"))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0, errors.New("/proc/PID/status: no VmRSS: the server has ended")
	}
	kib, err := strconv.ParseInt(string(fields[0]), 10, 64)
	return kib << 10, err
}

func ownCPU() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// memory asks the debug endpoint, after Settle, since a server may take a moment to notice that connections are closed.
func (g *generator) memory() (Memory, error) {
	time.Sleep(g.Settle)
	var m Memory
	b, err := g.debug("/memory")
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	return m, err
}

// startProfile begins the server's CPU profile, if one is wanted.
func (g *generator) startProfile() error {
	if g.CPUProfile == "" {
		return nil
	}
	_, err := g.debug("/profile/start")
	return err
}

// stopProfiles saves the profiles that are wanted, and what the server says of its memory in r.
func (g *generator) stopProfiles(r *Result) error {
	if g.CPUProfile != "" {
		b, err := g.debug("/profile/stop")
		if err != nil {
			return err
		}
		if err := os.WriteFile(g.CPUProfile, b, 0o600); err != nil {
			return err
		}
	}
	if g.MemoryProfile != "" {
		b, err := g.debug("/debug/pprof/allocs?gc=1")
		if err != nil {
			return err
		}
		if err := os.WriteFile(g.MemoryProfile, b, 0o600); err != nil {
			return err
		}
		m, err := g.memory()
		if err != nil {
			return err
		}
		r.Memory = []Memory{m}
	}
	return nil
}

func (g *generator) debug(path string) ([]byte, error) {
	// A connection for each question, so that none is left among the goroutines that are counted.
	h := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := h.Get("http://" + g.Debug + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("debug endpoint: %s: %.200s", answer.Status, b)
	}
	return b, err
}
