package socketio

import "fmt"

// HandleExtension registers the function that receives what other nodes have sent by
// PublishExtension under the same name. It is for packages that have messages of their
// own for the cluster. It must be registered before Handler is called; a name that is
// empty or registered already panics. The function must not block; messages of one node
// come in order. The payload is what the other node has sent, and must be checked like
// any input.
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

// PublishExtension sends a payload to the functions of HandleExtension of that name on the
// other nodes. It never blocks, and without Options.Bus it does nothing. It takes the
// payload over, which may have 1 MiB.
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
