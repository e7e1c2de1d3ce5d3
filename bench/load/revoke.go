package load

import (
	"encoding/json"
	"fmt"
	"net/url"
	"sync/atomic"
)

// Revoked is what our server's debug endpoint says about one revocation.
type Revoked struct {
	Sockets      int
	Microseconds uint32
}

// revoke measures how long the server takes to revoke one subject among many, each of which has one connection.
func (g *generator) revoke() (r Result, err error) {
	var ended atomic.Int64
	connections, _, err := g.openAll(0, func(_ int, c *connection) {
		for {
			if p, err := c.next(); err != nil || string(p) == "41" {
				ended.Add(1)
				return
			}
		}
	})
	defer g.closeAll(connections)
	if err != nil {
		return r, err
	}
	took := make([]uint32, g.Messages)
	for i := range took {
		revoked, err := g.revokeOne(fmt.Sprintf("user-%06d", i))
		if err != nil {
			return r, err
		}
		if revoked.Sockets != 1 {
			return r, fmt.Errorf("revocation %d ended %d sockets", i+1, revoked.Sockets)
		}
		took[i] = revoked.Microseconds
	}
	r.percentiles(took)
	if _, err := g.memory(); err != nil { // after Settle, in which the peers are told
		return r, err
	}
	if n := ended.Load(); n != int64(g.Messages) {
		return r, fmt.Errorf("%d connections were told of %d revocations", n, g.Messages)
	}
	return r, nil
}

// revokeOne asks the debug endpoint to revoke a subject.
func (g *generator) revokeOne(subject string) (r Revoked, err error) {
	b, err := g.debug("/revoke?sub=" + url.QueryEscape(subject))
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	return r, err
}
