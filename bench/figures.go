package main

import (
	"fmt"

	"socketiojwt/bench/load"
)

// Functions that take from the results of two runs what a row compares, and checks of one run.

func cpu(ours, over load.Result) (float64, float64) { return ours.CPUPerItem, over.CPUPerItem }

func rss(ours, over load.Result) (float64, float64) { return ours.RSSPer, over.RSSPer }

func rssAfter(ours, over load.Result) (float64, float64) {
	return float64(ours.RSSAfter), float64(over.RSSAfter)
}

func redisPer(ours, over load.Result) (float64, float64) { return ours.RedisPer, over.RedisPer }

func halfTime(ours, over load.Result) (float64, float64) { return ours.P50 * 1000, over.P50 * 1000 }

func longTime(ours, over load.Result) (float64, float64) { return ours.P99 * 1000, over.P99 * 1000 }

// lost returns how many messages did not arrive. What Node loses counts as at least one, because the other figure must not be 0.
func lost(ours, over load.Result) (float64, float64) {
	return float64(ours.Lost), float64(max(over.Lost, 1))
}

func heapPer(ours, over load.Result) (float64, float64) { return ours.HeapPer, over.HeapPer }

func overMillisecond(ours, _ load.Result) (float64, float64) { return ours.P99 * 1000, 1000 }

// overRevoking compares with the time within which other nodes carry out a revocation.
func overRevoking(ours, _ load.Result) (float64, float64) { return ours.P99 * 1000, 100_000 }

// heapOfLease returns what a socket with a lease has more than one without.
func heapOfLease(ours, over load.Result) (float64, float64) { return ours.HeapPer - over.HeapPer, 1000 }

func refreshes(ours, _ load.Result) (float64, float64) {
	return ours.CPUPerItem, ours.OpenCPU + ours.FirstCPU
}

func refreshesOpen(ours, _ load.Result) (float64, float64) { return ours.CPUPerItem, ours.FirstCPU }

// looksOncePerSecond checks that the ends of leases wake the server once a second, however many there are.
func looksOncePerSecond(ours load.Result) error {
	if float64(ours.Looks) > ours.Seconds+2 {
		return fmt.Errorf("%d looks at the clock in %.0f s", ours.Looks, ours.Seconds)
	}
	return nil
}

func heaps(ours, _ load.Result) (float64, float64) {
	return float64(ours.Memory[2].HeapAlloc), float64(ours.Memory[1].HeapAlloc)
}

func answers(ours, _ load.Result) (float64, float64) { return ours.P99 * 1000, ours.QuietP99 * 1000 }

// overNoise returns the p99 of an answer beside loud peers, and what it may be.
func overNoise(ours, _ load.Result) (float64, float64) {
	return ours.P99 * 1000, max(10*ours.QuietP99*1000, 20_000)
}

// delayed returns the p99 of an answer beside broadcasts, and what it may be: 5 ms more than without.
func delayed(ours, _ load.Result) (float64, float64) {
	return ours.P99 * 1000, ours.QuietP99*1000 + 5000
}

// medianBesideNoise returns the median of an answer beside loud peers, and what it may be.
func medianBesideNoise(ours, _ load.Result) (float64, float64) { return ours.P50 * 1000, 3000 }

// circumstances says under what circumstances a p99 of answers was measured.
func circumstances(ours load.Result) string {
	return fmt.Sprintf("quiet p50 %.2f and p99 %.2f ms, %s packets a second, %.2f processors used by other programs, generator late by %.1f ms (p99)",
		ours.QuietP50, ours.QuietP99, number(ours.PerSecond), ours.Others, ours.LateP99)
}

// decoys returns the larger median and the smaller one, since a peer learns as much from a refusal that comes sooner as from one that
// comes later.
func decoys(ours, _ load.Result) (float64, float64) {
	return max(ours.P50, ours.KnownP50) * 1000, min(ours.P50, ours.KnownP50) * 1000
}

func sameGoroutines(ours load.Result) error {
	if first, second := ours.Memory[1].Goroutines, ours.Memory[2].Goroutines; first != second {
		return fmt.Errorf("%d goroutines after the first wave, %d after the second", first, second)
	}
	return nil
}

// under5KB checks the memory of a connection.
func under5KB(ours load.Result) error {
	if ours.RSSPer >= 5000 {
		return fmt.Errorf("%.0f B of RSS per connection, want less than 5,000", ours.RSSPer)
	}
	return nil
}
