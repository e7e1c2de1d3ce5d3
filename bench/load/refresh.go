package load

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// refresh measures what a refresh of a lease costs the server, and what the first admission of the same socket did. Both are an event
// "authenticate" on a connection that is open, with a token that the server has not seen.
func (g *generator) refresh() (r Result, err error) {
	fresh, err := readTokens(g.Fresh)
	if err != nil {
		return r, err
	}
	if len(fresh) < g.Count*g.Each {
		return r, fmt.Errorf("%d fresh tokens, %d needed", len(fresh), g.Count*g.Each)
	}
	all := make([]*connection, g.Count)
	defer g.closeAll(all)
	if _, err := g.each(0, g.Count, func(i int) (err error) {
		all[i], err = g.open(i, "")
		return err
	}); err != nil {
		return r, err
	}
	if err := g.admitFirst(&r, all); err != nil {
		return r, err
	}
	time.Sleep(g.Settle)
	n := g.Count * g.Each
	err = g.measure(&r, func() (int, []uint32, error) {
		// Each connection refreshes once before any refreshes again.
		took, err := g.each(0, n, func(i int) error {
			c, round := i%g.Count, i/g.Count
			return all[c].refresh(round, fresh[c*g.Each+round])
		})
		return n, took, err
	})
	return r, err
}

// admitFirst admits all connections, and measures that.
func (g *generator) admitFirst(r *Result, all []*connection) error {
	time.Sleep(g.Settle)
	err := g.measure(r, func() (int, []uint32, error) {
		took, err := g.each(0, g.Count, func(i int) error {
			_ = all[i].SetDeadline(time.Now().Add(handshakeTime))
			return g.authenticate(all[i], g.token(i))
		})
		return g.Count, took, err
	})
	r.FirstCPU, r.FirstP50 = r.CPUPerItem, r.P50
	return err
}

// refresh shows a fresh token on a connection that has a lease. The acknowledgement has the ID.
func (c *connection) refresh(id int, token string) error {
	_ = c.SetDeadline(time.Now().Add(handshakeTime))
	if err := c.send(fmt.Sprintf(`42%d["authenticate",{"token":"%s"}]`, id, token)); err != nil {
		return err
	}
	p, err := c.next()
	if err != nil {
		return err
	}
	want := fmt.Sprintf(`43%d[{"expiresIn":`, id)
	if answer := string(p); !strings.HasPrefix(answer, want) || !strings.HasSuffix(answer, `"refresh":true}]`) {
		return errors.New("the acknowledgement of a refresh expected, got " + fmt.Sprintf("%.200q", answer))
	}
	return nil
}
