package auth

import (
	"net/netip"
	"sync"
)

// held counts the sockets that a gate holds, in total and by network. The zero value is
// ready to use.
type held struct {
	mu        sync.Mutex
	all       int
	byNetwork map[netip.Prefix]int // valid networks only; no count is zero
}

// add counts a socket. It reports false, and counts nothing, if there are too many.
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

// remove takes back add.
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
