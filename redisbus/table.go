package redisbus

import (
	"maps"
	"sync"
)

// A table says what arrives on the channels that this node hears.
type table struct {
	format format

	mu       sync.RWMutex
	channels map[string]target
	spaces   map[string]*space
	peak     int // the largest size of the maps since they were made
}

// A space is a namespace that exists on this node.
type space struct {
	name   string
	static bool // it exists without rooms
	rooms  int
}

// A target says what a channel means. Two namespaces can have a channel in common: with
// classic names, the room b of /a has that of the namespace /a#b.
type target struct {
	space *space
	kind  kind
	next  *target
}

func newTable(f format) *table {
	return &table{format: f, channels: make(map[string]target), spaces: make(map[string]*space)}
}

// change records which rooms of a namespace exist on this node. It returns the channels to
// subscribe to and to give up.
func (t *table) change(namespace string, opened, closed []string) (add, remove []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.spaces[namespace]
	if s == nil {
		s = &space{name: namespace}
		t.spaces[namespace] = s
		for _, h := range t.format.namespace(namespace) {
			add = t.put(add, h.channel, target{space: s, kind: h.kind})
		}
	}
	s.static = s.static || len(opened)+len(closed) == 0
	s.rooms += len(opened) - len(closed)
	for _, room := range closed {
		remove = t.take(remove, t.format.room(namespace, room), target{space: s, kind: kindRoom})
	}
	for _, room := range opened {
		add = t.put(add, t.format.room(namespace, room), target{space: s, kind: kindRoom})
	}
	if s.rooms <= 0 && !s.static {
		delete(t.spaces, namespace)
		for _, h := range t.format.namespace(namespace) {
			remove = t.take(remove, h.channel, target{space: s, kind: h.kind})
		}
	}
	t.shrink()
	return add, remove
}

// put adds a meaning to a channel, and appends the channel to add if it has none yet.
func (t *table) put(add []string, channel string, meaning target) []string {
	if channel == "" {
		return add
	}
	if first, ok := t.channels[channel]; ok {
		meaning.next = &first
	} else {
		add = append(add, channel)
	}
	t.channels[channel] = meaning
	t.peak = max(t.peak, len(t.channels))
	return add
}

// take removes a meaning of a channel, and appends the channel to remove if it has no other.
func (t *table) take(remove []string, channel string, meaning target) []string {
	first, ok := t.channels[channel]
	if !ok {
		return remove
	}
	var rest *target
	for m := &first; m != nil; m = m.next {
		if m.space != meaning.space || m.kind != meaning.kind {
			rest = &target{space: m.space, kind: m.kind, next: rest}
		}
	}
	if rest == nil {
		delete(t.channels, channel)
		return append(remove, channel)
	}
	t.channels[channel] = *rest
	return remove
}

// shrink replaces the maps if they have become much smaller, because a map keeps its memory.
func (t *table) shrink() {
	if t.peak <= 1024 || len(t.channels) >= t.peak/8 {
		return
	}
	channels := make(map[string]target, len(t.channels))
	maps.Copy(channels, t.channels)
	spaces := make(map[string]*space, len(t.spaces))
	maps.Copy(spaces, t.spaces)
	t.channels, t.spaces, t.peak = channels, spaces, len(channels)
}

// find returns what arrives on a channel. It reports false if this node does not hear it.
func (t *table) find(channel string) (target, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	found, ok := t.channels[channel]
	return found, ok
}

// mostVisited bounds the channels that are visited while the table is locked.
const mostVisited = 1024

// rooms returns the channels of the rooms of a namespace. It is not a snapshot: channels may come and go meanwhile.
func (t *table) rooms(namespace string) (channels []string) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	visited := 0
	for channel, first := range t.channels {
		if visited++; visited%mostVisited == 0 { // messages that arrive may wait for the table
			t.mu.RUnlock()
			t.mu.RLock()
		}
		for m := &first; m != nil; m = m.next {
			if m.kind == kindRoom && m.space.name == namespace {
				channels = append(channels, channel)
			}
		}
	}
	return channels
}
