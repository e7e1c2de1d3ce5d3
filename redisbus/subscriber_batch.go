package redisbus

import (
	"context"
	"strings"

	"github.com/redis/rueidis"
)

const (
	maxRound   = 4096 // channels that are handled before looking at the link's queue again
	maxCommand = 256  // channels in a command
	maxSingles = 64   // channels of refused commands that are tried one by one in a round
)

// A batch is what a link sends at once. Each slice of channels is one command. In a Redis
// Cluster, sharded channels of a command must have the same slot.
type batch struct {
	subscribe, unsubscribe [][]*channel
	size                   int
}

// take returns what is to be done on the link, up to maxRound channels. It returns nil if the
// link is retired, and an error if the connection must be replaced.
func (l *link) take() (*batch, error) {
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.stale != nil {
		return nil, l.stale
	}
	if l.retired {
		return nil, nil
	}
	n := min(len(l.todo), maxRound)
	todo := l.todo[:n]
	if l.todo = l.todo[n:]; len(l.todo) == 0 {
		l.todo = nil
	}
	b := &batch{}
	groups := make(map[uint16]int)
	ungroups := make(map[uint16]int)
	for _, c := range todo {
		c.queued = false
		switch {
		case !c.wanted && c.link == l:
			s.unheard(c, nil)
			s.assign(c, nil)
			b.unsubscribe = s.group(b.unsubscribe, ungroups, c)
			b.size++
			s.drop(c)
		case !c.wanted || s.home(c) != l:
			s.enqueue(c)
		case c.link != l:
			if c.link == nil { // otherwise it stays where it is until Redis confirms it here
				s.assign(c, l)
			}
			b.subscribe = s.group(b.subscribe, groups, c)
			b.size++
		}
	}
	s.settle()
	return b, nil
}

// group appends c to a command that can carry it.
func (s *subscriber) group(commands [][]*channel, index map[uint16]int, c *channel) [][]*channel {
	var slot uint16
	if s.cluster && s.o.Sharded {
		slot = c.slot
	}
	i, ok := index[slot]
	if !ok || len(commands[i]) == maxCommand {
		i = len(commands)
		index[slot] = i
		commands = append(commands, make([]*channel, 0, 1))
	}
	commands[i] = append(commands[i], c)
	return commands
}

// send sends a batch and handles what Redis refuses. A lost connection is noticed by work.
func (l *link) send(conn *connection, b *batch) {
	commands := make(rueidis.Commands, 0, len(b.unsubscribe)+len(b.subscribe))
	for _, channels := range b.unsubscribe {
		commands = append(commands, l.command(conn, channels, false))
	}
	for _, channels := range b.subscribe {
		commands = append(commands, l.command(conn, channels, true))
	}
	results := conn.client.DoMulti(context.Background(), commands...)
	var refused []*channel
	for i, channels := range b.subscribe {
		err, ok := rueidis.IsRedisErr(results[len(b.unsubscribe)+i].Error())
		if !ok {
			continue
		}
		if len(channels) > 1 && strings.HasPrefix(err.Error(), "NOPERM") {
			refused = append(refused, channels...) // one of them, or all
			continue
		}
		l.refused(channels, err)
	}
	l.sendSingly(conn, refused)
}

// sendSingly subscribes to channels of commands that were refused, because a command is refused
// as a whole if the user may not use one of its channels.
func (l *link) sendSingly(conn *connection, channels []*channel) {
	now := channels[:min(len(channels), maxSingles)]
	rest := channels[len(now):]
	commands := make(rueidis.Commands, 0, len(now))
	for i := range now {
		commands = append(commands, l.command(conn, now[i:i+1], true))
	}
	var last *rueidis.RedisError
	for i, result := range conn.client.DoMulti(context.Background(), commands...) {
		if err, ok := rueidis.IsRedisErr(result.Error()); ok {
			last = err
			l.refused(now[i:i+1], err)
		}
	}
	switch {
	case len(rest) == 0:
	case last != nil:
		l.refused(rest, last) // they are tried first in the next round
	default:
		l.sendSingly(conn, rest)
	}
}

func (l *link) command(conn *connection, channels []*channel, subscribe bool) rueidis.Completed {
	names := make([]string, len(channels))
	for i, c := range channels {
		names[i] = c.name
	}
	b := conn.client.B()
	switch {
	case subscribe && l.s.o.Sharded:
		return b.Ssubscribe().Channel(names...).Build()
	case subscribe:
		return b.Subscribe().Channel(names...).Build()
	case l.s.o.Sharded:
		return b.Sunsubscribe().Channel(names...).Build()
	default:
		return b.Unsubscribe().Channel(names...).Build()
	}
}

// refused handles an error that Redis answered to SUBSCRIBE. The channels are tried again after
// the next look at the cluster.
func (l *link) refused(channels []*channel, err *rueidis.RedisError) {
	s := l.s
	addr, moved := err.IsMoved()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range channels {
		if c.link != l || c.heard {
			continue // lost, moved or given up meanwhile, or still subscribed elsewhere
		}
		s.assign(c, nil)
		if !c.wanted {
			s.enqueue(c)
			continue
		}
		if moved { // the answer is newer than the topology that another node would send
			s.topology.move(c.slot, addr)
		} else {
			s.outage.err = err
			s.setRefused(c, true)
			s.answered(c.name, err)
			s.askForTopology()
		}
		s.postpone(c)
	}
	s.settle()
}
