package load

import (
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"
)

// Usage is what our server's debug endpoint says about its process.
type Usage struct {
	CPU   time.Duration `json:"cpu"`   // user and system
	Looks int64         `json:"looks"` // how often the server has read the clock by which leases end
}

// leases measures what sockets cost a server in which nothing happens but pings. Each connection joins Each namespaces, with a token
// of its own for each.
func (g *generator) leases() (r Result, err error) {
	before, err := g.memory()
	if err != nil {
		return r, err
	}
	var lost atomic.Int64
	connections, err := g.openSilent(0, g.Count)
	defer g.closeAll(connections)
	if err != nil {
		return r, err
	}
	if _, err := g.each(0, g.Count, func(i int) error { return g.joinMore(connections[i], i) }); err != nil {
		return r, err
	}
	for _, c := range connections {
		go func() { // ends when the connection is closed
			c.ignore()
			lost.Add(1)
		}()
	}
	with, err := g.memory()
	if err != nil {
		return r, err
	}
	r.Memory = []Memory{before, with}
	r.HeapPer = (float64(with.HeapAlloc) - float64(before.HeapAlloc)) / float64(g.Count*g.Each)
	if err := g.hold(&r); err != nil {
		return r, err
	}
	if n := lost.Load(); n > 0 {
		return r, fmt.Errorf("%d of %d idle connections were lost", n, g.Count)
	}
	return r, nil
}

// joinMore joins the namespaces of connection i beside the main one.
func (g *generator) joinMore(c *connection, i int) error {
	_ = c.SetDeadline(time.Now().Add(handshakeTime))
	for k := 1; k < g.Each; k++ {
		payload := ""
		if g.Via == ViaAuth {
			payload = `{"token":"` + g.Scheme + g.token(k*g.Count+i) + `"}`
		}
		if err := c.send(fmt.Sprintf("40/%d,%s", k, payload)); err != nil {
			return err
		}
		if err := c.expect(fmt.Sprintf(`40/%d,{"sid":`, k)); err != nil {
			return err
		}
	}
	return c.SetDeadline(time.Time{})
}

// hold measures what the server does while it only answers pings.
func (g *generator) hold(r *Result) error {
	if g.Hold == 0 {
		return nil
	}
	before, err := g.usage()
	if err != nil {
		return err
	}
	start := time.Now()
	time.Sleep(g.Hold)
	after, err := g.usage()
	r.Seconds = time.Since(start).Seconds()
	r.CPU = (after.CPU - before.CPU).Seconds()
	r.CPUPerItem = r.CPU * 1e6 / r.Seconds
	r.Looks = after.Looks - before.Looks
	return err
}

// usage asks the debug endpoint what the process has used.
func (g *generator) usage() (u Usage, err error) {
	b, err := g.debug("/usage")
	if err == nil {
		err = json.Unmarshal(b, &u)
	}
	return u, err
}
