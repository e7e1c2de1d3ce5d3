package redisbus

// The functions of this file change the state of channels. Their callers hold the mutex.

// enqueue hands c to the link that must act on it: the one that it belongs to, or the one that
// is subscribed to it if it is to be given up. If no link is known, c waits in later.
func (s *subscriber) enqueue(c *channel) {
	if c.queued {
		return
	}
	l := c.link
	if c.wanted {
		l = s.home(c)
	} else if l == nil {
		s.drop(c)
		return
	}
	if l == nil {
		s.postpone(c)
		return
	}
	c.queued = true
	l.todo = append(l.todo, c)
	l.poke()
}

// postpone queues c until the router has looked at the cluster.
func (s *subscriber) postpone(c *channel) {
	if !c.queued {
		c.queued = true
		s.later = append(s.later, c)
		s.poke()
	}
}

// assign says that l has been asked to subscribe to c, or nil.
func (s *subscriber) assign(c *channel, l *link) {
	if c.link != nil {
		c.link.count--
	}
	if c.link = l; l != nil {
		l.count++
	}
}

// hear records that Redis has confirmed the subscription to c.
func (s *subscriber) hear(c *channel) {
	if !c.heard {
		c.heard = true
		s.subscribed++
	}
	s.setRefused(c, false)
	s.notLost(c)
	s.answered(c.name, nil)
}

// unheard records that c is not subscribed any more. If it is still wanted, it is lost.
func (s *subscriber) unheard(c *channel, cause error) {
	if !c.heard {
		return
	}
	c.heard = false
	s.subscribed--
	if c.wanted && !c.lost {
		c.lost = true
		s.outage.begin(cause, s.wanted)
	}
}

// notLost records that c is heard again, or no longer wanted.
func (s *subscriber) notLost(c *channel) {
	if c.lost {
		c.lost = false
		if s.outage.restored() {
			s.poke() // to report it
		}
	}
}

func (s *subscriber) setRefused(c *channel, refused bool) {
	if c.refused == refused {
		return
	}
	if c.refused = refused; refused {
		s.refused++
	} else {
		s.refused--
	}
}

// drop removes c, which is neither wanted nor subscribed.
func (s *subscriber) drop(c *channel) {
	if s.channels[c.name] == c {
		delete(s.channels, c.name)
	}
	if n := len(s.channels); s.peak > 1024 && n < s.peak/8 { // because a map never shrinks
		channels := make(map[string]*channel, n)
		for name, c := range s.channels {
			channels[name] = c
		}
		s.channels, s.peak = channels, n
	}
}

// settle updates what State reports.
func (s *subscriber) settle() {
	s.outage.settle(s.outage.started && s.outage.lost == 0 && s.refused == 0 && s.failing == 0)
}
