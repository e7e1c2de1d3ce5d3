package redisbus

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/redis/rueidis"
)

// checkEvery is how often the router looks whether the links are where they should be. It finds
// a failover for which no connection was closed.
const checkEvery = 2 * time.Second

// maxPause bounds the pause between two updates of which the first has failed.
const maxPause = time.Second

// route is the router's goroutine. It reads the topology when it may have changed and from
// time to time, hands the channels that wait to their links, and reports gaps.
func (s *subscriber) route() {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	again := time.NewTimer(0)
	defer again.Stop()
	var next time.Time
	backoff := minBackoff
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
		case <-again.C:
		case <-tick.C:
			s.mu.Lock()
			s.refresh = s.cluster
			s.mu.Unlock()
		}
		s.report()
		if time.Now().Before(next) {
			continue
		}
		if s.update() {
			backoff = minBackoff
			continue
		}
		wait := backoff/2 + rand.N(backoff/2)
		next = time.Now().Add(wait)
		again.Reset(wait)
		backoff = min(2*backoff, maxPause)
	}
}

// update brings links and channels into line with the topology. It returns false if something
// has failed, so that the next update must wait.
func (s *subscriber) update() bool {
	s.mu.Lock()
	refresh := s.refresh
	s.refresh = false
	s.mu.Unlock()
	var t *topology
	if refresh && s.cluster {
		t = s.fetchTopology()
	}
	nodes := s.client.Nodes()
	s.mu.Lock()
	defer s.mu.Unlock()
	ok := !refresh || !s.cluster || t != nil
	if !ok {
		s.refresh = true
	}
	s.use(t)
	for _, l := range s.links {
		l.check(nodes)
	}
	later := s.later
	s.later = nil
	for _, c := range later {
		c.queued = false
		ok = ok && !c.refused
		s.enqueue(c)
	}
	s.settle()
	return ok && len(s.later) == 0
}

// use replaces the topology, unless t is nil, and hands the channels whose slot has moved to
// their new links. A channel stays subscribed where it was until Redis confirms it there or
// ends it here, because t may be older than what the links know. The caller holds mu.
func (s *subscriber) use(t *topology) {
	if t == nil {
		return
	}
	old := s.topology
	s.topology = t
	if !s.o.Sharded || old == nil {
		return
	}
	var moved [slots]bool
	any := false
	for slot := range uint16(slots) {
		moved[slot] = old.owner(slot) != t.owner(slot)
		any = any || moved[slot]
	}
	if !any {
		return
	}
	for _, c := range s.channels {
		if c.wanted && moved[c.slot] {
			s.enqueue(c)
		}
	}
}

// check looks whether the link is needed and where it should be. The caller holds mu.
func (l *link) check(nodes map[string]rueidis.Client) {
	s := l.s
	if l.addr != "" {
		if l.conn == nil { // its channels may have a better home
			todo := l.todo
			l.todo = nil
			for _, c := range todo {
				c.queued = false
				s.enqueue(c)
			}
		}
		if l.count == 0 && len(l.todo) == 0 {
			l.retire()
		}
		return
	}
	if l.conn == nil {
		return
	}
	_, ok := nodes[l.conn.addr]
	if s.cluster && s.topology != nil { // because nodes count the subscribers of masters only
		ok = slices.Contains(s.topology.masters, l.conn.addr)
	}
	if !ok && l.conn.addr != "" {
		l.stale = errReplica
		l.poke()
	}
}

// retire ends the link. The caller holds mu.
func (l *link) retire() {
	l.retired = true
	delete(l.s.links, l.addr)
	if l.failing {
		l.failing = false
		l.s.failing--
	}
	l.poke()
}

// home returns the link that c belongs to, or nil if it is not known. The caller holds mu.
func (s *subscriber) home(c *channel) *link {
	addr := ""
	if s.cluster && s.o.Sharded {
		if addr = s.topology.owner(c.slot); addr == "" {
			return nil
		}
	}
	l := s.links[addr]
	if l == nil && s.ctx.Err() == nil {
		l = &link{s: s, addr: addr, wake: make(chan struct{}, 1)}
		s.links[addr] = l
		s.running.Go(l.run)
	}
	return l
}
