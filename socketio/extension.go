package socketio

import (
	"context"
	"crypto/rand"
	"fmt"

	"socketiojwt/internal/mac"
)

// HandleExtension registers the function that receives what other nodes send by
// PublishExtension under the same name. It is for packages with cluster messages of their own.
// It must be called before Handler. A name that is empty or already registered panics. The
// function must not block. It gets the messages of one node in order. The payload comes from
// another node and must be checked like any input.
func (srv *Server) HandleExtension(name string, receive func(from NodeID, payload []byte)) {
	srv.registering("HandleExtension")
	notNil("HandleExtension", receive == nil)
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if name == "" || srv.extensions[name] != nil {
		panic(fmt.Sprintf("socketio: HandleExtension: name %q is empty or registered already", name))
	}
	if srv.extensions == nil {
		srv.extensions = make(map[string]func(NodeID, []byte))
	}
	srv.extensions[name] = receive
}

// PublishExtension sends a payload to the functions that the other nodes have registered by
// HandleExtension under this name. It never blocks. Without Options.Bus it does nothing. The
// caller must not change the payload afterwards. A payload over 1 MiB is an error.
func (srv *Server) PublishExtension(name string, payload []byte) error {
	if len(payload) > maxExtension {
		return fmt.Errorf("socketio: payload of extension %q has %d bytes, more than %d", name, len(payload), maxExtension)
	}
	l := srv.link.Load()
	if l == nil {
		return nil
	}
	return l.publish(&Message{Kind: KindExtension, Extension: name, Payload: payload})
}

// SendExtension is PublishExtension for one other node, such as the one that a message came
// from. A node that has left gets nothing, and that is not an error.
func (srv *Server) SendExtension(to NodeID, name string, payload []byte) error {
	if len(payload) > maxExtension {
		return fmt.Errorf("socketio: payload of extension %q has %d bytes, more than %d", name, len(payload), maxExtension)
	}
	l := srv.link.Load()
	switch {
	case l == nil:
		return nil
	case l.closed.Load():
		return ErrClosed
	}
	return l.send(to, Message{Kind: KindExtension, Extension: name, Payload: payload})
}

// ExtensionContext returns a context that is done when the server is closed, after which nothing
// is sent to other nodes. It reports false without Options.Bus and before Handler was called. It
// may be called concurrently.
func (srv *Server) ExtensionContext() (context.Context, bool) {
	l := srv.link.Load()
	if l == nil {
		return nil, false
	}
	return l.ctx, true
}

// ExtensionKey returns a secret key that all servers with the same Options.ClusterKey share for
// the extension of that name, and that reveals neither ClusterKey nor the key of another
// extension. Without ClusterKey each call returns another random key. It may be called
// concurrently.
func (srv *Server) ExtensionKey(name string) (key [32]byte) {
	if len(srv.opts.ClusterKey) == 0 {
		_, _ = rand.Read(key[:]) // never fails
		return key
	}
	return mac.New(srv.opts.ClusterKey).Sum(nil, "socketio: extension "+name)
}
