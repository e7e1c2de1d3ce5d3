package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"socketiojwt/bench/load"
)

// profiledRows are those that -profile takes when none are named: the ones that differ in what they make the server do.
const profiledRows = "hs256,open,idle,broadcast"

// lengthen gives a CPU profile, which takes 100 samples a second, something to count.
func lengthen(chosen []row) {
	for i := range chosen {
		c := &chosen[i].ours.load
		switch c.Mode {
		case load.Connect, load.Refuse:
			c.Count *= 8
		case load.Publish:
			c.Messages *= 4
		case load.Broadcast:
			c.Rate, c.Messages = 2*c.Rate, 4*c.Messages
		}
	}
}

// profile runs our server twice under each row, once for a CPU profile of the measured phase and once for its allocations, which
// cost time to record. For idle connections the second run also says what one of them holds.
func profile(ctx context.Context, w *workshop, chosen []row, dir string, out io.Writer) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, r := range chosen {
		if r.ours.load.Mode == load.Waves || r.ours.load.Mode == load.Leases {
			return fmt.Errorf("row %s has no profile", r.name)
		}
		cpuFile, memoryFile := filepath.Join(dir, r.name+".cpu.pprof"), filepath.Join(dir, r.name+".memory.pprof")
		c, err := w.run(ctx, r.ours, cpuFile, "")
		if err != nil {
			return err
		}
		m, err := w.run(ctx, r.ours, "", memoryFile)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %.1f us of CPU per item while profiled\n  go tool pprof -top %s\n  go tool pprof -top -sample_index=alloc_space %s\n",
			r.name, c.CPUPerItem, cpuFile, memoryFile)
		if r.ours.load.Mode == load.Idle || r.ours.load.Mode == load.Broadcast {
			n, at := float64(r.ours.load.Count), m.Memory[0]
			fmt.Fprintf(out, "  go tool pprof -top -sample_index=inuse_space %s\n", memoryFile)
			fmt.Fprintf(out, "  per open connection: %s B live heap in %.1f objects, %s B heap spans, %s B stack, %.2f goroutines\n",
				number(float64(at.HeapAlloc)/n), float64(at.HeapObjects)/n, number(float64(at.HeapInuse)/n), number(float64(at.StackInuse)/n), float64(at.Goroutines)/n)
		}
	}
	return nil
}
