package load

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// refresh measures what a refresh of a lease costs the server, and before that what opening the connection and the first admission
// cost. The refresh and the admission are the same event "authenticate" on an open connection, with a token that the server has not
// seen.
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
	opening, err := g.perConnection(func(i int) (err error) {
		all[i], err = g.open(i, "")
		return err
	})
	if err != nil {
		return r, err
	}
	admitting, err := g.perConnection(func(i int) error {
		_ = all[i].SetDeadline(time.Now().Add(handshakeTime))
		return g.authenticate(all[i], g.token(i))
	})
	if err != nil {
		return r, err
	}
	err = g.measure(&r, func() (int, []uint32, error) {
		var took []uint32
		for round := range g.Each { // each connection refreshes once before any refreshes again
			us, err := g.each(0, g.Count, func(i int) error { return all[i].refresh(round, fresh[i*g.Each+round]) })
			if err != nil {
				return 0, nil, err
			}
			took = append(took, us...)
		}
		return len(took), took, nil
	})
	r.OpenCPU, r.FirstCPU = opening, admitting
	return r, err
}

// perConnection calls f for each connection, and returns how many microseconds of CPU each call cost the server.
func (g *generator) perConnection(f func(i int) error) (float64, error) {
	before, err := g.read()
	if err != nil {
		return 0, err
	}
	if _, err := g.each(0, g.Count, f); err != nil {
		return 0, err
	}
	time.Sleep(g.Settle)
	after, err := g.read()
	return (after.cpu - before.cpu) * 1e6 / float64(g.Count), err
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
