package redisbus

import "socketiojwt/socketio"

// Channels returns the number of channels of namespaces and rooms that the Bus hears.
func (b *Bus) Channels() int {
	b.table.mu.RLock()
	defer b.table.mu.RUnlock()
	return len(b.table.channels)
}

// Payload returns what Publish sends.
func (b *Bus) Payload(m socketio.Message) string {
	p, err := b.write(&m)
	if err != nil {
		panic(err)
	}
	return string(p.payload)
}

// Heard handles a message as if it came from Redis.
func (b *Bus) Heard(channel, payload string) { b.heard(channel, payload) }

// Forget forgets a node, as if it had not been heard.
func (b *Bus) Forget(id socketio.NodeID) {
	b.peers.mu.Lock()
	defer b.peers.mu.Unlock()
	delete(b.peers.byID, id)
}

// ForgetSpeaker makes a node one that has not made itself known.
func (b *Bus) ForgetSpeaker(id socketio.NodeID) {
	b.heardOf.mu.Lock()
	defer b.heardOf.mu.Unlock()
	delete(b.heardOf.known, id)
}
