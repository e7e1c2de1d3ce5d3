package load

import (
	"errors"
	"sync"
	"time"
)

// loud measures how long the sockets of Quiet wait for an answer while Count others send as much Noise as the server reads: first
// without these, then beside them. The others are in a process of their own, which is this program again: it must call Main if its
// argument is GeneratorRole.
func (g *generator) loud() (r Result, err error) {
	noise, err := g.startNoise()
	if err != nil {
		return r, err
	}
	defer noise.close()
	asking, err := g.openSilent(g.Count, g.Quiet) // after the others, which may take long, because nothing answers pings yet
	defer g.closeAll(asking)
	if err != nil {
		return r, err
	}
	time.Sleep(g.Settle)
	quiet, err := g.askAll(asking)
	if err != nil {
		return r, err
	}
	r.percentiles(quiet)
	r.QuietP50, r.QuietP99 = r.P50, r.P99

	if _, err := noise.ask(); err != nil {
		return r, err
	}
	time.Sleep(g.Settle)
	if err := g.startProfile(); err != nil {
		return r, err
	}
	if err := g.disturb(&r, noise, asking); err != nil {
		return r, err
	}
	return r, g.stopProfiles(&r)
}

// disturb asks beside the noise, and measures.
func (g *generator) disturb(r *Result, noise *noise, asking []*connection) error {
	cpu, err := g.read()
	if err != nil {
		return err
	}
	others, err := g.others(noise)
	if err != nil {
		return err
	}
	before, err := noise.ask()
	if err != nil {
		return err
	}
	start := time.Now()
	late := sleepAndSee()
	disturbed, err := g.askAll(asking)
	r.LateP99 = late()
	took := time.Since(start).Seconds()
	after, failed := noise.ask()
	spent, gone := g.read()
	othersAfter, unknown := g.others(noise)
	sent := float64(after.Sent - before.Sent)
	switch err = errors.Join(err, gone, failed, unknown); {
	case err != nil:
		return err
	case sent == 0:
		return errors.New("the loud connections sent nothing")
	}
	r.Seconds, r.PerSecond = took, sent/took
	r.Others = max(0, othersAfter-others) / took
	r.CPU = spent.cpu - cpu.cpu
	r.CPUPerItem = r.CPU * 1e6 / sent
	r.percentiles(disturbed)
	return nil
}

// askAll asks on all connections at once, as ask does on one.
func (g *generator) askAll(connections []*connection) (took []uint32, err error) {
	var mu sync.Mutex
	var asking sync.WaitGroup
	for i, c := range connections {
		asking.Go(func() {
			time.Sleep(time.Duration(i) * time.Second / time.Duration(g.Rate*len(connections)))
			one, failed := g.ask(c)
			mu.Lock()
			defer mu.Unlock()
			took, err = append(took, one...), errors.Join(err, failed)
		})
	}
	asking.Wait()
	return took, err
}
