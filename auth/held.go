package auth

import (
	"net/netip"
	"sync"
)

// held counts the sockets that a gate holds, in all and by address. The zero value is
// ready to use.
type held struct {
	mu        sync.Mutex
	all       int
	byNetwork map[netip.Prefix]int // without those that are not valid; none is zero
}

// add counts a socket, and reports false if there are too many.
func (h *held) add(network netip.Prefix, most, mostOfNetwork int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all >= most || network.IsValid() && h.byNetwork[network] >= mostOfNetwork {
		return false
	}
	h.all++
	if network.IsValid() {
		if h.byNetwork == nil {
			h.byNetwork = make(map[netip.Prefix]int)
		}
		h.byNetwork[network]++
	}
	return true
}

// remove counts a socket no more.
func (h *held) remove(network netip.Prefix) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all--
	if network.IsValid() {
		if h.byNetwork[network]--; h.byNetwork[network] == 0 {
			delete(h.byNetwork, network)
		}
	}
}
