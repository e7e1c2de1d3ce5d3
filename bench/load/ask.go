package load

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// repeat measures what one call of once costs the server. Each connection calls it Each times, one after the other, with the number of
// the call. It is items things, of which each has its part of the cost.
func (g *generator) repeat(connections []*connection, items int, once func(c *connection, n int) error) (r Result, err error) {
	took := make([]uint32, g.Count*g.Each)
	repeat := func(each int) error {
		return together(connections, func(i int, c *connection) error {
			_ = c.SetDeadline(time.Now().Add(g.Patience))
			for n := range each {
				start := time.Now()
				if err := once(c, n); err != nil {
					return err
				}
				took[i*g.Each+n%g.Each] = uint32(time.Since(start).Microseconds())
			}
			return nil
		})
	}
	time.Sleep(g.Settle)
	if err := repeat(g.Warm); err != nil {
		return r, fmt.Errorf("warming up: %w", err)
	}
	err = g.measure(&r, func() (int, []uint32, error) {
		err := repeat(g.Each)
		return len(took) * items, took, err
	})
	return r, err
}

// echo measures a question and its answer.
func (g *generator) echo() (Result, error) {
	connections, err := g.openSilent(0, g.Count)
	defer g.closeAll(connections)
	if err != nil {
		return Result{}, err
	}
	padding := strings.Repeat("x", g.Padding)
	return g.repeat(connections, 1, func(c *connection, n int) error {
		return c.request(n, "echo", fmt.Sprintf(`{"n":%d,"pad":"%s"}`, n, padding))
	})
}

// blobs measures a binary question, which is its own answer.
func (g *generator) blobs() (Result, error) {
	connections, err := g.openSilent(0, g.Count)
	defer g.closeAll(connections)
	if err != nil {
		return Result{}, err
	}
	const placeholder = `{"_placeholder":true,"num":0}`
	blob := bytes.Repeat([]byte{0, 1, 2, 0xff}, g.Padding/4)
	question := append(textFrame(`451-7["echo",`+placeholder+`]`), frame(ws.NewBinaryFrame(slices.Clone(blob)))...)
	return g.repeat(connections, 1, func(c *connection, _ int) error {
		if _, err := c.Write(question); err != nil {
			return err
		}
		if err := c.expect(`461-7[` + placeholder + `]`); err != nil {
			return err
		}
		p, err := c.next()
		if err == nil && !bytes.Equal(p, blob) {
			err = fmt.Errorf("other bytes came back, %d of them", len(p))
		}
		return err
	})
}

// eventBlock is how many events a connection sends together in the mode Events, before it waits for an answer.
const eventBlock = 200

// events measures an event without an answer. At the end the server says how many it had, which must be all.
func (g *generator) events() (r Result, err error) {
	connections, err := g.openSilent(0, g.Count)
	defer g.closeAll(connections)
	if err != nil {
		return r, err
	}
	block := slices.Repeat(textFrame(`42["`+g.Event+`","`+strings.Repeat("x", g.Padding)+`"]`), eventBlock)
	r, err = g.repeat(connections, eventBlock, func(c *connection, n int) error {
		if _, err := c.Write(block); err != nil {
			return err
		}
		return c.request(n, "echo", "1")
	})
	if err != nil {
		return r, err
	}
	sent := strconv.Itoa((g.Warm + g.Each) * g.Count * eventBlock)
	if err := errors.Join(connections[0].send(`420["handled"]`), connections[0].expect("430["+sent+"]")); err != nil {
		return r, fmt.Errorf("events that the server has handled: %w", err)
	}
	return r, nil
}
