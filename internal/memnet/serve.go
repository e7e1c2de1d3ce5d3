package memnet

import (
	"net"
	"net/http"
	"sync"
)

// Serve serves requests of the returned client, whatever the address in their URLs. Stop stops it,
// and returns when no goroutine of the server and the client is left.
func Serve(h http.Handler) (client *http.Client, stop func()) {
	listener := Listen()
	var conns sync.WaitGroup // Close does not wait for what answers on them
	web := &http.Server{Handler: h, ConnState: func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			conns.Add(1)
		case http.StateClosed, http.StateHijacked:
			conns.Done()
		}
	}}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = web.Serve(listener)
	}()
	transport := &http.Transport{DialContext: listener.Dial}
	return &http.Client{Transport: transport}, func() {
		transport.CloseIdleConnections()
		_ = web.Close()
		<-served
		conns.Wait()
	}
}
