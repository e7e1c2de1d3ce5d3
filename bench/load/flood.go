package load

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// flood measures how long an admitted socket waits for an answer while other connections send bad tokens: first without them, then
// with them at a fraction of the rate at which the server can refuse them, which is measured in between.
func (g *generator) flood() (r Result, err error) {
	asking, err := g.open(0, g.token(0))
	if err != nil {
		return r, err
	}
	defer asking.close()
	crowd := &crowd{g: g}
	defer crowd.close()
	if err := crowd.open(); err != nil {
		return r, err
	}
	time.Sleep(g.Settle)

	quiet, err := g.ask(asking)
	if err != nil {
		return r, err
	}
	r.percentiles(quiet)
	r.QuietP50, r.QuietP99 = r.P50, r.P99

	if r.Saturation, err = crowd.atOnce(g.Hold); err != nil {
		return r, err
	}
	time.Sleep(g.Settle)

	rate := g.Share * r.Saturation
	stop := crowd.atRate(rate)
	defer stop()
	time.Sleep(g.Settle)
	if err := g.startProfile(); err != nil {
		return r, err
	}
	cpu, err := g.read()
	if err != nil {
		return r, err
	}
	before, start := crowd.refused.Load(), time.Now()
	disturbed, err := g.ask(asking)
	refused, took := float64(crowd.refused.Load()-before), time.Since(start).Seconds()
	came := refused / took
	spent, gone := g.read()
	switch err = errors.Join(err, gone, crowd.failed()); {
	case err != nil:
		return r, err
	case off(came, rate) > cmp.Or(g.Off, 0.05):
		return r, fmt.Errorf("%.0f bad tokens a second were refused, instead of %.0f", came, rate)
	}
	r.Seconds, r.PerSecond = took, came
	r.CPU = spent.cpu - cpu.cpu
	r.CPUPerItem = r.CPU * 1e6 / refused
	r.percentiles(disturbed)
	return r, g.stopProfiles(&r)
}

// off returns by which fraction of the wanted rate another one differs from it.
func off(rate, wanted float64) float64 { return math.Abs(rate-wanted) / wanted }

// ask asks for as long as a phase takes, one question at a time, and returns how many microseconds each answer took.
func (g *generator) ask(c *connection) (took []uint32, err error) {
	tick := time.NewTicker(time.Second / time.Duration(g.Rate))
	defer tick.Stop()
	for end := time.Now().Add(g.Hold); time.Now().Before(end); {
		<-tick.C
		start := time.Now()
		_ = c.SetDeadline(start.Add(handshakeTime))
		if err := c.send(`420["echo",1]`); err != nil {
			return nil, err
		}
		if err := c.expectAnswer(`430[1]`); err != nil {
			return nil, err
		}
		took = append(took, uint32(time.Since(start).Microseconds()))
	}
	return took, nil
}

// A crowd is a set of connections that are never admitted: each sends a bad token again and again.
type crowd struct {
	g       *generator
	all     []*connection
	eager   atomic.Bool // an answer is followed by the next token
	refused atomic.Int64
	wrong   atomic.Pointer[error]
	readers sync.WaitGroup
}

func (w *crowd) open() error {
	w.all = make([]*connection, w.g.Count)
	_, err := w.g.each(0, w.g.Count, func(i int) (err error) {
		w.all[i], err = w.g.open(i, "")
		return err
	})
	if err != nil {
		return err
	}
	for i := range w.all {
		w.readers.Go(func() { w.read(i) })
	}
	return nil
}

func (w *crowd) close() {
	w.g.closeAll(w.all)
	w.readers.Wait()
}

// read counts the answers to connection i until it ends.
func (w *crowd) read(i int) {
	for {
		p, err := w.all[i].next()
		if err == nil && !refusal(p) {
			err = fmt.Errorf("a refusal expected, got %.80q", p)
		}
		if err == nil {
			w.refused.Add(1)
			if w.eager.Load() {
				err = w.show(i)
			}
		}
		if err != nil {
			err = fmt.Errorf("connection %d of those with bad tokens: %w", i+1, err)
			w.wrong.CompareAndSwap(nil, &err)
			return
		}
	}
}

func (w *crowd) show(i int) error {
	return w.all[i].send(`42["authenticate",{"token":"` + Spoil(w.g.token(i)) + `"}]`)
}

// failed returns what went wrong so far.
func (w *crowd) failed() error {
	if err := w.wrong.Load(); err != nil {
		return *err
	}
	return nil
}

// atOnce lets all show tokens as fast as they are refused, and returns how many that were in a second.
func (w *crowd) atOnce(during time.Duration) (float64, error) {
	w.eager.Store(true)
	defer w.eager.Store(false)
	for i := range w.all {
		if err := w.show(i); err != nil {
			return 0, err
		}
	}
	time.Sleep(during / 4) // to warm up
	before, start := w.refused.Load(), time.Now()
	time.Sleep(during)
	n := float64(w.refused.Load()-before) / time.Since(start).Seconds()
	err := w.failed()
	if err == nil && n == 0 {
		err = errors.New("no bad token was refused")
	}
	return n, err
}

// atRate lets them show so many tokens a second, until stop is called.
func (w *crowd) atRate(rate float64) (stop func()) {
	var pace sync.WaitGroup
	end := make(chan struct{})
	pace.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		start, sent := time.Now(), 0
		for {
			select {
			case <-end:
				return
			case <-tick.C:
			}
			for ; float64(sent) < rate*time.Since(start).Seconds(); sent++ {
				if w.show(sent%len(w.all)) != nil {
					return // its reader knows why
				}
			}
		}
	})
	return func() {
		close(end)
		pace.Wait()
	}
}
