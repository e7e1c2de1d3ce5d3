package load

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// decoy measures how long one connection waits for the refusal of a token with a wrong signature: in turns for a key ID that exists
// (KnownKeyID) and for one that does not. Both are measured in one run, since their difference is what a peer would look for.
func (g *generator) decoy() (r Result, err error) {
	c, err := g.open(0, "")
	if err != nil {
		return r, err
	}
	defer c.close()
	took := [2][]uint32{}
	start := time.Now()
	for i := range g.Warm + g.Count {
		for side, id := range [2]string{"missing", KnownKeyID} {
			us, err := g.refusal(c, withKeyID(Spoil(g.token(0)), g.Alg, id))
			if err != nil {
				return r, fmt.Errorf("token %d for the key ID %s: %w", i+1, id, err)
			}
			if i >= g.Warm {
				took[side] = append(took[side], us)
			}
		}
	}
	r.Seconds = time.Since(start).Seconds()
	r.PerSecond = float64(2*(g.Warm+g.Count)) / r.Seconds
	r.percentiles(took[1])
	r.KnownP50 = r.P50
	r.percentiles(took[0])
	return r, nil
}

// refusal shows a token, which must be refused, and returns how many microseconds that took.
func (g *generator) refusal(c *connection, token string) (uint32, error) {
	start := time.Now()
	_ = c.SetDeadline(start.Add(handshakeTime))
	if err := c.send(`42["authenticate",{"token":"` + token + `"}]`); err != nil {
		return 0, err
	}
	p, err := c.next()
	if err == nil && !refusal(p) {
		err = fmt.Errorf("a refusal expected, got %.80q", p)
	}
	return uint32(time.Since(start).Microseconds()), err
}

// withKeyID returns token with a header that names a key ID. Its signature does not fit any longer.
func withKeyID(token, alg, id string) string {
	_, rest, _ := strings.Cut(token, ".")
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"alg":%q,"kid":%q}`, alg, id)) + "." + rest
}
