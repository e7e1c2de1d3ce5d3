package load

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"
)

// If other programs keep the server or the generator from a processor, latencies of a few milliseconds say nothing about the server. The
// functions in this file show that.

// others returns the CPU seconds that all programs but the server, the generator and the noise have used.
func (g *generator) others(n *noise) (float64, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	used, err := parseMachine(stat)
	if err != nil {
		return 0, err
	}
	for _, pid := range []int{g.PID, os.Getpid(), n.process.Process.Pid} {
		c, err := readCounters(pid)
		if err != nil {
			return 0, err
		}
		used -= c.cpu
	}
	return used, nil
}

// parseMachine returns the CPU seconds that programs have used, with those that the host of a virtual machine took from it: user, nice,
// system and steal of the first line of /proc/stat. Interrupts are left out, because they are not counted for a program.
func parseMachine(stat []byte) (seconds float64, err error) {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 9 || string(fields[0]) != "cpu" {
		return 0, errors.New("/proc/stat: no line of all processors")
	}
	sum := uint64(0)
	for _, i := range []int{1, 2, 3, 8} {
		n, err := strconv.ParseUint(string(fields[i]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		sum += n
	}
	return float64(sum) / userHZ, nil
}

// sleepAndSee sleeps for a millisecond again and again, until late is called. That returns the 99th percentile of the milliseconds by which
// it slept longer.
func sleepAndSee() (late func() float64) {
	stop, ended := make(chan struct{}), make(chan struct{})
	var by []uint32
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
			}
			start := time.Now()
			time.Sleep(time.Millisecond)
			by = append(by, uint32((time.Since(start) - time.Millisecond).Microseconds()))
		}
	}()
	return func() float64 {
		close(stop)
		<-ended
		slices.Sort(by)
		return float64(by[len(by)*99/100]) / 1000
	}
}
