package main

import (
	"context"

	"socketiojwt/console"
	"socketiojwt/socketio"
	"socketiojwt/token/jwks"
)

// check implements part.
func (c *configuration) check(*serveCommand) error {
	key, issuer, err := c.keys(silent)
	if err != nil {
		return err
	}
	_, published, err := c.verifierOf(key, jwks.Options{Logger: silent})
	published.close()
	_, clusterErr := c.cluster()
	return joined(err, c.checkKeys(issuer), clusterErr, c.checkEngine())
}

// checkEngine returns an error for wrong options of connections, such as an origin.
func (c *configuration) checkEngine() error {
	server, err := socketio.NewServer(socketio.Options{Engine: c.engine(), Logger: silent})
	if err != nil {
		return err
	}
	return server.Close()
}

// start implements part. It makes the verifier and the development issuer.
func (c *configuration) start(_ context.Context, a *assembly) error {
	key, issuer, err := c.keys(a.log)
	if err != nil {
		return err
	}
	a.issuer = issuer
	sets := a.keySets
	sets.Logger = a.log
	verifier, published, err := c.verifierOf(key, sets)
	if err != nil {
		return err
	}
	a.verifier, a.published = verifier, published
	a.closing(published.close)
	a.sockets.Engine = c.engine()
	if a.command.Recovery > 0 {
		a.sockets.Recovery = &socketio.Recovery{Window: a.command.Recovery}
	}
	return nil
}

// startPage adds the page, and the login of the development issuer.
func startPage(_ context.Context, a *assembly) error {
	page, err := console.Handler(a.command.page(a.issuer))
	if err != nil {
		return err
	}
	a.routes.Handle("/", page)
	a.routes.Handle("/login", a.issuer.handler())
	return nil
}

// startListeners opens the listeners of --addr.
func startListeners(ctx context.Context, a *assembly) error {
	listeners, err := listen(ctx, "--addr", a.command.Addr)
	if err != nil {
		return err
	}
	a.listeners = listeners
	a.closing(func() { closeAll(listeners) })
	return nil
}

// startNode joins the other nodes of --redis.
func startNode(ctx context.Context, a *assembly) error {
	nodes, err := a.command.cluster()
	if err != nil {
		return err
	}
	node, err := nodes.join(ctx, a)
	if err != nil {
		return err
	}
	a.node = node
	a.closing(node.leave)
	a.health.require("nodes", node.connected)
	return nil
}

// startFetching fetches the keys of issuers before the first token needs them.
func startFetching(ctx context.Context, a *assembly) error {
	a.published.fetch(ctx, a.log)
	return nil
}

// startSockets makes the server of sockets, with a gate for each namespace.
func startSockets(_ context.Context, a *assembly) error {
	if err := newSockets(a); err != nil {
		return err
	}
	a.closing(func() { _ = a.server.Close() })
	return nil
}

// startRoutes adds the handler of sockets. After it, nothing can be registered with the server.
func startRoutes(_ context.Context, a *assembly) error {
	handler, err := a.server.Handler()
	if err != nil {
		return err
	}
	a.routes.Handle("/socket.io/", handler)
	a.routes.Handle("/socket.io", handler) // for clients that omit the last slash
	return nil
}
