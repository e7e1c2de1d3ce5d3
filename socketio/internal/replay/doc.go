// Package replay remembers the events of a namespace, so that a peer that has lost its
// connection receives those that it has missed.
//
// A Log holds the events of a namespace in the order of their sequence numbers, once for all
// peers. A Session records what one peer was sent: how far in the log it is, and the events that
// are not part of that order. An offset names the last event that the peer has received. From
// these three, Session.Plan derives the events that are missing, in the order in which they were
// sent or would have been sent.
//
// Nothing is guessed. If an event may be missing that is no longer kept, the plan fails, and the
// peer must begin afresh (docs/adr/0044-recovery-of-lost-connections.md).
package replay
